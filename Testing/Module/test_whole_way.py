"""The whole panel from the demo exam to the saved report, and back from a saved scene."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest
import qt
import SimpleITK as sitk
import slicer
import vtk
from BreastFusionPanel.bridge.exam_nodes import exam_of
from BreastFusionPanel.bridge.labelmaps import mask_of
from BreastFusionPanel.bridge.mapped_segments import mapped_of
from bridge_parts import pixels
from whole_panel import assert_nothing_is_left

from BreastFusionLib.lesion.masks import read_lesion

pytestmark = [pytest.mark.slow, pytest.mark.installed]


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
