"""Many exams: a row a lesion, nothing done twice, nothing that ends the rest."""

import csv
import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
import SimpleITK as sitk

import BreastFusionLib
from BreastFusionLib.errors import InputError
from BreastFusionLib.exam import write_exam
from BreastFusionLib.exam.geometry import Grid
from BreastFusionLib.files import write_json
from BreastFusionLib.lesion import make_lesion
from BreastFusionLib.reading import Case, Reader, load_bundle, read_many
from BreastFusionLib.reading.batch import find_exams, table_columns

pytestmark = pytest.mark.fast

CLINICAL = {"E1": {"age": 52}}


@pytest.fixture(scope="module")
def bundle(bundle_folder):
    return load_bundle(bundle_folder)


def half(mask: sitk.Image) -> sitk.Image:
    """Return another lesion: the left half of the first."""
    pixels = sitk.GetArrayFromImage(mask)
    pixels[:, :, : pixels.shape[2] // 2] = 0
    return Grid.of(mask).put_on(sitk.GetImageFromArray(pixels))


@pytest.fixture
def exams(case, tmp_path):
    """E1 with two lesions, E2 that is broken, E3 without a lesion, E4 whose mask is empty."""
    folder, mask = tmp_path / "exams", case.lesion.mask
    write_exam(case.exam, folder / "E1", {"L1": mask, "L2": half(mask)})
    write_exam(case.exam, folder / "E2", {"L1": mask})
    (folder / "E2" / "exam.json").write_text("{")
    write_exam(case.exam, folder / "E3")
    write_exam(case.exam, folder / "E4", {"L1": mask * 0})
    return folder


def table(out) -> list[dict[str, str]]:
    with (out / "readings.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_a_row_a_lesion_and_a_broken_exam_is_a_row_with_its_reason(exams, bundle, case, tmp_path):
    told = []
    out = tmp_path / "out"
    rows = read_many(exams, bundle, out, lambda *step: told.append(step), CLINICAL)
    assert [(row["exam"][-2:], row["lesion"], row["status"]) for row in rows] == [
        ("E1", "L1", "ok"),
        ("E1", "L2", "ok"),
        ("E2", "L1", "failed"),
        ("E3", "", "failed"),
        ("E4", "L1", "failed"),
    ]
    reasons = [row["reason"] for row in rows]
    assert reasons[:2] == ["", ""]
    assert "exam.json is damaged" in reasons[2]
    assert "holds no lesion: expected masks in its folder 'lesions'" in reasons[3]
    assert "empty" in reasons[4]
    assert told[0] == (0, 5, "exam 1 of 4, L1") and told[-1] == (5, 5, "done")
    # The numbers are those of a reading.
    lesion = make_lesion(case.lesion.mask, case.exam, "L1")
    expected = Reader(bundle).read(Case(case.exam, lesion, "made/L1", {"age": 52}))
    assert rows[0]["probability"] == expected.probability
    assert rows[0]["part_kinetics"] == expected.parts["kinetics"]
    assert (rows[0]["volume_mm3"], rows[0]["curve"]) == (expected.inputs.lesion.volume_mm3, "wash-out")
    assert rows[0]["probability"] != rows[1]["probability"]
    assert rows[0]["case_id"] == "made/L1"


def test_the_table_keeps_every_digit_and_says_with_what_it_was_made(exams, bundle, tmp_path):
    out = tmp_path / "Größe"
    rows = read_many(exams, bundle, out, clinical=CLINICAL)
    written = table(out)
    assert list(written[0]) == table_columns(bundle)
    assert list(written[0])[:9] == [
        "case_id",
        "exam",
        "lesion",
        "side",
        "status",
        "reason",
        "probability",
        "class",
        "threshold",
    ]
    for row, line in zip(rows, written, strict=True):
        assert line == {name: "" if value is None else str(value) for name, value in row.items()}
    first = written[0]
    assert float(first["probability"]) == rows[0]["probability"]
    assert (first["bundle"], first["bundle_version"]) == ("tiny", "1.0")
    assert all(first[name] for name in ("breastfusion", "torch", "radiomics_provider", "radiomics_version", "seconds"))
    assert first["disclaimer"] == "Research use only. Not a medical device."


@pytest.fixture
def counted(monkeypatch):
    """The ids of the cases that are really read."""
    read, own = [], Reader.read
    monkeypatch.setattr(Reader, "read", lambda self, case, *given: read.append(case.case_id) or own(self, case, *given))
    return read


def test_what_was_read_is_not_read_again(exams, bundle, tmp_path, counted):
    first = read_many(exams, bundle, tmp_path / "out", clinical=CLINICAL)
    assert counted == ["made/L1", "made/L2"]
    again = read_many(exams, bundle, tmp_path / "out", clinical=CLINICAL)
    assert counted == ["made/L1", "made/L2"]
    assert again == first


def test_what_changed_is_read_again(exams, case, bundle, tmp_path, counted):
    def read(model=bundle, clinical=CLINICAL):
        counted.clear()
        read_many([exams / "E1"], model, tmp_path / "out", clinical=clinical)
        return list(counted)

    assert read() == ["made/L1", "made/L2"]
    write_exam(case.exam, exams / "E1", {"L1": half(case.lesion.mask)})
    assert read() == ["made/L1", "made/L2"]  # the exam's files were written anew
    shutil.copy(exams / "E1" / "lesions" / "L2.nii.gz", exams / "E1" / "lesions" / "L1.nii.gz")
    assert read() == []  # the same outline
    shutil.copy(exams / "E4" / "lesions" / "L1.nii.gz", exams / "E1" / "lesions" / "L1.nii.gz")
    assert read() == []  # an empty one is refused before it is read
    assert read(clinical={"E1": {"age": 60}}) == ["made/L2"]
    other = shutil.copytree(bundle.folder, tmp_path / "other bundle")
    write_json(other / "checksums.json", {"another": "model"})
    assert read(replace(bundle, folder=other)) == ["made/L2"]


def test_what_another_version_has_read_is_read_again(exams, bundle, tmp_path, counted, monkeypatch):
    read_many([exams / "E1"], bundle, tmp_path / "out")
    monkeypatch.setattr(BreastFusionLib, "__version__", "999")
    counted.clear()
    (first, *_) = read_many([exams / "E1"], bundle, tmp_path / "out")
    assert counted == ["made/L1", "made/L2"] and first["breastfusion"] == "999"


def test_an_interrupted_reading_counts_as_none(exams, bundle, tmp_path, counted):
    read_many([exams / "E1"], bundle, tmp_path / "out")
    for path in (tmp_path / "out").rglob("reading.json"):
        path.write_text('{"probability":')
    read_many([exams / "E1"], bundle, tmp_path / "out")
    assert counted == ["made/L1", "made/L2"] * 2


def test_interrupting_keeps_the_rows_that_are_done(exams, bundle, tmp_path):
    def stop(done, total, words):
        if done == 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        read_many(exams, bundle, tmp_path / "out", stop)
    assert [row["lesion"] for row in table(tmp_path / "out")] == ["L1"]


def test_an_unexpected_error_is_a_row_that_says_where(exams, bundle, tmp_path, monkeypatch):
    def fail(*given):
        raise KeyError("dce")

    monkeypatch.setattr(Reader, "read", fail)
    rows = read_many([exams / "E1"], bundle, tmp_path / "out")
    assert [row["status"] for row in rows] == ["failed", "failed"]
    assert rows[0]["reason"].startswith("Unexpected KeyError: 'dce' (test_batch.py, line ")


def test_exams_are_found_alone_in_a_list_and_in_a_folder_of_many(exams, tmp_path):
    inside = [exams / name for name in ("E1", "E2", "E3", "E4")]
    assert find_exams(exams) == inside
    assert find_exams(exams / "E1") == [exams / "E1"]
    assert find_exams([exams / "E3", exams]) == [exams / "E3", *[path for path in inside if path.name != "E3"]]
    assert find_exams(tmp_path / "absent") == [tmp_path / "absent"]
    with pytest.raises(InputError, match="No exam was given"):
        find_exams([])


def test_what_lies_beside_exams_and_is_none_is_a_row_that_says_why(exams, bundle, tmp_path):
    (exams / "E0").mkdir()
    (exams / "E0" / "letter.txt").write_text("x")
    (exams / ".cache").mkdir()
    rows = read_many(exams, bundle, exams / "readings" / "today", clinical=CLINICAL)
    assert [row["exam"][-2:] for row in rows] == ["E0", "E1", "E1", "E2", "E3", "E4"]
    assert rows[0]["status"] == "failed" and "letter.txt" in rows[0]["reason"]
    # Where readings go is no exam, also when it is there already.
    assert read_many(exams, bundle, exams / "readings" / "today", clinical=CLINICAL) == rows


def test_what_is_no_exam_is_a_row(bundle, tmp_path):
    (tmp_path / "empty").mkdir()
    rows = read_many([tmp_path / "absent", tmp_path / "empty"], bundle, tmp_path / "out")
    assert ["does not exist" in rows[0]["reason"], "is empty" in rows[1]["reason"]] == [True, True]


def test_two_exams_of_one_name_have_folders_of_their_own(exams, bundle, case, tmp_path):
    write_exam(case.exam, tmp_path / "more" / "E1", {"L1": half(case.lesion.mask)})
    rows = read_many([exams / "E1", tmp_path / "more" / "E1"], bundle, tmp_path / "out")
    folders = [row["folder"] for row in rows]
    assert len(set(folders)) == 3
    for row in rows:
        content = json.loads((tmp_path / "out" / row["folder"] / "reading.json").read_text())
        assert content["probability"] == row["probability"]
    assert np.isclose(rows[1]["probability"], rows[2]["probability"])  # the same outline of the same exam


def test_a_dicom_study_with_a_folder_of_lesions_is_an_exam(bundle, tmp_path):
    from BreastFusionLib.exam import read_exam
    from BreastFusionLib.phantom import make_exam
    from BreastFusionLib.phantom.dicom import write_dicom_study

    made = make_exam(seed=5, number=1, small=True)
    study = tmp_path / "Meier, Anna"
    write_dicom_study(made, study)
    mask = read_exam(study).dce.grid.put_on(sitk.Image(made.lesion.mask))
    (study / "lesions").mkdir()
    sitk.WriteImage(mask, str(study / "lesions" / "L1.nii.gz"))
    (row,) = read_many(study, bundle, tmp_path / "out")
    assert (row["status"], row["reason"]) == ("ok", "")
    assert "Meier" not in row["folder"] + row["case_id"]
