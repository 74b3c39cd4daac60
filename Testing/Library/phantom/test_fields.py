"""Coarse lattices and noise: what is linear in space stays exact, and noise has the spectrum it should have."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import fft

from BreastFusionLib.exam.geometry import Grid
from BreastFusionLib.phantom.fields import Lattice, PlaneSampler, axes_lps, edge, fractal_noise, regrid
from BreastFusionLib.phantom.scanner import RicianNoise
from BreastFusionLib.phantom.structures import Balls, sample_balls
from BreastFusionLib.phantom.truth import Motion

COARSE = Grid((40, 50, 30), (4.0, 4.0, 4.0), (-80.0, -100.0, -60.0))


def ramp(x, y, z):
    return 2.0 * x - 0.5 * y + 0.25 * z + 7.0


def ramp_on(grid: Grid) -> np.ndarray:
    return ramp(*np.moveaxis(grid.physical(np.moveaxis(np.indices(grid.size), 0, -1)), -1, 0)).transpose(2, 1, 0)


@pytest.fixture
def lattice() -> Lattice:
    return Lattice(COARSE, ramp(*axes_lps(COARSE))[None], (-999.0,))


def test_planes_of_a_linear_field_are_exact(lattice):
    grid = Grid((61, 47, 9), (1.3, 1.7, 2.2), (-40.0, -35.0, -11.0))
    sampler = PlaneSampler(lattice, grid)
    planes = np.stack([sampler.plane(k)[0] for k in range(9)])
    np.testing.assert_allclose(planes, ramp_on(grid), atol=1e-3)


def test_a_grid_that_reaches_outside_gets_the_part_that_is_covered(lattice):
    grid = Grid((10, 10, 3), (10.0, 10.0, 100.0), (-105.0, -45.0, -50.0))
    sampler = PlaneSampler(lattice, grid)
    rows, columns = sampler.window
    assert (rows, columns) == (slice(0, 10), slice(3, 10))  # x = -75 is the first column inside
    assert sampler.plane(2) is None  # z = 150
    np.testing.assert_allclose(sampler.plane(0)[0], ramp_on(grid)[0][rows, columns], atol=1e-3)


def test_a_turned_lattice_shows_the_same_field_at_the_moved_place(lattice):
    motion = Motion((4.0, -3.0, 5.0), (3.0, -2.0, 1.0))
    turn = Motion((2.0, 3.0, -4.0)).matrix
    grid = Grid((30, 26, 12), (1.5, 1.5, 3.0), (-20.0, -15.0, -18.0), tuple(turn.ravel()))
    turned = lattice.turned(grid, motion.transform.GetInverse())
    sampler = PlaneSampler(turned, grid)
    planes = np.stack([sampler.plane(k)[0] for k in range(12)])
    indices = np.moveaxis(np.indices(grid.size), 0, -1)
    back = (grid.physical(indices) - motion.apply((0, 0, 0))) @ motion.matrix
    np.testing.assert_allclose(planes, ramp(*np.moveaxis(back, -1, 0)).transpose(2, 1, 0), atol=1e-2)


def test_regridding_a_linear_field_is_exact_and_its_border_goes_on():
    target = Grid((20, 15, 12), (3.0, 5.0, 6.0), (-30.0, -40.0, -30.0))
    field = ramp(*axes_lps(COARSE))
    np.testing.assert_allclose(regrid(field, COARSE, target), ramp_on(target), atol=1e-3)
    beyond = Grid((2, 2, 2), (1.0, 1.0, 1.0), (200.0, 0.0, 0.0))
    assert regrid(field, COARSE, beyond)[0, 0, 0] == pytest.approx(field[15, 25, -1], abs=1e-3)


def test_the_share_of_a_voxel_inside_a_surface():
    np.testing.assert_allclose(edge(np.array([-3.0, -0.5, 0.0, 0.25, 9.0]), 1.0), [0, 0, 0.5, 0.75, 1])


def test_noise_has_unit_variance_and_the_power_law_asked_for():
    grid = Grid((64, 64, 64), (1.0, 1.0, 1.0))
    first, second = fractal_noise(np.random.default_rng(1), grid, 3.0, 1e6, (1.0, 1.0, 1.0))
    assert first.std() == pytest.approx(1.0, abs=1e-3) and abs(first.mean()) < 1e-3
    assert abs(np.corrcoef(first.ravel(), second.ravel())[0, 1]) < 0.2
    power = np.abs(fft.fftn(first)) ** 2
    frequency = np.sqrt(sum(np.square(f) for f in np.meshgrid(*[fft.fftfreq(64)] * 3)))
    inside = (frequency > 0.05) & (frequency < 0.4)
    slope = np.polyfit(np.log(frequency[inside]), np.log(power[inside]), 1)[0]
    assert slope == pytest.approx(-3.0, abs=0.1)


def test_rician_noise_has_the_known_mean_in_air_and_standard_deviation_in_tissue():
    sigma, shape = 20.0, (400, 400)
    noise = RicianNoise(np.random.default_rng(0), sigma, shape[0] * shape[1])
    air, tissue = np.empty(shape, np.int16), np.empty(shape, np.int16)
    noise.add(np.zeros(shape, np.float32), air)
    noise.add(np.full(shape, 1000.0, np.float32), tissue)
    assert air.mean() == pytest.approx(sigma * np.sqrt(np.pi / 2), rel=0.01)
    assert tissue.std() == pytest.approx(sigma, rel=0.01)
    assert tissue.mean() == pytest.approx(1000 + sigma**2 / 2000, rel=0.001)


def test_a_ball_keeps_its_volume_and_place_on_any_grid():
    grid = Grid((50, 40, 24), (0.8, 0.9, 1.5), (-20.0, -18.0, -17.0), tuple(Motion((5.0, 8.0, -9.0)).matrix.ravel()))
    shift = np.array([1.0, 2.0, -1.5])
    turn = Motion((0.0, 0.0, 30.0)).matrix
    center = np.array([-2.0, 1.0, 3.0])
    balls = sample_balls(Balls(center[None], np.array([6.0])), shift, turn, grid)
    total, moment = 0.0, np.zeros(3)
    for k in range(24):
        where, share = balls.plane(k)
        j, i = np.divmod(where, 50)
        total += share.sum()
        moment += (grid.physical(np.column_stack([i, j, np.full(len(i), k)])) * share[:, None]).sum(axis=0)
    assert total * grid.voxel_volume_mm3 == pytest.approx(4 / 3 * np.pi * 216, rel=0.03)
    assert moment / total == pytest.approx(turn @ center + shift, abs=0.05)
