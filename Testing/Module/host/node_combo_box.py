"""Stand-ins for the qMRML widgets that know the scene: `qMRMLWidget` and `qMRMLNodeComboBox`."""

from __future__ import annotations

import vtk
from PySide6 import QtWidgets
from PySide6.QtCore import Property, Signal


class qMRMLWidget(QtWidgets.QWidget):
    """A widget with a scene, which it hands to those connected."""

    mrmlSceneChanged = Signal(object)

    def __init__(self, parent=None) -> None:
        super().__init__(parent)
        self._scene = None

    def setMRMLScene(self, scene) -> None:
        if scene is not self._scene:
            self._scene = scene
            self.mrmlSceneChanged.emit(scene)

    def mrmlScene(self):
        return self._scene


class SceneObservers:
    """Observers of a scene and its nodes that end with the widget they serve."""

    def __init__(self, widget: QtWidgets.QWidget) -> None:
        self._tags: list[tuple[vtk.vtkObject, int]] = []
        # The receiver must not hold the widget: Qt deletes it, Python's object may live on.
        widget.destroyed.connect(self.remove_all)

    def add(self, subject: vtk.vtkObject, event: int, callback) -> None:
        self._tags.append((subject, subject.AddObserver(event, callback)))

    def remove(self, subject: vtk.vtkObject) -> None:
        for observed, tag in self._tags:
            if observed is subject:
                observed.RemoveObserver(tag)
        self._tags = [(observed, tag) for observed, tag in self._tags if observed is not subject]

    def remove_all(self, *_) -> None:
        for observed, tag in self._tags:
            observed.RemoveObserver(tag)
        self._tags.clear()


