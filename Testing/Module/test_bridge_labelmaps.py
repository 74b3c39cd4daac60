"""A segment and a mask are the same voxels, or it is said why not."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk
import slicer
import vtk
from BreastFusionPanel.bridge.exam_nodes import exam_of
from BreastFusionPanel.bridge.geometry import add_volume
from BreastFusionPanel.bridge.labelmaps import lesion_digest, lesion_part, mask_of
from BreastFusionPanel.bridge.segments import add_lesion, lesion_ids, replace_outline
from bridge_fixtures import *  # noqa: F403
from bridge_parts import GRID, make_mask, move, same_pixels, segment_of
from vtk.util.numpy_support import vtk_to_numpy

from BreastFusionLib.errors import InputError
from BreastFusionLib.exam.geometry import Box, Grid

LOGIC = slicer.vtkSlicerSegmentationsModuleLogic


def exported(parameters, segment_id: str) -> np.ndarray:
    """The segment's voxels on the DCE grid as Slicer itself exports them."""
    labels = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLabelMapVolumeNode")
    shown = parameters.dceBrowser.GetProxyNode(parameters.dceSequence)
    ids = vtk.vtkStringArray()
    ids.InsertNextValue(segment_id)
    assert LOGIC.ExportSegmentsToLabelmapNode(parameters.segmentation, ids, labels, shown)
    return slicer.util.arrayFromVolume(labels)


def test_a_mask_comes_back_voxel_for_voxel_and_as_slicer_exports_it(parameters):
    mask = make_mask()
    segment_id = add_lesion(parameters, mask)
    found = mask_of(parameters.segmentation, segment_id, GRID)
    assert same_pixels(found, mask) and Grid.of(found) == GRID
    assert found.GetPixelID() == sitk.sitkUInt8
    assert np.array_equal(exported(parameters, segment_id), sitk.GetArrayFromImage(mask))
    by_volume = mask_of(parameters.segmentation, segment_id, parameters.dceBrowser.GetProxyNode(parameters.dceSequence))
    assert same_pixels(by_volume, mask)


def test_slicer_keeps_only_the_box_round_a_lesion(parameters):
    segment_id = add_lesion(parameters, make_mask())
    assert segment_of(parameters, segment_id).GetRepresentation("Binary labelmap").GetExtent() == (2, 5, 1, 3, 3, 4)


def test_lesions_that_overlap_keep_their_own_voxels(parameters):
    masks = [make_mask(), make_mask((4, 2, 2), (3, 3, 4)), make_mask((0, 4, 6), (2, 2, 2))]
    ids = [add_lesion(parameters, mask) for mask in masks]
    assert lesion_ids(parameters) == tuple(ids)
    for segment_id, mask in zip(ids, masks, strict=True):
        assert same_pixels(mask_of(parameters.segmentation, segment_id, GRID), mask)
        assert np.array_equal(exported(parameters, segment_id), sitk.GetArrayFromImage(mask))


def test_an_outline_is_replaced_and_the_others_stay(parameters):
    first, second = add_lesion(parameters, make_mask()), add_lesion(parameters, make_mask((5, 4, 5), (3, 2, 2)))
    other = make_mask((4, 2, 2), (3, 3, 4))
    replace_outline(parameters, first, other)
    assert same_pixels(mask_of(parameters.segmentation, first, GRID), other)
    assert same_pixels(mask_of(parameters.segmentation, second, GRID), make_mask((5, 4, 5), (3, 2, 2)))


def test_what_slicers_own_tools_draw_is_what_is_read(parameters):
    segment_id = add_lesion(parameters, make_mask())
    add_lesion(parameters, make_mask((6, 4, 6), (2, 2, 2)))  # shares its array with the first
    labels = slicer.vtkOrientedImageData()
    segmentation = parameters.segmentation
    segmentation.GetBinaryLabelmapRepresentation(segment_id, labels)
    stroke = slicer.vtkOrientedImageData()
    stroke.DeepCopy(labels)
    stroke.SetExtent(0, 1, 0, 1, 0, 1)
    stroke.AllocateScalars(vtk.VTK_UNSIGNED_CHAR, 1)
    vtk_to_numpy(stroke.GetPointData().GetScalars())[:] = 1
    LOGIC.SetBinaryLabelmapToSegment(stroke, segmentation, segment_id, LOGIC.MODE_MERGE_MAX, stroke.GetExtent())
    expected = sitk.GetArrayFromImage(make_mask())
    expected[:2, :2, :2] = 1
    assert np.array_equal(sitk.GetArrayFromImage(mask_of(segmentation, segment_id, GRID)), expected)
    assert np.array_equal(exported(parameters, segment_id), expected)


def test_a_part_has_one_voxel_round_the_lesion_where_the_volume_has_one(parameters):
    segment_id = add_lesion(parameters, make_mask((0, 1, 3), (4, 3, 2)))
    box, part = lesion_part(parameters.segmentation, segment_id, GRID)
    assert (box.start, box.size) == ((0, 0, 2), (5, 5, 4))
    assert same_pixels(part, make_mask((0, 1, 3), (4, 3, 2))[0:5, 0:5, 2:6])
    assert np.allclose(part.GetOrigin(), GRID.physical(box.start), rtol=1e-15)


