"""How much a reading hangs on the exact outline: asked of the worker after the reading, and kept with it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..bridge.reading_nodes import StoredReading
    from ..context import PanelContext

__all__ = ["OutlineCheck", "OutlineRange"]

# Beside the reading's text and not inside it: the text is the reading as it was made.
RANGE = "BreastFusion.outlineRange"


@dataclass(frozen=True)
class OutlineRange:
    """What becomes of the probability when the outline is moved in and out.

    Attributes:
        low: smallest probability.
        high: largest.
        step_mm: how far it was moved.
    """

    low: float
    high: float
    step_mm: float


class OutlineCheck:
    """Asks, and remembers the answer on the reading's node, so that a saved scene has it too."""

    def __init__(self, context: PanelContext, on_change: Callable[[], None]) -> None:
        self._context, self._on_change = context, on_change
        self._asked: set[str] = set()

    def ask(self, stored: StoredReading, case: str, bundle: str, device: str) -> None:
        """Ask about a reading that was just stored.

        Args:
            stored: the reading.
            case: its transfer folder.
            bundle: folder of the model.
            device: as for the reading.
        """
        node, key = stored.node, stored.node.GetID()
        self._asked.add(key)

        def finished(result: Mapping[str, Any]) -> None:
            with self._context.guard():
                self._asked.discard(key)
                # A reading that was replaced or deleted meanwhile is in no scene any more.
                if node.GetScene() is not None:
                    node.SetAttribute(RANGE, json.dumps([result["low"], result["high"], result["step_mm"]]))
                self._on_change()

        def failed(_error: object) -> None:
            # The reading itself stands; without this range its line is simply not there.
            with self._context.guard():
                self._asked.discard(key)
                self._on_change()

        arguments = {"case": case, "bundle": bundle, "device": device}
        self._context.worker.request("stability", arguments, finished, failed)

    def range_of(self, stored: StoredReading) -> OutlineRange | None:
        """Return the answer that is kept with a reading."""
        text = stored.node.GetAttribute(RANGE)
        return OutlineRange(*json.loads(text)) if text else None

    def is_asked(self, stored: StoredReading) -> bool:
        """Tell whether the answer is still to come."""
        return stored.node.GetID() in self._asked
