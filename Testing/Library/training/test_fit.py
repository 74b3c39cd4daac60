"""Training from a case table to a bundle: what it leaves, that it is deterministic, and that it continues exactly."""

import dataclasses
import errno
import json
import os
import re
import shutil
import signal
from pathlib import Path

import lightning
import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import save_file

from BreastFusionLib.cohort import apply_bundle, inputs, read_cohort, split_by_patient
from BreastFusionLib.errors import InputError
from BreastFusionLib.images.settings import AugmentationSpec
from BreastFusionLib.models.small import small_body
from BreastFusionLib.reading import TestTimeSpec, load_bundle
from BreastFusionLib.reading.cache import save_inputs
from BreastFusionLib.reading.score import score
from BreastFusionLib.training import train
from BreastFusionLib.training.fit import labelled


@pytest.fixture(params=["trained encoder", "frozen encoder"])
def model(request, tmp_path) -> dict:
    """Model settings: an encoder trained from scratch, or one frozen as it is in a file."""
    if request.param == "trained encoder":
        return {}
    torch.manual_seed(0)
    save_file(small_body().state_dict(), tmp_path / "encoder.safetensors")
    weights = str(tmp_path / "encoder.safetensors")
    return {"encoder": {"name": "small", "weights": weights, "frozen": True, "shared": False, "pooling": "max"}}


def weights(run) -> bytes:
    return (run.bundle / "weights.safetensors").read_bytes()


def same_result(first, second) -> bool:
    return weights(first) == weights(second) and first.predictions.read_text() == second.predictions.read_text()


class StoppingAt:
    """A progress callback that raises in a given epoch."""

    def __init__(self, epoch: int, error: BaseException):
        self.epoch, self.error = epoch, error

    def __call__(self, done: int, total: int) -> None:
        if done == self.epoch:
            raise self.error


def test_predictions_are_what_a_reading_of_the_bundle_says(cohort, tmp_path, model, tiny_recipe, draw_inputs):
    run = train(tiny_recipe(model=model), cohort, tmp_path / "run", device="cpu")
    predictions = pd.read_csv(run.predictions).set_index("case_id")
    assert predictions["split"].value_counts().to_dict() == {"train": 28, "test": 8, "validation": 4}
    bundle = load_bundle(run.bundle)
    for row in cohort.table.itertuples():
        found = score(draw_inputs(row.case_id, float(row.age)), bundle).probability
        assert found == pytest.approx(predictions.loc[row.case_id, "score"], abs=1e-12)
    assert (predictions["label"] == cohort.table.set_index("case_id")["label"]).all()


def test_scores_over_changed_copies_are_what_a_reading_of_the_bundle_says(
    cohort, tmp_path, model, tiny_recipe, draw_inputs
):
    recipe = tiny_recipe({"epochs": 1}, model)
    test_time = TestTimeSpec(2, 0, AugmentationSpec(rotation_degrees=30))
    recipe = dataclasses.replace(recipe, reading=dataclasses.replace(recipe.reading, test_time=test_time))
    run = train(recipe, cohort, tmp_path / "run", device="cpu")
    predictions, bundle = pd.read_csv(run.predictions).set_index("case_id"), load_bundle(run.bundle)
    assert bundle.recipe.test_time == test_time
    plain = dataclasses.replace(bundle, recipe=dataclasses.replace(bundle.recipe, test_time=None))
    for row in list(cohort.table.itertuples())[:9]:
        case = draw_inputs(row.case_id, row.age)
        assert score(case, bundle).probability == pytest.approx(predictions.loc[row.case_id, "score"], abs=1e-12)
        assert score(case, plain).probability != score(case, bundle).probability


