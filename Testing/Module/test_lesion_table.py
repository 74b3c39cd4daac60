"""Section 'Lesion', its table: numbers, names and sides, choosing and removing."""

from __future__ import annotations

import numpy as np
import pytest
import slicer
from BreastFusionPanel.bridge.reading_nodes import reading_of, store_reading
from BreastFusionPanel.display.layouts import is_comparison
from BreastFusionPanel.widgets.volume_words import volume_text
from bridge_parts import pixels
from lesion_fixtures import *  # noqa: F403
from lesion_parts import cell, drawn

from BreastFusionLib.lesion import measure_kinetics


@pytest.fixture
def two(study, click, stroke):
    """Two lesions, one within the other; the second one is selected."""
    ids = []
    for radius_mm in (8.0, 4.0):
        click(study.ui.drawButton)
        stroke(radius_mm)
        ids.append(study.parameters.selectedLesion)
    return ids


@pytest.mark.parametrize(
    ("volume_mm3", "words"),
    [(68.4, "68 mm³"), (100.0, "0.10 cm³"), (3770.0, "3.77 cm³"), (99_900.0, "99.90 cm³"), (7_441_880.0, "7442 cm³")],
)
def test_a_volume_has_as_many_digits_as_can_be_read(scene, volume_mm3, words):
    assert volume_text(volume_mm3) == words.replace(" ", "\u00a0")


def test_each_lesion_has_its_own_numbers(study, two, phantom_exam):
    assert study.ui.lesionTable.rowCount == 2
    assert cell(study, 0, 2) != cell(study, 1, 2)
    for row, segment_id in enumerate(two):
        kinetics = study.section.book[segment_id].measures.kinetics
        assert kinetics == measure_kinetics(phantom_exam.exam.dce, drawn(study, segment_id))
        assert cell(study, row, 4) == kinetics.curve


def test_choosing_a_row_selects_the_lesion_everywhere(study, two):
    study.ui.lesionTable.selectRow(0)
    assert study.parameters.selectedLesion == two[0]
    assert study.ui.segmentEditor.currentSegmentID() == two[0]
    assert is_comparison()


def test_the_views_go_to_the_largest_section(study, two, phantom_exam):
    study.ui.lesionTable.selectRow(0)
    mask = pixels(drawn(study, two[0]))
    number = int(mask.sum(axis=(1, 2)).argmax())
    z = phantom_exam.exam.dce.grid.physical((0, 0, number))[2]
    node = slicer.mrmlScene.GetSingletonNode("Red", "vtkMRMLSliceNode")
    assert node.GetSliceOffset() == pytest.approx(z, abs=1e-3)


def test_another_name_is_the_segments(study, two):
    study.ui.lesionTable.item(1, 0).setText("Behind the nipple")
    assert study.parameters.segmentation.GetSegmentation().GetSegment(two[1]).GetName() == "Behind the nipple"


def test_a_name_is_never_empty(study, two):
    before = cell(study, 0, 0)
    study.ui.lesionTable.item(0, 0).setText("  ")
    assert cell(study, 0, 0) == before


def test_the_side_comes_from_the_images_and_the_user_wins(study, two, choose, phantom_exam, stroke):
    combo = study.ui.lesionTable.cellWidget(1, 1)
    assert combo.currentText == phantom_exam.lesion.side
    other = "left" if phantom_exam.lesion.side == "right" else "right"
    choose(combo, other)
    stroke(5.0)
    assert study.ui.lesionTable.cellWidget(1, 1).currentText == other


def test_remove_takes_the_lesion_away_and_undo_brings_it_back(study, two, click, settle):
    before = pixels(drawn(study, two[1]))
    click(study.ui.lesionTable.cellWidget(1, 5))
    assert study.ui.lesionTable.rowCount == 1
    assert study.parameters.selectedLesion == two[0]
    study.ui.segmentEditor.undo()
    settle()
    assert study.ui.lesionTable.rowCount == 2
    assert np.array_equal(pixels(drawn(study, two[1])), before)


def test_a_reading_is_not_lost_without_a_question(study, two, click, dialogs, tmp_path):
    store_reading(study.parameters, two[1], {"maps": [], "features": [], "probability": 0.5}, tmp_path)
    remove = study.ui.lesionTable.cellWidget(1, 5)
    dialogs.answer(False)
    click(remove)
    assert study.ui.lesionTable.rowCount == 2
    assert "has a reading, which would be lost" in dialogs.asked[-1].text
    dialogs.answer(True)
    click(remove)
    assert study.ui.lesionTable.rowCount == 1
    assert reading_of(study.parameters, two[1]) is None


def test_a_lesion_removed_elsewhere_is_told(study, two, settle):
    selected = []
    study.context.lesion_selected.connect(lambda: selected.append(study.parameters.selectedLesion))
    study.parameters.segmentation.GetSegmentation().RemoveSegment(two[1])
    settle()
    assert selected == [two[0]]
    assert study.ui.lesionTable.rowCount == 1


def test_the_editors_own_keys_select_in_the_table(study, two):
    study.ui.segmentEditor.setCurrentSegmentID(two[0])
    assert study.parameters.selectedLesion == two[0]
    assert study.ui.lesionTable.currentRow() == 0


def test_show_plot_shows_the_curve_of_the_selected_lesion(study, two, click):
    click(study.ui.plotButton)
    (view,) = slicer.util.getNodesByClass("vtkMRMLPlotViewNode")[-1:]
    chart = view.GetPlotChartNode()
    table = chart.GetNthPlotSeriesNode(0).GetTableNode()
    series = chart.GetNthPlotSeriesNode(0)
    kinetics = study.section.book[two[1]].measures.kinetics
    column = table.GetTable().GetColumnByName(series.GetYColumnName())
    shown = [column.GetVariantValue(row).ToDouble() for row in range(column.GetNumberOfValues())]
    assert shown == pytest.approx([phase.percent for phase in kinetics.phases], abs=1e-3)
