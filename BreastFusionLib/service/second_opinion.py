"""What the panel's own test compares with: a reading of files by the library alone, without panel and service.

    python -m BreastFusionLib.service.second_opinion EXAM LESION OUT [--without-radiomics]

leaves OUT/bundle, an untrained model made on the spot, and OUT/reading, what it reads. The number of such a model says
nothing; that two ways to it agree does.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from BreastFusionLib.exam import read_exam
from BreastFusionLib.lesion import read_lesion
from BreastFusionLib.reading import (
    BundleMetadata,
    Calibration,
    Case,
    CaseInputs,
    Reader,
    ReadingRecipe,
    TrainingContext,
    TrainingRecord,
    load_bundle,
    prepare,
    write_bundle,
)
from BreastFusionLib.reading.scalers import fit_scalers

__all__ = ["RECIPE", "main", "write_untrained_bundle"]

_CASES = 40

RECIPE: Mapping[str, Any] = {
    "name": "untrained",
    "inputs": {
        "sequences": ["dce", "t1", "t2"],
        "dce_phase": 1,
        "patch": {
            "size_px": 32,
            "size_mm": 40.0,
            "slices": 3,
            "slice_step_mm": 3.0,
            "intensity": {"method": "robust"},
        },
        "radiomics": {
            "intensity": {"method": "robust"},
            "settings": {"setting": {"binWidth": 0.1}},
        },
        "kinetics": True,
        "clinical": [],
    },
    "model": {
        "encoder": {"name": "small", "weights": "none", "frozen": False, "shared": True},
        "auxiliary_heads": True,
        "standardise_features": True,
    },
    "training": {"epochs": 1},
}
"""A small network on everything that a reading can use."""


def write_untrained_bundle(
    folder: Path, case: Case, recipe: Mapping[str, Any] = RECIPE, synthetic: bool = True, **facts: Any
) -> Path:
    """Make a bundle with random weights, always the same.

    Args:
        folder: is made.
        case: its own measurements, varied by a tenth, stand for the training cases.
        recipe: the content of its recipe.json.
        synthetic: whether it calls itself trained on phantoms.
        facts: fields of `BundleMetadata` that are to be others.

    Returns:
        The folder.
    """
    import torch

    from BreastFusionLib.models import build_network

    resolved = ReadingRecipe.from_mapping(recipe, recipe["name"])
    inputs = prepare(case, resolved.inputs)
    scalers = fit_scalers(_varied(inputs), np.arange(_CASES) % 2, resolved.inputs)
    torch.manual_seed(0)
    sizes = {source: len(scaler.names) for source, scaler in scalers.items()}
    network = build_network(resolved.model, resolved.inputs.channels, sizes, 2, load_weights=False).eval()
    metadata = replace(_metadata(resolved, inputs, synthetic), **facts)
    return write_bundle(folder, metadata, recipe, network, scalers)


def main(arguments: Sequence[str] | None = None) -> None:
    """Make the bundle and read the lesion with it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("exam", type=Path, help="exam folder")
    parser.add_argument("lesion", type=Path, help="mask on the DCE grid")
    parser.add_argument("out", type=Path, help="receives bundle/ and reading/")
    parser.add_argument("--without-radiomics", action="store_true")
    options = parser.parse_args(arguments)
    exam = read_exam(options.exam)
    case = Case(exam, read_lesion(options.lesion, exam))
    without = {"radiomics": None} if options.without_radiomics else {}
    write_untrained_bundle(options.out / "bundle", case, {**RECIPE, "inputs": {**RECIPE["inputs"], **without}})
    Reader(load_bundle(options.out / "bundle", device="cpu")).read(case).write(options.out / "reading")


def _varied(inputs: CaseInputs) -> list[CaseInputs]:
    """Return copies of a case, each of its numbers varied by up to a tenth."""
    rng = np.random.default_rng(0)

    def vary(values: Mapping[str, Any]) -> dict[str, Any]:
        factors = 1 + 0.1 * rng.uniform(-1.0, 1.0, len(values))
        numbers = zip(values.items(), factors.tolist(), strict=True)
        return {name: value * factor if isinstance(value, float) else value for (name, value), factor in numbers}

    return [
        replace(
            inputs,
            vectors={source: vary(values) for source, values in inputs.vectors.items()},
            columns=vary(inputs.columns),
        )
        for _ in range(_CASES)
    ]


def _metadata(recipe: ReadingRecipe, inputs: CaseInputs, synthetic: bool) -> BundleMetadata:
    training = TrainingRecord(synthetic, _CASES, _CASES // 2, 0.5, "0" * 64, TrainingContext.of([inputs.context]))
    return BundleMetadata(
        name=recipe.name,
        version="1.0",
        task=recipe.task,
        training=training,
        thresholds={"sensitivity_0.95": 0.25, "youden": 0.5},
        calibration=Calibration("platt", 0.8, -0.1, {}),
        metrics={},
    )


if __name__ == "__main__":
    main()
