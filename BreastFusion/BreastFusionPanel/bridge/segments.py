"""Lesions as segments: made, found, named, told left from right, removed.

Facts that voxels cannot hold are tags of the segment, which survive a saved scene.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np
import SimpleITK as sitk
import slicer
from slicer.i18n import tr as _

from BreastFusionLib.errors import InputError
from BreastFusionLib.exam.breast import Midline, find_midline
from BreastFusionLib.exam.geometry import describe_difference
from BreastFusionLib.exam.model import Exam, Side
from BreastFusionLib.lesion import Lesion, measure, shape_warnings

from .exam_nodes import dce_grid
from .facts import read_json, write_json
from .kinetics_nodes import remove_kinetics
from .labelmaps import mask_of, segment_of, write_outline
from .lesion_owner import claim_lesions, refuse_other_series
from .mapped_segments import remove_mapped
from .reading_nodes import remove_reading
from .segment_tags import SIDE, SIDE_BY, TERMINOLOGY, read_tag, side_by_user, write_tag
from .sequences import browser_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..parameters import BreastFusionParameterNode

__all__ = [
    "add_lesion",
    "lesion_ids",
    "lesion_of",
    "lesion_segmentation",
    "lesion_side",
    "midline_of",
    "remove_lesion",
    "replace_outline",
    "set_side",
]

MIDLINE = "BreastFusion.midline"
SIDES: tuple[Side, ...] = ("left", "right", "unknown")
# Bright on grey, apart from each other also for those who see no red or no green.
COLORS = ((0.94, 0.89, 0.26), (0.34, 0.71, 0.91), (0.90, 0.62, 0.0), (0.80, 0.47, 0.65), (0.0, 0.78, 0.56))
_MODIFIERS = {"left": "SCT^7771000^Left", "right": "SCT^24028007^Right", "unknown": "^^"}


def _terminology(side: Side) -> str:
    """Return SNOMED CT's words for a mass of the breast as Slicer writes them."""
    return (
        "Segmentation category and type - 3D Slicer General Anatomy list"
        "~SCT^49755003^Morphologically Altered Structure~SCT^4147007^Mass~^^"
        f"~Anatomic codes - DICOM master list~SCT^76752008^Breast~{_MODIFIERS[side]}"
    )


def lesion_segmentation(parameters: BreastFusionParameterNode) -> slicer.vtkMRMLSegmentationNode:
    """Return the segmentation of the study's lesions; made on the DCE grid when there is none.

    Raises:
        InputError: there is no DCE series to draw on.
    """
    if parameters.segmentation is not None:
        return parameters.segmentation
    dce_grid(parameters)  # says what is wrong with the series, before anything is drawn on it
    shown = browser_of(parameters.dceSequence).GetProxyNode(parameters.dceSequence)
    name = slicer.mrmlScene.GenerateUniqueName(_("Lesions"))
    segmentation = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", name)
    segmentation.CreateDefaultDisplayNodes()
    segmentation.SetReferenceImageGeometryParameterFromVolumeNode(shown)
    segmentation.SetAndObserveTransformNodeID(shown.GetTransformNodeID())
    parameters.segmentation = segmentation
    claim_lesions(parameters)
    return segmentation


def add_lesion(parameters: BreastFusionParameterNode, mask: sitk.Image | None, name: str | None = None) -> str:
    """Add a lesion.

    Args:
        parameters: the study.
        mask: non-zero inside, on the DCE grid; None: nothing is drawn yet.
        name: None: 'Lesion 1', 'Lesion 2', ..

    Returns:
        The segment's ID.

    Raises:
        InputError: no DCE series, or a mask on another grid.
    """
    if mask is not None:
        _refuse_other_grid(parameters, mask)
    node = lesion_segmentation(parameters)
    segments = node.GetSegmentation()
    color = _unused_color(segments)
    segment_id = segments.AddEmptySegment("", name or _next_name(segments), color)
    segments.GetSegment(segment_id).SetTag(TERMINOLOGY, _terminology("unknown"))
    if mask is not None:
        write_outline(node, segment_id, mask)
    return segment_id


def replace_outline(parameters: BreastFusionParameterNode, segment_id: str, mask: sitk.Image) -> None:
    """Give a lesion another outline.

    Args:
        parameters: the study.
        segment_id: the lesion.
        mask: non-zero inside, on the DCE grid.

    Raises:
        InputError: no such lesion, or a mask on another grid.
    """
    segment_of(parameters.segmentation, segment_id)
    _refuse_other_grid(parameters, mask)
    write_outline(parameters.segmentation, segment_id, mask)


def lesion_ids(parameters: BreastFusionParameterNode | None) -> tuple[str, ...]:
    """Return the segment IDs of the study's lesions in their order."""
    if parameters is None or parameters.segmentation is None:
        return ()
    return tuple(parameters.segmentation.GetSegmentation().GetSegmentIDs())


