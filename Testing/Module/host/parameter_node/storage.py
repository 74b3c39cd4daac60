"""How a value of each type is kept in a parameter node, with the names that Slicer gives."""

from __future__ import annotations

import enum
import pathlib
import typing
from typing import Any

import slicer

from .annotations import Validator, split_annotated
from .observed import ObservedDict, ObservedList


class Storage:
    """Keeps values of one type under a name; this one keeps a number, a text or a path as it prints."""

    accepted: tuple[type, ...] = ()
    nullable = False
    is_cached = True

    def __init__(self, kind: Any) -> None:
        self.kind = kind
        self.accepted = (int, float) if kind is float else (kind,)
        self.validators: list[Validator] = []

    def default(self) -> Any:
        return self.kind()

    def check(self, value: Any) -> None:
        if value is None:
            if not self.nullable:
                raise ValueError("Value must not be None")
        elif not isinstance(value, self.accepted):
            raise TypeError(f"Value must be of type '{self.kind}', is {value!r}")
        for validator in self.validators:
            validator.validate(value)

    def write(self, node, name: str, value: Any) -> None:
        """Checks a value and writes it; an observer of the node hears of it once."""
        self.check(value)
        with slicer.util.NodeModify(node):
            self._write(node, name, value)

    def contains(self, node, name: str) -> bool:
        return bool(node.HasParameter(name))

    def read(self, node, name: str) -> Any:
        return self.kind(node.GetParameter(name))

    def remove(self, node, name: str) -> None:
        node.UnsetParameter(name)

    def _write(self, node, name: str, value: Any) -> None:
        node.SetParameter(name, str(value))


class BoolStorage(Storage):
    def read(self, node, name: str) -> bool:
        return node.GetParameter(name) == "True"


class EnumStorage(Storage):
    def default(self) -> enum.Enum:
        return next(iter(self.kind))

    def read(self, node, name: str) -> enum.Enum:
        key = node.GetParameter(name)
        if key not in self.kind.__members__:
            raise ValueError(f"Found {key!r} in parameter node but it is not a name in {self.kind!r}")
        return self.kind[key]

    def _write(self, node, name: str, value: enum.Enum) -> None:
        node.SetParameter(name, value.name)


class NodeStorage(Storage):
    nullable = True

    def default(self) -> None:
        return None

    def read(self, node, name: str) -> Any:
        return node.GetNodeReference(name)

    def remove(self, node, name: str) -> None:
        node.UnsetParameter(name)
        node.RemoveNodeReferenceIDs(name)

    def _write(self, node, name: str, value: Any) -> None:
        # An empty parameter of the same name tells 'set to None' from 'never set'.
        node.SetParameter(name, "")
        node.SetNodeReferenceID(name, value.GetID() if value is not None else None)


class NoneStorage(BoolStorage):
    nullable = True

    def __init__(self, kind: Any) -> None:
        super().__init__(type(None))

    def read(self, node, name: str) -> None:
        return None

    def _write(self, node, name: str, value: None) -> None:
        node.SetParameter(name, "True")


class ListStorage(Storage):
    def __init__(self, kind: Any) -> None:
        super().__init__(kind)
        self.accepted = (typing.Iterable,)
        self._element = storage_of(typing.get_args(kind)[0])
        self.is_cached = self._element.is_cached

    def default(self) -> list:
        return []

    def contains(self, node, name: str) -> bool:
        return bool(node.HasParameter(f"{name}_len"))

    def read(self, node, name: str) -> ObservedList:
        values = [self._element.read(node, f"{name}_{index}") for index in range(self._length(node, name))]
        return ObservedList(values, lambda changed: self.write(node, name, changed))

    def remove(self, node, name: str) -> None:
        for index in range(self._length(node, name)):
            self._element.remove(node, f"{name}_{index}")
        node.UnsetParameter(f"{name}_len")

    def _length(self, node, name: str) -> int:
        return int(node.GetParameter(f"{name}_len")) if self.contains(node, name) else 0

    def _write(self, node, name: str, values: Any) -> None:
        values = list(values)
        for value in values:
            self._element.check(value)
        for index in range(len(values), self._length(node, name)):
            self._element.remove(node, f"{name}_{index}")
        for index, value in enumerate(values):
            self._element.write(node, f"{name}_{index}", value)
        node.SetParameter(f"{name}_len", str(len(values)))


