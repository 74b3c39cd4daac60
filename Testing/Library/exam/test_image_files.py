"""Exams from NIfTI and NRRD files by their names."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from BreastFusionLib.errors import InputError
from BreastFusionLib.exam import read_exam
from BreastFusionLib.exam.geometry import Grid, same_grid
from BreastFusionLib.exam.image_files import read_image, write_image

pytestmark = pytest.mark.fast


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "Fäll 1"
    path.mkdir()
    return path


@pytest.fixture
def write(folder: Path, grid: Grid, pixels):
    def write(name: str, seed: int = 0, dtype: type = np.int16) -> Path:
        path = folder / name
        sitk.WriteImage(grid.put_on(sitk.GetImageFromArray(pixels(seed).astype(dtype))), str(path))
        return path

    return write


@pytest.mark.parametrize(
    "names",
    [
        ["dce_0.nii.gz", "dce_1.nii.gz", "dce_2.nii.gz"],
        ["pre.nrrd", "post1.nrrd", "post2.nrrd"],
        ["Pre.nii.gz", "Post_1.nii.gz", "Post_2.nii.gz"],
        ["DUKE_001_0000.nii.gz", "DUKE_001_0001.nii.gz", "DUKE_001_0002.nii.gz"],
        ["ISPY2-1_spy2_vis1_dce_aqc_0.nii", "ISPY2-1_spy2_vis1_dce_aqc_1.nii", "ISPY2-1_spy2_vis1_dce_aqc_2.nii"],
        ["ax dyn pre.mha", "ax dyn 1st pass.mha", "ax dyn 2nd pass.mha"],
    ],
    ids=lambda names: names[0],
)
def test_names_of_phases(folder: Path, write, pixels, grid: Grid, names: list[str]) -> None:
    for n in (2, 0, 1):
        write(names[n], n)
    exam = read_exam(folder)
    assert [series.role for series in exam.series] == ["dce"]
    assert [phase.time_s for phase in exam.dce.phases] == [0, None, None]
    for n, phase in enumerate(exam.dce.phases):
        assert np.array_equal(sitk.GetArrayFromImage(phase.image), pixels(n))
    assert same_grid(exam.dce.grid, grid) and "do not tell when" in exam.warnings[0]


def test_ten_phases_are_in_numerical_order(folder: Path, write, pixels) -> None:
    for n in range(11):
        write(f"dce_{n}.nrrd", n)
    assert np.array_equal(sitk.GetArrayFromImage(read_exam(folder).dce.phases[10].image), pixels(10))


def test_roles_masks_and_subtractions(folder: Path, write) -> None:
    for name in ["pre", "post1", "t1_tse_postcontrast", "t2", "sub_1", "adc", "lesion_mask", "annotation_box", "x.seg"]:
        write(f"{name}.nrrd")
    exam = read_exam(folder)
    assert {series.description: series.role for series in exam.series} == {
        "pre; post1": "dce",
        "t1_tse_postcontrast": "t1",
        "t2": "t2",
        "sub_1": "derived",
        "adc": "adc",
    }
    assert exam.t1.contrast == "post" and exam.t2.contrast == "unknown"
    assert "annotation_box.nrrd, lesion_mask.nrrd, x.seg.nrrd" in exam.warnings[0]


def test_a_4d_image_holds_phases(folder: Path, grid: Grid, pixels) -> None:
    image = sitk.JoinSeries([grid.put_on(sitk.GetImageFromArray(pixels(n).astype(np.int16))) for n in range(3)])
    for step, times in ((62.5, [0, 62.5, 125]), (1.0, [0, None, None])):
        image.SetSpacing((*grid.spacing_mm, step))
        sitk.WriteImage(image, str(folder / "dynamic.nii.gz"))
        exam = read_exam(folder / "dynamic.nii.gz")
        assert [phase.time_s for phase in exam.dce.phases] == times
        assert np.array_equal(sitk.GetArrayFromImage(exam.dce.phases[2].image), pixels(2))
        assert same_grid(exam.dce.phases[2].image, grid)


def test_a_single_file_is_a_phase_unless_its_name_says_otherwise(write) -> None:
    exam = read_exam(write("image.nrrd"))
    assert len(exam.dce.phases) == 1 and any("taken as a DCE series" in warning for warning in exam.warnings)
    assert read_exam(write("t2.nrrd")).t2 is not None


def refusal(path: Path) -> str:
    with pytest.raises(InputError) as caught:
        read_exam(path)
    return str(caught.value)


def test_refusals_name_files(folder: Path, write, grid: Grid, pixels) -> None:
    write("dce_0.nrrd")
    write("pre.nrrd")
    assert "dce_0.nrrd and pre.nrrd are both phase 0" in refusal(folder)
    (folder / "pre.nrrd").unlink()
    other = Grid(grid.size, grid.spacing_mm, (0.0, 0.0, 0.0))
    sitk.WriteImage(other.put_on(sitk.GetImageFromArray(pixels(0))), str(folder / "dce_1.nrrd"))
    assert "dce_1.nrrd lies on another grid than dce_0.nrrd" in refusal(folder)
    (folder / "dce_1.nrrd").unlink()
    write("t1.nrrd")
    write("t1_again.nrrd")
    assert "t1.nrrd and t1_again.nrrd are both T1" in refusal(folder)


def test_images_that_are_no_scalar_volumes(folder: Path) -> None:
    for name, image in {
        "flat.nrrd": sitk.Image([5, 4], sitk.sitkFloat32),
        "slice.nrrd": sitk.Image([5, 4, 1], sitk.sitkFloat32),
        "colour.nrrd": sitk.Image([5, 4, 3], sitk.sitkVectorUInt8, 3),
    }.items():
        sitk.WriteImage(image, str(folder / name))
    assert "flat.nrrd is an image of 5x4 pixels (2-D)" in refusal(folder / "flat.nrrd")
    assert "slice.nrrd is an image of 5x4x1 pixels (2-D)" in refusal(folder / "slice.nrrd")
    assert "colour.nrrd holds 3 values a voxel" in refusal(folder / "colour.nrrd")
    (folder / "broken.nii.gz").write_bytes(b"nothing of the kind")
    assert "broken.nii.gz cannot be read" in refusal(folder / "broken.nii.gz")


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_values_that_are_no_numbers(folder: Path, grid: Grid, pixels, bad: float) -> None:
    values = pixels(0).astype(np.float32)
    values[2, 3, 4] = bad
    sitk.WriteImage(grid.put_on(sitk.GetImageFromArray(values)), str(folder / "dce_0.nrrd"))
    exam = read_exam(folder)
    with pytest.raises(InputError, match=r"dce_0\.nrrd has 1 voxels that are NaN or infinite"):
        _ = exam.dce.phases[0].image


def test_a_truncated_image(folder: Path, write) -> None:
    path = write("dce_0.nrrd")
    path.write_bytes(path.read_bytes()[:-50])
    with pytest.raises(InputError, match=r"dce_0\.nrrd"):
        _ = read_exam(path).dce.phases[0].image


@pytest.mark.parametrize("name", ["mask.nii.gz", "mask.nii", "mask.seg.nrrd", "läsion 1.mha"])
def test_a_written_image_reads_back(tmp_path: Path, grid: Grid, pixels, name: str) -> None:
    write_image(grid.put_on(sitk.GetImageFromArray(pixels(0))), tmp_path / "new folder" / name)
    image = read_image(tmp_path / "new folder" / name)
    assert same_grid(image, grid) and np.array_equal(sitk.GetArrayFromImage(image), pixels(0))


@pytest.mark.parametrize("name", ["mask", "mask.txt", "."])
def test_a_name_that_is_no_image_is_refused(tmp_path: Path, grid: Grid, pixels, name: str) -> None:
    with pytest.raises(InputError, match=r"cannot name an image: give a file that ends with one of \.nii\.gz"):
        write_image(grid.put_on(sitk.GetImageFromArray(pixels(0))), tmp_path / name)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz", ".nrrd"])
def test_what_the_disk_does_not_take_whole_is_told_and_removed(tmp_path: Path, suffix: str) -> None:
    resource = pytest.importorskip("resource")  # the limit on a file's size stands for a full disk; not on Windows
    noise = np.random.default_rng(0).integers(0, 2000, (20, 30, 40)).astype(np.int16)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (8192, hard))
    try:
        with pytest.raises(OSError, match="could not be written whole: the disk may be full"):
            write_image(sitk.GetImageFromArray(noise), tmp_path / f"t1{suffix}")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert not list(tmp_path.iterdir())
