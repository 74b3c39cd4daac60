"""The table of the DCE phases: which is before contrast, when each was taken, which one is used."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from slicer.i18n import tr as _

from ..signals import Signal
from ..widgets.table_parts import fit_height, prepare_table, signals_blocked, table_item
from .time_words import seconds_of, time_text

if TYPE_CHECKING:
    from ..bridge.sequences import PhaseRow
    from ..context import PanelContext

__all__ = ["PhaseTable", "phase_names"]

PHASE, TIME, VOLUME, USE = range(4)
_MOST_ROWS = 7

# Characters and not buttons: they take the text's colour, in dark and light themes and in a selected row.
_USED, _UNUSED = "\N{BLACK CIRCLE}", "\N{WHITE CIRCLE}"


def phase_names(rows: Sequence[PhaseRow]) -> list[str]:
    """Return 'pre', 'post 1', 'post 2', ..: what radiologists call the phases."""
    number = 0
    names = []
    for row in rows:
        number += not row.is_pre
        names.append(_("pre") if row.is_pre else _("post {number}").format(number=number))
    return names


class PhaseTable:
    """Shows phases and tells what the user wants; changes nothing itself.

    Attributes:
        phase_selected: (number) the user wants to see a phase.
        time_edited: (number, time_s) the user typed another time; None: unknown.
        phase_used: (number) the user wants the reading made of a phase.
    """

    def __init__(self, table: Any, context: PanelContext) -> None:
        """Take over a QTableWidget with the columns phase, time, volume, use."""
        self.phase_selected = Signal()
        self.time_edited = Signal()
        self.phase_used = Signal()
        self._table = table
        self._context = context
        self._rows: tuple[PhaseRow, ...] = ()
        self._shown: tuple[Any, ...] | None = None
        prepare_table(table, VOLUME)
        table.horizontalHeaderItem(USE).setToolTip(
            _("The phase that the reading is made of; 'model' is the one that the model was trained with")
        )
        table.itemSelectionChanged.connect(self._selected)
        table.itemClicked.connect(self._chosen)
        table.itemActivated.connect(self._chosen)
        table.itemChanged.connect(self._edited)

    @property
    def selected(self) -> int:
        """Number of the selected phase; -1: none."""
        rows = self._table.selectionModel().selectedRows()
        return rows[0].row() if len(rows) else -1

    def show(self, rows: Sequence[PhaseRow], used: int, own: int, own_word: str, selected: int) -> None:
        """Show phases.

        Args:
            rows: in time order.
            used: number of the phase that the reading is made of.
            own: the one that is used when the user chooses none.
            own_word: what stands beside that one.
            selected: the phase that the views show; -1 for none.
        """
        shown = (tuple(rows), used, own, own_word)
        with signals_blocked(self._table):
            # Only when something is different: a cell that is being typed in would be lost.
            if shown != self._shown:
                self._shown = shown
                self._fill(rows, used, own, own_word)
            if selected < 0:
                self._table.clearSelection()
            elif selected != self.selected:
                self._table.selectRow(selected)

    def _fill(self, rows: Sequence[PhaseRow], used: int, own: int, own_word: str) -> None:
        self._rows = tuple(rows)
        self._table.setRowCount(len(rows))
        for number, (row, name) in enumerate(zip(rows, phase_names(rows), strict=True)):
            self._table.setItem(number, PHASE, table_item(name, _("A click shows this phase in the views")))
            self._table.setItem(number, TIME, _time_item(row))
            self._table.setItem(number, VOLUME, table_item(row.name, row.name))
            self._table.setItem(number, USE, _use_item(row, number == used, own_word if number == own else ""))
        fit_height(self._table, _MOST_ROWS)

    def _selected(self, *_args: object) -> None:
        if self.selected >= 0:
            with self._context.guard():
                self.phase_selected.emit(self.selected)

    def _chosen(self, item: Any) -> None:
        number = item.row()
        if item.column() == USE and not self._rows[number].is_pre:
            with self._context.guard():
                self.phase_used.emit(number)

    def _edited(self, item: Any) -> None:
        if item.column() != TIME:
            return
        number, text = item.row(), item.text()
        with self._context.guard():
            try:
                self.time_edited.emit(number, seconds_of(text))
            finally:
                # What the user typed stays only if it was taken: the rows are shown anew when it was.
                self._restore(number)

    def _restore(self, number: int) -> None:
        with signals_blocked(self._table):
            self._table.item(number, TIME).setText(time_text(self._rows[number].time_s))


def _time_item(row: PhaseRow) -> Any:
    if row.is_pre:
        return table_item(time_text(row.time_s), _("All times are counted from this phase"), right=True)
    exact = time_text(row.time_s, decimals=1)
    tip = _("{time} after the phase before contrast; a double click changes it").format(time=exact)
    return table_item(time_text(row.time_s), tip, editable=True, right=True)


def _use_item(row: PhaseRow, is_used: bool, word: str) -> Any:
    if row.is_pre:
        return table_item("", _("A reading is made of a phase after contrast"))
    tip = _("The reading is made of this phase") if is_used else _("A click has the reading made of this phase")
    return table_item(f"{_USED if is_used else _UNUSED} {word}".strip(), tip)
