"""Cross-validation: everyone is tested once by a model that knows nothing of them, whatever was tuned before."""

import dataclasses
import json

import numpy as np
import pandas as pd
import pytest

from BreastFusionLib.cohort import inputs
from BreastFusionLib.cohort.table import read_cohort
from BreastFusionLib.errors import InputError
from BreastFusionLib.evaluation import fold_aucs
from BreastFusionLib.evaluation.predictions import read_predictions
from BreastFusionLib.reading.cache import save_inputs
from BreastFusionLib.training import cross_validate
from BreastFusionLib.training.design import Design, outer_folds

pytestmark = pytest.mark.usefixtures("without_curves")
TUNE = {"training.learning_rate": [0.001, 0.05], "training.weight_decay": [0.0]}


@pytest.fixture
def recipe(tiny_recipe):
    return tiny_recipe({"epochs": 2}).changed({"inputs.patch": None, "model.encoder": None})


@pytest.fixture
def two_sites(cohort):
    """Patients 0 .. 19 of site a, the others of site b."""
    return dataclasses.replace(cohort, table=cohort.table.assign(site=["a"] * 20 + ["b"] * 20))


def with_table(cohort, **columns):
    return dataclasses.replace(cohort, table=cohort.table.assign(**columns))


def results(folder) -> dict[str, str]:
    names = ("predictions.csv", "runs.csv", "chosen.csv", "summary.json", "failed.csv")
    return {name: (folder / name).read_text() for name in names if (folder / name).is_file()}


def test_everyone_is_tested_once_a_repeat_by_a_model_that_has_not_seen_them(cohort, tmp_path, recipe):
    found = cross_validate(recipe, cohort, tmp_path / "cv", folds=2, repeats=2, validation_share=0.2, device="cpu")
    predictions = pd.read_csv(found.predictions)
    for repeat in ("repeat_1", "repeat_2"):
        one = predictions[predictions["run"] == repeat]
        assert sorted(one["case_id"]) == sorted(cohort.table["case_id"])
        for fold, tested in one.groupby("fold"):
            run = pd.read_csv(found.folder / repeat / f"fold_{fold}" / "predictions.csv").set_index("case_id")
            assert set(run.index[run["split"] == "test"]) == set(tested["case_id"])
            np.testing.assert_array_equal(run.loc[tested["case_id"], "score"], tested["score"])
            # 20 patients are not tested: a fifth of them find the best epoch.
            assert (run["split"] == "validation").sum() == 4
    parts = [set(p["case_id"]) for _, p in predictions.groupby(["run", "fold"])]
    assert len(set(map(frozenset, parts))) == 4


def test_evaluation_takes_the_predictions_as_they_are_and_finds_the_same_aucs(cohort, tmp_path, recipe):
    found = cross_validate(recipe, cohort, tmp_path / "cv", folds=2, repeats=2, device="cpu")
    read = read_predictions(found.predictions)
    assert read.runs.names == ("repeat_1", "repeat_2")
    assert len(read.labels) == 40
    areas = [fold_aucs(read.labels, *pair) for pair in zip(read.runs.scores, read.runs.folds, strict=True)]
    assert found.mean_auc.mean.value == pytest.approx(np.mean([one.mean.mean.value for one in areas]))
    assert found.pooled_auc == pytest.approx(np.mean([one.pooled for one in areas]))
    summary = json.loads((found.folder / "summary.json").read_text())
    assert summary["mean_auc"]["mean"]["value"] == pytest.approx(found.mean_auc.mean.value)
    assert pd.read_csv(found.table)["test_cases"].tolist() == [20] * 4


def test_what_is_tested_has_no_say_in_what_is_chosen(two_sites, tmp_path, recipe, draw_inputs, monkeypatch):
    first = cross_validate(recipe, two_sites, tmp_path / "a", leave_site_out=True, tune=TUNE, inner_folds=2)

    def prepare_otherwise(task):
        drawn = draw_inputs(task.row["case_id"], float(task.row["age"]))
        if task.row["site"] == "b":
            drawn = dataclasses.replace(drawn, columns={"age": 999.0, "size": -7.0 * drawn.columns["size"]})
        return save_inputs(drawn, task.cache / f"{drawn.case_id}-otherwise.safetensors")

    monkeypatch.setattr(inputs, "prepare_to_cache", prepare_otherwise)
    table = two_sites.table
    flipped = with_table(two_sites, label=table["label"].where(table["site"] == "a", 1 - table["label"]))
    second = cross_validate(recipe, flipped, tmp_path / "b", leave_site_out=True, tune=TUNE, inner_folds=2)
    one, two = (pd.read_csv(found.chosen).set_index("fold") for found in (first, second))
    pd.testing.assert_frame_equal(one.loc[["b"]], two.loc[["b"]])
    assert not one.loc["a"].equals(two.loc["a"])
    # The model that site b is tested with is the same, too.
    bundles = [found.folder / "repeat_1" / "fold_2" / "bundle" / "weights.safetensors" for found in (first, second)]
    assert bundles[0].read_bytes() == bundles[1].read_bytes()
    assert first.pooled_auc != second.pooled_auc


