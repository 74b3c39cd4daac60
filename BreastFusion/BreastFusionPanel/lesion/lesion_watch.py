"""Hearing of changes of the lesions' segmentation, whoever makes them, without answering every stroke."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import qt
import slicer
from slicer.util import VTKObservationMixin

from ..signals import Signal

__all__ = ["LesionWatch"]

SETTLED_AFTER_MS = 300


class LesionWatch(VTKObservationMixin):
    """Observes one segmentation node at a time.

    Attributes:
        listed: lesions may have been added, removed, renamed or marked.
        settled: outlines may have changed, and nothing more came for a moment.
        lost: the node was removed from the scene.
    """

    def __init__(self) -> None:
        VTKObservationMixin.__init__(self)
        self.listed, self.settled, self.lost = Signal(), Signal(), Signal()
        self.segmentation: Any = None
        self._drawn = _timer(SETTLED_AFTER_MS, self.settle)
        # Adding one lesion is several events: they are answered together, when it is complete.
        self._listed = _timer(0, self.listed.emit)

    def follow(self, segmentation: Any) -> None:
        """Observe this node instead of the one before; None observes nothing."""
        if segmentation is self.segmentation:
            return
        self.removeObservers()
        self._drawn.stop()
        self._listed.stop()
        self.segmentation = segmentation
        if segmentation is None:
            return
        kind = slicer.vtkSegmentation
        # Undo tells of modified segments alone, a stroke sometimes of the representation alone.
        for event in (kind.SegmentAdded, kind.SegmentRemoved, kind.SegmentModified, kind.SourceRepresentationModified):
            self.addObserver(segmentation, event, self._on_changed)
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.NodeAboutToBeRemovedEvent, self._on_node_removed)

    def settle(self) -> None:
        """Tell of changed outlines now and not in a moment."""
        self._drawn.stop()
        self.settled.emit()

    def _on_changed(self, *_args: object) -> None:
        self._listed.start()
        self._drawn.start()

    def _on_node_removed(self, *_args: object) -> None:
        qt.QTimer.singleShot(0, self._look_for_node)

    def _look_for_node(self) -> None:
        if self.segmentation is not None and not slicer.mrmlScene.IsNodePresent(self.segmentation):
            self.follow(None)
            self.lost.emit()


def _timer(interval_ms: int, function: Callable[[], None]) -> Any:
    timer = qt.QTimer()
    timer.setSingleShot(True)
    timer.setInterval(interval_ms)
    timer.timeout.connect(function)
    return timer
