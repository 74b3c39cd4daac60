"""NIfTI files that ITK's reader takes in silence: cut at their end, or with voxels that are no numbers."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from BreastFusionLib.errors import InputError
from BreastFusionLib.exam import read_exam
from BreastFusionLib.exam.image_files import read_image

pytestmark = pytest.mark.fast

SUFFIXES = (".nii", ".nii.gz")


def write(path: Path, dtype: type = np.int16) -> np.ndarray:
    pixels = np.random.default_rng(0).normal(300, 100, (9, 20, 30)).astype(dtype)
    sitk.WriteImage(sitk.GetImageFromArray(pixels), str(path))
    return pixels


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.float32, np.float64])
def test_a_whole_file_is_read(tmp_path: Path, suffix: str, dtype: type) -> None:
    pixels = write(tmp_path / f"t1{suffix}", dtype)
    assert np.array_equal(sitk.GetArrayFromImage(read_image(tmp_path / f"t1{suffix}")), pixels)


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("dtype", [np.int16, np.float32])
def test_a_truncated_file_is_refused(tmp_path: Path, suffix: str, dtype: type) -> None:
    path = tmp_path / f"t1{suffix}"
    write(path, dtype)
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
    with pytest.raises(InputError, match=rf"t1{suffix} is .*truncated.* again \({path}\)"):
        read_image(path)


def test_a_well_packed_file_with_too_few_voxels_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "t1.nii")
    (tmp_path / "t1.nii.gz").write_bytes(gzip.compress((tmp_path / "t1.nii").read_bytes()[:-100]))
    with pytest.raises(InputError, match="holds 10,700 of the 10,800 bytes of its voxels"):
        read_image(tmp_path / "t1.nii.gz")


def test_a_file_packed_in_parts_is_read(tmp_path: Path) -> None:
    pixels = write(tmp_path / "t1.nii")
    content = (tmp_path / "t1.nii").read_bytes()
    (tmp_path / "t1.nii.gz").write_bytes(gzip.compress(content[:5000]) + gzip.compress(content[5000:]))
    assert np.array_equal(sitk.GetArrayFromImage(read_image(tmp_path / "t1.nii.gz")), pixels)


@pytest.mark.parametrize("suffix", [*SUFFIXES, ".nrrd", ".mha"])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_voxels_that_are_no_numbers_are_counted_and_refused(tmp_path: Path, suffix: str, value: float) -> None:
    path = tmp_path / f"dce_0{suffix}"
    pixels = write(path, np.float32)
    pixels[4, 5, 6:9] = value
    sitk.WriteImage(sitk.GetImageFromArray(pixels), str(path))
    with pytest.raises(InputError, match=rf"dce_0{suffix} has 3 voxels that are NaN or infinite"):
        _ = read_exam(path).dce.phases[0].image
