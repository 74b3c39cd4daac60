"""What every mask is checked for before it is a lesion of an exam."""

import numpy as np
import pytest
import SimpleITK as sitk

from BreastFusionLib.errors import InputError
from BreastFusionLib.exam import read_lesion_files, write_exam
from BreastFusionLib.exam.geometry import Grid, resample_onto
from BreastFusionLib.lesion import make_lesion, measure, read_lesion

pytestmark = pytest.mark.fast


@pytest.fixture
def exam(grid, make):
    return make.flat_exam(grid)


def test_a_good_mask_becomes_a_lesion_without_a_word(grid, exam, make):
    mask = make.box_mask(grid, (5, 6, 3), (7, 4, 5))
    lesion = make_lesion(mask, exam, lesion_id="L1")
    assert lesion.lesion_id == "L1"
    assert lesion.warnings == ()
    assert lesion.side == "unknown"  # nothing in a flat exam tells the breasts apart
    assert np.array_equal(sitk.GetArrayFromImage(lesion.mask), sitk.GetArrayFromImage(mask))
    assert Grid.of(lesion.mask) == exam.dce.grid


def test_a_grid_within_the_tolerance_becomes_the_exam_s_own(grid, exam, make):
    mask = make.box_mask(grid, (5, 6, 3), (7, 4, 5))
    mask.SetOrigin([value + 1e-4 for value in grid.origin_lps])
    assert Grid.of(make_lesion(mask, exam).mask) == exam.dce.grid


def test_a_mask_of_another_size_is_refused_in_the_promised_words(upright, make):
    mask = make.box_mask(upright, (5, 6, 3), (7, 4, 5))
    exam = make.flat_exam(Grid((30, 24, 10), (1, 1, 1)))
    with pytest.raises(InputError) as refusal:
        make_lesion(mask, exam, source="lesion.nii.gz")
    assert str(refusal.value) == (
        "lesion.nii.gz lies on a 30x24x12 grid, the DCE series on 30x24x10: "
        "draw the lesion on the DCE series or pass --resample."
    )


def test_a_shifted_mask_of_the_same_size_is_refused(upright, make):
    mask = make.box_mask(upright, (5, 6, 3), (7, 4, 5))
    mask.SetOrigin((0, 0, 0.5))
    with pytest.raises(InputError, match=r"The mask of 'lesion' .*voxels up to 0.5 mm apart.*--resample"):
        make_lesion(mask, make.flat_exam(upright))


def test_resampling_keeps_the_place_and_tells_the_change_of_volume(oblique, make):
    exam = make.flat_exam(oblique)
    fine = Grid((60, 48, 60), (0.35, 0.45, 0.5), oblique.origin_lps, oblique.direction)
    mask = make.ellipsoid(fine, oblique.physical((14, 11, 6)), (4, 5, 6))
    lesion = make_lesion(mask, exam, resample=True, source="fine.nii.gz")
    expected = resample_onto(mask, oblique, "nearest")
    assert np.array_equal(sitk.GetArrayFromImage(lesion.mask), sitk.GetArrayFromImage(expected))
    before, after = measure(mask), measure(lesion.mask)
    assert after.center_lps == pytest.approx(before.center_lps, abs=0.5)
    percent = 100 * (after.volume_mm3 / before.volume_mm3 - 1)
    assert lesion.warnings[0] == (
        f"fine.nii.gz was resampled onto the DCE grid by nearest neighbour: its volume changed from "
        f"{before.volume_mm3:.4g} to {after.volume_mm3:.4g} mm3 ({percent:+.1f} %)."
    )


def test_resampling_leaves_a_mask_on_the_right_grid_alone(grid, exam, make):
    assert make_lesion(make.box_mask(grid, (5, 6, 3), (7, 4, 5)), exam, resample=True).warnings == ()


def test_a_mask_somewhere_else_is_refused_even_with_resampling(upright, make):
    far = Grid(upright.size, upright.spacing_mm, (500.0, 0.0, 0.0))
    with pytest.raises(InputError, match="lies outside the DCE series"):
        make_lesion(make.box_mask(far, (5, 6, 3), (7, 4, 5)), make.flat_exam(upright), resample=True)


def test_an_empty_mask_is_refused(grid, exam):
    with pytest.raises(InputError, match="The mask of 'L2' is empty"):
        make_lesion(grid.empty_image(), exam, lesion_id="L2")


def test_a_mask_with_nan_is_refused(grid, exam, make):
    pixels = np.zeros(grid.size[::-1], np.float32)
    pixels[3, 3, 3] = np.nan
    with pytest.raises(InputError, match="NaN"):
        make_lesion(make.put(pixels, grid), exam)


def test_a_slice_is_refused(exam):
    with pytest.raises(InputError, match="2-D"):
        make_lesion(sitk.Image([8, 8], sitk.sitkUInt8), exam)


def test_several_labels_are_refused(grid, exam, make):
    mask = make.box_mask(grid, (5, 6, 3), (2, 2, 2)) + 2 * make.box_mask(grid, (9, 9, 3), (2, 2, 2))
    with pytest.raises(InputError, match="It holds 1, 2"):
        make_lesion(mask, exam)


def test_touching_the_border_is_said(grid, exam, make):
    (warning,) = make_lesion(make.box_mask(grid, (5, 6, 0), (7, 4, 5)), exam).warnings
    assert "touches the border" in warning


def test_separate_parts_are_said_with_the_largest_share(grid, exam, make):
    mask = make.box_mask(grid, (5, 6, 3), (3, 3, 1)) + make.box_mask(grid, (20, 6, 3), (1, 1, 1))
    (warning,) = make_lesion(mask, exam).warnings
    assert "2 separate parts, the largest with 90 %" in warning


def test_a_single_voxel_is_allowed_and_said(grid, exam, make):
    lesion = make_lesion(make.box_mask(grid, (5, 6, 3), (1, 1, 1)), exam)
    assert "single voxel" in lesion.warnings[0]
    assert measure(lesion.mask).voxels == 1


def test_a_file_becomes_a_lesion_in_one_step(tmp_path, grid, exam, make):
    sitk.WriteImage(make.box_mask(grid, (5, 6, 3), (7, 4, 5)) * 3, str(tmp_path / "tumour.nii.gz"))
    lesion = read_lesion(tmp_path / "tumour.nii.gz", exam)
    assert lesion.lesion_id == "tumour"
    assert measure(lesion.mask).voxels == 140


def test_a_lesion_has_the_name_that_its_exam_folder_gives_it(tmp_path, upright, make):
    exam, mask = make.flat_exam(upright), make.box_mask(upright, (5, 6, 3), (7, 4, 5))
    folder = write_exam(exam, tmp_path / "exam", {"L1": mask, "node.v2": mask})
    files = read_lesion_files(folder)
    assert list(files) == ["L1", "node.v2"]
    assert [read_lesion(path, exam).lesion_id for path in files.values()] == ["L1", "node.v2"]


def test_messages_name_the_file(tmp_path, upright, make):
    sitk.WriteImage(make.box_mask(upright, (5, 6, 3), (7, 4, 5)), str(tmp_path / "tumour.nii.gz"))
    with pytest.raises(InputError, match=r"^tumour\.nii\.gz lies on a 30x24x12 grid"):
        read_lesion(tmp_path / "tumour.nii.gz", make.flat_exam(Grid((30, 24, 10), (1, 1, 1))))
