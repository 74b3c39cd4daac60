"""Section 'Exam', its table of phases: which is used, their order and their times."""

from __future__ import annotations

import pytest
import qt
from BreastFusionPanel.bridge.exam_nodes import add_exam
from BreastFusionPanel.bridge.sequences import phases_of
from BreastFusionPanel.exam.phase_table import PHASE, TIME, USE, VOLUME
from BreastFusionPanel.exam.time_words import seconds_of, time_text
from BreastFusionPanel.parameters import DceImage
from bridge_parts import make_exam
from exam_fixtures import *  # noqa: F403
from exam_parts import shown_item

from BreastFusionLib.errors import InputError


@pytest.mark.parametrize(
    ("time_s", "text"), [(0.0, "0 s"), (97.25, "97 s"), (1371.0, "1 371 s"), (1e6, "1 000 000 s"), (None, "unknown")]
)
def test_times_are_written_as_radiologists_write_them(time_s, text):
    assert time_text(time_s) == text.replace(" ", "\N{NO-BREAK SPACE}")


@pytest.mark.parametrize(
    ("text", "time_s"),
    [
        ("1371", 1371.0),
        ("1 371 s", 1371.0),
        (time_text(1371.0), 1371.0),
        ("22,5", 22.5),
        (" ", None),
        ("unknown", None),
    ],
)
def test_times_are_read_as_users_type_them(text, time_s):
    assert seconds_of(text) == time_s


@pytest.mark.parametrize("text", ["soon", "1:30:00", "nan", "inf"])
def test_what_is_no_time_is_refused_in_a_sentence(text):
    with pytest.raises(InputError, match="is no time"):
        seconds_of(text)


def test_the_phases_are_shown_with_their_times_and_the_one_that_is_used(loaded):
    assert loaded.table() == [
        ["pre", "0 s", "ax dyn pre", ""],
        ["post 1", "97 s", "ax dyn 1st pass", "○"],
        ["post 2", "192 s", "ax dyn 2nd pass", "● usual"],
    ]
    assert "97.2" in loaded.ui.phaseTable.item(1, TIME).toolTip()


def test_the_models_own_phase_is_the_default(loaded, demo_bundle):
    loaded.context.settings.bundle_folder = str(demo_bundle)
    loaded.context.bundle_changed.emit()
    assert [row[USE] for row in loaded.table()].count("● model") == 1


def test_another_phase_can_be_used_and_the_models_own_again(loaded):
    table = loaded.ui.phaseTable
    table.itemClicked.emit(table.item(1, USE))
    assert loaded.parameters.usedPhase == 1 and shown_item(loaded.parameters) == 1
    assert [row[USE] for row in loaded.table()] == ["", "●", "○ usual"]
    assert loaded.changes >= 1
    table.itemClicked.emit(table.item(0, USE))
    assert loaded.parameters.usedPhase == 1, "the phase before contrast is no choice"
    table.itemClicked.emit(table.item(2, USE))
    assert loaded.parameters.usedPhase == -1


def test_a_click_on_a_row_shows_that_phase(loaded):
    loaded.ui.phaseTable.selectRow(1)
    assert shown_item(loaded.parameters) == 1 and loaded.parameters.dceImage == DceImage.POST
    loaded.ui.phaseTable.selectRow(0)
    assert shown_item(loaded.parameters) == 0 and loaded.parameters.dceImage == DceImage.PRE
    assert loaded.ui.viewPreButton.checked


def test_a_phase_is_moved_and_its_choice_moves_along(loaded, click):
    loaded.ui.phaseTable.itemClicked.emit(loaded.ui.phaseTable.item(1, USE))
    loaded.ui.phaseTable.selectRow(1)
    click(loaded.ui.phaseDownButton)
    assert [row[VOLUME] for row in loaded.table()] == ["ax dyn pre", "ax dyn 2nd pass", "ax dyn 1st pass"]
    assert [row[TIME] for row in loaded.table()] == ["0 s", "97 s", "192 s"], "the order was wrong, not the clock"
    # The phase that was chosen is now where the model's own is.
    assert loaded.ui.phaseTable.selectionModel().selectedRows()[0].row() == 2
    assert loaded.table()[2][USE].startswith("●")
    assert not loaded.ui.phaseDownButton.isEnabled() and "last phase" in loaded.ui.phaseDownButton.toolTip
    click(loaded.ui.phaseUpButton)
    assert [row[VOLUME] for row in loaded.table()] == ["ax dyn pre", "ax dyn 1st pass", "ax dyn 2nd pass"]
    assert loaded.changes >= 2


def test_another_phase_becomes_the_one_before_contrast(loaded, click):
    loaded.ui.phaseTable.selectRow(2)
    click(loaded.ui.setPreButton)
    assert [row[VOLUME] for row in loaded.table()] == ["ax dyn 2nd pass", "ax dyn pre", "ax dyn 1st pass"]
    assert [row[PHASE] for row in loaded.table()] == ["pre", "post 1", "post 2"]
    assert not loaded.ui.setPreButton.isEnabled() and "before contrast" in loaded.ui.setPreButton.toolTip


def test_a_time_is_typed_over(loaded):
    loaded.type_time(2, "1 371")
    assert phases_of(loaded.parameters.dceSequence)[2].time_s == 1371.0
    assert loaded.table()[2][TIME] == "1 371 s" and loaded.changes >= 1


@pytest.mark.parametrize("text", ["soon", "", "-5", "97.25"])
def test_a_time_that_cannot_be_is_refused_and_the_old_one_stays(loaded, text):
    loaded.type_time(2, text)
    assert loaded.said[-1] and "Traceback" not in loaded.said[-1] and "unexpected" not in loaded.said[-1]
    assert loaded.table()[2][TIME] == "192 s"


def test_other_parameters_may_change_while_a_time_is_being_typed(loaded):
    item = loaded.ui.phaseTable.item(2, TIME)
    loaded.parameters.mapOpacity = 0.7
    assert loaded.ui.phaseTable.item(2, TIME) is item, "its editor would be gone"


def test_the_time_of_the_pre_contrast_phase_cannot_be_typed(loaded):
    assert not loaded.ui.phaseTable.item(0, TIME).flags() & qt.Qt.ItemIsEditable


def test_unknown_times_are_told(exam):
    list(add_exam(make_exam(times_s=(0.0, None, None)), exam.parameters))
    assert [row[TIME] for row in exam.table()] == ["0 s", "unknown", "unknown"]
    assert any("time of 2 of 3 phases is unknown" in note for note in exam.notes())


def test_one_phase_only_is_told_and_nothing_can_be_subtracted(exam):
    list(add_exam(make_exam(times_s=(0.0,), description="ax dyn pre"), exam.parameters))
    assert any("One phase only" in note for note in exam.notes())
    assert not exam.ui.viewSubtractionButton.isEnabled()
    assert "one phase only" in exam.ui.viewSubtractionButton.toolTip
