"""Grids: what a voxel index means in the patient, on grids where every shortcut fails."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from BreastFusionLib.errors import InputError
from BreastFusionLib.exam.geometry import (
    Box,
    Grid,
    bounding_box,
    crop,
    describe_difference,
    plane_axes,
    resample_onto,
    same_grid,
)

pytestmark = pytest.mark.fast


@st.composite
def grids(draw: st.DrawFn) -> Grid:
    """Rotated, flipped, anisotropic, non-square grids far from the origin."""
    size = tuple(draw(st.integers(1, 9)) for _ in range(3))
    spacing = tuple(draw(st.floats(0.2, 6.0)) for _ in range(3))
    origin = tuple(draw(st.floats(-500, 500)) for _ in range(3))
    turn = Rotation.from_euler("xyz", [draw(st.integers(-1800, 1800)) / 10 for _ in range(3)], degrees=True).as_matrix()
    flip = np.diag([draw(st.sampled_from([-1.0, 1.0])) for _ in range(3)])
    return Grid(size, spacing, origin, tuple((turn @ flip).ravel().tolist()))


boxes = st.builds(
    Box,
    st.tuples(*[st.integers(-4, 8)] * 3),
    st.tuples(*[st.integers(1, 6)] * 3),
)


@given(grids(), st.tuples(*[st.floats(-20, 20)] * 3))
def test_index_and_physical_are_inverse(grid: Grid, index: tuple[float, float, float]) -> None:
    assert grid.index(grid.physical(index)) == pytest.approx(index, abs=1e-6)


@given(grids(), st.tuples(*[st.floats(-20, 20)] * 3))
def test_a_grid_agrees_with_simpleitk(grid: Grid, index: tuple[float, float, float]) -> None:
    image = grid.empty_image()
    assert Grid.of(image) == grid
    assert grid.physical(index) == pytest.approx(image.TransformContinuousIndexToPhysicalPoint(index), abs=1e-6)


def test_axes_of_a_hand_made_grid() -> None:
    # i runs to posterior (+y), j to the right (-x), k down (-z).
    grid = Grid((4, 3, 2), (1.0, 2.0, 5.0), (10.0, 20.0, 30.0), (0, -1, 0, 1, 0, 0, 0, 0, -1))
    assert grid.physical((3, 0, 0)).tolist() == [10, 23, 30]
    assert grid.physical((0, 2, 0)).tolist() == [6, 20, 30]
    assert grid.physical((0, 0, 1)).tolist() == [10, 20, 25]
    assert grid.voxel_volume_mm3 == 10


@given(grids())
def test_a_volume_reaches_half_a_voxel_beyond_its_centres(grid: Grid) -> None:
    last = np.asarray(grid.size) - 1
    assert grid.contains(grid.physical(last + 0.49)) and not grid.contains(grid.physical(last + 0.51))
    assert grid.contains(grid.physical((-0.49,) * 3)) and not grid.contains(grid.physical((0, 0, -0.51)))


@given(grids(), boxes)
def test_a_crop_keeps_every_voxel_where_it_is(grid: Grid, box: Box) -> None:
    pixels = np.arange(1, 1 + np.prod(grid.size), dtype=np.int32).reshape(grid.size[::-1])
    image = grid.put_on(sitk.GetImageFromArray(pixels))
    piece = crop(image, box, outside=-7)
    assert piece.GetSize() == box.size and piece.GetPixelID() == image.GetPixelID()
    values = sitk.GetArrayFromImage(piece)
    for kji in np.ndindex(values.shape):
        point = Grid.of(piece).physical(kji[::-1])
        index = np.rint(grid.index(point)).astype(int)
        inside = np.all(index >= 0) and np.all(index < grid.size)
        assert values[kji] == (pixels[tuple(index[::-1])] if inside else -7)


@given(grids(), boxes)
def test_a_crop_equals_resampling_onto_the_cropped_grid(grid: Grid, box: Box) -> None:
    image = grid.put_on(sitk.GetImageFromArray(np.random.default_rng(0).normal(size=grid.size[::-1])))
    expected = resample_onto(image, grid.cropped(box), "nearest")
    assert np.array_equal(sitk.GetArrayFromImage(crop(image, box)), sitk.GetArrayFromImage(expected))


@given(grids())
def test_resampling_onto_the_same_grid_changes_nothing(grid: Grid) -> None:
    image = grid.put_on(sitk.GetImageFromArray(np.random.default_rng(0).normal(size=grid.size[::-1])))
    for interpolation in ("nearest", "linear"):
        again = sitk.GetArrayFromImage(resample_onto(image, grid, interpolation))
        assert again == pytest.approx(sitk.GetArrayFromImage(image), abs=1e-6)


def test_linear_resampling_reproduces_a_linear_image() -> None:
    # Intensity = 2x - 3y + z in patient space is exact under linear interpolation on any grid.
    turn = Rotation.from_euler("xyz", [10, 25, -40], degrees=True).as_matrix()
    source = Grid((30, 24, 20), (2.0, 2.5, 3.0), (-30.0, -30.0, -30.0))
    target = Grid((8, 6, 5), (1.1, 1.7, 2.3), (-5.0, -4.0, -6.0), tuple(turn.ravel().tolist()))

    def ramp(grid: Grid) -> np.ndarray:
        index = np.stack(np.meshgrid(*map(np.arange, grid.size), indexing="ij"), axis=-1)
        return (grid.physical(index) @ (2.0, -3.0, 1.0)).transpose(2, 1, 0)

    image = source.put_on(sitk.GetImageFromArray(ramp(source)))
    assert sitk.GetArrayFromImage(resample_onto(image, target)) == pytest.approx(ramp(target), abs=1e-9)


def test_a_transform_maps_the_result_to_the_image() -> None:
    grid = Grid((9, 9, 9), (1.0, 1.0, 1.0))
    pixels = np.zeros((9, 9, 9), np.uint8)
    pixels[4, 4, 6] = 1
    moved = resample_onto(
        grid.put_on(sitk.GetImageFromArray(pixels)), grid, "nearest", transform=sitk.TranslationTransform(3, (2, 0, 0))
    )
    assert np.argwhere(sitk.GetArrayFromImage(moved)).tolist() == [[4, 4, 4]]


@given(grids(), boxes)
def test_the_bounding_box_holds_exactly_the_mask(grid: Grid, box: Box) -> None:
    inside = box.clipped(grid.size)
    pixels = np.zeros(grid.size[::-1], np.uint8)
    pixels[inside.slices] = 1
    found = bounding_box(grid.put_on(sitk.GetImageFromArray(pixels)))
    assert found == (None if 0 in inside.size else inside)


def test_bounding_box_of_two_distant_voxels() -> None:
    pixels = np.zeros((4, 5, 6), np.uint8)
    pixels[1, 4, 0] = pixels[3, 2, 5] = 1
    assert bounding_box(sitk.GetImageFromArray(pixels)) == Box((0, 2, 1), (6, 3, 3))


def test_bounding_box_of_one_label() -> None:
    pixels = np.zeros((4, 5, 6), np.uint8)
    pixels[1, 2, 0], pixels[3, 4, 5] = 1, 2
    assert bounding_box(sitk.GetImageFromArray(pixels), label=2) == Box((5, 4, 3), (1, 1, 1))
    assert bounding_box(sitk.GetImageFromArray(pixels), label=3) is None


def test_corners_are_those_of_the_outermost_voxels_or_of_the_volume() -> None:
    grid = Grid((4, 3, 2), (1.0, 1.0, 1.0))
    assert {tuple(corner) for corner in grid.corners_ijk().tolist()} == set(itertools.product((0, 3), (0, 2), (0, 1)))
    outer = grid.corners_ijk(border=0.5)
    assert outer.shape == (8, 3)
    assert (outer.min(axis=0).tolist(), outer.max(axis=0).tolist()) == ([-0.5] * 3, [3.5, 2.5, 1.5])


def test_a_box_holds_points_between_the_centres_of_its_voxels() -> None:
    assert Box.holding([(0.2, -0.5, 3.0), (1.0, 0.0, 3.0)]) == Box((0, -1, 3), (2, 2, 1))


def test_boxes_grow_and_clip() -> None:
    box = Box((1, 2, 3), (4, 5, 6))
    assert box.stop == (5, 7, 9)
    assert box.grown(2) == Box((-1, 0, 1), (8, 9, 10))
    assert box.grown((1, 0, 2)).clipped((6, 6, 6)) == Box((0, 2, 1), (6, 4, 5))
    assert 0 in Box((9, 0, 0), (2, 2, 2)).clipped((6, 6, 6)).size


def test_same_grid_tolerates_rounding_and_nothing_else() -> None:
    grid = Grid((448, 448, 160), (0.7589, 0.7589, 1.1), (-173.87, -154.5, -28.5))
    rounded = Grid(grid.size, (0.75892, 0.75892, 1.1), (-173.8705, -154.5, -28.5))
    assert not same_grid(grid, rounded)  # .02 um a voxel are .009 mm over the volume, and .0005 mm of origin
    assert same_grid(grid, Grid(grid.size, (0.758901, 0.758901, 1.1), (-173.8705, -154.5, -28.5)))
    assert describe_difference(grid, Grid((448, 448, 158), grid.spacing_mm, grid.origin_lps)) == (
        "448x448x160 against 448x448x158 voxels"
    )
    assert "up to 1 mm apart" in str(
        describe_difference(grid, Grid(grid.size, grid.spacing_mm, (-172.87, -154.5, -28.5)))
    )
    flipped = Grid(grid.size, grid.spacing_mm, grid.origin_lps, (-1, 0, 0, 0, 1, 0, 0, 0, 1))
    assert not same_grid(grid, flipped)


def test_a_2d_image_is_no_grid() -> None:
    with pytest.raises(InputError, match="2-D image of size 4x3"):
        Grid.of(sitk.Image([4, 3], sitk.sitkUInt8))


def test_axes_of_a_plane_are_orthonormal_even_when_the_header_rounds() -> None:
    axes = plane_axes([0.94, 0.342, 0.0, -0.28, 0.77, -0.573])
    np.testing.assert_allclose(axes @ axes.T, np.eye(3), atol=1e-12)
    np.testing.assert_allclose(axes[:2], [[0.94, 0.342, 0.0], [-0.28, 0.77, -0.573]], atol=5e-3)
    assert plane_axes([1, 0, 0, 0, 0, -1]).tolist() == [[1, 0, 0], [0, 0, -1], [0, 1, 0]]  # coronal, feet first