def test_a_run_leaves_all_its_files_and_a_truthful_card(cohort, tmp_path, tiny_recipe):
    recipe = tiny_recipe()
    run = train(recipe, cohort, tmp_path / "run", device="cpu")
    assert json.loads((run.folder / "recipe.json").read_text()) == recipe.resolved()
    assert json.loads((run.bundle / "recipe.json").read_text()) == recipe.resolved()
    log = pd.read_csv(run.log)
    assert log["epoch"].tolist() == [0, 1, 2, 3]
    np.testing.assert_allclose(log["learning_rate"], [0.02, 0.02, 0.01, 0.01])
    assert "<svg" in (run.folder / "curves.svg").read_text()
    assert pd.read_csv(run.folder / "failed.csv").empty
    predictions = pd.read_csv(run.predictions)
    test = pd.read_csv(run.test_predictions)
    assert set(test["case_id"]) == set(predictions.loc[predictions["split"] == "test", "case_id"])

    metadata = json.loads((run.bundle / "metadata.json").read_text())
    record = metadata["training"]
    assert (record["synthetic"], record["cases"], record["positives"], record["prevalence"]) == (True, 28, 14, 0.5)
    assert record["context"] == {
        "contrast": {"dce": ["post"], "t1": ["pre"]},
        "spacing_mm": {s: {"low": [1, 1, 3], "high": [1, 1, 3]} for s in ("dce", "t1")},
        "field_strength_t": [1.5, 3.0],
    }
    assert set(metadata["calibration"]["parts"]) == {"dce", "t1", "clinical"}
    assert metadata["metrics"]["n"] == len(test)
    area = metadata["metrics"]["auc"]
    positive, negative = (test.loc[test["label"] == label, "score"].to_numpy() for label in (1, 0))
    assert area["value"] == pytest.approx((positive[:, None] > negative).mean())
    validation = predictions[predictions["split"] == "validation"]
    found = validation["score"] >= metadata["thresholds"]["sensitivity_0.95"]
    assert found[validation["label"] == 1].all()


def test_it_learns(cohort, tmp_path, tiny_recipe):
    run = train(
        tiny_recipe({"epochs": 15, "optimiser": "adam", "learning_rate": 0.01, "milestones": [], "patience": None}),
        cohort,
        tmp_path / "run",
        device="cpu",
    )
    test = pd.read_csv(run.test_predictions)
    positive, negative = (test.loc[test["label"] == label, "score"].to_numpy() for label in (1, 0))
    assert (positive[:, None] > negative).mean() > 0.9


def test_a_column_that_is_the_label_is_refused_before_any_work(cohort, tmp_path, tiny_recipe):
    leaking = dataclasses.replace(cohort, table=cohort.table.assign(size=5.0 + 2 * cohort.table["label"].astype(float)))
    with pytest.raises(
        InputError, match=r"column 'size' is the label in other words \(correlation 1\.000, AUC 1\.000\)"
    ):
        train(tiny_recipe(), leaking, tmp_path / "run", device="cpu")
    assert not (tmp_path / "run").exists()


def test_scalers_know_the_training_cases_only(cohort, tmp_path, tiny_recipe):
    run = train(tiny_recipe(), cohort, tmp_path / "run", device="cpu")
    predictions = pd.read_csv(run.predictions).set_index("case_id")
    ages = cohort.table.set_index("case_id")["age"][predictions["split"] == "train"]
    scaler = load_bundle(run.bundle).scalers["clinical"].measured
    assert scaler.mean[0] == pytest.approx(ages.mean())
    assert scaler.std[0] == pytest.approx(ages.std(ddof=0))


def test_nothing_of_the_test_cases_reaches_the_model(cohort, tmp_path, tiny_recipe, draw_inputs, monkeypatch):
    table = cohort.table.assign(split=split_by_patient(cohort.table, seed=1))
    is_test = table["split"] == "test"
    first = train(tiny_recipe(), dataclasses.replace(cohort, table=table), tmp_path / "first", device="cpu")

    def prepare_otherwise(task):
        drawn = draw_inputs(task.row["case_id"], float(task.row["age"]))
        if task.row["split"] == "test":
            patches = {name: dataclasses.replace(p, pixels=3 - 7 * p.pixels) for name, p in drawn.patches.items()}
            drawn = dataclasses.replace(drawn, patches=patches, columns={"age": 999.0, "size": -500.0})
        return save_inputs(drawn, task.cache / f"{drawn.case_id}-otherwise.safetensors")

    monkeypatch.setattr(inputs, "prepare_to_cache", prepare_otherwise)
    relabelled = table.assign(label=table["label"].where(~is_test, 1 - table["label"]))
    second = train(tiny_recipe(), dataclasses.replace(cohort, table=relabelled), tmp_path / "second", device="cpu")
    assert weights(first) == weights(second)
    assert (first.bundle / "scalers.json").read_text() == (second.bundle / "scalers.json").read_text()
    cards = [json.loads((run.bundle / "metadata.json").read_text()) for run in (first, second)]
    assert all(cards[0][name] == cards[1][name] for name in ("calibration", "thresholds"))
    assert cards[0]["metrics"] != cards[1]["metrics"]


