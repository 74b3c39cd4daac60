"""Voxels of one segment <-> masks on a grid; nothing is ever resampled.

Slicer keeps segments cropped, several of them in one array with a label each, on a grid of their own. A mask is made by
copying voxels to where they coincide with those of the wanted grid; where they do not, the lesion was drawn on another
image, and that is said.
"""

from __future__ import annotations

import hashlib

import numpy as np
import SimpleITK as sitk
import slicer
import vtk
from numpy.typing import NDArray
from slicer.i18n import tr as _
from vtk.util.numpy_support import vtk_to_numpy

from BreastFusionLib.errors import InputError
from BreastFusionLib.exam.geometry import Box, Grid, bounding_box, box_of, describe_difference
from BreastFusionLib.lesion.placing import place_on

from .geometry import grid_from_matrix, grid_of, local_matrix, matrix_array, world_matrix

__all__ = ["lesion_digest", "lesion_part", "mask_of", "place_of", "segment_of", "segment_voxels", "write_outline"]

BINARY = "Binary labelmap"
# A step that no decimal number of a header is a multiple of, so that rounding never decides which side a value is on.
DIGEST_STEP_MM = 0.00137


def segment_of(segmentation: slicer.vtkMRMLSegmentationNode | None, segment_id: str) -> slicer.vtkSegment:
    """Return a segment.

    Raises:
        InputError: there is no such segment any more.
    """
    segment = None if segmentation is None else segmentation.GetSegmentation().GetSegment(segment_id)
    if segment is None:
        raise InputError(_("The lesion is no longer in the scene: choose another one, or draw it again."))
    return segment


def segment_voxels(
    segmentation: slicer.vtkMRMLSegmentationNode, segment_id: str
) -> tuple[NDArray[np.bool_], Grid] | None:
    """Return the smallest box of voxels [k, j, i] that holds a segment, and the grid in the world that they lie on.

    Returns:
        None when nothing is drawn.

    Raises:
        InputError: no such segment, a surface instead of voxels, or a transform that cannot be followed.
    """
    segment = segment_of(segmentation, segment_id)
    source = segmentation.GetSegmentation().GetSourceRepresentationName()
    if source != BINARY:
        raise InputError(
            _(
                "'{name}' is kept as '{kind}', not as voxels: make '{voxels}' the source representation (module "
                "Segmentations, 'Representations'), or draw the lesion again."
            ).format(name=segment.GetName(), kind=source, voxels=BINARY)
        )
    labels = segment.GetRepresentation(BINARY)
    if labels is None or labels.GetNumberOfPoints() == 0 or labels.GetPointData().GetScalars() is None:
        return None
    inside = _array(labels) == segment.GetLabelValue()
    box = box_of(inside)
    if box is None:
        return None
    matrix = world_matrix(segmentation) @ matrix_array(labels.GetImageToWorldMatrix)
    first = np.add(labels.GetExtent()[::2], box.start).tolist()
    return inside[box.slices], grid_from_matrix(matrix, box.size, first, segment.GetName())


def lesion_part(
    segmentation: slicer.vtkMRMLSegmentationNode, segment_id: str, grid: Grid
) -> tuple[Box, sitk.Image] | None:
    """Return a lesion with one voxel round it, as a part of a grid.

    Args:
        segmentation: holds it.
        segment_id: which one.
        grid: of the image on which it was drawn.

    Returns:
        Where the part lies in the grid (clipped to it), and its mask: sitk.sitkUInt8, 1 inside. None when nothing is
        drawn.

    Raises:
        InputError: as `segment_voxels`, or it was drawn on another grid, or reaches outside this one.
    """
    found = segment_voxels(segmentation, segment_id)
    if found is None:
        return None
    inside, own = found
    corners_ijk = np.rint(grid.index(own.physical(own.corners_ijk())))
    box = Box.holding(corners_ijk).grown(1).clipped(grid.size)
    image = own.put_on(sitk.GetImageFromArray(inside.astype(np.uint8)))
    part = place_on([image], grid.cropped(box)) if 0 not in box.size else None
    if part is None:
        raise _misplaced(segment_of(segmentation, segment_id).GetName(), own, grid)
    return box, part


