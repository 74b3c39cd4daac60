"""Lists and dictionaries that write themselves back to the parameter node when they change."""

from __future__ import annotations

from collections.abc import Callable, Iterator, MutableMapping, MutableSequence
from typing import Any


class ObservedList(MutableSequence):
    """A list; `+` and `*` are refused, as they would make one that nobody observes."""

    def __init__(self, values: list, save: Callable[[list], None]) -> None:
        self._values = values
        self._save = save

    def __len__(self) -> int:
        return len(self._values)

    def __getitem__(self, index):
        return self._values[index]

    def __setitem__(self, index, value) -> None:
        self._change(lambda: self._values.__setitem__(index, value))

    def __delitem__(self, index) -> None:
        self._change(lambda: self._values.__delitem__(index))

    def insert(self, index: int, value) -> None:
        self._change(lambda: self._values.insert(index, value))

    def __eq__(self, other: object) -> bool:
        return self._values == (other._values if isinstance(other, ObservedList) else other)

    __hash__ = None

    def __repr__(self) -> str:
        return f"ObservedList({self._values})"

    def _change(self, change: Callable[[], Any]) -> None:
        before = list(self._values)
        change()
        try:
            self._save(self._values)
        except Exception:
            self._values = before
            raise


class ObservedDict(MutableMapping):
    """A dictionary."""

    def __init__(self, values: dict, save: Callable[[dict], None]) -> None:
        self._values = values
        self._save = save

    def __len__(self) -> int:
        return len(self._values)

    def __iter__(self) -> Iterator:
        return iter(self._values)

    def __getitem__(self, key):
        return self._values[key]

    def __setitem__(self, key, value) -> None:
        self._change({**self._values, key: value})

    def __delitem__(self, key) -> None:
        self._change({kept: value for kept, value in self._values.items() if kept != key})

    def __eq__(self, other: object) -> bool:
        return self._values == (other._values if isinstance(other, ObservedDict) else other)

    __hash__ = None

    def __repr__(self) -> str:
        return f"ObservedDict({self._values})"

    def _change(self, changed: dict) -> None:
        self._save(changed)
        self._values = changed
