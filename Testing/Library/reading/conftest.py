"""An exam made of numbers, a small recipe, and a bundle with random weights."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk

from BreastFusionLib.exam.geometry import Grid
from BreastFusionLib.exam.model import Exam, Phase, Series
from BreastFusionLib.lesion.model import Lesion
from BreastFusionLib.reading import (
    BundleMetadata,
    Calibration,
    Case,
    ClinicalEncoder,
    Scaler,
    TaskSpec,
    TrainingContext,
    TrainingRecord,
    prepare,
    write_bundle,
)
from BreastFusionLib.reading.recipe import ReadingRecipe
from BreastFusionLib.reading.scalers import Scalers

CENTER_LPS = (4.0, -6.0, 10.0)
GRIDS = {
    "dce": Grid((64, 60, 30), (1.0, 1.0, 2.0), (-28.0, -36.0, -20.0)),
    "t1": Grid((72, 72, 20), (0.8, 0.8, 3.0), (-25.0, -35.0, -20.0)),
    "t2": Grid((50, 50, 22), (1.2, 1.2, 2.5), (-26.0, -36.0, -18.0)),
}
ENHANCEMENT = (0.0, 2.0, 1.8, 1.6, 1.4)  # S / S0 - 1: +200 %, then wash-out to -20 %
RECIPE: dict[str, Any] = {
    "name": "tiny",
    "inputs": {
        "sequences": ["dce", "t1", "t2"],
        "dce_phase": 2,
        "patch": {
            "size_px": 32,
            "size_mm": 40.0,
            "slices": 3,
            "slice_step_mm": 3.0,
            "intensity": {"method": "robust"},
        },
        "radiomics": {
            "intensity": {"method": "robust"},
            "settings": {"setting": {"binWidth": 0.1}, "featureClass": {"shape": [], "firstorder": [], "glcm": []}},
        },
        "kinetics": True,
        "clinical": ["age"],
    },
    "model": {
        "encoder": {"name": "small", "weights": "none", "frozen": False, "shared": True},
        "auxiliary_heads": True,
        "standardise_features": True,
    },
    "training": {"epochs": 3},
}


def ellipsoid(grid: Grid, semi_axes_mm: tuple[float, float, float] = (9.0, 7.0, 8.0)) -> np.ndarray:
    index = np.stack(np.meshgrid(*[np.arange(n) for n in grid.size], indexing="ij"), axis=-1)
    inside = (((grid.physical(index) - CENTER_LPS) / semi_axes_mm) ** 2).sum(axis=-1) <= 1
    return inside.transpose(2, 1, 0)


def volume(grid: Grid, lesion_signal: float, seed: int) -> sitk.Image:
    noise = np.random.default_rng(seed).normal(0.0, 8.0, grid.size[::-1])
    pixels = 100.0 + noise + np.where(ellipsoid(grid), lesion_signal - 100.0, 0.0)
    pixels[:, :6] = 0.0  # air
    return grid.put_on(sitk.GetImageFromArray(np.maximum(pixels, 0).astype(np.int16)))


@pytest.fixture(scope="session")
def make_exam() -> Callable[..., Exam]:
    """Make an exam: make_exam(sequences=('dce', 't1', 't2'), phases=5, synthetic=True)."""

    def make(
        sequences: tuple[str, ...] = ("dce", "t1", "t2"), phases: int = 5, synthetic: bool = True, t1: str = "pre"
    ) -> Exam:
        dce = tuple(Phase(90.0 * i, volume(GRIDS["dce"], 150.0 * (1 + ENHANCEMENT[i]), seed=i)) for i in range(phases))
        contrast = {"dce": "post", "t1": t1, "t2": "pre"}
        images = {
            "dce": dce,
            "t1": (Phase(None, volume(GRIDS["t1"], 80.0, 11)),),
            "t2": (Phase(None, volume(GRIDS["t2"], 190.0, 12)),),
        }
        series = tuple(
            Series(
                name, f"ax {name}", "made", contrast[name], images[name], GRIDS[name], {"MagneticFieldStrength": 1.5}
            )
            for name in sequences
        )
        return Exam(series, "made", synthetic=synthetic)

    return make


@pytest.fixture(scope="session")
def lesion() -> Lesion:
    mask = GRIDS["dce"].put_on(sitk.GetImageFromArray(ellipsoid(GRIDS["dce"]).astype(np.uint8)))
    return Lesion(mask, "L1", "left")


@pytest.fixture(scope="session")
def case(make_exam: Callable[..., Exam], lesion: Lesion) -> Case:
    return Case(make_exam(), lesion, "C1", {"age": 52})


@pytest.fixture
def recipe_mapping() -> dict[str, Any]:
    return copy.deepcopy(RECIPE)


@pytest.fixture(scope="session")
def recipe() -> ReadingRecipe:
    return ReadingRecipe.from_mapping(RECIPE, "tiny")


@pytest.fixture(scope="session")
def inputs(case: Case, recipe: ReadingRecipe):
    return prepare(case, recipe.inputs)


@pytest.fixture(scope="session")
def scalers(inputs, recipe) -> dict[str, Scaler | ClinicalEncoder]:
    """Training cases like the case itself, give or take a tenth, aged 30 to 69."""
    found: dict[str, Scaler | ClinicalEncoder] = {}
    for source, values in inputs.vectors.items():
        own = np.array(list(values.values()))
        rows = own + 0.1 * np.abs(own) * np.random.default_rng(1).uniform(-1, 1, (40, own.size))
        found[source] = Scaler.fit(list(values), rows, np.arange(40) % 2)
    ages = [{"age": 30.0 + number} for number in range(40)]
    found["clinical"] = ClinicalEncoder.fit(recipe.inputs.clinical, ages, np.arange(40) % 2)
    return found


@pytest.fixture(scope="session")
def metadata(inputs) -> BundleMetadata:
    return BundleMetadata(
        name="tiny",
        version="1.0",
        task=TaskSpec(),
        training=TrainingRecord(False, 40, 20, 0.5, "f" * 64, TrainingContext.of([inputs.context])),
        thresholds={"sensitivity_0.95": 0.25, "youden": 0.5},
        calibration=Calibration("platt", 0.8, -0.1, {"kinetics": (2.0, 0.5)}),
        metrics={"auc": {"value": 0.9, "low": 0.8, "high": 1.0}, "n": 12},
    )


@pytest.fixture(scope="session")
def network(recipe: ReadingRecipe, scalers: Scalers):
    import torch

    from BreastFusionLib.models import build_network

    torch.manual_seed(3)
    sizes = {source: len(scaler.names) for source, scaler in scalers.items()}
    return build_network(recipe.model, recipe.inputs.channels, sizes, 2, load_weights=False).eval()


@pytest.fixture(scope="session")
def bundle_folder(tmp_path_factory, metadata, network, scalers) -> Path:
    return write_bundle(tmp_path_factory.mktemp("run") / "bundle", metadata, RECIPE, network, scalers)


@pytest.fixture(scope="session")
def synthetic_bundle_folder(tmp_path_factory, metadata, network, scalers) -> Path:
    demo = replace(metadata, training=replace(metadata.training, synthetic=True))
    return write_bundle(tmp_path_factory.mktemp("run") / "demo", demo, RECIPE, network, scalers)
