"""A lesion keeps its place and volume on another sequence's grid."""

from dataclasses import replace

import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given, settings
from hypothesis import strategies as st

from BreastFusionLib.errors import InputError
from BreastFusionLib.exam.geometry import Box, Grid, crop, resample_onto
from BreastFusionLib.lesion import Lesion, edited_lesion, make_lesion, map_lesion, map_part, measure
from BreastFusionLib.lesion.placing import place_on

pytestmark = pytest.mark.fast

FINE = Grid((64, 60, 40), (0.8, 0.7, 1.1), (-20.0, -15.0, -20.0))


def pixels_of(mask):
    return sitk.GetArrayFromImage(mask)


def blank(grid: Grid) -> sitk.Image:
    return sitk.Cast(grid.empty_image(), sitk.sitkFloat32)


def test_the_lesion_on_dce_is_the_lesion_as_drawn(upright, make):
    lesion = Lesion(make.box_mask(upright, (5, 6, 3), (7, 4, 5)))
    found = map_lesion(lesion, make.flat_exam(upright), "dce")
    assert found.method == "same grid"
    assert np.array_equal(pixels_of(found.mask), pixels_of(lesion.mask))
    assert (found.voxels, found.slices, found.coverage) == (140, 5, 1.0)
    assert found.volume_mm3 == found.source_volume_mm3 == 140
    assert found.texture_defined
    assert found.transform is None
    assert found.warnings == ()


def test_a_target_on_the_same_grid_gets_the_same_voxels(grid, make):
    lesion = Lesion(make.box_mask(grid, (5, 6, 3), (7, 4, 5)))
    found = map_lesion(lesion, make.flat_exam(grid, t1=blank(grid)), "t1")
    assert found.method == "same grid"
    assert np.array_equal(pixels_of(found.mask), pixels_of(lesion.mask))


@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (0.8, 1.1, 1.7)], ids=["same grid", "another grid"])
def test_a_part_is_mapped_to_the_voxels_that_the_whole_is(grid, make, spacing):
    mask = make.box_mask(grid, (5, 6, 3), (7, 4, 5))
    target = Grid(grid.size, tuple(np.multiply(grid.spacing_mm, spacing)), grid.origin_lps, grid.direction)
    exam = make.flat_exam(grid, t1=blank(target))
    whole = map_lesion(Lesion(mask), exam, "t1")
    part = map_part(Lesion(crop(mask, Box((4, 5, 2), (9, 6, 7)))), exam, "t1")
    assert part.mask.GetNumberOfPixels() < whole.mask.GetNumberOfPixels()
    assert np.array_equal(pixels_of(place_on([part.mask], target)), pixels_of(whole.mask))
    assert replace(part, mask=None) == replace(whole, mask=None)


@settings(max_examples=25, deadline=None)
@given(
    order=st.permutations([0, 1, 2]),
    flips=st.tuples(st.booleans(), st.booleans(), st.booleans()),
    first=st.tuples(st.integers(-6, 6), st.integers(-6, 6), st.integers(-4, 4)),
)
def test_axes_that_run_otherwise_change_no_voxel(oblique, make, order, flips, first):
    """A target with the same voxel centres, exchanged, flipped, cut or extended, gets exactly the same voxels."""
    mask = make.ellipsoid(oblique, oblique.physical((14, 11, 6)), 4)
    start = np.array(first)
    shifted = Grid(oblique.size, oblique.spacing_mm, tuple(oblique.physical(start)), oblique.direction)
    target = sitk.Flip(sitk.PermuteAxes(blank(shifted), order), flips)
    found = map_lesion(Lesion(mask), make.flat_exam(oblique, t2=target), "t2")
    expected = resample_onto(mask, Grid.of(target), "nearest")
    assert np.array_equal(pixels_of(found.mask), pixels_of(expected))
    assert found.volume_mm3 == pytest.approx(found.source_volume_mm3)
    assert measure(found.mask).center_lps == pytest.approx(measure(mask).center_lps, abs=1e-6)