def test_the_candidate_with_the_best_mean_over_the_inner_folds_is_trained(cohort, tmp_path, recipe):
    found = cross_validate(recipe, cohort, tmp_path / "cv", folds=2, tune=TUNE, inner_folds=2, device="cpu")
    rows = pd.read_csv(found.chosen)
    assert rows.groupby("fold")["chosen"].sum().tolist() == [1, 1]
    for fold, candidates in rows.groupby("fold"):
        repeat = found.folder / "repeat_1"
        for row in candidates.itertuples():
            logs = [repeat / f"tuning_{fold}" / f"candidate_{row.candidate}" / f"fold_{f}" / "log.csv" for f in (1, 2)]
            reached = [pd.read_csv(log)["validation_loss"].min() for log in logs]
            assert row.validation_loss == pytest.approx(np.mean(reached))
        best = candidates.loc[candidates["validation_loss"].idxmin()]
        assert best["chosen"]
        used = json.loads((repeat / f"fold_{fold}" / "recipe.json").read_text())
        assert used["training"]["learning_rate"] == best["training.learning_rate"]
    # What nobody needs any more would fill the disk.
    assert not list(found.folder.glob("repeat_1/tuning_*/**/*.safetensors"))
    assert not list(found.folder.glob("repeat_1/tuning_*/**/*.ckpt"))


def test_stopped_again_and_again_it_ends_with_the_uninterrupted_result_and_trains_nothing_twice(
    cohort, tmp_path, recipe, stopping_at
):
    settings = {"folds": 2, "tune": TUNE, "inner_folds": 2, "device": "cpu"}
    whole = cross_validate(recipe, cohort, tmp_path / "whole", **settings)
    epochs, found, calls = [], None, 0
    while found is None and calls < 20:
        calls += 1
        # In the middle of a run, and between two.
        stop = {"epoch_progress": stopping_at(5)} if calls % 2 else {"run_progress": stopping_at(2 * calls)}
        told = stop.get("epoch_progress", lambda done, total: None)

        def count(done, total, told=told):
            epochs.append(done)
            told(done, total)

        try:
            found = cross_validate(recipe, cohort, tmp_path / "cut", **{**stop, "epoch_progress": count}, **settings)
        except KeyboardInterrupt:
            continue
    assert calls > 4
    assert results(found.folder) == results(whole.folder)
    assert len(epochs) == 2 * 10  # two of each run: two folds, two candidates on two inner folds each


def test_a_candidate_that_diverges_is_not_chosen(cohort, tmp_path, recipe):
    tune = {"training.learning_rate": [1e30, 0.01]}
    found = cross_validate(recipe, cohort, tmp_path / "cv", folds=2, tune=tune, inner_folds=2, device="cpu")
    rows = pd.read_csv(found.chosen)
    assert rows["validation_loss"].isna().tolist() == [True, False] * 2
    assert rows["chosen"].tolist() == [False, True] * 2
    with pytest.raises(InputError, match="All candidates diverged"):
        cross_validate(recipe, cohort, tmp_path / "no", folds=2, tune={"training.learning_rate": [1e30]}, inner_folds=2)


def test_a_broken_case_is_listed_and_the_others_are_divided(cohort, tmp_path, recipe):
    (cohort.folder / "c05.nii.gz").write_text("broken")
    (cohort.folder / "c06.nii.gz").unlink()
    found = cross_validate(recipe, read_cohort(cohort.folder / "cohort.csv"), tmp_path / "cv", folds=2, device="cpu")
    assert pd.read_csv(found.folder / "failed.csv")["case_id"].tolist() == ["c05", "c06"]
    assert len(pd.read_csv(found.predictions)) == 38


