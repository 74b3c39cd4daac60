"""Section 'Lesion', '+ From click': the library's own outline, which follows its settings."""

from __future__ import annotations

import numpy as np
import qt
import slicer
from BreastFusionPanel.bridge.geometry import to_ras
from bridge_parts import pixels
from host.views import SliceRenderer
from lesion_fixtures import *  # noqa: F403
from lesion_parts import center_of, drawn, paint
from PySide6.QtTest import QTest

from BreastFusionLib.lesion import segment_from_seed


def test_outline_is_what_the_library_grows_on_the_whole_exam(study, place_point, phantom_exam):
    seed = center_of(phantom_exam.lesion)
    study.parameters.enhancementPercent = 50.0
    place_point(study, seed)
    expected = segment_from_seed(phantom_exam.exam, seed, 50.0, 30.0)
    assert np.array_equal(pixels(drawn(study, study.parameters.selectedLesion)), pixels(expected))
    assert study.told.changed == [study.parameters.selectedLesion]


def test_a_click_into_the_view_places_the_point(study, click, wait_until, phantom_exam):
    position_ras = to_ras(center_of(phantom_exam.lesion))
    with SliceRenderer("Red") as view:
        view.logic.GetSliceNode().JumpSliceByCentering(*position_ras)
        click(study.ui.fromClickButton)
        view.pixels()
        view.click(position_ras)
        wait_until(lambda: study.parameters.selectedLesion, what="a lesion")
    expected = segment_from_seed(phantom_exam.exam, center_of(phantom_exam.lesion), 70.0, 30.0)
    assert np.array_equal(pixels(drawn(study, study.parameters.selectedLesion)), pixels(expected))


def test_no_helper_is_left_behind(study, place_point, phantom_exam):
    place_point(study, center_of(phantom_exam.lesion))
    assert not slicer.util.getNodesByClass("vtkMRMLMarkupsFiducialNode")
    interaction = slicer.app.applicationLogic().GetInteractionNode()
    assert interaction.GetCurrentInteractionMode() == interaction.ViewTransform


def test_a_second_click_on_the_button_disarms(study, click):
    click(study.ui.fromClickButton)
    assert study.ui.hintLabel.text == "Click into the lesion, in any slice view. Esc cancels."
    click(study.ui.fromClickButton)
    assert not slicer.util.getNodesByClass("vtkMRMLMarkupsFiducialNode")
    assert study.ui.hintLabel.text == "No lesion yet: click into one, or draw it."


def test_escape_disarms(study, click):
    click(study.ui.fromClickButton)
    study.window.activateWindow()
    # The Segment Editor has the key too, and Qt would give each of the two every other press.
    assert not study.ui.segmentEditor.shortcuts_installed
    QTest.keyClick(study.window, qt.Qt.Key_Escape)
    assert not study.ui.fromClickButton.checked
    assert study.ui.segmentEditor.shortcuts_installed


def test_another_mouse_mode_disarms(study, click, wait_until):
    click(study.ui.fromClickButton)
    interaction = slicer.app.applicationLogic().GetInteractionNode()
    interaction.SetCurrentInteractionMode(interaction.ViewTransform)
    wait_until(lambda: not study.ui.fromClickButton.checked)


def test_a_point_outside_is_a_sentence(study, place_point):
    place_point(study, (5000.0, 0.0, 0.0))
    assert "lies outside the DCE volume" in study.told.sentences[-1]
    assert not study.parameters.selectedLesion


def test_settings_changed_before_there_is_a_lesion_say_nothing(study, wait_until):
    study.parameters.enhancementPercent = 90.0
    wait_until(lambda: not study.section.clicks._timer.isActive(), what="the settings to be taken")
    assert study.told.sentences == []


def test_a_point_that_does_not_enhance_is_a_sentence(study, place_point, phantom_exam):
    study.parameters.enhancementPercent = 300.0
    place_point(study, center_of(phantom_exam.lesion))
    assert "less than the 300 % asked for" in study.told.sentences[-1]


def test_the_outline_follows_threshold_and_radius(study, place_point, phantom_exam, wait_until):
    seed = center_of(phantom_exam.lesion)
    place_point(study, seed)
    segment_id = study.parameters.selectedLesion
    study.ui.radiusSpinBox.setValue(6.0)
    expected = pixels(segment_from_seed(phantom_exam.exam, seed, 70.0, 6.0))
    wait_until(lambda: np.array_equal(pixels(drawn(study, segment_id)), expected), what="the smaller outline")
    study.ui.enhancementSpinBox.setValue(40.0)
    expected = pixels(segment_from_seed(phantom_exam.exam, seed, 40.0, 6.0))
    wait_until(lambda: np.array_equal(pixels(drawn(study, segment_id)), expected), what="the larger outline")


def test_an_edited_outline_follows_no_more_until_the_edit_is_undone(
    study, place_point, phantom_exam, wait_until, settle
):
    place_point(study, center_of(phantom_exam.lesion))
    segment_id = study.parameters.selectedLesion
    x, y, z = center_of(phantom_exam.lesion)
    paint(study, (x, y, z + 40.0), 5.0)
    painted = pixels(drawn(study, segment_id))
    study.ui.radiusSpinBox.setValue(6.0)
    settle()
    assert np.array_equal(pixels(drawn(study, segment_id)), painted)
    study.ui.segmentEditor.undo()
    settle()
    study.ui.radiusSpinBox.setValue(7.0)
    expected = pixels(segment_from_seed(phantom_exam.exam, center_of(phantom_exam.lesion), 70.0, 7.0))
    wait_until(lambda: np.array_equal(pixels(drawn(study, segment_id)), expected))
