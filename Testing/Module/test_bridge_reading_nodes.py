"""A reading in the scene is exact, is found again, and goes with its lesion."""

from __future__ import annotations

import json

import numpy as np
import pytest
import SimpleITK as sitk
import slicer
from BreastFusionPanel.bridge.exam_nodes import add_exam
from BreastFusionPanel.bridge.geometry import image_of, pixels_of
from BreastFusionPanel.bridge.reading_nodes import reading_of, remove_reading, store_reading, storing_reading
from BreastFusionPanel.bridge.segments import add_lesion, remove_lesion
from bridge_fixtures import *  # noqa: F403
from bridge_parts import GRID, make_exam, make_mask, save_and_reopen, study
from reading_parts import FEATURES, belonging, make_reading

from BreastFusionLib.errors import InputError


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
    add_lesion(other, make_mask())
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


def test_two_lesions_have_their_own_readings(read, folder):
    parameters, first = read
    second = add_lesion(parameters, make_mask((5, 4, 5), (2, 2, 2)))
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
