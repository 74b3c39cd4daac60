"""A study trains every model from every seed, goes on where it was stopped, and outlives a model that fails."""

import dataclasses
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from BreastFusionLib.errors import InputError
from BreastFusionLib.studies import estimate, run_study
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
        run_study(tiny_plan, breasts, tmp_path / "study", epoch_progress=stop_in_the_fourth_run)
    before = checksums(tmp_path / "study")
    assert set(before) == {"runs/image/seed_0", "runs/image/seed_1", "runs/columns/seed_0"}

    said = []
    done = run_study(tiny_plan, breasts, tmp_path / "study", say=said.append)
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
    done = run_study(tiny_plan, breasts, tmp_path / "study", progress=lambda n, total: seen.append(n))
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
    done = run_study(plan, breasts, tmp_path / "study", say=said.append)
    assert list(done.found) == ["image", "both"]
    assert done.failures["columns"].startswith("training.precision 16 needs a graphics card")
    assert any(sentence.startswith("Columns failed: training.precision 16") for sentence in said)
    assert said[-1] == "Both, run 1 of 1. 2 of 2 runs."


def test_models_added_later_leave_those_that_are_trained_alone(tiny_plan, breasts, tmp_path):
    run_study(plan_study("tiny", models=["image"], runs=1), breasts, tmp_path / "study")
    before = checksums(tmp_path / "study")
    done = run_study(plan_study("tiny", models=["image", "both"], runs=2), breasts, tmp_path / "study")
    assert not done.failures and list(done.found) == ["image", "both"]
    after = checksums(tmp_path / "study")
    assert len(before) == 1 and len(after) == 4
    assert {name: after[name] for name in before} == before


def test_a_page_is_of_all_models_that_its_folder_holds(tiny_plan, breasts, tmp_path):
    run_study(plan_study("tiny", models=["both"], runs=1), breasts, tmp_path / "study")
    done = run_study(plan_study("tiny", models=["image"], runs=1), breasts, tmp_path / "study")
    assert [model.key for model in done.models] == list(done.found) == ["image", "both"]
    # Those that were trained less often are no part of it.
    done = run_study(plan_study("tiny", models=["image"], runs=2), breasts, tmp_path / "study")
    assert list(done.found) == ["image"]


def test_a_cohort_without_the_columns_of_some_models_still_trains_the_others(tiny_plan, breasts, tmp_path):
    table = breasts.with_name("no_columns.csv")
    pd.read_csv(breasts).drop(columns=["age", "side_of_birth"]).to_csv(table, index=False)
    done = run_study(plan_study("tiny", models=["image"], runs=1), table, tmp_path / "study")
    assert list(done.found) == ["image"]
    with pytest.raises(InputError, match="has no column 'age'"):
        run_study(plan_study("tiny", models=["image", "both"], runs=1), table, tmp_path / "other")


def test_the_folder_of_another_study_size_setting_or_cohort_is_refused_and_left_as_it_is(tiny_plan, breasts, tmp_path):
    out = tmp_path / "study"
    run_study(dataclasses.replace(tiny_plan, models=tiny_plan.models[1:2], runs=1), breasts, out)
    before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    other = breasts.with_name("other.csv")
    pd.read_csv(breasts).iloc[:50].to_csv(other, index=False)
    for plan, table, words in (
        (plan_study("tiny", size="small"), breasts, "holds this study at the full size, asked for was the small size"),
        (plan_study("tiny", overrides=["training.epochs=1"]), breasts,
         r"other settings \(none\), asked for was training.epochs=1"),
        (plan_study("tiny"), other, "holds this study of another cohort"),
    ):  # fmt: skip
        with pytest.raises(InputError, match=words):
            run_study(plan, table, out)
    assert {path: path.read_bytes() for path in out.rglob("*") if path.is_file()} == before


def test_a_folder_that_holds_something_else_is_refused(tiny_plan, breasts, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "splits.csv").write_text("my own")
    with pytest.raises(InputError, match="is not empty and holds no study"):
        run_study(tiny_plan, breasts, tmp_path / "mine")
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["splits.csv"]


@pytest.mark.parametrize("broken", ["validation", "test"])
@pytest.mark.parametrize("how", ["absent", "of one class"])
def test_a_split_without_both_classes_is_told_before_anything_is_trained(tiny_plan, breasts, tmp_path, broken, how):
    table = pd.read_csv(breasts)
    table["split"] = "train"
    numbers = table["patient_id"].str[1:].astype(int)
    for split, patients in {"validation": numbers < 8, "test": numbers.between(8, 19)}.items():
        if split == broken:
            patients &= (numbers % 2 == 0) & (how == "of one class")  # neither breast of an even patient is malignant
        table.loc[patients, "split"] = split
    table.to_csv(breasts, index=False)
    for begin in (run_study, estimate):
        with pytest.raises(InputError, match=f"The {broken} split has"):
            begin(tiny_plan, breasts, tmp_path / "study")
    assert not (tmp_path / "study").exists()


