"""Section 'Lesion' when the scene, the exam or the module changes under it."""

from __future__ import annotations

from dataclasses import replace

import SimpleITK as sitk
import slicer
from BreastFusionPanel.bridge.exam_nodes import add_exam
from BreastFusionPanel.bridge.geometry import to_ras
from BreastFusionPanel.bridge.segments import add_lesion
from lesion_fixtures import *  # noqa: F403
from lesion_parts import cell, center_of, paint

from BreastFusionLib.exam.geometry import Grid
from BreastFusionLib.exam.model import Exam, Phase
from BreastFusionLib.lesion import measure, segment_from_seed


def half_a_voxel_away(exam: Exam) -> Exam:
    """The same images on a grid whose voxels are others."""

    def moved(phase: Phase) -> Phase:
        image = sitk.Image(phase.image)
        image.SetOrigin(exam.dce.grid.physical((0.5, 0.5, 0.5)).tolist())
        return Phase(phase.time_s, image)

    phases = tuple(map(moved, exam.dce.phases))
    return replace(exam, series=(replace(exam.dce, phases=phases, grid=Grid.of(phases[0].image)),))


def close_scene(study) -> None:
    """As the panel does it; it connects the parameters of the next scene itself."""
    study.section.disconnect_parameters()
    study.context.parameters = None
    slicer.mrmlScene.Clear(0)


def test_without_an_exam_the_buttons_say_what_is_missing(scene, study):
    study.parameters.dceSequence = None
    study.context.exam_changed.emit()
    assert not study.ui.drawButton.enabled
    assert study.ui.drawButton.toolTip == "Choose the DCE series in section 1 first"


def test_scene_closed_while_a_click_is_waited_for(study, click):
    click(study.ui.fromClickButton)
    close_scene(study)
    study.section.connect_parameters()
    assert not study.ui.fromClickButton.checked
    assert not study.ui.fromClickButton.enabled


def test_scene_closed_half_way_through_a_stroke(study, click, settle, phantom_exam):
    click(study.ui.drawButton)
    paint(study, center_of(phantom_exam.lesion), 6.0)
    close_scene(study)
    study.section.connect_parameters()
    settle()
    assert not study.ui.lesionTable.isVisibleTo(study.window)


def test_segmentation_deleted_elsewhere(study, click, settle, stroke):
    click(study.ui.drawButton)
    stroke(6.0)
    slicer.mrmlScene.RemoveNode(study.parameters.segmentation)
    settle()
    assert study.ui.hintLabel.text == "No lesion yet: click into one, or draw it."
    click(study.ui.drawButton)
    assert study.ui.lesionTable.rowCount == 1


def test_another_grid_is_a_sentence_not_a_correction(study, click, phantom_exam, stroke):
    click(study.ui.drawButton)
    stroke(6.0)
    lesions = study.parameters.segmentation
    list(add_exam(half_a_voxel_away(phantom_exam.exam), study.parameters))
    study.parameters.segmentation = lesions
    study.context.exam_changed.emit()
    assert "was not drawn on this image" in study.ui.lesionWarningLabel.text
    assert cell(study, 0, 2) == "–"


def test_tools_never_change_another_lesion_in_the_next_scene_either(study):
    """Closing a scene keeps the editor's node and forgets its settings."""
    node = study.ui.segmentEditor.mrmlSegmentEditorNode()
    close_scene(study)
    assert study.ui.segmentEditor.mrmlSegmentEditorNode() is node
    study.section.enter()
    assert node.GetOverwriteMode() == node.OverwriteNone


def test_somebody_elses_segmentation_is_not_taken_for_lesions(study):
    """The editor takes up what comes into a scene where it has nothing to edit."""
    foreign = slicer.vtkMRMLSegmentationNode()
    foreign.GetSegmentation().AddEmptySegment("liver", "Liver")
    slicer.mrmlScene.AddNode(foreign)
    assert study.ui.segmentEditor.currentSegmentID() == "liver"
    assert study.parameters.selectedLesion == ""
    assert study.told.sentences == []


