"""The lesion's body: volume by the size latent, shape by irregularity, texture by heterogeneity."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk

from BreastFusionLib.exam.geometry import Grid
from BreastFusionLib.lesion.measure import measure
from BreastFusionLib.phantom.enhancement import blood_course, lesion_course, slow_course
from BreastFusionLib.phantom.lesion import diameter_mm, draw_shape, lesion_mask, sample_lesion
from BreastFusionLib.phantom.truth import Motion

GRID = Grid((80, 80, 80), (0.8, 0.8, 0.8), (-31.6, -31.6, -31.6))
TIMES_S = np.array([0.0, 95.0, 185.0, 275.0, 365.0])


def roundness(irregularity: float, seed: int) -> float:
    """Surface of the ball with the lesion's volume over the lesion's surface: 1 for a ball."""
    shape = draw_shape(np.random.default_rng(seed), 16.0, irregularity, 0.0)
    statistics = sitk.LabelShapeStatisticsImageFilter()
    statistics.Execute(lesion_mask(sample_lesion(shape, (0, 0, 0), np.eye(3), GRID), GRID))
    return statistics.GetRoundness(1)


@pytest.mark.parametrize("irregularity", [-2.0, 0.0, 1.5])
def test_the_volume_is_that_of_the_sphere_whatever_the_surface(irregularity):
    shape = draw_shape(np.random.default_rng(4), 16.0, irregularity, 0.0)
    sampled = sample_lesion(shape, (1.0, -2.0, 3.0), np.eye(3), GRID)
    sphere = np.pi / 6 * 16.0**3
    assert sampled.share.sum() * GRID.voxel_volume_mm3 == pytest.approx(sphere, rel=0.05)
    found = measure(lesion_mask(sampled, GRID))
    assert found.volume_mm3 == pytest.approx(sphere, rel=0.05)
    assert found.components == 1


def test_a_more_irregular_latent_gives_a_less_round_lesion():
    for seed in range(3):
        smooth, usual, rough = (roundness(latent, seed) for latent in (-2.0, 0.0, 2.0))
        assert smooth > usual + 0.01 > rough + 0.06


def test_texture_has_mean_one_and_the_heterogeneity_asked_for():
    spread = []
    for latent in (-2.0, 0.0, 2.0):
        shape = draw_shape(np.random.default_rng(5), 20.0, 0.0, latent)
        sampled = sample_lesion(shape, (0, 0, 0), np.eye(3), GRID)
        mean = np.average(sampled.pattern, weights=sampled.share)
        spread.append(np.sqrt(np.average(np.square(sampled.pattern - mean), weights=sampled.share)))
        assert mean == pytest.approx(1.0, abs=1e-4)
        assert spread[-1] == pytest.approx(shape.heterogeneity, rel=0.1)
    assert spread == sorted(spread)


def test_a_turned_lesion_is_the_same_lesion_turned():
    shape = draw_shape(np.random.default_rng(6), 18.0, 1.5, 1.0)
    quarter = Motion((0.0, 0.0, 90.0)).matrix
    straight = sample_lesion(shape, (0, 0, 0), np.eye(3), GRID)
    turned = sample_lesion(shape, (0, 0, 0), quarter, GRID)
    # x -> y, y -> -x on a grid that is symmetric about the origin
    full = np.zeros(GRID.size[::-1])
    full[straight.box.slices] = straight.share
    expected = np.flip(full.transpose(0, 2, 1), axis=2)
    np.testing.assert_allclose(turned.share, expected[turned.box.slices], atol=1e-4)


def test_a_lesion_outside_the_grid_is_an_empty_box():
    shape = draw_shape(np.random.default_rng(7), 10.0, 0.0, 0.0)
    assert 0 in sample_lesion(shape, (500.0, 0.0, 0.0), np.eye(3), GRID).box.size


def test_diameters_are_log_normal_between_7_and_30_mm():
    assert diameter_mm(0.0) == 14.0
    assert diameter_mm(1.0) == pytest.approx(18.52, abs=0.01)
    assert (diameter_mm(-9.0), diameter_mm(9.0)) == (7.0, 30.0)


def test_enhancement_rises_with_wash_in_and_falls_late_with_wash_out():
    assert lesion_course(0.0, 0.45, TIMES_S)[:2] == pytest.approx([0.0, 0.85])
    assert lesion_course(0.0, 0.45, TIMES_S)[-1] == pytest.approx(0.85 * 1.1)  # drift .1 at wash_out .45
    initial = [lesion_course(z, 0.0, TIMES_S)[1] for z in (-2, 0, 2)]
    assert initial == sorted(initial)
    late = [lesion_course(0.0, z, TIMES_S)[-1] for z in (-2, 0, 2)]
    assert late == sorted(late, reverse=True)


@pytest.mark.parametrize(("wash_out", "low", "high"), [(-1.0, 10, 100), (0.75, -10, 10), (2.5, -100, -10)])
def test_delayed_phases_are_persistent_plateau_or_wash_out_as_bi_rads_says(wash_out, low, high):
    signal = 1 + lesion_course(0.4, wash_out, TIMES_S)
    assert low < 100 * (signal[-1] / signal[1] - 1) < high


def test_blood_fills_at_once_and_normal_tissue_slowly():
    assert blood_course(TIMES_S)[:2].tolist() == [0.0, 1.0]
    assert np.all(np.diff(blood_course(TIMES_S)[1:]) < 0)
    assert slow_course(TIMES_S)[[0, -1]].tolist() == [0.0, 1.0]
    assert np.all(np.diff(slow_course(TIMES_S)) > 0)