class TupleStorage(Storage):
    def __init__(self, kind: Any) -> None:
        super().__init__(kind)
        self.accepted = (typing.Iterable,)
        self._elements = [storage_of(element) for element in typing.get_args(kind)]
        self.is_cached = all(element.is_cached for element in self._elements)

    def default(self) -> tuple:
        return tuple(element.default() for element in self._elements)

    def contains(self, node, name: str) -> bool:
        return self._elements[0].contains(node, f"{name}_0")

    def read(self, node, name: str) -> tuple:
        return tuple(element.read(node, f"{name}_{index}") for index, element in enumerate(self._elements))

    def remove(self, node, name: str) -> None:
        for index, element in enumerate(self._elements):
            element.remove(node, f"{name}_{index}")

    def _write(self, node, name: str, values: Any) -> None:
        for index, (element, value) in enumerate(zip(self._elements, values, strict=True)):
            element.write(node, f"{name}_{index}", value)


class DictStorage(Storage):
    def __init__(self, kind: Any) -> None:
        super().__init__(kind)
        self.accepted = (typing.Mapping,)
        self._items = ListStorage(list[tuple[typing.get_args(kind)]])
        self.is_cached = self._items.is_cached

    def default(self) -> dict:
        return {}

    def contains(self, node, name: str) -> bool:
        return self._items.contains(node, name)

    def read(self, node, name: str) -> ObservedDict:
        return ObservedDict(dict(self._items.read(node, name)), lambda changed: self.write(node, name, changed))

    def remove(self, node, name: str) -> None:
        self._items.remove(node, name)

    def _write(self, node, name: str, values: Any) -> None:
        self._items.write(node, name, list(values.items()))


class UnionStorage(Storage):
    nullable = True

    def __init__(self, kind: Any) -> None:
        super().__init__(kind)
        self.accepted = (object,)
        self._choices = [storage_of(choice) for choice in typing.get_args(kind)]
        self.is_cached = all(choice.is_cached for choice in self._choices)

    def default(self) -> Any:
        is_optional = len(self._choices) == 2 and isinstance(self._choices[1], NoneStorage)
        return None if is_optional else self._choices[0].default()

    def contains(self, node, name: str) -> bool:
        return any(choice.contains(node, f"{name}_{index}") for index, choice in enumerate(self._choices))

    def read(self, node, name: str) -> Any:
        for index, choice in enumerate(self._choices):
            if choice.contains(node, f"{name}_{index}"):
                return choice.read(node, f"{name}_{index}")
        raise KeyError(name)

    def remove(self, node, name: str) -> None:
        for index, choice in enumerate(self._choices):
            choice.remove(node, f"{name}_{index}")

    def _write(self, node, name: str, value: Any) -> None:
        index, choice = next(
            ((index, choice) for index, choice in enumerate(self._choices) if _fits(choice, value)), (None, None)
        )
        if choice is None:
            raise TypeError(f"Unable to write value {value!r} of type '{type(value)}'")
        self.remove(node, name)
        choice.write(node, f"{name}_{index}", value)


def _fits(choice: Storage, value: Any) -> bool:
    if value is None:
        return choice.nullable
    # bool is an int to Python, not to a parameter.
    return isinstance(value, choice.accepted) and isinstance(value, bool) == (choice.kind is bool)


def storage_of(annotated: Any) -> Storage:
    """The storage of a type, with the rules of its annotations.

    Raises:
        TypeError: Slicer cannot keep such a type either.
    """
    kind, annotations = split_annotated(annotated)
    storage = _storage_class(kind)(kind)
    storage.validators = [found for found in annotations if isinstance(found, Validator)]
    return storage


def _storage_class(kind: Any) -> type[Storage]:
    containers = {list: ListStorage, tuple: TupleStorage, dict: DictStorage, typing.Union: UnionStorage}
    if typing.get_origin(kind) in containers:
        return containers[typing.get_origin(kind)]
    if kind is type(None):
        return NoneStorage
    if getattr(kind, "_is_parameterPack", False):
        return kind.storage_class
    if isinstance(kind, type):
        if kind is bool:
            return BoolStorage
        if kind in (int, float, str) or issubclass(kind, pathlib.PurePath):
            return Storage
        if issubclass(kind, enum.Enum):
            return EnumStorage
        if issubclass(kind, slicer.vtkMRMLNode):
            return NodeStorage
    raise TypeError(f"Unable to create serializer for type: {kind}")
