"""What the tests of the bridge have in common."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import SimpleITK as sitk
import slicer

from BreastFusionLib.exam.geometry import Grid
from BreastFusionLib.exam.model import Exam, Phase, Series


def study():
    """The parameters of the scene's study."""
    from BreastFusion import BreastFusionLogic

    return BreastFusionLogic().getParameterNode()


def save_and_reopen(folder: Path):
    """Save the scene with all its data, close it, open it again, and return the parameters of its study."""
    scene, path = slicer.mrmlScene, str(folder / "scène.mrb")
    assert scene.WriteToMRB(path)
    scene.Clear(0)
    assert scene.ReadFromMRB(path)
    return study()


GRID = Grid((9, 7, 8), (0.8, 0.9, 2.0), (-20.0, 10.0, -5.0), (0.0, -1.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0))


def ramp(seed: int, grid: Grid = GRID) -> sitk.Image:
    """An image that differs everywhere, and for every seed."""
    pixels = np.random.default_rng(seed).integers(0, 2000, grid.size[::-1]).astype(np.int16)
    return grid.put_on(sitk.GetImageFromArray(pixels))


def make_mask(start=(2, 1, 3), size=(4, 3, 2), grid: Grid = GRID) -> sitk.Image:
    """A box without one corner, so that flips and exchanged axes show."""
    pixels = np.zeros(grid.size[::-1], np.uint8)
    (i, j, k), (ni, nj, nk) = start, size
    pixels[k : k + nk, j : j + nj, i : i + ni] = 1
    pixels[k, j, i] = 0
    return grid.put_on(sitk.GetImageFromArray(pixels))


def make_exam(
    times_s=(0.0, 97.25, 191.9), t1: bool = True, description: str = "ax dyn pre; ax dyn 1st pass; ax dyn 2nd pass"
) -> Exam:
    """An exam whose pixels are easily told apart."""
    phases = tuple(Phase(time_s, ramp(number)) for number, time_s in enumerate(times_s))
    acquisition = {"MagneticFieldStrength": 3.0, "RepetitionTime": 4.1}
    dce = Series("dce", description, "its name says so", "post", phases, GRID, acquisition, ("ab12", "cd34"))
    t1_grid = Grid((6, 5, 4), (1.0, 1.1, 3.0), (-18.0, 9.0, -4.0))
    others = (
        (Series("t1", "ax t1 tse +c", "its name", "post", (Phase(None, ramp(9, t1_grid)),), t1_grid),) if t1 else ()
    )
    return Exam((dce, *others), "P-12ab", ("One slice is darker than the others.",), synthetic=True)


def move(node, by_ras):
    """Put a node under a transform that shifts it, as the module Transforms does; return the transform."""
    matrix = np.eye(4)
    matrix[:3, 3] = by_ras
    transform = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLinearTransformNode", "move")
    transform.SetMatrixTransformToParent(slicer.util.vtkMatrixFromArray(matrix))
    node.SetAndObserveTransformNodeID(transform.GetID())
    return transform


def segment_of(parameters, segment_id: str):
    return parameters.segmentation.GetSegmentation().GetSegment(segment_id)


def pixels(image: sitk.Image) -> np.ndarray:
    """A copy of the voxels, (slices, rows, columns)."""
    return sitk.GetArrayFromImage(image)


def same_pixels(first: sitk.Image, second: sitk.Image) -> bool:
    return np.array_equal(sitk.GetArrayViewFromImage(first), sitk.GetArrayViewFromImage(second))
