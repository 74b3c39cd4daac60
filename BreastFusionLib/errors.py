"""The one exception that bad input raises, and the help in its message."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

__all__ = ["InputError", "MemoryShortage", "first_few", "nearest_known"]


class InputError(ValueError):
    """Input that cannot be used: the message says what, where, what was expected and what to do.

    Front ends (panel, console, command line) show the message as it is, without a traceback.
    """


class MemoryShortage(InputError):
    """A device's memory is too small for what was asked: the message says what was free and which device to choose."""


def first_few(items: Iterable[object], shown: int = 3) -> str:
    """Return the first items of a list that may be long, and how many more there are.

    >>> first_few(["a", "b", "c", "d", "e"])
    'a, b, c and 2 more'
    """
    names = [str(item) for item in items]
    more = f" and {len(names) - shown} more" if len(names) > shown else ""
    return ", ".join(names[:shown]) + more


def nearest_known(name: str, known: Iterable[str]) -> str:
    """Return a sentence that helps with a mistyped name: the nearest known one, or the list of all.

    >>> nearest_known("fusoin", ["fusion", "demo"])
    "Did you mean 'fusion'? Known: demo, fusion."
    """
    names = sorted(known)
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    hint = f"Did you mean '{close[0]}'? " if close else ""
    return f"{hint}Known: {', '.join(names)}."
