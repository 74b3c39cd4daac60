"""Signals in plain Python: parts of the panel hear of each other without Qt, so that they run and are tested alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

__all__ = ["Signal"]


class Signal:
    """Calls everyone who connected, in the order of connecting."""

    def __init__(self) -> None:
        self._receivers: list[Callable[..., Any]] = []

    def connect(self, receiver: Callable[..., Any]) -> None:
        """Have `receiver` called on every `emit`; connecting twice is connecting once."""
        if receiver not in self._receivers:
            self._receivers.append(receiver)

    def disconnect(self, receiver: Callable[..., Any]) -> None:
        """Stop calling `receiver`; one that is not connected is no error."""
        if receiver in self._receivers:
            self._receivers.remove(receiver)

    def emit(self, *values: Any) -> None:
        """Call all receivers; one that connects or leaves meanwhile counts from the next time."""
        for receiver in tuple(self._receivers):
            receiver(*values)
