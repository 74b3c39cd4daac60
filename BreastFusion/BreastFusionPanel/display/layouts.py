"""The panel's own layout: DCE, T1 and T2 side by side, the time-intensity curve below."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any
from xml.sax.saxutils import escape

import slicer
from slicer.i18n import tr as _

__all__ = ["COMPARED_VIEWS", "CURVE_VIEW", "is_comparison", "set_comparison", "set_conventional"]

COMPARED_VIEWS = {"dce": "BreastFusionDCE", "t1": "BreastFusionT1", "t2": "BreastFusionT2"}
"""Sequence -> layout name of its slice view."""

CURVE_VIEW = "BreastFusionCurve"
"""Layout name of the plot view."""

# Slicer's own layouts have numbers below 1000, and other extensions take theirs near 500.
_FIRST_ID = 27180

# Views are linked (scrolled, zoomed together) within their group only: red, yellow and green are group 0.
_VIEW_GROUP = 27

_COLORS = {"dce": "#E4572E", "t1": "#4C9BE8", "t2": "#8BC34A"}


def set_conventional() -> None:
    """Show three planes and 3-D."""
    layout = _layout_node()
    if layout is not None:
        layout.SetViewArrangement(layout.SlicerLayoutConventionalView)


def set_comparison(sequences: Collection[str]) -> None:
    """Show the given sequences ('dce', 't1', 't2') side by side, in this order whatever is given."""
    layout = _layout_node()
    if layout is not None:
        number = _layout_id(sequences)
        # The application forgets layouts when it likes; a second registration of the same number is refused.
        if not layout.IsLayoutDescription(number):
            layout.AddLayoutDescription(number, _description(sequences))
        layout.SetViewArrangement(number)


def is_comparison() -> bool:
    """Return whether the views are in the panel's own layout now."""
    layout = _layout_node()
    return layout is not None and 0 < layout.GetViewArrangement() - _FIRST_ID < 2 ** len(COMPARED_VIEWS)


def _layout_node() -> Any:
    """Return the application's layout node; there is none without views, as when tests run."""
    return slicer.mrmlScene.GetFirstNodeByClass("vtkMRMLLayoutNode")


def _layout_id(sequences: Collection[str]) -> int:
    return _FIRST_ID + sum(2**bit for bit, sequence in enumerate(COMPARED_VIEWS) if sequence in sequences)


def _description(sequences: Collection[str]) -> str:
    views = "".join(_slice_view(sequence) for sequence in COMPARED_VIEWS if sequence in sequences)
    curve = _view("vtkMRMLPlotViewNode", CURVE_VIEW, {"viewlabel": _("Time-intensity")})
    return (
        '<layout type="vertical" split="true">'
        f'<item splitSize="650"><layout type="horizontal">{views}</layout></item>'
        f'<item splitSize="350">{curve}</item>'
        "</layout>"
    )


def _slice_view(sequence: str) -> str:
    properties = {
        "orientation": "Axial",
        "viewlabel": sequence.upper(),
        "viewcolor": _COLORS[sequence],
        "viewgroup": str(_VIEW_GROUP),
    }
    return f"<item>{_view('vtkMRMLSliceNode', COMPARED_VIEWS[sequence], properties)}</item>"


def _view(kind: str, name: str, properties: dict[str, str]) -> str:
    lines = "".join(
        f'<property name="{key}" action="default">{escape(value)}</property>' for key, value in properties.items()
    )
    return f'<view class="{kind}" singletontag="{name}">{lines}</view>'
