"""Bad DICOM input: a sentence that names what is wrong and where."""

from __future__ import annotations

import numpy as np
import pydicom
import pytest

from BreastFusionLib.errors import InputError
from BreastFusionLib.exam import read_exam

pytestmark = pytest.mark.fast


def refusal(path) -> str:
    with pytest.raises(InputError) as caught:
        read_exam(path)
    return str(caught.value)


def change(file, **elements) -> None:
    dataset = pydicom.dcmread(file)
    for keyword, value in elements.items():
        setattr(dataset, keyword, value)
    dataset.save_as(file)


def test_no_such_path(tmp_path) -> None:
    assert "does not exist" in refusal(tmp_path / "nowhere")


def test_an_empty_folder(tmp_path) -> None:
    (tmp_path / "sub").mkdir()
    assert "is empty" in refusal(tmp_path)


def test_a_folder_without_images(tmp_path) -> None:
    (tmp_path / "letter.txt").write_text("x")
    assert "letter.txt" in refusal(tmp_path) and "is neither DICOM nor" in refusal(tmp_path / "letter.txt")


@pytest.mark.parametrize("share", [0.999, 0.9, 0.7, 0.5, 0.35])
def test_a_truncated_file_is_named(study, pixels, share) -> None:
    file = study.series(pixels(0), "ax dyn")[2]
    content = file.read_bytes()
    file.write_bytes(content[: int(share * len(content))])
    said = refusal(study.folder)
    assert f"{file.name} is truncated" in said


def test_a_truncated_compressed_file_is_named(study, pixels) -> None:
    file = study.series(pixels(0), "ax dyn")[2]
    dataset = pydicom.dcmread(file)
    dataset.compress(pydicom.uid.RLELossless)
    dataset.save_as(file)
    file.write_bytes(file.read_bytes()[:-40])
    assert f"{file.name} is truncated" in refusal(study.folder)


def test_two_patients(study, pixels) -> None:
    study.series(pixels(0), "ax dyn pre", 1)
    file = study.series(pixels(0), "ax dyn 1st pass", 2, subfolder="b")[0]
    change(file, PatientID="87654321")
    said = refusal(study.folder)
    assert "2 patients" in said and file.name in said
    assert "87654321" not in said and "Mustermann" not in said


def test_two_visits(study, pixels) -> None:
    study.series(
        pixels(0), "ax dyn", 1, header={"StudyDate": "20190101", "StudyInstanceUID": "1.2.1"}, subfolder="2019"
    )
    study.series(
        pixels(0), "ax dyn", 2, header={"StudyDate": "20200101", "StudyInstanceUID": "1.2.2"}, subfolder="2020"
    )
    said = refusal(study.folder)
    assert "visits of different days" in said and "2019" in said and "2020" in said


def test_a_missing_slice_is_placed(study, pixels) -> None:
    files = study.series(pixels(0), "ax dyn")
    files[3].unlink()
    said = refusal(study.folder)
    assert "'ax dyn'" in said and "misses 1 slice" in said
    assert f"4 mm between {files[2].name} at -1.00 mm and {files[4].name} at 3.00 mm" in said


def test_a_slice_missing_in_one_of_several_phases_of_a_series(study, pixels) -> None:
    for n in range(3):
        files = study.series(pixels(n), "ax dyn mp", uid="1.2", header={"TemporalPositionIdentifier": n + 1})
    files[4].unlink()
    said = refusal(study.folder)
    assert "missing slices" in said and "3 images of most slices" in said and "at 3.00 mm" in said


@pytest.mark.parametrize("gone", [0, 3, 5])
def test_a_slice_missing_in_one_of_several_series(study, pixels, gone) -> None:
    for n, name in enumerate(["ax dyn pre", "ax dyn 1st pass", "ax dyn 2nd pass"]):
        files = study.series(pixels(n), name, n, header={"AcquisitionTime": f"08{n:02d}00"})
    files[gone].unlink()
    said = refusal(study.folder)
    assert "'ax dyn 2nd pass'" in said and "misses 1" in said


