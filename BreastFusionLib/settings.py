"""Frozen settings dataclasses <-> plain mappings, strictly: an unknown key is an error with the nearest known name.

The ground floor reads a bundle's `recipe.json` with this; the upper floor validates the very same dataclasses
with pydantic. Settings are stdlib dataclasses so that a reading inside Slicer needs neither pydantic nor YAML.
"""

from __future__ import annotations

import contextlib
import dataclasses
import types
import typing
from collections.abc import Mapping
from typing import Any, TypeVar

from BreastFusionLib.errors import InputError, nearest_known
from BreastFusionLib.files import to_plain

__all__ = ["from_mapping", "to_mapping"]

T = TypeVar("T")


def to_mapping(settings: Any) -> dict[str, Any]:
    """Return a settings dataclass as nested plain dictionaries and lists, ready for JSON."""
    return to_plain(dataclasses.asdict(settings))


def from_mapping(kind: type[T], mapping: Mapping[str, Any], where: str) -> T:
    """Build the settings dataclass `kind` from a mapping.

    Args:
        kind: a (frozen) dataclass whose fields are plain types, tuples, unions or further settings.
        mapping: keys are field names; absent keys take the field's default.
        where: what the mapping is, for messages, e.g. "recipe.json, inputs".

    Raises:
        InputError: an unknown or a missing key, or a value of another type.
    """
    if not isinstance(mapping, Mapping):
        raise InputError(f"{where}: expected a mapping of settings, found {mapping!r}.")
    hints = typing.get_type_hints(kind)
    fields = {field.name: field for field in dataclasses.fields(kind)}  # type: ignore[arg-type]
    for key in mapping:
        if key not in fields:
            raise InputError(f"{where}: unknown key '{key}'. {nearest_known(str(key), fields)}")
    values = {}
    for name, field in fields.items():
        if name in mapping:
            values[name] = _convert(hints[name], mapping[name], f"{where}, {name}")
        elif field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
            raise InputError(f"{where}: the key '{name}' is missing.")
    return kind(**values)


def _convert(hint: Any, value: Any, where: str) -> Any:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if hint is Any:
        return value
    if origin in (typing.Union, types.UnionType):
        return _convert_union(arguments, value, where)
    if origin is typing.Literal:
        if value not in arguments:
            raise InputError(f"{where}: {value!r} is not known. {nearest_known(str(value), map(str, arguments))}")
        return value
    if origin is tuple:
        if not isinstance(value, (list, tuple)):
            raise InputError(f"{where}: expected a list, found {value!r}.")
        hints = [arguments[0]] * len(value) if arguments[-1] is Ellipsis else arguments
        if len(value) != len(hints):
            raise InputError(f"{where}: expected {len(hints)} values, found {value!r}.")
        return tuple(_convert(item_hint, item, where) for item_hint, item in zip(hints, value, strict=True))
    if origin is dict or hint is dict:
        if not isinstance(value, Mapping):
            raise InputError(f"{where}: expected a mapping, found {value!r}.")
        item_hint = arguments[1] if arguments else Any
        return {key: _convert(item_hint, item, f"{where}, {key}") for key, item in value.items()}
    if dataclasses.is_dataclass(hint):
        return from_mapping(typing.cast(type, hint), value, where)
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if isinstance(value, hint) and not (isinstance(value, bool) and hint is not bool):
        return value
    if hint is str and isinstance(value, (bool, int, float)):  # YAML takes 99, yes and no for no words
        raise InputError(f"{where}: expected a word, found {value!r}. Write it in quotes, as in the table.")
    raise InputError(f"{where}: expected {hint.__name__}, found {value!r}.")


def _convert_union(hints: tuple[Any, ...], value: Any, where: str) -> Any:
    """Take the first of several types that a value fits."""
    if value is None and type(None) in hints:
        return None
    choices = [hint for hint in hints if hint is not type(None)]
    if len(choices) == 1:
        return _convert(choices[0], value, where)
    for hint in choices:
        with contextlib.suppress(InputError):
            return _convert(hint, value, where)
    words = [" or ".join(map(repr, typing.get_args(hint))) or hint.__name__ for hint in choices]
    raise InputError(f"{where}: expected {' or '.join(words)}, found {value!r}.")
