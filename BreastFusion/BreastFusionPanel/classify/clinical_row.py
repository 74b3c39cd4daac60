"""One row of the form of clinical values: title, field, unit, and below them what is wrong with the value."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import qt
from slicer.i18n import tr as _

from ..widgets.showing import show_text
from ..widgets.table_parts import signals_blocked
from ..widgets.unscrolled import Unscrolled

if TYPE_CHECKING:
    from .clinical_fields import ClinicalField

__all__ = ["ClinicalRow"]

LEAST_FIELD_PX, LEAST_TITLE_PX = 90, 60


class ClinicalRow:
    """A line to type a number into, or a list to choose a word from.

    Attributes:
        field: what is asked for.
        editor: the widget that takes the value.
    """

    def __init__(self, field: ClinicalField, layout: Any, on_edited: Callable[[ClinicalRow], None]) -> None:
        """Add the row to a grid of three columns.

        Args:
            field: what is asked for.
            layout: QGridLayout.
            on_edited: called once the user has changed the value.
        """
        self.field = field
        self._unit: Any = None
        self._shown: Any = None
        number = layout.rowCount()
        title, unit, self._said = (_label(text, field) for text in (field.title, field.unit, ""))
        title.setMinimumWidth(LEAST_TITLE_PX)
        self.editor = qt.QComboBox() if field.levels else qt.QLineEdit()
        self.editor.setObjectName(f"clinical_{field.name}")
        self.editor.setToolTip(field.tooltip)
        self.editor.setMinimumWidth(LEAST_FIELD_PX)
        title.setBuddy(self.editor)
        if field.levels:
            self.editor.setSizeAdjustPolicy(qt.QComboBox.AdjustToMinimumContentsLengthWithIcon)
            self.editor.setMinimumContentsLength(8)
            self.editor.addItems([_("not known"), *field.levels])
            self._unscrolled = Unscrolled(self.editor)
            self.editor.currentIndexChanged.connect(lambda *_index: on_edited(self))
        else:
            self.editor.setPlaceholderText(_("not known"))
            self.editor.editingFinished.connect(lambda: on_edited(self))
        layout.addWidget(title, number, 0)
        # A list may be as wide as the row: its words are long, and it has no unit.
        layout.addWidget(self.editor, number, 1, 1, 2 if field.levels else 1)
        if not field.levels:
            layout.addWidget(unit, number, 2)
            self._unit = unit
        layout.addWidget(self._said, number + 1, 1, 1, 2)

    @property
    def value(self) -> Any:
        """What the field holds: a number, a word, or None for not known; what is no number stays as it was typed."""
        if self.field.levels:
            return None if self.editor.currentIndex <= 0 else self.editor.currentText
        text = self.editor.text.strip()
        with contextlib.suppress(ValueError):
            number = float(text)
            if math.isfinite(number):
                return int(number) if number.is_integer() else number
        return text or None

    @property
    def is_edited(self) -> bool:
        """Whether the field holds something else than what was shown last."""
        return self.value != self._shown

    def show(self, given: Any, is_from_images: bool = False) -> None:
        """Show a value, and what the model makes of it.

        Args:
            given: a number or a word; None: not known.
            is_from_images: nobody typed it in.
        """
        text = "" if given is None else f"{given:.12g}" if isinstance(given, float) else str(given)
        with signals_blocked(self.editor):
            if self.field.levels:
                self._choose(text)
            else:
                self.editor.setText(text)
        if self._unit is not None:
            words = _("{unit}, from the images") if self.field.unit else _("from the images")
            self._unit.setText(words.format(unit=self.field.unit) if is_from_images else self.field.unit)
        self._shown = self.value
        said = self.field.answer(given).said
        show_text(self._said, f"! {said}" if said else "")

    def _choose(self, word: str) -> None:
        levels = self.field.levels
        while self.editor.count > 1 + len(levels):
            self.editor.removeItem(self.editor.count - 1)
        if word and word not in levels:
            # A word of another model's is not lost; the sentence below says what becomes of it.
            self.editor.addItem(word)
        self.editor.setCurrentIndex(([*levels, word].index(word) + 1) if word else 0)


def _label(text: str, field: ClinicalField) -> Any:
    label = qt.QLabel(text)
    # A title is a recipe's text: it must not be read as markup.
    label.setTextFormat(qt.Qt.PlainText)
    label.setWordWrap(True)
    label.setToolTip(field.tooltip)
    return label