@settings(max_examples=25, deadline=None)
@given(
    turn=st.tuples(st.floats(-40, 40), st.floats(-40, 40), st.floats(-40, 40)),
    spacing=st.tuples(st.floats(0.5, 1.5), st.floats(0.5, 1.5), st.floats(0.8, 4.0)),
)
def test_place_and_volume_survive_any_grid(make, turn, spacing):
    ball = make.ellipsoid(FINE, (5.0, 6.0, 1.0), 10)
    rotation = sitk.Euler3DTransform((0, 0, 0), *np.deg2rad(turn).tolist()).GetMatrix()
    size = tuple(int(np.ceil(60 / value)) for value in spacing)
    centred = Grid(size, spacing, (0, 0, 0), rotation)
    middle = centred.physical(np.array(size) / 2)
    target = Grid(size, spacing, tuple((np.array([5.0, 6.0, 1.0]) - middle).tolist()), rotation)
    found = map_lesion(Lesion(ball), make.flat_exam(FINE, t1=blank(target)), "t1")
    assert found.method == "geometry"
    assert found.coverage == 1.0
    assert found.volume_mm3 == pytest.approx(found.source_volume_mm3, rel=0.01)
    assert measure(found.mask).center_lps == pytest.approx((5, 6, 1), abs=0.3 * max(spacing))


def test_the_real_lesion_has_its_documented_volume_on_t1(duke_nii, duke_mask):
    lesion = make_lesion(duke_mask, duke_nii)
    found = map_lesion(lesion, duke_nii, "t1")
    assert found.method == "geometry"
    assert found.source_volume_mm3 == pytest.approx(3769, abs=1)
    assert found.volume_mm3 == pytest.approx(3800, abs=100)
    assert found.slices == 4
    assert found.coverage == 1.0
    assert found.texture_defined
    t1 = sitk.GetArrayViewFromImage(duke_nii.t1.image)[pixels_of(found.mask) > 0]
    assert t1.mean() == pytest.approx(792.5, rel=0.02)


def test_coverage_is_the_share_of_voxel_centres_inside(upright, make):
    lesion = Lesion(make.box_mask(upright, (5, 6, 2), (10, 8, 8)))
    half = Grid((30, 24, 6), (1.0, 1.0, 1.0))  # ends at z = 5.5: slices 2 to 5 of 2 to 9 are inside
    found = map_lesion(lesion, make.flat_exam(upright, t1=blank(half)), "t1")
    assert found.coverage == 0.5
    assert found.volume_mm3 == 320
    assert found.warnings == ("Only 50 % of the lesion lies inside the field of view of T1.",)


def test_no_overlap_is_refused_with_the_series(upright, make):
    lesion = Lesion(make.box_mask(upright, (5, 6, 2), (4, 4, 4)))
    far = Grid((30, 24, 6), (1.0, 1.0, 1.0), (0.0, 0.0, 6.0))
    with pytest.raises(InputError, match="outside the field of view of the T2 series 'ax t2'"):
        map_lesion(lesion, make.flat_exam(upright, t2=blank(far)), "t2")


@pytest.mark.parametrize(
    ("size", "defined"), [((4, 4, 4), True), ((7, 9, 1), False), ((8, 8, 2), False), ((3, 3, 7), False)]
)
def test_texture_needs_64_voxels_and_3_slices(upright, make, size, defined):
    lesion = Lesion(make.box_mask(upright, (5, 6, 2), size))
    found = map_lesion(lesion, make.flat_exam(upright), "dce")
    assert found.texture_defined is defined
    if not defined:
        (warning,) = found.warnings
        assert f"voxels: {np.prod(size)}, slices: {size[2]};" in warning and "missing" in warning


def test_a_lesion_between_voxel_centres_is_not_lost(make):
    coarse = Grid((10, 10, 6), (6.0, 6.0, 6.0), (-20.0, -15.0, -20.0))
    for index in ((3, 4, 2), (3.4, 3.6, 2.4)):
        tiny = make.ellipsoid(FINE, coarse.physical(index), 0.8)
        found = map_lesion(Lesion(tiny), make.flat_exam(FINE, t1=blank(coarse)), "t1")
        assert found.voxels == 1
        assert measure(found.mask).center_lps == pytest.approx(coarse.physical(np.rint(index)))
        assert not found.texture_defined


