"""Nodes and what belongs to them."""

from __future__ import annotations

import slicer

__all__ = ["name_columns", "remove_node"]


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
