"""Loads Slicer's .ui files: stand-ins for its own widgets, and the scene handed from the root to its children."""

from __future__ import annotations

from collections.abc import Mapping
from xml.etree import ElementTree

from PySide6 import QtCore, QtUiTools, QtWidgets

# Filled by `start`, before any .ui file is loaded: class name in the .ui file -> stand-in.
custom_widgets: dict[str, type] = {}


class UiLoader(QtUiTools.QUiLoader):
    """`QUiLoader` that knows the widgets of ctk and qMRML."""

    def load(self, device, parent=None) -> QtWidgets.QWidget:
        """Loads a file or an open device.

        Raises:
            RuntimeError: the file uses a widget that this host has no stand-in for.
        """
        if isinstance(device, str):
            device = QtCore.QFile(device)
            device.open(QtCore.QIODevice.OpenModeFlag.ReadOnly)
        document = ElementTree.fromstring(bytes(device.readAll().data()))
        _refuse_unknown_widgets(document, custom_widgets)
        scene_connections = _take_scene_connections(document)
        buffer = QtCore.QBuffer()
        buffer.setData(ElementTree.tostring(document))
        buffer.open(QtCore.QIODevice.OpenModeFlag.ReadOnly)
        root = super().load(buffer, parent)
        _connect_scene(root, scene_connections)
        return root

    def createWidget(self, class_name, parent=None, name=""):
        """The widget of a class in the .ui file."""
        kind = custom_widgets.get(class_name)
        if kind is None:
            return super().createWidget(class_name, parent, name)
        widget = kind(parent)
        widget.setObjectName(name)
        return widget


def _refuse_unknown_widgets(document: ElementTree.Element, known: Mapping[str, type]) -> None:
    names = {widget.get("class") for widget in document.iter("widget")}
    unknown = sorted(name for name in names if name[0] != "Q" and name not in known)
    if unknown:
        raise RuntimeError(f"The test host has no stand-in for {', '.join(unknown)}: see Testing/Module/host.")


def _take_scene_connections(document: ElementTree.Element) -> list[tuple[str, str]]:
    """Takes the connections that hand on the scene out of the file: Qt cannot make them for Python signals."""
    found = []
    for connections in document.iter("connections"):
        for connection in list(connections):
            if connection.findtext("slot", "").startswith("setMRMLScene("):
                found.append((connection.findtext("sender"), connection.findtext("receiver")))
                connections.remove(connection)
    return found


def _connect_scene(root: QtWidgets.QWidget, connections: list[tuple[str, str]]) -> None:
    def named(name: str) -> QtWidgets.QWidget:
        return root if root.objectName == name else root.findChild(QtWidgets.QWidget, name)

    for sender, receiver in connections:
        named(sender).mrmlSceneChanged.connect(named(receiver).setMRMLScene)
