"""The wheel scrolls the panel, and never changes a patient's value that happens to pass below the pointer."""

from __future__ import annotations

from typing import Any

import qt

__all__ = ["Unscrolled"]


# A widget, because that is what PythonQt lets Python code override `eventFilter` of.
class Unscrolled(qt.QWidget):
    """Hands the wheel of a combo box on to what it lies in."""

    def __init__(self, widget: Any) -> None:
        super().__init__(widget)
        self.hide()
        widget.installEventFilter(self)

    def eventFilter(self, _watched: Any, event: Any) -> bool:
        """Keep the wheel from the widget; ignored, it goes on to the parent."""
        is_wheel = event.type() == qt.QEvent.Wheel
        if is_wheel:
            event.ignore()
        return bool(is_wheel)
