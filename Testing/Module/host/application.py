"""Stand-in for `slicer.app`: a real QApplication with what scripted modules ask of Slicer's."""

from __future__ import annotations

import tempfile
from collections.abc import Callable

import slicer
from PySide6 import QtCore, QtWidgets
from PySide6.QtCore import Signal

from .files import IoManager


class Application(QtWidgets.QApplication):
    """The application, off screen.

    Attributes:
        temporaryPath: a folder of this process.
        testingEnabledFlag: what `testingEnabled()` says; False, so that message boxes come and are answered.
    """

    startupCompleted = Signal()
    aboutToQuitApplication = Signal()

    def __init__(self) -> None:
        super().__init__(["Slicer"])
        self.applicationName = "Slicer"
        self._folder = tempfile.TemporaryDirectory(prefix="host-")
        self._settings = _own_settings(self._folder.name)
        self.temporaryPath = self._folder.name
        self.slicerHome = self._folder.name
        self.slicerUserSettingsFilePath = self._settings.fileName()
        self.majorVersion, self.minorVersion, self.patchVersion = 5, 13, 0
        self.testingEnabledFlag = False
        self.documentationBaseUrl = ""
        self._module_manager = ModuleManager()
        self._layout_manager = None
        self._extensions = ExtensionsManagerModel()
        self._io_manager = IoManager()
        self._render_pauses = 0

    def start_layouts(self, layout_manager) -> None:
        self._layout_manager = layout_manager

    def userSettings(self) -> QtCore.QSettings:
        return self._settings

    settings = revisionUserSettings = userSettings

    def layoutManager(self):
        return self._layout_manager

    def moduleManager(self) -> ModuleManager:
        return self._module_manager

    def extensionsManagerModel(self) -> ExtensionsManagerModel:
        return self._extensions

    def coreIOManager(self) -> IoManager:
        return self._io_manager

    ioManager = coreIOManager

    def testingEnabled(self) -> bool:
        return self.testingEnabledFlag

    def mrmlScene(self):
        return slicer.mrmlScene

    def applicationLogic(self):
        return slicer.modules.application_logic

    def pauseRender(self) -> None:
        self._render_pauses += 1

    def resumeRender(self) -> None:
        self._render_pauses = max(0, self._render_pauses - 1)

    def setRenderPaused(self, paused: bool) -> None:
        self.pauseRender() if paused else self.resumeRender()

    def isRenderPaused(self) -> bool:
        return self._render_pauses > 0

    def translate(self, context: str, text: str, *_) -> str:
        return text

    def moduleDocumentationUrl(self, name: str) -> str:
        return name


def _own_settings(folder: str) -> QtCore.QSettings:
    """Settings in a folder of this process, also for `QSettings()` without a name: never those of the person."""
    ini = QtCore.QSettings.Format.IniFormat
    QtCore.QSettings.setDefaultFormat(ini)
    QtCore.QSettings.setPath(ini, QtCore.QSettings.Scope.UserScope, folder)
    QtCore.QCoreApplication.setOrganizationName("BreastFusionTests")
    return QtCore.QSettings()


class ModuleManager:
    """Knows which modules are there; tells them before they go."""

    def __init__(self) -> None:
        self._receivers: dict[str, list[Callable]] = {}

    def connect(self, signal: str, receiver: Callable) -> None:
        self._receivers.setdefault(signal, []).append(receiver)

    def disconnect(self, signal: str, receiver: Callable) -> None:
        if receiver in self._receivers.get(signal, []):
            self._receivers[signal].remove(receiver)

    def unload(self, name: str) -> None:
        """What the application does before it closes or reloads a module."""
        for receiver in list(self._receivers.get("moduleAboutToBeUnloaded(QString)", [])):
            receiver(name)

    def module(self, name: str):
        return getattr(slicer.modules, name.lower(), None)

    def factoryManager(self) -> ModuleManager:
        return self

    def loadedModuleNames(self) -> list[str]:
        return [module.name for module in vars(slicer.modules).values() if hasattr(module, "name")]

    def isLoaded(self, name: str) -> bool:
        return name in self.loadedModuleNames()

    modulesNames = loadedModuleNames


class ExtensionsManagerModel:
    """Extensions that can be installed: none, unless a test says so.

    Attributes:
        available: names that the server offers.
        installed: names that are installed.
        interactive: the property of that name.
    """

    def __init__(self) -> None:
        self.available: set[str] = set()
        self.installed: set[str] = set()
        self.interactive = True

    def isExtensionInstalled(self, name: str) -> bool:
        return name in self.installed

    def isExtensionAvailable(self, name: str) -> bool:
        return name in self.available

    def updateExtensionsMetadataFromServer(self, *_) -> bool:
        return bool(self.available)

    def installExtensionFromServer(self, name: str, *_) -> bool:
        if name in self.available:
            self.installed.add(name)
        return name in self.available

    def reset(self) -> None:
        self.available.clear()
        self.installed.clear()
