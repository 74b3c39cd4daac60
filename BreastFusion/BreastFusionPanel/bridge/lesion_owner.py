"""Lesions belong to the images that they were drawn on: another series, of another patient maybe, never gets them.

Lesions of a series that is not chosen any more are put aside: hidden, out of the panel, and back with their series.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import slicer
from slicer.i18n import tr as _

from BreastFusionLib.errors import InputError

from .facts import read_json, write_json
from .node_parts import fingerprints

if TYPE_CHECKING:
    from ..parameters import BreastFusionParameterNode

__all__ = ["claim_lesions", "follow_series", "hide_other_lesions", "put_lesions_aside", "refuse_other_series"]

SERIES, IMAGES = "BreastFusion.drawnOn", "BreastFusion.images"
MAPPED = {"t1Segmentation": "BreastFusion.onT1", "t2Segmentation": "BreastFusion.onT2"}


def claim_lesions(parameters: BreastFusionParameterNode) -> None:
    """Note with the lesions of the study, on T1 and T2 too, that they belong to its DCE series."""
    sequence, lesions = parameters.dceSequence, parameters.segmentation
    if sequence is not None and lesions is not None:
        lesions.SetNodeReferenceID(SERIES, sequence.GetID())
        write_json(lesions, IMAGES, fingerprints(sequence))
        _note_mapped(parameters)


def follow_series(parameters: BreastFusionParameterNode) -> bool:
    """Have the lesions of the DCE series that is chosen now, and no others.

    A series that was put together anew keeps them, because it shows the same images.

    Returns:
        Whether lesions of other images were put aside.
    """
    sequence, lesions = parameters.dceSequence, parameters.segmentation
    if sequence is None or (lesions is not None and lesions.GetNodeReference(SERIES) is sequence):
        return False
    if lesions is not None and _shows_their_images(sequence, lesions):
        claim_lesions(parameters)
        return False
    if lesions is not None:
        put_lesions_aside(parameters)
    _take_up(parameters)
    return lesions is not None and lesions.GetSegmentation().GetNumberOfSegments() > 0


def refuse_other_series(parameters: BreastFusionParameterNode) -> None:
    """Refuse to read lesions on images that they were not drawn on, be they on equal grids by chance.

    Raises:
        InputError: the DCE series shows none of the images of the lesions' own.
    """
    sequence, lesions = parameters.dceSequence, parameters.segmentation
    if None not in (sequence, lesions) and not _shows_their_images(sequence, lesions):
        raise InputError(
            _(
                "The lesions in '{lesions}' were drawn on another DCE series than '{series}': choose their own series, "
                "or draw them on this one."
            ).format(lesions=lesions.GetName(), series=sequence.GetName())
        )


def put_lesions_aside(parameters: BreastFusionParameterNode) -> None:
    """Hide the lesions and take them out of the study; `follow_series` finds them again."""
    if parameters.segmentation is not None:
        _note_mapped(parameters)
    with slicer.util.NodeModify(parameters.parameterNode):
        for field in ("segmentation", *MAPPED):
            _show(getattr(parameters, field), False)
            setattr(parameters, field, None)
        parameters.selectedLesion = ""


def hide_other_lesions(parameters: BreastFusionParameterNode) -> None:
    """Hide lesions of other series, which an imported scene leaves on top of its own images."""
    own = [getattr(parameters, field) for field in ("segmentation", *MAPPED)]
    for lesions in slicer.util.getNodesByClass("vtkMRMLSegmentationNode"):
        if lesions not in own and lesions.GetNodeReference(SERIES) is not None:
            mapped = [node for role in MAPPED.values() if (node := lesions.GetNodeReference(role)) not in own]
            for node in (lesions, *mapped):
                _show(node, False)


def _note_mapped(parameters: BreastFusionParameterNode) -> None:
    for field, role in MAPPED.items():
        node = getattr(parameters, field)
        parameters.segmentation.SetNodeReferenceID(role, None if node is None else node.GetID())


def _take_up(parameters: BreastFusionParameterNode) -> None:
    """Bring back what was drawn on the series, if anything was."""
    drawn = slicer.util.getNodesByClass("vtkMRMLSegmentationNode")
    lesions = next((node for node in drawn if node.GetNodeReference(SERIES) is parameters.dceSequence), None)
    if lesions is not None:
        with slicer.util.NodeModify(parameters.parameterNode):
            parameters.segmentation = lesions
            for field, role in MAPPED.items():
                setattr(parameters, field, lesions.GetNodeReference(role))
        for field in ("segmentation", *MAPPED):
            _show(getattr(parameters, field), True)


def _show(node: slicer.vtkMRMLSegmentationNode | None, is_shown: bool) -> None:
    if node is not None and node.GetDisplayNode() is not None:
        node.GetDisplayNode().SetVisibility(is_shown)


def _shows_their_images(sequence: slicer.vtkMRMLSequenceNode, lesions: slicer.vtkMRMLSegmentationNode) -> bool:
    """Tell whether a series shows images that lesions were drawn on; of lesions from elsewhere nobody knows them."""
    drawn_on = read_json(lesions, IMAGES, [])
    return not drawn_on or bool(set(drawn_on) & set(fingerprints(sequence)))
