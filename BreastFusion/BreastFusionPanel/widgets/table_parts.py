"""Small things that the panel's tables have in common."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import qt

__all__ = ["fit_height", "prepare_table", "signals_blocked", "table_item"]

_ROW_MARGIN_PX = 6


def table_item(text: str, tooltip: str, *, editable: bool = False, right: bool = False) -> Any:
    """Return a cell of a QTableWidget.

    Args:
        text: what it shows.
        tooltip: user's words.
        editable: whether a double click changes it.
        right: whether it stands at the right, as numbers do.
    """
    item = qt.QTableWidgetItem(text)
    item.setToolTip(tooltip)
    flags = qt.Qt.ItemIsEnabled | qt.Qt.ItemIsSelectable
    item.setFlags(flags | qt.Qt.ItemIsEditable if editable else flags)
    if right:
        item.setTextAlignment(qt.Qt.AlignRight | qt.Qt.AlignVCenter)
    return item


def prepare_table(table: Any, stretched: int) -> None:
    """Make rows as low as their text, columns as wide as their content, and one column take what is left."""
    line = table.fontMetrics().height()
    table.verticalHeader().setDefaultSectionSize(line + _ROW_MARGIN_PX)
    header = table.horizontalHeader()
    header.setFixedHeight(line + _ROW_MARGIN_PX)
    header.setMinimumSectionSize(24)
    header.setHighlightSections(False)
    for column in range(table.columnCount):
        fits = qt.QHeaderView.Stretch if column == stretched else qt.QHeaderView.ResizeToContents
        header.setSectionResizeMode(column, fits)


def fit_height(table: Any, most_rows: int) -> None:
    """Make a table as high as its rows, at least one and at most `most_rows`; more are scrolled."""
    rows = max(1, min(most_rows, table.rowCount))
    line = table.fontMetrics().height() + _ROW_MARGIN_PX
    table.setFixedHeight((rows + 1) * line + 2 * table.frameWidth)


@contextmanager
def signals_blocked(widget: Any) -> Iterator[None]:
    """Fill a widget without its telling anybody: what the program writes is no wish of the user."""
    was_blocked = widget.blockSignals(True)
    try:
        yield
    finally:
        widget.blockSignals(was_blocked)
