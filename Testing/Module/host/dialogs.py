"""Message boxes and file dialogs that never wait: what was asked is recorded and answered as the test said before."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from PySide6 import QtWidgets

_buttons = QtWidgets.QMessageBox.StandardButton


@dataclass(frozen=True)
class Asked:
    """One dialog that was opened.

    Attributes:
        kind: 'message', 'question', 'open file', 'open folder', 'save file', 'text', 'dialog'.
        title: the window's title.
        text: the words shown; for a file dialog the folder or file it starts with.
        detail: the detailed text of a message box.
    """

    kind: str
    title: str
    text: str
    detail: str = ""


class Dialogs:
    """Answers for dialogs. A question that nobody foresaw is refused and recorded as an error."""

    def __init__(self, record_error: Callable[[str], None]) -> None:
        self.asked: list[Asked] = []
        self._answers: deque[Any] = deque()
        self._record_error = record_error

    def answer(self, *values: Any) -> None:
        """Answers of the dialogs to come, in order.

        A question takes True, False or a button; a file dialog a path ('' or None cancels); a text dialog a text or
        None; any other dialog True, False, or a function that gets the dialog and presses what it likes.
        """
        self._answers.extend(values)

    def reset(self) -> None:
        """Forgets what was asked and the answers that nobody took."""
        self.asked.clear()
        self._answers.clear()

    def ask(self, asked: Asked, refusal: Any) -> Any:
        """Records a dialog and gives its answer."""
        self.asked.append(asked)
        if self._answers:
            return self._answers.popleft()
        if asked.kind == "message":
            return True
        self._record_error(f"A dialog was opened that no test foresaw: {asked}")
        return refusal


def answer_dialogs(dialogs: Dialogs) -> None:
    """Puts the answers in the place of Qt's modal calls."""
    _answer_message_boxes(dialogs)
    _answer_file_dialogs(dialogs)
    _answer_other_dialogs(dialogs)


def _pressed(answer: Any, offered: Any) -> Any:
    """The button that True or False means among those offered."""
    if not isinstance(answer, bool):
        return answer
    yes = (_buttons.Ok, _buttons.Yes, _buttons.Save, _buttons.Apply, _buttons.Retry, _buttons.Close)
    no = (_buttons.Cancel, _buttons.No, _buttons.Discard, _buttons.Close, _buttons.Ok)
    return next((button for button in (yes if answer else no) if button & offered), _buttons.NoButton)


def _answer_message_boxes(dialogs: Dialogs) -> None:
    box_class = QtWidgets.QMessageBox

    def run(box) -> Any:
        offered = box.standardButtons
        single = not offered or bin(offered.value).count("1") <= 1
        kind = "message" if single and len(box.buttons()) <= 1 else "question"
        asked = Asked(kind, box.windowTitle.strip(), box.text, box.detailedText)
        return _pressed(dialogs.ask(asked, False), offered or _buttons.Ok)

    def shortcut(kind: str, default: Any) -> Callable:
        def ask(parent, title, text, buttons=default, *_) -> Any:
            return _pressed(dialogs.ask(Asked(kind, title, text), False), buttons)

        return staticmethod(ask)

    box_class.exec = box_class.exec_ = run
    box_class.question = shortcut("question", _buttons.Yes | _buttons.No)
    for name in ("information", "warning", "critical"):
        setattr(box_class, name, shortcut("message", _buttons.Ok))


def _answer_file_dialogs(dialogs: Dialogs) -> None:
    def file_dialog(kind: str) -> Callable:
        def ask(parent=None, caption="", folder="", *_, **__) -> str:
            return str(dialogs.ask(Asked(kind, caption, str(folder)), "") or "")

        return staticmethod(ask)

    # PythonQt gives the path alone, PySide6 the path and the filter: module code sees PythonQt's form.
    QtWidgets.QFileDialog.getOpenFileName = file_dialog("open file")
    QtWidgets.QFileDialog.getSaveFileName = file_dialog("save file")
    QtWidgets.QFileDialog.getExistingDirectory = file_dialog("open folder")


def _answer_other_dialogs(dialogs: Dialogs) -> None:
    def ask_text(parent, title, label, *_, **__) -> str:
        return dialogs.ask(Asked("text", title, label), "") or ""

    def run(dialog) -> int:
        answer = dialogs.ask(Asked("dialog", dialog.windowTitle, type(dialog).__name__), False)
        if callable(answer):
            answer = answer(dialog)
        return int(QtWidgets.QDialog.DialogCode.Accepted if answer else QtWidgets.QDialog.DialogCode.Rejected)

    QtWidgets.QInputDialog.getText = QtWidgets.QInputDialog.getItem = staticmethod(ask_text)
    QtWidgets.QDialog.exec = QtWidgets.QDialog.exec_ = run
