"""Widgets bound to the parameter node, in a way that can be undone completely."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..parameters import BreastFusionParameterNode

__all__ = ["WidgetBinding"]


class WidgetBinding:
    """Widget and parameter follow each other until `release`.

    Slicer observes the parameter node for its widgets and offers no way to stop that: `disconnectGui` leaves the
    observer. It holds the wrapper and is held by the node, and once Python collects such a circle, the next change of
    the node calls a function that was emptied: the application crashes. Hence observers are counted here.
    """

    def __init__(self, parameters: BreastFusionParameterNode, widgets: Mapping[str, Any]) -> None:
        """Bind widgets by parameter name."""
        self._parameters = parameters
        self._observer_tags: list[int] = []
        parameters.AddObserver = self._observe  # only for this one object, only while it binds
        try:
            self._gui_tag = parameters.connectParametersToGui(dict(widgets))
        finally:
            del parameters.AddObserver

    def release(self) -> None:
        """Stop it; the parameter node may be gone already."""
        self._parameters.disconnectGui(self._gui_tag)
        for tag in self._observer_tags:
            self._parameters.parameterNode.RemoveObserver(tag)
        self._observer_tags.clear()

    def _observe(self, event: Any, callback: Callable[..., None], priority: float = 0.0) -> int:
        tag = self._parameters.parameterNode.AddObserver(event, callback, priority)
        self._observer_tags.append(tag)
        return tag