def test_no_tool_stays_on_the_lesions_of_the_study_before(study, click, phantom_exam):
    click(study.ui.drawButton)
    before = study.parameters.segmentation
    assert study.ui.segmentEditor.activeEffect() == "Paint"
    list(add_exam(phantom_exam.exam, study.parameters))
    study.context.exam_changed.emit()
    assert study.parameters.segmentation is not before
    assert not study.ui.segmentEditor.activeEffect()
    assert study.ui.segmentEditor.segmentationNode() is not before


def test_a_panel_that_was_taken_down_leaves_no_keys(study, click):
    click(study.ui.fromClickButton)
    study.section.cleanup()
    assert not study.ui.segmentEditor.shortcuts_installed


def test_left_module_has_no_tool_and_no_keys(study, click):
    click(study.ui.drawButton)
    assert study.ui.segmentEditor.shortcuts_installed
    study.section.exit()
    assert not study.ui.segmentEditor.activeEffect()
    assert not study.ui.segmentEditor.shortcuts_installed
    study.section.enter()
    assert study.ui.segmentEditor.shortcuts_installed


def test_a_saved_scene_reopens_with_its_lesions_and_lets_them_grow(panel, phantom_exam, wait_until, tmp_path):
    """In the whole panel: section 3 follows."""
    context, lesions, seed = panel.panel.context, panel.panel.lesion, center_of(phantom_exam.lesion)
    list(add_exam(phantom_exam.exam, context.parameters))
    context.exam_changed.emit()
    lesions.clicks.placement.placed.emit(to_ras(seed))
    lesions.ui.lesionTable.item(0, 0).setText("Behind the nipple")
    table = [lesions.ui.lesionTable.item(0, column).text() for column in (0, 2, 3, 4)]
    on_t1 = panel.panel.map.ui.t1SummaryLabel.text
    path = str(tmp_path / "scene.mrb")
    assert slicer.mrmlScene.WriteToMRB(path)
    slicer.mrmlScene.Clear(0)
    wait_until(lambda: not lesions.ui.lesionTable.isVisibleTo(panel.parent), what="the closed scene")
    assert slicer.mrmlScene.ReadFromMRB(path)
    wait_until(lambda: lesions.ui.lesionTable.rowCount == 1, what="the reopened scene")
    assert [lesions.ui.lesionTable.item(0, column).text() for column in (0, 2, 3, 4)] == table
    assert panel.panel.map.ui.t1SummaryLabel.text == on_t1
    lesions.ui.radiusSpinBox.setValue(8.0)
    smaller = measure(segment_from_seed(phantom_exam.exam, seed, 70.0, 8.0))
    wait_until(lambda: cell(lesions, 0, 2) == f"{smaller.volume_mm3 / 1000:.2f} cm³", what="the smaller lesion")


def test_lesions_removed_with_their_node_are_gone_in_every_section_and_view(panel, phantom_exam, wait_until):
    parameters, sections = panel.panel.context.parameters, panel.panel
    list(add_exam(phantom_exam.exam, parameters))
    sections.lesion._take_up(add_lesion(parameters, phantom_exam.lesion.mask))
    assert "covered" in sections.map.ui.t1SummaryLabel.text
    plot = slicer.mrmlScene.GetSingletonNode("BreastFusionCurve", "vtkMRMLPlotViewNode")
    assert plot.GetPlotChartNode() is not None
    slicer.mrmlScene.RemoveNode(parameters.segmentation)
    wait_until(lambda: sections.map.ui.t1SummaryLabel.text == "–", 5, "section 3 to follow")
    assert not sections.lesion.ui.lesionTable.isVisibleTo(sections.lesion.widget)
    assert sections.map.ui.t1RefineButton.toolTip == "Outline a lesion in section 2 first"
    assert parameters.t1Segmentation.GetSegmentation().GetNumberOfSegments() == 0
    assert plot.GetPlotChartNode() is None
