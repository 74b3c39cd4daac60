"""The curve of a lesion: enhancement over time, with the limits of the delayed phase."""

from __future__ import annotations

import math

import pytest
import slicer
from BreastFusionPanel.bridge.exam_nodes import add_exam
from BreastFusionPanel.bridge.kinetics_nodes import kinetics_chart
from BreastFusionPanel.bridge.segments import add_lesion
from bridge_fixtures import *  # noqa: F403
from bridge_parts import study
from reading_parts import KINETICS, PHASES, belonging

from BreastFusionLib.lesion import measure_kinetics


def columns(series) -> tuple[list[float], list[float]]:
    table = series.GetTableNode()
    return tuple(
        slicer.util.arrayFromTableColumn(table, name).tolist()
        for name in (series.GetXColumnName(), series.GetYColumnName())
    )


def test_the_curve_is_enhancement_over_minutes_with_the_limits_of_the_delayed_phase(lesion):
    chart = kinetics_chart(*lesion, KINETICS)
    assert chart.GetTitle() == "Lesion 1: wash-out"
    assert chart.GetXAxisTitle() == "Time after the phase before contrast (min)"
    assert chart.GetYAxisTitle() == "Enhancement (%)"
    curve, persistent, washout = (chart.GetNthPlotSeriesNode(number) for number in range(3))
    assert curve.GetName() == "Lesion 1"
    assert columns(curve) == ([0.0, 1.5, 3.0, 6.0], [0.0, 200.0, 170.0, 140.0])
    # 10 % of a signal of 300 up and down, over a signal of 100 before contrast
    assert persistent.GetName() == "persistent above +10 %"
    assert columns(persistent) == ([1.5, 6.0], pytest.approx([230.0, 230.0]))
    assert washout.GetName() == "wash-out below -10 %"
    assert columns(washout) == ([1.5, 6.0], pytest.approx([170.0, 170.0]))
    low, high = chart.GetYAxisRange()
    assert low < 0 and high > 230


def test_a_short_series_is_shown_in_seconds(lesion):
    phases = [{**phase, "time_s": phase["time_s"] / 4} for phase in PHASES]
    chart = kinetics_chart(*lesion, {**KINETICS, "phases": phases})
    assert chart.GetXAxisTitle() == "Time after the phase before contrast (s)"
    assert columns(chart.GetNthPlotSeriesNode(0))[0] == [0.0, 22.5, 45.0, 90.0]


def test_unknown_times_are_numbers_of_phases(lesion):
    phases = [{**phase, "time_s": None} for phase in PHASES]
    chart = kinetics_chart(*lesion, {**KINETICS, "phases": phases})
    assert chart.GetXAxisTitle() == "Phase (times unknown; 0 is before contrast)"
    assert columns(chart.GetNthPlotSeriesNode(0))[0] == [0.0, 1.0, 2.0, 3.0]


def test_without_a_signal_before_contrast_the_signal_itself_is_shown(lesion):
    phases = [{**phase, "percent": None} for phase in PHASES]
    chart = kinetics_chart(*lesion, {**KINETICS, "phases": phases})
    assert chart.GetYAxisTitle() == "Mean signal in the lesion"
    assert columns(chart.GetNthPlotSeriesNode(0))[1] == [100.0, 300.0, 270.0, 240.0]
    assert columns(chart.GetNthPlotSeriesNode(1))[1] == pytest.approx([330.0, 330.0])


def test_without_a_delayed_phase_there_are_no_limits(lesion):
    two = {"phases": PHASES[:2], "delayed_percent": None, "curve": None}
    chart = kinetics_chart(*lesion, two)
    assert chart.GetNumberOfPlotSeriesNodes() == 1
    assert chart.GetTitle() == "Lesion 1"
    assert not chart.GetLegendVisibility()


def test_a_curve_that_changes_keeps_its_nodes_and_the_view_that_shows_them(lesion):
    parameters, segment_id = lesion
    chart = kinetics_chart(parameters, segment_id, KINETICS)
    nodes = belonging(segment_id)
    parameters.segmentation.GetSegmentation().GetSegment(segment_id).SetName("Near the wall")
    phases = [{**phase, "percent": phase["percent"] / 2} for phase in PHASES]
    assert kinetics_chart(parameters, segment_id, {**KINETICS, "phases": phases, "curve": "plateau"}) is chart
    assert belonging(segment_id) == nodes
    assert chart.GetTitle() == "Near the wall: plateau"
    assert columns(chart.GetNthPlotSeriesNode(0))[1] == [0.0, 100.0, 85.0, 70.0]
    kinetics_chart(parameters, segment_id, {"phases": PHASES[:2], "delayed_percent": None, "curve": None})
    assert len(belonging(segment_id)) == 3, "table, curve and chart; the limits are gone"


def test_the_curve_of_a_phantom_is_what_the_library_measures(scene, phantom_exam):
    parameters = study()
    list(add_exam(phantom_exam.exam, parameters))
    segment_id = add_lesion(parameters, phantom_exam.lesion.mask)
    kinetics = measure_kinetics(phantom_exam.exam.dce, phantom_exam.lesion.mask)
    chart = kinetics_chart(parameters, segment_id, kinetics.to_mapping())
    x, y = columns(chart.GetNthPlotSeriesNode(0))
    assert x == [phase.time_s / 60 for phase in kinetics.phases]
    assert y == [phase.percent for phase in kinetics.phases]
    assert all(map(math.isfinite, (*chart.GetXAxisRange(), *chart.GetYAxisRange())))
