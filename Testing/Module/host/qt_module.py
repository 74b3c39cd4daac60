"""The modules `qt` and `ctk` of the application, for PySide6."""

from __future__ import annotations

import sys
from types import ModuleType

from PySide6 import QtCore, QtGui, QtUiTools, QtWidgets

from . import ctk_widgets
from .dialogs import Dialogs, answer_dialogs
from .named_widgets import CTK_NAMES, plain_widgets
from .qt_properties import qobject_classes, show_properties_as_attributes
from .ui_loader import UiLoader


def make_qt(dialogs: Dialogs) -> ModuleType:
    """`qt`: what PySide6 has in four modules, with properties as attributes and dialogs that answer by themselves."""
    parts = (QtCore, QtGui, QtWidgets, QtUiTools)
    show_properties_as_attributes(qobject_classes(*parts))
    answer_dialogs(dialogs)
    module = ModuleType("qt")
    for part in parts:
        for name in dir(part):  # not vars(): PySide6 makes its classes when they are first asked for
            if not name.startswith("_"):
                setattr(module, name, getattr(part, name))
    module.QUiLoader = UiLoader
    module.Slot = QtCore.Slot
    module.Signal = QtCore.Signal
    return module


def make_ctk() -> ModuleType:
    """`ctk`: the stand-ins of its widgets."""
    module = ModuleType("ctk")
    for name in dir(ctk_widgets):
        if name.startswith("ctk"):
            setattr(module, name, getattr(ctk_widgets, name))
    for name, widget in plain_widgets(CTK_NAMES).items():
        setattr(module, name, widget)
    return module


def drop_known_complaints() -> None:
    """Qt without a screen complains of each window; everything else that Qt says is still printed."""

    def say(kind, context, text: str) -> None:
        if "propagateSizeHints" not in text:
            print(text, file=sys.stderr)

    QtCore.qInstallMessageHandler(say)
