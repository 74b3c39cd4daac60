"""Stand-in for the plugins of the subject hierarchy: every data node that a person sees gets its item by itself."""

from __future__ import annotations

from typing import Any

import slicer
import vtk

_classes = (
    "vtkMRMLDisplayableNode",
    "vtkMRMLPlotChartNode",
    "vtkMRMLPlotSeriesNode",
    "vtkMRMLSequenceBrowserNode",
    "vtkMRMLSequenceNode",
    "vtkMRMLTableNode",
    "vtkMRMLTextNode",
    "vtkMRMLTransformNode",
)
_exclude_attribute = "SubjectHierarchy.ExcludeFromTree"


def keep_items(scene: Any) -> None:
    """Items come and go with the scene's nodes from now on; a scene that is read brings its own."""

    @vtk.calldata_type(vtk.VTK_OBJECT)
    def added(caller, event, node) -> None:
        if not scene.IsImporting() and not scene.IsClosing() and _is_shown(node):
            hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(scene)
            if not hierarchy.GetItemByDataNode(node):
                hierarchy.CreateItem(hierarchy.GetSceneItemID(), node)

    @vtk.calldata_type(vtk.VTK_OBJECT)
    def removed(caller, event, node) -> None:
        if scene.IsClosing():
            return
        hierarchy = scene.GetFirstNodeByClass("vtkMRMLSubjectHierarchyNode")
        item = hierarchy.GetItemByDataNode(node) if hierarchy is not None else 0
        if item:
            hierarchy.RemoveItem(item, False, False)

    scene.AddObserver(scene.NodeAddedEvent, added)
    scene.AddObserver(scene.NodeAboutToBeRemovedEvent, removed)


def _is_shown(node: Any) -> bool:
    if node.GetHideFromEditors() or node.GetAttribute(_exclude_attribute):
        return False
    return any(node.IsA(name) for name in _classes)
