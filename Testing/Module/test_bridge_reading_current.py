"""A reading in the scene knows what it was a reading of."""

from __future__ import annotations

import pytest
import SimpleITK as sitk
from BreastFusionPanel.bridge.exam_nodes import exam_of
from BreastFusionPanel.bridge.geometry import image_of, update_volume
from BreastFusionPanel.bridge.mapped_segments import show_mapped
from BreastFusionPanel.bridge.phase_corrections import move_phase, set_phase_time
from BreastFusionPanel.bridge.reading_nodes import reading_of
from BreastFusionPanel.bridge.segments import lesion_ids, replace_outline, set_side
from BreastFusionPanel.bridge.sequences import browser_of
from bridge_fixtures import *  # noqa: F403
from bridge_parts import make_mask, move
from reading_parts import make_reading

from BreastFusionLib.lesion import MappedLesion


def test_what_was_read_and_what_is_there_now_are_told_apart(read):
    parameters, segment_id = read
    assert reading_of(parameters, segment_id).is_current
    replace_outline(parameters, segment_id, make_mask((3, 1, 3)))
    assert not reading_of(parameters, segment_id).is_current
    replace_outline(parameters, segment_id, make_mask())
    assert reading_of(parameters, segment_id).is_current


def edit_t1(parameters) -> None:
    update_volume(parameters.t1Volume, sitk.Cast(image_of(parameters.t1Volume) * 2, sitk.sitkInt16))


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
