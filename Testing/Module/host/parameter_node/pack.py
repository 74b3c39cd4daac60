"""`@parameterPack`: several parameters as one value."""

from __future__ import annotations

from typing import Any, get_type_hints

from .annotations import Default, first_annotation
from .storage import Storage, storage_of


def isParameterPack(kind_or_value: Any) -> bool:
    return getattr(kind_or_value, "_is_parameterPack", False)


def parameterPack(kind: type | None = None):
    """Class decorator: the annotated members of a class become parameters."""
    return _make_pack(kind) if kind is not None else _make_pack


def _make_pack(kind: type) -> type:
    hints = get_type_hints(kind, include_extras=True)
    storages = {name: storage_of(hint) for name, hint in hints.items()}
    defaults = {name: _default_of(kind, name, hint, storages[name]) for name, hint in hints.items()}

    def init(self, *args, **kwargs) -> None:
        self._values = {}
        self._save = None
        given = dict(zip(hints, args, strict=False)) | kwargs
        for name in hints:
            setattr(self, name, given.pop(name, defaults[name]))
        if given:
            raise TypeError(f"{kind.__name__} has no parameter {next(iter(given))!r}")

    def member(name: str) -> property:
        def change(self, value) -> None:
            storages[name].check(value)
            self._values[name] = value
            if self._save is not None:
                self._save(self)

        return property(lambda self: self._values[name], change)

    for name in hints:
        setattr(kind, name, member(name))
    if "__init__" in kind.__dict__:
        own_init = kind.__init__

        def init_both(self, *args, **kwargs) -> None:
            init(self)
            own_init(self, *args, **kwargs)

        kind.__init__ = init_both
    else:
        kind.__init__ = init
    kind.__eq__ = lambda self, other: isinstance(other, kind) and self._values == other._values
    kind.__repr__ = lambda self: f"{kind.__name__}({self._values})"
    kind._is_parameterPack = True
    kind.allParameters = hints
    kind.dataType = staticmethod(lambda name: data_type(hints, name))
    kind.getValue = _get_value
    kind.setValue = _set_value
    kind.storage_class = _storage_class(storages)
    return kind


def data_type(hints: dict[str, Any], name: str) -> Any:
    """The annotated type of a parameter; of a pack's member by its dotted name."""
    top, _, rest = name.partition(".")
    if top not in hints:
        raise ValueError(f"Cannot find a param with the given name: {top}; there are {', '.join(hints)}")
    return hints[top].dataType(rest) if rest else hints[top]


def _default_of(kind: type, name: str, hint: Any, storage: Storage) -> Any:
    if name in kind.__dict__:
        return kind.__dict__[name]
    default = first_annotation(hint, Default)
    return default.value if default is not None else storage.default()


def _get_value(self, name: str) -> Any:
    top, _, rest = name.partition(".")
    value = getattr(self, top)
    return value.getValue(rest) if rest else value


def _set_value(self, name: str, value: Any) -> None:
    top, _, rest = name.partition(".")
    if rest:
        getattr(self, top).setValue(rest, value)
    else:
        setattr(self, top, value)


def _storage_class(storages: dict[str, Storage]) -> type[Storage]:
    class PackStorage(Storage):
        is_cached = False

        def contains(self, node, name: str) -> bool:
            first = next(iter(storages))
            return storages[first].contains(node, f"{name}.{first}")

        def read(self, node, name: str) -> Any:
            value = self.kind()
            for member, storage in storages.items():
                value._values[member] = storage.read(node, f"{name}.{member}")
                if isParameterPack(value._values[member]):
                    value._values[member]._save = lambda _, value=value: value._save(value)
            value._save = lambda changed: self.write(node, name, changed)
            return value

        def remove(self, node, name: str) -> None:
            for member, storage in storages.items():
                storage.remove(node, f"{name}.{member}")

        def _write(self, node, name: str, value: Any) -> None:
            for member, storage in storages.items():
                storage.write(node, f"{name}.{member}", value._values[member])

    return PackStorage
