"""The time-intensity curve of a lesion as table, series and chart: Slicer's plot view shows it.

Enhancement in per cent over minutes, with the limits of the delayed phase: above the upper one a lesion is persistent,
below the lower one it washes out, between them lies the plateau.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import slicer
from slicer.i18n import tr as _

from BreastFusionLib.lesion.kinetics import DELAYED_CHANGE_PERCENT

from .labelmaps import segment_of
from .lesion_nodes import find_node, own, remove_nodes
from .node_parts import name_columns

if TYPE_CHECKING:
    from ..parameters import BreastFusionParameterNode

__all__ = ["kinetics_chart", "remove_kinetics", "stored_chart"]

TABLE, LIMIT_TABLE, CHART = "kinetics table", "kinetics limits", "kinetics chart"
CURVE, PERSISTENT, WASHOUT = "kinetics curve", "kinetics persistent", "kinetics wash-out"
SHOWN_IN_MINUTES_FROM_S = 150.0
# Middle tones, which stand out from white as well as from black.
CURVE_COLOR, LIMIT_COLOR = (0.83, 0.33, 0.10), (0.50, 0.50, 0.50)


def kinetics_chart(
    parameters: BreastFusionParameterNode, segment_id: str, kinetics: Mapping[str, Any]
) -> slicer.vtkMRMLPlotChartNode:
    """Show a lesion's curve; nodes that are there already are filled anew.

    Args:
        parameters: the study.
        segment_id: the lesion.
        kinetics: `Kinetics.to_mapping()`, or what a reading has under 'kinetics'.

    Returns:
        The chart node.

    Raises:
        InputError: no such lesion.
    """
    segmentation = parameters.segmentation
    name = segment_of(segmentation, segment_id).GetName()
    axis_title, x = time_axis([phase["time_s"] for phase in kinetics["phases"]])
    y_title, y = signal_axis(kinetics["phases"])
    limits = _limits(kinetics, x, y)
    table = _node(parameters, segment_id, TABLE, "vtkMRMLTableNode", _("{lesion} time-intensity").format(lesion=name))
    _fill(table, {axis_title: x, y_title: y})
    chart = _node(parameters, segment_id, CHART, "vtkMRMLPlotChartNode", _("{lesion} curve").format(lesion=name))
    with slicer.util.NodeModify(chart):
        chart.RemoveAllPlotSeriesNodeIDs()
        curve = _node(parameters, segment_id, CURVE, "vtkMRMLPlotSeriesNode", name)
        _draw_curve(curve, table, axis_title, y_title)
        chart.AddAndObservePlotSeriesNodeID(curve.GetID())
        if limits is None:
            remove_nodes(segmentation, segment_id, LIMIT_TABLE, PERSISTENT, WASHOUT)
        else:
            for series in _draw_limits(parameters, segment_id, axis_title, limits):
                chart.AddAndObservePlotSeriesNodeID(series.GetID())
        _dress(chart, name, kinetics, axis_title, y_title)
        _scale(chart, x, [*y, *(value for values in (limits or {}).values() for value in values[1])])
    return chart


def stored_chart(parameters: BreastFusionParameterNode, segment_id: str) -> slicer.vtkMRMLPlotChartNode | None:
    """Return the chart of a lesion's curve; None when there is none yet."""
    return find_node(parameters.segmentation, segment_id, CHART, "vtkMRMLPlotChartNode")


def remove_kinetics(parameters: BreastFusionParameterNode, segment_id: str) -> None:
    """Remove the curve of a lesion; one that is not there is no error."""
    remove_nodes(parameters.segmentation, segment_id, CHART, CURVE, PERSISTENT, WASHOUT, TABLE, LIMIT_TABLE)


def time_axis(times_s: Sequence[float | None]) -> tuple[str, list[float]]:
    """Return title and values of the horizontal axis: minutes, seconds for a short series, numbers without times.

    >>> time_axis([0.0, 90.0, 180.0])
    ('Time after the phase before contrast (min)', [0.0, 1.5, 3.0])
    >>> time_axis([0.0, None])
    ('Phase (times unknown; 0 is before contrast)', [0.0, 1.0])
    """
    known = [time for time in times_s if time is not None]
    if len(known) < len(times_s):
        return _("Phase (times unknown; 0 is before contrast)"), [float(number) for number in range(len(times_s))]
    if known[-1] < SHOWN_IN_MINUTES_FROM_S:
        return _("Time after the phase before contrast (s)"), known
    return _("Time after the phase before contrast (min)"), [time / 60 for time in known]


def signal_axis(phases: Sequence[Mapping[str, Any]]) -> tuple[str, list[float]]:
    """Return title and values of the vertical axis: enhancement, or the signal where that is undefined."""
    percents = [phase["percent"] for phase in phases]
    if None in percents:
        return _("Mean signal in the lesion"), [phase["mean"] for phase in phases]
    return _("Enhancement (%)"), percents


