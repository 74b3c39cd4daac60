"""Section 4, its result: a person sees what belongs to the lesion on screen, with its evidence."""

from __future__ import annotations

import qt
import slicer
from BreastFusionPanel.bridge.reading_nodes import reading_of
from BreastFusionPanel.display import views
from BreastFusionPanel.display.layouts import COMPARED_VIEWS, CURVE_VIEW
from classify_fixtures import *  # noqa: F403
from classify_parts import IDLE, visible

from BreastFusion import BreastFusionLogic

# The result


def test_the_reading_is_shown_kept_and_told(section, study, installed, worker, read, readings):
    told = []
    section.context.reading_changed.connect(told.append)
    read()
    assert section.ui.numberLabel.text == f"{readings.with_meaning['probability']:.2f}"
    assert reading_of(study.parameters, study.segment_id).mapping == readings.with_meaning
    assert told == [study.segment_id]
    assert section.ui.classifyButton.text == IDLE
    assert section.ui.outlineLabel.text == "outline moved a little: …"
    worker.finish("stability", {"low": 0.412, "high": 0.588, "step_mm": 1.1})
    assert section.ui.outlineLabel.text == "outline moved a little: .41 to .59"


def test_a_demo_model_says_nothing_of_a_patient(section, study, installed, worker, read, readings):
    read(readings.without)
    labels = section.ui.resultFrame.findChildren(qt.QLabel)
    words = " ".join(label.text for label in labels if label.isVisibleTo(section.widget))
    assert "its score has no meaning for this patient" in words
    for forbidden in ("threshold", "why", "alone", "outline moved", "Probability"):
        assert forbidden not in words
    assert not visible(section, "scaleLabel")
    assert worker.asked("stability") == []
    # What was measured of the patient is there as usual.
    assert section.ui.featureTableButton.isEnabled()
    assert visible(section, "mapsWidget")


def test_every_lesion_has_its_own_reading(section, study, installed, read, readings, second_lesion):
    read()
    study.parameters.selectedLesion = second_lesion
    section.context.lesion_selected.emit()
    assert not visible(section, "resultFrame")
    read({**readings.with_meaning, "probability": 0.125, "statement": "Probability of malignancy: 0.12"})
    assert section.ui.numberLabel.text == "0.12"
    study.parameters.selectedLesion = study.segment_id
    section.context.lesion_selected.emit()
    assert section.ui.numberLabel.text == f"{readings.with_meaning['probability']:.2f}"


def test_a_reading_of_an_older_outline_says_so_and_is_not_saved(section, study, installed, read, change_outline):
    read()
    assert not visible(section, "staleLabel")
    change_outline()
    assert visible(section, "staleLabel")
    assert not section.ui.saveReportButton.isEnabled()
    assert "classify again" in section.ui.saveReportButton.toolTip


def test_a_saved_scene_opens_with_its_reading(section, study, installed, read, worker, tmp_path):
    read()
    worker.finish("stability", {"low": 0.412, "high": 0.588, "step_mm": 1.1})
    number, why = section.ui.numberLabel.text, section.ui.whyLabel.text
    assert slicer.util.saveScene(str(tmp_path / "study.mrb"))
    section.set_parameters(None)
    slicer.mrmlScene.Clear(0)
    slicer.util.loadScene(str(tmp_path / "study.mrb"))
    section.set_parameters(BreastFusionLogic().getParameterNode())
    assert (section.ui.numberLabel.text, section.ui.whyLabel.text) == (number, why)
    assert section.ui.outlineLabel.text == "outline moved a little: .41 to .59"
    assert not visible(section, "staleLabel")
    assert section.ui.saveReportButton.isEnabled()
    assert [visible(section, f"showMap{name}CheckBox") for name in ("Dce", "T1", "T2")] == [True, True, True]


def test_another_study_shows_nothing_of_the_last_one(section, study, installed, read):
    read()
    section.set_parameters(None)
    assert not visible(section, "resultFrame")
    assert not visible(section, "evidenceWidget")


# The evidence


def foregrounds() -> dict[str, str]:
    """Sequence -> ID of the volume that lies over it in the comparison."""
    nodes = {node.GetLayoutName(): node for node in slicer.util.getNodesByClass("vtkMRMLSliceCompositeNode")}
    found = {
        sequence: nodes[name].GetForegroundVolumeID() for sequence, name in COMPARED_VIEWS.items() if name in nodes
    }
    return {sequence: node_id for sequence, node_id in found.items() if node_id}


def test_maps_lie_over_the_sequences_that_are_ticked(section, study, installed, read, click):
    views.show_comparison(study.parameters)
    read()
    nodes = reading_of(study.parameters, study.segment_id).map_nodes
    assert foregrounds() == {s: nodes[s, "gradcam++"].GetID() for s in ("dce", "t1", "t2")}
    click(section.ui.showMapT1CheckBox)
    assert study.parameters.showMapT1 is False
    assert set(foregrounds()) == {"dce", "t2"}
    section.ui.mapMethodComboBox.setCurrentIndex(0)
    assert foregrounds()["dce"] == nodes["dce", "gradcam"].GetID()
    assert section.ui.mapCellLabel.text.startswith("cells of ")
    assert section.ui.mapCellLabel.text.endswith(" mm")


def test_what_others_laid_over_the_images_stays_until_there_is_a_map(section, study):
    views.show_comparison(study.parameters)
    composites = slicer.util.getNodesByClass("vtkMRMLSliceCompositeNode")
    for composite in composites:
        composite.SetForegroundVolumeID(study.parameters.t2Volume.GetID())
    section.refresh()
    assert {composite.GetForegroundVolumeID() for composite in composites} == {study.parameters.t2Volume.GetID()}


def test_only_maps_that_exist_have_a_box(section, study, installed, read, readings):
    without_t2 = [row for row in readings.with_meaning["maps"] if row["sequence"] != "t2"]
    read({**readings.with_meaning, "maps": without_t2})
    assert [visible(section, f"showMap{name}CheckBox") for name in ("Dce", "T1", "T2")] == [True, True, False]


def test_the_curve_is_shown_by_itself_and_again_on_its_button(section, study, installed, read, click):
    views.show_comparison(study.parameters)
    read()
    view = slicer.mrmlScene.GetSingletonNode(CURVE_VIEW, "vtkMRMLPlotViewNode")
    chart = slicer.mrmlScene.GetFirstNodeByClass("vtkMRMLPlotChartNode").GetID()
    assert view.GetPlotChartNodeID() == chart
    view.SetPlotChartNodeID(None)
    click(section.ui.showCurveButton)
    assert view.GetPlotChartNodeID() == chart


def test_the_feature_table_has_a_row_each_with_its_reference_range(section, study, installed, read, readings, click):
    read()
    assert not visible(section, "featureTable")
    click(section.ui.featureTableButton)
    table = section.ui.featureTable
    assert visible(section, "featureTable")
    assert table.rowCount == len(readings.with_meaning["features"])
    headings = " ".join(table.horizontalHeaderItem(column).text() for column in range(table.columnCount))
    assert "95 %" in headings


def test_the_log_is_folded_away_and_bounded(section, worker, click):
    worker.last_lines = tuple(f"line {number}" for number in range(1200))
    assert not visible(section, "logWidget")
    click(section.ui.showLogButton)
    lines = section.ui.logText.plainText.splitlines()
    assert (len(lines), lines[-1]) == (500, "line 1199")
    click(section.ui.copyLogButton)
    assert slicer.app.clipboard().text().splitlines() == lines