def test_neutral_values_are_means_over_training_cases_whether_or_not_the_encoder_is_frozen(
    cohort, tmp_path, model, tiny_recipe, draw_inputs
):
    run = train(tiny_recipe({"augmentation": None}, model), cohort, tmp_path / "run", device="cpu")
    network, split = load_bundle(run.bundle).network, pd.read_csv(run.predictions).set_index("case_id")["split"]
    neutral = network.neutral("dce")
    assert neutral.abs().sum() > 0
    if not model:
        return  # the encoder changed from step to step, and the mean with it
    patches = [draw_inputs(name, 50.0).patches["dce"].pixels for name in split.index[split == "train"]]
    with torch.no_grad():
        features = network.encode("dce", torch.from_numpy(np.stack(patches)))
    torch.testing.assert_close(neutral, features.mean(dim=0), rtol=1e-4, atol=1e-5)


def test_source_dropout_works_beside_a_frozen_encoder(cohort, tmp_path, tiny_recipe, model):
    plain, dropped = (
        train(
            tiny_recipe(model={**model, "source_dropout": p, "dropout": 0.0}), cohort, tmp_path / str(p), device="cpu"
        )
        for p in (0.0, 0.5)
    )
    assert pd.read_csv(plain.log)["train_loss"].tolist() != pd.read_csv(dropped.log)["train_loss"].tolist()


def test_the_same_seed_gives_the_same_weights_and_another_seed_others(cohort, tmp_path, tiny_recipe):
    first, second = (train(tiny_recipe(), cohort, tmp_path / name, device="cpu") for name in ("a", "b"))
    assert same_result(first, second)
    assert weights(train(tiny_recipe({"seed": 1}), cohort, tmp_path / "c", device="cpu")) != weights(first)


@pytest.mark.parametrize("epoch", [1, 3])
def test_ctrl_c_keeps_what_is_done_and_a_second_call_gives_the_uninterrupted_result(
    cohort, tmp_path, model, epoch, tiny_recipe
):
    recipe = tiny_recipe(model=model)
    whole = train(recipe, cohort, tmp_path / "whole", device="cpu")
    handler = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        train(recipe, cohort, tmp_path / "cut", device="cpu", epoch_progress=StoppingAt(epoch, KeyboardInterrupt()))
    assert signal.getsignal(signal.SIGINT) is handler
    seen = []
    run = train(recipe, cohort, tmp_path / "cut", device="cpu", epoch_progress=lambda *now: seen.append(now))
    assert seen == [(done, 4) for done in range(epoch + 1, 5)]
    assert same_result(run, whole)
    assert run.log.read_text() == whole.log.read_text()


def test_a_full_disk_is_a_sentence_and_a_second_call_gives_the_uninterrupted_result(
    cohort, tmp_path, monkeypatch, tiny_recipe
):
    recipe = tiny_recipe()
    whole = train(recipe, cohort, tmp_path / "whole", device="cpu")
    saved = lightning.Trainer.save_checkpoint

    def full(self, path, *rest, **more):
        if self.current_epoch == 2:
            Path(path).write_bytes(b"half a checkpoint")
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        saved(self, path, *rest, **more)

    monkeypatch.setattr(lightning.Trainer, "save_checkpoint", full)
    with pytest.raises(InputError, match=r"last\.ckpt could not be written: the disk is full \(\d+ MB free\)\. Free"):
        train(recipe, cohort, tmp_path / "cut", device="cpu")
    monkeypatch.setattr(lightning.Trainer, "save_checkpoint", saved)
    assert same_result(train(recipe, cohort, tmp_path / "cut", device="cpu"), whole)


