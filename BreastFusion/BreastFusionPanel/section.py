"""What all sections of the panel have in common."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import qt
import slicer

from .observers import Observers
from .widgets.widget_binding import WidgetBinding

if TYPE_CHECKING:
    from .context import PanelContext

__all__ = ["Section"]

UI_FOLDER = Path(__file__).resolve().parents[1] / "Resources" / "UI"


class Section:
    """One collapsible part of the panel, with its own .ui file `<UI>.ui`.

    A section changes the scene and the parameters, tells the context, and shows what the context tells it; sections
    never know each other.

    Attributes:
        context: shared by all sections.
        widget: the root widget of the .ui file (qMRMLWidget).
        ui: its children by object name.
        observers: what it hears of the study and the scene, until `disconnect_parameters`.
    """

    UI = ""

    def __init__(self, context: PanelContext) -> None:
        self.context = context
        self.widget = slicer.util.loadUI(str(UI_FOLDER / f"{self.UI}.ui"))
        self.widget.setMRMLScene(slicer.mrmlScene)
        self.ui: Any = slicer.util.childWidgetVariables(self.widget)
        self.observers = Observers(context)
        self._binding: WidgetBinding | None = None

    def connect_parameters(self) -> None:
        """Bind widgets with a SlicerParameterName to the (new) parameter node, then show everything."""
        self.disconnect_parameters()
        if self.context.parameters is not None:
            self._binding = WidgetBinding(self.context.parameters, self._bound_widgets())
        self.refresh()

    def disconnect_parameters(self) -> None:
        """Undo `connect_parameters`; the parameter node may be gone afterwards."""
        self.observers.remove_all()
        if self._binding is not None:
            self._binding.release()
        self._binding = None

    def refresh(self) -> None:
        """Show the present state; must work without parameters (a scene that is being closed) and without an exam."""

    def enter(self) -> None:
        """The module is shown."""

    def exit(self) -> None:
        """The module is left."""

    def cleanup(self) -> None:
        """The module is taken down, after `disconnect_parameters`: end what still runs."""

    def _bound_widgets(self) -> dict[str, Any]:
        """Return parameter name -> widget, as the .ui file says."""
        named = ((child.property("SlicerParameterName"), child) for child in self.widget.findChildren(qt.QWidget))
        return {name: child for name, child in named if name}
