"""Training from a case table to a bundle: what it leaves, what it learns from, and that it is deterministic."""

import dataclasses
import json

import numpy as np
import pandas as pd
import pytest
import torch

from BreastFusionLib.cohort import inputs, split_by_patient
from BreastFusionLib.images.settings import AugmentationSpec
from BreastFusionLib.reading import TestTimeSpec, load_bundle
from BreastFusionLib.reading.cache import save_inputs
from BreastFusionLib.reading.score import score
from BreastFusionLib.training import train


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


def test_scalers_know_the_training_cases_only(cohort, tmp_path, tiny_recipe):
    run = train(tiny_recipe(), cohort, tmp_path / "run", device="cpu")
    predictions = pd.read_csv(run.predictions).set_index("case_id")
    ages = cohort.table.set_index("case_id")["age"][predictions["split"] == "train"]
    scaler = load_bundle(run.bundle).scalers["clinical"].measured
    assert scaler.mean[0] == pytest.approx(ages.mean())
    assert scaler.std[0] == pytest.approx(ages.std(ddof=0))


def test_nothing_of_the_test_cases_reaches_the_model(cohort, tmp_path, tiny_recipe, draw_inputs, monkeypatch, weights):
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


def test_the_same_seed_gives_the_same_weights_and_another_seed_others(
    cohort, tmp_path, tiny_recipe, same_result, weights
):
    first, second = (train(tiny_recipe(), cohort, tmp_path / name, device="cpu") for name in ("a", "b"))
    assert same_result(first, second)
    assert weights(train(tiny_recipe({"seed": 1}), cohort, tmp_path / "c", device="cpu")) != weights(first)


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
