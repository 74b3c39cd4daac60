"""Errors that Qt and VTK swallow: raised in a slot or an observer, they are printed and forgotten, unless recorded."""

from __future__ import annotations

import sys
import traceback


class SwallowedErrors:
    """Keeps every exception that reached `sys.excepthook`, which is where PySide6 and VTK send those of callbacks."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self._previous_hook = None

    def watch(self) -> None:
        """Takes the place of the interpreter's hook; the hook before it still prints."""
        if self._previous_hook is None:
            self._previous_hook = sys.excepthook
            sys.excepthook = self._record

    def add(self, text: str) -> None:
        """Records an error that has no exception of its own, such as a dialog that nobody answered."""
        self.texts.append(text)

    def take(self) -> list[str]:
        """What was recorded since the last call."""
        taken, self.texts = self.texts, []
        return taken

    def _record(self, kind, error, trace) -> None:
        self.texts.append("".join(traceback.format_exception(kind, error, trace)))
        self._previous_hook(kind, error, trace)
