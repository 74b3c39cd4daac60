"""The host draws and edits: strokes equal NumPy's, and pictures show what is there, where it is."""

import numpy as np
import pytest
import slicer
from host.views import SliceRenderer, plot_pixels, widget_pixels
from host_fixtures import *  # noqa: F403
from host_parts import add_segmentation, add_volume

# Segment editor


@pytest.fixture
def editor(scene):
    volume = add_volume("dce", cube_value=1000)
    segmentation, segment_id = add_segmentation(volume)
    widget = slicer.qMRMLSegmentEditorWidget()
    widget.setMRMLSegmentEditorNode(scene.AddNewNodeByClass("vtkMRMLSegmentEditorNode"))
    widget.setMRMLScene(scene)
    widget.setSegmentationNode(segmentation)
    widget.setSourceVolumeNode(volume)
    widget.setCurrentSegmentID(segment_id)
    yield widget
    widget.setSegmentationNode(None)
    widget.setSourceVolumeNode(None)
    widget.deleteLater()


def voxels_of(editor):
    mask = slicer.util.arrayFromSegmentBinaryLabelmap(editor.segmentationNode(), "L1", editor.sourceVolumeNode())
    return np.zeros((30, 60, 50), bool) if mask is None else mask.astype(bool)


def ball(center_ijk, radius):
    k, j, i = np.mgrid[:30, :60, :50]
    return (i - center_ijk[0]) ** 2 + (j - center_ijk[1]) ** 2 + (k - center_ijk[2]) ** 2 <= radius**2


def test_threshold_equals_numpy(editor):
    editor.threshold(500, 2000)
    assert np.array_equal(voxels_of(editor), slicer.util.arrayFromVolume(editor.sourceVolumeNode()) >= 500)


def test_strokes_equal_numpy_and_are_undone(editor):
    editor.paint_sphere((20, 30, 15), 6.0)
    editor.paint_sphere((28, 30, 15), 4.0)
    painted = ball((20, 30, 15), 6) | ball((28, 30, 15), 4)
    assert np.array_equal(voxels_of(editor), painted)
    editor.erase_sphere((20, 30, 15), 3.0)
    assert np.array_equal(voxels_of(editor), painted & ~ball((20, 30, 15), 3))
    editor.undo()
    assert np.array_equal(voxels_of(editor), painted)
    editor.undo()
    assert np.array_equal(voxels_of(editor), ball((20, 30, 15), 6))
    editor.redo()
    assert np.array_equal(voxels_of(editor), painted)


# Pictures


@pytest.fixture
def red_view(scene):
    with SliceRenderer("Red", 400, 300) as view:
        yield view


def test_the_slice_shows_the_volume_where_it_is(red_view):
    slicer.util.setSliceViewerLayers(background=add_volume("dce", cube_value=1000), fit=True)
    red_view.fit()
    pixels = red_view.pixels()
    x, y = red_view.display_position((25.0, 30.0, 15.0))
    assert pixels.shape == (300, 400, 3)
    assert pixels[299 - y, x].tolist() == [255, 255, 255]
    x, y = red_view.display_position((5.0, 5.0, 15.0))
    assert pixels[299 - y, x].tolist() == [0, 0, 0]


def test_an_outline_appears_where_the_segment_ends(red_view):
    volume = add_volume("dce")
    slicer.util.setSliceViewerLayers(background=volume, fit=True)
    red_view.fit()
    segmentation, segment_id = add_segmentation(volume)
    cube = slicer.util.arrayFromVolume(volume) * 0
    cube[10:20, 20:40, 15:35] = 1
    slicer.util.updateSegmentBinaryLabelmapFromArray(cube, segmentation, segment_id, volume)
    segmentation.GetDisplayNode().SetVisibility2DFill(False)
    red = red_view.pixels()[..., 0] > 100
    rows, columns = np.nonzero(red)
    left, bottom = red_view.display_position((34.5, 19.5, 15.0))  # voxel borders; R is on the left
    right, top = red_view.display_position((14.5, 39.5, 15.0))
    assert abs(columns.min() - min(left, right)) <= 2
    assert abs(columns.max() - max(left, right)) <= 2
    assert abs((299 - rows.max()) - min(bottom, top)) <= 2
    assert abs((299 - rows.min()) - max(bottom, top)) <= 2
    assert not red[rows.min() + 5 : rows.max() - 5, columns.min() + 5 : columns.max() - 5].any()


def test_a_click_places_a_point_where_the_mouse_is(red_view):
    slicer.util.setSliceViewerLayers(background=add_volume("dce"), fit=True)
    red_view.fit()
    points = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLMarkupsFiducialNode")
    points.CreateDefaultDisplayNodes()
    selection = slicer.app.applicationLogic().GetSelectionNode()
    selection.SetReferenceActivePlaceNodeClassName("vtkMRMLMarkupsFiducialNode")
    selection.SetReferenceActivePlaceNodeID(points.GetID())
    interaction = slicer.app.applicationLogic().GetInteractionNode()
    interaction.SetPlaceModePersistence(0)
    interaction.SetCurrentInteractionMode(interaction.Place)
    red_view.click((20.0, 33.0, 0.0))
    assert points.GetNumberOfControlPoints() == 1
    assert np.allclose(tuple(points.GetNthControlPointPositionWorld(0))[:2], (20.0, 33.0), atol=0.2)
    assert interaction.GetCurrentInteractionMode() == interaction.ViewTransform


def test_a_plot_shows_the_line_in_its_colour(scene):
    chart = slicer.util.plot(np.array([[0.0, 1.0], [60.0, 3.0], [120.0, 2.0]]), xColumnIndex=0, show=False)
    series = chart.GetNthPlotSeriesNode(0)
    series.SetColor(1.0, 0.0, 0.0)
    series.SetLineWidth(3)
    chart.SetLegendVisibility(False)
    pixels = plot_pixels(chart, 400, 200).astype(int)
    red = (pixels[..., 0] > 200) & (pixels[..., 1] < 80)
    rows, columns = np.nonzero(red)
    # It peaks at the second of three points, in the middle of the axis.
    assert 180 < columns[rows.argmin()] < 240
    assert columns.max() - columns.min() > 300


def test_a_widget_is_drawn_at_its_width_in_light_and_dark(ui):
    light, dark = widget_pixels(ui.Root, 400), widget_pixels(ui.Root, 400, dark=True)
    assert light.shape == dark.shape
    assert light.shape[1] == 400
    assert np.median(light) > 200
    assert np.median(dark) < 80
