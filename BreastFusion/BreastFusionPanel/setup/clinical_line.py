"""The line 'Clinical values' of the batch: a table for models that want to know more than the images show."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ctk
from slicer.i18n import tr as _

from BreastFusionLib.reading.batch import find_exams
from BreastFusionLib.reading.clinical import table_columns
from BreastFusionLib.reading.clinical_table import ClinicalTable, read_clinical_table

if TYPE_CHECKING:
    from ..context import PanelContext

__all__ = ["ClinicalLine"]


class ClinicalLine:
    """Shown only where the chosen model has columns of the patient; may stay empty."""

    def __init__(self, context: PanelContext, ui: Any) -> None:
        self._context = context
        self._label, self.edit = ui.clinicalFileLabel, ui.clinicalFileEdit
        self.edit.filters = ctk.ctkPathLineEdit.Files
        self.edit.nameFilters = [_("Tables (*.csv)")]

    def refresh(self) -> None:
        """Show the line where the chosen model wants it, and what its table should hold."""
        columns = self._columns()
        tooltip = _(
            "A CSV table with a row for each exam: the name of its folder in the column 'exam', and the columns "
            "{columns}. Without a table or a row, and where a cell is empty, the training cases' usual values are "
            "taken, and each reading says so."
        ).format(columns=", ".join(f"'{column}'" for column in columns))
        for widget in (self._label, self.edit):
            widget.setVisible(bool(columns))
            widget.setToolTip(tooltip)

    def table(self, exams: Sequence[Path], out: Path) -> ClinicalTable:
        """Return the clinical values of a batch; none without a table.

        Args:
            exams: as the batch takes them.
            out: folder of the readings.

        Raises:
            InputError: the table cannot be used; the sentence says what to do.
        """
        path, inputs = self.edit.currentPath, self._context.model.inputs
        if not path or inputs is None or not self._columns():
            return ClinicalTable({})
        return read_clinical_table(path, inputs, find_exams(exams, out))

    def _columns(self) -> tuple[str, ...]:
        """Return what the chosen model wants to know of the patients."""
        inputs = self._context.model.inputs
        return () if inputs is None else table_columns(inputs)
