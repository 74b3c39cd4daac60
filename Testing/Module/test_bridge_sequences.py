"""DCE phases in a sequence node: ours, somebody else's, and corrected ones."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk
import slicer
from BreastFusionPanel.bridge.geometry import add_volume, grid_of, image_of, pixels_of
from BreastFusionPanel.bridge.phase_corrections import move_phase, set_phase_time, set_pre_contrast, was_corrected
from BreastFusionPanel.bridge.sequences import browser_of, common_grid, items_of, phases_of, sequence_of_volumes
from bridge_parts import GRID, ramp, same_pixels, save_and_reopen

from BreastFusionLib.errors import InputError
from BreastFusionLib.exam.geometry import Grid

NAMES = ("pre", "1st pass", "2nd pass", "3rd pass")


def make_sequence(times_s=(0.0, 90.0, 180.0, 270.0)):
    volumes = [add_volume(ramp(number), name) for number, name in enumerate(NAMES[: len(times_s)])]
    return sequence_of_volumes(volumes, times_s, "DCE")


def foreign_sequence(values, name="time", unit="s", index_type="numeric", attributes=None):
    """A sequence as other modules make it."""
    sequence = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSequenceNode", "foreign")
    sequence.SetIndexTypeFromString(index_type)
    sequence.SetIndexName(name)
    sequence.SetIndexUnit(unit)
    for number, value in enumerate(values):
        sequence.SetDataNodeAtValue(add_volume(ramp(number), f"frame {number}"), value)
    for key, value in (attributes or {}).items():
        sequence.SetAttribute(key, value)
    return sequence


def names(sequence) -> list[str]:
    return [row.name for row in phases_of(sequence)]


def times_s(sequence) -> list[float | None]:
    return [row.time_s for row in phases_of(sequence)]


def order_of_pixels(sequence) -> list[int]:
    """Which of the images `ramp(0)`, `ramp(1)`, .. each item holds."""
    images = [image_of(item) for item in items_of(sequence)]
    return [next(n for n in range(len(images)) if same_pixels(image, ramp(n))) for image in images]


def test_volumes_become_a_sequence_in_the_order_of_their_times(scene):
    volumes = [add_volume(ramp(number), name) for number, name in enumerate(NAMES)]
    sequence = sequence_of_volumes([volumes[n] for n in (2, 0, 3, 1)], [1180.5, 1000.0, 1270.0, 1090.25], "DCE")
    assert [(row.number, row.time_s, row.name, row.is_pre) for row in phases_of(sequence)] == [
        (0, 0.0, "pre", True),
        (1, 90.25, "1st pass", False),
        (2, 180.5, "2nd pass", False),
        (3, 270.0, "3rd pass", False),
    ]
    assert same_pixels(image_of(items_of(sequence)[2]), ramp(2))
    assert not was_corrected(sequence)


def test_volumes_of_unknown_times_stay_in_the_given_order(scene):
    sequence = make_sequence((None, None, None))
    assert names(sequence) == ["pre", "1st pass", "2nd pass"]
    assert times_s(sequence) == [0.0, None, None]
    assert (sequence.GetIndexName(), sequence.GetIndexUnit()) == ("phase", "")


def test_a_sequence_shares_the_pixels_of_its_volumes(scene):
    volume = add_volume(ramp(0), "pre")
    sequence = sequence_of_volumes([volume], [None], "DCE")
    assert items_of(sequence)[0].GetImageData() is volume.GetImageData()
    assert scene.IsNodePresent(volume)


def test_transforms_of_the_volumes_become_part_of_the_sequence(scene):
    matrix = np.array([[0.0, -1.0, 0.0, 7.0], [1.0, 0.0, 0.0, 8.0], [0.0, 0.0, 1.0, 9.0], [0.0, 0.0, 0.0, 1.0]])
    move = scene.AddNewNodeByClass("vtkMRMLLinearTransformNode", "move")
    move.SetMatrixTransformToParent(slicer.util.vtkMatrixFromArray(matrix))
    volumes = [add_volume(ramp(number), NAMES[number]) for number in range(2)]
    for volume in volumes:
        volume.SetAndObserveTransformNodeID(move.GetID())
    sequence = sequence_of_volumes(volumes, [0.0, 90.0], "DCE")
    expected = grid_of(volumes[0])
    assert np.allclose(common_grid(items_of(sequence)).index_to_lps, expected.index_to_lps, rtol=1e-14, atol=1e-13)
    assert not np.allclose(expected.index_to_lps, GRID.index_to_lps)


def test_volumes_on_different_grids_are_named(scene):
    other = Grid(GRID.size, (0.8, 0.9, 2.1), GRID.origin_lps, GRID.direction)
    volumes = [add_volume(ramp(0), "ax dyn pre"), add_volume(ramp(1, other), "ax dyn 1st pass")]
    with pytest.raises(InputError, match=r"'ax dyn pre' and 'ax dyn 1st pass' do not lie on the same grid \(the same"):
        sequence_of_volumes(volumes, [0.0, 90.0], "DCE")
    assert not slicer.util.getNodesByClass("vtkMRMLSequenceNode")


def test_volumes_under_different_transforms_are_named(scene):
    volumes = [add_volume(ramp(number), NAMES[number]) for number in range(2)]
    move = scene.AddNewNodeByClass("vtkMRMLLinearTransformNode", "move")
    move.SetMatrixTransformToParent(slicer.util.vtkMatrixFromArray(np.diag([1.0, 1.0, -1.0, 1.0])))
    volumes[1].SetAndObserveTransformNodeID(move.GetID())
    with pytest.raises(InputError, match="'pre' and '1st pass' do not lie on the same grid"):
        sequence_of_volumes(volumes, [0.0, 90.0], "DCE")


def test_two_volumes_at_one_time_are_named(scene):
    with pytest.raises(InputError, match=r"\('1st pass' and '2nd pass'\) cannot both be at 90 s"):
        make_sequence((0.0, 90.0, 90.0))
    assert not slicer.util.getNodesByClass("vtkMRMLSequenceNode")


def test_no_volume_makes_no_sequence(scene):
    with pytest.raises(InputError, match="No volume was chosen"):
        sequence_of_volumes([], [], "DCE")


def test_an_empty_sequence_is_said(scene):
    empty = scene.AddNewNodeByClass("vtkMRMLSequenceNode", "nothing in it")
    assert phases_of(empty) == ()
    with pytest.raises(InputError, match="'nothing in it' is empty"):
        items_of(empty)


@pytest.mark.parametrize("kind", ["vtkMRMLLinearTransformNode", "vtkMRMLLabelMapVolumeNode", "vtkMRMLTextNode"])
def test_items_that_are_no_scalar_volumes_are_refused(scene, kind):
    sequence = make_sequence()
    sequence.SetDataNodeAtValue(scene.AddNewNodeByClass(kind), "400")
    with pytest.raises(InputError, match=r"Item 5 of the sequence 'DCE' is a \w+: a DCE series holds scalar volumes"):
        items_of(sequence)


FOREIGN = {
    "seconds": (("1000", "1090.5", "1181"), {}, [0.0, 90.5, 181.0]),
    "milliseconds": (("60000", "150500", "241000"), {"name": "TriggerTime", "unit": "ms"}, [0.0, 90.5, 181.0]),
    "minutes": (("0", "1.5", "3"), {"unit": "min"}, [0.0, 90.0, 180.0]),
    "clock": (
        ("235930.0", "000100.5", "000231"),
        {"name": "AcquisitionTime", "unit": "", "index_type": "text"},
        [0.0, 90.5, 181.0],
    ),
    "counted seconds": (("0", "1", "2"), {}, [0.0, None, None]),
    "frame numbers": (("0", "1", "2"), {"name": "", "unit": ""}, [0.0, None, None]),
    "b-values": (("0", "50", "800"), {"name": "DiffusionBValue", "unit": "s/mm2"}, [0.0, None, None]),
    "words": (("pre", "early", "late"), {"name": "state", "unit": "", "index_type": "text"}, [0.0, None, None]),
    "times that do not rise": (("100", "300", "200"), {"index_type": "text"}, [0.0, None, None]),
}


@pytest.mark.parametrize(("values", "index", "expected"), FOREIGN.values(), ids=FOREIGN.keys())
def test_sequences_of_others_are_understood_by_their_units(scene, values, index, expected):
    rows = phases_of(foreign_sequence(values, **index))
    assert [row.time_s for row in rows] == expected
    assert [row.is_pre for row in rows] == [True, False, False]
    assert [row.name for row in rows] == ["frame 0", "frame 1", "frame 2"]


def test_times_that_the_importer_of_multivolumes_kept_beside_the_items_are_found(scene):
    kept = {
        "MultiVolume.FrameLabels": "0.0,90500.0,181000.0",
        "MultiVolume.FrameIdentifyingDICOMTagName": "AcquisitionTime",
        "MultiVolume.FrameIdentifyingDICOMTagUnits": "ms",
    }
    sequence = foreign_sequence(("0", "1", "2"), name="", unit="", attributes=kept)
    assert times_s(sequence) == [0.0, 90.5, 181.0]
    move_phase(sequence, 2, -1)
    assert names(sequence) == ["frame 0", "frame 2", "frame 1"]
    assert times_s(sequence) == [0.0, 90.5, 181.0], "from now on the sequence itself says it"


def test_a_moved_phase_changes_places_and_the_clock_stays(scene):
    sequence = make_sequence()
    assert move_phase(sequence, 3, -2) == 1
    assert names(sequence) == ["pre", "3rd pass", "1st pass", "2nd pass"]
    assert times_s(sequence) == [0.0, 90.0, 180.0, 270.0]
    assert [sequence.GetNthIndexValue(n) for n in range(4)] == ["0.0", "90.0", "180.0", "270.0"]
    assert order_of_pixels(sequence) == [0, 3, 1, 2]
    assert was_corrected(sequence)


def test_a_phase_at_the_end_stays_there(scene):
    sequence = make_sequence()
    assert move_phase(sequence, 3, 1) == 3
    assert names(sequence) == list(NAMES)
    assert not was_corrected(sequence)


def test_moving_there_and_back_changes_nothing(scene):
    sequence = make_sequence((None, None, None, None))
    move_phase(sequence, 1, 2)
    assert names(sequence) == ["pre", "2nd pass", "3rd pass", "1st pass"]
    move_phase(sequence, 3, -2)
    assert names(sequence) == list(NAMES)
    assert times_s(sequence) == [0.0, None, None, None]


def test_another_pre_contrast_phase_comes_first(scene):
    sequence = make_sequence()
    set_pre_contrast(sequence, 2)
    assert names(sequence) == ["2nd pass", "pre", "1st pass", "3rd pass"]
    assert times_s(sequence) == [0.0, 90.0, 180.0, 270.0]
    assert [row.is_pre for row in phases_of(sequence)] == [True, False, False, False]


def test_a_corrected_time_sorts_the_phase_in(scene):
    sequence = make_sequence()
    assert set_phase_time(sequence, 1, 200.5) == 2
    assert names(sequence) == ["pre", "2nd pass", "1st pass", "3rd pass"]
    assert times_s(sequence) == [0.0, 180.0, 200.5, 270.0]


def test_times_that_are_entered_one_by_one_count_once_all_are_known(scene):
    sequence = make_sequence((None, None, None))
    set_phase_time(sequence, 1, 300.0)
    assert times_s(sequence) == [0.0, 300.0, None]
    assert sequence.GetIndexName() == "phase"
    assert set_phase_time(sequence, 2, 150.0) == 1
    assert names(sequence) == ["pre", "2nd pass", "1st pass"]
    assert times_s(sequence) == [0.0, 150.0, 300.0]
    assert (sequence.GetIndexName(), sequence.GetIndexUnit()) == ("time", "s")


def test_a_time_can_be_taken_back(scene):
    sequence = make_sequence()
    set_phase_time(sequence, 2, None)
    assert times_s(sequence) == [0.0, 90.0, None, 270.0]
    assert names(sequence) == list(NAMES)


@pytest.mark.parametrize("wrong", [0.0, -5.0, float("nan"), float("inf"), 86_401.0])
def test_a_time_that_is_none_is_refused(scene, wrong):
    sequence = make_sequence()
    with pytest.raises(InputError, match=r"is no time for '1st pass': seconds after the pre-contrast phase"):
        set_phase_time(sequence, 1, wrong)
    assert times_s(sequence) == [0.0, 90.0, 180.0, 270.0]


@pytest.mark.parametrize("time_s", [180.0, 180.9, 0.5])
def test_a_time_that_another_phase_has_is_refused(scene, time_s):
    sequence = make_sequence()
    with pytest.raises(InputError, match=f"a phase at {time_s:g} s already: type the time at which '1st pass' was"):
        set_phase_time(sequence, 1, time_s)
    assert names(sequence) == list(NAMES)


def test_times_count_from_the_pre_contrast_phase(scene):
    with pytest.raises(InputError, match="the pre-contrast phase, which is at 0 s"):
        set_phase_time(make_sequence(), 0, 20.0)


def test_a_phase_that_does_not_exist_is_said(scene):
    sequence = make_sequence()
    for correct in (
        lambda s: move_phase(s, 4, 1),
        lambda s: set_pre_contrast(s, -1),
        lambda s: set_phase_time(s, 9, 1),
    ):
        with pytest.raises(InputError, match="'DCE' has 4 phases, numbered from 0: there is no phase"):
            correct(sequence)


def test_corrections_are_kept_in_a_saved_scene(scene, tmp_path):
    sequence = make_sequence((None, None, None))
    set_phase_time(sequence, 1, 97.2)
    move_phase(sequence, 2, -1)
    save_and_reopen(tmp_path)
    reopened = slicer.mrmlScene.GetFirstNodeByClass("vtkMRMLSequenceNode")
    assert names(reopened) == ["pre", "2nd pass", "1st pass"]
    assert times_s(reopened) == [0.0, 97.2, None]
    assert was_corrected(reopened)
    assert same_pixels(image_of(items_of(reopened)[1]), ramp(2))


def test_what_is_shown_follows_the_new_order(scene):
    sequence = make_sequence()
    browser = browser_of(sequence)
    shown = browser.GetProxyNode(sequence)
    assert pixels_of(shown)[0, 0, 0] == ramp(1)[0, 0, 0]
    move_phase(sequence, 3, -2)
    assert browser.GetSelectedItemNumber() == 1
    assert same_pixels(image_of(shown), ramp(3))
    assert order_of_pixels(sequence) == [0, 3, 1, 2]


def test_a_sequence_has_one_browser(scene):
    sequence = make_sequence()
    browser = browser_of(sequence)
    assert browser_of(sequence) is browser
    assert browser.GetProxyNode(sequence).GetImageData() is items_of(sequence)[1].GetImageData()
    browser.SetSelectedItemNumber(2)
    assert browser.GetProxyNode(sequence).GetImageData() is items_of(sequence)[2].GetImageData()


def test_the_browser_of_somebody_else_is_used(scene):
    sequence = foreign_sequence(("0", "1"))
    browser = scene.AddNewNodeByClass("vtkMRMLSequenceBrowserNode", "theirs")
    browser.SetAndObserveMasterSequenceNodeID(sequence.GetID())
    slicer.modules.sequences.logic().UpdateProxyNodesFromSequences(browser)
    assert browser_of(sequence) is browser


@pytest.mark.parametrize("kind", [None, "vtkMRMLLinearTransformNode"])
def test_a_sequence_without_volumes_has_one_browser_too(scene, kind):
    sequence = scene.AddNewNodeByClass("vtkMRMLSequenceNode", "no volumes")
    if kind:
        sequence.SetDataNodeAtValue(scene.AddNewNodeByClass(kind), "0")
    assert browser_of(sequence) is browser_of(sequence)
    assert not slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode")


def test_phases_of_one_name_are_told_apart_by_their_numbers(scene):
    other = Grid(GRID.size, (0.8, 0.9, 2.1), GRID.origin_lps, GRID.direction)
    volumes = [add_volume(ramp(n), "dyn") for n in range(2)] + [add_volume(ramp(2, other), "dyn")]
    with pytest.raises(InputError, match="The phases 'dyn, 1' and 'dyn, 3' do not lie on the same grid"):
        sequence_of_volumes(volumes, [None] * 3, "DCE")


def test_times_that_were_typed_into_slicers_own_table_count(scene):
    sequence = make_sequence()
    for old, new in (("0.0", "100"), ("90.0", "101"), ("180.0", "102"), ("270.0", "103.5")):
        sequence.UpdateIndexValue(old, f"9{new}")
    assert times_s(sequence) == [0.0, 1.0, 2.0, 3.5]


def test_the_window_is_one_for_all_phases_and_suits_the_enhanced_tissue(scene):
    bright = sitk.Cast(ramp(1), sitk.sitkInt16) * 3
    sequence = sequence_of_volumes([add_volume(ramp(0), "pre"), add_volume(bright, "post")], [0.0, 90.0], "DCE")
    display = browser_of(sequence).GetProxyNode(sequence).GetDisplayNode()
    assert 5000 < display.GetWindowLevelMax() <= 6000
    browser_of(sequence).SetSelectedItemNumber(0)
    assert 5000 < display.GetWindowLevelMax() <= 6000
