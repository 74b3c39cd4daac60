"""`@parameterNodeWrapper`: the class whose attributes are a parameter node's values."""

from __future__ import annotations

import weakref
from typing import Any, get_type_hints

import qt
import slicer
import vtk

from .annotations import Default, first_annotation
from .binding import Binding, bind
from .pack import data_type
from .storage import Storage, storage_of

_property_name = "SlicerParameterName"


class _Parameter:
    """One parameter in one node; its value is read again when the node changes."""

    def __init__(self, storage: Storage, default: Default, node, name: str) -> None:
        self._storage, self._default, self._node, self._name = storage, default, node, name
        self._is_writing = False
        self._value = self._read()
        if storage.is_cached:
            # Through a weak reference: the observer must not keep the wrapper alive, nor outlive it.
            this = weakref.ref(self)
            self._tag = node.AddObserver(vtk.vtkCommand.ModifiedEvent, lambda *_: this()._node_changed())

    def __del__(self) -> None:
        if self._storage.is_cached:
            self._node.RemoveObserver(self._tag)

    def read(self) -> Any:
        return self._value if self._storage.is_cached else self._read()

    def write(self, value: Any) -> None:
        self._is_writing = True
        try:
            with slicer.util.NodeModify(self._node):
                self._storage.write(self._node, self._name, value)
                self._value = self._read()
        finally:
            self._is_writing = False

    def _read(self) -> Any:
        if not self._storage.contains(self._node, self._name):
            self._storage.write(self._node, self._name, self._default.value)
        return self._storage.read(self._node, self._name)

    def _node_changed(self) -> None:
        if not self._is_writing:
            self._value = self._read()


class _Wrapper:
    """What every wrapped class can do; its parameters are added by the decorator."""

    def __init__(self, parameterNode, prefix: str | None = None) -> None:
        self.parameterNode = parameterNode
        self._bindings: dict[int, dict[str, Binding]] = {}
        self._next_tag = 0
        self._is_showing = False
        self._parameters = {
            name: _Parameter(storage, self._defaults[name], parameterNode, f"{prefix or ''}{name}")
            for name, storage in self._storages.items()
        }

    def getValue(self, name: str) -> Any:
        self.dataType(name)
        top, _, rest = name.partition(".")
        value = self._parameters[top].read()
        return value.getValue(rest) if rest else value

    def setValue(self, name: str, value: Any) -> None:
        self.dataType(name)
        top, _, rest = name.partition(".")
        if rest:
            self._parameters[top].read().setValue(rest, value)
        else:
            self._parameters[top].write(value)

    def default(self, name: str) -> Default:
        return self._defaults[name]

    def isCached(self, name: str) -> bool:
        return self._storages[name].is_cached

    def connectParametersToGui(self, mapping: dict[str, Any]) -> int:
        """Binds widgets to parameters by name; the tag is for `disconnectGui`."""
        bindings = {name: bind(widget, self.dataType(name)) for name, widget in mapping.items()}
        tag, self._next_tag = self._next_tag, self._next_tag + 1
        self._bindings[tag] = bindings
        for name, binding in bindings.items():
            binding.write(self.getValue(name))
            binding.connect(lambda name=name, binding=binding: self._widget_changed(name, binding))
        # Slicer's observer holds the wrapper, which crashes once Python collects both: see WidgetBinding of the panel.
        this = weakref.ref(self)
        self.AddObserver(vtk.vtkCommand.ModifiedEvent, lambda *_: this() and this()._show_all())
        return tag

    def connectGui(self, gui: Any) -> None:
        """Binds all widgets with the property SlicerParameterName; as in Slicer, without a tag."""
        widgets = gui.findChildren(qt.QWidget) if hasattr(gui, "isWidgetType") else vars(gui).values()
        named = {widget.property(_property_name): widget for widget in widgets if widget.property(_property_name)}
        self.connectParametersToGui(named)

    def disconnectGui(self, tag: int) -> None:
        for binding in self._bindings.pop(tag, {}).values():
            binding.disconnect()

    def StartModify(self) -> int:
        return self.parameterNode.StartModify()

    def EndModify(self, was_modified: int) -> None:
        self.parameterNode.EndModify(was_modified)

    def AddObserver(self, event, callback, priority: float = 0.0) -> int:
        return self.parameterNode.AddObserver(event, callback, priority)

    def RemoveObserver(self, tag: int) -> None:
        self.parameterNode.RemoveObserver(tag)

    def Modified(self) -> None:
        self.parameterNode.Modified()

    def _widget_changed(self, name: str, binding: Binding) -> None:
        with slicer.util.NodeModify(self):
            if not self._is_showing:
                self.setValue(name, binding.read())

    def _show_all(self) -> None:
        if self._is_showing:
            return
        self._is_showing = True
        try:
            with slicer.util.NodeModify(self):
                for bindings in self._bindings.values():
                    for name, binding in bindings.items():
                        binding.write(self.getValue(name))
        finally:
            self._is_showing = False


def parameterNodeWrapper(kind: type | None = None):
    """Class decorator: the annotated members of a class become a parameter node's typed values."""
    return _wrap(kind) if kind is not None else _wrap


def isParameterNodeWrapper(kind_or_value: Any) -> bool:
    return getattr(kind_or_value, "_is_parameter_node_wrapper", False)


def findChildWidgetForParameter(widget, parameter: str):
    """The child with that parameter's name, or None."""
    return next(
        (child for child in widget.findChildren(qt.QWidget) if child.property(_property_name) == parameter), None
    )


def _wrap(kind: type) -> type:
    hints = get_type_hints(kind, include_extras=True)
    reserved = [name for name in hints if hasattr(_Wrapper, name)]
    if reserved:
        raise ValueError(f"Cannot use reserved name '{reserved[0]}' in a parameterNodeWrapper")
    kind._storages = {name: storage_of(hint) for name, hint in hints.items()}
    kind._defaults = {name: _default_of(kind, name, hint) for name, hint in hints.items()}
    for name in hints:
        setattr(kind, name, _member(name))
    for name, member in vars(_Wrapper).items():
        if callable(member):
            setattr(kind, name, member)
    kind.allParameters = hints
    kind.dataType = staticmethod(lambda name: data_type(hints, name))
    kind._is_parameter_node_wrapper = True
    return kind


def _default_of(kind: type, name: str, hint: Any) -> Default:
    if name in kind.__dict__:
        return Default(kind.__dict__[name])
    return first_annotation(hint, Default) or Default(generator=kind._storages[name].default)


def _member(name: str) -> property:
    return property(lambda self: self._parameters[name].read(), lambda self, value: self._parameters[name].write(value))