@pytest.mark.parametrize("thickness_mm", [2.4, 4.0])
def test_a_lesion_thinner_than_a_slice_is_neither_lost_nor_blown_up(make, thickness_mm):
    thick = Grid((34, 32, 14), (1.33, 1.33, 3.99), (-20.0, -15.0, -22.0))
    ours, nearest = [], []
    for shift in np.linspace(-2, 2, 9):
        mask = make.ellipsoid(FINE, (5.0, 6.0, 1.0 + shift), (9, 10, thickness_mm / 2))
        found = map_lesion(Lesion(mask), make.flat_exam(FINE, t1=blank(thick)), "t1")
        sampled = pixels_of(resample_onto(mask, thick, "nearest")).sum() * thick.voxel_volume_mm3
        ours.append(found.volume_mm3 / found.source_volume_mm3)
        nearest.append(sampled / found.source_volume_mm3)
        assert measure(found.mask).center_lps == pytest.approx((5, 6, 1 + shift), abs=2)
    assert ours == pytest.approx([1] * 9, abs=0.03)
    assert min(nearest) < 0.5 and max(nearest) > 1.4


@pytest.fixture(scope="module")
def moved():
    """An exam whose T1 (other contrast, other grid) was taken after a known motion."""
    rng = np.random.default_rng(5)
    dce_grid = Grid((60, 56, 36), (1.5, 1.5, 2.0), (-45.0, -42.0, -36.0))
    coarse = sitk.GetImageFromArray(rng.normal(size=(12, 14, 15)))
    coarse.SetSpacing((9.0, 9.0, 9.0))
    coarse.SetOrigin((-63.0, -58.5, -49.5))
    tissue = resample_onto(coarse, dce_grid, "bspline")
    motion = sitk.Euler3DTransform((0.0, 0.0, 0.0), 0.03, -0.02, 0.04, (2.5, -1.8, 3.0))  # T1 space -> DCE space
    t1_grid = Grid((70, 64, 22), (1.3, 1.4, 3.2), (-45.0, -44.0, -35.0))
    t1 = sitk.Cast(resample_onto(tissue, t1_grid, "linear", transform=motion), sitk.sitkFloat32)
    return dce_grid, sitk.GetArrayFromImage(tissue), 100 - 30 * t1, motion


def test_registration_follows_a_known_motion(moved, make):
    dce_grid, tissue, t1, motion = moved
    exam = make.exam_of([tissue, tissue + 1], dce_grid, t1=t1)
    center = (6.0, 4.0, -2.0)
    lesion = Lesion(make.ellipsoid(dce_grid, center, 8))
    truth = motion.GetInverse().TransformPoint(center)
    found = map_lesion(lesion, exam, "t1", registration="rigid")
    assert found.method == "rigid registration"
    assert found.warnings == ()
    assert np.linalg.norm(np.subtract(found.transform.TransformPoint(truth), center)) < 1.0
    assert measure(found.mask).center_lps == pytest.approx(truth, abs=1.0)
    assert found.volume_mm3 == pytest.approx(found.source_volume_mm3, rel=0.01)
    by_geometry = map_lesion(lesion, exam, "t1")
    assert measure(by_geometry.mask).center_lps == pytest.approx(center, abs=0.5)


def test_registration_that_improves_nothing_leaves_the_geometry(moved, make):
    dce_grid, tissue, _, _ = moved
    lesion = Lesion(make.ellipsoid(dce_grid, (6.0, 4.0, -2.0), 8))
    still = make.put(tissue.astype(np.float32), dce_grid)
    found = map_lesion(lesion, make.exam_of([tissue, tissue], dce_grid, t2=still), "t2", registration="rigid")
    assert found.method == "same grid"
    assert found.transform is None
    (warning,) = found.warnings
    assert "no clear and plausible improvement" in warning and "by geometry" in warning


def test_registration_that_fails_leaves_the_geometry(upright, make):
    lesion = Lesion(make.box_mask(upright, (5, 6, 2), (5, 5, 5)))
    thin = Grid((30, 24, 2), (1.0, 1.0, 6.0), (0.0, 0.0, 2.0))
    found = map_lesion(lesion, make.flat_exam(upright, t1=blank(thin)), "t1", registration="rigid")
    assert found.method == "geometry"
    assert found.transform is None
    assert found.warnings[0].startswith("The lesion was mapped by geometry: ")


