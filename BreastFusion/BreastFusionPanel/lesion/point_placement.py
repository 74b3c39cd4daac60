"""One point, chosen by a click into a slice view."""

from __future__ import annotations

from typing import Any

import qt
import slicer
from slicer.util import VTKObservationMixin

from ..signals import Signal

__all__ = ["PointPlacement"]


class PointPlacement(VTKObservationMixin):
    """Lets the mouse place one point, with the application's own placement mode and a helper node of its own.

    Attributes:
        placed: (position_ras) a point was placed; the mouse is free again.
        ended: placement is over, with or without a point: cancelled, another mouse mode, scene closed.
    """

    def __init__(self) -> None:
        VTKObservationMixin.__init__(self)
        self.placed, self.ended = Signal(), Signal()
        self._node: Any = None

    @property
    def is_armed(self) -> bool:
        """Whether the next click into a view places the point."""
        return self._node is not None

    def start(self) -> None:
        """Wait for the click."""
        if self.is_armed:
            return
        node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLMarkupsFiducialNode", "Seed of a lesion")
        # A helper: it is in no list, and never saved.
        node.SetHideFromEditors(True)
        node.SetSaveWithScene(False)
        node.CreateDefaultDisplayNodes()
        node.GetDisplayNode().SetPointLabelsVisibility(False)
        self._node = node
        selection, interaction = _selection_node(), _interaction_node()
        selection.SetReferenceActivePlaceNodeClassName("vtkMRMLMarkupsFiducialNode")
        selection.SetReferenceActivePlaceNodeID(node.GetID())
        interaction.SetPlaceModePersistence(0)
        interaction.SetCurrentInteractionMode(interaction.Place)
        self.addObserver(node, node.PointPositionDefinedEvent, self._on_point)
        self.addObserver(interaction, interaction.InteractionModeChangedEvent, self._on_mode_changed)
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.StartCloseEvent, self._on_scene_closed)

    def cancel(self) -> None:
        """Stop waiting; nothing happens when nobody waits."""
        self._stop()

    def _on_point(self, *_args: object) -> None:
        # The view still works with the node in this very event: take it away when the view is done.
        node = self._node
        position_ras = _last_defined_point(node)
        self.removeObservers()

        def finish() -> None:
            if self._node is node:  # not cancelled in between
                self._stop()
                self.placed.emit(position_ras)

        qt.QTimer.singleShot(0, finish)

    def _on_mode_changed(self, interaction: Any, *_args: object) -> None:
        if interaction.GetCurrentInteractionMode() != interaction.Place:
            qt.QTimer.singleShot(0, self._stop)

    def _on_scene_closed(self, *_args: object) -> None:
        self._stop()

    def _stop(self) -> None:
        if not self.is_armed:
            return
        node, self._node = self._node, None
        self.removeObservers()
        interaction = _interaction_node()
        if interaction.GetCurrentInteractionMode() == interaction.Place:
            interaction.SetCurrentInteractionMode(interaction.ViewTransform)
        if slicer.mrmlScene.IsNodePresent(node):
            slicer.mrmlScene.RemoveNode(node)
        self.ended.emit()


def _interaction_node() -> Any:
    return slicer.app.applicationLogic().GetInteractionNode()


def _selection_node() -> Any:
    return slicer.app.applicationLogic().GetSelectionNode()


def _last_defined_point(node: Any) -> tuple[float, float, float]:
    """Return the world position of the newest point that is more than the preview under the mouse."""
    defined = [
        number
        for number in range(node.GetNumberOfControlPoints())
        if node.GetNthControlPointPositionStatus(number) == node.PositionDefined
    ]
    return tuple(node.GetNthControlPointPositionWorld(defined[-1]))