def mask_of(
    segmentation: slicer.vtkMRMLSegmentationNode, segment_id: str, place: slicer.vtkMRMLScalarVolumeNode | Grid
) -> sitk.Image:
    """Return a lesion as a mask on exactly one grid.

    Args:
        segmentation: holds it.
        segment_id: which one.
        place: the grid, or the volume whose grid is meant.

    Returns:
        sitk.sitkUInt8, 1 inside.

    Raises:
        InputError: as `lesion_part`, or nothing is drawn.
    """
    grid = place if isinstance(place, Grid) else grid_of(place)
    found = lesion_part(segmentation, segment_id, grid)
    if found is None:
        name = segment_of(segmentation, segment_id).GetName()
        raise InputError(_("'{name}' is empty: draw the lesion first.").format(name=name))
    box, part = found
    mask = grid.empty_image()
    mask[tuple(slice(a, b) for a, b in zip(box.start, box.stop, strict=True))] = part
    return mask


def write_outline(segmentation: slicer.vtkMRMLSegmentationNode, segment_id: str, mask: sitk.Image) -> None:
    """Make a mask the outline of a segment; other segments stay as they are, also where they overlap.

    Args:
        segmentation: holds the segment.
        segment_id: which one.
        mask: non-zero inside; an empty one empties the segment.
    """
    box = bounding_box(mask) or Box((0, 0, 0), (1, 1, 1))
    labels = slicer.vtkOrientedImageData()
    labels.SetExtent([end for start, stop in zip(box.start, box.stop, strict=True) for end in (start, stop - 1)])
    labels.AllocateScalars(vtk.VTK_UNSIGNED_CHAR, 1)
    _array(labels)[...] = sitk.GetArrayViewFromImage(mask)[box.slices] != 0
    labels.SetImageToWorldMatrix(slicer.util.vtkMatrixFromArray(local_matrix(Grid.of(mask), segmentation)))
    slicer.vtkSlicerSegmentationsModuleLogic.SetBinaryLabelmapToSegment(labels, segmentation, segment_id)


def lesion_digest(segmentation: slicer.vtkMRMLSegmentationNode | None, segment_id: str) -> str:
    """Return what tells one outline from another: a hash of its voxels and of where they lie.

    It does not depend on how Slicer keeps the segment, so that a saved scene gives the same one.

    Returns:
        Hexadecimal digits; '' when nothing is drawn or there is no such segment; 'unreadable' when it has no voxels
        that could be read.
    """
    if segmentation is None or segmentation.GetSegmentation().GetSegment(segment_id) is None:
        return ""
    try:
        found = segment_voxels(segmentation, segment_id)
    except InputError:
        return "unreadable"
    if found is None:
        return ""
    inside, grid = found
    return hashlib.sha256(place_of(grid).tobytes() + inside.tobytes()).hexdigest()


def place_of(grid: Grid) -> NDArray[np.int64]:
    """Return numbers that tell where voxels lie in the world: equal before and after a scene was saved."""
    return np.append(grid.size, np.rint(grid.index_to_lps[:3] / DIGEST_STEP_MM)).astype(np.int64)


def _array(labels: vtk.vtkImageData) -> NDArray[np.generic]:
    """Return a view [k, j, i] of a labelmap's voxels."""
    return vtk_to_numpy(labels.GetPointData().GetScalars()).reshape(labels.GetDimensions()[::-1])


def _misplaced(name: str, own: Grid, grid: Grid) -> InputError:
    """Return why voxels of `own` are none of `grid`: its voxels are others, or it reaches outside."""
    same_voxels = Grid(own.size, grid.spacing_mm, own.origin_lps, grid.direction)
    offset = grid.index(own.origin_lps)
    if describe_difference(own, same_voxels) or np.abs(offset - np.rint(offset)).max() > 0.01:
        return InputError(
            _(
                "'{name}' was not drawn on this image: its voxels ({own} mm) are not those of {grid}. "
                "Choose the DCE series as the image to draw on, and draw the lesion there."
            ).format(name=name, own=" x ".join(f"{mm:.4g}" for mm in own.spacing_mm), grid=grid.describe())
        )
    return InputError(
        _("'{name}' reaches outside the image ({grid}): erase what lies outside.").format(
            name=name, grid=grid.describe()
        )
    )
