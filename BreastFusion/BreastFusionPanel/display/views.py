"""What the slice, 3-D and plot views show of a study. Nothing here computes; all of it acts on the views' nodes.

A view that is not there (no main window, another layout) is passed over without a word.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import slicer

from ..bridge.slice_window import apply_window, tissue_range
from .dce_images import shown_phase, shown_volume
from .layouts import COMPARED_VIEWS, CURVE_VIEW, is_comparison, set_comparison, set_conventional

if TYPE_CHECKING:
    from ..parameters import BreastFusionParameterNode

__all__ = [
    "jump_to",
    "link_views",
    "mark_point",
    "show_comparison",
    "show_dce",
    "show_exam",
    "show_maps",
    "show_outlines",
    "show_plot",
]

PLANE_OF_VIEW = {"Red": "Axial", "Yellow": "Sagittal", "Green": "Coronal"}
"""Slicer's own slice views, and the plane each shows."""

# A field in which a lesion of 1 cm and its breast are both seen.
LESION_FIELD_MM = 160.0

OUTLINE_PX = 2


def show_exam(parameters: BreastFusionParameterNode) -> None:
    """Show the DCE series in three planes and 3-D, in windows that suit breast tissue, the whole breast in view."""
    set_conventional()
    _set_windows(parameters)
    show_dce(parameters)
    for slice_node in _slice_nodes(PLANE_OF_VIEW):
        slice_node.SetOrientation(PLANE_OF_VIEW[slice_node.GetLayoutName()])
        _align(slice_node, shown_phase(parameters))
        _fit(slice_node)
    for axial in _slice_nodes(["Red"]):
        # In 3-D the axial slice only: three would hide the lesion between them.
        axial.SetSliceVisible(True)
    for view_node in slicer.util.getNodesByClass("vtkMRMLViewNode"):
        view_node.InvokeEvent(view_node.ResetFocalPointRequestedEvent)


def show_dce(parameters: BreastFusionParameterNode) -> None:
    """Show what `parameters.dceImage` asks for wherever DCE is shown, and beside it the exam's own T1 and T2.

    Planes and positions stay; so does the layout, but for views of sequences that another exam has.
    """
    for name, plane in PLANE_OF_VIEW.items():
        _set_background(name, shown_volume(parameters, plane))
    volumes = _volumes(parameters)
    if is_comparison():
        set_comparison(volumes)
    for sequence, name in COMPARED_VIEWS.items():
        _set_background(name, volumes.get(sequence))


def show_comparison(parameters: BreastFusionParameterNode, chart_node: Any = None) -> None:
    """Show DCE, T1 and T2 side by side in the planes of DCE, and the time-intensity curve below.

    A sequence that the exam lacks has no view. When the comparison is shown already its positions stay.

    Args:
        parameters: the study.
        chart_node: vtkMRMLPlotChartNode for the plot view; None leaves the plot as it is.
    """
    volumes = _volumes(parameters)
    was_shown = is_comparison()
    point_ras = _current_point()
    set_comparison(volumes)
    for sequence, volume in volumes.items():
        _set_background(COMPARED_VIEWS[sequence], volume)
    link_views(parameters.linkViews)
    show_outlines(parameters)
    if not was_shown:
        for slice_node in _slice_nodes(COMPARED_VIEWS.values()):
            _align(slice_node, shown_phase(parameters))
            _zoom(slice_node, LESION_FIELD_MM)
            if point_ras is not None:
                slice_node.JumpSliceByCentering(*point_ras)
    if chart_node is not None:
        show_plot(chart_node)


def jump_to(point_ras: Collection[float]) -> None:
    """Bring a point (RAS, mm) into every view: the planes go through it, and the comparison is centred on it."""
    for slice_node in _slice_nodes(PLANE_OF_VIEW):
        slice_node.JumpSliceByOffsetting(*point_ras)
    for slice_node in _slice_nodes(COMPARED_VIEWS.values()):
        slice_node.JumpSliceByCentering(*point_ras)


def mark_point(point_ras: Collection[float]) -> None:
    """Put the crosshair on a point (RAS, mm) and show it."""
    crosshair = slicer.mrmlScene.GetFirstNodeByClass("vtkMRMLCrosshairNode")
    if crosshair is not None:
        crosshair.SetCrosshairRAS(*point_ras)
        crosshair.SetCrosshairMode(crosshair.ShowSmallBasic)


def link_views(linked: bool) -> None:
    """Let the views of the comparison scroll and zoom together, or each alone."""
    for name in COMPARED_VIEWS.values():
        composite = _composite_node(name)
        if composite is not None:
            composite.SetLinkedControl(linked)
            composite.SetHotLinkedControl(linked)


def show_plot(chart_node: Any) -> None:
    """Show a chart in the plot view of the comparison, or where the application shows plots in its layout.

    Args:
        chart_node: vtkMRMLPlotChartNode; None empties the plot view of the comparison.
    """
    plot_view = slicer.mrmlScene.GetSingletonNode(CURVE_VIEW, "vtkMRMLPlotViewNode")
    if plot_view is not None:
        plot_view.SetPlotChartNodeID(None if chart_node is None else chart_node.GetID())
    if chart_node is not None and not is_comparison():
        slicer.modules.plots.logic().ShowChartInLayout(chart_node)


