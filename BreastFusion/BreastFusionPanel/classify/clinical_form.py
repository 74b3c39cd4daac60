"""The form 'Clinical values': what the chosen model wants to know of the patient, beside what the images show."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import qt
from slicer.i18n import tr as _

from ..bridge.clinical_values import clinical_of, keep_clinical, told_by_images
from ..bridge.exam_nodes import has_exam
from ..widgets.enabling import enable
from ..widgets.showing import show_text
from .clinical_fields import ClinicalField, clinical_fields
from .clinical_row import ClinicalRow

if TYPE_CHECKING:
    from BreastFusionLib.reading.bundle import BundleHeader

    from ..context import PanelContext

__all__ = ["ClinicalForm"]


class ClinicalForm:
    """Shows and keeps the clinical values of the exam on screen; a model without clinical columns has no form.

    Attributes:
        rows: one a value; empty without a form.
    """

    def __init__(self, context: PanelContext, ui: Any, on_change: Callable[[], None]) -> None:
        """Take over the widgets.

        Args:
            context: of the panel.
            ui: of the section.
            on_change: called once a value was changed.
        """
        self.rows: list[ClinicalRow] = []
        self._context, self._ui, self._on_change = context, ui, on_change
        self._header: BundleHeader | None = None
        self._has_exam_columns = False
        self._holder: Any = None
        self._sequence: Any = None
        ui.clinicalButton.toggled.connect(context.guarded(self._fold))

    def refresh(self, header: BundleHeader | None) -> None:
        """Show the values of the exam on screen, for a model; what is just being typed stays."""
        if header is not self._header:
            self._build(header)
        parameters = self._context.parameters
        sequence = None if parameters is None else parameters.dceSequence
        is_other_exam, self._sequence = sequence is not self._sequence, sequence
        known, told = self._known(), told_by_images(parameters)
        for row in self.rows:
            if is_other_exam or not row.is_edited:
                row.show(known.get(row.field.name), row.field.name in told and row.field.name in known)
        self._show_state(known)

    def problem(self) -> str:
        """Return the sentence about a value with which no reading can be made; empty when there is none."""
        known = self._known()
        answers = [row.field.answer(known.get(row.field.name)) for row in self.rows]
        return next((answer.said for answer in answers if answer.is_refused), "")

    def _known(self) -> dict[str, Any]:
        """Return what is known of the patient on screen; an age of the images' only where the model can take it."""
        told, known = told_by_images(self._context.parameters), clinical_of(self._context.parameters)
        fields = [row.field for row in self.rows if row.field.takes_age and row.field.name in told]
        usable = {field.name for field in fields if not field.answer(told[field.name]).is_refused}
        return {name: value for name, value in known.items() if name not in told or name in usable}

    def commit(self) -> None:
        """Keep what was typed and not yet finished: not every way to the button takes the keyboard from a field."""
        for row in self.rows:
            self._keep(row)

    def _keep(self, row: ClinicalRow) -> None:
        if self._sequence is not None and row.is_edited:
            value = row.value
            keep_clinical(self._sequence, {row.field.name: value})
            row.show(value)
            self._on_change()

    def _build(self, header: BundleHeader | None) -> None:
        """Make the rows of a model, in place of those of the one before."""
        self._header, self.rows = header, []
        if self._holder is not None:
            self._holder.hide()
            self._holder.deleteLater()
            self._holder = None
        fields = () if header is None else clinical_fields(header)
        self._ui.clinicalBox.setVisible(bool(fields))
        if header is None or not fields:
            return
        self._has_exam_columns = any(column.origin == "exam" for column in header.recipe.inputs.clinical)
        self._holder = qt.QWidget()
        layout = qt.QGridLayout(self._holder)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setHorizontalSpacing(8)
        layout.setVerticalSpacing(4)
        layout.setColumnStretch(1, 1)
        self.rows = [ClinicalRow(field, layout, self._edited) for field in fields]
        self._ui.clinicalLayout.addWidget(self._holder)
        self._fold()
        before = self._ui.clinicalButton
        for row in self.rows:  # made last, they would come last with the Tab key
            qt.QWidget.setTabOrder(before, row.editor)
            before = row.editor

    def _edited(self, row: ClinicalRow) -> None:
        with self._context.guard():
            self._keep(row)

    def _fold(self) -> None:
        is_open = self._ui.clinicalButton.checked
        self._ui.clinicalButton.setArrowType(qt.Qt.DownArrow if is_open else qt.Qt.RightArrow)
        if self._holder is not None:
            self._holder.setVisible(is_open)

    def _show_state(self, known: dict[str, Any]) -> None:
        if self._holder is None:
            return
        missing = "" if has_exam(self._context.parameters) else _("Load an exam first (section 1).")
        enable(
            self._holder, _("They are kept with the exam: its other lesions share them, other exams do not."), missing
        )
        inputs = [row.field for row in self.rows if row.field.code is not None]
        show_text(self._ui.clinicalSummaryLabel, self._summary(inputs, known))

    def _summary(self, inputs: list[ClinicalField], known: dict[str, Any]) -> str:
        if not inputs:  # only a rule of the recipe asks
            return ""
        given = sum(field.answer(known.get(field.name)).is_used for field in inputs)
        if given == len(inputs):
            words = _("all {count} given")
        elif given or self._has_exam_columns:
            words = _("{given} of {count} given; the rest is filled from the training cases")
        else:
            words = _("none of {count} given: the model reads without clinical data")
        return words.format(given=given, count=len(inputs))
