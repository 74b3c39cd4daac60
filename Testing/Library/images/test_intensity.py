from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given
from hypothesis import strategies as st

from BreastFusionLib.errors import InputError
from BreastFusionLib.images import IntensityScale, IntensitySpec, measure_scale

WANG = IntensitySpec("clip_minmax_mean", low=0.0, high=1500.0)
ROBUST = IntensitySpec("robust")


def image_of(values: object, pixel_type: type = np.int16) -> sitk.Image:
    return sitk.GetImageFromArray(np.asarray(values, dtype=pixel_type))


def body_and_air(seed: int = 0, size: int = 40) -> np.ndarray:
    """A block of tissue (100 to 500) in noisy air (0 to 20)."""
    random = np.random.default_rng(seed)
    pixels = random.integers(0, 21, (size, size, size))
    inner = (slice(size // 4, None),) * 3
    pixels[inner] = random.integers(100, 501, pixels[inner].shape)
    return pixels


def test_wang2024_clips_then_scales_to_0_1_then_subtracts_the_mean() -> None:
    # Clipped: 0, 500, 1000, 1500; scaled: 0, 1/3, 2/3, 1; mean 1/2.
    image = image_of([[[-200, 500], [1000, 3000]]])
    scaled = measure_scale(image, WANG).apply(sitk.GetArrayFromImage(image))
    np.testing.assert_allclose(scaled, [[[-1 / 2, -1 / 6], [1 / 6, 1 / 2]]], atol=1e-7)
    assert scaled.dtype == np.float32


def test_wang2024_takes_the_volumes_own_range_not_the_clips() -> None:
    image = image_of([[[100, 300, 500]]])
    scaled = measure_scale(image, WANG).apply(sitk.GetArrayFromImage(image))
    np.testing.assert_allclose(scaled, [[[-0.5, 0.0, 0.5]]], atol=1e-7)


def test_wang2024_over_several_slices_equals_the_formula_on_the_whole_volume() -> None:
    pixels = np.random.default_rng(1).normal(700, 600, (5, 7, 9)).astype(np.float32)
    clipped = np.clip(pixels.astype(float), 0, 1500)
    expected = (clipped - clipped.min()) / (clipped.max() - clipped.min())
    expected -= expected.mean()
    np.testing.assert_allclose(measure_scale(image_of(pixels, np.float32), WANG).apply(pixels), expected, atol=1e-6)


def test_robust_sends_the_foregrounds_percentiles_to_0_and_1() -> None:
    pixels = body_and_air()
    scale = measure_scale(image_of(pixels), ROBUST)
    low, high = np.percentile(pixels[pixels >= 100], (1.0, 99.5))
    np.testing.assert_allclose(scale.apply(np.array([low, high])), [0.0, 1.0], atol=1e-6)


def test_robust_keeps_values_up_to_one_range_outside() -> None:
    scale = measure_scale(image_of(body_and_air()), ROBUST)
    span = 1 / scale.factor
    raw = np.array([-1e6, scale.offset - span / 2, scale.offset + 1.5 * span, 1e6])
    np.testing.assert_allclose(scale.apply(raw), [-1.0, -0.5, 1.5, 2.0], atol=1e-5)


@given(gain=st.floats(0.01, 100.0))
def test_robust_does_not_depend_on_the_scanners_gain(gain: float) -> None:
    pixels = body_and_air(size=20).astype(np.float32)
    other = pixels * np.float32(gain)
    first = measure_scale(image_of(pixels, np.float32), ROBUST).apply(pixels)
    second = measure_scale(image_of(other, np.float32), ROBUST).apply(other)
    np.testing.assert_allclose(first, second, atol=1e-4)


def test_robust_hardly_depends_on_how_much_air_is_in_the_field_of_view() -> None:
    pixels = body_and_air()
    wide = np.random.default_rng(2).integers(0, 21, (60, 60, 60))
    wide[:40, :40, :40] = pixels
    near, far = (measure_scale(image_of(p), ROBUST) for p in (pixels, wide))
    assert far.offset == pytest.approx(near.offset, rel=0.02)
    assert far.factor == pytest.approx(near.factor, rel=0.02)


@pytest.mark.parametrize("name", ["dce_post2_rightbreast", "t1_tse_postcontrast_full"])
def test_robust_on_a_real_volume_is_within_1_percent_of_percentiles_over_all_voxels(
    duke_folder: Path, name: str
) -> None:
    pixels = sitk.GetArrayFromImage(sitk.ReadImage(str(duke_folder / "nii" / f"{name}.nii.gz")))
    low, high = np.percentile(pixels[pixels > pixels.mean() / 2], (1.0, 99.5))
    np.testing.assert_allclose(measure_scale(image_of(pixels), ROBUST).apply(np.array([low, high])), [0, 1], atol=0.01)


@pytest.mark.parametrize("spec", [WANG, ROBUST])
def test_pixels_alone_give_the_scale_of_their_image(spec: IntensitySpec) -> None:
    pixels = body_and_air().astype(np.int16)
    assert measure_scale(pixels, spec) == measure_scale(image_of(pixels), spec)


def test_none_changes_nothing() -> None:
    pixels = np.array([[[-3.5, 0.0, 1e6]]], dtype=np.float32)
    np.testing.assert_array_equal(
        measure_scale(image_of(pixels, np.float32), IntensitySpec("none")).apply(pixels), pixels
    )


@pytest.mark.parametrize("spec", [WANG, ROBUST])
@pytest.mark.parametrize("value", [0, 7])
def test_a_flat_volume_becomes_zero(spec: IntensitySpec, value: int) -> None:
    pixels = np.full((4, 5, 6), value)
    np.testing.assert_array_equal(measure_scale(image_of(pixels), spec).apply(pixels), np.zeros_like(pixels))


@pytest.mark.parametrize("spec", [WANG, ROBUST])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_voxels_that_are_no_numbers_are_refused(spec: IntensitySpec, value: float) -> None:
    pixels = np.ones((3, 4, 5))
    pixels[1, 2, 3] = value
    with pytest.raises(InputError, match="NaN or infinite"):
        measure_scale(image_of(pixels, np.float64), spec)


def test_an_image_keeps_its_grid() -> None:
    image = image_of(body_and_air(size=8))
    image.SetSpacing((0.5, 0.75, 2.0))
    image.SetOrigin((1.0, 2.0, 3.0))
    scaled = IntensityScale(offset=10.0, factor=0.5).apply_image(image)
    assert scaled.GetPixelID() == sitk.sitkFloat32
    assert (scaled.GetSpacing(), scaled.GetOrigin()) == (image.GetSpacing(), image.GetOrigin())
    np.testing.assert_array_equal(
        sitk.GetArrayViewFromImage(scaled), (sitk.GetArrayViewFromImage(image).astype(np.float32) - 10) / 2
    )


@pytest.mark.parametrize("wrong", [{"low": 5.0, "high": 5.0}, {"low_percentile": 99.9}, {"high_percentile": 101.0}])
def test_settings_that_make_no_sense_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(InputError, match="intensity"):
        IntensitySpec(**wrong)  # type: ignore[arg-type]
