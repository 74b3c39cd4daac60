"""What the first lesion of a study would wait for, done beforehand in small steps between events."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

from ..bridge.exam_nodes import exam_of, has_exam
from ..bridge.segments import midline_of
from ..process.steps import Steps

if TYPE_CHECKING:
    from ..context import PanelContext
    from ..parameters import BreastFusionParameterNode

__all__ = ["HeadStart"]

# In an order in which none takes long: each needs those before it. Together they take a sixth of a second.
_PARTS_OF_SCIPY = ("scipy.special", "scipy.linalg", "scipy.ndimage", "scipy.spatial")


class HeadStart:
    """Gets ready for the next lesion of the study that the panel shows."""

    def __init__(self, context: PanelContext) -> None:
        self._context = context
        self._steps: Steps | None = None

    def begin(self) -> None:
        """Get ready, or begin anew for another study. What fails here fails again, and is told, with the lesion."""
        self.stop()
        self._steps = Steps(_get_ready(self._context.parameters))

    def stop(self) -> None:
        """Touch the study no more."""
        if self._steps is not None:
            self._steps.stop()
            self._steps = None


def _get_ready(parameters: BreastFusionParameterNode | None) -> Iterator[None]:
    yield  # the panel is drawn first
    for name in _PARTS_OF_SCIPY:
        importlib.import_module(name)
        yield
    if has_exam(parameters):
        midline_of(parameters, exam_of(parameters))
