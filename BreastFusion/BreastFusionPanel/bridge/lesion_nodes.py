"""Nodes that belong to a lesion: found again by what they say of themselves and by a reference to the segmentation.

References, unlike IDs that somebody wrote down, are kept right when a scene is imported into another one.
"""

from __future__ import annotations

import slicer

from .node_parts import remove_node

__all__ = ["find_node", "find_nodes", "own", "remove_nodes"]

LESION, KIND = "BreastFusion.lesion", "BreastFusion.kind"
SEGMENTATION = "BreastFusion.segmentation"


def own(node: slicer.vtkMRMLNode, segmentation: slicer.vtkMRMLSegmentationNode, segment_id: str, kind: str) -> None:
    """Make a node (in the scene) belong to a lesion, as a thing of one kind ('reading', 'map', ..)."""
    node.SetAttribute(LESION, segment_id)
    node.SetAttribute(KIND, kind)
    node.SetNodeReferenceID(SEGMENTATION, segmentation.GetID())


def find_nodes(
    segmentation: slicer.vtkMRMLSegmentationNode | None, segment_id: str, kind: str, class_name: str = "vtkMRMLNode"
) -> list[slicer.vtkMRMLNode]:
    """Return the nodes of one kind that belong to a lesion."""
    if segmentation is None:
        return []
    return [
        node
        for node in slicer.util.getNodesByClass(class_name)
        if node.GetAttribute(KIND) == kind
        and node.GetAttribute(LESION) == segment_id
        and node.GetNodeReference(SEGMENTATION) is segmentation
    ]


def find_node(
    segmentation: slicer.vtkMRMLSegmentationNode | None, segment_id: str, kind: str, class_name: str
) -> slicer.vtkMRMLNode | None:
    """Return the one node of a kind that belongs to a lesion; None when there is none."""
    return next(iter(find_nodes(segmentation, segment_id, kind, class_name)), None)


def remove_nodes(segmentation: slicer.vtkMRMLSegmentationNode | None, segment_id: str, *kinds: str) -> None:
    """Remove everything of these kinds that belongs to a lesion."""
    for kind in kinds:
        for node in find_nodes(segmentation, segment_id, kind):
            remove_node(node)
