"""Exams and masks made of plain arrays, on upright and on awkward grids."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import SimpleITK as sitk
from numpy.typing import NDArray

from BreastFusionLib.exam.geometry import Grid
from BreastFusionLib.exam.model import Exam, Phase, Series


def _direction() -> tuple[float, ...]:
    a, b = np.deg2rad(20.0), np.deg2rad(-35.0)
    turn_z = np.array([[np.cos(a), -np.sin(a), 0], [np.sin(a), np.cos(a), 0], [0, 0, 1]])
    turn_x = np.array([[1, 0, 0], [0, np.cos(b), -np.sin(b)], [0, np.sin(b), np.cos(b)]])
    return tuple((turn_z @ turn_x @ np.diag([-1.0, 1.0, -1.0])).ravel().tolist())


# Non-square, anisotropic, oblique with two axes flipped, far from the origin.
OBLIQUE = Grid((30, 24, 12), (0.7, 0.9, 2.5), (112.5, -80.25, 33.0), _direction())
UPRIGHT = Grid((30, 24, 12), (1.0, 1.0, 1.0))


@pytest.fixture(params=["upright", "oblique"])
def grid(request: pytest.FixtureRequest) -> Grid:
    """Both grids in turn."""
    return UPRIGHT if request.param == "upright" else OBLIQUE


@pytest.fixture(scope="session")
def oblique() -> Grid:
    return OBLIQUE


@pytest.fixture(scope="session")
def upright() -> Grid:
    return UPRIGHT


def put(pixels: NDArray, grid: Grid) -> sitk.Image:
    """Return an array [k, j, i] as an image on a grid."""
    return grid.put_on(sitk.GetImageFromArray(pixels))


def box_mask(grid: Grid, start: Sequence[int], size: Sequence[int]) -> sitk.Image:
    """Return a mask with a box of voxels (i, j, k) inside."""
    pixels = np.zeros(grid.size[::-1], np.uint8)
    pixels[tuple(slice(a, a + n) for a, n in zip(start[::-1], size[::-1], strict=True))] = 1
    return put(pixels, grid)


def ellipsoid(grid: Grid, center_lps: Sequence[float], radii_mm: Sequence[float] | float) -> sitk.Image:
    """Return a mask of an ellipsoid whose axes are those of the patient."""
    k, j, i = np.indices(grid.size[::-1])
    points = grid.physical(np.stack([i, j, k], axis=-1)) - np.asarray(center_lps)
    return put((((points / np.asarray(radii_mm)) ** 2).sum(axis=-1) <= 1).astype(np.uint8), grid)


def exam_of(
    dce: Sequence[NDArray],
    grid: Grid,
    times_s: Sequence[float | None] | None = None,
    t1: sitk.Image | None = None,
    t2: sitk.Image | None = None,
) -> Exam:
    """Return an exam of DCE phases (arrays [k, j, i] on one grid) and further sequences."""
    times = times_s if times_s is not None else [90.0 * number for number in range(len(dce))]
    phases = tuple(Phase(time, put(pixels, grid)) for time, pixels in zip(times, dce, strict=True))
    series = [Series("dce", "ax dyn", "several phases", "post", phases, grid)]
    for role, image in (("t1", t1), ("t2", t2)):
        if image is not None:
            series.append(Series(role, f"ax {role}", "name", "pre", (Phase(None, image),), Grid.of(image)))  # type: ignore[arg-type]
    return Exam(tuple(series), "test", synthetic=True)


def flat_exam(grid: Grid, signals: Sequence[float] = (100, 200), **others: object) -> Exam:
    """Return an exam whose phases have one signal each."""
    return exam_of([np.full(grid.size[::-1], s, np.float32) for s in signals], grid, **others)  # type: ignore[arg-type]


@pytest.fixture(scope="session")
def make() -> SimpleNamespace:
    """The builders above: make.box_mask(..), make.exam_of(..)."""
    return SimpleNamespace(box_mask=box_mask, ellipsoid=ellipsoid, exam_of=exam_of, flat_exam=flat_exam, put=put)


@pytest.fixture(scope="session")
def duke_nii(duke_folder: Path) -> Exam:
    """The real patient's right breast in full resolution, with its T1."""

    def read(name: str) -> sitk.Image:
        return sitk.ReadImage(str(duke_folder / "nii" / f"{name}.nii.gz"))

    names = ("pre", "post1", "post2", "post3", "post4")
    times_s = (0.0, 1371.0, 1493.0, 1615.0, 1737.0)
    dce = [read(f"dce_{name}_rightbreast") for name in names]
    phases = tuple(Phase(time, image) for time, image in zip(times_s, dce, strict=True))
    t1 = read("t1_tse_postcontrast_full")
    return Exam(
        (
            Series("dce", "ax dyn", "five phases", "post", phases, Grid.of(dce[0])),
            Series("t1", "ax t1 tse +c", "name", "post", (Phase(None, t1),), Grid.of(t1)),
        ),
        "duke153",
    )


@pytest.fixture(scope="session")
def duke_mask(duke_folder: Path) -> sitk.Image:
    """A threshold mask of its lesion."""
    return sitk.ReadImage(str(duke_folder / "nii" / "lesion_threshold_mask_rightbreast.nii.gz"))
