"""Volume nodes and images hold the same voxels at the same places, whatever the geometry."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk
import slicer
import vtk
from BreastFusionPanel.bridge.geometry import add_volume, grid_of, image_of, pixels_of, to_lps, to_ras
from BreastFusionPanel.bridge.geometry import update_volume as update
from BreastFusionPanel.bridge.node_phase import NodePhase

from BreastFusionLib.errors import InputError
from BreastFusionLib.exam.geometry import Box, Grid, crop, same_grid
from BreastFusionLib.exam.model import Phase


def rotation(seed: int) -> np.ndarray:
    return np.linalg.qr(np.random.default_rng(seed).normal(size=(3, 3)))[0]


SIZE, SPACING, ORIGIN = (7, 5, 6), (0.7, 0.8, 1.9), (1 / 3, -2 / 7, 5.0)
FLIPPED = np.diag([-1.0, 1.0, -1.0])
SWAPPED = np.eye(3)[[2, 0, 1]]
DIRECTIONS = {
    "axial": np.eye(3),
    "flipped": FLIPPED,
    "sagittal": SWAPPED,
    "oblique": rotation(1),
    "mirror": -rotation(2),
}


def make_grid(direction: np.ndarray | None = None) -> Grid:
    direction = np.eye(3) if direction is None else direction
    return Grid(SIZE, SPACING, ORIGIN, tuple(direction.ravel().tolist()))


def make_image(grid: Grid | None = None, dtype: type = np.int16) -> sitk.Image:
    pixels = np.random.default_rng(0).integers(0, 100, SIZE[::-1]).astype(dtype)
    return (grid or make_grid()).put_on(sitk.GetImageFromArray(pixels))


def add_transform(matrix: np.ndarray, parent: vtk.vtkObject | None = None, name: str = "move") -> vtk.vtkObject:
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLinearTransformNode", name)
    node.SetMatrixTransformToParent(slicer.util.vtkMatrixFromArray(matrix))
    if parent is not None:
        node.SetAndObserveTransformNodeID(parent.GetID())
    return node


def rigid(seed: int) -> np.ndarray:
    matrix = np.eye(4)
    matrix[:3, :3], matrix[:3, 3] = rotation(seed), (4.5, -3.25, 11.0)
    return matrix


def slicer_point(volume: vtk.vtkObject, index_ijk: tuple[int, int, int]) -> np.ndarray:
    """The place of a voxel as Slicer's own functions give it."""
    matrix = vtk.vtkMatrix4x4()
    volume.GetIJKToRASMatrix(matrix)
    point = matrix.MultiplyPoint([*index_ijk, 1.0])[:3]
    to_world = vtk.vtkGeneralTransform()
    slicer.vtkMRMLTransformNode.GetTransformBetweenNodes(volume.GetParentTransformNode(), None, to_world)
    return np.array(to_world.TransformPoint(point))


@pytest.mark.parametrize("direction", DIRECTIONS.values(), ids=DIRECTIONS.keys())
def test_an_image_comes_back_to_the_last_bit(scene, direction):
    image = make_image(make_grid(direction))
    volume = add_volume(image, "volume")
    assert grid_of(volume) == Grid.of(image)
    assert np.array_equal(sitk.GetArrayFromImage(image_of(volume)), sitk.GetArrayFromImage(image))


@pytest.mark.parametrize("direction", DIRECTIONS.values(), ids=DIRECTIONS.keys())
def test_a_voxel_lies_where_slicer_shows_it(scene, direction):
    volume = add_volume(make_image(make_grid(direction)), "volume")
    grid = grid_of(volume)
    for index in [(0, 0, 0), (6, 4, 5), (3, 1, 2)]:
        assert to_ras(grid.physical(index)) == pytest.approx(slicer_point(volume, index), rel=1e-15, abs=1e-14)


def test_left_and_back_change_their_sign_and_up_does_not():
    assert to_ras((1.0, 2.0, 3.0)) == (-1.0, -2.0, 3.0) == to_lps((1.0, 2.0, 3.0))


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int16, np.uint16, np.int32, np.uint32, np.float32, np.float64])
def test_pixel_types_are_kept(scene, dtype):
    volume = add_volume(make_image(dtype=dtype), "volume")
    assert pixels_of(volume).dtype == dtype
    assert sitk.GetArrayViewFromImage(image_of(volume)).dtype == dtype


