"""DICOM folders become exams: order, values, roles, whatever the files are called."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk

from BreastFusionLib.errors import InputError
from BreastFusionLib.exam import Exam, Phase, read_exam
from BreastFusionLib.exam.geometry import Grid, same_grid

pytestmark = pytest.mark.fast

CLOCK = ["080000", "080200", "080330", "080500"]
NAMES = ["ax dyn pre", "ax dyn 1st pass", "ax dyn 2nd pass", "ax dyn 3rd pass"]
T1 = {"RepetitionTime": 600.0, "EchoTime": 12.0, "FlipAngle": 150.0}
T2 = {"RepetitionTime": 4500.0, "EchoTime": 90.0, "FlipAngle": 150.0}


def values(phase: Phase) -> np.ndarray:
    return sitk.GetArrayFromImage(phase.image)


def write_dynamic_series(study, pixels, **options) -> list[list[Path]]:
    """One series a phase, written latest first."""
    return [
        study.series(pixels(n), NAMES[n], number=20 - n, header={"AcquisitionTime": CLOCK[n]}, **options)
        for n in reversed(range(4))
    ]


def check_dynamic(exam: Exam, pixels) -> None:
    assert [phase.time_s for phase in exam.dce.phases] == [0, 120, 210, 300]
    for n, phase in enumerate(exam.dce.phases):
        assert np.array_equal(values(phase), pixels(n)), n


def test_one_series_a_phase(study, pixels, grid) -> None:
    write_dynamic_series(study, pixels, subfolder="a/b/c")
    exam = read_exam(study.folder)
    check_dynamic(exam, pixels)
    assert exam.dce.description == "; ".join(NAMES) and exam.dce.contrast == "post"
    assert exam.dce.phases[0].slices == 6 and len(exam.dce.sources) == 4
    assert same_grid(exam.dce.grid, grid) and same_grid(exam.dce.phases[2].image, grid)
    assert exam.warnings == () and not exam.synthetic


@pytest.mark.parametrize(
    "tags",
    [
        lambda n: {"TemporalPositionIdentifier": n + 1, "AcquisitionTime": CLOCK[n]},
        lambda n: {"TriggerTime": [0, 120_000, 210_000, 300_000][n], "AcquisitionTime": "080000"},
        lambda n: {"AcquisitionTime": CLOCK[n], "AcquisitionNumber": 1},
        lambda n: {"AcquisitionTime": "080000", "ContentTime": CLOCK[n]},
        lambda n: {"AcquisitionNumber": n + 1, "ContentTime": CLOCK[n]},
        lambda n: {"AcquisitionDateTime": f"20200101{CLOCK[n]}.25"},
    ],
    ids=["temporal position", "trigger", "acquisition", "content", "number", "date time"],
)
def test_all_phases_in_one_series(study, pixels, tags) -> None:
    for n in (2, 0, 3, 1):
        study.series(pixels(n), "ax vibrant multiphase", uid="1.2.3", header=tags(n))
    check_dynamic(read_exam(study.folder), pixels)


def test_blocks_of_instance_numbers_order_phases_that_nothing_times(study, pixels) -> None:
    for n in (1, 0):
        study.series(pixels(n), "ax dyn mp", uid="1.2.3", first_instance=1 + 6 * n)
    exam = read_exam(study.folder)
    assert [phase.time_s for phase in exam.dce.phases] == [0, None]
    assert np.array_equal(values(exam.dce.phases[0]), pixels(0))
    assert "InstanceNumber" in exam.warnings[0]


def test_slices_with_times_of_their_own(study, pixels) -> None:
    # A 2-D sequence acquires slice after slice: every image has its own time, phases overlap in no slice.
    for n in (1, 0):
        study.series(
            pixels(n),
            "ax dyn",
            uid="1.2.3",
            of_slice=lambda k, n=n: {"AcquisitionTime": f"08{5 * n:02d}{k * 7 % 6:02d}"},
        )
    exam = read_exam(study.folder)
    assert [phase.time_s for phase in exam.dce.phases] == [0, 300]
    assert np.array_equal(values(exam.dce.phases[1]), pixels(1))


def test_plain_name_and_numbered_phases(study, pixels) -> None:
    for n in (3, 1, 0, 2):
        name = "ax 3d dyn" if n == 0 else f"Ph{n}/ax 3d dyn"
        trigger = {"AcquisitionTime": "080000", "TriggerTime": [0, 120_000, 210_000, 300_000][n]}
        study.series(pixels(n), name, number=500 + n, header=trigger)
    check_dynamic(read_exam(study.folder), pixels)


def test_a_mask_and_a_multiphase_series(study, pixels) -> None:
    for n in (2, 1, 3):
        tags = {"AcquisitionTime": "080200", "TriggerTime": [None, 0, 90_000, 180_000][n]}
        study.series(pixels(n), "AX Sen Vibrant MultiPhase", 5, uid="1.2.5", header=tags)
    study.series(pixels(0), "AX Sen Vibrant MASK", 3, header={"AcquisitionTime": "080000", "TriggerTime": 0})
    check_dynamic(read_exam(study.folder), pixels)


def test_a_repeated_pre_contrast_series_replaces_the_first(study, pixels) -> None:
    write_dynamic_series(study, pixels)
    study.series(pixels(9), "ax dyn pre", 2, uid="1.2.9", header={"AcquisitionTime": "074000"})
    exam = read_exam(study.folder)
    check_dynamic(exam, pixels)
    assert [s.role for s in exam.series] == ["dce", "other"] and "Left out" in exam.series[1].reason


def test_midnight_between_phases(study, pixels) -> None:
    for n, time in enumerate(["235900", "000100", "000230", "000400"]):
        study.series(pixels(n), NAMES[n], 4 - n, header={"AcquisitionTime": time, "AcquisitionDate": "20200101"})
    check_dynamic(read_exam(study.folder), pixels)


def test_oblique_flipped_volumes_lie_where_their_headers_say(study, pixels) -> None:
    turn = sitk.Euler3DTransform((0, 0, 0), 0.3, -0.5, 0.2).GetMatrix()
    grid = Grid((7, 5, 6), (0.8, 0.9, 2.0), (3.0, 4.0, 5.0), turn)
    study.series(pixels(1), "ax t1", header=T1, grid=grid)
    image = read_exam(study.folder).t1.image
    assert same_grid(image, grid)
    # A slice order against the normal (k to inferior) comes out along it, every voxel still in its place.
    down = Grid(grid.size, grid.spacing_mm, (50.0, 0.0, 0.0), (1, 0, 0, 0, 1, 0, 0, 0, -1))
    study.series(pixels(2), "ax t2 tse", 9, header=T2, grid=down)
    image = read_exam(study.folder).t2.image
    assert image.GetDirection() == (1, 0, 0, 0, 1, 0, 0, 0, 1) and image.GetOrigin() == (50.0, 0.0, -10.0)
    assert np.array_equal(sitk.GetArrayFromImage(image), pixels(2)[::-1])


def test_simpleitk_reads_the_same_volume(study, pixels) -> None:
    files = study.series(pixels(3), "ax t1", header={**T1, "RescaleSlope": 2, "RescaleIntercept": -7})
    expected = sitk.ReadImage([str(file) for file in files])
    image = read_exam(study.folder).t1.image
    assert same_grid(image, expected)
    assert np.array_equal(sitk.GetArrayFromImage(image), sitk.GetArrayFromImage(expected))


def test_rescale_of_each_slice(study, pixels) -> None:
    study.series(
        pixels(0), "ax t1", header=T1, of_slice=lambda k: {"RescaleSlope": 0.5 * (k + 1), "RescaleIntercept": -k}
    )
    image = read_exam(study.folder).t1.image
    factors = np.arange(6).reshape(6, 1, 1)
    assert sitk.GetArrayFromImage(image) == pytest.approx(pixels(0) * 0.5 * (factors + 1) - factors)
    assert image.GetPixelID() == sitk.sitkFloat32


def test_stored_values_never_wrap_round(study, pixels) -> None:
    signed = pixels(0).astype(np.int16) - 1000
    study.series(signed, "ax t1", 1, header={**T1, "BitsStored": 16, "HighBit": 15})
    wide = pixels(1).astype(np.uint16) + 60_000
    study.series(wide, "ax t2 tse", 2, header={**T2, "BitsStored": 16, "HighBit": 15})
    exam = read_exam(study.folder)
    assert exam.t1.image.GetPixelID() == sitk.sitkInt16 and np.array_equal(values(exam.t1.phases[0]), signed)
    assert exam.t2.image.GetPixelID() == sitk.sitkInt32 and np.array_equal(values(exam.t2.phases[0]), wide)


def test_compressed_files(study, pixels) -> None:
    for file in study.series(pixels(0), "ax t1", header=T1):
        dataset = pydicom.dcmread(file)
        dataset.compress(pydicom.uid.RLELossless)
        dataset.save_as(file)
    assert np.array_equal(values(read_exam(study.folder).t1.phases[0]), pixels(0))


def test_files_without_the_dicom_mark(study, pixels) -> None:
    for file in study.series(pixels(0), "ax t1", header=T1):
        dataset = pydicom.dcmread(file)
        bare = pydicom.Dataset({tag: element for tag, element in dataset.items() if tag.group != 2})
        bare.save_as(file, implicit_vr=True, little_endian=True)
    assert np.array_equal(values(read_exam(study.folder).t1.phases[0]), pixels(0))


def test_pixels_are_read_when_asked_for_and_only_once(study, pixels, monkeypatch) -> None:
    files = study.series(pixels(0), "ax t1", header=T1)
    exam = read_exam(study.folder)
    first = exam.t1.image
    for file in files:
        file.unlink()
    assert exam.t1.image is first


def test_enhanced_multiframe(study, pixels) -> None:
    file = study.enhanced([pixels(0), pixels(1)], "dyn_ethrive", ["080000", "080130.5"])
    for path in (study.folder, file):
        exam = read_exam(path)
        assert [phase.time_s for phase in exam.dce.phases] == [0, 90.5]
        for n, phase in enumerate(exam.dce.phases):
            assert np.array_equal(values(phase), pixels(n) * 2.0 - 3.0)


def test_at_most_one_t1_and_one_t2_with_reasons(study, pixels, grid) -> None:
    write_dynamic_series(study, pixels)
    far = Grid((7, 5, 6), (0.8, 0.9, 2.0), (200.0, 10.0, -5.0))
    study.series(pixels(5), "sag t2 fs left+c", 30, grid=far, header=T2)
    study.series(pixels(6), "ax t2 fse", 31, header=T2)
    study.series(pixels(7), "ax t1 tse +c", 32, header={**T1, "AcquisitionTime": "083000"})
    study.series(pixels(8), "ax t1 tse", 33, header={**T1, "AcquisitionTime": "075000"})
    exam = read_exam(study.folder)
    roles = {series.description: series.role for series in exam.series[1:]}
    assert roles == {"ax t1 tse": "t1", "ax t2 fse": "t2", "sag t2 fs left+c": "other", "ax t1 tse +c": "other"}
    assert exam.t1.contrast == "pre"  # by the clock
    left_out = next(series for series in exam.series if series.description == "ax t1 tse +c")
    assert left_out.contrast == "post" and "'ax t1 tse' is used" in left_out.reason
    assert np.array_equal(values(left_out.phases[0]), pixels(7))


def test_kinds_in_one_series_are_series_of_their_own(study, pixels) -> None:
    for n, kind in enumerate(["WATER", "FAT"]):
        study.series(pixels(n), "ax t1 dixon", uid="1.2.3", header={**T1, "ImageType": ["ORIGINAL", "PRIMARY", kind]})
    for n, b in enumerate([50, 800]):
        study.series(pixels(2 + n), "ep2d_diff", 9, uid="1.2.4", header={**T2, "DiffusionBValue": float(b)})
    exam = read_exam(study.folder)
    assert sorted(series.role for series in exam.series) == ["derived", "dwi", "dwi", "t1"]
    assert np.array_equal(values(exam.t1.phases[0]), pixels(0))


def test_an_unnamed_series_with_phases_is_the_dynamic_one(study, pixels) -> None:
    for n in range(4):
        study.series(pixels(n), "t1 fs tra", uid="1.2.3", header={"AcquisitionTime": CLOCK[n]})
    check_dynamic(read_exam(study.folder), pixels)


def test_two_volumes_in_one_t2_series_are_no_choice(study, pixels) -> None:
    write_dynamic_series(study, pixels)
    for n in range(2):
        study.series(pixels(n), "ax t2 tse", uid="1.2.3", header={**T2, "AcquisitionTime": CLOCK[n]})
    exam = read_exam(study.folder)
    assert exam.t2 is None and [series.role for series in exam.series] == ["dce", "other", "other"]
    assert "holds 2 volumes" in exam.series[1].reason


def test_a_broken_localizer_stops_nothing(study, pixels) -> None:
    write_dynamic_series(study, pixels)
    for file in study.series(pixels(0), "localizer", 1)[2:4]:
        file.unlink()
    study.series(pixels(0)[:1], "ax t2 tse", 2, header=T2)
    exam = read_exam(study.folder)
    assert [series.role for series in exam.series] == ["dce", "localizer", "other"]
    with pytest.raises(InputError, match=r"localizer.* misses 2 slices"):
        _ = exam.series[1].image


def test_other_files_are_counted_and_named(study, pixels, tmp_path) -> None:
    write_dynamic_series(study, pixels)
    (study.folder / "notes.txt").write_text("x")
    (study.folder / "DICOM.pdf").write_bytes(b"%PDF-1.4" + bytes(500))
    (study.folder / "empty").touch()
    broken = study.folder / "broken"
    broken.write_bytes(bytes(128) + b"DICM" + bytes(range(256)) * 4)
    report = pydicom.dcmread(next(study.folder.rglob("*_1")))
    report.SOPClassUID = report.file_meta.MediaStorageSOPClassUID = pydicom.uid.BasicTextSRStorage
    del report.PixelData
    report.save_as(study.folder / "report")
    exam = read_exam(study.folder)
    check_dynamic(exam, pixels)
    said = " ".join(exam.warnings)
    assert "3 files that are no DICOM left out: DICOM.pdf, empty, notes.txt" in said
    assert "1 DICOM file could not be read and left out: broken" in said
    assert "1 x Basic Text SR Storage" in said


def test_nothing_of_the_patient_leaves_the_reader(study, pixels) -> None:
    write_dynamic_series(study, pixels)
    study.series(pixels(0), "T1 Mustermann 12345678", 9, header=T1)
    exam = read_exam(study.folder)
    everything = repr([(s.description, s.reason, dict(s.acquisition), s.sources) for s in exam.series]) + exam.pseudonym
    for secret in ("Mustermann", "Erika", "12345678", "1.2.826"):
        assert secret not in everything
    assert exam.t1.description == "T1 .. .."
    again = shutil.copytree(study.folder, study.folder.parent / "kopie")
    assert read_exam(again).pseudonym == exam.pseudonym


def test_names_of_files_tell_nothing_of_the_patient(study, pixels) -> None:
    uid = "1.2.826.0.1.3680043.8.498.123"
    write_dynamic_series(study, pixels)
    (study.folder / "Befund MUSTERMANN.pdf").write_text("x")
    (study.folder / f"{uid}.dcm").write_bytes(bytes(128) + b"DICM" + bytes(range(256)) * 4)
    said = " ".join(read_exam(study.folder).warnings)
    assert "1 file that is no DICOM left out: Befund ...pdf." in said
    assert "1 DICOM file could not be read and left out: ...dcm." in said
    assert uid not in said


def test_how_the_images_were_made_is_kept(study, pixels) -> None:
    study.series(
        pixels(0), "ax t1", header={**T1, "ScanOptions": ["FS", "PFP"], "Laterality": "R", "EchoTrainLength": 7}
    )
    acquisition = read_exam(study.folder).t1.acquisition
    assert acquisition["MagneticFieldStrength"] == 1.5 and acquisition["RepetitionTime"] == 600
    assert acquisition["ScanOptions"] == ["FS", "PFP"] and acquisition["PixelSpacing"] == [0.9, 0.8]
    assert acquisition["EchoTrainLength"] == 7 and acquisition["Laterality"] == "R"
    assert "PatientID" not in acquisition


def test_phantoms_say_that_they_are(study, pixels) -> None:
    study.series(pixels(0), "ax t1", header={**T1, "QualityControlImage": "YES"})
    assert read_exam(study.folder).synthetic
    assert not read_exam(study.folder, synthetic=False).synthetic