@pytest.fixture
def files_of_at_most():
    """Let no file grow beyond a number of bytes, as `ulimit -f` does."""
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    yield lambda size: resource.setrlimit(resource.RLIMIT_FSIZE, (size or soft, hard))
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize(("epoch", "file"), [(1, "log.csv"), (1, "last.ckpt"), (2, "weights.safetensors")])
def test_a_file_that_grows_beyond_its_limit_is_named_and_nothing_written_before_is_lost(
    cohort, tmp_path, tiny_recipe, files_of_at_most, epoch, file
):
    recipe, run = tiny_recipe({"epochs": 2}), tmp_path / "run"
    whole = train(recipe, cohort, tmp_path / "whole", device="cpu")
    weights = (whole.bundle / "weights.safetensors").stat().st_size
    # A checkpoint also holds what the optimiser remembers of each weight.
    sizes = {
        "log.csv": whole.log.stat().st_size - 1,
        "last.ckpt": int(1.5 * weights),
        "weights.safetensors": weights - 1,
    }

    def limited(done, _):
        if done == epoch:
            files_of_at_most(sizes[file])

    with pytest.raises(
        InputError, match=r"could not be written: files may not be that large.*nothing that was"
    ) as said:
        train(recipe, cohort, run, device="cpu", epoch_progress=limited)
    files_of_at_most(None)
    assert re.match(rf"{run}/.*{file} could", str(said.value))
    assert same_result(train(recipe, cohort, run, device="cpu"), whole)


def test_a_finished_run_is_returned_as_it_is(cohort, tmp_path, tiny_recipe):
    recipe = tiny_recipe()
    run = train(recipe, cohort, tmp_path / "run", device="cpu")
    before = {path: path.stat().st_mtime_ns for path in run.folder.rglob("*") if path.parent.name == "bundle"}
    assert train(recipe, cohort, tmp_path / "run", device="cpu") == run
    assert {path: path.stat().st_mtime_ns for path in before} == before


@pytest.mark.parametrize("spec", [{}, {"epochs": 30, "patience": 1, "learning_rate": 0.1}], ids=["all epochs", "early"])
def test_a_run_stopped_between_fitting_and_bundle_is_finished_without_another_epoch(
    cohort, tmp_path, spec, tiny_recipe
):
    recipe = tiny_recipe(spec)
    run = train(recipe, cohort, tmp_path / "run", device="cpu")
    before = run.log.read_text(), weights(run), run.predictions.read_text()
    shutil.rmtree(run.bundle)
    run.predictions.unlink()
    again = train(recipe, cohort, tmp_path / "run", device="cpu")
    assert (again.log.read_text(), weights(again), again.predictions.read_text()) == before


def test_applying_the_bundle_to_its_cohort_repeats_its_predictions(cohort, tmp_path, tiny_recipe):
    run = train(tiny_recipe(), cohort, tmp_path / "run", device="cpu")
    (cohort.folder / "c05.nii.gz").write_text("broken")
    table = apply_bundle(load_bundle(run.bundle), cohort, tmp_path / "applied.csv")
    assert table.set_index("case_id").loc["c05", ["status", "reason"]].tolist() == [
        "failed",
        "The exam of c05 is broken.",
    ]
    trained = pd.read_csv(run.predictions).set_index("case_id").drop(index="c05")
    applied = pd.read_csv(tmp_path / "applied.csv").set_index("case_id")
    assert applied.index.tolist() == trained.index.tolist()
    np.testing.assert_allclose(applied["score"], trained["score"], rtol=0, atol=1e-6)
    assert applied["label"].tolist() == trained["label"].tolist()


def test_scores_of_patients_by_a_model_of_phantoms_are_said_to_have_no_meaning(
    cohort, tmp_path, tiny_recipe, draw_inputs, monkeypatch
):
    run = train(tiny_recipe(), cohort, tmp_path / "run", device="cpu")

    def prepare_patient(task):
        drawn = draw_inputs(task.row["case_id"], float(task.row["age"]))
        context = {**drawn.context, "synthetic": task.row["case_id"] != "c03"}
        return save_inputs(dataclasses.replace(drawn, context=context), task.cache / f"{drawn.case_id}.safetensors")

    monkeypatch.setattr(inputs, "prepare_to_cache", prepare_patient)
    table = apply_bundle(load_bundle(run.bundle), cohort, tmp_path / "applied.csv").set_index("case_id")
    assert table.loc["c03", "reason"] == "Demo model: its score has no meaning for this patient"
    assert (table.drop(index="c03")["reason"] == "").all()