def test_parent_transforms_count_however_many_and_however_hidden(scene):
    outer = add_transform(rigid(5), name="outer")
    inner = add_transform(rigid(6), parent=outer, name="inner")
    outer.SetHideFromEditors(True)
    volume = add_volume(make_image(make_grid(rotation(1))), "volume")
    volume.SetAndObserveTransformNodeID(inner.GetID())
    for index in [(0, 0, 0), (6, 4, 5)]:
        shown = slicer_point(volume, index)
        assert to_ras(grid_of(volume).physical(index)) == pytest.approx(shown, rel=1e-14, abs=1e-13)
        assert to_ras(image_of(volume).TransformIndexToPhysicalPoint(index)) == pytest.approx(
            shown, rel=1e-14, abs=1e-13
        )


def test_an_image_lies_in_the_world_also_when_its_node_is_under_a_transform(scene):
    volume = add_volume(make_image(), "volume")
    volume.SetAndObserveTransformNodeID(add_transform(rigid(7)).GetID())
    image = make_image(make_grid(rotation(3)))
    update(volume, image)
    assert np.allclose(grid_of(volume).index_to_lps, Grid.of(image).index_to_lps, rtol=1e-14, atol=1e-13)


def test_memory_that_does_not_begin_at_voxel_zero_keeps_its_place(scene):
    volume = add_volume(make_image(), "volume")
    last = slicer_point(volume, (6, 4, 5))
    pixels = vtk.vtkImageData()
    pixels.SetExtent(2, 6, 1, 4, 3, 5)
    pixels.AllocateScalars(vtk.VTK_SHORT, 1)
    volume.SetAndObserveImageData(pixels)
    grid = grid_of(volume)
    assert grid.size == (5, 4, 3)
    assert to_ras(grid.physical((4, 3, 2))) == pytest.approx(last, abs=1e-13)


def test_a_sheared_volume_is_refused(scene):
    shear = np.eye(4)
    shear[0, 1] = 0.1
    volume = add_volume(make_image(), "tilted")
    volume.SetAndObserveTransformNodeID(add_transform(shear).GetID())
    with pytest.raises(InputError, match=r"axes of 'tilted' are not at right angles .* resample it first"):
        grid_of(volume)


def test_a_shear_between_scaled_axes_is_refused_too(scene):
    turned, stretched = np.eye(4), np.diag([1.0, 2.0, 1.0, 1.0])
    turned[:2, :2] = [[0.8, -0.6], [0.6, 0.8]]
    volume = add_volume(make_image(), "stretched")
    volume.SetAndObserveTransformNodeID(add_transform(stretched @ turned).GetID())
    with pytest.raises(InputError, match="not at right angles"):
        image_of(volume)


def test_a_transform_that_stretches_along_the_axes_makes_larger_voxels(scene):
    volume = add_volume(make_image(), "volume")
    volume.SetAndObserveTransformNodeID(add_transform(np.diag([2.0, 1.0, 3.0, 1.0])).GetID())
    assert grid_of(volume).spacing_mm == pytest.approx((1.4, 0.8, 5.7), rel=1e-15)


def test_a_non_linear_transform_is_refused(scene):
    bent = scene.AddNewNodeByClass("vtkMRMLTransformNode", "bent")
    spline = vtk.vtkThinPlateSplineTransform()
    bent.SetAndObserveTransformToParent(spline)
    volume = add_volume(make_image(), "volume")
    volume.SetAndObserveTransformNodeID(bent.GetID())
    with pytest.raises(InputError, match=r"'volume' is under the transform 'bent'.* harden the transform first"):
        grid_of(volume)


def test_a_voxel_without_extent_is_refused(scene):
    volume = add_volume(make_image(), "flat")
    volume.SetAndObserveTransformNodeID(add_transform(np.diag([1.0, 0.0, 1.0, 1.0])).GetID())
    with pytest.raises(InputError, match="'flat' has a voxel without extent"):
        grid_of(volume)


