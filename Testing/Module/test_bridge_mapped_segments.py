"""A lesion on T1 and T2 is what was mapped, until its outline or that of the DCE series is another one."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk
import slicer
from BreastFusionPanel.bridge.exam_nodes import add_exam, exam_of
from BreastFusionPanel.bridge.geometry import add_volume
from BreastFusionPanel.bridge.labelmaps import write_outline
from BreastFusionPanel.bridge.mapped_segments import EDITED, mapped_method, mapped_of, remove_mapped, show_mapped
from BreastFusionPanel.bridge.segments import add_lesion, lesion_of, remove_lesion, replace_outline, set_side
from bridge_parts import make_exam, same_pixels, save_and_reopen, study

from BreastFusionLib.exam.geometry import transform_matrix
from BreastFusionLib.lesion import MappedLesion, map_lesion


@pytest.fixture
def mapped(scene, phantom_exam):
    """A phantom in the scene, its lesion shown on T1: (parameters, segment ID, what was mapped)."""
    parameters = study()
    list(add_exam(phantom_exam.exam, parameters))
    segment_id = add_lesion(parameters, phantom_exam.lesion.mask)
    exam = exam_of(parameters)
    lesion = map_lesion(lesion_of(parameters, segment_id, exam), exam, "t1")
    show_mapped(parameters, segment_id, lesion)
    return parameters, segment_id, lesion


def dilated(mask: sitk.Image) -> sitk.Image:
    return sitk.BinaryDilate(mask, (1, 1, 0))


def assert_same(found: MappedLesion, expected: MappedLesion) -> None:
    assert found.to_mapping() == expected.to_mapping()
    assert found.sequence == expected.sequence
    assert same_pixels(found.mask, expected.mask)


def test_a_mapped_lesion_comes_back_as_it_was(mapped):
    parameters, segment_id, lesion = mapped
    assert_same(mapped_of(parameters, segment_id, "t1"), lesion)
    assert mapped_method(parameters, segment_id, "t1") == "geometry"
    assert mapped_of(parameters, segment_id, "t2") is None


def test_a_registered_lesion_comes_back_with_its_transform_from_a_saved_scene(mapped, tmp_path):
    parameters, segment_id, lesion = mapped
    transform = sitk.Euler3DTransform((10.0, -20.0, 5.0), 0.02, -0.01, 0.03, (1.5, -2.25, 0.5))
    fields = {name: getattr(lesion, name) for name in MappedLesion.__dataclass_fields__}
    fields |= {"method": "rigid registration", "transform": transform, "warnings": ('Moved | by 2 mm: "much".',)}
    registered = MappedLesion(**fields)
    show_mapped(parameters, segment_id, registered)
    reopened = save_and_reopen(tmp_path)
    found = mapped_of(reopened, segment_id, "t1")
    assert_same(found, registered)
    assert np.array_equal(transform_matrix(found.transform), transform_matrix(transform))


def test_it_is_shown_as_an_outline_with_the_lesions_own_name_colour_and_side(mapped):
    parameters, segment_id, lesion = mapped
    own = parameters.segmentation.GetSegmentation().GetSegment(segment_id)
    own.SetName("Lesion near the wall")
    set_side(parameters.segmentation, segment_id, "left", by_user=True)
    show_mapped(parameters, segment_id, lesion)
    node = parameters.t1Segmentation
    twin = node.GetSegmentation().GetSegment(segment_id)
    assert (twin.GetName(), twin.GetColor()) == (own.GetName(), own.GetColor())
    assert twin.GetTerminology() == own.GetTerminology()
    assert "^Left" in twin.GetTerminology()
    display = node.GetDisplayNode()
    assert not display.GetSegmentVisibility2DFill(segment_id)
    assert display.GetSegmentVisibility2DOutline(segment_id)
    assert not display.GetSegmentVisibility3D(segment_id)
    assert node.GetNodeReference(node.GetReferenceImageGeometryReferenceRole()) is parameters.t1Volume


def test_showing_it_again_replaces_it(mapped):
    parameters, segment_id, lesion = mapped
    node = parameters.t1Segmentation
    show_mapped(parameters, segment_id, lesion)
    assert parameters.t1Segmentation is node
    assert node.GetSegmentation().GetNumberOfSegments() == 1
    assert_same(mapped_of(parameters, segment_id, "t1"), lesion)


def test_another_outline_on_dce_makes_it_out_of_date(mapped):
    parameters, segment_id, lesion = mapped
    mask = lesion_of(parameters, segment_id, exam_of(parameters)).mask
    replace_outline(parameters, segment_id, dilated(mask))
    assert mapped_of(parameters, segment_id, "t1") is None
    replace_outline(parameters, segment_id, mask)
    assert_same(mapped_of(parameters, segment_id, "t1"), lesion)


def test_an_edited_outline_counts_as_it_is_now(mapped):
    parameters, segment_id, lesion = mapped
    larger = dilated(lesion.mask)
    write_outline(parameters.t1Segmentation, segment_id, larger)
    found = mapped_of(parameters, segment_id, "t1")
    voxels = sitk.GetArrayViewFromImage(larger)
    assert same_pixels(found.mask, larger)
    assert found.method == EDITED == mapped_method(parameters, segment_id, "t1")
    assert found.voxels == voxels.sum() > lesion.voxels
    assert found.volume_mm3 == pytest.approx(voxels.sum() * np.prod(larger.GetSpacing()))
    assert found.slices == voxels.any(axis=(1, 2)).sum()
    assert found.source_volume_mm3 == lesion.source_volume_mm3
    assert found.warnings == ("The outline on T1 was edited by hand.",)


def test_another_t1_series_makes_it_out_of_date(mapped, scene):
    parameters, segment_id, _lesion = mapped
    image = exam_of(parameters).t1.image
    parameters.t1Volume = add_volume(sitk.Shrink(image, (2, 1, 1)), "another T1")
    assert mapped_of(parameters, segment_id, "t1") is None
    parameters.t1Volume = None
    assert mapped_of(parameters, segment_id, "t1") is None


def test_an_outline_that_was_erased_is_none(mapped):
    parameters, segment_id, lesion = mapped
    write_outline(parameters.t1Segmentation, segment_id, sitk.Image(lesion.mask) * 0)
    assert mapped_of(parameters, segment_id, "t1") is None


def test_it_can_be_taken_away_and_goes_with_its_lesion(mapped):
    parameters, segment_id, lesion = mapped
    remove_mapped(parameters, segment_id, "t1")
    assert mapped_of(parameters, segment_id, "t1") is None
    remove_mapped(parameters, segment_id, "t1")
    show_mapped(parameters, segment_id, lesion)
    remove_lesion(parameters, segment_id)
    assert parameters.t1Segmentation.GetSegmentation().GetNumberOfSegments() == 0


def test_it_lies_where_a_transformed_series_lies(scene):
    parameters = study()
    list(add_exam(make_exam(), parameters))
    move = scene.AddNewNodeByClass("vtkMRMLLinearTransformNode", "move")
    matrix = np.eye(4)
    matrix[:3, :3] = [[0.8, -0.6, 0.0], [0.6, 0.8, 0.0], [0.0, 0.0, 1.0]]
    move.SetMatrixTransformToParent(slicer.util.vtkMatrixFromArray(matrix))
    parameters.t1Volume.SetAndObserveTransformNodeID(move.GetID())
    exam = exam_of(parameters)
    segment_id = add_lesion(parameters, exam.dce.grid.empty_image() + 1)
    mask = exam.t1.grid.empty_image()
    mask[1:4, 1:3, 1:3] = 1
    lesion = MappedLesion(mask, "t1", "geometry", 1.0, 1.0, 1.0, 12, 2, False)
    show_mapped(parameters, segment_id, lesion)
    assert parameters.t1Segmentation.GetTransformNodeID() == move.GetID()
    assert_same(mapped_of(parameters, segment_id, "t1"), lesion)
