"""What the views show of a study: the images made for the eyes, the layouts, windows, overlays and outlines."""

from __future__ import annotations

import numpy as np
import pytest
import slicer
from BreastFusionPanel.bridge.exam_nodes import add_exam
from BreastFusionPanel.bridge.phase_corrections import move_phase
from BreastFusionPanel.bridge.sequences import sequence_of_volumes
from BreastFusionPanel.bridge.slice_window import enhancement_range, tissue_range
from BreastFusionPanel.display import layouts, views
from BreastFusionPanel.display.dce_images import discard_orphans, make_images, project, shown_volume, subtract
from BreastFusionPanel.parameters import DceImage
from bridge_parts import make_exam, study

from BreastFusionLib.errors import InputError


@pytest.fixture
def parameters(scene):
    """A study of three phases on a grid that is turned by a quarter, and T1; no T2."""
    found = study()
    list(add_exam(make_exam(), found))
    return found


def item(parameters, number: int) -> np.ndarray:
    """The voxels of a phase."""
    return slicer.util.arrayFromVolume(parameters.dceSequence.GetNthDataNode(number))


def shown(parameters, image: DceImage, phase: int = 2, plane: str = "Axial"):
    """The volume that a view shows after the user asked for an image."""
    parameters.dceImage = image
    make_images(parameters, phase)
    return shown_volume(parameters, plane)


def background(view: str):
    """The volume behind everything else in a slice view."""
    composites = slicer.util.getNodesByClass("vtkMRMLSliceCompositeNode")
    composite = next(node for node in composites if node.GetLayoutName() == view)
    return slicer.mrmlScene.GetNodeByID(composite.GetBackgroundVolumeID() or "")


def composite_of(view: str):
    return next(n for n in slicer.util.getNodesByClass("vtkMRMLSliceCompositeNode") if n.GetLayoutName() == view)


def slice_node(view: str):
    return slicer.mrmlScene.GetNodeByID(f"vtkMRMLSliceNode{view}")


def distance_mm(view: str, point_ras) -> float:
    """How far a point lies from the plane of a view."""
    to_ras = slicer.util.arrayFromVTKMatrix(slice_node(view).GetSliceToRAS())
    return abs(float(to_ras[:3, 2] @ (np.asarray(point_ras) - to_ras[:3, 3])))


def bounds_of(volume) -> np.ndarray:
    bounds = [0.0] * 6
    volume.GetSliceBounds(bounds, None)
    return np.array(bounds)


# Subtraction and MIP


def test_unsigned_values_do_not_wrap_round_below_zero():
    difference = subtract(np.array([3], np.uint16), np.array([5], np.uint16))
    assert difference.tolist() == [-2.0] and difference.dtype == np.float32


def test_a_projection_keeps_the_brightest_along_its_axis():
    values = np.array([[[1, 5], [2, 3]], [[4, 0], [9, 1]]], np.float32)
    assert project(values, 0).tolist() == [[[4, 5], [9, 3]]]


def test_the_subtraction_is_the_used_phase_minus_the_pre_contrast_one(parameters):
    node = shown(parameters, DceImage.SUBTRACTION)
    expected = item(parameters, 2).astype(np.float32) - item(parameters, 0).astype(np.float32)
    assert np.array_equal(slicer.util.arrayFromVolume(node), expected)
    assert np.allclose(bounds_of(node), bounds_of(parameters.dceBrowser.GetProxyNode(parameters.dceSequence)))


def test_a_subtraction_is_made_once_and_anew_when_its_phases_are_others(parameters):
    node = shown(parameters, DceImage.SUBTRACTION)
    voxels = node.GetImageData()
    assert shown(parameters, DceImage.SUBTRACTION).GetImageData() is voxels
    move_phase(parameters.dceSequence, 2, -1)
    again = shown(parameters, DceImage.SUBTRACTION)
    assert again is node, "the views keep the node that they show"
    expected = item(parameters, 2).astype(np.float32) - item(parameters, 0).astype(np.float32)
    assert np.array_equal(slicer.util.arrayFromVolume(node), expected)


@pytest.mark.parametrize(("plane", "row"), [("Sagittal", 0), ("Coronal", 1), ("Axial", 2)])
def test_each_plane_has_the_projection_along_its_own_normal(parameters, plane, row):
    difference = slicer.util.arrayFromVolume(shown(parameters, DceImage.SUBTRACTION))
    series_bounds = bounds_of(shown_volume(parameters))
    node = shown(parameters, DceImage.MIP, plane=plane)
    # The grid of this exam has its rows along the patient's front-back axis, its columns along left-right.
    axis_kji = {"Sagittal": 1, "Coronal": 2, "Axial": 0}[plane]
    assert np.array_equal(slicer.util.arrayFromVolume(node), difference.max(axis=axis_kji, keepdims=True))
    assert np.allclose(bounds_of(node), series_bounds), "it is seen wherever the view stands"


