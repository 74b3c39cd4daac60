"""Makes two tiny untrained bundles in a folder: `demo` (of phantoms) and `patient` (says it was trained on patients).

Random weights, scalers fitted to a phantom give or take a tenth: good for testing the way of a reading, not its truth.
A program of its own, because a process that renders with VTK must not import torch.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from BreastFusionLib.models.network import build_network
from BreastFusionLib.phantom import make_exam
from BreastFusionLib.reading import (
    BundleMetadata,
    Calibration,
    Case,
    Scaler,
    TaskSpec,
    TrainingContext,
    TrainingRecord,
    prepare,
    write_bundle,
)
from BreastFusionLib.reading.recipe import ReadingRecipe

RECIPE = {
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
            "settings": {"setting": {"binWidth": 0.1}, "featureClass": {"shape": [], "firstorder": []}},
        },
        "kinetics": True,
        "clinical": [],
    },
    "model": {
        "encoder": {"name": "small", "weights": "none", "frozen": False, "shared": True},
        "auxiliary_heads": True,
    },
    "training": {"epochs": 1},
}


def main(folder: Path) -> None:
    """Write both bundles."""
    recipe = ReadingRecipe.from_mapping(RECIPE, "tiny")
    phantom = make_exam(2, 1, small=True)
    inputs = prepare(Case(phantom.exam, phantom.lesion), recipe.inputs)
    scalers = {source: _scaler(values) for source, values in inputs.vectors.items()}
    torch.manual_seed(3)
    sizes = {source: len(scaler.names) for source, scaler in scalers.items()}
    network = build_network(recipe.model, recipe.inputs.image_sources, sizes, 3, 2, load_weights=False).eval()
    metadata = BundleMetadata(
        name="tiny",
        version="1.0",
        task=TaskSpec(),
        training=TrainingRecord(True, 40, 20, 0.5, "f" * 64, TrainingContext.of([inputs.context])),
        thresholds={"sensitivity_0.95": 0.25, "youden": 0.5},
        calibration=Calibration("platt", 0.8, -0.1, {"kinetics": (2.0, 0.5)}),
        metrics={"auc": {"value": 0.9, "low": 0.8, "high": 1.0}, "n": 12},
    )
    write_bundle(folder / "demo", metadata, RECIPE, network, scalers)
    of_patients = replace(metadata, name="tiny-patient", training=replace(metadata.training, synthetic=False))
    write_bundle(folder / "patient", of_patients, RECIPE, network, scalers)


def _scaler(values: dict[str, float]) -> Scaler:
    own = np.array(list(values.values()))
    rows = own + 0.1 * np.abs(own) * np.random.default_rng(1).uniform(-1, 1, (40, own.size))
    return Scaler.fit(list(values), rows, np.arange(40) % 2)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
