"""The age that a study's headers tell: filled into the form, marked, and read alike by panel, batch and `predict`."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import qt
from BreastFusionPanel import console
from BreastFusionPanel.bridge.clinical_values import clinical_of, keep_clinical, kept_clinical
from BreastFusionPanel.bridge.exam_nodes import add_exam, exam_of
from BreastFusionPanel.bridge.segments import add_lesion
from BreastFusionPanel.bridge.sequences import items_of

from BreastFusionLib.exam import read_exam, write_exam
from BreastFusionLib.phantom.dicom import write_dicom_study

pytestmark = pytest.mark.installed


@pytest.fixture(scope="module")
def folder(phantom_exam, tmp_path_factory) -> Path:
    """An exam folder made of a DICOM study, with its lesion."""
    root = tmp_path_factory.mktemp("exams")
    exam = read_exam(write_dicom_study(phantom_exam, root / "dicom"))
    return write_exam(exam, root / "P0001", {"L1": phantom_exam.lesion.mask})


@pytest.fixture(scope="module")
def years(phantom_exam) -> int:
    return int(phantom_exam.clinical["age"])


def test_a_study_that_is_opened_fills_it_in_and_says_where_it_comes_from(person, folder, years, clinical_bundle):
    person.open_study(folder.parent / "dicom")
    person.import_model(clinical_bundle)
    classify = person.panel.classify
    field = classify.widget.findChild(qt.QWidget, "clinical_age")

    def unit() -> str:
        (found,) = (one.text for one in classify.ui.clinicalBox.findChildren(qt.QLabel) if one.text.startswith("years"))
        return found

    assert (field.text, unit()) == (str(years), "years, 18 to 100, from the images")
    assert kept_clinical(person.parameters) == {}  # nobody said it
    for typed, shown in (("41", {"age": 41}), ("", {})):
        field.setText(typed)
        field.editingFinished.emit()
        assert (field.text, unit()) == (typed, "years, 18 to 100")
        assert clinical_of(person.parameters) == shown


def test_panel_batch_and_predict_read_it_alike(
    scene, process, folder, years, phantom_exam, clinical_bundle, tmp_path, monkeypatch
):
    from BreastFusion import BreastFusionLogic

    monkeypatch.setattr(console, "Worker", lambda: process)
    monkeypatch.setattr(process, "stop", lambda: None)
    command = [sys.executable, "-c", "from BreastFusionLib.cli import main; main()", "predict", "--json"]
    for name, value in {
        "bundle": clinical_bundle,
        "exam": folder,
        "out": tmp_path / "predicted",
        "device": "cpu",
    }.items():
        command += [f"--{name}", str(value)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    predicted = json.loads(done.stdout)
    said = f"The age was not given; the images tell it: {years} years."
    assert said in predicted["warnings"]

    parameters = BreastFusionLogic().getParameterNode()
    list(add_exam(read_exam(folder), parameters))
    segment_id = add_lesion(parameters, phantom_exam.lesion.mask)
    shown = console.read_lesion(parameters, clinical_bundle, segment_id, None, None, "cpu")
    (row,) = console.read_exams([folder], clinical_bundle, tmp_path / "readings", None, "cpu")
    for found in (shown, row):
        assert found["probability"] == pytest.approx(predicted["probability"], abs=1e-6)
    assert shown["warnings"] == predicted["warnings"] == row["warnings"].split(" | ")
    keep_clinical(parameters.dceSequence, {"age": None})  # the reader took it away
    assert said not in console.read_lesion(parameters, clinical_bundle, segment_id, None, None, "cpu")["warnings"]


def test_a_series_put_together_anew_still_knows_it(scene, folder, years):
    from BreastFusionPanel.bridge.clinical_values import hand_on_clinical
    from BreastFusionPanel.bridge.sequences import sequence_of_volumes

    from BreastFusion import BreastFusionLogic

    parameters = BreastFusionLogic().getParameterNode()
    list(add_exam(read_exam(folder), parameters))
    before = parameters.dceSequence
    again = sequence_of_volumes(items_of(before), [0.0, 90.0, 180.0, 270.0, 360.0], "DCE again")
    hand_on_clinical(before, again)
    parameters.dceSequence = again
    assert exam_of(parameters).age_years == years
