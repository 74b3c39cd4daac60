"""How long a reading of one lesion takes on full-size volumes, models loaded: `python Testing/Benchmarks/reading.py`.

Target: a median of at most 1.0 s on two cores, for a lesion of up to 20 mm radius, with radiomics of three sequences
and both kinds of maps. Weights are random: the time does not depend on them.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk
from machine import describe_machine

from BreastFusionLib.exam.geometry import Grid
from BreastFusionLib.exam.model import Exam, Phase, Series
from BreastFusionLib.features.radiomics import provider
from BreastFusionLib.lesion.model import Lesion
from BreastFusionLib.models import build_network
from BreastFusionLib.reading import (
    BundleMetadata,
    Case,
    Reader,
    Reading,
    ReadingRecipe,
    Scaler,
    TrainingContext,
    TrainingRecord,
    load_bundle,
    prepare,
    write_bundle,
)

# Python puts a script's folder first on its path, where `radiomics` is another benchmark.
sys.path[:] = [entry for entry in sys.path if Path(entry).resolve() != Path(__file__).resolve().parent]

TARGET_S = 1.0
# Three full-size volumes on grids of their own, so that mapping has to resample.
GRIDS = {
    "dce": Grid((448, 448, 160), (0.76, 0.76, 1.1), (-170.0, -170.0, -88.0)),
    "t1": Grid((448, 448, 160), (0.70, 0.70, 1.0), (-157.0, -157.0, -80.0)),
    "t2": Grid((448, 448, 160), (0.80, 0.80, 1.2), (-179.0, -179.0, -96.0)),
}
SIGNAL = {"dce": (130.0, 390.0, 358.0, 335.0, 319.0), "t1": (90.0,), "t2": (180.0,)}
RECIPE: dict[str, Any] = {
    "name": "benchmark",
    "inputs": {
        "patch": {"size_px": 224, "size_mm": 64.0, "slice_step_mm": 3.0, "intensity": {"method": "robust"}},
        "radiomics": {"intensity": {"method": "robust"}, "settings": {"setting": {"binWidth": 0.02}}},
        "kinetics": True,
    },
    "model": {"encoder": {"name": "resnet50", "weights": "none", "frozen": False}, "auxiliary_heads": True},
}


def make_case(radius_mm: float) -> Case:
    """Make an exam of noisy tissue and air with a lobulated lesion of about the given radius."""
    rng = np.random.default_rng(0)
    series = []
    for name, grid in GRIDS.items():
        tissue = rng.normal(100.0, 20.0, grid.size[::-1]).astype(np.float32)
        tissue[:, :100] = rng.exponential(4.0, tissue[:, :100].shape)
        inside = lesion_voxels(grid, radius_mm)
        phases = []
        for number, signal in enumerate(SIGNAL[name]):
            pixels = tissue.copy()
            pixels[inside] += signal - 100.0
            image = grid.put_on(sitk.GetImageFromArray(np.maximum(pixels, 0).astype(np.int16)))
            phases.append(Phase(90.0 * number, image))
        series.append(Series(name, name, "made", "post" if name == "dce" else "pre", tuple(phases), grid))
    mask = lesion_voxels(GRIDS["dce"], radius_mm).astype(np.uint8)
    return Case(Exam(tuple(series), "made"), Lesion(GRIDS["dce"].put_on(sitk.GetImageFromArray(mask))))


def lesion_voxels(grid: Grid, radius_mm: float) -> np.ndarray:
    """Return which voxels [k, j, i] lie in a ball whose surface waves by a tenth of its radius."""
    k, j, i = np.indices(grid.size[::-1], sparse=True)
    x, y, z = (a * mm + o for a, mm, o in zip((i, j, k), grid.spacing_mm, grid.origin_lps, strict=True))
    surface = radius_mm * (1 + 0.1 * np.sin(0.6 * x) * np.cos(0.5 * y) * np.sin(0.4 * z))
    return np.sqrt(x * x + y * y + z * z) < surface


def make_bundle(case: Case, folder: Path) -> Path:
    """Write a bundle with random weights whose training cases resemble `case`."""
    recipe = ReadingRecipe.from_mapping(RECIPE, "benchmark")
    inputs = prepare(case, recipe.inputs)
    rng = np.random.default_rng(0)
    scalers = {}
    for source, values in inputs.vectors.items():
        rows = np.array(list(values.values())) * rng.uniform(0.8, 1.2, (40, len(values)))
        scalers[source] = Scaler.fit(list(values), rows, np.arange(40) % 2)
    sizes = {source: len(scaler.names) for source, scaler in scalers.items()}
    network = build_network(recipe.model, recipe.inputs.channels, sizes, 2, load_weights=False)
    record = TrainingRecord(False, 40, 20, 0.5, context=TrainingContext.of([inputs.context]))
    metadata = BundleMetadata("benchmark", "0", recipe.task, record, {"sensitivity_0.95": 0.2})
    return write_bundle(folder, metadata, RECIPE, network, scalers)


def measure(reader: Reader, case: Case, runs: int) -> tuple[float, dict[str, float]]:
    """Return the median of the total, and of every stage."""
    readings: list[Reading] = [reader.read(replace(case, case_id=f"run {run}")) for run in range(runs + 1)][1:]
    stages = {name: statistics.median(r.seconds[name] for r in readings) for name in readings[0].seconds}
    return stages.pop("total"), stages


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--radius", type=float, nargs="+", default=[14.0, 20.0], help="mm")
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--device", default="cpu", choices=("auto", "cpu", "cuda"))
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    machine = describe_machine("numpy", "SimpleITK", "torch", provider()["provider"])
    if not options.json:
        print(machine)
    results = []
    with tempfile.TemporaryDirectory() as folder:
        for radius_mm in options.radius:
            case = make_case(radius_mm)
            reader = Reader(load_bundle(make_bundle(case, Path(folder) / "bundle"), options.device))
            total, stages = measure(reader, case, options.runs)
            results.append({"radius_mm": radius_mm, "total_s": total, "target_s": TARGET_S, "stages_s": stages})
            if not options.json:
                parts = "  ".join(f"{name} {seconds:.3f}" for name, seconds in stages.items())
                print(f"radius {radius_mm:g} mm: {total:.2f} s (target {TARGET_S:g} s)   {parts}", flush=True)
    if options.json:
        print(
            json.dumps({"machine": machine, "device": reader.bundle.device, "runs": options.runs, "readings": results})
        )


if __name__ == "__main__":
    main()
