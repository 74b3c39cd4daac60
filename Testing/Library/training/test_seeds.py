"""Several seeds of a recipe: the same cases in other runs, the best of them by validation, and all of them together."""

import numpy as np
import pandas as pd
import pytest

from BreastFusionLib.cohort import inputs
from BreastFusionLib.errors import InputError
from BreastFusionLib.evaluation import auc
from BreastFusionLib.evaluation.predictions import read_predictions
from BreastFusionLib.training import train, train_seeds

pytestmark = pytest.mark.usefixtures("without_curves")


@pytest.fixture
def recipe(tiny_recipe):
    return tiny_recipe({"monitor": "validation_auc"}).changed({"inputs.patch": None, "model.encoder": None})


def test_runs_are_those_of_the_recipe_with_each_seed(cohort, tmp_path, recipe):
    found = train_seeds(recipe, cohort, tmp_path / "seeds", seeds=3, device="cpu")
    alone = train(recipe.changed({"training.seed": 2}), cohort, tmp_path / "alone", device="cpu")
    assert list(found.runs) == [0, 1, 2]
    assert found.runs[2].predictions.read_text() == alone.predictions.read_text()

    tables = {seed: pd.read_csv(run.predictions) for seed, run in found.runs.items()}
    assert all(table["split"].equals(tables[0]["split"]) for table in tables.values())
    every = pd.read_csv(found.predictions)
    for seed, table in tables.items():
        np.testing.assert_array_equal(every.loc[every["run"] == f"seed_{seed}", "score"], table["score"])
    mean = np.mean([table["score"] for table in tables.values()], axis=0)
    np.testing.assert_allclose(pd.read_csv(found.ensemble)["score"], mean, rtol=1e-12)
    assert read_predictions(found.predictions).runs.names == ("seed_0", "seed_1", "seed_2")

    rows = pd.read_csv(found.table).set_index("seed")
    for seed, run in found.runs.items():
        log = pd.read_csv(run.log)
        assert rows.loc[seed, "validation_auc"] == pytest.approx(log["validation_auc"].max())
        assert rows.loc[seed, "epoch"] == log["validation_auc"].idxmax()
        test = tables[seed][tables[seed]["split"] == "test"]
        assert rows.loc[seed, "test_auc"] == pytest.approx(auc(test["label"], test["score"]))
    assert found.best == found.runs[rows["validation_auc"].idxmax()]
    assert rows.index[rows["best"]].tolist() == [rows["validation_auc"].idxmax()]


def test_the_best_run_by_loss_is_that_of_the_lowest(cohort, tmp_path, recipe):
    recipe = recipe.changed({"training.monitor": "validation_loss"})
    found = train_seeds(recipe, cohort, tmp_path / "seeds", seeds=[4, 1, 7], device="cpu")
    lowest = {seed: pd.read_csv(run.log)["validation_loss"].min() for seed, run in found.runs.items()}
    assert found.best == found.runs[min(lowest, key=lowest.get)]


def test_stopped_within_a_run_it_goes_on_there_and_seeds_can_be_added(cohort, tmp_path, recipe, stopping_at):
    whole = train_seeds(recipe, cohort, tmp_path / "whole", seeds=2, device="cpu")
    with pytest.raises(KeyboardInterrupt):
        train_seeds(recipe, cohort, tmp_path / "cut", seeds=2, device="cpu", epoch_progress=stopping_at(6))
    told = []
    again = train_seeds(
        recipe, cohort, tmp_path / "cut", seeds=2, device="cpu", run_progress=lambda *now: told.append(now)
    )
    assert told == [(1, 2), (2, 2)]
    for name in ("runs.csv", "predictions.csv", "predictions_ensemble.csv"):
        assert (again.folder / name).read_text() == (whole.folder / name).read_text()
    train_seeds(recipe, cohort, tmp_path / "cut", seeds=3, device="cpu")
    assert len(pd.read_csv(again.table)) == 3


def test_cases_are_prepared_once_for_all_seeds(cohort, tmp_path, recipe, monkeypatch):
    prepare, prepared = inputs.prepare_to_cache, []
    monkeypatch.setattr(inputs, "prepare_to_cache", lambda task: prepared.append(task) or prepare(task))
    train_seeds(recipe, cohort, tmp_path / "seeds", seeds=3, device="cpu")
    assert len(prepared) == 40


def test_seeds_that_make_no_sense_are_refused(cohort, tmp_path, recipe):
    for seeds in (0, [], [1, 1], [-1]):
        with pytest.raises(InputError, match="at least one is needed"):
            train_seeds(recipe, cohort, tmp_path / "seeds", seeds=seeds)
    assert not (tmp_path / "seeds").exists()


def test_a_single_run_and_runs_of_several_seeds_never_share_a_folder(cohort, tmp_path, recipe):
    train(recipe, cohort, tmp_path / "run", device="cpu")
    with pytest.raises(InputError, match="holds a run, and not runs of several seeds: choose another folder"):
        train_seeds(recipe, cohort, tmp_path / "run", device="cpu")


def test_weights_that_are_not_there_are_told_before_anything_is_prepared(cohort, tmp_path, tiny_recipe):
    encoder = {"name": "small", "weights": str(tmp_path / "none.safetensors"), "frozen": True, "shared": False}
    with pytest.raises(InputError, match="no such weights file"):
        train_seeds(tiny_recipe(model={"encoder": encoder}), cohort, tmp_path / "seeds", device="cpu")
    assert not (tmp_path / "seeds").exists()
    assert not (cohort.folder / "cache").exists()
