"""A cohort of forty made-up cases whose inputs are drawn instead of measured, so that training takes a second."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import save_file

from BreastFusionLib.cohort import Cohort, read_cohort
from BreastFusionLib.cohort import inputs as cohort_inputs
from BreastFusionLib.cohort.inputs import CaseTask
from BreastFusionLib.errors import InputError
from BreastFusionLib.exam.geometry import Grid
from BreastFusionLib.images.patches import Patch
from BreastFusionLib.models.small import small_body
from BreastFusionLib.reading.cache import SavedInputs, save_inputs
from BreastFusionLib.training.recipe import Recipe
from BreastFusionLib.training.run import Run

SIZE_PX = 16
MAPPING = {
    "name": "tiny",
    "inputs": {
        "sequences": ["dce", "t1"],
        "patch": {"size_px": SIZE_PX, "size_mm": 16.0, "slice_step_mm": 3.0, "intensity": {"method": "none"}},
        "clinical": ["age", "size"],
    },
    "model": {
        "encoder": {"name": "small", "weights": "none", "frozen": False, "shared": True},
        "auxiliary_heads": True,
        "standardise_features": True,
        "source_dropout": 0.2,
        "head": ["drop"],
        "dropout": 0.1,
    },
    "training": {"epochs": 4, "batch_size": 8, "learning_rate": 0.02, "milestones": [2], "split_seed": 1},
    "evaluation": {"bootstrap": 50},
}


@pytest.fixture
def tiny_recipe() -> Callable[..., Recipe]:
    """Make the recipe with other settings: tiny_recipe(training={}, model={})."""
    return _tiny_recipe


@pytest.fixture
def draw_inputs() -> Callable[..., SavedInputs]:
    """Draw a case's inputs: draw_inputs(case_id, age)."""
    return _draw_inputs


@pytest.fixture
def train_tiny() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Train in a process of its own: train_tiny(cohort, out, **settings), see train_tiny.py."""
    return _train_tiny


def _train_tiny(cohort: Cohort, out: Path, threads: int | None = None, **settings: Any) -> Any:
    # Sums come in the same order only with as many threads.
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads or torch.get_num_threads())}
    program = Path(__file__).parent / "train_tiny.py"
    command = [sys.executable, str(program), str(cohort.folder / "cohort.csv"), str(out), json.dumps(settings)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=False)


def _tiny_recipe(training: dict | None = None, model: dict | None = None) -> Recipe:
    changed = {"training": {**MAPPING["training"], **(training or {})}, "model": {**MAPPING["model"], **(model or {})}}
    return Recipe.from_mapping({**MAPPING, **changed}, "tiny")


def _draw_inputs(case_id: str, age: float) -> SavedInputs:
    """Draw a case: a bright spot on DCE and a size that know its kind, a T1 that does not and is missing sometimes."""
    number = int(case_id[1:])
    label = number % 2
    generator = np.random.default_rng(number)
    grid = Grid((SIZE_PX, SIZE_PX, 3), (1.0, 1.0, 3.0))
    pixels = {name: generator.normal(size=(3, SIZE_PX, SIZE_PX)).astype(np.float32) for name in ("dce", "t1")}
    pixels["dce"][:, 6:10, 6:10] += 1.5 * label
    if number % 7 == 0:
        del pixels["t1"]
    contrast = {name: "post" if name == "dce" else "pre" for name in pixels}
    return SavedInputs(
        case_id=case_id,
        patches={name: Patch(values, grid) for name, values in pixels.items()},
        vectors={},
        columns={"age": float(age), "size": 10.0 + 4 * label + generator.normal()},
        context={
            "contrast": contrast,
            "spacing_mm": {name: [1.0, 1.0, 3.0] for name in pixels},
            "field_strength_t": 1.5 if number % 2 else 3.0,
            "synthetic": True,
        },
    )


def _prepare_drawn(task: CaseTask) -> Path:
    """Stand in for `prepare_to_cache`."""
    case_id = task.row["case_id"]
    if (task.folder / str(task.row["exam"])).read_text() == "broken":
        raise InputError(f"The exam of {case_id} is broken.")
    path = task.cache / f"{case_id}.safetensors"
    save_inputs(_draw_inputs(case_id, float(task.row["age"])), path)
    return path


@pytest.fixture
def cohort(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cohort:
    """Forty patients, every other one malignant."""
    monkeypatch.setattr(cohort_inputs, "prepare_to_cache", _prepare_drawn)
    folder = tmp_path / "cohort"
    folder.mkdir()
    rows = []
    for number in range(40):
        name = f"c{number:02d}"
        for ending in ("", "_mask"):
            (folder / f"{name}{ending}.nii.gz").write_text(name)
        rows.append((name, name, f"{name}.nii.gz", f"{name}_mask.nii.gz", number % 2, 30 + number, 0.0))
    # The size in the table is never looked at: it is drawn like all other inputs.
    table = pd.DataFrame(rows, columns=["case_id", "patient_id", "exam", "lesion", "label", "age", "size"])
    table.to_csv(folder / "cohort.csv", index=False)
    return read_cohort(folder / "cohort.csv")


@pytest.fixture
def frozen_encoder(tmp_path: Path) -> dict[str, Any]:
    """Model settings: an encoder frozen as it is in a file."""
    torch.manual_seed(0)
    save_file(small_body().state_dict(), tmp_path / "encoder.safetensors")
    weights = str(tmp_path / "encoder.safetensors")
    return {"encoder": {"name": "small", "weights": weights, "frozen": True, "shared": False, "pooling": "max"}}


@pytest.fixture(params=["trained encoder", "frozen encoder"])
def model(request: pytest.FixtureRequest) -> dict[str, Any]:
    """Model settings: an encoder trained from scratch, or one frozen as it is in a file."""
    return {} if request.param == "trained encoder" else request.getfixturevalue("frozen_encoder")


@pytest.fixture
def without_curves(monkeypatch: pytest.MonkeyPatch) -> None:
    """Draw no figures: with networks this small they take most of the time."""
    monkeypatch.setattr("BreastFusionLib.training.curves.draw_curves", lambda *_: None)


@pytest.fixture
def weights() -> Callable[[Run], bytes]:
    """Read the weights of a run's bundle: weights(run)."""
    return _weights


@pytest.fixture
def same_result() -> Callable[[Run, Run], bool]:
    """Tell whether two runs have the same weights and predictions: same_result(one, other)."""
    return lambda one, other: all(
        read(one) == read(other) for read in (_weights, lambda run: run.predictions.read_bytes())
    )


def _weights(run: Run) -> bytes:
    return (run.bundle / "weights.safetensors").read_bytes()


@pytest.fixture
def stopping_at() -> Callable[[int], Callable[[int, int], None]]:
    """Make a progress callback that interrupts when it is called for the nth time: stopping_at(n)."""
    return _stopping_at


def _stopping_at(call: int) -> Callable[[int, int], None]:
    calls = []

    def progress(done: int, total: int) -> None:
        calls.append(done)
        if len(calls) == call:
            raise KeyboardInterrupt

    return progress