def test_a_node_without_pixels_is_refused(scene):
    empty = scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "not loaded")
    for function in (grid_of, image_of, pixels_of):
        with pytest.raises(InputError, match="'not loaded' holds no pixels"):
            function(empty)


def test_colours_and_single_bits_are_refused(scene):
    volume = add_volume(make_image(), "colours")
    pixels = vtk.vtkImageData()
    pixels.SetDimensions(2, 2, 2)
    pixels.AllocateScalars(vtk.VTK_UNSIGNED_CHAR, 3)
    volume.SetAndObserveImageData(pixels)
    with pytest.raises(InputError, match="'colours' holds 3 numbers a voxel"):
        image_of(volume)
    pixels.AllocateScalars(vtk.VTK_BIT, 1)
    with pytest.raises(InputError, match="pixels of one bit"):
        image_of(volume)


BOXES = {
    "inside": Box((1, 2, 3), (4, 2, 2)),
    "whole": Box((0, 0, 0), SIZE),
    "over the border": Box((-2, 3, 4), (5, 5, 5)),
    "outside": Box((20, 20, 20), (2, 2, 2)),
}


@pytest.mark.parametrize("box", BOXES.values(), ids=BOXES.keys())
def test_a_part_of_a_phase_is_what_the_library_cuts_out_of_the_whole(scene, box):
    image = make_image(make_grid(rotation(4)))
    part = NodePhase(add_volume(image, "volume"), 12.0).part(box)
    expected = crop(image, box)
    assert np.array_equal(sitk.GetArrayFromImage(part), sitk.GetArrayFromImage(expected))
    assert Grid.of(part).size == box.size
    assert np.allclose(Grid.of(part).index_to_lps, Grid.of(expected).index_to_lps, rtol=1e-15, atol=1e-14)


def test_a_part_of_a_large_volume_copies_that_part_only(scene, monkeypatch):
    volume = add_volume(sitk.Image(400, 300, 100, sitk.sitkUInt16), "large")
    assert not pixels_of(volume).flags.owndata, "a view of the node's own memory"
    copied = []
    copy = sitk.GetImageFromArray
    monkeypatch.setattr(sitk, "GetImageFromArray", lambda array: copied.append(array.nbytes) or copy(array))
    phase = NodePhase(volume)
    assert phase.part(Box((10, 20, 30), (40, 30, 20))).GetSize() == (40, 30, 20)
    assert phase.slices == 100
    assert copied == [40 * 30 * 20 * 2]


def test_every_nth_voxel_of_a_phase_is_that_of_the_whole_and_nothing_else_is_copied(scene, monkeypatch):
    image = make_image(make_grid(rotation(5)))
    phase = NodePhase(add_volume(image, "volume"))
    monkeypatch.setattr(NodePhase, "image", property(lambda _phase: pytest.fail("the whole volume was read")))
    coarse, expected = phase.every((2, 3, 1)), Phase(None, image).every((2, 3, 1))
    assert np.array_equal(sitk.GetArrayFromImage(coarse), sitk.GetArrayFromImage(expected))
    assert np.array_equal(sitk.GetArrayFromImage(coarse), sitk.GetArrayFromImage(image)[:, ::3, ::2])
    assert same_grid(coarse, expected)


def test_a_phase_shows_what_the_node_holds_when_it_is_asked(scene):
    volume = add_volume(make_image(), "volume")
    phase = NodePhase(volume, 60.0)
    pixels_of(volume)[2, 1, 0] = 999
    assert phase.image[0, 1, 2] == 999
    assert phase.time_s == 60.0


def test_the_window_suits_the_tissue_and_stays_when_the_pixels_change(scene):
    pixels = np.linspace(0, 1000, 40 * 40 * 40, dtype=np.float32).reshape(40, 40, 40)
    volume = add_volume(sitk.GetImageFromArray(pixels), "ramp")
    display = volume.GetDisplayNode()
    assert 0 <= display.GetWindowLevelMin() < 60 < 940 < display.GetWindowLevelMax() <= 1000
    shown = display.GetWindowLevelMin(), display.GetWindowLevelMax()
    update(volume, sitk.GetImageFromArray(10 * pixels))
    assert (display.GetWindowLevelMin(), display.GetWindowLevelMax()) == shown
