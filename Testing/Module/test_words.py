"""Every word on the screen can be translated: literals that a user sees go through `_()`, as whole sentences."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

MODULE = Path(__file__).resolve().parents[2] / "BreastFusion"
MODULE_FILES = sorted(MODULE.rglob("*.py"))

# Calls whose text a user reads: methods of widgets and nodes, widgets made with their text, and our own sentences.
SHOW_TEXT = {
    *("setText", "setToolTip", "setStatusTip", "setWindowTitle", "setTitle", "setPlaceholderText", "setHtml"),
    *("setPrefix", "setSuffix", "addItem", "addItems", "addAction", "addTab", "addRow", "appendPlainText"),
    *("setHorizontalHeaderLabels", "setSpecialValueText", "showMessage", "showStatusMessage"),
    *("QLabel", "QPushButton", "QToolButton", "QCheckBox", "QRadioButton", "QAction", "QGroupBox", "QTableWidgetItem"),
    *("confirmYesNoDisplay", "confirmOkCancelDisplay", "errorDisplay", "infoDisplay", "warningDisplay"),
    *("say", "InputError", "WorkerError"),
}
# Units, signs and the field's abbreviations are the same in every language.
WORD = re.compile(r"[a-z]{3,}")


def is_translation(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "_"


def name_of_call(node: ast.Call) -> str:
    return node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")


def literals(node: ast.AST) -> Iterator[str]:
    """Yield literal text that becomes part of an expression's value; what is translated or looked up is passed over."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.JoinedStr):
        for part in node.values:
            if isinstance(part, ast.Constant):
                yield str(part.value)
            elif isinstance(part, ast.FormattedValue):
                yield from literals(part.value)
    elif isinstance(node, ast.BinOp):
        yield from (*literals(node.left), *literals(node.right))
    elif isinstance(node, ast.IfExp):
        yield from (*literals(node.body), *literals(node.orelse))
    elif isinstance(node, ast.BoolOp):
        for value in node.values:
            yield from literals(value)
    elif isinstance(node, ast.List | ast.Tuple):
        for value in node.elts:
            yield from literals(value)
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in ("format", "join"):
        for value in (node.func.value, *node.args, *(keyword.value for keyword in node.keywords)):
            yield from literals(value)


def untranslated(source: str) -> list[str]:
    """Return what a user would read in English only: 'line: text'."""
    return [
        f"{call.lineno}: {text!r}"
        for call in ast.walk(ast.parse(source))
        if isinstance(call, ast.Call) and name_of_call(call) in SHOW_TEXT
        # What kind of error it is, is for the program.
        for argument in (*call.args[name_of_call(call) == "WorkerError" :], *(one.value for one in call.keywords))
        for text in literals(argument)
        if WORD.search(text)
    ]


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ('label.setText("Nothing here")', 1),
        ('label.setText(_("Nothing here"))', 0),
        ('label.setText(_("{n} lesions").format(n=3))', 0),
        ('label.setText("{n} lesions".format(n=3))', 1),
        ('label.setText(f"{count} lesions")', 1),
        ('label.setText(f"{volume:.2f} cm³")', 0),
        ('label.setText(_("Ready") if ready else "not ready")', 1),
        ('raise InputError("No exam: " + _("open one."))', 1),
        ('context.say(_("No exam."))', 0),
        ('WorkerError("died", _("It ended."))', 0),
        ('WorkerError("died", "It ended.")', 1),
        ('button = qt.QPushButton("Dismiss")', 1),
        ('chooser.addItem("T1")', 0),
        ('node.SetAttribute("BreastFusion.description", text)', 0),
    ],
)
def test_the_rule_finds_what_it_should(source, found):
    assert len(untranslated(source)) == found


@pytest.mark.parametrize("path", MODULE_FILES, ids=lambda path: path.relative_to(MODULE).as_posix())
def test_what_a_user_reads_can_be_translated(path):
    assert not untranslated(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("path", MODULE_FILES, ids=lambda path: path.relative_to(MODULE).as_posix())
def test_what_is_translated_is_a_whole_literal(path):
    """Translators see what stands in the source: a text put together from values has no translation."""
    odd = [
        f"{call.lineno}: {ast.unparse(call)}"
        for call in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if is_translation(call)
        and not (len(call.args) == 1 and isinstance(call.args[0], ast.Constant) and isinstance(call.args[0].value, str))
    ]
    assert not odd


@pytest.mark.parametrize("path", MODULE_FILES, ids=lambda path: path.relative_to(MODULE).as_posix())
def test_the_name_of_the_translation_means_nothing_else(path):
    """A loop variable `_` would make the same function's sentences fail just when they are needed."""
    stored = [
        node.lineno
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Name) and node.id == "_" and isinstance(node.ctx, ast.Store)
    ]
    assert not stored