def test_a_slice_missing_in_a_phase_that_only_hints_at_being_one(study, pixels) -> None:
    for n, name in enumerate(["t1_fl3d_spair_pre", "t1_fl3d_spair_post", "t1_fl3d_spair_post"]):
        files = study.series(pixels(n), name, n, header={"AcquisitionTime": f"08{n:02d}00"})
    files[3].unlink()
    assert "'t1_fl3d_spair_post'" in refusal(study.folder)


def test_a_slice_twice(study, pixels) -> None:
    file = study.series(pixels(0), "ax dyn")[3]
    copy = file.with_name("copy")
    copy.write_bytes(file.read_bytes())
    said = refusal(study.folder)
    assert "duplicate slices" in said and file.name in said and "copy" in said


def test_a_series_stored_twice(study, pixels) -> None:
    for file in study.series(pixels(0), "ax dyn"):
        file.with_name(f"{file.name}_copy").write_bytes(file.read_bytes())
    assert "every slice 2 times" in refusal(study.folder)


def test_uneven_slices(study, pixels) -> None:
    file = study.series(pixels(0), "ax dyn")[3]
    place = pydicom.dcmread(file).ImagePositionPatient
    change(file, ImagePositionPatient=[place[0], place[1], place[2] + 0.5])
    said = refusal(study.folder)
    assert "uneven slice positions" in said and file.name in said


def test_gaps_wider_than_slices_are_normal(study, pixels) -> None:
    study.series(pixels(0), "ax t1", header={"SliceThickness": 1.2, "RepetitionTime": 600, "EchoTime": 12})
    assert read_exam(study.folder).t1.grid.spacing_mm[2] == pytest.approx(2.0)


def test_a_sheared_stack(study, pixels) -> None:
    for k, file in enumerate(study.series(pixels(0), "ax dyn")):
        place = pydicom.dcmread(file).ImagePositionPatient
        change(file, ImagePositionPatient=[place[0], place[1] + 0.3 * k, place[2]])
    assert "shifted sideways by up to 1.5 mm" in refusal(study.folder)


def test_a_2d_image(study, pixels) -> None:
    file = study.series(pixels(0)[:1], "ax dyn")[0]
    assert "2-D" in refusal(study.folder) and file.name in refusal(file)


def test_a_missing_position(study, pixels) -> None:
    file = study.series(pixels(0), "ax dyn")[0]
    dataset = pydicom.dcmread(file)
    del dataset.ImagePositionPatient
    dataset.save_as(file)
    said = refusal(study.folder)
    assert "no ImagePositionPatient" in said and file.name in said


def test_pixels_that_cannot_be_decoded_are_an_error_when_they_are_read(study, pixels) -> None:
    file = study.series(pixels(0), "ax dyn", header={"BitsAllocated": 16})[2]
    change(file, PhotometricInterpretation="NONSENSE", SamplesPerPixel=1, BitsAllocated=16, PixelRepresentation=7)
    exam = read_exam(study.folder)
    with pytest.raises(InputError, match=file.name):
        _ = exam.dce.phases[0].image


def test_infinite_values_after_rescaling(study, pixels) -> None:
    file = study.series(np.full((6, 5, 7), 2000, np.uint16), "ax dyn")[1]
    change(file, RescaleSlope="1e38", RescaleIntercept="0")
    exam = read_exam(study.folder)
    with pytest.raises(InputError, match=f"{file.name} has voxels that are NaN or infinite"):
        _ = exam.dce.phases[0].image


def test_one_phase_is_read_and_said(study, pixels) -> None:
    study.series(pixels(0), "ax dyn")
    exam = read_exam(study.folder)
    assert len(exam.dce.phases) == 1 and "one phase only" in exam.warnings[0]
    with pytest.raises(InputError, match=r"has 1 phases.*phase 1 does not exist"):
        exam.dce.phase(1)


def test_no_dynamic_series(study, pixels) -> None:
    study.series(pixels(0), "ax t2 tse", header={"RepetitionTime": 4000, "EchoTime": 90})
    exam = read_exam(study.folder)
    assert exam.t2 is not None and "No DCE series" in exam.warnings[0]
    with pytest.raises(InputError, match=r"holds no DCE series.*'ax t2 tse' \(t2\)"):
        _ = exam.dce