def test_other_settings_in_the_same_folder_are_refused(cohort, tmp_path, tiny_recipe):
    train(tiny_recipe(), cohort, tmp_path / "run", device="cpu")
    with pytest.raises(InputError, match=r"other settings: recipe\.training\.epochs was 4, is now 5"):
        train(tiny_recipe({"epochs": 5}), cohort, tmp_path / "run", device="cpu")
    smaller = dataclasses.replace(cohort, table=cohort.table.head(30))
    with pytest.raises(InputError, match="other settings: cohort was"):
        train(tiny_recipe(), smaller, tmp_path / "run", device="cpu")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "thesis.txt").touch()
    with pytest.raises(InputError, match="is not empty and holds no run"):
        train(tiny_recipe(), cohort, tmp_path / "other", device="cpu")


def test_a_case_that_changed_since_the_run_began_is_refused(cohort, tmp_path, tiny_recipe):
    with pytest.raises(KeyboardInterrupt):
        train(tiny_recipe(), cohort, tmp_path / "run", device="cpu", epoch_progress=StoppingAt(1, KeyboardInterrupt()))
    (cohort.folder / "c05.nii.gz").write_text("broken")
    with pytest.raises(InputError, match="other settings: inputs was"):
        train(tiny_recipe(), cohort, tmp_path / "run", device="cpu")


def test_a_broken_case_is_listed_and_the_rest_goes_on(cohort, tmp_path, tiny_recipe):
    (cohort.folder / "c05.nii.gz").write_text("broken")
    (cohort.folder / "c06.nii.gz").unlink()
    run = train(tiny_recipe(), read_cohort(cohort.folder / "cohort.csv"), tmp_path / "run", device="cpu")
    failed = pd.read_csv(run.folder / "failed.csv").set_index("case_id")
    assert failed.loc["c05", "reason"] == "The exam of c05 is broken."
    assert "c06.nii.gz does not exist" in failed.loc["c06", "reason"]
    assert set(cohort.table["case_id"]) - set(pd.read_csv(run.predictions)["case_id"]) == {"c05", "c06"}


def test_when_no_case_can_be_prepared_the_first_reason_is_said(cohort, tmp_path, tiny_recipe):
    for exam in cohort.folder.glob("c??.nii.gz"):
        exam.write_text("broken")
    words = r"None of the 40 cases could be prepared\. The first: The exam of c00 is broken"
    with pytest.raises(InputError, match=words):
        train(tiny_recipe(), cohort, tmp_path / "run")


def test_a_split_whose_cases_could_not_be_prepared_is_not_said_to_lack_labels(cohort, tmp_path, tiny_recipe):
    cases = labelled(cohort, tiny_recipe()).table
    lost = cases.loc[cases["split"] == "validation", "case_id"]
    for case_id in lost:
        (cohort.folder / f"{case_id}.nii.gz").write_text("broken")
    words = rf"The validation split, without the {len(lost)} cases that could not be prepared, has no case with a label"
    with pytest.raises(InputError, match=words):
        train(tiny_recipe(), cohort, tmp_path / "run")


def without(draw_inputs, *sources, of=None):
    """Stand in for `prepare_to_cache`: cases, all or those named, without image sources and clinical values."""

    def prepare(task):
        drawn = draw_inputs(task.row["case_id"], float(task.row["age"]))
        if of is None or drawn.case_id in of:
            patches = {source: patch for source, patch in drawn.patches.items() if source not in sources}
            drawn = dataclasses.replace(drawn, patches=patches)
        return save_inputs(drawn, task.cache / f"{drawn.case_id}.safetensors")

    return prepare


def test_a_source_that_no_training_case_has_is_refused(cohort, tmp_path, tiny_recipe, draw_inputs, monkeypatch):
    monkeypatch.setattr(inputs, "prepare_to_cache", without(draw_inputs, "t1"))
    with pytest.raises(InputError, match=r"None of the 28 training cases has T1, so .* Take it out of the recipe's"):
        train(tiny_recipe(), cohort, tmp_path / "run", device="cpu")


