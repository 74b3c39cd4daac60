"""Exam folders: what is written is read again, whole or not at all."""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from BreastFusionLib.errors import InputError
from BreastFusionLib.exam import Exam, Phase, Series, read_exam, read_lesion_files, write_exam
from BreastFusionLib.exam.geometry import Grid

pytestmark = pytest.mark.fast

THIRD = Grid(
    (7, 5, 6), (0.1 + 0.2, 1 / 3, 2.0), (-20.1, 1e-7, 5.0), sitk.Euler3DTransform((0,) * 3, 0.3, 1, 2).GetMatrix()
)


@pytest.fixture
def exam(pixels) -> Exam:
    def phase(seed: int, time_s: float | None, dtype: type = np.int16, grid: Grid = THIRD) -> Phase:
        return Phase(time_s, grid.put_on(sitk.GetImageFromArray(pixels(seed).astype(dtype))))

    acquisition = {"RepetitionTime": 4.1, "ScanOptions": ["FS"], "Manufacturer": "Überscan"}
    phases = (phase(0, 0.0), phase(1, 95.125), phase(2, None))
    series = (
        Series("dce", "ax dyn; größer", "Because.", "post", phases, THIRD, acquisition, ("ab",)),
        Series("t1", "t1", "Because.", "pre", (phase(3, None, np.float32),), THIRD),
        Series("dwi", "b 50", "b", "unknown", (phase(4, None),), THIRD),
        Series("dwi", "b 800", "b", "unknown", (phase(5, None),), THIRD),
        Series("derived", "sub", "A subtraction.", "unknown", (), THIRD),
    )  # fmt: skip
    return Exam(series, "P-0", ("Odd.",), synthetic=True)


def check_equal(first: Exam, second: Exam) -> None:
    assert (first.pseudonym, first.warnings, first.synthetic) == (second.pseudonym, second.warnings, second.synthetic)
    assert len(first.series) == len(second.series)
    for a, b in zip(first.series, second.series, strict=True):
        for field in fields(Series):
            if field.name != "phases":
                assert getattr(a, field.name) == getattr(b, field.name), field.name
        assert [phase.time_s for phase in a.phases] == [phase.time_s for phase in b.phases]
        for one, other in zip(a.phases, b.phases, strict=True):
            assert one.image.GetPixelID() == other.image.GetPixelID() and one.slices == other.slices
            assert Grid.of(one.image) == Grid.of(other.image)  # to the last bit, although NIfTI rounds
            assert np.array_equal(sitk.GetArrayFromImage(one.image), sitk.GetArrayFromImage(other.image))


def test_round_trip(tmp_path: Path, exam: Exam) -> None:
    folder = write_exam(exam, tmp_path / "Łukasz" / "P0001")
    assert sorted(path.name for path in folder.iterdir()) == [
        "dce_0.nii.gz", "dce_1.nii.gz", "dce_2.nii.gz", "dwi.nii.gz", "dwi_1.nii.gz", "exam.json", "t1.nii.gz",
    ]  # fmt: skip
    check_equal(read_exam(folder), exam)
    check_equal(read_exam(folder / "exam.json"), exam)
    assert [path.name for path in folder.parent.iterdir()] == ["P0001"]  # nothing temporary is left
    assert not read_exam(folder, synthetic=False).synthetic


def test_a_dicom_study_survives_the_round_trip(tmp_path: Path, study, pixels) -> None:
    for n in range(2):
        study.series(pixels(n), ["ax dyn pre", "ax dyn 1st pass"][n], n, header={"AcquisitionTime": f"08{n:02d}00"})
    exam = read_exam(study.folder)
    folder = write_exam(exam, tmp_path / "exam")
    check_equal(read_exam(folder), exam)
    written = (folder / "exam.json").read_text(encoding="utf-8")
    assert "Mustermann" not in written and "12345678" not in written and "1.2.826" not in written


def test_lesions(tmp_path: Path, exam: Exam) -> None:
    mask = THIRD.empty_image()
    mask[2, 2, 2] = 1
    folder = write_exam(exam, tmp_path / "exam", {"L2": mask, "L1": mask})
    assert list(read_lesion_files(folder)) == ["L1", "L2"]
    assert sitk.ReadImage(str(read_lesion_files(folder)["L2"]))[2, 2, 2] == 1
    write_exam(exam, folder, {"L3": mask})
    assert list(read_lesion_files(folder)) == ["L1", "L2", "L3"]
    assert read_lesion_files(tmp_path) == {}
    with pytest.raises(InputError, match=r"'\.\./x' cannot name a lesion"):
        write_exam(exam, folder, {"../x": mask})


def test_a_failure_leaves_the_old_exam_and_no_rest(tmp_path: Path, exam: Exam) -> None:
    def full_disk() -> sitk.Image:
        raise OSError("No space left on device")

    folder = write_exam(exam, tmp_path / "exam")
    before = (folder / "exam.json").read_bytes()
    broken = Exam((*exam.series[:2], Series("t2", "t2", "", "pre", (Phase(None, full_disk),), THIRD)), "P-1")
    for target in (folder, tmp_path / "new"):
        with pytest.raises(OSError, match="No space left"):
            write_exam(broken, target)
    assert [path.name for path in tmp_path.iterdir()] == ["exam"]
    assert (folder / "exam.json").read_bytes() == before
    check_equal(read_exam(folder), exam)


def test_somebody_elses_folder_is_not_touched(tmp_path: Path, exam: Exam) -> None:
    (tmp_path / "thesis.txt").write_text("x")
    with pytest.raises(InputError, match="is not empty and holds no exam"):
        write_exam(exam, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_damaged_exam_folders(tmp_path: Path, exam: Exam) -> None:
    folder = write_exam(exam, tmp_path / "exam")
    content = json.loads((folder / "exam.json").read_text(encoding="utf-8"))

    def refusal(**changes: object) -> str:
        (folder / "exam.json").write_text(json.dumps({**content, **changes}))
        with pytest.raises(InputError) as caught:
            read_exam(folder)
        return str(caught.value)

    assert "'breastfusion.exam/2', this version reads 'breastfusion.exam/1'" in refusal(schema="breastfusion.exam/2")
    assert "is damaged" in refusal(series=[{"role": "dce"}])
    other_size = {**content["series"][0], "size": [7, 5, 5]}
    assert "dce_0.nii.gz does not fit exam.json (7x5x6 against 7x5x5 voxels)" in refusal(series=[other_size])
    (folder / "dce_1.nii.gz").unlink()
    assert "dce_1.nii.gz is missing" in refusal()
    (folder / "exam.json").write_text("{")
    with pytest.raises(InputError, match="is damaged"):
        read_exam(folder)