def test_a_labelmap_with_flipped_axes_is_placed_exactly(parameters):
    mask = make_mask()
    flipped = sitk.Flip(mask, (True, False, True))  # the same voxels in space, counted from the other ends
    assert flipped.GetDirection() != mask.GetDirection()
    segment_id = add_lesion(parameters, None)
    labels = add_volume(flipped, "imported")
    oriented = LOGIC.CreateOrientedImageDataFromVolumeNode(labels)
    segment_of(parameters, segment_id).AddRepresentation("Binary labelmap", oriented)
    assert same_pixels(mask_of(parameters.segmentation, segment_id, GRID), mask)


def test_a_lesion_drawn_on_t1_is_not_resampled_in_silence(parameters):
    t1 = exam_of(parameters).t1
    segment_id = add_lesion(parameters, None)
    oriented = LOGIC.CreateOrientedImageDataFromVolumeNode(
        add_volume(make_mask((1, 1, 1), (3, 2, 2), t1.grid), "drawn on T1")
    )
    segment_of(parameters, segment_id).AddRepresentation("Binary labelmap", oriented)
    with pytest.raises(
        InputError,
        match=r"'Lesion 1' was not drawn on this image: its voxels \(1 x 1.1 x 3 mm\) are not those",
    ):
        mask_of(parameters.segmentation, segment_id, GRID)


def test_a_lesion_that_reaches_outside_is_refused(parameters):
    segment_id = add_lesion(parameters, make_mask())
    larger = GRID.cropped(Box((-3, -3, -3), (15, 13, 14)))
    oriented = LOGIC.CreateOrientedImageDataFromVolumeNode(add_volume(make_mask((1, 1, 1), (6, 6, 6), larger), "large"))
    segment_of(parameters, segment_id).AddRepresentation("Binary labelmap", oriented)
    with pytest.raises(InputError, match=r"'Lesion 1' reaches outside the image \(9x7x8"):
        mask_of(parameters.segmentation, segment_id, GRID)


@pytest.mark.parametrize(
    ("by_ras", "words"),
    [((0.3, 0.0, 0.0), "was not drawn on this image"), ((270.0, 0.0, 0.0), "reaches outside the image")],
    ids=["between the voxels", "far away"],
)
def test_a_lesion_that_was_moved_off_its_image_is_refused(parameters, by_ras, words):
    segment_id = add_lesion(parameters, make_mask())
    move(parameters.segmentation, by_ras)
    with pytest.raises(InputError, match=words):
        mask_of(parameters.segmentation, segment_id, GRID)


def test_a_transform_over_image_and_lesion_changes_nothing_between_them(parameters):
    transform = move(parameters.dceBrowser.GetProxyNode(parameters.dceSequence), (3.0, -4.0, 5.0))
    moved = exam_of(parameters).dce.grid
    mask = moved.put_on(make_mask())
    segment_id = add_lesion(parameters, mask)
    assert parameters.segmentation.GetTransformNodeID() == transform.GetID()
    assert same_pixels(mask_of(parameters.segmentation, segment_id, moved), mask)


def test_a_transform_that_is_not_linear_is_refused(parameters, scene):
    segment_id = add_lesion(parameters, make_mask())
    bent = scene.AddNewNodeByClass("vtkMRMLTransformNode", "bent")
    bent.SetAndObserveTransformToParent(vtk.vtkThinPlateSplineTransform())
    parameters.segmentation.SetAndObserveTransformNodeID(bent.GetID())
    with pytest.raises(InputError, match="'bent', which is not linear: harden the transform first"):
        mask_of(parameters.segmentation, segment_id, GRID)
    assert lesion_digest(parameters.segmentation, segment_id) == "unreadable"


def test_a_surface_is_refused(parameters):
    segment_id = add_lesion(parameters, make_mask())
    parameters.segmentation.CreateClosedSurfaceRepresentation()
    parameters.segmentation.GetSegmentation().SetSourceRepresentationName("Closed surface")
    with pytest.raises(InputError, match="'Lesion 1' is kept as 'Closed surface', not as voxels"):
        mask_of(parameters.segmentation, segment_id, GRID)


def test_an_empty_lesion_is_said(parameters):
    segment_id = add_lesion(parameters, None)
    assert lesion_part(parameters.segmentation, segment_id, GRID) is None
    assert lesion_digest(parameters.segmentation, segment_id) == ""
    with pytest.raises(InputError, match="'Lesion 1' is empty: draw the lesion first"):
        mask_of(parameters.segmentation, segment_id, GRID)


def test_a_lesion_that_was_erased_is_empty(parameters):
    segment_id = add_lesion(parameters, make_mask())
    replace_outline(parameters, segment_id, GRID.empty_image())
    with pytest.raises(InputError, match="is empty"):
        mask_of(parameters.segmentation, segment_id, GRID)
