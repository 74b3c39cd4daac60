"""A reading in the scene is exact, is found again, and goes with its lesion."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
import SimpleITK as sitk
import slicer
from BreastFusionPanel.bridge.exam_nodes import add_exam, exam_of
from BreastFusionPanel.bridge.geometry import image_of, pixels_of, update_volume
from BreastFusionPanel.bridge.kinetics_nodes import kinetics_chart
from BreastFusionPanel.bridge.mapped_segments import show_mapped
from BreastFusionPanel.bridge.phase_corrections import move_phase, set_phase_time
from BreastFusionPanel.bridge.reading_nodes import reading_of, remove_reading, store_reading, storing_reading
from BreastFusionPanel.bridge.segments import add_lesion, lesion_ids, remove_lesion, replace_outline, set_side
from BreastFusionPanel.bridge.sequences import browser_of
from bridge_parts import GRID, make_exam, save_and_reopen, study

from BreastFusionLib.errors import InputError
from BreastFusionLib.exam.geometry import Box
from BreastFusionLib.lesion import MappedLesion, measure_kinetics

FEATURES = [
    {
        "source": "radiomics",
        "name": "dce_shape_Sphericity",
        "value": 0.1 + 0.2,
        "reference_range": [0.41, 0.93],
        "training_percentile": 12.345,
        "class_percentiles": {"benign": 7.0, "malignant": 55.5},
        "contribution": -0.2,
    },
    {
        "source": "kinetics",
        "name": "ser",
        "value": None,
        "reference_range": [None, None],
        "training_percentile": None,
        "class_percentiles": {"benign": None, "malignant": None},
        "contribution": 0.0,
    },
]
PHASES = [
    {"time_s": 0.0, "mean": 100.0, "percent": 0.0},
    {"time_s": 90.0, "mean": 300.0, "percent": 200.0},
    {"time_s": 180.0, "mean": 270.0, "percent": 170.0},
    {"time_s": 360.0, "mean": 240.0, "percent": 140.0},
]
KINETICS = {"phases": PHASES, "initial_percent": 200.0, "delayed_percent": -20.0, "curve": "wash-out"}
PART = Box((2, 1, 3), (3, 3, 2))
WORDS = 'Läsion "1"\tgröß er\nals 3 mm | a:b; {c}'


def box_mask(start=(2, 1, 3), size=(4, 3, 2)) -> sitk.Image:
    mask = GRID.empty_image()
    (i, j, k), (ni, nj, nk) = start, size
    mask[i : i + ni, j : j + nj, k : k + nk] = 1
    return mask


@pytest.fixture
def folder(tmp_path):
    """The files of a reading, with maps on parts of the grids."""
    folder = tmp_path / "reading"
    folder.mkdir()
    for n, name in enumerate(("map_dce_gradcam", "map_dce_gradcampp", "map_t1_gradcampp")):
        part = GRID.cropped(PART).put_on(sitk.Image(3, 3, 2, sitk.sitkFloat32) + n / 10)
        part[1, 1, 1] = 0.75
        sitk.WriteImage(part, str(folder / f"{name}.nii.gz"))
    return folder


def make_reading() -> dict:
    maps = [
        ("dce", "gradcam", "map_dce_gradcam"),
        ("dce", "gradcam++", "map_dce_gradcampp"),
        ("t1", "gradcam++", "map_t1_gradcampp"),
    ]
    return {
        "schema": "breastfusion.reading/1",
        "probability": 0.1 + 0.7,
        "tiny": 5e-324,
        "statement": WORDS,
        "kinetics": KINETICS,
        "features": FEATURES,
        "maps": [{"sequence": s, "method": m, "file": f"{f}.nii.gz", "cell_size_mm": [8.0, 8.0]} for s, m, f in maps],
    }


@pytest.fixture
def lesion(scene):
    """An exam with a lesion: (parameters, segment ID)."""
    parameters = study()
    list(add_exam(make_exam(), parameters))
    return parameters, add_lesion(parameters, box_mask())


@pytest.fixture
def read(lesion, folder):
    """The same, with a reading."""
    store_reading(*lesion, make_reading(), folder)
    return lesion


def belonging(segment_id: str) -> list:
    return [
        n for n in slicer.util.getNodesByClass("vtkMRMLNode") if n.GetAttribute("BreastFusion.lesion") == segment_id
    ]


def cells(table) -> list[list[str]]:
    return [
        [table.GetCellText(row, column) for column in range(table.GetNumberOfColumns())]
        for row in range(table.GetNumberOfRows())
    ]


def test_a_reading_is_kept_to_the_last_digit_and_letter(read):
    found = reading_of(*read)
    assert found.mapping == make_reading()
    assert json.dumps(found.mapping) == json.dumps(make_reading())
    assert found.is_current


def test_a_lesion_without_a_reading_has_none(lesion):
    parameters, segment_id = lesion
    assert reading_of(parameters, segment_id) is None
    assert reading_of(parameters, "no such lesion") is None
    assert reading_of(None, segment_id) is None


def test_a_saved_scene_gives_the_same_reading(read, tmp_path):
    _parameters, segment_id = read
    found = reading_of(save_and_reopen(tmp_path), segment_id)
    assert found.mapping == make_reading()
    assert found.is_current
    assert set(found.map_nodes) == {("dce", "gradcam"), ("dce", "gradcam++"), ("t1", "gradcam++")}
    assert slicer.util.arrayFromVolume(found.map_nodes["dce", "gradcam++"])[0, 0, 0] == pytest.approx(0.1)
    assert cells(found.feature_table)[0][:3] == ["radiomics", "dce_shape_Sphericity", "0.3"]
    assert found.chart.GetTitle() == "Lesion 1: wash-out"
    assert found.chart.GetNthPlotSeriesNode(0).GetTableNode().GetNumberOfRows() == 4


def test_a_reading_is_found_in_a_scene_in_which_ids_are_others(read, tmp_path):
    parameters, segment_id = read
    path = str(tmp_path / "saved.mrb")
    scene = slicer.mrmlScene
    old_id = parameters.segmentation.GetID()
    assert scene.WriteToMRB(path)
    scene.Clear(0)
    other = study()
    list(add_exam(make_exam(t1=False), other))
    for name in ("somebody's lesions", "more of them"):
        scene.AddNewNodeByClass("vtkMRMLSegmentationNode", name).CreateDefaultDisplayNodes()
    add_lesion(other, box_mask())
    assert scene.GetNodeByID(old_id) is not None, "the IDs of the saved scene are taken"
    assert scene.ReadFromMRB(path, False)
    imported = [
        n for n in slicer.util.getNodesByClass("vtkMRMLSegmentationNode") if n.GetSegmentation().GetSegment(segment_id)
    ]
    assert len(imported) == 1 and imported[0].GetID() != old_id
    other.segmentation = imported[0]
    found = reading_of(other, segment_id)
    assert found.mapping == make_reading()
    assert len(found.map_nodes) == 3
    assert found.chart.GetNumberOfPlotSeriesNodes() == 3


def test_maps_lie_where_they_belong_and_are_transparent_where_they_are_low(read, folder):
    found = reading_of(*read)
    node = found.map_nodes["dce", "gradcam++"]
    assert node.GetName() == "Lesion 1 DCE Grad-CAM++"
    expected = sitk.ReadImage(str(folder / "map_dce_gradcampp.nii.gz"))
    assert np.array_equal(sitk.GetArrayFromImage(image_of(node)), sitk.GetArrayFromImage(expected))
    assert image_of(node).GetOrigin() == pytest.approx(GRID.physical((2, 1, 3)), abs=1e-4)
    display = node.GetDisplayNode()
    assert (display.GetWindowLevelMin(), display.GetWindowLevelMax()) == (0.0, 1.0)
    assert display.GetApplyThreshold() and display.GetLowerThreshold() > 0
    assert not display.GetInterpolate(), "cells are shown as they are"
    assert display.GetColorNodeID() == "vtkMRMLColorTableNodeIron"


def test_the_feature_table_is_for_the_eyes(read):
    table = reading_of(*read).feature_table
    names = [table.GetColumnName(column) for column in range(table.GetNumberOfColumns())]
    assert names == [
        *("source", "feature", "value", "95 % of training", "percentile"),
        *("percentile in benign", "percentile in malignant"),
    ]
    assert cells(table) == [
        ["radiomics", "dce_shape_Sphericity", "0.3", "0.41 .. 0.93", "12", "7", "56"],
        ["kinetics", "ser", "", "", "", "", ""],
    ]
    assert table.GetLocked()


def test_a_reading_without_meaning_has_values_and_nothing_to_compare_them_with(lesion, folder):
    rows = [{key: row[key] for key in ("source", "name", "value")} for row in FEATURES]
    store_reading(*lesion, {**make_reading(), "features": rows, "kinetics": None}, folder)
    found = reading_of(*lesion)
    assert cells(found.feature_table) == [["radiomics", "dce_shape_Sphericity", "0.3"], ["kinetics", "ser", ""]]
    assert found.chart is None


def test_clinical_columns_stand_in_words_and_with_their_unit(lesion, folder):
    rows = [
        {"source": "clinical", "name": "bpe", "value": "marked", "title": "Background", "unit": "", "origin": "table"},
        {"source": "clinical", "name": "age", "value": 61.0, "title": "Age", "unit": "years", "origin": "table"},
        {"source": "clinical", "name": "risk", "value": None, "title": "Risk", "unit": "%", "origin": "table"},
    ]
    store_reading(*lesion, {**make_reading(), "features": rows}, folder)
    assert cells(reading_of(*lesion).feature_table) == [
        ["clinical", "Background", "marked"],
        ["clinical", "Age", "61 years"],
        ["clinical", "Risk", ""],
    ]


def test_another_reading_takes_the_place_of_the_one_before(read, folder):
    before = len(belonging(read[1]))
    store_reading(*read, {**make_reading(), "probability": 0.25}, folder)
    assert reading_of(*read).mapping["probability"] == 0.25
    assert len(belonging(read[1])) == before


def test_the_volumes_of_the_maps_are_filled_anew(read, folder):
    before = reading_of(*read).map_nodes
    key = next(iter(before))
    pixels = pixels_of(before[key]).copy()
    row = next(row for row in make_reading()["maps"] if (row["sequence"], row["method"]) == key)
    sitk.WriteImage(sitk.ReadImage(str(folder / row["file"])) * 0.5, str(folder / row["file"]))
    store_reading(*read, {**make_reading(), "maps": [row]}, folder)
    assert reading_of(*read).map_nodes == {key: before[key]}, "the same node, and no other"
    assert np.allclose(pixels_of(before[key]), 0.5 * pixels)


def test_the_scene_changes_once_when_all_files_are_read(read, folder):
    steps = storing_reading(*read, {**make_reading(), "probability": 0.25}, folder)
    for _row in make_reading()["maps"]:
        next(steps)
        assert reading_of(*read).mapping == make_reading()
    assert list(steps) == []
    assert reading_of(*read).mapping["probability"] == 0.25


def test_a_map_that_cannot_be_read_leaves_the_earlier_reading(read, folder):
    (folder / "map_t1_gradcampp.nii.gz").write_bytes(b"cut off")
    with pytest.raises(InputError, match=r"map_t1_gradcampp.nii.gz cannot be read: classify the lesion again"):
        store_reading(*read, {**make_reading(), "probability": 0.25}, folder)
    assert reading_of(*read).mapping == make_reading()


def test_what_was_read_and_what_is_there_now_are_told_apart(read):
    parameters, segment_id = read
    assert reading_of(parameters, segment_id).is_current
    replace_outline(parameters, segment_id, box_mask((3, 1, 3)))
    assert not reading_of(parameters, segment_id).is_current
    replace_outline(parameters, segment_id, box_mask())
    assert reading_of(parameters, segment_id).is_current


def edit_t1(parameters) -> None:
    update_volume(parameters.t1Volume, sitk.Cast(image_of(parameters.t1Volume) * 2, sitk.sitkInt16))


def move(volume, by_mm) -> None:
    """Put a volume under a transform, as the module Transforms does."""
    matrix = np.eye(4)
    matrix[:3, 3] = by_mm
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
    node.SetMatrixTransformToParent(slicer.util.vtkMatrixFromArray(matrix))
    volume.SetAndObserveTransformNodeID(node.GetID())


CHANGES = {
    "the order of the phases": lambda parameters: move_phase(parameters.dceSequence, 1, 1),
    "the time of a phase": lambda parameters: set_phase_time(parameters.dceSequence, 2, 200.0),
    "no T1": lambda parameters: setattr(parameters, "t1Volume", None),
    "another T1": edit_t1,
    "another phase": lambda parameters: setattr(parameters, "usedPhase", 2),
    "T1 elsewhere": lambda parameters: move(parameters.t1Volume, (0.0, 0.5, 0.0)),
    "the DCE series elsewhere": lambda parameters: move(
        browser_of(parameters.dceSequence).GetProxyNode(parameters.dceSequence), (0.0, 0.0, 2.0)
    ),
    "the side that the user says": lambda parameters: set_side(
        parameters.segmentation, *lesion_ids(parameters), "left", True
    ),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_a_reading_of_another_exam_is_out_of_date(read, change):
    parameters, segment_id = read
    change(parameters)
    assert not reading_of(parameters, segment_id).is_current
    assert reading_of(parameters, segment_id).mapping == make_reading(), "and is still shown"


def test_a_mapping_of_the_readers_own_counts_and_one_by_geometry_does_not(read):
    parameters, segment_id = read
    mask = exam_of(parameters).t1.grid.empty_image()
    mask[1:4, 1:3, 1:3] = 1
    numbers = (1.0, 1.0, 1.0, 12, 2, False)
    show_mapped(parameters, segment_id, MappedLesion(mask, "t1", "geometry", *numbers))
    assert reading_of(parameters, segment_id).is_current
    show_mapped(parameters, segment_id, MappedLesion(mask, "t1", "rigid registration", *numbers))
    assert not reading_of(parameters, segment_id).is_current


def test_two_lesions_have_their_own_readings(read, folder):
    parameters, first = read
    second = add_lesion(parameters, box_mask((5, 4, 5), (2, 2, 2)))
    store_reading(parameters, second, {**make_reading(), "probability": 0.25}, folder)
    remove_reading(parameters, first)
    assert reading_of(parameters, first) is None
    assert reading_of(parameters, second).mapping["probability"] == 0.25
    assert len(reading_of(parameters, second).map_nodes) == 3


def test_a_reading_can_be_removed_and_the_curve_stays_with_the_lesion(read):
    parameters, segment_id = read
    remove_reading(parameters, segment_id)
    assert reading_of(parameters, segment_id) is None
    assert {node.GetAttribute("BreastFusion.kind").split()[0] for node in belonging(segment_id)} == {"kinetics"}
    remove_lesion(parameters, segment_id)
    assert not belonging(segment_id)
    shown = [n for n in slicer.util.getNodesByClass("vtkMRMLScalarVolumeDisplayNode") if n.GetApplyThreshold()]
    assert not shown, "nothing is left of the maps"


# The curve


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
