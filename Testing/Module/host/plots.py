"""A plot chart node drawn by VTK's charts, as Slicer's plot view draws it: lines, markers, axes, legend."""

from __future__ import annotations

from typing import Any

import vtk


def plot_window(chart_node: Any, width_px: int, height_px: int, dark: bool = False) -> vtk.vtkRenderWindow:
    """A rendered off-screen window with the chart."""
    view = vtk.vtkContextView()
    window = view.GetRenderWindow()
    window.SetOffScreenRendering(True)
    window.SetMultiSamples(0)
    window.SetSize(width_px, height_px)
    paper, ink = ((0.2, 0.2, 0.2), (1.0, 1.0, 1.0)) if dark else ((1.0, 1.0, 1.0), (0.1, 0.1, 0.1))
    view.GetRenderer().SetBackground(*paper)
    chart = vtk.vtkChartXY()
    view.GetScene().AddItem(chart)
    _set_texts(chart, chart_node, ink)
    for index in range(chart_node.GetNumberOfPlotSeriesNodes()):
        _add_series(chart, chart_node.GetNthPlotSeriesNode(index))
    chart.SetShowLegend(bool(chart_node.GetLegendVisibility()))
    chart.GetLegend().GetLabelProperties().SetFontSize(chart_node.GetLegendFontSize())
    chart.RecalculateBounds()
    _set_ranges(chart, chart_node)
    window.Render()
    return window


def _set_texts(chart: vtk.vtkChartXY, node: Any, ink: tuple[float, float, float]) -> None:
    chart.SetTitle((node.GetTitle() or "") if node.GetTitleVisibility() else "")
    chart.GetTitleProperties().SetFontSize(node.GetTitleFontSize())
    chart.GetTitleProperties().SetColor(*ink)
    titles = {vtk.vtkAxis.BOTTOM: node.GetXAxisTitle(), vtk.vtkAxis.LEFT: node.GetYAxisTitle()}
    visible = {vtk.vtkAxis.BOTTOM: node.GetXAxisTitleVisibility(), vtk.vtkAxis.LEFT: node.GetYAxisTitleVisibility()}
    for position, title in titles.items():
        axis = chart.GetAxis(position)
        axis.SetTitle((title or "") if visible[position] else "")
        axis.GetTitleProperties().SetFontSize(node.GetAxisTitleFontSize())
        axis.GetLabelProperties().SetFontSize(node.GetAxisLabelFontSize())
        for properties in (axis.GetTitleProperties(), axis.GetLabelProperties()):
            properties.SetColor(*ink)
        axis.GetPen().SetColorF(*ink)
        axis.SetGridVisible(bool(node.GetGridVisibility()))
        axis.GetGridPen().SetColorF(*(0.5 + 0.3 * (value - 0.5) for value in (1 - ink[0], 1 - ink[1], 1 - ink[2])))


def _add_series(chart: vtk.vtkChartXY, series: Any) -> None:
    table = series.GetTableNode().GetTable() if series.GetTableNode() else None
    if table is None or table.GetColumnByName(series.GetYColumnName()) is None:
        return
    is_bar = series.GetPlotType() == series.PlotTypeBar
    is_scatter = series.GetPlotType() in (series.PlotTypeScatter, series.PlotTypeScatterBar)
    plot = chart.AddPlot(vtk.vtkChart.BAR if is_bar else vtk.vtkChart.LINE)
    plot.SetLabel(series.GetName())
    plot.SetColorF(*series.GetColor())
    plot.SetOpacity(series.GetOpacity())
    names = [table.GetColumnName(column) for column in range(table.GetNumberOfColumns())]
    plot.SetInputData(table)
    plot.SetInputArray(1, series.GetYColumnName())
    if is_scatter and series.GetXColumnName() in names:
        plot.SetUseIndexForXSeries(False)
        plot.SetInputArray(0, series.GetXColumnName())
    else:
        plot.SetUseIndexForXSeries(True)
    if not is_bar:
        # The numbers of markers and lines are the same in Slicer's nodes and in VTK.
        plot.SetWidth(series.GetLineWidth())
        plot.GetPen().SetLineType(series.GetLineStyle())
        plot.SetMarkerStyle(series.GetMarkerStyle())
        plot.SetMarkerSize(series.GetMarkerSize())


def _set_ranges(chart: vtk.vtkChartXY, node: Any) -> None:
    for position, is_auto, values in (
        (vtk.vtkAxis.BOTTOM, node.GetXAxisRangeAuto(), node.GetXAxisRange()),
        (vtk.vtkAxis.LEFT, node.GetYAxisRangeAuto(), node.GetYAxisRange()),
    ):
        if not is_auto:
            chart.GetAxis(position).SetBehavior(vtk.vtkAxis.FIXED)
            chart.GetAxis(position).SetRange(*values)
