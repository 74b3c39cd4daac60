"""Section 'Lesion', '+ Draw': strokes are measured once they have settled, with the library's numbers."""

from __future__ import annotations

import numpy as np
import pytest
from BreastFusionPanel.bridge.geometry import to_ras
from bridge_parts import pixels
from lesion_fixtures import *  # noqa: F403
from lesion_parts import cell, center_of, drawn, paint

from BreastFusionLib.lesion import measure, measure_kinetics


def test_draw_adds_an_empty_lesion_and_takes_up_the_brush(study, click):
    click(study.ui.drawButton)
    assert study.ui.segmentEditor.activeEffect() == "Paint"
    assert study.ui.segmentEditor.currentSegmentID() == study.parameters.selectedLesion
    assert cell(study, 0, 2) == "–"
    assert study.ui.hintLabel.text == "Nothing is drawn yet: paint the lesion in a slice view."


def test_a_stroke_is_measured_when_it_has_settled_and_told_once(study, click, settle, phantom_exam):
    click(study.ui.drawButton)
    segment_id = study.parameters.selectedLesion
    study.told.changed.clear()
    center = center_of(phantom_exam.lesion)
    paint(study, center, 5.0)
    paint(study, center, 8.0)
    assert study.told.changed == []
    settle()
    assert study.told.changed == [segment_id]
    size = measure(drawn(study, segment_id))
    assert cell(study, 0, 2) == f"{size.volume_mm3 / 1000:.2f} cm³"
    assert cell(study, 0, 3) == f"{size.diameter_3d_mm:.0f} mm"


def test_measurements_equal_the_librarys_on_the_whole_volume(study, click, phantom_exam, stroke):
    click(study.ui.drawButton)
    stroke(7.0)
    segment_id = study.parameters.selectedLesion
    mask, measures = drawn(study, segment_id), study.section.book[segment_id].measures
    whole = measure(mask)
    for name in ("volume_mm3", "voxels", "diameter_3d_mm", "diameter_inplane_mm", "components", "touches_border"):
        assert getattr(measures.measurements, name) == getattr(whole, name), name
    assert measures.measurements.center_lps == pytest.approx(whole.center_lps, abs=1e-9)
    assert measures.kinetics == measure_kinetics(phantom_exam.exam.dce, mask)
    worst, share = measures.kinetics.worst_curve, 100 * measures.kinetics.worst_curve_share
    told = f"{measures.kinetics.describe()}; most suspicious: {worst} in {share:.0f} % of the lesion"
    assert study.ui.kineticsLabel.text.replace("\u00a0", " ") == f"Time-intensity: {told}"


def test_a_stroke_that_changes_nothing_is_not_told(study, click, stroke):
    click(study.ui.drawButton)
    stroke(6.0)
    study.told.changed.clear()
    stroke(3.0)
    assert study.told.changed == []


def test_undo_brings_back_the_numbers(study, click, settle, stroke):
    click(study.ui.drawButton)
    stroke(6.0)
    before = cell(study, 0, 2)
    stroke(10.0)
    assert cell(study, 0, 2) != before
    study.ui.segmentEditor.undo()
    settle()
    assert cell(study, 0, 2) == before


def test_erasing_everything_is_no_error(study, click, settle, phantom_exam, stroke):
    click(study.ui.drawButton)
    stroke(6.0)
    study.ui.segmentEditor.erase_sphere(to_ras(center_of(phantom_exam.lesion)), 20.0)
    settle()
    assert cell(study, 0, 2) == "–"
    assert not study.ui.plotButton.isVisibleTo(study.window)


def test_what_is_odd_is_said(study, click, settle, phantom_exam):
    click(study.ui.drawButton)
    paint(study, tuple(phantom_exam.exam.dce.grid.physical((0, 0, 0))), 0.1)
    settle()
    said = study.ui.lesionWarningLabel.text
    assert "single voxel" in said
    assert "touches the border" in said
    assert "texture needs 64 and 3" in said


def test_tools_never_change_another_lesion(study, click, stroke):
    click(study.ui.drawButton)
    first = study.parameters.selectedLesion
    stroke(6.0)
    before = pixels(drawn(study, first))
    click(study.ui.drawButton)
    stroke(4.0)
    assert np.array_equal(pixels(drawn(study, first)), before)
