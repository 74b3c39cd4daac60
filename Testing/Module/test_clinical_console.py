"""Clinical values on their way from the scene or the console to the model: what `predict --clinical` computes."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from pathlib import Path

import pytest
from BreastFusionPanel import console
from BreastFusionPanel.bridge.clinical_values import clinical_of, keep_clinical

from BreastFusionLib.errors import InputError
from BreastFusionLib.exam.exam_folder import write_exam

pytestmark = pytest.mark.installed

ROW = {"age": 71, "lifetime_risk_percent": 31.5, "indication": "screening"}


@pytest.fixture(scope="module")
def exam_folder(phantom_exam, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("exams") / "P0001"
    return write_exam(phantom_exam.exam, folder, {"L1": phantom_exam.lesion.mask})


@pytest.fixture(scope="module")
def predicted(exam_folder, clinical_bundle, tmp_path_factory):
    """What `breastfusion predict` prints for the phantom with `ROW`."""
    folder = tmp_path_factory.mktemp("predicted")
    (folder / "row.json").write_text(json.dumps(ROW), encoding="utf-8")
    options = {"bundle": clinical_bundle, "exam": exam_folder, "out": folder, "clinical": folder / "row.json"}
    command = [sys.executable, "-c", "from BreastFusionLib.cli import main; main()", "predict", "--json"]
    for name, value in options.items():
        command += [f"--{name}", str(value)]
    done = subprocess.run([*command, "--device", "cpu"], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture
def read(study, process, clinical_bundle, monkeypatch):
    """Reads the phantom's lesion from the console; the process stays warm between the tests."""
    parameters, segment_id = study
    monkeypatch.setattr(console, "Worker", lambda: process)
    monkeypatch.setattr(process, "stop", lambda: None)
    return lambda **given: console.read_lesion(parameters, clinical_bundle, segment_id, None, None, "cpu", **given)


def columns_of(reading) -> dict:
    return {row["name"]: row["value"] for row in reading["features"] if row["source"] == "clinical"}


def assert_as_predicted(reading, predicted) -> None:
    assert reading["probability"] == pytest.approx(predicted["probability"], abs=1e-6)
    assert reading["parts"] == pytest.approx(predicted["parts"], abs=1e-6)
    assert columns_of(reading) == columns_of(predicted)
    assert reading["warnings"] == predicted["warnings"]


def test_a_row_that_is_given_reads_as_predict_does(read, predicted):
    spacing_mm = columns_of(predicted)["slice_spacing_mm"]  # the exam's own, which nobody types in
    assert columns_of(predicted) == {**ROW, "breast_density": None, "slice_spacing_mm": spacing_mm}
    assert_as_predicted(read(clinical=ROW), predicted)


def test_a_row_kept_with_the_exam_reads_the_same_and_one_that_is_given_counts_instead(study, read, predicted):
    parameters, _segment = study
    keep_clinical(parameters.dceSequence, ROW)
    assert_as_predicted(read(), predicted)
    other = read(clinical={"age": 30})
    assert other["probability"] != pytest.approx(predicted["probability"], abs=1e-4)
    assert columns_of(other) == {**columns_of(predicted), "age": 30, "lifetime_risk_percent": None, "indication": None}
    assert clinical_of(parameters) == ROW


def test_what_is_not_given_is_imputed_and_said(read):
    said = read(clinical={"age": 71})["warnings"]
    assert any("Indication is missing: the training cases' most frequent value ('" in line for line in said)
    assert not any(line.startswith("Age") for line in said)


def test_a_value_out_of_range_is_refused_in_the_librarys_words(read):
    with pytest.raises(InputError, match="'age' holds 710 years: between 18 and 100 years was expected"):
        read(clinical={"age": 710})


def test_a_mistyped_column_is_told(read, caplog):
    with caplog.at_level(logging.WARNING):
        read(clinical={"agee": 71})
    assert "The model has no column 'agee'." in caplog.text


def test_many_exams_take_a_row_each(process, exam_folder, clinical_bundle, predicted, tmp_path, monkeypatch):
    monkeypatch.setattr(console, "Worker", lambda: process)
    monkeypatch.setattr(process, "stop", lambda: None)
    rows = console.read_exams([exam_folder], clinical_bundle, tmp_path, None, "cpu", {"P0001": ROW})
    assert rows[0]["probability"] == pytest.approx(predicted["probability"], abs=1e-6)
