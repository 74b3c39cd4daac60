"""The list behind 'From volumes…': ticked volumes of the scene, with their times, become a DCE series."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import qt
import slicer
from slicer.i18n import tr as _

from BreastFusionLib.errors import InputError

from ..context import PanelContext
from ..signals import Signal
from ..widgets.table_parts import fit_height, prepare_table, signals_blocked, table_item
from .time_words import seconds_of, time_text

__all__ = ["VolumePicker"]

VOLUME, TIME = range(2)
_MOST_ROWS = 8


class VolumePicker:
    """A table of volumes with ticks and times.

    Attributes:
        changed: the user ticked something or typed a time.
    """

    def __init__(self, table: Any, context: PanelContext) -> None:
        """Take over a QTableWidget with the columns volume and time."""
        self.changed = Signal()
        self._table = table
        self._context = context
        self._node_ids: list[str] = []
        self._times_s: list[float | None] = []
        prepare_table(table, VOLUME)
        table.itemChanged.connect(self._edited)

    def offer(self, phases: Sequence[Any], times_s: Sequence[float | None], others: Sequence[Any]) -> None:
        """List volumes.

        Args:
            phases: volume nodes that look like DCE phases, in time order: ticked.
            times_s: of each of them.
            others: volume nodes that do not.
        """
        volumes = [*phases, *others]
        self._node_ids = [volume.GetID() for volume in volumes]
        self._times_s = [*times_s, *[None] * len(others)]
        with signals_blocked(self._table):
            self._table.setRowCount(len(volumes))
            for row, volume in enumerate(volumes):
                name = table_item(volume.GetName(), volume.GetName())
                name.setFlags(name.flags() | qt.Qt.ItemIsUserCheckable)
                name.setCheckState(qt.Qt.Checked if row < len(phases) else qt.Qt.Unchecked)
                self._table.setItem(row, VOLUME, name)
                when = _("Seconds after the phase before contrast; a double click changes it")
                time = table_item(time_text(self._times_s[row]), when, editable=True, right=True)
                self._table.setItem(row, TIME, time)
        fit_height(self._table, _MOST_ROWS)

    def problem(self) -> str:
        """Return what stands in the way of making a series; empty when nothing does."""
        if len(self._ticked()) < 2:
            return _("Tick at least two volumes: one before and one after contrast")
        return ""

    def chosen(self) -> tuple[list[Any], list[float | None]]:
        """Return the ticked volume nodes and their times (s), in time order; in the list's order without times.

        Raises:
            InputError: some times are known and others are not, or two are the same.
        """
        rows = self._ticked()
        known = [self._times_s[row] for row in rows if self._times_s[row] is not None]
        if len(known) not in (0, len(rows)):
            raise InputError(
                _("{count} of {all} ticked volumes have a time: type the others, or clear them all.").format(
                    count=len(known), all=len(rows)
                )
            )
        if len(set(known)) < len(known):
            raise InputError(_("Two ticked volumes have the same time: type the time of each phase."))
        if known:
            rows.sort(key=lambda row: self._times_s[row])
        return [slicer.mrmlScene.GetNodeByID(self._node_ids[row]) for row in rows], [self._times_s[row] for row in rows]

    def _ticked(self) -> list[int]:
        """Return the rows that are ticked and whose volume is still in the scene."""
        return [
            row
            for row, node_id in enumerate(self._node_ids)
            if self._table.item(row, VOLUME).checkState() == qt.Qt.Checked and slicer.mrmlScene.GetNodeByID(node_id)
        ]

    def _edited(self, item: Any) -> None:
        row = item.row()
        with self._context.guard():
            if item.column() == TIME:
                try:
                    self._times_s[row] = seconds_of(item.text())
                finally:
                    with signals_blocked(self._table):
                        item.setText(time_text(self._times_s[row]))
            self.changed.emit()
