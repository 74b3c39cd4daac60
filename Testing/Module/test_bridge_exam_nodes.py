"""An exam goes into the scene and comes out of it as it was, at any time, also from a saved scene."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk
import slicer
from BreastFusionPanel.bridge.exam_nodes import add_exam, dce_grid, exam_of, has_exam
from BreastFusionPanel.bridge.geometry import add_volume
from BreastFusionPanel.bridge.phase_corrections import set_phase_time
from BreastFusionPanel.bridge.sequences import sequence_of_volumes
from bridge_parts import GRID, make_exam, move, ramp, same_pixels, save_and_reopen, study

from BreastFusionLib.errors import InputError
from BreastFusionLib.exam.model import Exam, Phase


def put(exam: Exam):
    """Add an exam in one go and return the parameters of the study."""
    parameters = study()
    assert list(add_exam(exam, parameters))[-1] == 1.0
    return parameters


def told(exam: Exam) -> list:
    """All that an exam says, without its pixels."""
    return [
        (s.role, s.description, s.reason, s.contrast, dict(s.acquisition), s.sources, [p.time_s for p in s.phases])
        for s in exam.series
    ] + [exam.pseudonym, exam.warnings, exam.synthetic]


def assert_same(found: Exam, expected: Exam, exact: bool = True) -> None:
    assert told(found) == told(expected)
    for one, other in zip(found.series, expected.series, strict=True):
        if exact:
            assert one.grid == other.grid
        else:  # files keep directions and spacing as one product
            assert np.allclose(one.grid.index_to_lps, other.grid.index_to_lps, rtol=1e-15, atol=1e-14)
        assert all(same_pixels(a.image, b.image) for a, b in zip(one.phases, other.phases, strict=True))


def test_an_exam_comes_out_of_the_scene_as_it_went_in(scene):
    exam = make_exam()
    assert_same(exam_of(put(exam)), exam)


def test_a_phantom_exam_comes_out_as_it_went_in(scene, phantom_exam):
    assert_same(exam_of(put(phantom_exam.exam)), phantom_exam.exam)


def test_a_saved_scene_gives_the_same_exam(scene, tmp_path):
    exam = make_exam()
    put(exam)
    parameters = save_and_reopen(tmp_path)
    assert has_exam(parameters)
    assert_same(exam_of(parameters), exam, exact=False)


def test_unknown_times_stay_unknown_and_in_order_through_a_saved_scene(scene, tmp_path):
    exam = make_exam(times_s=(0.0, None, 191.9))
    put(exam)
    parameters = save_and_reopen(tmp_path)
    assert [phase.time_s for phase in exam_of(parameters).dce.phases] == [0.0, None, 191.9]
    assert parameters.dceSequence.GetIndexName() == "phase"


def test_the_scene_shows_what_is_what(scene):
    parameters = put(make_exam())
    sequence, browser = parameters.dceSequence, parameters.dceBrowser
    assert sequence.GetName() == "DCE: ax dyn"
    assert parameters.t1Volume.GetName() == "T1: ax t1 tse +c"
    assert [sequence.GetNthIndexValue(n) for n in range(3)] == ["0.0", "97.25", "191.9"]
    assert (sequence.GetIndexName(), sequence.GetIndexUnit()) == ("time", "s")
    assert [sequence.GetNthDataNode(n).GetName() for n in range(3)] == [
        "ax dyn pre",
        "ax dyn 1st pass",
        "ax dyn 2nd pass",
    ]
    assert browser.GetSelectedItemNumber() == 1, "the first phase after contrast"
    shown = browser.GetProxyNode(sequence)
    assert shown.GetImageData() is sequence.GetNthDataNode(1).GetImageData(), "shared, not copied"
    assert not shown.GetDisplayNode().GetAutoWindowLevel()
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(scene)
    for node in (sequence, shown, parameters.t1Volume):
        item = hierarchy.GetItemByDataNode(node)
        names = [hierarchy.GetItemName(hierarchy.GetItemAncestorAtLevel(item, level)) for level in ("Patient", "Study")]
        assert names == ["P-12ab", "Breast MRI"]


def test_another_exam_starts_without_the_lesions_of_the_one_before(scene):
    parameters = put(make_exam())
    parameters.segmentation = scene.AddNewNodeByClass("vtkMRMLSegmentationNode")
    parameters.selectedLesion, parameters.usedPhase = "Segment_1", 2
    first = parameters.dceSequence
    put(make_exam(t1=False))
    assert parameters.segmentation is None and parameters.t1Volume is None
    assert (parameters.selectedLesion, parameters.usedPhase) == ("", -1)
    assert scene.IsNodePresent(first), "nodes of the user are never removed"
    assert parameters.dceSequence.GetName() != first.GetName()


def test_an_exam_is_added_volume_by_volume_and_nobody_sees_a_part_of_it(scene):
    parameters = study()
    steps = add_exam(make_exam(), parameters)
    assert next(steps) == 0.25
    assert not has_exam(parameters)
    assert not slicer.util.getNodesByClass("vtkMRMLSequenceNode")
    assert list(steps) == [0.5, 0.75, 1.0]
    assert has_exam(parameters)


@pytest.mark.parametrize("steps_done", [1, 3, 4])
def test_an_exam_whose_loading_is_given_up_leaves_nothing_behind(scene, steps_done):
    parameters = study()
    before = {node.GetID() for node in slicer.util.getNodesByClass("vtkMRMLNode")}
    steps = add_exam(make_exam(), parameters)
    for _ in range(steps_done):
        next(steps)
    steps.close()
    kinds = ("vtkMRMLVolumeNode", "vtkMRMLSequenceNode", "vtkMRMLSequenceBrowserNode", "vtkMRMLVolumeDisplayNode")
    left = [node for kind in kinds for node in slicer.util.getNodesByClass(kind) if node.GetID() not in before]
    assert not left
    assert parameters.dceSequence is None


def test_a_phase_that_cannot_be_read_leaves_nothing_behind(scene):
    def broken() -> sitk.Image:
        raise InputError("slice_17.dcm is cut off: copy the study again.")

    exam = make_exam()
    phases = (exam.dce.phases[0], Phase(97.25, broken))
    object.__setattr__(exam.dce, "phases", phases)
    parameters = study()
    with pytest.raises(InputError, match="slice_17"):
        list(add_exam(exam, parameters))
    assert not slicer.util.getNodesByClass("vtkMRMLSequenceNode")
    assert parameters.dceSequence is None


def test_volumes_are_not_kept_by_the_exam_that_was_added(scene):
    exam = make_exam()
    reads = []
    phases = tuple(Phase(p.time_s, lambda p=p: reads.append(p) or p.image) for p in exam.dce.phases)
    object.__setattr__(exam.dce, "phases", phases)
    put(exam)
    assert len(reads) == 3
    assert all(phase._image is None for phase in phases)


def test_an_exam_is_made_without_copying_pixels(scene, monkeypatch):
    parameters = put(make_exam())
    copied = []
    monkeypatch.setattr(sitk, "GetImageFromArray", lambda array: copied.append(array))
    exam = exam_of(parameters)
    assert exam.dce.grid == GRID and exam.dce.phases[2].slices == 8
    assert not copied


def test_without_a_dce_series_there_is_no_exam(scene):
    parameters = study()
    assert not has_exam(parameters) and not has_exam(None)
    for missing in (parameters, None):
        with pytest.raises(InputError, match="No DCE series is chosen: open a study"):
            exam_of(missing)


def test_an_exam_is_a_phantom_s_only_when_all_of_it_is(scene):
    parameters = put(make_exam())
    assert exam_of(parameters).synthetic
    parameters.t2Volume = add_volume(ramp(5), "ax t2 tirm")  # of whom, nobody knows
    assert not exam_of(parameters).synthetic
    parameters.t2Volume = None
    parameters.dceSequence.SetAttribute("BreastFusion.synthetic", "0")
    assert not exam_of(parameters).synthetic, "T1 of a phantom beside a patient's DCE series"


def test_volumes_of_others_are_told_by_their_names(scene):
    parameters = study()
    volumes = [add_volume(ramp(n), name) for n, name in enumerate(("4: ax dyn pre", "7: ax dyn 1st pass"))]
    parameters.dceSequence = sequence_of_volumes(volumes, [10.0, 100.0], "DCE")
    parameters.t2Volume = add_volume(ramp(5), "9: ax t2 tirm without contrast")
    exam = exam_of(parameters)
    assert [(s.role, s.contrast) for s in exam.series] == [("dce", "post"), ("t2", "pre")]
    assert exam.t2.description == "9: ax t2 tirm without contrast"
    assert (exam.pseudonym, exam.synthetic, exam.warnings) == ("exam", False, ())


def test_a_single_phase_is_said(scene):
    parameters = study()
    parameters.dceSequence = sequence_of_volumes([add_volume(ramp(0), "ax dyn pre")], [None], "DCE")
    exam = exam_of(parameters)
    assert "one phase only" in exam.warnings[0]
    assert exam.dce.contrast == "pre"


def test_corrected_times_are_said(scene):
    parameters = put(make_exam())
    set_phase_time(parameters.dceSequence, 2, 250.0)
    exam = exam_of(parameters)
    assert exam.warnings[-1] == "Order or times of the DCE phases were corrected by hand."
    assert [phase.time_s for phase in exam.dce.phases] == [0.0, 97.25, 250.0]


def test_a_transform_on_the_volume_that_is_shown_moves_the_whole_series(scene):
    parameters = put(make_exam())
    move(parameters.dceBrowser.GetProxyNode(parameters.dceSequence), (3.0, -4.0, 5.0))
    origin = np.add(GRID.origin_lps, (-3.0, 4.0, 5.0))  # the transform moves in RAS
    assert dce_grid(parameters).origin_lps == pytest.approx(origin)
    for phase in exam_of(parameters).dce.phases:
        assert phase.image.GetOrigin() == pytest.approx(origin)


def test_the_image_that_shows_the_series_is_no_t1(scene):
    parameters = put(make_exam())
    parameters.t1Volume = parameters.dceBrowser.GetProxyNode(parameters.dceSequence)
    with pytest.raises(InputError, match="shows the DCE series and cannot be T1 too"):
        exam_of(parameters)


def test_one_volume_is_not_both_t1_and_t2(scene):
    parameters = put(make_exam())
    parameters.t2Volume = parameters.t1Volume
    with pytest.raises(InputError, match="is chosen as T1 and as T2"):
        exam_of(parameters)


def test_a_volume_without_pixels_is_said(scene):
    parameters = put(make_exam())
    parameters.t2Volume = scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "t2 not loaded")
    with pytest.raises(InputError, match="'t2 not loaded' holds no pixels"):
        exam_of(parameters)
