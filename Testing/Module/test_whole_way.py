"""The whole panel from the demo exam to the saved report, and what people do in the middle of it."""

from __future__ import annotations

import csv
import importlib.util
import inspect
import json
from pathlib import Path

import numpy as np
import pytest
import qt
import SimpleITK as sitk
import slicer
import vtk
from BreastFusionPanel.bridge.exam_nodes import exam_of
from BreastFusionPanel.bridge.labelmaps import mask_of
from BreastFusionPanel.bridge.mapped_segments import mapped_of

from BreastFusionLib.lesion.masks import read_lesion

pytestmark = [pytest.mark.slow, pytest.mark.installed]

IDLE = "Classify  (Ctrl+Enter)"


@pytest.fixture
def reports(tmp_path) -> Path:
    """Where reports are saved; with letters that are not ASCII, as users' folders have."""
    folder = tmp_path / "Berichte über Brüste"
    folder.mkdir()
    return folder


def pixels(image: sitk.Image) -> np.ndarray:
    return sitk.GetArrayFromImage(image)


def assert_nothing_is_left(person) -> None:
    """The panel is as it is opened, and the scene holds nothing of a study."""
    panel = person.panel
    assert panel.exam.ui.loadDemoButton.text == "Load demo exam" and panel.exam.ui.loadDemoButton.isEnabled()
    assert not person.sees(panel.exam.ui.phaseTable) and not person.sees(panel.lesion.ui.lesionTable)
    assert not panel.lesion.ui.fromClickButton.checked and not panel.lesion.ui.fromClickButton.isEnabled()
    assert [row.button.isEnabled() for row in panel.map.rows.values()] == [False, False]
    assert panel.classify.ui.classifyButton.text == IDLE
    assert panel.classify.ui.classifyButton.toolTip == "Load an exam first (section 1)."
    assert not person.sees(panel.classify.ui.resultFrame) and not person.sees(panel.classify.ui.progressWidget)
    for kind in ("ScalarVolume", "Sequence", "Segmentation", "Text", "Table", "MarkupsFiducial"):
        assert slicer.util.getNodesByClass(f"vtkMRML{kind}Node") == [], kind


# The way


def test_from_the_demo_exam_to_a_saved_report(person, demo_bundle, reports):
    panel = person.panel
    person.load_demo_exam()
    assert "The crosshair marks its lesion" in person.message
    segment_id = person.outline_by_click()
    assert panel.lesion.ui.lesionTable.rowCount == 1 and "cm³" in panel.lesion.ui.lesionTable.item(0, 2).text()
    for sequence in ("t1", "t2"):
        assert "covered" in getattr(panel.map.ui, f"{sequence}SummaryLabel").text
    person.import_model(demo_bundle)
    person.classify()
    result, ui = person.result, panel.classify.ui
    assert ui.numberLabel.text == f"{result.mapping['probability']:.2f}"
    assert ui.outlineLabel.text.startswith("outline moved a little: .")
    assert person.message == ""

    folder = person.save_report(reports)
    assert person.message == f"Saved in {folder}."
    assert json.loads((folder / "reading.json").read_text(encoding="utf-8")) == result.mapping
    exam = exam_of(person.parameters)
    drawn = mask_of(person.parameters.segmentation, segment_id, exam.dce.grid)
    assert np.array_equal(pixels(read_lesion(folder / "lesion.seg.nrrd", exam).mask), pixels(drawn))
    with (folder / "features.csv").open(encoding="utf-8", newline="") as stream:
        table = {(row["source"], row["name"]): row["value"] for row in csv.DictReader(stream)}
    assert len(person.features) > 30
    for key, value in person.features.items():
        assert table[key] == ("" if value is None else repr(value)), key
    for row in result.mapping["maps"]:
        assert np.array_equal(
            pixels(sitk.ReadImage(str(folder / row["file"]))),
            slicer.util.arrayFromVolume(result.map_nodes[row["sequence"], row["method"]]),
        )
    for sequence in ("t1", "t2"):
        saved = sitk.ReadImage(str(folder / result.mapping["mapping"][sequence]["file"]))
        assert np.array_equal(pixels(saved), pixels(mapped_of(person.parameters, segment_id, sequence).mask))
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert ui.numberLabel.text in page and "Research use only. Not a medical device." in page


