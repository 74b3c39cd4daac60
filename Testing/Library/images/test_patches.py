from __future__ import annotations

import itertools

import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import example, given, settings
from hypothesis import strategies as st

from BreastFusionLib.errors import InputError
from BreastFusionLib.exam.geometry import Grid
from BreastFusionLib.images import IntensityScale, PatchSpec, extract_patch

RAW = IntensityScale()
OWN_PIXELS = PatchSpec(size_px=16)
IN_MM = PatchSpec(size_px=12, size_mm=9.0, slices=3, slice_step_mm=2.0)


def rotation(degrees: tuple[float, float, float]) -> np.ndarray:
    x, y, z = np.deg2rad(degrees)
    about_x = np.array([[1, 0, 0], [0, np.cos(x), -np.sin(x)], [0, np.sin(x), np.cos(x)]])
    about_y = np.array([[np.cos(y), 0, np.sin(y)], [0, 1, 0], [-np.sin(y), 0, np.cos(y)]])
    about_z = np.array([[np.cos(z), -np.sin(z), 0], [np.sin(z), np.cos(z), 0], [0, 0, 1]])
    return about_z @ about_y @ about_x


def grid_of(
    direction: np.ndarray, size: tuple[int, int, int] = (50, 40, 30), spacing_mm: tuple = (0.7, 0.9, 1.6)
) -> Grid:
    return Grid(size, spacing_mm, (112.5, -80.25, 33.0), tuple(direction.ravel().tolist()))


OBLIQUE = grid_of(rotation((-35.0, 8.0, 20.0)) @ np.diag([-1.0, 1.0, -1.0]))
SAGITTAL = grid_of(rotation((3.0, 4.0, 5.0)) @ np.array([[0, 0, 1], [1, 0, 0], [0, -1, 0]], dtype=float))


def plane_wave(points_lps: np.ndarray) -> np.ndarray:
    """A linear function of place: whatever interpolates linearly must reproduce it."""
    return points_lps @ np.array([0.31, -0.17, 0.53]) + 200.0


def linear_image(grid: Grid) -> sitk.Image:
    k, j, i = np.meshgrid(*[np.arange(n) for n in grid.size[::-1]], indexing="ij")
    pixels = plane_wave(grid.physical(np.stack([i, j, k], axis=-1)))
    return grid.put_on(sitk.GetImageFromArray(pixels.astype(np.float32)))


def mask_of(grid: Grid, *boxes: tuple[tuple[int, int], tuple[int, int], tuple[int, int]]) -> sitk.Image:
    """Fill boxes given as (first, last) along i, j, k."""
    pixels = np.zeros(grid.size[::-1], dtype=np.uint8)
    for box in boxes:
        pixels[tuple(slice(first, last + 1) for first, last in reversed(box))] = 1
    return grid.put_on(sitk.GetImageFromArray(pixels))


def points_of(grid: Grid) -> np.ndarray:
    """Physical places of a grid's voxels, shaped as its array [k, j, i, 3]."""
    k, j, i = np.meshgrid(*[np.arange(n) for n in grid.size[::-1]], indexing="ij")
    return grid.physical(np.stack([i, j, k], axis=-1))


MIDDLE = ((22, 27), (17, 22), (13, 17))


@pytest.mark.parametrize("grid", [OBLIQUE, SAGITTAL], ids=["oblique", "sagittal"])
@pytest.mark.parametrize("spec", [OWN_PIXELS, IN_MM], ids=["own pixels", "mm"])
def test_every_pixel_lies_where_the_patchs_grid_says(grid: Grid, spec: PatchSpec) -> None:
    patch = extract_patch(linear_image(grid), mask_of(grid, MIDDLE), spec, RAW)
    assert patch.pixels.shape == (spec.slices, spec.size_px, spec.size_px)
    assert patch.grid.size == (spec.size_px, spec.size_px, spec.slices)
    assert patch.pixels.dtype == np.float32
    np.testing.assert_allclose(patch.pixels, plane_wave(points_of(patch.grid)), atol=1e-3)


@settings(max_examples=25, deadline=None)
@given(
    angles=st.tuples(*[st.floats(-180, 180)] * 3),
    flip=st.sampled_from(list(itertools.product([-1.0, 1.0], repeat=3))),
    spacing_mm=st.tuples(*[st.floats(0.5, 2.0)] * 3),
)
@example(angles=(7.6e-230, 0.0, 6.5e-88), flip=(-1.0, -1.0, -1.0), spacing_mm=(1.0, 1.0, 1.0))
def test_in_mm_every_pixel_lies_where_the_grid_says_whatever_the_geometry(
    angles: tuple[float, float, float], flip: tuple[float, float, float], spacing_mm: tuple[float, float, float]
) -> None:
    grid = grid_of(rotation(angles) @ np.diag(flip), (40, 36, 32), spacing_mm)
    spec = PatchSpec(size_px=8, size_mm=6.0, slices=3, slice_step_mm=1.5)
    patch = extract_patch(linear_image(grid), mask_of(grid, ((18, 21), (17, 18), (15, 17))), spec, RAW)
    np.testing.assert_allclose(patch.pixels, plane_wave(points_of(patch.grid)), atol=2e-3)


