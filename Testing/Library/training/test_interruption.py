"""Runs that are killed, checkpoints that are damaged, and runs whose loss is no number any more."""

import shutil
import signal

import pandas as pd
import pytest
import torch
from safetensors.torch import load_file

from BreastFusionLib.errors import InputError
from BreastFusionLib.training import train
from BreastFusionLib.training.module import FusionModule


@pytest.mark.slow
def test_a_run_killed_in_mid_epoch_ends_with_the_very_weights_of_an_uninterrupted_one(
    cohort, tmp_path, tiny_recipe, train_tiny
):
    training = {"optimiser": "adam", "learning_rate": 0.003}
    recipe = tiny_recipe(training)
    killed = train_tiny(cohort, tmp_path / "cut", training=training, kill_in=[2, 1])
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert pd.read_csv(tmp_path / "cut" / "log.csv")["epoch"].tolist() == [0, 1]
    (tmp_path / "cut" / "checkpoints" / ".writing-half.ckpt").touch()  # as when it was killed while writing
    seen, checkpoints = [], tmp_path / "cut" / "checkpoints"
    run = train(
        *(recipe, cohort, tmp_path / "cut"),
        device="cpu",
        epoch_progress=lambda *now: seen.append((*now, sorted(file.name for file in checkpoints.iterdir()))),
    )
    kept = ["best.safetensors", "last.ckpt"]
    assert seen == [(3, 4, kept), (4, 4, kept)]
    whole = train(recipe, cohort, tmp_path / "whole", device="cpu")
    for name in ("bundle/weights.safetensors", "predictions.csv", "log.csv"):
        assert (run.folder / name).read_bytes() == (whole.folder / name).read_bytes(), name


def half(content: bytes) -> bytes:
    return content[: len(content) // 2]


def one_byte_changed(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 255]) + content[middle + 1 :]


@pytest.mark.parametrize(
    ("file", "damage"), [("last.ckpt", half), ("last.ckpt", one_byte_changed), ("best.safetensors", half)]
)
def test_a_damaged_checkpoint_is_a_sentence_whose_advice_helps(
    cohort, tmp_path, tiny_recipe, without_curves, stopping_at, file, damage
):
    recipe = tiny_recipe({"epochs": 2})
    whole = train(recipe, cohort, tmp_path / "whole", device="cpu")
    with pytest.raises(KeyboardInterrupt):
        train(recipe, cohort, tmp_path / "cut", device="cpu", epoch_progress=stopping_at(2))
    damaged = tmp_path / "cut" / "checkpoints" / file
    damaged.write_bytes(damage(damaged.read_bytes()))
    with pytest.raises(InputError, match=rf"{damaged} is damaged or gone.* Delete the folder {damaged.parent}, and"):
        train(recipe, cohort, tmp_path / "cut", device="cpu")
    shutil.rmtree(damaged.parent)
    again = train(recipe, cohort, tmp_path / "cut", device="cpu")
    for name in ("bundle/weights.safetensors", "predictions.csv", "log.csv"):
        assert (again.folder / name).read_bytes() == (whole.folder / name).read_bytes(), name


def test_damaged_features_are_computed_again(
    cohort, tmp_path, tiny_recipe, frozen_encoder, without_curves, stopping_at
):
    recipe = tiny_recipe({"epochs": 2}, frozen_encoder)
    whole = train(recipe, cohort, tmp_path / "whole", device="cpu")
    with pytest.raises(KeyboardInterrupt):
        train(recipe, cohort, tmp_path / "cut", device="cpu", epoch_progress=stopping_at(1))
    for name in ("plain.safetensors", "replay_001.safetensors"):
        path = tmp_path / "cut" / "features" / name
        path.write_bytes(path.read_bytes()[:100])
    again = train(recipe, cohort, tmp_path / "cut", device="cpu")
    assert (again.bundle / "weights.safetensors").read_bytes() == (whole.bundle / "weights.safetensors").read_bytes()


