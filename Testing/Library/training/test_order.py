"""The order of a cohort's rows decides nothing: a table may be sorted anew between two calls."""

import dataclasses

import pandas as pd
import pytest

from BreastFusionLib.training import train, train_seeds

pytestmark = pytest.mark.usefixtures("without_curves")


@pytest.fixture
def shuffled(cohort):
    return dataclasses.replace(cohort, table=cohort.table.sample(frac=1, random_state=0, ignore_index=True))


def test_a_run_that_continues_on_a_table_sorted_anew_gives_the_uninterrupted_result(
    cohort, shuffled, tmp_path, model, tiny_recipe, stopping_at
):
    recipe = tiny_recipe({"epochs": 2}, model)
    whole = train(recipe, cohort, tmp_path / "whole", device="cpu")
    with pytest.raises(KeyboardInterrupt):
        train(recipe, cohort, tmp_path / "cut", device="cpu", epoch_progress=stopping_at(1))
    again = train(recipe, shuffled, tmp_path / "cut", device="cpu")
    for name in ("bundle/weights.safetensors", "predictions.csv", "log.csv"):
        assert (again.folder / name).read_bytes() == (whole.folder / name).read_bytes(), name


def test_a_seed_that_is_added_when_the_table_was_sorted_anew_joins_the_ensemble_case_by_case(
    cohort, shuffled, tmp_path, tiny_recipe
):
    recipe = tiny_recipe({"epochs": 1})
    train_seeds(recipe, cohort, tmp_path / "seeds", seeds=1, device="cpu")
    found = train_seeds(recipe, shuffled, tmp_path / "seeds", seeds=2, device="cpu")
    one, two = (pd.read_csv(run.predictions).set_index("case_id")["score"] for run in found.runs.values())
    together = pd.read_csv(found.ensemble).set_index("case_id")["score"]
    pd.testing.assert_series_equal(together, (one + two) / 2)
