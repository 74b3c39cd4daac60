"""The table of lesions: one row each, with what is known of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import qt
from slicer.i18n import tr as _

from BreastFusionLib.exam.model import Side

from ..signals import Signal
from ..widgets.table_parts import signals_blocked

__all__ = ["LesionRow", "LesionTable"]

NAME, SIDE, VOLUME, LONGEST, CURVE, REMOVE = range(6)
MAX_SHOWN_ROWS = 6
COMBO_BOX_PX, BUTTON_PX = 36, 26


@dataclass(frozen=True)
class LesionRow:
    """What a row shows.

    Attributes:
        segment_id: of the lesion.
        name: chosen by the user.
        color_rgb: of its outline in the views, 0..1 each.
        side: of the breast.
        volume: with its unit; '-' for none.
        longest: longest diameter with its unit.
        longest_tip: the same within one slice.
        curve: type of the time-intensity curve.
        curve_tip: how much of the lesion shows the worst one.
    """

    segment_id: str
    name: str
    color_rgb: tuple[float, float, float]
    side: Side
    volume: str
    longest: str
    longest_tip: str
    curve: str
    curve_tip: str


class LesionTable:
    """Shows the lesions in a QTableWidget, and tells what the user does there.

    Attributes:
        selected: (segment_id) a row was chosen.
        renamed: (segment_id, name).
        side_chosen: (segment_id, side).
        removal_asked: (segment_id).
    """

    def __init__(self, widget: Any) -> None:
        """Take the QTableWidget of the .ui file."""
        self.widget = widget
        self.selected, self.renamed, self.side_chosen, self.removal_asked = (Signal() for _number in range(4))
        self._rows: tuple[LesionRow, ...] = ()
        self._row_widgets: list[tuple[Any, Any]] = []  # combo box and button of each row, kept alive
        self._set_up_columns()
        widget.itemSelectionChanged.connect(self._on_selection)
        widget.itemChanged.connect(self._on_item_changed)

    def show(self, rows: Sequence[LesionRow], selected_id: str) -> None:
        """Show these lesions; nobody is told of the selection, because it came from outside."""
        ids = [row.segment_id for row in rows]
        with signals_blocked(self.widget):
            if ids != [row.segment_id for row in self._rows]:
                self._build(len(rows))
            self._rows = tuple(rows)
            for number, row in enumerate(rows):
                self._fill(number, row)
            if selected_id in ids:
                self.widget.selectRow(ids.index(selected_id))
            else:
                self.widget.clearSelection()
        self._fit_height()

    def _set_up_columns(self) -> None:
        self.widget.setColumnCount(6)
        self.widget.setHorizontalHeaderLabels([_("name"), _("side"), _("volume"), _("longest"), _("curve"), ""])
        self.widget.verticalHeader().hide()
        self.widget.verticalHeader().setDefaultSectionSize(self.widget.fontMetrics().height() + 10)
        header = self.widget.horizontalHeader()
        self._header_height_px = self.widget.fontMetrics().height() + 10
        header.setFixedHeight(self._header_height_px)
        header.setDefaultAlignment(qt.Qt.AlignLeft | qt.Qt.AlignVCenter)
        header.setHighlightSections(False)
        header.setMinimumSectionSize(20)
        header.setSectionResizeMode(NAME, qt.QHeaderView.Stretch)
        for column in (VOLUME, LONGEST, CURVE):
            header.setSectionResizeMode(column, qt.QHeaderView.ResizeToContents)
        # Cells with widgets are as narrow as their words: names need the room.
        words_px = max(self.widget.fontMetrics().horizontalAdvance(word) for word in _side_words().values())
        for column, width_px in ((SIDE, words_px + COMBO_BOX_PX), (REMOVE, BUTTON_PX)):
            header.setSectionResizeMode(column, qt.QHeaderView.Fixed)
            header.resizeSection(column, width_px)

    def _build(self, count: int) -> None:
        """Make the cells anew: only when there are other lesions, so that typing a name is never interrupted."""
        self.widget.setRowCount(0)
        self.widget.setRowCount(count)
        self._row_widgets = [self._build_row(number) for number in range(count)]

    def _build_row(self, number: int) -> tuple[Any, Any]:
        for column in range(6):
            item = qt.QTableWidgetItem()
            if column != NAME:
                item.setFlags(item.flags() & ~qt.Qt.ItemIsEditable)
            self.widget.setItem(number, column, item)
        combo = qt.QComboBox()
        combo.setObjectName(f"sideComboBox{number}")
        combo.setToolTip(_("Which breast, as the images say (?: they do not say); choose another one if that is wrong"))
        combo.setFrame(False)
        for word in _side_words().values():
            combo.addItem(word)
        combo.currentIndexChanged.connect(lambda *_args: self._on_side(number))
        button = qt.QToolButton()
        button.setObjectName(f"removeButton{number}")
        button.setText("✕")
        button.setAutoRaise(True)
        button.setToolTip(_("Remove this lesion; the Segment Editor's Undo brings its outline back"))
        button.clicked.connect(lambda *_args: self.removal_asked.emit(self._rows[number].segment_id))
        self.widget.setCellWidget(number, SIDE, combo)
        self.widget.setCellWidget(number, REMOVE, button)
        return combo, button

    def _fill(self, number: int, row: LesionRow) -> None:
        texts = {NAME: row.name, VOLUME: row.volume, LONGEST: row.longest, CURVE: row.curve}
        for column, text in texts.items():
            item = self.widget.item(number, column)
            if item.text() != text:
                item.setText(text)
        swatch = qt.QPixmap(10, 10)
        swatch.fill(qt.QColor.fromRgbF(*row.color_rgb))
        self.widget.item(number, NAME).setIcon(qt.QIcon(swatch))
        self.widget.item(number, NAME).setToolTip(_("{name}: double-click to change the name").format(name=row.name))
        self.widget.item(number, LONGEST).setToolTip(row.longest_tip)
        self.widget.item(number, CURVE).setToolTip(row.curve_tip)
        combo = self._row_widgets[number][0]
        with signals_blocked(combo):
            combo.setCurrentIndex(list(_side_words()).index(row.side))

    def _fit_height(self) -> None:
        shown = min(len(self._rows), MAX_SHOWN_ROWS)
        rows = sum(self.widget.rowHeight(number) for number in range(shown))
        self.widget.setFixedHeight(self._header_height_px + rows + 4)

    def _on_selection(self) -> None:
        number = self.widget.currentRow()
        if 0 <= number < len(self._rows):
            self.selected.emit(self._rows[number].segment_id)

    def _on_item_changed(self, item: Any) -> None:
        number = item.row()
        if item.column() == NAME and number < len(self._rows) and item.text() != self._rows[number].name:
            self.renamed.emit(self._rows[number].segment_id, item.text().strip())

    def _on_side(self, number: int) -> None:
        side = list(_side_words())[self._row_widgets[number][0].currentIndex]
        self.side_chosen.emit(self._rows[number].segment_id, side)


def _side_words() -> dict[Side, str]:
    return {"left": _("left"), "right": _("right"), "unknown": "?"}