def test_two_lesions_have_their_own_features_and_their_own_place_on_screen(person, demo_bundle):
    first = person.get_ready(demo_bundle)
    person.classify()
    features, number = person.features, person.panel.classify.ui.numberLabel.text
    person.panel.lesion.ui.radiusSpinBox.setValue(5.0)  # a smaller second lesion at the same place
    second = person.outline_by_click()
    assert second != first and not person.sees(person.panel.classify.ui.resultFrame)
    person.wait(lambda: person.panel.lesion.book.get(second).measures is not None, "the second lesion")
    person.classify()
    others = person.features
    assert features.keys() == others.keys()
    same = [key for key, value in features.items() if value == others[key] and value is not None]
    assert len(same) < 0.1 * len(features), same
    person.panel.lesion.ui.lesionTable.selectRow(0)
    assert person.parameters.selectedLesion == first
    assert person.features == features and person.panel.classify.ui.numberLabel.text == number


def test_a_saved_scene_opens_with_everything_and_reads_again(person, demo_bundle, tmp_path):
    segment_id = person.get_ready(demo_bundle)
    person.classify()
    ui = person.panel.classify.ui
    before = person.result
    shown = (ui.numberLabel.text, ui.outlineLabel.text, ui.whyLabel.text)
    maps = {key: slicer.util.arrayFromVolume(node).copy() for key, node in before.map_nodes.items()}
    phases = [person.panel.exam.ui.phaseTable.item(row, 1).text() for row in range(5)]
    mapped = {one: pixels(mapped_of(person.parameters, segment_id, one).mask) for one in ("t1", "t2")}
    assert slicer.util.saveScene(str(tmp_path / "Studie ä.mrb"))
    slicer.mrmlScene.Clear(0)
    assert_nothing_is_left(person)

    slicer.util.loadScene(str(tmp_path / "Studie ä.mrb"))
    person.wait(person.is_idle, "the scene")
    after = person.result
    assert after.mapping == before.mapping and after.is_current
    assert (ui.numberLabel.text, ui.outlineLabel.text, ui.whyLabel.text) == shown
    assert after.map_nodes.keys() == maps.keys()
    for key, node in after.map_nodes.items():
        assert np.array_equal(slicer.util.arrayFromVolume(node), maps[key]), key
    assert after.feature_table.GetNumberOfRows() == len(person.features)
    assert [person.panel.exam.ui.phaseTable.item(row, 1).text() for row in range(5)] == phases
    for sequence, mask in mapped.items():
        assert np.array_equal(pixels(mapped_of(person.parameters, segment_id, sequence).mask), mask)
        assert "covered" in getattr(person.panel.map.ui, f"{sequence}SummaryLabel").text
        outlines = getattr(person.parameters, f"{sequence}Segmentation").GetDisplayNode()
        assert outlines.GetVisibility() and outlines.GetVisibility2DOutline() and not outlines.GetVisibility2DFill()
    features = person.features
    person.classify()
    # Files keep positions as decimal numbers.
    assert person.features == pytest.approx(features, rel=1e-9)
    assert person.result.mapping["probability"] == pytest.approx(before.mapping["probability"], abs=1e-9)


# The module is left


def test_a_lesion_follows_t1_that_is_moved_and_its_reading_is_out_of_date(person, demo_bundle):
    segment_id = person.get_ready(demo_bundle)
    person.classify()
    outlines = person.parameters.t1Segmentation
    before = slicer.util.arrayFromSegmentBinaryLabelmap(outlines, segment_id, person.parameters.t1Volume)
    spacing_mm = person.parameters.t1Volume.GetSpacing()[0]
    transform = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
    person.parameters.t1Volume.SetAndObserveTransformNodeID(transform.GetID())
    matrix = vtk.vtkMatrix4x4()
    ijk_to_ras = vtk.vtkMatrix4x4()
    person.parameters.t1Volume.GetIJKToRASDirectionMatrix(ijk_to_ras)
    for row in range(3):  # two voxels along the first index
        matrix.SetElement(row, 3, 2 * spacing_mm * ijk_to_ras.GetElement(row, 0))
    transform.SetMatrixTransformToParent(matrix)
    slicer.app.processEvents()
    after = slicer.util.arrayFromSegmentBinaryLabelmap(outlines, segment_id, person.parameters.t1Volume)
    assert np.array_equal(after[..., :-2], before[..., 2:])
    assert not person.result.is_current


def test_what_is_under_way_goes_on_while_another_module_is_open(person, demo_bundle):
    person.begin_demo_exam()
    person.widget.exit()
    person.wait(lambda: not person.panel.exam.loading.is_busy, "the demo exam")
    person.widget.enter()
    assert person.sees(person.panel.exam.ui.phaseTable)
    person.press(person.panel.lesion.ui.fromClickButton)
    person.widget.exit()
    assert not person.panel.lesion.ui.fromClickButton.checked, "no click belongs to a module that is not shown"
    person.widget.enter()
    person.outline_by_click()
    person.import_model(demo_bundle)
    person.begin_to_classify()
    person.widget.exit()
    person.wait(person.is_idle, "the reading")
    person.widget.enter()
    assert person.result.is_current
    assert person.panel.classify.ui.numberLabel.text == f"{person.result.mapping['probability']:.2f}"