@pytest.mark.parametrize("grid", [OBLIQUE, SAGITTAL], ids=["oblique", "sagittal"])
def test_in_mm_the_patch_has_the_size_asked_for_and_the_lesion_in_its_middle(grid: Grid) -> None:
    patch = extract_patch(linear_image(grid), mask_of(grid, MIDDLE), IN_MM, RAW)
    np.testing.assert_allclose(patch.grid.spacing_mm, (0.75, 0.75, 2.0))
    np.testing.assert_allclose(patch.grid.physical((5.5, 5.5, 1.0)), grid.physical((24.5, 19.5, 15.0)), atol=1e-9)


@pytest.mark.parametrize("grid", [OBLIQUE, SAGITTAL], ids=["oblique", "sagittal"])
def test_in_mm_columns_run_to_the_left_rows_to_posterior_slices_to_superior(grid: Grid) -> None:
    patch = extract_patch(linear_image(grid), mask_of(grid, MIDDLE), IN_MM, RAW)
    direction = np.reshape(patch.grid.direction, (3, 3))
    assert (np.diag(direction) > 0.7).all()
    # They are the image's own axes: each lies on one of them, one way or the other.
    overlap = np.abs(direction.T @ np.reshape(grid.direction, (3, 3)))
    np.testing.assert_allclose(np.sort(overlap, axis=1), [[0, 0, 1]] * 3, atol=1e-12)


def test_in_mm_storing_the_volume_the_other_way_round_changes_nothing() -> None:
    image, mask = linear_image(OBLIQUE), mask_of(OBLIQUE, MIDDLE)
    turned, turned_mask = (sitk.Flip(sitk.PermuteAxes(x, (2, 0, 1)), (True, False, True)) for x in (image, mask))
    first, second = (extract_patch(*pair, IN_MM, RAW) for pair in ((image, mask), (turned, turned_mask)))
    np.testing.assert_allclose(first.pixels, second.pixels, atol=1e-4)
    np.testing.assert_allclose(first.grid.index_to_lps, second.grid.index_to_lps, atol=1e-9)


def test_in_mm_coarse_pixels_are_averages_not_samples() -> None:
    # Stripes of one pixel each: sampled every fourth pixel they would come out as 0 or 100, blurred as 50.
    grid = Grid((96, 96, 9), (0.5, 0.5, 2.0))
    stripes = np.zeros((9, 96, 96), dtype=np.float32)
    stripes[:, :, ::2] = 100.0
    spec = PatchSpec(size_px=8, size_mm=16.0, slices=1, slice_step_mm=2.0)
    patch = extract_patch(
        grid.put_on(sitk.GetImageFromArray(stripes)), mask_of(grid, ((47, 48), (47, 48), (4, 4))), spec, RAW
    )
    np.testing.assert_allclose(patch.pixels, 50.0, atol=2.0)


def test_in_mm_fine_pixels_are_not_blurred() -> None:
    grid = Grid((40, 40, 9), (1.0, 1.0, 2.0))
    point = np.zeros((9, 40, 40), dtype=np.float32)
    point[4, 20, 20] = 100.0
    spec = PatchSpec(size_px=21, size_mm=10.5, slices=3, slice_step_mm=2.0)
    patch = extract_patch(
        grid.put_on(sitk.GetImageFromArray(point)), mask_of(grid, ((20, 20), (20, 20), (4, 4))), spec, RAW
    )
    triangle = np.maximum(0, 1 - np.abs(np.arange(21) - 10) / 2)
    np.testing.assert_allclose(patch.pixels[1], 100 * np.outer(triangle, triangle), atol=1e-3)
    np.testing.assert_allclose(patch.pixels[[0, 2]], 0.0, atol=1e-3)


def test_own_pixels_are_the_images_voxels_round_the_largest_section() -> None:
    pixels = np.arange(30 * 40 * 50, dtype=np.float32).reshape(30, 40, 50)
    image = OBLIQUE.put_on(sitk.GetImageFromArray(pixels))
    mask = mask_of(OBLIQUE, ((24, 25), (18, 19), (10, 14)), ((20, 27), (15, 22), (12, 12)))
    patch = extract_patch(image, mask, OWN_PIXELS, RAW)
    np.testing.assert_array_equal(patch.pixels, pixels[11:14, 11:27, 16:32])
    np.testing.assert_allclose(patch.grid.origin_lps, OBLIQUE.physical((16, 11, 11)))
    assert patch.grid.direction == OBLIQUE.direction