def test_a_site_of_one_class_is_tested_and_left_out_of_the_mean(cohort, tmp_path, recipe):
    site = np.where(cohort.table["label"] == 1, np.where(np.arange(40) < 8, "c", "a"), "b")
    site[[1, 3, 10, 12, 14]] = "c"
    site[[21, 23, 25]] = "b"
    found = cross_validate(recipe, with_table(cohort, site=site), tmp_path / "cv", leave_site_out=True, device="cpu")
    rows = pd.read_csv(found.table).set_index("fold")
    assert np.isnan(rows.loc["a", "test_auc"])
    assert found.mean_auc.mean.value == pytest.approx(rows.loc[["b", "c"], "test_auc"].mean())
    assert len(read_predictions(found.predictions).labels) == 40


def test_the_splits_of_a_table_do_not_count(cohort, tmp_path, recipe):
    first = cross_validate(recipe, cohort, tmp_path / "a", folds=2, device="cpu")
    split = ["train"] * 20 + ["validation"] * 10 + ["test"] * 10
    second = cross_validate(recipe, with_table(cohort, split=split), tmp_path / "b", folds=2, device="cpu")
    assert results(first.folder) == results(second.folder)


def test_a_design_counts_its_candidates_and_runs(cohort, recipe):
    design = Design(folds=4, repeats=3, tune={"training.learning_rate": [1, 2, 3], "training.batch_size": [4, 8]})
    assert len(design.candidates) == 6
    assert design.candidates[1] == {"training.learning_rate": 1, "training.batch_size": 8}
    assert design.runs_a_fold == 1 + 6 * 3
    folds = outer_folds(cohort, recipe, design)
    assert [(fold.repeat, fold.number) for fold in folds] == [(r, f) for r in (1, 2, 3) for f in (1, 2, 3, 4)]
    for fold in folds:
        tested = set(fold.table.loc[fold.table["split"] == "test", "case_id"])
        for inner in fold.inner:
            assert not tested & set(inner["case_id"])
            assert set(inner["split"]) == {"train", "validation"}
        validated = [case for inner in fold.inner for case in inner.loc[inner["split"] == "validation", "case_id"]]
        assert sorted(validated) == sorted(set(cohort.table["case_id"]) - tested)
    assert Design().candidates == [{}]
    assert Design().runs_a_fold == 1


def test_a_cohort_too_small_for_training_and_validation_is_told_before_any_work(cohort, tmp_path, recipe):
    few = dataclasses.replace(cohort, table=cohort.table.head(5))
    words = r"Fold 1 leaves too few patients for training and validation \(\d of label 0, \d of label 1\)"
    with pytest.raises(InputError, match=words):
        cross_validate(recipe, few, tmp_path / "cv", folds=2, device="cpu")
    assert not (tmp_path / "cv").exists()


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"folds": 21}, "Only 20 patients have label 0, fewer than 21 folds"),
        ({"folds": 1}, "at least 2"),
        ({"repeats": 0}, "at least 1 is needed"),
        ({"leave_site_out": True}, "every case needs a 'site'"),
        ({"validation_share": 1.5}, "between 0 and 1, found 1.5"),
        ({"tune": {"training.learning_rate": [0.1, 0.01, 0.1]}}, "has the value 0.1 more than once"),
        ({"tune": {"training.learning_rat": [1]}}, "unknown key 'learning_rat'. Did you mean 'learning_rate'"),
        ({"tune": {"training.learning_rate": []}}, "'training.learning_rate' has no values"),
        ({"tune": {"training.learning_rate": [-1]}}, "learning_rate: -1 should be greater than 0"),
        ({"tune": {"training.class_weights": ["none", "balanced"]}}, "Set training.monitor to validation_auc"),
        ({"tune": TUNE, "inner_folds": 1}, "at least 2"),
        ({"tune": TUNE, "folds": 2, "inner_folds": 11}, "Only 10 patients have label 0, fewer than 11 folds"),
    ],
)
def test_bad_designs_are_refused_before_any_work(cohort, tmp_path, recipe, settings, words):
    with pytest.raises(InputError, match=words):
        cross_validate(recipe, cohort, tmp_path / "cv", **settings)
    assert not (tmp_path / "cv").exists()


def test_another_design_in_the_same_folder_is_refused(cohort, tmp_path, recipe):
    cross_validate(recipe, cohort, tmp_path / "cv", folds=2, device="cpu")
    with pytest.raises(InputError, match=r"other settings: design\.folds was 2, is now 3"):
        cross_validate(recipe, cohort, tmp_path / "cv", folds=3, device="cpu")
