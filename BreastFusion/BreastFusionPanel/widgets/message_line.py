"""The line in which the panel speaks: one sentence, and the log's last lines where there are any."""

from __future__ import annotations

from typing import TYPE_CHECKING

import qt
import slicer
from slicer.i18n import tr as _

if TYPE_CHECKING:
    from ..context import PanelContext

__all__ = ["MessageLine"]


class MessageLine:
    """Hidden while there is nothing to say; never a box that must be clicked away.

    Attributes:
        widget: to put into the panel.
        text: what it says now; empty when hidden.
        details: last lines of a log, for the copy button.
    """

    def __init__(self, context: PanelContext) -> None:
        self.text, self.details = "", ""
        self.widget = qt.QFrame()
        self.widget.setObjectName("messageLine")
        self.widget.setFrameShape(qt.QFrame.StyledPanel)
        self.label = qt.QLabel()
        self.label.setObjectName("messageLabel")
        self.label.setWordWrap(True)
        # A message is text: names of files and series must not be read as markup.
        self.label.setTextFormat(qt.Qt.PlainText)
        self.label.setTextInteractionFlags(qt.Qt.TextSelectableByMouse)
        self.label.setToolTip(_("What happened, and what you can do about it"))
        self.copy_button = self._button(_("Copy log"), _("Copy the last lines of the log, to report a problem"))
        self.close_button = self._button(_("Dismiss"), _("Hide this message"))
        buttons = qt.QHBoxLayout()
        buttons.addStretch(1)
        buttons.addWidget(self.copy_button)
        buttons.addWidget(self.close_button)
        layout = qt.QVBoxLayout(self.widget)
        layout.addWidget(self.label)
        layout.addLayout(buttons)
        self.copy_button.clicked.connect(self._copy)
        self.close_button.clicked.connect(self._dismiss)
        context.message.connect(self.show)
        self.show("", "")

    def show(self, text: str, details: str) -> None:
        """Say something; an empty text hides the line."""
        self.text, self.details = text, details
        self.label.setText(text)
        self.copy_button.setVisible(bool(details))
        self.widget.setVisible(bool(text))

    def _copy(self, *_args: object) -> None:
        slicer.app.clipboard().setText(f"{self.text}\n\n{self.details}")

    def _dismiss(self, *_args: object) -> None:
        self.show("", "")

    @staticmethod
    def _button(text: str, tooltip: str) -> qt.QPushButton:
        button = qt.QPushButton(text)
        button.setToolTip(tooltip)
        return button
