"""Mixed precision and compiled encoders: other ways to the same weights."""

import os

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file

from BreastFusionLib.errors import InputError
from BreastFusionLib.models.encoders import Encoder
from BreastFusionLib.reading import load_bundle
from BreastFusionLib.reading.score import score
from BreastFusionLib.training import train
from BreastFusionLib.training.module import FusionModule


def both(tiny_recipe, cohort, tmp_path, **settings):
    """Train in 32 bits, and with other settings."""
    plain = {"epochs": 2, "learning_rate": 0.005}
    return [
        train(tiny_recipe({**plain, **other}), cohort, tmp_path / f"run {len(other)}", device="cpu")
        for other in ({}, settings)
    ]


def test_mixed_precision_trains_nearly_the_same_weights_and_keeps_them_in_32_bits(cohort, tmp_path, tiny_recipe):
    plain, mixed = both(tiny_recipe, cohort, tmp_path, precision="bf16")
    weights = [load_file(run.bundle / "weights.safetensors") for run in (plain, mixed)]
    assert {tensor.dtype for tensor in weights[1].values() if tensor.is_floating_point()} == {torch.float32}
    logs = [pd.read_csv(run.log)["train_loss"] for run in (plain, mixed)]
    assert logs[0].tolist() != logs[1].tolist()
    # Eight bits of mantissa.
    np.testing.assert_allclose(*logs, rtol=0.02)


def test_half_precision_without_a_graphics_card_is_told(cohort, tmp_path, tiny_recipe):
    with pytest.raises(InputError, match="precision 16 needs a graphics card"):
        train(tiny_recipe({"precision": "16"}), cohort, tmp_path / "run", device="cpu")


@pytest.mark.slow
def test_a_compiled_encoder_trains_the_same_and_the_bundle_is_read_without_it(
    cohort, tmp_path, tiny_recipe, draw_inputs, monkeypatch
):
    compiled, calls = torch.nn.Module.compile, []

    def compile_quickly(self, **options):
        # Traced and replayed, without the minute that generating machine code takes.
        calls.append(self)
        compiled(self, backend="eager", **options)

    monkeypatch.setattr(torch.nn.Module, "compile", compile_quickly)
    plain, run = both(tiny_recipe, cohort, tmp_path, compile=True)
    assert [type(module) for module in calls] == [Encoder]
    weights = [load_file(r.bundle / "weights.safetensors") for r in (plain, run)]
    for name in weights[0]:
        torch.testing.assert_close(weights[1][name], weights[0][name], rtol=1e-4, atol=1e-5)
    bundle, predictions = load_bundle(run.bundle), pd.read_csv(run.predictions).set_index("case_id")["score"]
    assert score(draw_inputs("c04", 34.0), bundle).probability == pytest.approx(predictions["c04"], abs=1e-6)


@pytest.fixture
def chosen_by_the_program():
    """What a program may have chosen for its own computations before it trains."""

    def now():
        return (
            torch.are_deterministic_algorithms_enabled(),
            torch.is_deterministic_algorithms_warn_only_enabled(),
            torch.utils.deterministic.fill_uninitialized_memory,
            torch.backends.cudnn.benchmark,
            os.environ.get("CUBLAS_WORKSPACE_CONFIG"),
        )

    before = now()
    torch.backends.cudnn.benchmark = True
    yield now
    torch.backends.cudnn.benchmark = before[3]


def test_training_leaves_the_programs_own_choices_as_they_were_also_when_it_fails(
    cohort, tmp_path, tiny_recipe, chosen_by_the_program, monkeypatch
):
    step, within = FusionModule.training_step, []

    def training_step(self, batch, batch_idx):
        within.append(chosen_by_the_program())
        if len(within) == 2:
            raise InputError("It failed.")
        return step(self, batch, batch_idx)

    monkeypatch.setattr(FusionModule, "training_step", training_step)
    before = chosen_by_the_program()
    with pytest.raises(InputError, match="It failed"):
        train(tiny_recipe({"epochs": 1}), cohort, tmp_path / "run", device="cpu")
    assert set(within) == {(True, True, False, False, ":4096:8")}
    assert chosen_by_the_program() == before
    train(tiny_recipe({"epochs": 1}), cohort, tmp_path / "run", device="cpu")
    assert chosen_by_the_program() == before