@pytest.fixture
def poisoned(monkeypatch):
    """Let the sixth case's age be no number in the third epoch."""
    step = FusionModule.training_step
    seen = {}

    def training_step(self, batch, batch_idx):
        if self.current_epoch == 2 and 5 in batch["rows"].tolist():
            seen["batch"] = batch_idx
            batch["vectors"]["clinical"][batch["rows"] == 5] = torch.nan
        return step(self, batch, batch_idx)

    with monkeypatch.context() as patched:
        patched.setattr(FusionModule, "training_step", training_step)
        yield seen


def test_a_loss_that_is_no_number_stops_the_run_and_names_epoch_batch_and_case(cohort, tmp_path, tiny_recipe, poisoned):
    table = cohort.table.assign(split=["validation"] * 4 + ["train"] * 32 + ["test"] * 4)
    cohort = type(cohort)(table, cohort.folder, cohort.problems)
    with pytest.raises(InputError) as error:
        train(tiny_recipe(), cohort, tmp_path / "run", device="cpu")
    said = str(error.value)
    assert f"in epoch 2, in batch {poisoned['batch']} (counted from 0): the loss of c05" in said
    assert "training.learning_rate" in said
    # The last good epoch is kept, as numbers.
    assert pd.read_csv(tmp_path / "run" / "log.csv")["epoch"].tolist() == [0, 1]
    last = torch.load(tmp_path / "run" / "checkpoints" / "last.ckpt", weights_only=True)
    assert last["epoch"] == 1
    assert all(tensor.isfinite().all() for tensor in last["state_dict"].values())


def test_a_run_that_diverged_says_the_same_again_instead_of_going_on(
    cohort, tmp_path, tiny_recipe, poisoned, monkeypatch
):
    table = cohort.table.assign(split=["validation"] * 4 + ["train"] * 32 + ["test"] * 4)
    cohort = type(cohort)(table, cohort.folder, cohort.problems)
    with pytest.raises(InputError) as first:
        train(tiny_recipe(), cohort, tmp_path / "run", device="cpu")
    monkeypatch.undo()
    with pytest.raises(InputError) as second:
        train(tiny_recipe(), cohort, tmp_path / "run", device="cpu")
    assert str(second.value) == str(first.value)


def test_weights_that_are_no_numbers_are_noticed_on_the_validation_cases(cohort, tmp_path, tiny_recipe, monkeypatch):
    step = FusionModule.training_step

    def training_step(self, batch, batch_idx):
        step(self, batch, batch_idx)
        if self.current_epoch == 1 and self.trainer.is_last_batch:
            next(self.network.fusion_parameters()).data.fill_(torch.nan)

    monkeypatch.setattr(FusionModule, "training_step", training_step)
    with pytest.raises(InputError, match=r"in epoch 1, on validation cases .* and 1 more is not a number"):
        train(tiny_recipe(), cohort, tmp_path / "run", device="cpu")
    assert pd.read_csv(tmp_path / "run" / "log.csv")["epoch"].tolist() == [0]


def test_weights_that_are_no_numbers_are_never_kept_as_the_best_also_where_no_loss_shows_them(
    cohort, tmp_path, tiny_recipe, monkeypatch
):
    step = FusionModule.training_step

    def training_step(self, batch, batch_idx):
        step(self, batch, batch_idx)
        if self.current_epoch == 1 and self.trainer.is_last_batch:
            self.network.part_heads["t1"].weight.data[0, 0] = torch.nan

    monkeypatch.setattr(FusionModule, "training_step", training_step)
    with pytest.raises(InputError, match=r"in epoch 1 \(counted from 0\): weights at its end are not numbers.*Lower"):
        train(tiny_recipe(), cohort, tmp_path / "run", device="cpu")
    assert pd.read_csv(tmp_path / "run" / "log.csv")["epoch"].tolist() == [0]
    best = load_file(tmp_path / "run" / "checkpoints" / "best.safetensors")
    assert all(tensor.isfinite().all() for tensor in best.values())