class qMRMLNodeComboBox(QtWidgets.QComboBox):
    """A combo box of the scene's nodes of certain classes, in the scene's order."""

    currentNodeChanged = Signal(object)
    currentNodeIDChanged = Signal(str)
    nodeActivated = Signal(object)
    nodeAdded = Signal(object)
    nodeAddedByUser = Signal(object)

    def __init__(self, parent=None) -> None:
        super().__init__(parent)
        self._scene = None
        self._observers = SceneObservers(self)
        self._node_types: list[str] = []
        self._attributes: dict[str, dict[str, str | None]] = {}
        self._nodes: list = []
        self._current = None
        self._flags = dict.fromkeys(_flag_names, False)
        self._flags.update(addEnabled=True, removeEnabled=True, showChildNodeTypes=True, selectNodeUponCreation=True)
        self._none_display = "None"
        self._base_name = ""
        self.currentIndexChanged.connect(self._index_changed)
        self.activated.connect(self._activated)

    # Scene

    def setMRMLScene(self, scene) -> None:
        if scene is self._scene:
            return
        self._observers.remove_all()
        self._scene = scene
        if scene is not None:
            for event in (scene.NodeAddedEvent, scene.NodeRemovedEvent):
                self._observers.add(scene, event, self._nodes_changed)
            for event in (scene.EndBatchProcessEvent, scene.EndCloseEvent, scene.EndImportEvent):
                self._observers.add(scene, event, self._scene_settled)
        self._refill()

    def mrmlScene(self):
        return self._scene

    # Which nodes

    def setNodeTypes(self, names) -> None:
        self._node_types = list(names)
        self._refill()

    nodeTypes = Property("QStringList", lambda self: list(self._node_types), setNodeTypes)

    def addAttribute(self, node_type: str, name: str, value=None) -> None:
        self._attributes.setdefault(node_type, {})[name] = value
        self._refill()

    def removeAttribute(self, node_type: str, name: str) -> None:
        self._attributes.get(node_type, {}).pop(name, None)
        self._refill()

    # The chosen node

    def currentNode(self):
        return self._current

    def setCurrentNode(self, node) -> None:
        if isinstance(node, str):
            node = self._scene.GetNodeByID(node) if self._scene and node else None
        if node is not None and node not in self._nodes:
            node = None
        self._choose(node)

    def setCurrentNodeID(self, node_id: str) -> None:
        self.setCurrentNode(node_id or None)

    currentNodeID = Property(
        str, lambda self: self._current.GetID() if self._current is not None else "", setCurrentNodeID
    )

    def nodeCount(self) -> int:
        return len(self._nodes)

    def nodeFromIndex(self, index: int):
        return self._nodes[index]

    def nodes(self) -> list:
        return list(self._nodes)

    def addNode(self, node_type: str | None = None):
        node = self._scene.AddNewNodeByClass(node_type or self._node_types[0], self._base_name or "")
        self.setCurrentNode(node)
        self.nodeAddedByUser.emit(node)
        return node

    def setNoneDisplay(self, text: str) -> None:
        self._none_display = text
        self._refill()

    noneDisplay = Property(str, lambda self: self._none_display, setNoneDisplay)

    def setBaseName(self, name: str) -> None:
        self._base_name = name

    baseName = Property(str, lambda self: self._base_name, setBaseName)

    def setFlag(self, name: str, on: bool) -> None:
        self._flags[name] = bool(on)
        self._refill()

    # Following the scene

    def _nodes_changed(self, caller, event) -> None:
        if not self._scene.IsBatchProcessing():
            self._refill()

    def _scene_settled(self, caller, event) -> None:
        self._refill()

    def _renamed(self, caller, event) -> None:
        if caller in self._nodes:
            index = self._nodes.index(caller) + self._first_node_index
            if self.itemText(index) != caller.GetName():
                self.setItemText(index, caller.GetName())

    @property
    def _first_node_index(self) -> int:
        return 1 if self._flags["noneEnabled"] else 0

    def _refill(self) -> None:
        nodes = self._wanted_nodes()
        for node in self._nodes:
            if node not in nodes:
                self._observers.remove(node)
        for node in nodes:
            if node not in self._nodes:
                self._observers.add(node, vtk.vtkCommand.ModifiedEvent, self._renamed)
        previous = self._current
        self._nodes = nodes
        blocked = self.blockSignals(True)
        self.clear()
        if self._flags["noneEnabled"]:
            self.addItem(self._none_display)
        for node in nodes:
            self.addItem(node.GetName())
        self.blockSignals(blocked)
        current = previous if previous in nodes else None
        if current is None and nodes and not self._flags["noneEnabled"]:
            current = nodes[0]
        self._choose(current)

    def _wanted_nodes(self) -> list:
        if self._scene is None:
            return []
        found = [self._scene.GetNthNode(index) for index in range(self._scene.GetNumberOfNodes())]
        return [node for node in found if self._wants(node)]

    def _wants(self, node) -> bool:
        if node.GetHideFromEditors() and not self._flags["showHidden"]:
            return False
        for node_type in self._node_types:
            matches = node.IsA(node_type) if self._flags["showChildNodeTypes"] else node.GetClassName() == node_type
            if matches:
                wanted = self._attributes.get(node_type, {})
                return all(
                    node.GetAttribute(name) is not None and value in (None, "", node.GetAttribute(name))
                    for name, value in wanted.items()
                )
        return False

    def _choose(self, node) -> None:
        index = self._nodes.index(node) + self._first_node_index if node is not None else self._first_node_index - 1
        blocked = self.blockSignals(True)
        self.setCurrentIndex(index)
        self.blockSignals(blocked)
        self._set_current(node)

    def _index_changed(self, index: int) -> None:
        position = index - self._first_node_index
        self._set_current(self._nodes[position] if 0 <= position < len(self._nodes) else None)

    def _set_current(self, node) -> None:
        if node is self._current:
            return
        self._current = node
        self.currentNodeChanged.emit(node)
        self.currentNodeIDChanged.emit(node.GetID() if node is not None else "")

    def _activated(self, index: int) -> None:
        self.nodeActivated.emit(self._current)


_flag_names = (
    "noneEnabled",
    "addEnabled",
    "removeEnabled",
    "editEnabled",
    "renameEnabled",
    "showHidden",
    "showChildNodeTypes",
    "selectNodeUponCreation",
    "interactionNodeSingletonTag",
)


def _flag(name: str) -> Property:
    return Property(bool, lambda self: self._flags[name], lambda self, on: self.setFlag(name, on))


# Properties must be there when the class is made, for Qt's property system to know them.
def _with_flags(kind: type) -> type:
    members = {name: _flag(name) for name in _flag_names}
    for name in _flag_names:
        members[f"set{name[0].upper()}{name[1:]}"] = lambda self, on, name=name: self.setFlag(name, on)
    return type(kind.__name__, (kind,), members)


qMRMLNodeComboBox = _with_flags(qMRMLNodeComboBox)
