"""Copying voxels between grids that share them."""

import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given
from hypothesis import strategies as st

from BreastFusionLib.exam.geometry import Grid
from BreastFusionLib.lesion.placing import place_on

pytestmark = pytest.mark.fast


@given(
    order=st.permutations([0, 1, 2]),
    flips=st.tuples(st.booleans(), st.booleans(), st.booleans()),
    start=st.tuples(st.integers(0, 10), st.integers(0, 8), st.integers(0, 5)),
    seed=st.integers(0, 1000),
)
def test_a_part_comes_back_to_its_place_however_its_axes_run(oblique, make, order, flips, start, seed):
    pixels = np.zeros(oblique.size[::-1], np.uint8)
    pixels[start[2] : start[2] + 5, start[1] : start[1] + 6, start[0] : start[0] + 7] = np.random.default_rng(
        seed
    ).integers(0, 2, (5, 6, 7), dtype=np.uint8)
    whole = make.put(pixels, oblique)
    part = sitk.Flip(sitk.PermuteAxes(sitk.RegionOfInterest(whole, (7, 6, 5), start), order), flips)
    placed = place_on([part], oblique)
    assert np.array_equal(sitk.GetArrayFromImage(placed), pixels)
    assert Grid.of(placed) == oblique


def test_parts_are_joined(upright, make):
    whole = make.box_mask(upright, (5, 5, 2), (4, 4, 6))
    parts = [sitk.RegionOfInterest(whole, (30, 24, 3), (0, 0, k)) for k in (2, 5)]
    assert np.array_equal(sitk.GetArrayFromImage(place_on(parts, upright)), sitk.GetArrayFromImage(whole))


@pytest.mark.parametrize(
    "other",
    [
        Grid((5, 5, 5), (1, 1, 1), (3.5, 3, 3)),  # half a voxel off
        Grid((5, 5, 5), (2, 2, 2), (3, 3, 3)),  # every second voxel
        Grid((5, 5, 5), (1, 1, 1.05), (3, 3, 3)),  # slices that drift apart
        Grid((5, 5, 5), (1, 1, 1), (28, 3, 3)),  # reaches outside
    ],
)
def test_voxels_that_do_not_coincide_are_not_placed(upright, make, other):
    assert place_on([make.put(np.ones((5, 5, 5), np.uint8), other)], upright) is None


def test_a_single_slice_fits_whatever_thickness_it_states(upright, make):
    part = make.put(np.ones((1, 5, 5), np.uint8), Grid((5, 5, 1), (1, 1, 7.3), (3, 4, 5)))
    assert np.argwhere(sitk.GetArrayFromImage(place_on([part], upright))).min(axis=0).tolist() == [5, 4, 3]
