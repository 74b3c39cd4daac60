"""Observers of nodes and of the scene, kept so that all of them can be taken back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .context import PanelContext

__all__ = ["Observers"]


class Observers:
    """What one part of the panel hears of; failures become a sentence in the panel."""

    def __init__(self, context: PanelContext) -> None:
        self._context = context
        self._kept: list[tuple[Any, int]] = []

    def add(self, subject: Any, event: int, receiver: Callable[[], None]) -> None:
        """Have `receiver` called at each `event` of a node or the scene, until `remove_all`."""
        self._kept.append((subject, subject.AddObserver(event, self._context.guarded(receiver))))

    def remove_all(self) -> None:
        """Hear of nothing any more; the subjects may be gone from the scene already."""
        for subject, tag in self._kept:
            subject.RemoveObserver(tag)
        self._kept.clear()