def show_maps(map_nodes: Mapping[str, Any], opacity: float, shown: Collection[str]) -> None:
    """Lay activation maps over the images they explain.

    Args:
        map_nodes: sequence ('dce', 't1', 't2') -> volume node with values 0..1; a sequence may be absent.
        opacity: 0..1.
        shown: the sequences whose map is to be seen; all others are taken away.
    """
    for sequence, name in COMPARED_VIEWS.items():
        node = map_nodes.get(sequence) if sequence in shown else None
        for view in (name, *PLANE_OF_VIEW) if sequence == "dce" else (name,):
            _set_foreground(view, node, opacity)


def show_outlines(parameters: BreastFusionParameterNode) -> None:
    """Show lesions as outlines, each only where it belongs: DCE lesions on DCE, mapped ones on their sequence."""
    everywhere_dce = (*PLANE_OF_VIEW, COMPARED_VIEWS["dce"])
    where = (
        (parameters.segmentation, [*map(_slice_id, everywhere_dce), *_ids("vtkMRMLViewNode")]),
        (parameters.t1Segmentation, [_slice_id(COMPARED_VIEWS["t1"])]),
        (parameters.t2Segmentation, [_slice_id(COMPARED_VIEWS["t2"])]),
    )
    for segmentation, view_ids in where:
        display = segmentation.GetDisplayNode() if segmentation is not None else None
        if display is not None:
            with slicer.util.NodeModify(display):
                display.SetVisibility2DFill(False)
                display.SetVisibility2DOutline(True)
                display.SetSliceIntersectionThickness(OUTLINE_PX)
                display.SetViewNodeIDs(view_ids)


def _set_windows(parameters: BreastFusionParameterNode) -> None:
    """Choose the window of DCE (one for all phases, from the phase now shown), T1 and T2 from their values."""
    for volume in (shown_phase(parameters), parameters.t1Volume, parameters.t2Volume):
        if volume is not None and volume.GetImageData() is not None:
            apply_window(volume, *tissue_range(slicer.util.arrayFromVolume(volume)))


def _volumes(parameters: BreastFusionParameterNode) -> dict[str, Any]:
    """Return the exam's sequences that are there, and what is shown of them."""
    volumes = {"dce": shown_volume(parameters), "t1": parameters.t1Volume, "t2": parameters.t2Volume}
    return {sequence: volume for sequence, volume in volumes.items() if volume is not None}


def _slice_id(name: str) -> str:
    return f"vtkMRMLSliceNode{name}"


def _ids(kind: str) -> Iterator[str]:
    return (node.GetID() for node in slicer.util.getNodesByClass(kind))


def _slice_nodes(names: Iterable[str]) -> list[Any]:
    """Return the slice views of these names, as far as they are there."""
    nodes = (slicer.mrmlScene.GetSingletonNode(name, "vtkMRMLSliceNode") for name in names)
    return [node for node in nodes if node is not None]


def _composite_node(name: str) -> Any:
    nodes = slicer.util.getNodesByClass("vtkMRMLSliceCompositeNode")
    return next((node for node in nodes if node.GetLayoutName() == name), None)


def _set_background(name: str, volume: Any) -> None:
    composite = _composite_node(name)
    if composite is not None:
        composite.SetBackgroundVolumeID(volume.GetID() if volume is not None else None)


def _set_foreground(name: str, volume: Any, opacity: float) -> None:
    composite = _composite_node(name)
    if composite is not None:
        with slicer.util.NodeModify(composite):
            composite.SetForegroundVolumeID(volume.GetID() if volume is not None else None)
            composite.SetForegroundOpacity(opacity if volume is not None else 0.0)


def _align(slice_node: Any, volume: Any) -> None:
    """Turn a view into the nearest plane of the volume's own grid: the pixels that were measured are shown."""
    if volume is not None:
        slice_node.RotateToVolumePlane(volume)


def _fit(slice_node: Any) -> None:
    logic = slicer.app.applicationLogic().GetSliceLogic(slice_node)
    if logic is not None:
        logic.FitSliceToAll()


def _zoom(slice_node: Any, field_mm: float) -> None:
    """Show `field_mm` along the view's shorter side."""
    _fit(slice_node)
    width, height, depth = slice_node.GetFieldOfView()
    factor = min(1.0, field_mm / max(min(width, height), 1e-6))
    slice_node.SetFieldOfView(width * factor, height * factor, depth)


def _current_point() -> tuple[float, ...] | None:
    """Return where the three planes of the conventional layout meet (RAS, mm); None without such views."""
    nodes = _slice_nodes(PLANE_OF_VIEW)
    if len(nodes) < len(PLANE_OF_VIEW):
        return None
    to_ras = [slicer.util.arrayFromVTKMatrix(node.GetSliceToRAS()) for node in nodes]
    normals = np.array([matrix[:3, 2] for matrix in to_ras])
    if abs(np.linalg.det(normals)) < 0.1:
        return None
    return tuple(np.linalg.solve(normals, [matrix[:3, 2] @ matrix[:3, 3] for matrix in to_ras]))
