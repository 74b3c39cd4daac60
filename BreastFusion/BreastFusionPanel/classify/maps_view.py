"""Class activation maps over the images: which sequences, which method, how strong, and how coarse they are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from slicer.i18n import tr as _

from BreastFusionLib.reading.recipe import PROJECTION, SOURCE_WORDS

from ..display import views

if TYPE_CHECKING:
    from ..bridge.reading_nodes import StoredReading
    from ..context import PanelContext

__all__ = ["MapsView", "cell_words"]


class MapsView:
    """The rows 'Maps' and 'Opacity'; their state is in the study's parameters."""

    def __init__(self, context: PanelContext, ui: Any) -> None:
        self._context, self._ui = context, ui
        self._boxes = {"dce": ui.showMapDceCheckBox, "t1": ui.showMapT1CheckBox, "t2": ui.showMapT2CheckBox}
        self._stored: StoredReading | None = None
        self._laid: Any = None
        self._is_laid = False

    def show(self, stored: StoredReading | None) -> None:
        """Show another reading's maps; None takes them away."""
        self._stored = stored
        present = {_shown_on(source) for source, _method in stored.map_nodes} if stored is not None else set()
        for sequence, box in self._boxes.items():
            box.setVisible(sequence in present)
        self._ui.mapsWidget.setVisible(bool(present))
        self._laid = None  # what the views show may have changed meanwhile
        self.apply()

    def apply(self) -> None:
        """Lay the maps over the views as the parameters say."""
        parameters = self._context.parameters
        if parameters is None:
            self._is_laid = False
            return
        method = parameters.mapMethod.value
        nodes = self._nodes(method)
        wanted = {"dce": parameters.showMapDce, "t1": parameters.showMapT1, "t2": parameters.showMapT2}
        shown = {sequence for sequence in nodes if wanted[sequence]}
        state = ({sequence: node.GetID() for sequence, node in nodes.items()}, parameters.mapOpacity, shown)
        # The parameter node tells of every change in the panel, and the views are not to be drawn for each.
        if state == self._laid:
            return
        self._laid = state
        # What somebody else laid over the images is taken away by a map only.
        if shown or self._is_laid:
            views.show_maps(nodes, parameters.mapOpacity, shown)
            self._is_laid = bool(shown)
        if self._stored is not None:
            short, long = cell_words(self._stored.mapping, method)
            self._ui.mapCellLabel.setText(short)
            self._ui.mapCellLabel.setToolTip(long)

    def _nodes(self, method: str) -> dict[str, Any]:
        """Return sequence -> map node of one method, as it is laid over the sequence's images."""
        if self._stored is None:
            return {}
        nodes = {source: node for (source, name), node in self._stored.map_nodes.items() if name == method}
        # A map over the lesion's own crop is finer than one over the whole breast, and takes its place.
        breast_first = sorted(nodes, key=lambda source: source != PROJECTION)
        return {_shown_on(source): nodes[source] for source in breast_first}


def _shown_on(source: str) -> str:
    """Return the sequence on which a source's map is shown: a projection is made of the DCE series."""
    return "dce" if source == PROJECTION else source


def cell_words(reading: Mapping[str, Any], method: str) -> tuple[str, str]:
    """Return how coarse the maps are: a few words for the row, and all of it for the tooltip.

    Args:
        reading: the content of reading.json.
        method: 'gradcam' or 'gradcam++'.
    """
    cells = {row["sequence"]: row["cell_size_mm"] for row in reading["maps"] if row["method"] == method}
    if not cells:
        return "", ""
    sizes = [mm for cell in cells.values() for mm in cell]
    low, high = f"{min(sizes):.0f}", f"{max(sizes):.0f}"
    words = low if low == high else _("{low} to {high}").format(low=low, high=high)
    each = "; ".join(f"{SOURCE_WORDS.get(source, source)} {x:.1f} × {y:.1f} mm" for source, (x, y) in cells.items())
    long = _(
        "A map has only a few cells ({each}) and is the same for all slices of the crop: it points to a region, not to "
        "a voxel."
    )
    return _("cells of {size} mm").format(size=words), long.format(each=each)
