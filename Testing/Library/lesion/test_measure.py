"""A lesion's size and place, on cases that can be worked out by hand."""

import numpy as np
import pytest
import SimpleITK as sitk

from BreastFusionLib.errors import InputError
from BreastFusionLib.exam.geometry import Box, Grid
from BreastFusionLib.lesion import measure

pytestmark = pytest.mark.fast


def test_a_single_voxel_is_as_long_as_its_largest_spacing(grid, make):
    found = measure(make.box_mask(grid, (4, 5, 6), (1, 1, 1)))
    assert found.voxels == 1
    assert found.volume_mm3 == pytest.approx(np.prod(grid.spacing_mm))
    assert found.diameter_3d_mm == pytest.approx(max(grid.spacing_mm))
    assert found.diameter_inplane_mm == pytest.approx(max(grid.spacing_mm[:2]))
    assert found.box == Box((4, 5, 6), (1, 1, 1))
    assert found.center_lps == pytest.approx(grid.physical((4, 5, 6)))
    assert found.components == 1
    assert not found.touches_border


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_row_of_voxels_is_as_long_as_on_a_ruler(grid, make, axis):
    size = [1, 1, 1]
    size[axis] = 9
    found = measure(make.box_mask(grid, (2, 3, 1), size))
    assert found.diameter_3d_mm == pytest.approx(9 * grid.spacing_mm[axis])
    if axis < 2:
        assert found.diameter_inplane_mm == pytest.approx(9 * grid.spacing_mm[axis])


def test_a_block_is_measured_between_the_faces_at_opposite_corners(upright, make):
    # Between the centres of two faces at opposite corners lie 10 - 1 voxels along two axes and 10 along one.
    found = measure(make.box_mask(upright, (3, 4, 1), (10, 10, 10)))
    assert found.volume_mm3 == 1000
    assert found.diameter_3d_mm == pytest.approx(np.sqrt(9**2 + 9**2 + 10**2))
    assert found.diameter_inplane_mm == pytest.approx(np.sqrt(9**2 + 10**2))
    assert found.center_lps == pytest.approx((7.5, 8.5, 5.5))


def test_the_in_plane_diameter_is_that_of_one_slice_not_of_the_shadow(upright, make):
    pixels = sitk.GetArrayFromImage(make.box_mask(upright, (2, 2, 3), (5, 1, 1)))
    pixels[4, 2, 20] = 1
    found = measure(make.put(pixels, upright))
    assert found.diameter_inplane_mm == pytest.approx(5)
    assert found.diameter_3d_mm == pytest.approx(np.hypot(19, 1))


def test_parts_that_share_a_corner_are_one_and_others_are_counted(upright, make):
    pixels = np.zeros(upright.size[::-1], np.uint8)
    pixels[3, 3, 3] = pixels[4, 4, 4] = pixels[8, 8, 8] = 1
    assert measure(make.put(pixels, upright)).components == 2


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("far", [False, True])
def test_a_voxel_on_any_face_of_the_volume_touches_the_border(upright, make, axis, far):
    start = [5, 5, 5]
    start[axis] = upright.size[axis] - 2 if far else 0
    assert measure(make.box_mask(upright, start, (2, 2, 2))).touches_border
    start[axis] += -1 if far else 1
    assert not measure(make.box_mask(upright, start, (2, 2, 2))).touches_border


def test_a_ball_has_its_volume_and_diameter_on_any_grid(make):
    for spacing in ((0.5, 0.5, 0.5), (0.4, 0.6, 1.1)):
        size = tuple(round(26 / s) for s in spacing)
        ball = make.ellipsoid(Grid(size, spacing), (13, 13, 13), 10)
        found = measure(ball)
        assert found.volume_mm3 == pytest.approx(4 / 3 * np.pi * 1000, rel=0.01)
        assert found.diameter_3d_mm == pytest.approx(20, abs=np.linalg.norm(spacing))
        assert found.center_lps == pytest.approx((13, 13, 13), abs=0.05)


def test_an_empty_mask_is_refused(upright):
    with pytest.raises(InputError, match="empty"):
        measure(upright.empty_image())


def test_a_slice_is_refused():
    with pytest.raises(InputError, match="three dimensions"):
        measure(sitk.Image([8, 8], sitk.sitkUInt8))


def test_the_numbers_can_be_written_as_json(upright, make):
    content = measure(make.box_mask(upright, (3, 4, 1), (2, 3, 4))).to_mapping()
    assert content["box"] == {"start": [3, 4, 1], "size": [2, 3, 4]}
    assert content["voxels"] == 24


def test_the_real_lesion_has_its_documented_volume_and_place(duke_mask):
    found = measure(duke_mask)
    assert found.voxels == 5949
    assert found.volume_mm3 == pytest.approx(3769, abs=1)
    assert found.diameter_3d_mm == pytest.approx(31.6, abs=0.1)
    assert found.center_lps == pytest.approx((-93.4, -107.6, -41.3), abs=0.1)


def test_diameters_equal_those_of_pyradiomics(make, oblique):
    shape = pytest.importorskip("radiomics.shape")
    grid = Grid((40, 30, 20), (0.76, 0.9, 1.7), oblique.origin_lps, oblique.direction)
    ball = make.ellipsoid(grid, grid.physical((19.3, 15.1, 9.4)), (9, 6, 11))
    theirs = shape.RadiomicsShape(ball, ball, label=1)
    found = measure(ball)
    assert found.diameter_3d_mm == pytest.approx(theirs.getMaximum3DDiameterFeatureValue(), rel=1e-9)
    assert found.diameter_inplane_mm == pytest.approx(theirs.getMaximum2DDiameterSliceFeatureValue(), rel=1e-9)