@pytest.mark.parametrize(("last", "expected"), [(13, 13), (14, 13), (15, 14), (16, 14)])
def test_own_pixels_of_equal_sections_take_the_middle_one(last: int, expected: int) -> None:
    image = linear_image(OBLIQUE)
    patch = extract_patch(image, mask_of(OBLIQUE, ((20, 27), (15, 22), (13, last))), OWN_PIXELS, RAW)
    assert OBLIQUE.index(patch.grid.physical((0, 0, 1)))[2] == pytest.approx(expected)


@pytest.mark.parametrize("size_px", [15, 16])
@pytest.mark.parametrize("last", [27, 28])
def test_own_pixels_have_the_section_in_the_middle_within_half_a_pixel(size_px: int, last: int) -> None:
    spec = PatchSpec(size_px=size_px)
    patch = extract_patch(linear_image(OBLIQUE), mask_of(OBLIQUE, ((20, last), (15, 22), (13, 13))), spec, RAW)
    center = OBLIQUE.index(patch.grid.physical(((size_px - 1) / 2, (size_px - 1) / 2, 1)))
    assert (np.abs(center - ((20 + last) / 2, 18.5, 13)) <= 0.5 + 1e-9).all()


@pytest.mark.parametrize("spec", [OWN_PIXELS, IN_MM], ids=["own pixels", "mm"])
def test_near_a_border_the_patch_is_padded_with_air_not_shifted(spec: PatchSpec) -> None:
    image = linear_image(OBLIQUE)
    scale = IntensityScale(low=-1e9, high=1e9, offset=40.0, factor=0.01)
    patch = extract_patch(image, mask_of(OBLIQUE, ((0, 1), (0, 1), (0, 0))), spec, scale)
    points = points_of(patch.grid)
    inside = OBLIQUE.contains(points)
    outside = ~OBLIQUE.contains(points)
    index = OBLIQUE.index(points)
    interior = inside & (index >= 0).all(axis=-1)  # in the border's half voxel there is nothing to interpolate to
    assert interior.any() and outside.any()
    np.testing.assert_allclose(patch.pixels[outside], -0.4, atol=1e-6)
    np.testing.assert_allclose(patch.pixels[interior], (plane_wave(points[interior]) - 40) / 100, atol=1e-5)
    middle = OBLIQUE.index(patch.grid.physical(((spec.size_px - 1) / 2, (spec.size_px - 1) / 2, spec.slices // 2)))
    assert (np.abs(middle - (0.5, 0.5, 0)) <= 0.5 + 1e-9).all()


def test_a_patch_larger_than_the_image_holds_all_of_it() -> None:
    grid = grid_of(np.eye(3), (6, 5, 4))
    image = linear_image(grid)
    patch = extract_patch(image, mask_of(grid, ((2, 3), (2, 2), (1, 2))), PatchSpec(size_px=32, slices=9), RAW)
    np.testing.assert_array_equal(patch.pixels[patch.pixels != 0], sitk.GetArrayFromImage(image).ravel())


@pytest.mark.parametrize("spec", [OWN_PIXELS, IN_MM], ids=["own pixels", "mm"])
def test_only_voxels_that_the_patch_needs_are_looked_at(spec: PatchSpec) -> None:
    image = linear_image(OBLIQUE)
    image[2, 2, 2] = float("nan")
    assert np.isfinite(extract_patch(image, mask_of(OBLIQUE, MIDDLE), spec, RAW).pixels).all()
    image[24, 19, 15] = float("nan")
    with pytest.raises(InputError, match="NaN or infinite"):
        extract_patch(image, mask_of(OBLIQUE, MIDDLE), spec, RAW)


def test_an_empty_mask_is_refused() -> None:
    with pytest.raises(InputError, match="empty"):
        extract_patch(linear_image(OBLIQUE), mask_of(OBLIQUE), OWN_PIXELS, RAW)


def test_a_mask_on_another_grid_is_refused() -> None:
    with pytest.raises(InputError, match="different grids"):
        extract_patch(linear_image(OBLIQUE), mask_of(SAGITTAL, MIDDLE), OWN_PIXELS, RAW)


@pytest.mark.parametrize(
    "wrong", [{"slices": 2}, {"slices": 0}, {"size_px": 0}, {"size_mm": 50.0}, {"size_mm": -1.0, "slice_step_mm": 3.0}]
)
def test_settings_that_make_no_sense_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(InputError, match="patch"):
        PatchSpec(**wrong)  # type: ignore[arg-type]
