"""Outlining a lesion from one click: region growing on percentage enhancement."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import scipy
import SimpleITK as sitk
from numpy.typing import NDArray

from BreastFusionLib.errors import InputError
from BreastFusionLib.exam.geometry import Box, Grid
from BreastFusionLib.exam.model import Exam

__all__ = ["segment_from_seed"]

# Vessels that enter a lesion are thinner than this radius; a region is cut where only they connect it.
VESSEL_RADIUS_MM = 1.5


def segment_from_seed(
    exam: Exam, seed_lps: Sequence[float], enhancement_percent: float = 70.0, radius_mm: float = 30.0
) -> sitk.Image:
    """Outline the lesion round a point.

    Voxels that enhance enough in the first phase after contrast and hang together with the seed are taken, their
    holes are closed, and parts that only a vessel (radius up to 1.5 mm) connects are cut off.

    Args:
        exam: its DCE series needs a phase before and one after contrast.
        seed_lps: a point (x, y, z) in the lesion, in LPS mm.
        enhancement_percent: least enhancement, 100 (S1 - S0) / S0. For voxels darker than the median S0 of the
            neighbourhood that median takes the place of S0: fat-suppressed fat and air would pass by noise alone.
        radius_mm: no voxel further away from the seed is taken.

    Returns:
        sitk.sitkUInt8, 1 inside, on the grid of the DCE series.

    Raises:
        InputError: a point outside the DCE volume or where nothing enhances, or too few phases.
    """
    dce, grid = exam.dce, exam.dce.grid
    if len(dce.phases) < 2:
        raise InputError(
            f"The DCE series '{dce.description}' has {len(dce.phases)} phase: to outline a lesion by its enhancement "
            "one phase before and one after contrast are needed. Add the other phases, or draw the lesion."
        )
    if not grid.contains(seed_lps):
        point = ", ".join(f"{value:.1f}" for value in seed_lps)
        raise InputError(f"The point ({point}) mm (LPS) lies outside the DCE volume. Choose a point in the lesion.")
    seed_ijk = np.clip(np.rint(grid.index(seed_lps)).astype(int), 0, np.array(grid.size) - 1)
    box = _box_round(seed_ijk, radius_mm, grid)
    within = _distance_mm(box, seed_ijk, grid) <= radius_mm
    before, after = (sitk.GetArrayFromImage(dce.phase(i).part(box)).astype(np.float64) for i in (0, 1))
    percent = _enhancement_percent(before, after, within)
    seed = tuple((seed_ijk - box.start)[::-1].tolist())
    if not percent[seed] >= enhancement_percent:
        raise InputError(
            f"The voxel at the chosen point enhances by {percent[seed]:.0f} %, less than the {enhancement_percent:.0f} "
            "% asked for. Choose a point in the enhancing part of the lesion, or ask for less."
        )
    region = _part_at((percent >= enhancement_percent) & within, seed)
    # Everything that follows happens inside the region, which is much smaller than the ball it may fill.
    (around,) = scipy.ndimage.find_objects(region.astype(np.uint8))
    seed_around = tuple(index - extent.start for index, extent in zip(seed, around, strict=True))
    filled = scipy.ndimage.binary_fill_holes(region[around])
    lesion = np.zeros_like(region)
    lesion[around] = _without_vessels(filled, seed_around, grid.spacing_mm[::-1])
    pixels = np.zeros(grid.size[::-1], np.uint8)
    pixels[box.slices] = lesion
    return grid.put_on(sitk.GetImageFromArray(pixels))


def _box_round(seed_ijk: NDArray[np.int64], radius_mm: float, grid: Grid) -> Box:
    margin = tuple(int(np.ceil(radius_mm / spacing)) for spacing in grid.spacing_mm)
    start = tuple(seed_ijk.tolist())
    return Box(start, (1, 1, 1)).grown(margin).clipped(grid.size)  # type: ignore[arg-type]


def _distance_mm(box: Box, seed_ijk: NDArray[np.int64], grid: Grid) -> NDArray[np.float64]:
    """Return the distance [k, j, i] of every voxel of the box from the seed voxel."""
    axes = [
        (np.arange(start, stop) - seed) * spacing
        for start, stop, seed, spacing in zip(box.start, box.stop, seed_ijk, grid.spacing_mm, strict=True)
    ]
    x, y, z = np.meshgrid(*axes, indexing="ij", sparse=True)
    return np.sqrt(x**2 + y**2 + z**2).transpose(2, 1, 0)


def _enhancement_percent(
    before: NDArray[np.float64], after: NDArray[np.float64], within: NDArray[np.bool_]
) -> NDArray[np.float64]:
    baseline = np.maximum(before, max(float(np.median(before[within])), np.finfo(float).tiny))
    return 100 * (after - before) / baseline


def _part_at(region: NDArray[np.bool_], seed: tuple[int, ...]) -> NDArray[np.bool_]:
    """Return the part of the region that holds the seed; voxels must share a face, so that noise does not connect."""
    labels, _ = scipy.ndimage.label(region)
    return labels == labels[seed]


def _without_vessels(
    region: NDArray[np.bool_], seed: tuple[int, ...], spacing_mm: tuple[float, ...]
) -> NDArray[np.bool_]:
    """Return the part of the region near the seed that a ball of the vessel radius can reach (an opening)."""
    depth_mm = scipy.ndimage.distance_transform_edt(np.pad(region, 1), sampling=spacing_mm)[1:-1, 1:-1, 1:-1]
    core = depth_mm > VESSEL_RADIUS_MM
    if not core.any():  # the whole lesion is thinner than a vessel may be
        return region
    labels, _ = scipy.ndimage.label(core)
    _, nearest = scipy.ndimage.distance_transform_edt(~core, sampling=spacing_mm, return_indices=True)
    own_core = labels == labels[tuple(nearest[(slice(None), *seed)])]
    return region & (scipy.ndimage.distance_transform_edt(~own_core, sampling=spacing_mm) <= VESSEL_RADIUS_MM)
