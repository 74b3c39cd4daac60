"""Section 4 while a lesion is read: progress, cancelling, failures, and what changes meanwhile."""

from __future__ import annotations

import pytest
import slicer
from BreastFusionPanel.bridge.reading_nodes import reading_of
from BreastFusionPanel.bridge.segments import remove_lesion
from classify_fixtures import *  # noqa: F403
from classify_parts import READ, is_as_before, last, visible

from BreastFusion import BreastFusionLogic


def test_while_it_runs_the_button_cancels_and_tells_how_far_it_is(section, study, installed, worker, click, wait_until):
    click(section.ui.classifyButton)
    assert section.ui.classifyButton.text == "Cancel"
    assert visible(section, "progressWidget")
    wait_until(lambda: worker.open(READ).is_prepared)
    worker.tell(READ, "radiomics", 0.35, "Measuring radiomic features")
    assert section.ui.progressLabel.text == "Measuring radiomic features"
    assert section.ui.progressBar.value == 350
    worker.tell(READ, "explain", None, "Drawing maps")
    assert section.ui.progressBar.maximum == 0  # busy, for how long nobody knows


@pytest.mark.parametrize("stage", ["at once", "sent", "half-way"])
def test_cancel_leaves_the_panel_as_before(section, study, installed, worker, click, wait_until, stage):
    assert is_as_before(section)
    click(section.ui.classifyButton)
    if stage != "at once":
        wait_until(lambda: worker.open(READ).is_prepared)
    if stage == "half-way":
        worker.tell(READ, "score", 0.8, "Asking the network")
    click(section.ui.classifyButton)
    assert is_as_before(section)
    assert last(section) == ""
    # The next reading finds the model in memory again.
    click(section.ui.classifyButton)
    assert len(worker.asked(READ)) == 2


def test_ctrl_enter_while_running_does_nothing(section, study, installed, worker):
    section.classify()
    section.classify()
    assert len(worker.asked(READ)) == 1
    assert section.ui.classifyButton.text == "Cancel"


@pytest.mark.parametrize("kind", ["input", "internal", "died"])
def test_a_failure_is_a_sentence_with_the_log_s_end(section, study, installed, worker, kind, begin):
    begin()
    worker.fail(READ, kind, "It did not work: do something else.", "last line")
    assert section.said[-1] == ("It did not work: do something else.", "last line")
    assert is_as_before(section)
    assert not visible(section, "useCpuButton")


def test_out_of_memory_offers_the_cpu(section, study, installed, worker, click, wait_until, begin):
    begin()
    worker.fail(READ, "memory", "The graphics card has 4 GB, 6 GB were needed.")
    click(section.ui.useCpuButton)
    assert section.context.settings.device == "cpu"
    assert worker.asked("load")[-1].arguments["device"] == "cpu"
    wait_until(lambda: worker.open(READ).is_prepared)
    assert worker.open(READ).arguments["device"] == "cpu"
    assert not visible(section, "useCpuButton")


def test_a_lesion_deleted_while_it_is_read_has_no_result(section, study, installed, begin):
    begin()
    remove_lesion(study.parameters, study.segment_id)
    study.parameters.selectedLesion = ""
    section.context.lesion_selected.emit()
    assert "The lesion was deleted while it was being read" in last(section)
    assert section.run is None
    assert not visible(section, "resultFrame")


def test_a_scene_closed_while_it_is_read_takes_no_result(section, study, installed, worker, readings, begin):
    begin()
    section.set_parameters(None)
    slicer.mrmlScene.Clear(0)
    assert "The scene was closed" in last(section)
    worker.finish(READ, {"reading": readings.with_meaning, "folder": str(readings.folder), "seconds": 1.0})
    section.set_parameters(BreastFusionLogic().getParameterNode())
    assert section.ui.classifyButton.toolTip == "Load an exam first (section 1)."
    assert slicer.util.getNodesByClass("vtkMRMLTextNode") == []


def test_an_outline_that_changed_while_it_was_read_has_no_result(section, study, installed, change_outline):
    section.ui.classifyButton.click()
    change_outline()
    assert "The outline or the exam changed during the reading" in last(section)
    assert is_as_before(section)


@pytest.mark.parametrize("end", ["cancel", "outline"])
def test_a_reading_that_is_just_being_kept_can_still_be_ended(
    section, study, installed, worker, readings, click, change_outline, end, begin
):
    begin()
    worker.finish(READ, {"reading": readings.with_meaning, "folder": str(readings.folder), "seconds": 1.0})
    assert section.run is not None
    if end == "cancel":
        click(section.ui.classifyButton)
    else:
        change_outline()
    assert section.run is None
    for _turn in range(20):
        slicer.app.processEvents()
    assert reading_of(study.parameters, study.segment_id) is None
    assert worker.asked("stability") == []
    assert is_as_before(section)