def _limits(
    kinetics: Mapping[str, Any], x: Sequence[float], y: Sequence[float]
) -> dict[str, tuple[list[float], list[float]]] | None:
    """Return the limits of the delayed phase, kind -> (x, y) from the initial peak to the last phase.

    Limits are changes of the signal: on the axis of enhancement they are 10 % of the peak's whole signal, not of its
    enhancement.
    """
    delayed, means = kinetics.get("delayed_percent"), [phase["mean"] for phase in kinetics["phases"]]
    if delayed is None or len(means) < 3:
        return None
    peak = means[-1] / (1 + delayed / 100)
    start = min(range(1, len(means)), key=lambda number: abs(means[number] - peak))
    if start == len(means) - 1:
        return None

    def level(change_percent: float) -> float:
        signal = peak * (1 + change_percent / 100)
        return signal if y[-1] == means[-1] else 100 * (signal - means[0]) / means[0]

    return {
        kind: ([x[start], x[-1]], [level(change)] * 2)
        for kind, change in ((PERSISTENT, DELAYED_CHANGE_PERCENT), (WASHOUT, -DELAYED_CHANGE_PERCENT))
    }


def _draw_curve(series: slicer.vtkMRMLPlotSeriesNode, table: slicer.vtkMRMLTableNode, x: str, y: str) -> None:
    with slicer.util.NodeModify(series):
        series.SetAndObserveTableNodeID(table.GetID())
        series.SetXColumnName(x)
        series.SetYColumnName(y)
        series.SetPlotType(series.PlotTypeScatter)
        series.SetLineStyle(series.LineStyleSolid)
        series.SetLineWidth(3)
        series.SetMarkerStyle(series.MarkerStyleCircle)
        series.SetMarkerSize(11)
        series.SetColor(*CURVE_COLOR)


def _draw_limits(
    parameters: BreastFusionParameterNode,
    segment_id: str,
    x_title: str,
    limits: Mapping[str, tuple[list[float], list[float]]],
) -> list[slicer.vtkMRMLPlotSeriesNode]:
    names = {
        PERSISTENT: _("persistent above +{percent:.0f} %").format(percent=DELAYED_CHANGE_PERCENT),
        WASHOUT: _("wash-out below -{percent:.0f} %").format(percent=DELAYED_CHANGE_PERCENT),
    }
    table = _node(parameters, segment_id, LIMIT_TABLE, "vtkMRMLTableNode", _("Limits of the delayed phase"))
    _fill(table, {x_title: limits[PERSISTENT][0], **{names[kind]: values for kind, (_x, values) in limits.items()}})
    drawn = []
    for kind, name in names.items():
        series = _node(parameters, segment_id, kind, "vtkMRMLPlotSeriesNode", name)
        with slicer.util.NodeModify(series):
            series.SetAndObserveTableNodeID(table.GetID())
            series.SetXColumnName(x_title)
            series.SetYColumnName(name)
            series.SetPlotType(series.PlotTypeScatter)
            series.SetLineStyle(series.LineStyleDash if kind == PERSISTENT else series.LineStyleDashDot)
            series.SetLineWidth(2)
            series.SetMarkerStyle(series.MarkerStyleNone)
            series.SetColor(*LIMIT_COLOR)
        drawn.append(series)
    return drawn


def _dress(
    chart: slicer.vtkMRMLPlotChartNode, name: str, kinetics: Mapping[str, Any], x_title: str, y_title: str
) -> None:
    curve = kinetics.get("curve")
    chart.SetTitle(f"{name}: {curve}" if curve else name)
    chart.SetXAxisTitle(x_title)
    chart.SetYAxisTitle(y_title)
    chart.SetTitleFontSize(15)
    chart.SetAxisTitleFontSize(13)
    chart.SetAxisLabelFontSize(12)
    chart.SetLegendFontSize(11)
    chart.SetLegendVisibility(chart.GetNumberOfPlotSeriesNodes() > 1)
    chart.SetGridVisibility(True)


def _scale(chart: slicer.vtkMRMLPlotChartNode, x: Sequence[float], y: Sequence[float]) -> None:
    """Leave room round the points, above all on top, where the legend is; zero is always in sight."""
    width, low, high = x[-1] - x[0] or 1.0, min(0.0, *y), max(0.0, *y)
    height = high - low or 1.0
    chart.SetXAxisRangeAuto(False)
    chart.SetYAxisRangeAuto(False)
    chart.SetXAxisRange(x[0] - 0.03 * width, x[-1] + 0.05 * width)
    chart.SetYAxisRange(low - (0.05 * height if low < 0 else 0.02 * height), high + 0.5 * height)


def _fill(table: slicer.vtkMRMLTableNode, columns: Mapping[str, Sequence[float]]) -> None:
    with slicer.util.NodeModify(table):
        slicer.util.updateTableFromArray(table, [np.array(values, float) for values in columns.values()], list(columns))
        name_columns(table)


def _node(
    parameters: BreastFusionParameterNode, segment_id: str, kind: str, class_name: str, name: str
) -> slicer.vtkMRMLNode:
    """Return a lesion's node of a kind, made when there is none, with its present name."""
    node = find_node(parameters.segmentation, segment_id, kind, class_name)
    if node is None:
        node = slicer.mrmlScene.AddNewNodeByClass(class_name, name)
        own(node, parameters.segmentation, segment_id, kind)
    node.SetName(name)
    return node