# The scene is closed


def read_a_study(person) -> None:
    person.begin_demo_exam()


def add_it_to_the_scene(person) -> None:
    label = person.panel.exam.ui.studyProgressLabel
    person.begin_demo_exam()
    person.wait(lambda: label.text.startswith("Adding"), "the first volumes")


def wait_for_a_click(person) -> None:
    person.load_demo_exam()
    person.press(person.panel.lesion.ui.fromClickButton)


def register(person) -> None:
    person.load_demo_exam()
    person.outline_by_click()
    person.press(person.panel.map.ui.t2RefineButton)
    person.wait(lambda: person.panel.map.ui.t2SummaryLabel.text.startswith("Registering"), "the registration")


def cut_the_lesion(person) -> None:
    person.begin_to_classify()
    person.wait(lambda: person.panel.classify.run.text.startswith("Cutting"), "the case being cut")


def compute(person) -> None:
    person.begin_to_classify()
    person.wait(lambda: person.panel.classify.run.fraction is not None, "the process reading")


def ask_for_the_outlines_range(person) -> None:
    person.begin_to_classify()
    person.wait(lambda: person.panel.classify.run is None, "the reading")
    assert person.process.is_busy


WITH_MODEL = (cut_the_lesion, compute, ask_for_the_outlines_range)
WITHOUT_MODEL = (wait_for_a_click, add_it_to_the_scene, read_a_study, register)


def test_the_scene_can_be_closed_while_a_report_is_made(person, demo_bundle, dialogs, reports):
    person.get_ready(demo_bundle)
    person.classify()
    dialogs.answer(str(reports))
    person.press(person.panel.classify.ui.saveReportButton)
    slicer.mrmlScene.Clear(0)
    assert_nothing_is_left(person)
    person.wait(person.is_idle, "an idle process")
    (folder,) = reports.iterdir()
    assert (folder / "reading.json").is_file() and person.message.startswith(f"Saved in {folder}")


@pytest.mark.parametrize("stage", [*WITH_MODEL, *WITHOUT_MODEL])
def test_the_scene_can_be_closed_at_any_stage(person, demo_bundle, stage):
    if stage in WITH_MODEL:
        person.get_ready(demo_bundle)
    stage(person)
    slicer.mrmlScene.Clear(0)
    assert_nothing_is_left(person)
    person.wait(person.is_idle, "an idle process")
    assert_nothing_is_left(person)
    person.load_demo_exam()
    person.outline_by_click()


# Cancel


def test_cancel_in_every_stage_leaves_everything_as_it_was_and_the_next_click_works(person, demo_bundle):
    exam, mapping, classify = person.panel.exam.ui, person.panel.map.ui, person.panel.classify
    cancelled = person.as_soon_as(exam.studyProgressLabel, "Making", exam.loadDemoButton.click)
    person.begin_demo_exam()
    person.wait(lambda: cancelled() and person.is_idle(), "the study being cancelled")
    assert_nothing_is_left(person)

    person.load_demo_exam()
    person.outline_by_click()
    by_geometry = mapping.t2SummaryLabel.text
    cancelled = person.as_soon_as(mapping.t2SummaryLabel, "Registering", mapping.t2RefineButton.click)
    person.press(mapping.t2RefineButton)
    person.wait(lambda: cancelled() and person.is_idle(), "the registration being cancelled")
    assert mapping.t2SummaryLabel.text == by_geometry and "by geometry" in by_geometry

    person.import_model(demo_bundle)
    button = classify.ui.classifyButton
    for stage in ("Cutting the lesion", "Measuring radiomic features", "Asking the model"):
        cancelled = person.as_soon_as(classify.ui.progressLabel, stage, button.click)
        person.begin_to_classify()
        person.wait(lambda: cancelled() and classify.run is None, stage)  # noqa: B023
        assert button.text == IDLE and person.message == "" and person.result is None, stage
    person.classify()
    assert person.sees(classify.ui.resultFrame)


# A node is deleted


