"""A widget bound to a parameter: which types go with which widgets, as Slicer has it."""

from __future__ import annotations

import enum
import pathlib
import typing
from collections.abc import Callable
from typing import Any

import ctk
import qt
import slicer

from .annotations import Choice, Decimals, Maximum, Minimum, SingleStep, WithinRange, first_annotation, split_annotated


class Binding:
    """Reads and writes one widget's property.

    Attributes:
        widget: the widget.
    """

    def __init__(self, widget: Any, annotated: Any, attribute: str, signal: str) -> None:
        self.widget = widget
        self._attribute, self._signal = attribute, signal
        self._callback: Callable[[], None] | None = None
        self.prepare(annotated)

    def prepare(self, annotated: Any) -> None:
        """Fits the widget to the type's annotations."""

    def read(self) -> Any:
        return getattr(self.widget, self._attribute)

    def write(self, value: Any) -> None:
        setattr(self.widget, self._attribute, value)

    def connect(self, callback: Callable[[], None]) -> None:
        self._callback = callback
        getattr(self.widget, self._signal).connect(self._changed)

    def disconnect(self) -> None:
        self._callback = None
        getattr(self.widget, self._signal).disconnect(self._changed)

    def _changed(self, *_) -> None:
        if self._callback is not None:
            self._callback()


class CheckableBinding(Binding):
    def prepare(self, annotated: Any) -> None:
        self.widget.checkable = True


class NumberBinding(Binding):
    def prepare(self, annotated: Any) -> None:
        for hint, attribute in ((Decimals, "decimals"), (SingleStep, "singleStep")):
            if first_annotation(annotated, hint) is not None:
                setattr(self.widget, attribute, first_annotation(annotated, hint).value)
        both = first_annotation(annotated, WithinRange)
        low = both or first_annotation(annotated, Minimum)
        high = both or first_annotation(annotated, Maximum)
        if isinstance(self.widget, (qt.QSlider, ctk.ctkSliderWidget)) and not (low and high):
            raise RuntimeError("Cannot have a connection to a slider where the type is unbounded.")
        limits = (-(2**31), 2**31 - 1) if split_annotated(annotated)[0] is int else (float("-inf"), float("inf"))
        self.widget.setMinimum(low.minimum if low else limits[0])
        self.widget.setMaximum(high.maximum if high else limits[1])


class ChoiceBinding(Binding):
    def prepare(self, annotated: Any) -> None:
        kind = split_annotated(annotated)[0]
        if isinstance(kind, type) and issubclass(kind, enum.Enum):
            label = getattr(kind, "label", lambda choice: choice.name)
            self._choices = list(kind)
            texts = [label(choice) for choice in self._choices]
        else:
            choice = first_annotation(annotated, Choice)
            if choice is None:
                raise RuntimeError("A combo box for this type requires the Choice annotation to be used.")
            self._choices = list(choice.choices)
            texts = [str(choice) for choice in self._choices]
        self.widget.clear()
        self.widget.addItems(texts)

    def read(self) -> Any:
        return self._choices[self.widget.currentIndex]

    def write(self, value: Any) -> None:
        self.widget.setCurrentIndex(self._choices.index(value))


class TextBinding(Binding):
    def read(self) -> str:
        return self.widget.toPlainText()

    def write(self, value: str) -> None:
        self.widget.setPlainText(value)


class PathBinding(Binding):
    def prepare(self, annotated: Any) -> None:
        self._kind = split_annotated(annotated)[0]

    def read(self) -> pathlib.PurePath:
        return self._kind(super().read())

    def write(self, value: pathlib.PurePath) -> None:
        super().write(str(value))


class NodeBinding(Binding):
    def prepare(self, annotated: Any) -> None:
        self.widget.nodeTypes = node_types(annotated)

    def read(self) -> Any:
        return self.widget.currentNode()

    def write(self, value: Any) -> None:
        self.widget.setCurrentNode(value)


def bind(widget: Any, annotated: Any) -> Binding:
    """The binding of a widget to a type.

    Raises:
        RuntimeError: Slicer has no such binding either. Subclasses of a widget are other widgets there, too.
    """
    if isinstance(widget, Binding):
        return widget
    kind = split_annotated(annotated)[0]
    widget_class = type(widget)
    is_enum = isinstance(kind, type) and issubclass(kind, enum.Enum)
    is_path = isinstance(kind, type) and issubclass(kind, pathlib.PurePath)
    rows = (
        (qt.QCheckBox, kind is bool, Binding, "checked", "toggled"),
        (qt.QPushButton, kind is bool, CheckableBinding, "checked", "toggled"),
        (qt.QSlider, kind is int, NumberBinding, "value", "valueChanged"),
        (qt.QSpinBox, kind is int, NumberBinding, "value", "valueChanged"),
        (qt.QDoubleSpinBox, kind is float, NumberBinding, "value", "valueChanged"),
        (ctk.ctkSliderWidget, kind is float, NumberBinding, "value", "valueChanged"),
        (qt.QComboBox, is_enum or kind in (int, float, str, bool), ChoiceBinding, "", "currentIndexChanged"),
        (qt.QLineEdit, kind is str, Binding, "text", "textChanged"),
        (qt.QTextEdit, kind is str, TextBinding, "", "textChanged"),
        (ctk.ctkPathLineEdit, is_path, PathBinding, "currentPath", "currentPathChanged"),
        (ctk.ctkDirectoryButton, is_path, PathBinding, "directory", "directoryChanged"),
        (slicer.qMRMLNodeComboBox, bool(node_types(annotated)), NodeBinding, "", "currentNodeChanged"),
    )
    for expected, fits, binding, attribute, signal in rows:
        if widget_class is expected and fits:
            return binding(widget, annotated, attribute, signal)
    raise RuntimeError(f"Unable to create GUI connector from datatype '{annotated}' to widget type '{widget_class}'")


def node_types(annotated: Any) -> list[str]:
    """Class names of a node type or of a union of node types; empty for any other type."""
    kind = split_annotated(annotated)[0]
    kinds = typing.get_args(kind) if typing.get_origin(kind) is typing.Union else (kind,)
    kinds = [split_annotated(single)[0] for single in kinds if single is not type(None)]
    if not all(isinstance(single, type) and issubclass(single, slicer.vtkMRMLNode) for single in kinds):
        return []
    return [single.__name__ for single in kinds]
