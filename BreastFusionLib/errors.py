"""The one exception that bad input raises, and the help in its message."""

from __future__ import annotations

import difflib
import traceback
from collections.abc import Iterable
from pathlib import Path

__all__ = ["InputError", "MemoryShortage", "first_few", "nearest", "nearest_known", "reason_of"]


class InputError(ValueError):
    """Input that cannot be used: the message says what, where, what was expected and what to do.

    Front ends (panel, console, command line) show the message as it is, without a traceback.
    """


class MemoryShortage(InputError):
    """A device's memory is too small for what was asked: the message says what was free and which device to choose."""


def reason_of(error: Exception) -> str:
    """Return why one of many cases failed, in a sentence for its row in a table."""
    if isinstance(error, InputError):
        return str(error)
    reason = f"Unexpected {type(error).__name__}: {error}"
    frames = traceback.extract_tb(error.__traceback__)
    return f"{reason} ({Path(frames[-1].filename).name}, line {frames[-1].lineno})" if frames else reason


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
    close = nearest(name, names)
    hint = f"Did you mean '{close}'? " if close is not None else ""
    return f"{hint}Known: {', '.join(names)}."


def nearest(name: str, known: Iterable[str], likeness: float = 0.5) -> str | None:
    """Return the known name that is most like a mistyped one, whatever its capitals; None where none is.

    Args:
        name: as it was typed.
        known: names.
        likeness: least ratio of difflib, 0..1.

    >>> nearest("label", ["Label", "age"])
    'Label'
    """
    by_letters = {one.casefold(): one for one in known}
    close = difflib.get_close_matches(name.casefold(), by_letters, n=1, cutoff=likeness)
    return by_letters[close[0]] if close else None
