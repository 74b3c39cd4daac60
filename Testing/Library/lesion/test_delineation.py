"""One click outlines a lesion."""

import numpy as np
import pytest
import SimpleITK as sitk

from BreastFusionLib.errors import InputError
from BreastFusionLib.exam.geometry import Grid, same_grid
from BreastFusionLib.lesion import make_lesion, segment_from_seed

pytestmark = pytest.mark.fast

GRID = Grid((60, 50, 30), (1.0, 1.1, 1.6), (-20.0, 10.0, -5.0), (-1.0, 0, 0, 0, 1.0, 0, 0, 0, -1.0))
CENTER = tuple(GRID.physical((30, 25, 15)).tolist())


def pixels_of(mask):
    return sitk.GetArrayFromImage(mask) > 0


def dice(a, b):
    return 2 * np.sum(a & b) / (np.sum(a) + np.sum(b))


@pytest.fixture(scope="session")
def lesion(make):
    return pixels_of(make.ellipsoid(GRID, CENTER, (9, 8, 10)))


def enhanced(make, region, percent=150.0, base=100.0):
    before = np.full(GRID.size[::-1], base, np.float32)
    after = before.copy()
    after[region] *= 1 + percent / 100
    return make.exam_of([before, after, after], GRID)


def test_a_lesion_is_found_from_any_point_inside(make, lesion):
    exam = enhanced(make, lesion)
    for offset in ((0, 0, 0), (5, 0, 0), (0, -5, 3)):
        found = segment_from_seed(exam, np.add(CENTER, offset))
        assert same_grid(found, GRID)
        assert found.GetPixelID() == sitk.sitkUInt8
        assert dice(pixels_of(found), lesion) > 0.97


def test_only_the_part_at_the_click_is_taken(make, lesion):
    other = pixels_of(make.ellipsoid(GRID, GRID.physical((52, 25, 15)), 5))
    found = pixels_of(segment_from_seed(enhanced(make, lesion | other), CENTER))
    assert not (found & other).any()
    found = pixels_of(segment_from_seed(enhanced(make, lesion | other), GRID.physical((52, 25, 15))))
    assert not (found & lesion).any()


def test_holes_are_closed(make, lesion):
    hole = pixels_of(make.ellipsoid(GRID, np.add(CENTER, (2, 0, 0)), 4))
    found = pixels_of(segment_from_seed(enhanced(make, lesion & ~hole), np.add(CENTER, (-5, 0, 0))))
    assert found[hole].all()
    assert dice(found, lesion) > 0.97


def test_a_vessel_is_cut_off(make, lesion):
    vessel = np.zeros_like(lesion)
    vessel[15, 25, 35:60] = vessel[15, 26, 35:60] = True
    found = pixels_of(segment_from_seed(enhanced(make, lesion | vessel), CENTER))
    assert not found[15, 25:27, 43:].any()
    assert dice(found, lesion) > 0.97


def test_a_second_lesion_at_the_end_of_a_vessel_is_not_taken(make, lesion):
    other = pixels_of(make.ellipsoid(GRID, GRID.physical((52, 25, 15)), 5))
    vessel = np.zeros_like(lesion)
    vessel[15, 25, 35:52] = True
    found = pixels_of(segment_from_seed(enhanced(make, lesion | vessel | other), CENTER))
    assert not (found & other).any()


def test_nothing_is_taken_beyond_the_radius(make):
    everything = np.ones(GRID.size[::-1], bool)
    found = pixels_of(segment_from_seed(enhanced(make, everything), CENTER, radius_mm=8))
    volume = found.sum() * GRID.voxel_volume_mm3
    assert volume == pytest.approx(4 / 3 * np.pi * 8**3, rel=0.05)


def test_the_threshold_is_obeyed(make, lesion):
    weak = pixels_of(make.ellipsoid(GRID, CENTER, 12)) & ~lesion
    exam = enhanced(make, lesion)
    after = sitk.GetArrayFromImage(exam.dce.phases[1].image)
    after[weak] = 160
    exam = make.exam_of([np.full(GRID.size[::-1], 100, np.float32), after], GRID)
    assert dice(pixels_of(segment_from_seed(exam, CENTER)), lesion) > 0.97
    assert dice(pixels_of(segment_from_seed(exam, CENTER, enhancement_percent=50)), lesion | weak) > 0.97


def test_a_lesion_thinner_than_a_vessel_stays_whole(make):
    tiny = np.zeros(GRID.size[::-1], bool)
    tiny[15, 25, 30:32] = True
    assert np.array_equal(pixels_of(segment_from_seed(enhanced(make, tiny), CENTER)), tiny)


def test_noise_in_air_does_not_pass(make, lesion):
    rng = np.random.default_rng(3)
    before = np.full(GRID.size[::-1], 100, np.float32)
    before[:, :15] = rng.uniform(1, 5, before[:, :15].shape)  # air in front of the breast
    after = before.copy()
    after[:, :15] = rng.uniform(1, 20, before[:, :15].shape)
    after[lesion] = 250
    found = pixels_of(segment_from_seed(make.exam_of([before, after], GRID), CENTER))
    assert not found[:, :15].any()


def test_a_click_that_hits_nothing_says_what_to_do(make, lesion):
    exam = enhanced(make, lesion)
    with pytest.raises(InputError, match=r"enhances by 0 %, less than the 70 %.*Choose a point"):
        segment_from_seed(exam, np.add(CENTER, (14, 0, 0)))
    with pytest.raises(InputError, match="outside the DCE volume"):
        segment_from_seed(exam, (500, 0, 0))
    with pytest.raises(InputError, match="has 1 phase"):
        segment_from_seed(make.flat_exam(GRID, (100,)), CENTER)


def test_the_real_lesion_is_outlined_from_its_centre(duke_nii, duke_mask, duke_folder):
    found = segment_from_seed(duke_nii, (-93.4, -107.6, -41.3))
    box = sitk.ReadImage(str(duke_folder / "nii" / "annotation_box_rightbreast.nii.gz"))
    assert pixels_of(found)[~pixels_of(box)].sum() < 0.01 * pixels_of(found).sum()
    assert dice(pixels_of(found), pixels_of(duke_mask)) > 0.85
    assert make_lesion(found, duke_nii).warnings == ()
