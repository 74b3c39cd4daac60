"""Section 'Exam': volumes that come into the scene fill its fields in, and those that go leave them."""

from __future__ import annotations

import qt
import slicer
from BreastFusionPanel.exam.phase_table import TIME, VOLUME
from bridge_parts import study
from exam_fixtures import *  # noqa: F403
from exam_parts import background_of_red, named


def test_t1_and_t2_of_the_scene_are_filled_in_by_themselves(loaded, wait_until):
    loaded.parameters.t1Volume = None
    t2 = named("ax t2 tirm")
    wait_until(lambda: loaded.parameters.t2Volume is t2, 5, "T2")
    assert loaded.parameters.t1Volume is None, "what the user took out is not put back"


def test_filling_in_goes_on_after_the_scene_was_closed_but_not_while_another_module_is_open(exam, wait_until):
    slicer.mrmlScene.Clear(0)
    exam.show(study())
    exam.section.exit()
    t1 = named("ax t1 tse")
    for _turn in range(100):
        qt.QApplication.processEvents()
        qt.QThread.msleep(4)
    assert exam.parameters.t1Volume is None
    exam.section.enter()
    assert exam.parameters.t1Volume is t1
    t2 = named("ax t2 tirm")
    wait_until(lambda: exam.parameters.t2Volume is t2, 5, "T2")


def test_what_the_user_chose_is_never_overwritten(loaded, wait_until):
    chosen = loaded.parameters.t1Volume
    named("ax t1 tse second")
    t2 = named("ax t2 tirm")
    wait_until(lambda: loaded.parameters.t2Volume is t2, 5, "T2")
    assert loaded.parameters.t1Volume is chosen


def test_three_loaded_volumes_become_a_series_with_two_clicks(exam, click, wait_until):
    volumes = [named(name, number) for number, name in enumerate(["ax dyn 2nd pass", "ax dyn pre", "ax dyn 1st pass"])]
    wait_until(lambda: exam.ui.fromVolumesButton.checked, 5, "the list of volumes")
    assert "3 volumes of the scene look like phases" in exam.said[-1]
    assert exam.ui.volumesFrame.isVisibleTo(exam.section.widget)
    for row, time_s in enumerate(("0", "98", "190")):
        exam.ui.volumesTable.item(row, 1).setText(time_s)
    click(exam.ui.makeSeriesButton)
    assert [(row[TIME], row[VOLUME]) for row in exam.table()] == [
        ("0 s", "ax dyn pre"),
        ("98 s", "ax dyn 1st pass"),
        ("190 s", "ax dyn 2nd pass"),
    ]
    assert all(slicer.mrmlScene.IsNodePresent(volume) for volume in volumes)
    assert not exam.ui.volumesFrame.isVisibleTo(exam.section.widget)


def test_a_series_needs_two_ticked_volumes_and_all_their_times_or_none(exam, click, wait_until):
    for number, name in enumerate(["ax dyn pre", "ax dyn 1st pass"]):
        named(name, number)
    wait_until(lambda: exam.ui.fromVolumesButton.checked, 5, "the list of volumes")
    exam.ui.volumesTable.item(1, 0).setCheckState(qt.Qt.Unchecked)
    assert not exam.ui.makeSeriesButton.isEnabled() and "two volumes" in exam.ui.makeSeriesButton.toolTip
    exam.ui.volumesTable.item(1, 0).setCheckState(qt.Qt.Checked)
    exam.ui.volumesTable.item(0, 1).setText("0")
    click(exam.ui.makeSeriesButton)
    assert "1 of 2 ticked volumes have a time" in exam.said[-1] and exam.parameters.dceSequence is None


def test_a_removed_volume_leaves_its_field(loaded):
    slicer.mrmlScene.RemoveNode(loaded.parameters.t1Volume)
    assert loaded.parameters.t1Volume is None
    assert loaded.ui.missingSequenceLabel.isVisibleTo(loaded.section.widget)
    assert loaded.changes >= 1


def test_a_removed_series_empties_the_table_and_takes_its_subtraction_along(loaded, click):
    click(loaded.ui.viewSubtractionButton)
    made = background_of_red()
    slicer.mrmlScene.RemoveNode(loaded.parameters.dceSequence)
    assert loaded.table() == [] and not loaded.ui.phaseTable.isVisibleTo(loaded.section.widget)
    assert not slicer.mrmlScene.IsNodePresent(made)
    assert not loaded.ui.viewPostButton.isEnabled() and loaded.changes >= 1


def test_closing_the_scene_empties_the_section(loaded):
    slicer.mrmlScene.Clear(0)
    assert loaded.table() == [] and loaded.notes() == []
    assert not loaded.ui.openStudyButton.isEnabled()
    loaded.show(study())
    assert loaded.ui.openStudyButton.isEnabled()
