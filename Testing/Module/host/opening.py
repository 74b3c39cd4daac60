"""Opens a scripted module as the application does: its description first, then its widget."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import qt
import slicer

from .modules import Module
from .start import MODULE_FOLDER


class ScriptedModule(Module):
    """`slicer.modules.<name>` of a module in Python, which fills in title, texts and icon."""


def load_module(name: str, folder: Path = MODULE_FOLDER) -> ScriptedModule:
    """Imports a module's file and lets it describe itself."""
    python = importlib.import_module(name)
    module = ScriptedModule(name, path=str(folder / f"{name}.py"))
    setattr(slicer.modules, name.lower(), module)
    getattr(python, name)(module)
    return module


def open_module(name: str) -> Any:
    """The module's widget after `setup()`, in a window 400 px wide."""
    load_module(name)
    parent = slicer.qMRMLWidget()
    parent.setLayout(qt.QVBoxLayout())
    parent.setMRMLScene(slicer.mrmlScene)
    parent.resize(400, 1000)
    widget = getattr(importlib.import_module(name), f"{name}Widget")(parent)
    setattr(slicer.modules, f"{name}Widget", widget)
    widget.setup()
    parent.show()
    qt.QApplication.processEvents()
    return widget


def close_module(name: str, widget: Any) -> None:
    """Takes the module down as the application does at its end."""
    slicer.app.moduleManager().unload(name)
    delattr(slicer.modules, f"{name}Widget")
    widget.parent.close()
    widget.parent.deleteLater()
    qt.QApplication.sendPostedEvents(None, qt.QEvent.DeferredDelete)
    qt.QApplication.processEvents()
