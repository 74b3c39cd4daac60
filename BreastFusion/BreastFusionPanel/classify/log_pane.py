"""The end of the child process's log, folded away until somebody asks for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import qt
import slicer

if TYPE_CHECKING:
    from ..context import PanelContext

__all__ = ["LogPane"]

LINES = 500


class LogPane:
    """Shows at most the last 500 lines."""

    def __init__(self, context: PanelContext, ui: Any) -> None:
        self._context, self._ui = context, ui
        ui.showLogButton.toggled.connect(context.guarded(self.update))
        ui.copyLogButton.clicked.connect(context.guarded(self._copy))

    def update(self) -> None:
        """Show the newest lines, if the pane is open."""
        is_open = self._ui.showLogButton.checked
        self._ui.logWidget.setVisible(is_open)
        self._ui.showLogButton.setArrowType(qt.Qt.DownArrow if is_open else qt.Qt.RightArrow)
        if is_open:
            self._ui.logText.setPlainText(self._text())
            bar = self._ui.logText.verticalScrollBar()
            bar.setValue(bar.maximum)

    def _text(self) -> str:
        return "\n".join(self._context.worker.last_lines[-LINES:])

    def _copy(self) -> None:
        slicer.app.clipboard().setText(self._text())
