"""A study trains every model from every seed, goes on where it was stopped, and outlives a model that fails."""

import dataclasses

import pandas as pd
import pytest

from BreastFusionLib.errors import InputError
from BreastFusionLib.studies import Listener, run_study
from BreastFusionLib.studies.plan import plan_study


def checksums(folder):
    return {
        path.parents[1].relative_to(folder).as_posix(): (path.read_text(), path.stat().st_mtime_ns)
        for path in folder.glob("runs/*/*/bundle/checksums.json")
    }


def test_a_stopped_study_goes_on_with_the_run_that_was_stopped_and_ends_as_if_never_stopped(
    tiny_plan, breasts, tmp_path
):
    epochs = []

    def stop_in_the_fourth_run(done, total):
        epochs.append(done)
        if len(epochs) == 7:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_study(tiny_plan, breasts, tmp_path / "study", listener=Listener(epochs=stop_in_the_fourth_run))
    before = checksums(tmp_path / "study")
    assert set(before) == {"runs/image/seed_0", "runs/image/seed_1", "runs/columns/seed_0"}

    said = []
    done = run_study(tiny_plan, breasts, tmp_path / "study", listener=Listener(say=said.append))
    after = checksums(tmp_path / "study")
    assert {name: after[name] for name in before} == before  # not even written again
    assert len(after) == 6 and not done.failures
    assert said[0].startswith("Image, run 1 of 2. 1 of 6 runs")
    assert said[-1] == "Both, run 2 of 2. 6 of 6 runs."

    run_study(tiny_plan, breasts, tmp_path / "never_stopped")
    whole = checksums(tmp_path / "never_stopped")
    for name in after:
        one, other = (tmp_path / folder / name / "predictions.csv" for folder in ("study", "never_stopped"))
        assert one.read_bytes() == other.read_bytes(), name
    assert whole.keys() == after.keys()


def test_cases_are_prepared_once_for_all_models_and_have_one_split_in_all_of_them(tiny_plan, breasts, tmp_path):
    seen = []
    done = run_study(tiny_plan, breasts, tmp_path / "study", listener=Listener(cases=lambda n, total: seen.append(n)))
    assert seen == list(range(1, 61))
    assert (done.prepared["status"] == "failed").sum() == 2  # both breasts of one patient
    splits = pd.read_csv(done.splits).set_index("case_id")["split"]
    for found in done.found.values():
        for run in found.runs.values():
            predicted = pd.read_csv(run.predictions).set_index("case_id")["split"]
            assert (predicted == splits[predicted.index]).all() and len(predicted) == 58


def test_a_model_that_fails_does_not_end_the_others(tiny_plan, breasts, tmp_path):
    image, columns, both = tiny_plan.models
    broken = dataclasses.replace(columns, recipe=columns.recipe.changed({"training.precision": "16"}))
    plan = dataclasses.replace(tiny_plan, models=(image, broken, both), runs=1)
    said = []
    done = run_study(plan, breasts, tmp_path / "study", listener=Listener(say=said.append))
    assert list(done.found) == ["image", "both"]
    assert done.failures["columns"].startswith("training.precision 16 needs a graphics card")
    assert any(sentence.startswith("Columns failed: training.precision 16") for sentence in said)
    assert said[-1] == "Both, run 1 of 1. 2 of 2 runs."


def test_a_folder_of_another_study_or_size_is_refused(tiny_plan, breasts, tmp_path):
    run_study(dataclasses.replace(tiny_plan, models=tiny_plan.models[1:2], runs=1), breasts, tmp_path / "study")
    with pytest.raises(InputError, match="holds the study tiny at the full size, asked for was tiny at the small"):
        run_study(plan_study("tiny", size="small"), breasts, tmp_path / "study")