def test_sources_that_scored_cases_lack_are_told_once(cohort, tmp_path, tiny_recipe, draw_inputs, monkeypatch, caplog):
    run = train(tiny_recipe({"epochs": 1}), cohort, tmp_path / "run", device="cpu")
    caplog.clear()
    monkeypatch.setattr(inputs, "prepare_to_cache", without(draw_inputs, "t1"))
    apply_bundle(load_bundle(run.bundle), cohort, tmp_path / "applied.csv", cache=tmp_path / "cache")
    said = [record.getMessage() for record in caplog.records if "missing" in record.getMessage()]
    assert said == ["T1 missing: the model used its neutral value. This holds for 40 of 40 cases."]


def test_a_case_with_no_source_at_all_is_told_and_fails_alone(
    cohort, tmp_path, tiny_recipe, draw_inputs, monkeypatch, caplog
):
    recipe = tiny_recipe({"epochs": 1}).changed({"inputs.sequences": ["dce"], "inputs.clinical": []})
    monkeypatch.setattr(inputs, "prepare_to_cache", without(draw_inputs, "dce", of=("c05", "c06")))
    run = train(recipe, cohort, tmp_path / "run", device="cpu")
    assert "c05, c06: none of the recipe's sources is there (2 of 40 cases)" in caplog.text
    table = apply_bundle(load_bundle(run.bundle), cohort, tmp_path / "applied.csv").set_index("case_id")
    assert table.index[table["status"] == "failed"].tolist() == ["c05", "c06"]
    assert "none of the model's sources (dce) is there" in table.loc["c05", "reason"]
    assert len(pd.read_csv(tmp_path / "applied.csv")) == 38


def test_one_class_only_is_refused_before_anything_is_written(cohort, tmp_path, tiny_recipe):
    table = cohort.table[cohort.table["label"] == 1]
    with pytest.raises(InputError, match="The cohort has only label 1"):
        train(tiny_recipe(), dataclasses.replace(cohort, table=table), tmp_path / "run", device="cpu")
    assert not (tmp_path / "run").exists()
    split = np.where(cohort.table["label"] == 1, "train", "validation")
    split[:4] = "train"
    with pytest.raises(InputError, match="The validation split has only label 0"):
        train(tiny_recipe(), dataclasses.replace(cohort, table=cohort.table.assign(split=split)), tmp_path / "run")


@pytest.mark.parametrize(
    ("model", "words"),
    [
        ({"encoder": {"name": "resnet51"}}, "no encoder 'resnet51'"),
        ({"encoder": {"name": "small", "weights": "nowhere.safetensors"}}, "no such weights file"),
        ({"fusion": "add", "towers": {"dce": [4], "t1": [4], "clinical": [8]}}, "their lengths differ"),
    ],
)
def test_a_network_that_cannot_be_built_is_told_before_any_work(cohort, tmp_path, tiny_recipe, model, words):
    with pytest.raises(InputError, match=words):
        train(tiny_recipe(model=model), cohort, tmp_path / "run", device="cpu")
    assert not (tmp_path / "run").exists() and not (cohort.folder / "cache").exists()


def test_training_stops_when_the_validation_loss_keeps_rising_and_keeps_the_best_epoch(cohort, tmp_path, tiny_recipe):
    # Labels that nothing can tell: fitting them makes validation worse.
    table = cohort.table.assign(
        label=pd.array(np.random.default_rng(0).permutation(cohort.table["label"]), dtype="Int64")
    )
    spec = {"epochs": 60, "patience": 3, "learning_rate": 0.05, "milestones": [], "weight_decay": 0.0}
    recipe = tiny_recipe(spec, {"dropout": 0.0, "source_dropout": 0.0})
    told = []
    run = train(
        recipe,
        dataclasses.replace(cohort, table=table),
        tmp_path / "run",
        device="cpu",
        epoch_progress=lambda *now: told.append(now),
    )
    log = pd.read_csv(run.log)
    best = int(log["validation_loss"].idxmin())
    assert len(log) == best + 1 + 3 < 60
    assert told[-1] == (60, 60)


def test_the_passes_of_a_frozen_encoder_are_told(cohort, tmp_path, model, tiny_recipe):
    told: list[tuple[int, int]] = []
    recipe = tiny_recipe({"epochs": 2, "replays": 3}, model)
    train(recipe, cohort, tmp_path / "run", device="cpu", encoder_progress=lambda *now: told.append(now))
    # The cases as they are, and one replay for each of the two epochs.
    assert told == ([(1, 3), (2, 3), (3, 3)] if model else [])
