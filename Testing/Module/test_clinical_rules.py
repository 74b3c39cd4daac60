"""A rule that draws at random draws alike for the same breast: `predict`, the panel, the console, a folder of exams."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import slicer
from BreastFusionPanel import console
from BreastFusionPanel.bridge.clinical_values import keep_clinical
from BreastFusionPanel.bridge.geometry import add_volume
from BreastFusionPanel.bridge.segments import add_lesion
from BreastFusionPanel.bridge.sequences import sequence_of_volumes
from BreastFusionPanel.parameters import BreastFusionParameterNode

from BreastFusionLib.exam.exam_folder import write_exam

pytestmark = pytest.mark.installed

ROW = {"indication": "extent_of_disease", "bi_rads": 6}


@pytest.fixture(scope="module")
def exam_folder(phantom_exam, tmp_path_factory) -> Path:
    return write_exam(phantom_exam.exam, tmp_path_factory.mktemp("exams") / "P0001")


@pytest.fixture(scope="module")
def predicted(exam_folder, phantom_exam, breast_bundle, tmp_path_factory) -> dict[str, Any]:
    """What `breastfusion predict` prints for the phantom's breast with BI-RADS 6."""
    folder = tmp_path_factory.mktemp("predicted")
    (folder / "row.json").write_text(json.dumps(ROW), encoding="utf-8")
    options = {"bundle": breast_bundle, "exam": exam_folder, "out": folder, "clinical": folder / "row.json"}
    command = [sys.executable, "-c", "from BreastFusionLib.cli import main; main()", "predict", "--json"]
    for name, value in {**options, "side": phantom_exam.lesion.side, "device": "cpu"}.items():
        command += [f"--{name}", str(value)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(autouse=True)
def warm(process, monkeypatch) -> None:
    """The process stays warm between the tests."""
    monkeypatch.setattr(console, "Worker", lambda: process)
    monkeypatch.setattr(process, "stop", lambda: None)


def obscured(reading: dict[str, Any]) -> str:
    """The level that was drawn, as the reading says and uses it."""
    (said,) = (line for line in reading["warnings"] if "'extent_of_disease', which was replaced by '" in line)
    (used,) = (row["value"] for row in reading["features"] if row["name"] == "indication")
    assert f"'{used}', drawn at random" in said
    return used


def test_the_lesion_of_a_scene_reads_as_predict_does_whatever_it_is_called(study, breast_bundle, predicted):
    parameters, segment_id = study
    keep_clinical(parameters.dceSequence, ROW)
    for name in ("L1", "Herd links oben"):
        parameters.segmentation.GetSegmentation().GetSegment(segment_id).SetName(name)
        reading = console.read_lesion(parameters, breast_bundle, segment_id, None, None, "cpu")
        assert obscured(reading) == obscured(predicted)
        assert reading["probability"] == pytest.approx(predicted["probability"], abs=1e-6)


def test_volumes_that_tell_nothing_of_their_patient_draw_alike_too(scene, phantom_exam, breast_bundle, predicted):
    phases = phantom_exam.exam.dce.phases
    volumes = [add_volume(phase.image, f"volume {number}") for number, phase in enumerate(phases)]
    parameters = BreastFusionParameterNode(slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScriptedModuleNode"))
    parameters.dceSequence = sequence_of_volumes(volumes, [phase.time_s for phase in phases], "DCE")
    segment_id = add_lesion(parameters, phantom_exam.lesion.mask)
    parameters.segmentation.GetSegmentation().GetSegment(segment_id).SetName("L1")  # draws otherwise, as a name
    reading = console.read_lesion(parameters, breast_bundle, segment_id, None, None, "cpu", ROW)
    assert reading["case_id"] != predicted["case_id"]
    assert obscured(reading) == obscured(predicted)


def test_a_folder_of_exams_draws_alike_for_the_same_breast(
    exam_folder, phantom_exam, breast_bundle, predicted, tmp_path
):
    rows = console.read_exams([exam_folder], breast_bundle, tmp_path, None, "cpu", {exam_folder.name: ROW})
    (row,) = (row for row in rows if row["side"] == phantom_exam.lesion.side)
    assert row["probability"] == pytest.approx(predicted["probability"], abs=1e-6)
    assert obscured(json.loads((tmp_path / row["folder"] / "reading.json").read_text("utf-8"))) == obscured(predicted)
