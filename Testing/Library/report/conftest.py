"""A small made-up exam with a lesion, a reading of it, and an evaluation, for the report's tests."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk

from BreastFusionLib.evaluation import evaluate_scores
from BreastFusionLib.exam.geometry import Grid
from BreastFusionLib.exam.model import Exam, Phase, Series
from BreastFusionLib.report import LesionPictures


def volume(spacing: tuple[float, float, float], value: float, lesion: float) -> tuple[sitk.Image, sitk.Image]:
    """Return an image of 60 x 60 x 36 mm with a bright ball of 8 mm radius, and the ball's mask."""
    size = [round(length / s) for length, s in zip((60, 60, 36), spacing, strict=True)]
    image = sitk.Image(size, sitk.sitkFloat32)
    image.SetSpacing(spacing)
    image.SetOrigin((-30.0 + spacing[0] / 2, -30.0 + spacing[1] / 2, -18.0 + spacing[2] / 2))
    k, j, i = np.indices(size[::-1])
    points = Grid.of(image).physical(np.stack([i, j, k], axis=-1))
    inside = np.linalg.norm(points - [5.0, -4.0, 2.0], axis=-1) < 8
    filled = sitk.GetImageFromArray(np.where(inside, lesion, value).astype(np.float32))
    mask = sitk.GetImageFromArray(inside.astype(np.uint8))
    filled.CopyInformation(image)
    mask.CopyInformation(image)
    return filled, mask


def make_exam(phases: int = 4, t2: bool = True) -> tuple[Exam, dict[str, sitk.Image]]:
    """Return an exam of DCE, T1 and perhaps T2, and the lesion's mask on each."""
    means = [100, 250, 300, 240][:phases]
    dce = [volume((1.0, 1.0, 2.0), 80, mean) for mean in means]
    phases_of = tuple(Phase(90.0 * n, image) for n, (image, _) in enumerate(dce))
    series = [Series("dce", "dyn", "", "post", phases_of, Grid.of(dce[0][0]))]
    masks = {"dce": dce[0][1]}
    for role, spacing in (("t1", (1.5, 1.5, 3.0)), ("t2", (1.2, 1.2, 4.0)))[: 2 if t2 else 1]:
        image, masks[role] = volume(spacing, 120, 60)
        series.append(Series(role, role, "", "pre", (Phase(None, image),), Grid.of(image)))  # type: ignore[arg-type]
    return Exam(tuple(series), "ball", synthetic=True), masks


def cell_map(mask: sitk.Image, cells: int = 4) -> sitk.Image:
    """Return a coarse map over a volume, constant along slices: cell (row, column) has the value of its number."""
    columns, rows, slices = mask.GetSize()
    values = np.arange(cells * cells).reshape(cells, cells) / (cells * cells - 1)
    rows_of, columns_of = np.arange(rows) * cells // rows, np.arange(columns) * cells // columns
    image = sitk.GetImageFromArray(np.repeat(values[np.ix_(rows_of, columns_of)][None], slices, 0).astype(np.float32))
    image.CopyInformation(mask)
    return image


KINETICS: dict[str, Any] = {
    "phases": [{"time_s": 90.0 * n, "mean": m, "percent": m - 100} for n, m in enumerate((100.0, 250.0, 300.0, 240.0))],
    "initial_percent": 200.0,
    "initial_rise": "fast",
    "delayed_percent": -20.0,
    "curve": "wash-out",
    "ser": 1.43,
    "peak_percent": 200.0,
    "time_to_peak_s": 180.0,
    "washout_share": 0.77,
    "plateau_share": 0.2,
    "persistent_share": 0.03,
    "worst_curve": "wash-out",
    "worst_curve_share": 0.77,
    "initial_percent_sd": 10.0,
    "delayed_percent_sd": 5.0,
    "voxels": 1000,
    "warnings": [],
}


def make_reading(masks: dict[str, sitk.Image]) -> dict[str, Any]:
    """Return a reading in the form of reading.json."""
    return {
        "case_id": "ball",
        "title": "Probability of malignancy",
        "statement": "Probability of malignancy: 0.87",
        "probability": 0.873,
        "class": "malignant",
        "threshold": 0.214,
        "parts": {"dce": 0.81, "radiomics": 0.62},
        "why": ["wash-out in 77 % of the lesion"],
        "sources": {"used": list(masks), "missing": [name for name in ("t1", "t2") if name not in masks]},
        "lesion": {
            "id": "L1",
            "side": "left",
            "volume_mm3": 2144.0,
            "diameter_3d_mm": 16.2,
            "diameter_inplane_mm": 15.9,
            "components": 1,
        },
        "kinetics": KINETICS,
        "mapping": {
            name: {
                "method": "geometry",
                "coverage": 0.99,
                "volume_mm3": 2100.0,
                "voxels": 1072,
                "slices": 7,
                "file": f"lesion_{name}.nii.gz",
            }
            for name in masks
        },
        "features": [
            {
                "source": "radiomics",
                "name": "dce_shape_Sphericity",
                "value": 0.6031,
                "standardised": -1.5,
                "training_percentile": 7.0,
                "contribution": 0.91,
            }
        ],
        "maps": [
            {"sequence": name, "method": "gradcam++", "file": f"map_{name}.nii.gz", "cell_size_mm": [15.0, 15.0]}
            for name in masks
        ],
        "in_distribution": True,
        "warnings": ["The T1 series was taken after contrast."],
        "seconds": {"radiomics": 0.21, "total": 0.97},
        "device": "cpu",
        "versions": {"torch": "2.13.0", "radiomics": {"provider": "somewhere", "version": "3"}},
        "bundle": {"name": "demo", "version": "1", "synthetic": True, "prevalence": 0.5},
        "disclaimer": "Research use only. Not a medical device.",
    }


@pytest.fixture(scope="session")
def made_up() -> SimpleNamespace:
    """The makers above, for tests that need other exams than the usual one."""
    return SimpleNamespace(volume=volume, exam=make_exam, cell_map=cell_map, reading=make_reading, kinetics=KINETICS)


@pytest.fixture(scope="session")
def pictures() -> LesionPictures:
    exam, masks = make_exam()
    maps = {(name, "gradcam++"): cell_map(mask) for name, mask in masks.items()}
    return LesionPictures(exam, masks, maps, dict.fromkeys(masks, (15.0, 15.0)))


@pytest.fixture
def reading(pictures: LesionPictures) -> dict[str, Any]:
    return make_reading(dict(pictures.masks))


@pytest.fixture(scope="session")
def evaluation() -> dict[str, Any]:
    random = np.random.default_rng(0)
    labels = np.array([0, 1] * 30)
    scores = {
        name: 1 / (1 + np.exp(-random.normal(size=60) - effect * (labels - 0.5)))
        for name, effect in (("T1", 0.8), ("Fusion", 3.0))
    }
    return evaluate_scores(labels, scores, bootstrap=200)
