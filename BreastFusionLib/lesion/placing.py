"""Putting parts of a volume back into the whole: copying voxels between grids that share them."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from BreastFusionLib.exam.geometry import SAME_GRID_TOLERANCE_VOXELS, Grid

__all__ = ["place_on"]


def place_on(parts: Iterable[sitk.Image], whole: Grid) -> sitk.Image | None:
    """Copy masks onto a grid that has the same voxels, exactly: nothing is interpolated.

    3D Slicer saves only the box round the segments, DICOM segmentations only the slices that hold some; axes may be
    flipped or exchanged.

    Args:
        parts: masks, non-zero inside.
        whole: the grid of the result.

    Returns:
        sitk.sitkUInt8, 1 inside any of the parts, on `whole`; None when voxels of the grids do not coincide, or when
        something of a part lies outside.
    """
    pixels = np.zeros(whole.size[::-1], np.uint8)
    for part in parts:
        voxels_ijk = _voxels_of(part, whole)
        if voxels_ijk is None:
            return None
        pixels[tuple(voxels_ijk[:, ::-1].T)] = 1
    return whole.put_on(sitk.GetImageFromArray(pixels))


def _voxels_of(part: sitk.Image, whole: Grid) -> NDArray[np.int64] | None:
    """Return the voxels (n, 3) of `whole` that are inside the part; None when they do not coincide."""
    grid = Grid.of(part)
    step = (np.linalg.inv(whole.index_to_lps) @ grid.index_to_lps)[:3, :3]
    for axis in range(3):
        # One voxel further in the part must be one voxel further in the whole; a single slice has no next voxel.
        one_further = np.sort(np.abs(step[:, axis]))
        if grid.size[axis] > 1 and not np.allclose(one_further, (0, 0, 1), atol=SAME_GRID_TOLERANCE_VOXELS):
            return None
    inside_ijk = np.argwhere(sitk.GetArrayViewFromImage(part) != 0)[:, ::-1]
    index = whole.index(grid.physical(inside_ijk))
    voxels = np.rint(index).astype(np.int64)
    if np.any((voxels < 0) | (voxels >= whole.size)):
        return None
    coincide = np.allclose(index, voxels, rtol=0, atol=SAME_GRID_TOLERANCE_VOXELS)
    return voxels if coincide else None
