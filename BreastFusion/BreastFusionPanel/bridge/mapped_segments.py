"""The same lesions on T1 and T2: outlines with the ID, name and colour of the lesion on the DCE series.

A mapped segment remembers of which outline it was made. When that outline is another one now, there is no mapped lesion
any more; when the mapped segment itself was edited, its own voxels are what counts.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import SimpleITK as sitk
import slicer
from slicer.i18n import tr as _

from BreastFusionLib.errors import InputError
from BreastFusionLib.exam.geometry import Grid, matrix_transform, transform_matrix
from BreastFusionLib.files import to_plain
from BreastFusionLib.lesion import MappedLesion
from BreastFusionLib.lesion.mapping import MIN_TEXTURE_SLICES, MIN_TEXTURE_VOXELS
from BreastFusionLib.lesion.placing import place_on

from .geometry import grid_of
from .labelmaps import lesion_digest, lesion_part, segment_of, write_outline
from .lesion_owner import claim_lesions
from .segment_tags import TERMINOLOGY, read_json_tag, read_tag, write_json_tag, write_tag

if TYPE_CHECKING:
    from ..parameters import BreastFusionParameterNode

__all__ = [
    "EDITED",
    "FROM_OUTLINE",
    "follow_lesions",
    "mapped_by_reader",
    "mapped_method",
    "mapped_of",
    "mapped_part",
    "remove_mapped",
    "show_mapped",
]

MAPPED = "BreastFusion.mapped"
EDITED = "edited by hand"
FROM_OUTLINE = ("same grid", "geometry")
"""Ways of mapping that come from the outline alone: every reading finds such a lesion again by itself."""


def show_mapped(parameters: BreastFusionParameterNode, segment_id: str, mapped: MappedLesion) -> None:
    """Show a lesion on T1 or T2, instead of what was there of it.

    Args:
        parameters: the study; that sequence is chosen in it.
        segment_id: the lesion.
        mapped: the lesion on 't1' or 't2'.

    Raises:
        InputError: no such lesion.
    """
    lesion = segment_of(parameters.segmentation, segment_id)
    node = _segmentation(parameters, mapped.sequence)
    segments = node.GetSegmentation()
    with slicer.util.NodeModify(node):
        if segments.GetSegment(segment_id) is None:
            segments.AddEmptySegment(segment_id, lesion.GetName(), lesion.GetColor())
        segment = segments.GetSegment(segment_id)
        segment.SetName(lesion.GetName())
        segment.SetColor(lesion.GetColor())
        write_tag(segment, TERMINOLOGY, read_tag(lesion, TERMINOLOGY))
        write_outline(node, segment_id, mapped.mask)
        _show_as_outline(node, segment_id)
    kept = {
        **to_plain(mapped.to_mapping()),
        "transform": None if mapped.transform is None else transform_matrix(mapped.transform).tolist(),
        "of": lesion_digest(parameters.segmentation, segment_id),
        "outline": lesion_digest(node, segment_id),
    }
    write_json_tag(segment, MAPPED, kept)


def mapped_of(parameters: BreastFusionParameterNode, segment_id: str, sequence: str) -> MappedLesion | None:
    """Return a lesion on T1 or T2 as the scene shows it.

    Returns:
        None when it was not mapped, was mapped from another outline or onto another series than those of now, or
        nothing of it is left.
    """
    part = mapped_part(parameters, segment_id, sequence)
    if part is None:
        return None
    return replace(part, mask=place_on([part.mask], grid_of(getattr(parameters, f"{sequence}Volume"))))


def mapped_part(parameters: BreastFusionParameterNode, segment_id: str, sequence: str) -> MappedLesion | None:
    """As `mapped_of`, but its mask is only the box that holds the lesion: that takes a tenth of the time."""
    method = mapped_method(parameters, segment_id, sequence)
    volume = getattr(parameters, f"{sequence}Volume")
    if method is None or volume is None:
        return None
    node = getattr(parameters, f"{sequence}Segmentation")
    try:
        found = lesion_part(node, segment_id, grid_of(volume))
    except InputError:
        return None
    if found is None:
        return None
    _box, mask = found
    kept = read_json_tag(node.GetSegmentation().GetSegment(segment_id), MAPPED)
    told = _told_of_edited(mask, sequence) if method == EDITED else {}
    fields = {key: value for key, value in {**kept, **told}.items() if key not in ("of", "outline")}
    fields["transform"] = None if kept["transform"] is None else matrix_transform(kept["transform"])
    fields["warnings"] = tuple(fields["warnings"])
    return MappedLesion(mask=mask, sequence=sequence, **fields)


def mapped_method(parameters: BreastFusionParameterNode, segment_id: str, sequence: str) -> str | None:
    """Return how a lesion came onto T1 or T2 (`MappedLesion.method`), which takes no mask to tell.

    Returns:
        None when it was not mapped, or from another outline than that of now.
    """
    node = getattr(parameters, f"{sequence}Segmentation")
    segment = None if node is None else node.GetSegmentation().GetSegment(segment_id)
    kept = {} if segment is None else read_json_tag(segment, MAPPED)
    if not kept or kept["of"] != lesion_digest(parameters.segmentation, segment_id):
        return None
    return kept["method"] if kept["outline"] == lesion_digest(node, segment_id) else EDITED


def mapped_by_reader(parameters: BreastFusionParameterNode, segment_id: str) -> tuple[str, ...]:
    """Return the sequences on which a lesion lies otherwise than its outline alone would have it."""
    ways = {sequence: mapped_method(parameters, segment_id, sequence) for sequence in ("t1", "t2")}
    return tuple(sequence for sequence, way in ways.items() if way not in (None, *FROM_OUTLINE))


def remove_mapped(parameters: BreastFusionParameterNode, segment_id: str, sequence: str) -> None:
    """Take a lesion away from T1 or T2; one that is not there is no error."""
    node = getattr(parameters, f"{sequence}Segmentation")
    if node is not None and node.GetSegmentation().GetSegment(segment_id) is not None:
        node.GetSegmentation().RemoveSegment(segment_id)


def follow_lesions(parameters: BreastFusionParameterNode | None) -> None:
    """Call lesions on T1 and T2 as they are called now on DCE, and take away those that are no more."""
    for sequence in ("t1", "t2"):
        node = getattr(parameters, f"{sequence}Segmentation", None)
        for segment_id in () if node is None else node.GetSegmentation().GetSegmentIDs():
            lesions = None if parameters.segmentation is None else parameters.segmentation.GetSegmentation()
            lesion = None if lesions is None else lesions.GetSegment(segment_id)
            if lesion is None:
                remove_mapped(parameters, segment_id, sequence)
            else:
                node.GetSegmentation().GetSegment(segment_id).SetName(lesion.GetName())


def _segmentation(parameters: BreastFusionParameterNode, sequence: str) -> slicer.vtkMRMLSegmentationNode:
    """Return the segmentation of a sequence, made when there is none; it lies where its volume does."""
    field, volume = f"{sequence}Segmentation", getattr(parameters, f"{sequence}Volume")
    node = getattr(parameters, field)
    if node is None:
        name = slicer.mrmlScene.GenerateUniqueName(_("Lesions on {sequence}").format(sequence=sequence.upper()))
        node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", name)
        node.CreateDefaultDisplayNodes()
        setattr(parameters, field, node)
        claim_lesions(parameters)
    if volume is not None and node.GetNodeReference(node.GetReferenceImageGeometryReferenceRole()) is not volume:
        node.SetReferenceImageGeometryParameterFromVolumeNode(volume)
        node.SetAndObserveTransformNodeID(volume.GetTransformNodeID())
    return node


def _show_as_outline(node: slicer.vtkMRMLSegmentationNode, segment_id: str) -> None:
    display = node.GetDisplayNode()
    display.SetSegmentVisibility2DFill(segment_id, False)
    display.SetSegmentVisibility2DOutline(segment_id, True)
    display.SetSegmentVisibility3D(segment_id, False)


def _told_of_edited(mask: sitk.Image, sequence: str) -> dict[str, Any]:
    """Return what is to be said of an outline that somebody changed after it was mapped."""
    inside = sitk.GetArrayViewFromImage(mask) != 0
    voxels, slices = int(inside.sum()), int(inside.any(axis=(1, 2)).sum())
    return {
        "method": EDITED,
        "volume_mm3": voxels * Grid.of(mask).voxel_volume_mm3,
        "voxels": voxels,
        "slices": slices,
        "texture_defined": voxels >= MIN_TEXTURE_VOXELS and slices >= MIN_TEXTURE_SLICES,
        "warnings": [_("The outline on {sequence} was edited by hand.").format(sequence=sequence.upper())],
    }