def test_what_is_made_for_the_eyes_is_not_saved_with_the_scene(parameters):
    node = shown(parameters, DceImage.SUBTRACTION)
    assert not node.GetSaveWithScene() and not node.GetDisplayNode().GetSaveWithScene()


def test_a_series_that_is_removed_takes_its_subtraction_along(parameters):
    node = shown(parameters, DceImage.SUBTRACTION)
    discard_orphans()
    assert slicer.mrmlScene.IsNodePresent(node)
    slicer.mrmlScene.RemoveNode(parameters.dceSequence)
    discard_orphans()
    assert not slicer.mrmlScene.IsNodePresent(node)


def test_phases_on_different_grids_cannot_be_subtracted(parameters):
    volumes = [slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", name) for name in ("pre", "post")]
    for volume in volumes:
        slicer.util.updateVolumeFromArray(volume, np.ones((3, 4, 5), np.int16))
    parameters.dceSequence = sequence_of_volumes(volumes, (0.0, 90.0), "other")
    parameters.dceSequence.GetNthDataNode(1).SetSpacing(1.0, 1.0, 2.0)
    with pytest.raises(InputError, match="same grid"):
        shown(parameters, DceImage.SUBTRACTION, phase=1)


# Windows


def test_air_is_black_and_white_is_what_few_voxels_of_tissue_exceed():
    values = np.concatenate([np.zeros(5000), np.linspace(100, 300, 5000), np.full(20, 5000.0)])
    black, white = tissue_range(values)
    assert 0 < black < 100 and 290 < white < 301


def test_no_enhancement_is_black_in_a_subtraction():
    black, white = enhancement_range(np.linspace(-500, 100, 6001))
    assert black == 0 and 95 < white <= 100


@pytest.mark.parametrize("values", [np.zeros((2, 2, 2)), np.full((2, 2), np.nan), np.full(9, 7.0)])
def test_an_empty_or_flat_image_still_has_a_window(values):
    for black, white in (tissue_range(values), enhancement_range(values)):
        assert np.isfinite(black) and white > black


# Layouts


def test_a_new_exam_is_shown_in_three_planes_and_in_3d(parameters):
    views.show_exam(parameters)
    shown_phase = parameters.dceBrowser.GetProxyNode(parameters.dceSequence)
    assert [background(view) for view in ("Red", "Yellow", "Green")] == [shown_phase] * 3
    assert slicer.app.layoutManager().layout == slicer.vtkMRMLLayoutNode.SlicerLayoutConventionalView
    assert slice_node("Red").GetSliceVisible(), "the axial slice stands in the 3-D view"


@pytest.mark.parametrize("image", list(DceImage))
def test_each_view_keeps_its_plane_whatever_it_shows(parameters, image):
    shown(parameters, image)
    views.show_exam(parameters)
    normals = [slicer.util.arrayFromVTKMatrix(slice_node(v).GetSliceToRAS())[:3, 2] for v in ("Yellow", "Green", "Red")]
    assert np.allclose(np.abs(normals), np.eye(3))


def test_the_comparison_has_a_view_for_each_sequence_that_is_there_and_the_curve_below(parameters):
    views.show_comparison(parameters)
    manager = slicer.app.layoutManager()
    assert manager.sliceViewNames() == ["BreastFusionDCE", "BreastFusionT1"]
    assert manager.plotViewCount == 1
    assert background("BreastFusionT1") is parameters.t1Volume
    assert [slice_node(view).GetLayoutLabel() for view in manager.sliceViewNames()] == ["DCE", "T1"]
    parameters.t2Volume = parameters.t1Volume
    views.show_comparison(parameters)
    assert manager.sliceViewNames() == ["BreastFusionDCE", "BreastFusionT1", "BreastFusionT2"]
    assert layouts.is_comparison()
    views.show_exam(parameters)
    assert not layouts.is_comparison()


def test_the_comparison_opens_where_the_three_planes_met_and_close_enough_to_see_a_lesion(parameters):
    point_ras = (-9.0, 12.0, 3.0)
    views.show_exam(parameters)
    views.jump_to(point_ras)
    views.show_comparison(parameters)
    for view in ("BreastFusionDCE", "BreastFusionT1"):
        assert distance_mm(view, point_ras) < 1e-6
        assert min(slice_node(view).GetFieldOfView()[:2]) <= views.LESION_FIELD_MM


def test_a_jump_brings_a_point_into_every_view(parameters):
    views.show_exam(parameters)
    views.show_comparison(parameters)
    views.jump_to((-12.0, 11.0, 4.0))
    for view in ("Red", "Yellow", "Green", "BreastFusionDCE", "BreastFusionT1"):
        assert distance_mm(view, (-12.0, 11.0, 4.0)) < 1e-6


def test_views_stand_in_the_planes_of_the_series_so_that_no_pixel_is_interpolated(scene):
    angle = np.deg2rad(20)
    volumes = [slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", name) for name in ("pre", "post")]
    ijk_to_ras = np.array(
        [
            [-0.8, 0.0, 0.0, 40.0],
            [0.0, -0.8 * np.cos(angle), 2 * np.sin(angle), 30.0],
            [0.0, 0.8 * np.sin(angle), 2 * np.cos(angle), -20.0],
            [0.0, 0.0, 0.0, 1.0],
        ]
    )
    for number, volume in enumerate(volumes):
        slicer.util.updateVolumeFromArray(volume, np.full((10, 20, 20), number, np.int16))
        volume.SetIJKToRASMatrix(slicer.util.vtkMatrixFromArray(ijk_to_ras))
    parameters = study()
    parameters.dceSequence = sequence_of_volumes(volumes, (0.0, 90.0), "oblique")
    from BreastFusionPanel.bridge.sequences import browser_of

    parameters.dceBrowser = browser_of(parameters.dceSequence)
    views.show_exam(parameters)
    normal = slicer.util.arrayFromVTKMatrix(slice_node("Red").GetSliceToRAS())[:3, 2]
    assert abs(normal @ ijk_to_ras[:3, 2] / 2) == pytest.approx(1.0)


def test_linked_views_move_together_and_unlinked_ones_alone(parameters):
    views.show_comparison(parameters)
    assert composite_of("BreastFusionDCE").GetLinkedControl() and composite_of("BreastFusionT1").GetHotLinkedControl()
    assert slice_node("BreastFusionDCE").GetViewGroup() != slice_node("Red").GetViewGroup()
    views.link_views(False)
    assert not composite_of("BreastFusionT1").GetLinkedControl()


def test_the_crosshair_marks_a_point(parameters):
    crosshair = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLCrosshairNode")
    views.mark_point((1.0, 2.0, 3.0))
    assert crosshair.GetCrosshairRAS() == (1.0, 2.0, 3.0)
    assert crosshair.GetCrosshairMode() != crosshair.NoCrosshair


# Overlays


def test_a_map_lies_over_its_sequence_only_and_goes_when_it_is_switched_off(parameters):
    maps = {}
    for sequence in ("dce", "t1"):
        maps[sequence] = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", f"map of {sequence}")
        slicer.util.updateVolumeFromArray(maps[sequence], np.linspace(0, 1, 24, dtype=np.float32).reshape(2, 3, 4))
    parameters.t2Volume = parameters.t1Volume
    views.show_comparison(parameters)
    views.show_maps(maps, 0.4, {"dce", "t1"})
    foreground = {view: composite_of(view).GetForegroundVolumeID() for view in layouts.COMPARED_VIEWS.values()}
    assert foreground == {
        "BreastFusionDCE": maps["dce"].GetID(),
        "BreastFusionT1": maps["t1"].GetID(),
        "BreastFusionT2": None,
    }
    assert composite_of("BreastFusionT1").GetForegroundOpacity() == pytest.approx(0.4)
    views.show_maps(maps, 0.4, {"dce"})
    assert composite_of("BreastFusionT1").GetForegroundVolumeID() is None
    assert composite_of("BreastFusionDCE").GetForegroundVolumeID() == maps["dce"].GetID()


def test_outlines_are_seen_where_they_belong(parameters):
    for field in ("segmentation", "t1Segmentation"):
        segmentation = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", field)
        segmentation.CreateDefaultDisplayNodes()
        setattr(parameters, field, segmentation)
    views.show_comparison(parameters)
    display = parameters.segmentation.GetDisplayNode()
    assert display.IsDisplayableInView("vtkMRMLSliceNodeRed")
    assert display.IsDisplayableInView("vtkMRMLSliceNodeBreastFusionDCE")
    assert not display.IsDisplayableInView("vtkMRMLSliceNodeBreastFusionT1")
    assert not display.GetVisibility2DFill() and display.GetSliceIntersectionThickness() == 2
    mapped = parameters.t1Segmentation.GetDisplayNode()
    assert mapped.IsDisplayableInView("vtkMRMLSliceNodeBreastFusionT1")
    assert not mapped.IsDisplayableInView("vtkMRMLSliceNodeRed")


def test_the_chart_is_shown_in_the_plot_view_of_the_comparison(parameters):
    chart = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLPlotChartNode", "curve")
    views.show_comparison(parameters, chart)
    plot_view = slicer.mrmlScene.GetSingletonNode(layouts.CURVE_VIEW, "vtkMRMLPlotViewNode")
    assert plot_view.GetPlotChartNode() is chart


def test_without_a_main_window_nothing_fails(parameters, monkeypatch):
    monkeypatch.setattr(layouts, "_layout_node", lambda: None)
    monkeypatch.setattr(views, "_slice_nodes", lambda _names: [])
    monkeypatch.setattr(views, "_composite_node", lambda _name: None)
    views.show_exam(parameters)
    views.show_comparison(parameters)
    views.jump_to((0.0, 0.0, 0.0))
    views.show_maps({}, 0.5, set())
    assert not layouts.is_comparison()