@pytest.mark.parametrize("stage", [cut_the_lesion, compute])
@pytest.mark.parametrize("field", ["segmentation", "dceSequence", "t1Volume"])
def test_a_node_deleted_while_a_lesion_is_read_ends_the_reading_with_a_sentence(person, demo_bundle, field, stage):
    person.get_ready(demo_bundle)
    stage(person)
    slicer.mrmlScene.RemoveNode(getattr(person.parameters, field))
    person.wait(person.is_idle, "an idle process")
    assert person.panel.classify.run is None
    gone = "lesion was deleted" if field == "segmentation" else "outline or the exam changed"
    assert gone in person.message and "Traceback" not in person.message + person.panel.messages.details
    assert not person.sees(person.panel.classify.ui.resultFrame)
    button = person.panel.classify.ui.classifyButton
    missing = {"segmentation": "Outline a lesion", "dceSequence": "Load an exam first", "t1Volume": "Read the selected"}
    assert button.text == IDLE and missing[field] in button.toolTip
    if field == "t1Volume":
        person.classify()
        assert any(warning.startswith("T1 missing") for warning in person.result.mapping["warnings"])


# Nothing is installed


class Absent:
    """Has the import of packages fail, as where they are not installed."""

    NAMES = ("torch", "torchvision", "safetensors", "radiomics", "matplotlib")

    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in self.NAMES:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


@pytest.fixture
def broken_packages(monkeypatch, tmp_path) -> None:
    """The process that computes finds none of them; looking for them in the application still does."""
    code = f"import sys\n{inspect.getsource(Absent)}\nsys.meta_path.insert(0, Absent())\n"
    (tmp_path / "sitecustomize.py").write_text(code, encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))


@pytest.fixture
def without_packages(broken_packages, monkeypatch) -> None:
    """Nobody finds any of them."""
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name in Absent.NAMES else find(name))


def test_with_nothing_installed_all_but_classifying_works(without_packages, newcomer, demo_bundle):
    person, panel = newcomer, newcomer.panel
    assert not panel.setup.ui.setupCollapsibleButton.collapsed
    assert panel.setup.ui.setupSummaryLabel.text.startswith("Missing: PyTorch, torchvision, safetensors, matplotlib")
    person.load_demo_exam()
    person.outline_by_click()
    assert "delayed phase" in panel.lesion.ui.kineticsLabel.text
    assert "by geometry" in panel.map.ui.t2SummaryLabel.text
    person.press(panel.map.ui.t2RefineButton)
    person.wait(person.is_idle, "the registration")
    assert "covered" in panel.map.ui.t2SummaryLabel.text

    person.import_model(demo_bundle)
    lacking = "PyTorch, torchvision, safetensors, radiomics must be installed first: open 'Batch and set-up' below."
    assert panel.classify.ui.bundleStatusLabel.text == lacking
    assert not panel.classify.ui.classifyButton.isEnabled() and panel.classify.ui.classifyButton.toolTip == lacking
    panel.classify.classify()  # Ctrl+Enter, where nobody sees a tooltip
    assert person.message == lacking
    person.press(panel.setup.ui.checkButton)
    person.wait(person.is_idle, "the devices")
    assert "CPU: cannot be used (PyTorch is not installed" in panel.setup.ui.deviceLabel.text
    assert panel.setup.ui.installButton.isEnabled() and "Install PyTorch" in panel.setup.ui.installButton.toolTip


def test_packages_that_are_there_and_cannot_be_imported_are_a_sentence(broken_packages, newcomer, demo_bundle):
    newcomer.load_demo_exam()
    newcomer.outline_by_click()
    newcomer.import_model(demo_bundle)
    problem = newcomer.panel.classify.ui.bundleStatusLabel.text
    assert problem.startswith("The Python package 'safetensors' cannot be imported (No module named 'safetensors').")
    assert "Install it, or install it again" in problem
    assert not newcomer.panel.classify.ui.classifyButton.isEnabled()
    assert newcomer.panel.classify.ui.classifyButton.toolTip == problem


# The keyboard


def press_ctrl_enter(widget) -> None:
    from PySide6.QtTest import QTest

    widget.window().activateWindow()
    widget.setFocus()
    qt.QApplication.processEvents()
    QTest.keyClick(widget, qt.Qt.Key_Return, qt.Qt.ControlModifier)


def test_ctrl_enter_classifies_only_while_the_keyboard_is_in_the_panel(person, demo_bundle):
    person.get_ready(demo_bundle)
    window = person.widget.parent
    elsewhere = qt.QWidget()
    layout = qt.QVBoxLayout(elsewhere)
    other_module = qt.QLineEdit()
    layout.addWidget(other_module)
    layout.addWidget(window)  # one main window holds both
    elsewhere.show()
    window.show()
    press_ctrl_enter(other_module)
    assert person.panel.classify.run is None
    press_ctrl_enter(person.panel.exam.ui.linkViewsCheckBox)
    assert person.panel.classify.run is not None
    person.wait(person.is_idle, "the reading")
    assert person.result is not None
    window.setParent(None)
    elsewhere.close()
