"""A lesion in the scene keeps its outline, its name, its codes and its side, and takes along what belongs to it."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk
import slicer
import vtk
from BreastFusionPanel.bridge import segments
from BreastFusionPanel.bridge.exam_nodes import add_exam, exam_of
from BreastFusionPanel.bridge.kinetics_nodes import kinetics_chart
from BreastFusionPanel.bridge.labelmaps import lesion_digest, mask_of
from BreastFusionPanel.bridge.segments import (
    add_lesion,
    lesion_ids,
    lesion_of,
    lesion_segmentation,
    remove_lesion,
    replace_outline,
    set_side,
)
from bridge_fixtures import *  # noqa: F403
from bridge_parts import GRID, make_mask, same_pixels, save_and_reopen, segment_of, study

from BreastFusionLib.errors import InputError
from BreastFusionLib.exam.geometry import Grid
from BreastFusionLib.lesion import make_lesion, measure_kinetics


def tag(segment, name: str) -> str:
    value = vtk.reference("")
    return str(value) if segment.GetTag(name, value) else ""


def test_a_lesion_that_is_gone_is_said(parameters):
    add_lesion(parameters, make_mask())
    for ask in (
        lambda: mask_of(parameters.segmentation, "gone", GRID),
        lambda: mask_of(None, "gone", GRID),
        lambda: set_side(parameters.segmentation, "gone", "left", True),
        lambda: replace_outline(parameters, "gone", make_mask()),
    ):
        with pytest.raises(InputError, match="The lesion is no longer in the scene"):
            ask()
    assert lesion_digest(parameters.segmentation, "gone") == lesion_digest(None, "gone") == ""


def test_a_mask_on_another_grid_makes_no_lesion(parameters):
    other = Grid(GRID.size, GRID.spacing_mm, (0.0, 0.0, 0.0), GRID.direction)
    with pytest.raises(InputError, match="The mask does not lie on the grid of the DCE series"):
        add_lesion(parameters, make_mask(grid=other))
    assert lesion_ids(parameters) == ()


def test_without_a_dce_series_no_lesion_can_be_drawn(scene):
    with pytest.raises(InputError, match="DCE series"):
        add_lesion(study(), None)
    assert lesion_ids(study()) == lesion_ids(None) == ()


def test_the_digest_tells_outlines_apart_and_nothing_else(parameters):
    segmentation = lesion_segmentation(parameters)
    segment_id = add_lesion(parameters, make_mask())
    first = lesion_digest(segmentation, segment_id)
    replace_outline(parameters, segment_id, make_mask((3, 1, 3)))
    shifted = lesion_digest(segmentation, segment_id)
    replace_outline(parameters, segment_id, make_mask())
    assert shifted != first == lesion_digest(segmentation, segment_id)
    add_lesion(parameters, make_mask((6, 5, 6), (2, 2, 2)))  # the array of both is larger now
    segment_of(parameters, segment_id).SetName("renamed")
    segmentation.GetSegmentation().SeparateSegmentLabelmap(segment_id)
    assert lesion_digest(segmentation, segment_id) == first
    twin = add_lesion(parameters, make_mask())
    assert lesion_digest(segmentation, twin) == first


def test_a_single_voxel_changes_the_digest(parameters):
    segment_id = add_lesion(parameters, make_mask())
    before = lesion_digest(parameters.segmentation, segment_id)
    mask = make_mask()
    mask[3, 2, 3] = 0
    replace_outline(parameters, segment_id, mask)
    assert lesion_digest(parameters.segmentation, segment_id) != before


def test_a_saved_scene_keeps_lesions_to_the_last_voxel_and_word(parameters, tmp_path):
    masks = [make_mask(), make_mask((4, 2, 2), (3, 3, 4))]
    ids = [add_lesion(parameters, mask) for mask in masks]
    set_side(parameters.segmentation, ids[0], "left", by_user=True)
    segment_of(parameters, ids[1]).SetName("Läsion | 2: oben")
    digests = [lesion_digest(parameters.segmentation, segment_id) for segment_id in ids]
    colors = [segment_of(parameters, segment_id).GetColor() for segment_id in ids]
    reopened = save_and_reopen(tmp_path)
    grid = exam_of(reopened).dce.grid
    assert lesion_ids(reopened) == tuple(ids)
    assert [lesion_digest(reopened.segmentation, segment_id) for segment_id in ids] == digests
    for segment_id, mask, color in zip(ids, masks, colors, strict=True):
        assert same_pixels(mask_of(reopened.segmentation, segment_id, grid), mask)
        assert segment_of(reopened, segment_id).GetColor() == pytest.approx(color, abs=0.01)
    assert tag(segment_of(reopened, ids[0]), "TerminologyEntry").endswith("SCT^76752008^Breast~SCT^7771000^Left")
    assert lesion_of(reopened, ids[0], exam_of(reopened)).side == "left"
    assert segment_of(reopened, ids[1]).GetName() == "Läsion | 2: oben"


def test_names_are_counted_and_colours_differ(parameters):
    ids = [add_lesion(parameters, None) for _ in range(4)]
    names = [segment_of(parameters, segment_id).GetName() for segment_id in ids]
    assert names == ["Lesion 1", "Lesion 2", "Lesion 3", "Lesion 4"]
    colors = np.array([segment_of(parameters, segment_id).GetColor() for segment_id in ids])
    assert min(np.abs(a - b).max() for n, a in enumerate(colors) for b in colors[:n]) > 0.2
    remove_lesion(parameters, ids[1])
    assert segment_of(parameters, add_lesion(parameters, None)).GetName() == "Lesion 5", "a gap is not filled"
    assert segment_of(parameters, add_lesion(parameters, None, "near the wall")).GetName() == "near the wall"


def test_a_lesion_is_a_mass_of_the_breast_in_snomed(parameters):
    segment_id = add_lesion(parameters, make_mask())
    entry = slicer.vtkSlicerTerminologyEntry()
    logic = slicer.modules.terminologies.logic()

    def coded() -> list[str]:
        assert logic.DeserializeTerminologyEntry(tag(segment_of(parameters, segment_id), "TerminologyEntry"), entry)
        parts = (
            entry.GetCategoryObject(),
            entry.GetTypeObject(),
            entry.GetRegionObject(),
            entry.GetRegionModifierObject(),
        )
        return [f"{part.GetCodingSchemeDesignator()} {part.GetCodeValue()} {part.GetCodeMeaning()}" for part in parts]

    mass = ["SCT 49755003 Morphologically Altered Structure", "SCT 4147007 Mass", "SCT 76752008 Breast"]
    assert coded()[:3] == mass
    set_side(parameters.segmentation, segment_id, "right", by_user=True)
    assert coded() == [*mass, "SCT 24028007 Right"]
    set_side(parameters.segmentation, segment_id, "left", by_user=True)
    assert coded() == [*mass, "SCT 7771000 Left"]


def test_a_lesion_is_what_the_library_makes_of_the_same_mask(scene, phantom_exam):
    parameters = study()
    list(add_exam(phantom_exam.exam, parameters))
    segment_id = add_lesion(parameters, phantom_exam.lesion.mask)
    exam = exam_of(parameters)
    found = lesion_of(parameters, segment_id, exam)
    expected = make_lesion(phantom_exam.lesion.mask, phantom_exam.exam, "Lesion 1")
    assert (found.lesion_id, found.side, found.warnings) == (expected.lesion_id, expected.side, expected.warnings)
    assert found.side == phantom_exam.lesion.side
    assert same_pixels(found.mask, expected.mask) and Grid.of(found.mask) == phantom_exam.exam.dce.grid
    assert measure_kinetics(exam.dce, found.mask) == measure_kinetics(phantom_exam.exam.dce, expected.mask)


def test_what_is_odd_about_a_lesion_is_said(parameters):
    mask = make_mask((0, 1, 3), (4, 3, 2))
    mask[8, 6, 7] = 1
    lesion = lesion_of(parameters, add_lesion(parameters, mask), exam_of(parameters))
    assert [warning[:31] for warning in lesion.warnings] == [
        "The lesion touches the border o",
        "The lesion has 2 separate parts",
    ]


def test_the_side_is_the_users_when_he_says_it_and_the_images_when_not(scene, phantom_exam):
    parameters = study()
    list(add_exam(phantom_exam.exam, parameters))
    segment_id, exam = add_lesion(parameters, phantom_exam.lesion.mask), exam_of(parameters)
    right_one = phantom_exam.lesion.side
    assert lesion_of(parameters, segment_id, exam).side == right_one
    words = "Left" if right_one == "left" else "Right"
    assert tag(segment_of(parameters, segment_id), "TerminologyEntry").endswith(f"^{words}")
    set_side(parameters.segmentation, segment_id, "unknown", by_user=True)
    assert lesion_of(parameters, segment_id, exam).side == "unknown"


def test_what_tells_left_from_right_is_looked_for_once(scene, phantom_exam, monkeypatch):
    parameters = study()
    list(add_exam(phantom_exam.exam, parameters))
    looked = []
    find = segments.find_midline
    monkeypatch.setattr(segments, "find_midline", lambda exam: looked.append(exam) or find(exam))
    segment_id = add_lesion(parameters, phantom_exam.lesion.mask)
    mirrored = sitk.Flip(phantom_exam.lesion.mask, (True, False, False))
    mirrored.CopyInformation(phantom_exam.lesion.mask)
    sides = []
    for mask in (phantom_exam.lesion.mask, mirrored, phantom_exam.lesion.mask):
        replace_outline(parameters, segment_id, mask)
        sides.append(lesion_of(parameters, segment_id, exam_of(parameters)).side)
    assert sides[0] == sides[2] != sides[1]
    assert len(looked) == 1


def test_a_side_that_is_none_is_refused(parameters):
    segment_id = add_lesion(parameters, None)
    with pytest.raises(InputError, match="'both' is no side of a lesion: left, right or unknown are"):
        set_side(parameters.segmentation, segment_id, "both", by_user=True)


def test_with_a_lesion_goes_all_that_belongs_to_it(parameters):
    ids = [add_lesion(parameters, make_mask()), add_lesion(parameters, make_mask((4, 2, 2), (3, 3, 4)))]
    exam = exam_of(parameters)
    for segment_id in ids:
        kinetics = measure_kinetics(exam.dce, mask_of(parameters.segmentation, segment_id, GRID))
        kinetics_chart(parameters, segment_id, kinetics.to_mapping())
    parameters.selectedLesion = ids[0]
    remove_lesion(parameters, ids[0])
    assert lesion_ids(parameters) == (ids[1],)
    assert parameters.selectedLesion == ""
    left = {node.GetAttribute("BreastFusion.lesion") for node in slicer.util.getNodesByClass("vtkMRMLNode")} - {None}
    assert left == {ids[1]}
    remove_lesion(parameters, ids[0])  # a second time is no error