def lesion_of(parameters: BreastFusionParameterNode, segment_id: str, exam: Exam) -> Lesion:
    """Return a segment as a lesion of the exam.

    Args:
        parameters: the study.
        segment_id: the lesion.
        exam: `exam_of(parameters)`.

    Raises:
        InputError: no such lesion, nothing drawn, or drawn on another series or grid.
    """
    refuse_other_series(parameters)
    mask = mask_of(parameters.segmentation, segment_id, exam.dce.grid)
    measured = measure(mask)
    return Lesion(
        mask=mask,
        lesion_id=segment_of(parameters.segmentation, segment_id).GetName(),
        side=lesion_side(parameters, segment_id, exam, measured.center_lps),
        warnings=shape_warnings(mask, measured),
    )


def lesion_side(
    parameters: BreastFusionParameterNode, segment_id: str, exam: Exam, center_lps: Sequence[float]
) -> Side:
    """Return the breast that a lesion is in: as the user said, else as the images say; it is kept with the segment.

    Args:
        parameters: the study.
        segment_id: the lesion.
        exam: `exam_of(parameters)`.
        center_lps: of the lesion, mm.
    """
    segment = segment_of(parameters.segmentation, segment_id)
    chosen = side_by_user(segment)
    if chosen in SIDES:
        return chosen  # type: ignore[return-value]
    side = midline_of(parameters, exam).side_of(tuple(center_lps))  # type: ignore[arg-type]
    if side != read_tag(segment, SIDE):
        set_side(parameters.segmentation, segment_id, side, by_user=False)
    return side


def midline_of(parameters: BreastFusionParameterNode, exam: Exam) -> Midline:
    """Return what tells left from right in an exam; looking for it takes a tenth of a second, so the scene keeps it.

    Args:
        parameters: the study.
        exam: `exam_of(parameters)`.
    """
    node = parameters.dceSequence
    of = [one.grid.describe() + str(one.grid.origin_lps) for one in exam.series]
    kept = read_json(node, MIDLINE, {})
    if kept.get("of") == of:
        return Midline(kept["side"], kept["x_mm"])
    found = find_midline(exam)
    write_json(node, MIDLINE, {"side": found.side, "x_mm": found.x_mm, "of": of})
    return found


def set_side(segmentation: slicer.vtkMRMLSegmentationNode, segment_id: str, side: Side, by_user: bool) -> None:
    """Keep the side of a lesion, in its terminology too.

    Args:
        segmentation: holds the lesion.
        segment_id: which one.
        side: 'left', 'right' or 'unknown'.
        by_user: whether the user says so: then the images are not asked again.

    Raises:
        InputError: no such lesion, or no such side.
    """
    if side not in SIDES:
        raise InputError(_("'{side}' is no side of a lesion: left, right or unknown are.").format(side=side))
    segment = segment_of(segmentation, segment_id)
    write_tag(segment, SIDE, side)
    write_tag(segment, SIDE_BY, "user" if by_user else "images")
    segment.SetTag(TERMINOLOGY, _terminology(side))


def remove_lesion(parameters: BreastFusionParameterNode, segment_id: str) -> None:
    """Remove a lesion from the scene, on all sequences, with its reading and its curve."""
    remove_reading(parameters, segment_id)
    remove_kinetics(parameters, segment_id)
    for sequence in ("t1", "t2"):
        remove_mapped(parameters, segment_id, sequence)
    if segment_id in lesion_ids(parameters):
        parameters.segmentation.GetSegmentation().RemoveSegment(segment_id)
    if parameters.selectedLesion == segment_id:
        parameters.selectedLesion = ""


def _refuse_other_grid(parameters: BreastFusionParameterNode, mask: sitk.Image) -> None:
    if difference := describe_difference(mask, dce_grid(parameters)):
        raise InputError(
            _("The mask does not lie on the grid of the DCE series ({difference}): draw it on that series.").format(
                difference=difference
            )
        )


def _next_name(segments: slicer.vtkSegmentation) -> str:
    """Return 'Lesion n', n being one more than the largest there is: a gap in the middle is not filled."""
    names = [segments.GetSegment(one).GetName() for one in segments.GetSegmentIDs()]
    pattern = re.escape(_("Lesion {number}")).replace(re.escape("{number}"), r"(\d+)")
    numbers = [int(found[1]) for name in names if (found := re.fullmatch(pattern, name))]
    return _("Lesion {number}").format(number=max(numbers, default=0) + 1)


def _unused_color(segments: slicer.vtkSegmentation) -> tuple[float, float, float]:
    """Return the colour that the fewest segments have."""
    used = np.array([segments.GetSegment(one).GetColor() for one in segments.GetSegmentIDs()]).reshape(-1, 3)
    return min(COLORS, key=lambda color: int(np.isclose(used, color, atol=0.02).all(axis=1).sum()))