def test_a_missing_sequence_and_unknown_words_are_refused(upright, make):
    lesion, exam = Lesion(make.box_mask(upright, (5, 6, 2), (4, 4, 4))), make.flat_exam(upright)
    with pytest.raises(InputError, match="no T2 series"):
        map_lesion(lesion, exam, "t2")
    with pytest.raises(InputError, match="Did you mean 't1'"):
        map_lesion(lesion, exam, "t11")
    with pytest.raises(InputError, match="Did you mean 'rigid'"):
        map_lesion(lesion, exam, "dce", registration="ridgid")


@pytest.mark.parametrize("offset", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("spacing", [(2.0, 2.0, 2.0), (1.0, 1.0, 3.0), (0.5, 0.5, 0.5)])
def test_the_last_digits_of_a_grid_change_no_voxel(make, spacing, offset):
    """Voxels that meet half-way, equal shares, half voxels of volume: noise must not choose between them."""
    dce = Grid((30, 24, 12), (1.0, 1.0, 1.0))
    target = Grid((16, 14, 9), spacing, (offset, offset, offset))
    mask = make.ellipsoid(dce, (9.0, 8.0, 5.0), (4.0, 3.5, 3.0))
    mask[9, 8, 9] = 1  # one voxel more: with voxels of 8 mm3 the volume is no whole number of them
    rng = np.random.default_rng(0)

    def noisy(grid: Grid) -> Grid:
        def shaken(values, size=1e-13):
            return tuple((np.asarray(values) + rng.uniform(-size, size, len(values))).tolist())

        return Grid(grid.size, shaken(grid.spacing_mm, 1e-15), shaken(grid.origin_lps), shaken(grid.direction, 1e-15))

    plain = map_lesion(Lesion(mask), make.flat_exam(dce, t1=blank(target)), "t1")
    for _ in range(12):
        own, other = noisy(dce), noisy(target)
        found = map_lesion(Lesion(own.put_on(sitk.Image(mask))), make.flat_exam(own, t1=blank(other)), "t1")
        assert np.array_equal(pixels_of(found.mask), pixels_of(plain.mask))
        assert found.coverage == plain.coverage


def test_an_earlier_registration_is_used_again(make):
    ball = make.ellipsoid(FINE, (5.0, 6.0, 1.0), 8)
    transform = sitk.Euler3DTransform((0.0, 0.0, 0.0), 0.0, 0.0, 0.0, (3.0, -2.0, 4.0))  # target to DCE
    exam = make.flat_exam(FINE, t1=blank(Grid((40, 40, 40), (1.0, 1.0, 1.0), (-15.0, -14.0, -19.0))))
    found = map_lesion(Lesion(ball), exam, "t1", transform=transform)
    assert found.method == "rigid registration"
    assert measure(found.mask).center_lps == pytest.approx((2.0, 8.0, -3.0), abs=0.1)
    assert found.transform.TransformPoint((0.0, 0.0, 0.0)) == pytest.approx((3.0, -2.0, 4.0))


def test_an_outline_edited_on_t1_is_described_as_it_is(make):
    target = Grid((30, 30, 20), (2.0, 2.0, 3.0), (-25.0, -20.0, -30.0))
    exam = make.flat_exam(FINE, t1=blank(target))
    lesion = Lesion(make.ellipsoid(FINE, (5.0, 6.0, 1.0), 8))
    mask = make.box_mask(target, (10, 11, 8), (4, 5, 6))
    found = edited_lesion(lesion, exam, "t1", mask)
    assert (found.method, found.voxels, found.slices, found.volume_mm3) == ("edited", 120, 6, 1440.0)
    assert found.coverage == 1.0 and found.texture_defined and found.transform is None
    with pytest.raises(InputError, match="does not lie on the grid of the T1 series"):
        edited_lesion(lesion, exam, "t1", make.box_mask(FINE, (10, 11, 8), (4, 5, 6)))
    with pytest.raises(InputError, match="outline on T1 is empty"):
        edited_lesion(lesion, exam, "t1", mask * 0)
