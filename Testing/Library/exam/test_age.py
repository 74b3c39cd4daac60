"""The age that an exam keeps: in whole years, coarse where it would tell who it is, and without a birth date."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pydicom
import pytest

from BreastFusionLib.errors import InputError
from BreastFusionLib.exam import read_exam, write_exam
from BreastFusionLib.exam.age import age_in_years
from BreastFusionLib.phantom import make_exam
from BreastFusionLib.phantom.dicom import write_dicom_study

DATES = {"PatientBirthDate": "19510617", "StudyDate": "20030616"}


@pytest.mark.parametrize(
    ("header", "years"),
    [
        ({"PatientAge": "052Y"}, 52),
        ({"PatientAge": " 52y "}, 52),
        ({"PatientAge": "089Y"}, 89),
        ({"PatientAge": "090Y"}, 90),
        ({"PatientAge": "097Y"}, 90),
        ({"PatientAge": "000Y", **DATES}, None),  # somebody took it away
        ({"PatientAge": "150Y"}, None),
        ({"PatientAge": "soon"}, None),
        ({}, None),
        (DATES, 51),
        ({**DATES, "StudyDate": "20030617"}, 52),
        ({"PatientAge": "044Y", **DATES}, 44),
        ({"PatientBirthDate": "19510617"}, None),
        ({**DATES, "PatientBirthDate": "1951"}, None),
        ({**DATES, "PatientBirthDate": "20100101"}, None),
        ({**DATES, "PatientBirthDate": "19000101"}, None),  # stands for an unknown date
        ({**DATES, "PatientBirthDate": "19100101"}, 90),
        ({**DATES, "PatientIdentityRemoved": "YES"}, None),
        ({**DATES, "PatientIdentityRemoved": "NO"}, 51),
        ({**DATES, "LongitudinalTemporalInformationModified": "MODIFIED"}, None),
        ({"PatientAge": "052Y", "PatientIdentityRemoved": "YES"}, 52),
    ],
)
@pytest.mark.fast
def test_whole_years_of_a_header(header, years):
    assert age_in_years(header) == years


@pytest.fixture(scope="module")
def study(tmp_path_factory) -> Path:
    """A phantom's DICOM study; its headers tell an age."""
    return write_dicom_study(make_exam(2, 1, small=True), tmp_path_factory.mktemp("dicom") / "study")


def rewritten(study: Path, **keywords: str) -> Path:
    for path in study.rglob("*.dcm"):
        dataset = pydicom.dcmread(path)
        for keyword, value in keywords.items():
            setattr(dataset, keyword, value)
        dataset.save_as(path)
    return study


def test_a_study_tells_it_and_an_exam_folder_keeps_it_without_a_birth_date(study, tmp_path):
    made = make_exam(2, 1, small=True)
    assert made.exam.age_years is None
    assert read_exam(study).age_years == int(made.clinical["age"])
    exam = read_exam(rewritten(study, PatientAge="", PatientBirthDate="19421103", StudyDate="20200101"))
    assert exam.age_years == 77
    folder = write_exam(exam, tmp_path / "exam")
    assert read_exam(folder).age_years == 77
    text = (folder / "exam.json").read_text(encoding="utf-8")
    assert json.loads(text)["age_years"] == 77
    assert "1942" not in text and "1942" not in repr(exam)


@pytest.mark.fast
def test_a_folder_of_which_nobody_told_the_age_is_as_it_always_was(tmp_path):
    folder = write_exam(make_exam(2, 1, small=True).exam, tmp_path / "exam")
    content = json.loads((folder / "exam.json").read_text(encoding="utf-8"))
    assert set(content) == {"schema", "pseudonym", "synthetic", "warnings", "series"}
    for written, read in ((97, 90), (41, 41)):  # by another program
        (folder / "exam.json").write_text(json.dumps({**content, "age_years": written}), encoding="utf-8")
        assert read_exam(folder).age_years == read
    (folder / "exam.json").write_text(json.dumps({**content, "age_years": "old"}), encoding="utf-8")
    with pytest.raises(InputError, match=r"exam\.json is damaged"):
        read_exam(folder)


@pytest.mark.fast
def test_it_is_sent_along(tmp_path):
    from BreastFusionLib.service import read_exam_arrays, write_exam_arrays

    exam = replace(make_exam(2, 1, small=True).exam, age_years=63)
    assert read_exam_arrays(write_exam_arrays(exam, tmp_path)).age_years == 63
