"""Rigid registration of two contrasts of one drawn breast."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk
from scipy import ndimage

from BreastFusionLib.errors import InputError
from BreastFusionLib.exam.geometry import Box, Grid, resample_onto
from BreastFusionLib.exam.registration import register_rigid

FIXED = Grid((80, 70, 40), (1.5, 1.5, 2.5), (-60.0, -50.0, -50.0))
MOVING = Grid((100, 90, 36), (1.3, 1.3, 3.2), (-68.0, -60.0, -56.0))
CENTER = (0.0, 0.0, 0.0)


@pytest.fixture(scope="module")
def anatomy() -> sitk.Image:
    """Smooth glandular tissue inside a round breast: values 0 (air), around 1 (fat) to 2 (gland)."""
    grid = Grid((140, 140, 120), (1.2, 1.2, 1.2), (-84.0, -84.0, -72.0))
    noise = ndimage.gaussian_filter(np.random.default_rng(1).normal(size=grid.size[::-1]), 4)
    z, y, x = np.meshgrid(*[np.linspace(-1, 1, n) for n in grid.size[::-1]], indexing="ij")
    breast = x**2 + y**2 + z**2 < 0.75**2
    return grid.put_on(sitk.GetImageFromArray(np.where(breast, 1.0 + (noise > noise.std()), 0.0)))


def contrast(anatomy: sitk.Image, grid: Grid, levels: tuple[float, float, float], motion: sitk.Transform, seed: int):
    """Sample the anatomy, moved by `motion`, as a sequence with other grey levels, noise and coil shading."""
    tissue = sitk.GetArrayFromImage(resample_onto(anatomy, grid, transform=motion.GetInverse()))
    shading = np.linspace(0.8, 1.2, tissue.shape[2])
    noise = np.random.default_rng(seed).normal(0, 4, tissue.shape)
    return grid.put_on(sitk.GetImageFromArray(np.interp(tissue, (0, 1, 2), levels) * shading + noise))


def moved(*parameters: float) -> sitk.Euler3DTransform:
    motion = sitk.Euler3DTransform()
    motion.SetParameters(parameters)
    return motion


@pytest.fixture(scope="module")
def fixed(anatomy: sitk.Image) -> sitk.Image:
    return contrast(anatomy, FIXED, (0, 60, 120), moved(0, 0, 0, 0, 0, 0), 2)


def error_mm(transform: sitk.Transform, truth: sitk.Transform, point: tuple[float, float, float]) -> float:
    return float(np.linalg.norm(np.subtract(transform.TransformPoint(point), truth.TransformPoint(point))))


@pytest.mark.parametrize(
    "parameters", [(0.03, -0.02, 0.04, 3.0, -2.0, 4.0), (0, 0, 0, -1.5, 1.0, 1.0), (-0.05, 0.02, 0.0, 0.0, 6.0, -3.0)]
)
def test_known_motion_is_found_across_contrasts(anatomy: sitk.Image, fixed: sitk.Image, parameters) -> None:
    motion = moved(*parameters)
    moving = contrast(anatomy, MOVING, (0, 300, 90), motion, 3)
    found = register_rigid(fixed, moving)
    assert found.accepted and found.metric_after < found.metric_before
    for point in (CENTER, (20.0, -10.0, 15.0)):
        assert error_mm(found.transform, motion, point) < 0.6


def test_a_region_is_enough(anatomy: sitk.Image, fixed: sitk.Image) -> None:
    motion = moved(0.02, 0.0, -0.03, 2.0, 3.0, -2.0)
    moving = contrast(anatomy, MOVING, (0, 300, 90), motion, 3)
    found = register_rigid(fixed, moving, Box((25, 20, 10), (35, 32, 20)))
    assert found.accepted and error_mm(found.transform, motion, CENTER) < 1.0


def test_without_motion_the_geometry_stays(anatomy: sitk.Image, fixed: sitk.Image) -> None:
    still = moved(0, 0, 0, 0, 0, 0)
    found = register_rigid(fixed, contrast(anatomy, MOVING, (0, 300, 90), still, 3))
    assert not found.accepted and error_mm(found.transform, still, (30.0, 30.0, 30.0)) == 0


def test_equal_input_gives_equal_output(anatomy: sitk.Image, fixed: sitk.Image) -> None:
    moving = contrast(anatomy, MOVING, (0, 300, 90), moved(0, 0.02, 0, 2, 0, 1), 3)
    first, second = (register_rigid(fixed, moving, Box((25, 20, 10), (30, 30, 20))) for _ in range(2))
    assert first.transform.GetParameters() == second.transform.GetParameters()
    assert (first.metric_before, first.metric_after) == (second.metric_before, second.metric_after)


def test_unrelated_images_are_not_aligned(fixed: sitk.Image) -> None:
    noise = np.random.default_rng(5).normal(100, 20, MOVING.size[::-1])
    found = register_rigid(fixed, MOVING.put_on(sitk.GetImageFromArray(noise)), Box((25, 20, 10), (30, 30, 20)))
    assert not found.accepted


def test_regions_that_cannot_be_registered(fixed: sitk.Image) -> None:
    far = Grid(MOVING.size, MOVING.spacing_mm, (500.0, 0.0, 0.0)).empty_image(sitk.sitkFloat32)
    with pytest.raises(InputError, match="outside the moving image"):
        register_rigid(fixed, far)
    with pytest.raises(InputError, match="outside the fixed image"):
        register_rigid(fixed, fixed, Box((200, 0, 0), (5, 5, 5)))
    with pytest.raises(InputError, match="too thin"):
        register_rigid(fixed, fixed, Box((20, 20, 20), (20, 20, 2)))
