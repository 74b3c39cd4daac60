"""Puts the host together, once a process."""

from __future__ import annotations

import importlib
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .dialogs import Dialogs
from .errors import SwallowedErrors

SOURCE_VARIABLE = "BREASTFUSION_SLICER_SOURCE"
REPOSITORY = Path(__file__).resolve().parents[3]
MODULE_FOLDER = REPOSITORY / "BreastFusion"

_started: list[Host] = []


@dataclass
class Host:
    """What a test may ask of the host.

    Attributes:
        app: `slicer.app`.
        errors: exceptions of slots and observers.
        dialogs: what was asked of the user.
        installs: what was asked of `slicer.packaging`.
        slicer_source: the checkout whose Python files are used, or None.
    """

    app: Any
    errors: SwallowedErrors
    dialogs: Dialogs
    installs: Any
    slicer_source: Path | None

    def reset(self) -> None:
        """A new scene and nothing remembered, as after a start of the application."""
        import slicer

        from .layouts import reset_views

        slicer.mrmlScene.Clear(0)
        # Singletons outlive a closed scene, and with them what a test chose.
        for name in ("vtkMRMLScriptedModuleNode", "vtkMRMLSegmentEditorNode"):
            for node in slicer.util.getNodesByClass(name):
                slicer.mrmlScene.RemoveNode(node)
        reset_views()
        self.dialogs.reset()
        self.installs.reset()
        self.app.extensionsManagerModel().reset()
        self.app.userSettings().clear()
        self.app.testingEnabledFlag = False
        self.app.processEvents()
        self.errors.take()


def start() -> Host:
    """Starts the host; a second call gives the same one."""
    if not _started:
        _started.append(_start())
    return _started[0]


def _start() -> Host:
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    if not os.environ.get("DISPLAY"):
        os.environ.setdefault("VTK_DEFAULT_OPENGL_WINDOW", "vtkEGLRenderWindow")
    import slicer

    errors = SwallowedErrors()
    errors.watch()
    dialogs = Dialogs(errors.add)
    source = _slicer_source()
    _provide_qt(dialogs)
    app = _provide_slicer(slicer, source)
    if str(MODULE_FOLDER) not in sys.path:
        sys.path.insert(0, str(MODULE_FOLDER))
    from . import packaging

    return Host(app, errors, dialogs, packaging.installs, source)


def _slicer_source() -> Path | None:
    value = os.environ.get(SOURCE_VARIABLE, "")
    if not value:
        return None
    folder = Path(value) / "Base" / "Python" / "slicer"
    if not (folder / "parameterNodeWrapper").is_dir():
        raise RuntimeError(f"{SOURCE_VARIABLE} names {value}, which has no Base/Python/slicer/parameterNodeWrapper.")
    return Path(value)


def _provide_qt(dialogs: Dialogs) -> None:
    from .qt_module import drop_known_complaints, make_ctk, make_qt

    drop_known_complaints()
    sys.modules["qt"] = make_qt(dialogs)
    sys.modules["ctk"] = make_ctk()


def _provide_slicer(slicer, source: Path | None):
    """Fills the namespace `slicer` in the order of dependence: widgets, application, scene, logics, Python modules."""
    from .application import Application
    from .layouts import LayoutManager
    from .modules import make_modules
    from .subject_hierarchy import keep_items

    slicer.app = Application()
    slicer.mrmlScene = _make_scene(slicer, slicer.app.temporaryPath)
    application_logic = slicer.vtkSlicerApplicationLogic()
    application_logic.SetMRMLScene(slicer.mrmlScene)
    slicer.modules = make_modules(application_logic, slicer.mrmlScene)
    keep_items(slicer.mrmlScene)
    slicer.moduleNames = type("moduleNames", (), {})
    _provide_widgets(slicer)
    slicer.app.start_layouts(LayoutManager(application_logic, slicer.mrmlScene))
    _provide_python_modules(slicer, source)
    return slicer.app


def _make_scene(slicer, temporary_folder: str):
    """A scene with the managers that saved scenes are unpacked by."""
    scene = slicer.vtkMRMLScene()
    cache = slicer.vtkCacheManager()
    cache.SetRemoteCacheDirectory(temporary_folder)
    io_manager = slicer.vtkDataIOManager()
    io_manager.SetCacheManager(cache)
    scene.SetCacheManager(cache)
    scene.SetDataIOManager(io_manager)
    return scene


def _provide_widgets(slicer) -> None:
    from . import ctk_widgets, qmrml_widgets
    from .named_widgets import SLICER_NAMES, plain_widgets, provide_modules
    from .ui_loader import custom_widgets

    named = plain_widgets(SLICER_NAMES)
    provide_modules(named)
    for name, value in named.items():
        setattr(slicer, name, value)

    for module in (ctk_widgets, qmrml_widgets):
        for name, value in vars(module).items():
            if isinstance(value, type) and name.startswith(("ctk", "qMRML", "qSlicer")):
                custom_widgets[name] = value
                if name.startswith("q"):
                    setattr(slicer, name, value)


def _provide_python_modules(slicer, source: Path | None) -> None:
    names = {
        "i18n": "i18n",
        "ScriptedLoadableModule": "scripted_module",
        "parameterNodeWrapper": "parameter_node",
        "packaging": "packaging",
    }
    if source is not None:
        slicer.__path__.append(str(source / "Base" / "Python" / "slicer"))
    for public, ours in names.items():
        if source is not None and public != "packaging":
            module = importlib.import_module(f"slicer.{public}")
        else:
            module = importlib.import_module(f"{__package__}.{ours}")
            sys.modules[f"slicer.{public}"] = module
        setattr(slicer, public, module)
