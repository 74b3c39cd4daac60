"""The phases of the chosen DCE series: their table, its corrections, and which one a reading is made of."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from slicer.i18n import tr as _

from BreastFusionLib.errors import InputError

from ..bridge.phase_corrections import move_phase, set_phase_time, set_pre_contrast
from ..bridge.sequences import phases_of
from ..signals import Signal
from ..widgets.enabling import enable
from .model_phase import ModelPhase
from .phase_table import PhaseTable

if TYPE_CHECKING:
    from ..bridge.sequences import PhaseRow
    from ..context import PanelContext

__all__ = ["PhasesPart"]


class PhasesPart:
    """Shows the series of the study; every correction is made in the series itself.

    Attributes:
        rows: the phases in time order; empty without a series.
        wanted: (number) the user wants to see a phase, or corrected one that should be seen.
    """

    def __init__(self, ui: Any, context: PanelContext) -> None:
        self.rows: tuple[PhaseRow, ...] = ()
        self.wanted = Signal()
        self._ui, self._context = ui, context
        self._table = PhaseTable(ui.phaseTable, context)
        self._model_phase = ModelPhase(context.model)
        self._table.phase_selected.connect(self.wanted.emit)
        self._table.phase_used.connect(self._use)
        self._table.time_edited.connect(self._set_time)
        ui.phaseUpButton.clicked.connect(context.guarded(lambda: self._move(-1)))
        ui.phaseDownButton.clicked.connect(context.guarded(lambda: self._move(1)))
        ui.setPreButton.clicked.connect(context.guarded(self._set_pre))

    @property
    def used(self) -> int:
        """Number of the phase that a reading is made of; -1 without a phase after contrast."""
        chosen = self._context.parameters.usedPhase if self._context.parameters is not None else -1
        return chosen if 0 < chosen < len(self.rows) else self._own

    @property
    def _own(self) -> int:
        """Number of the phase that is used when the user chooses none."""
        return self._model_phase.number(len(self.rows))

    def refresh(self) -> None:
        """Show the series as it is now."""
        parameters, ui = self._context.parameters, self._ui
        sequence = parameters.dceSequence if parameters is not None else None
        self.rows = phases_of(sequence) if sequence is not None else ()
        shown = parameters.dceBrowser.GetSelectedItemNumber() if self.rows else -1
        self._table.show(self.rows, self.used, self._own, self._model_phase.word, shown)
        for widget in (ui.phaseTable, ui.phaseUpButton, ui.phaseDownButton, ui.setPreButton):
            widget.setVisible(bool(self.rows))
        ui.phasesWidget.setVisible(bool(self.rows) or ui.fromVolumesButton.checked)
        self._enable_buttons()

    def _enable_buttons(self) -> None:
        selected, last, ui = self._table.selected, len(self.rows) - 1, self._ui
        no_row = "" if selected >= 0 else _("Select a phase in the table first")
        missing = {
            ui.phaseUpButton: "" if selected > 0 else _("This is the first phase"),
            ui.phaseDownButton: "" if selected < last else _("This is the last phase"),
            ui.setPreButton: "" if selected > 0 else _("This is the phase before contrast"),
        }
        tips = {
            ui.phaseUpButton: _("Move the phase one place earlier; times stay with the places"),
            ui.phaseDownButton: _("Move the phase one place later; times stay with the places"),
            ui.setPreButton: _("Make this the phase before contrast; those before it follow one place later"),
        }
        for button, tip in tips.items():
            enable(button, tip, no_row or missing[button])

    def _use(self, number: int) -> None:
        self._context.parameters.usedPhase = -1 if number == self._own else number
        self.wanted.emit(number)

    def _move(self, by: int) -> None:
        with self._keeping_used() as sequence:
            number = move_phase(sequence, self._table.selected, by)
        self.wanted.emit(number)

    def _set_pre(self) -> None:
        with self._keeping_used() as sequence:
            set_pre_contrast(sequence, self._table.selected)
        self.wanted.emit(0)

    def _set_time(self, number: int, time_s: float | None) -> None:
        if time_s is None:
            raise InputError(_("Type a time in seconds after the phase before contrast, for example 120."))
        with self._keeping_used() as sequence:
            number = set_phase_time(sequence, number, time_s)
        self.wanted.emit(number)

    @contextmanager
    def _keeping_used(self) -> Iterator[Any]:
        """Let the phase that the user chose stay the chosen one, wherever a correction puts it."""
        parameters = self._context.parameters
        sequence, chosen = parameters.dceSequence, parameters.usedPhase
        voxels = _voxels(sequence)
        yield sequence
        if 0 < chosen < len(voxels):
            number = _voxels(sequence).index(voxels[chosen])
            parameters.usedPhase = number if number > 0 else -1


def _voxels(sequence: Any) -> list[Any]:
    """Return what tells phases apart even when they have one name: their voxels."""
    return [sequence.GetNthDataNode(number).GetImageData() for number in range(sequence.GetNumberOfDataNodes())]
