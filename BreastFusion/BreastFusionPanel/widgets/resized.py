"""Hears when a widget gets another size or other colours, for what must then be drawn anew."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import qt

__all__ = ["Resized"]


# A widget, because that is what PythonQt lets Python code override `eventFilter` of.
class Resized(qt.QWidget):
    """Calls a function whenever a widget was resized, or its palette or font changed."""

    def __init__(self, widget: Any, on_change: Callable[[], None]) -> None:
        super().__init__(widget)
        self.hide()
        self._on_change = on_change
        self._kinds = (qt.QEvent.Resize, qt.QEvent.PaletteChange, qt.QEvent.FontChange)
        widget.installEventFilter(self)

    def eventFilter(self, _watched: Any, event: Any) -> bool:
        """Take note of an event, and let it pass."""
        if event.type() in self._kinds:
            self._on_change()
        return False
