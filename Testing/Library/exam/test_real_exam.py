"""One real patient (Duke-Breast-Cancer-MRI 153): phases out of order, a post-contrast T1 on a grid of its own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from BreastFusionLib.errors import InputError
from BreastFusionLib.exam import Exam, read_exam
from BreastFusionLib.exam.breast import midline_x, side_of
from BreastFusionLib.exam.geometry import Box, Grid, bounding_box, crop, same_grid
from BreastFusionLib.exam.registration import register_rigid

pytestmark = pytest.mark.fast

MASK = "lesion_threshold_mask_rightbreast.nii.gz"


@pytest.fixture(scope="module")
def dicom(duke_folder: Path) -> Exam:
    return read_exam(duke_folder / "dicom")


@pytest.fixture(scope="module")
def files(duke_folder: Path) -> Exam:
    return read_exam(duke_folder / "nii")


@pytest.fixture(scope="module")
def lesion(duke_folder: Path) -> sitk.Image:
    return sitk.ReadImage(str(duke_folder / "nii" / MASK))


def test_phases_in_time_order(dicom: Exam) -> None:
    assert [phase.time_s for phase in dicom.dce.phases] == pytest.approx([0, 1371, 1493, 1615, 1737], abs=1)
    assert [phase.slices for phase in dicom.dce.phases] == [24] * 5
    assert dicom.dce.grid.size == (448, 448, 24)
    assert dicom.dce.grid.spacing_mm == pytest.approx((0.75893, 0.75893, 1.1), abs=1e-5)
    assert dicom.dce.description.startswith("ax dyn pre; ax dyn 1st pass") and dicom.warnings == ()


def test_one_post_contrast_t1_and_nothing_else(dicom: Exam) -> None:
    assert [series.role for series in dicom.series] == ["dce", "t1"]
    assert dicom.t1.contrast == "post" and dicom.t2 is None
    assert dicom.t1.grid.size == (256, 256, 40)
    assert dicom.t1.grid.spacing_mm == pytest.approx((1.328125, 1.328125, 3.99), abs=1e-5)
    assert dicom.t1.acquisition["SliceThickness"] == 3 and dicom.t1.acquisition["EchoTrainLength"] == 7


def test_dicom_and_nifti_hold_the_same_voxels(dicom: Exam, files: Exam) -> None:
    assert len(files.dce.phases) == 5 and files.t1.contrast == "post"
    assert same_grid(dicom.t1.image, files.t1.image)
    assert np.array_equal(sitk.GetArrayFromImage(dicom.t1.image), sitk.GetArrayFromImage(files.t1.image))
    start = np.rint(files.dce.grid.index(dicom.dce.grid.physical((20, 20, 0)))).astype(int)
    shared = Box(tuple(start.tolist()), (200, 250, 24))
    for one, other in zip(dicom.dce.phases, files.dce.phases, strict=True):
        mine, theirs = crop(one.image, Box((20, 20, 0), (200, 250, 24))), crop(other.image, shared)
        assert same_grid(mine, theirs)
        assert np.array_equal(sitk.GetArrayFromImage(mine), sitk.GetArrayFromImage(theirs))


def test_the_side_is_right_from_both_the_whole_chest_and_the_crop(dicom: Exam, files: Exam, lesion: sitk.Image) -> None:
    box = bounding_box(lesion)
    center = tuple(Grid.of(lesion).physical(np.add(box.start, np.divide(box.size, 2))).tolist())
    assert side_of(center, dicom) == "right"
    assert midline_x(files.dce.phases[0].image) is None  # one breast: only the T1 of both breasts tells
    assert side_of(center, files) == "right"
    assert side_of(center, Exam((files.dce,), "P")) == "unknown"


def test_slices_from_two_places_are_not_one_volume(duke_folder: Path) -> None:
    with pytest.raises(InputError, match=r"'ax dyn pre' \(number 2\) misses 93 slices.*1-142\.dcm.*1-023\.dcm"):
        read_exam(duke_folder)


def test_registration_does_not_move_what_lies_right(files: Exam, lesion: sitk.Image) -> None:
    # The lesion lies in its outline on the T1 by geometry alone (looked at); skin and shading pull the optimum away.
    around = bounding_box(lesion).grown((40, 40, 27))
    found = register_rigid(files.dce.phases[0].image, files.t1.image, around)
    assert not found.accepted
