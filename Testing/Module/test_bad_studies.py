"""A study that cannot be used ends with its sentence in the panel, alone or among many."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
import slicer
from bad_input_parts import draw, empty, in_plain_words, no_image, truncated, truncated_nifti

pytestmark = [pytest.mark.slow, pytest.mark.installed]


def moved_away(study: Path) -> None:
    shutil.rmtree(study)


def no_dce(study: Path) -> None:
    for series in study.glob("*_dce"):
        shutil.rmtree(series)


def truncated_dicom(study: Path) -> None:
    truncated(study / "04_dce" / "IM00011.dcm", 3000)


def missing_slice(study: Path) -> None:
    (study / "05_dce" / "IM00011.dcm").unlink()


def two_patients(study: Path) -> None:
    shutil.copytree(study.parent / "other" / "04_dce", study / "another")


def damaged_description(study: Path) -> None:
    (study / "exam.json").write_text("{", encoding="utf-8")


def missing_file(study: Path) -> None:
    (study / "t2.nii.gz").unlink()


def not_a_number(study: Path) -> None:
    with_value(study / "dce_1.nii.gz", np.nan)


def infinite(study: Path) -> None:
    with_value(study / "t1.nii.gz", np.inf)


def two_dimensional(study: Path) -> None:
    path = study / "t1.nii.gz"
    sitk.WriteImage(sitk.ReadImage(str(path))[:, :, 20], str(path))


def with_value(path: Path, value: float) -> None:
    image = sitk.ReadImage(str(path), sitk.sitkFloat32)
    image[10, 20, 30] = value
    sitk.WriteImage(image, str(path))


@pytest.mark.parametrize(
    ("source", "spoil", "words"),
    [
        ("dicom", empty, "is empty: no file in it or below it. Give the folder"),
        ("dicom", no_image, "no DICOM, NIfTI or NRRD image (for example letter.txt). Give the folder"),
        ("dicom", moved_away, "does not exist. Give the folder"),
        ("dicom", truncated_dicom, "IM00011.dcm is truncated: it ends before its pixel data does (3,000 bytes)"),
        ("dicom", missing_slice, "misses 1 slice: 5 mm between IM00010.dcm at"),
        ("dicom", two_patients, "holds images of 2 patients"),
        ("exam", damaged_description, "exam.json is damaged"),
        ("exam", missing_file, "t2.nii.gz is missing, although exam.json names it"),
        ("exam", truncated_nifti, "dce_2.nii.gz is damaged or truncated"),
        ("exam", not_a_number, "dce_1.nii.gz has 1 voxels that are NaN or infinite"),
        ("exam", infinite, "t1.nii.gz has 1 voxels that are NaN or infinite"),
        ("exam", two_dimensional, "t1.nii.gz is an image of 192x160 pixels (2-D), but a volume is expected"),
    ],
)
def test_a_study_that_cannot_be_read_leaves_the_panel_as_it_was(person, originals, tmp_path, source, spoil, words):
    study = tmp_path / "Größe 乳房"
    shutil.copytree(originals / source, study)
    (tmp_path / "other").symlink_to(originals / "other")
    spoil(study)
    person.open_study(study)
    assert words in in_plain_words(person)
    assert slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode") == []
    assert person.panel.exam.ui.openStudyButton.text == "Open study folder…"
    assert person.panel.classify.ui.classifyButton.toolTip == "Load an exam first (section 1)."


def test_a_study_without_dce_shows_what_it_has_and_says_what_is_missing(person, originals, tmp_path):
    study = Path(shutil.copytree(originals / "dicom", tmp_path / "study"))
    no_dce(study)
    person.open_study(study)
    assert in_plain_words(person).startswith("No DCE series was recognised")
    assert person.parameters.t1Volume is not None and person.parameters.t2Volume is not None
    assert person.panel.classify.ui.classifyButton.toolTip == "Load an exam first (section 1)."


def test_one_phase_gives_neither_kinetics_nor_a_reading(person, originals, demo_bundle, tmp_path):
    study = Path(shutil.copytree(originals / "dicom", tmp_path / "study"))
    for series in sorted(study.glob("*_dce"))[1:]:
        shutil.rmtree(series)
    person.open_study(study)
    notes = person.panel.exam.ui.examNotesList
    assert any("one phase only" in notes.item(row).text() for row in range(notes.count))
    draw(person, originals)
    assert not person.sees(person.panel.lesion.ui.kineticsLabel)
    person.import_model(demo_bundle)
    person.classify()
    assert "has one phase only: at least one before and one after contrast are needed" in in_plain_words(person)
    assert person.result is None


# Many exams: 'Read all exams'


def test_an_exam_that_cannot_be_read_is_counted_and_the_rest_goes_on(reader, originals, tmp_path):
    exams = tmp_path / "Studien"
    for name, spoil in {"P1": lambda _exam: None, "P2": truncated_nifti, "P3": no_image}.items():
        spoil(Path(shutil.copytree(originals / "exam", exams / name)))
    ui = reader.panel.setup.ui
    ui.setupCollapsibleButton.setCollapsed(False)
    ui.examsFolderEdit.setCurrentPath(str(exams))
    ui.readingsFolderEdit.setCurrentPath(str(tmp_path / "readings"))
    reader.press(ui.readExamsButton)
    reader.wait(reader.is_idle, "the batch")
    said = ui.examsResultLabel.text
    assert said.startswith("1 of 3 read; 2 failed, the first one: dce_2.nii.gz is damaged or truncated")
    table = (tmp_path / "readings" / "readings.csv").read_text(encoding="utf-8")
    assert "letter.txt" in table and "Traceback" not in said + table
