"""The table of measured features, below the button that opens it."""

from __future__ import annotations

from typing import Any

import qt

__all__ = ["FeatureTable"]

MOST_WIDTH = 120  # of a column, in points


class FeatureTable:
    """Shows a vtkMRMLTableNode; filled only while it is seen, because hundreds of rows take their time."""

    def __init__(self, ui: Any) -> None:
        self._button, self._table = ui.featureTableButton, ui.featureTable
        self._node: Any = None
        self._filled_from: Any = None

    def show(self, node: Any) -> None:
        """Show another table; None empties it."""
        self._node = node
        self.update()

    def update(self) -> None:
        """Open or close the table as the button says."""
        is_open = self._button.checked and self._node is not None
        self._table.setVisible(is_open)
        if is_open and self._node is not self._filled_from:
            self._fill(self._node)

    def _fill(self, node: Any) -> None:
        table = self._table
        columns = node.GetNumberOfColumns()
        # While it is sorted, rows would move away under the filling.
        table.setSortingEnabled(False)
        table.clear()
        table.setRowCount(node.GetNumberOfRows())
        table.setColumnCount(columns)
        table.setHorizontalHeaderLabels([node.GetColumnName(column) for column in range(columns)])
        for row in range(node.GetNumberOfRows()):
            for column in range(columns):
                table.setItem(row, column, _cell(node.GetCellText(row, column)))
        table.verticalHeader().setVisible(False)
        table.verticalHeader().setDefaultSectionSize(round(1.5 * table.fontMetrics().height()))
        table.resizeColumnsToContents()
        for column in range(columns):
            # Names of features are long; their values must be seen without scrolling in a narrow panel.
            table.setColumnWidth(column, min(table.columnWidth(column), MOST_WIDTH))
        table.setSortingEnabled(True)
        self._filled_from = node


def _cell(text: str) -> Any:
    """Return a table cell that sorts numbers as numbers."""
    item = qt.QTableWidgetItem()
    try:
        item.setData(qt.Qt.DisplayRole, float(text))
    except ValueError:
        item.setText(text)
    item.setToolTip(text)
    return item
