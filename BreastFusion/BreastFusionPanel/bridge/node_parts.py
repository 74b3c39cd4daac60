"""Nodes and what belongs to them."""

from __future__ import annotations

import zlib

import numpy as np
import slicer

from .geometry import pixels_of

__all__ = ["fingerprint", "fingerprints", "name_columns", "remove_node"]


def fingerprint(volume: slicer.vtkMRMLScalarVolumeNode | None) -> int | None:
    """Return a number that differs between volumes: of a few thousand voxels, which takes a millisecond."""
    if volume is None or volume.GetImageData() is None:
        return None
    pixels = pixels_of(volume)
    sample = pixels[tuple(slice(size % 7 // 2, None, max(1, size // 20)) for size in pixels.shape)]
    return zlib.crc32(np.ascontiguousarray(sample).tobytes())


def fingerprints(sequence: slicer.vtkMRMLSequenceNode) -> list[int]:
    """Return what tells the images of a series from all others, in whatever order its phases are."""
    items = [sequence.GetNthDataNode(number) for number in range(sequence.GetNumberOfDataNodes())]
    volumes = [item for item in items if item is not None and item.IsA("vtkMRMLScalarVolumeNode")]
    found = {fingerprint(volume) for volume in volumes}
    return sorted(found - {None})


def remove_node(node: slicer.vtkMRMLNode | None) -> None:
    """Remove a node from the scene, with the nodes that say how it is shown and stored; None is no node."""
    if node is None or not slicer.mrmlScene.IsNodePresent(node):
        return
    parts = []
    if node.IsA("vtkMRMLDisplayableNode"):
        parts += [node.GetNthDisplayNode(number) for number in range(node.GetNumberOfDisplayNodes())]
    if node.IsA("vtkMRMLStorableNode"):
        parts += [node.GetNthStorageNode(number) for number in range(node.GetNumberOfStorageNodes())]
    for part in (node, *filter(None, parts)):
        slicer.mrmlScene.RemoveNode(part)


def name_columns(table: slicer.vtkMRMLTableNode) -> None:
    """Have a table's columns shown under their names; Slicer's word for that has changed."""
    newer = getattr(table, "SetUseColumnTitleAsColumnHeader", None)
    (newer or table.SetUseColumnNameAsColumnHeader)(True)