def test_a_damaged_file_of_a_study_is_told_and_left_as_it_is(tiny_plan, breasts, tmp_path):
    plan = plan_study("tiny", models=["columns"], runs=1)
    run_study(plan, breasts, tmp_path / "study")
    for name in ("plan.json", "seconds.json"):
        whole = (tmp_path / "study" / name).read_text()
        (tmp_path / "study" / name).write_text(whole[:20])
        with pytest.raises(InputError, match=rf"{name} is damaged .* choose another folder"):
            run_study(plan, breasts, tmp_path / "study")
        assert (tmp_path / "study" / name).read_text() == whole[:20]
        (tmp_path / "study" / name).write_text(whole)


def test_weights_that_are_not_there_are_told_before_any_case_is_prepared(tiny_plan, breasts, tmp_path):
    plan = plan_study("tiny", models=["image"], overrides=[f"model.encoder.weights={tmp_path}/none.safetensors"])
    prepared = []
    with pytest.raises(InputError, match="None of the study's models can be trained; image: "):
        run_study(plan, breasts, tmp_path / "study", progress=lambda *done: prepared.append(done))
    assert not prepared and not (tmp_path / "study").exists()


def forget(out):
    plan = json.loads((out / "plan.json").read_text())
    (out / "plan.json").write_text(json.dumps({name: plan[name] for name in ("study", "size")}))


def grow_older(out):
    plan = json.loads((out / "plan.json").read_text())
    (out / "plan.json").write_text(json.dumps({**plan, "version": "0.0.9"}))


def change_a_recipe(out):
    recipe = json.loads((out / "runs" / "columns" / "recipe.json").read_text())
    recipe["training"]["epochs"] = 16
    (out / "runs" / "columns" / "recipe.json").write_text(json.dumps(recipe))


@pytest.mark.parametrize(
    ("make_older", "words"),
    [
        (forget, "an earlier one"),
        (grow_older, "0.0.9, this is "),
        (change_a_recipe, "of Columns, training.epochs was 16, is now 2"),
    ],
)
def test_a_folder_that_another_version_made_is_told_and_left_as_it_is(tiny_plan, breasts, tmp_path, make_older, words):
    out = tmp_path / "study"
    run_study(plan_study("tiny", models=["columns"], runs=1), breasts, out)
    make_older(out)
    before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    for begin in (run_study, estimate):  # with a model that it trained, and one that would join it
        with pytest.raises(
            InputError, match=rf"made by another version of BreastFusion \({words}.* another folder, or"
        ):
            begin(plan_study("tiny", models=["image"], runs=1), breasts, out)
    assert {path: path.read_bytes() for path in out.rglob("*") if path.is_file()} == before


@pytest.mark.slow
@pytest.mark.parametrize(
    ("lacking", "words"),
    [
        ("bundle", "Unexpected RuntimeError: the disk is gone"),
        ("checkpoint", ".*checkpoints could not be written"),
        ("settings", ".*columns could not be written"),
    ],
)
def test_two_processes_train_a_study_as_one_does_and_what_the_first_cannot_write_fails_in_both(
    tiny_plan, breasts, tmp_path, lacking, words
):
    out = tmp_path / "two"
    command = [sys.executable, Path(__file__).with_name("run_tiny.py"), tmp_path / "recipes", lacking]
    command += ["--cohort", breasts, "--out", out, "--seeds", "1", "--device", "cpu", "--devices", "2", "--json"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 1 and "Traceback" not in done.stderr, done.stderr
    assert len(re.findall(f"columns failed: {words}", done.stderr)) == 1
    assert done.stderr.count("Both, run 1 of 1. 2 of 2 runs.") == 1  # said by one process
    assert set(json.loads(done.stdout)["models"]) == {"image", "both"}  # one object on stdout
    one = run_study(plan_study("tiny", runs=1), breasts, tmp_path / "one", device="cpu")
    for name in ("image", "both"):
        scores = [
            pd.read_csv(folder / "runs" / name / "seed_0" / "predictions.csv")["score"] for folder in (out, one.folder)
        ]
        np.testing.assert_allclose(*scores, atol=1e-3)
