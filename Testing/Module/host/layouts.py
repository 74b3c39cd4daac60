"""Stand-in for the layout manager: Slicer's real layout logic and slice logics, without windows."""

from __future__ import annotations

from typing import Any

import slicer
import vtk

_default_layout = slicer.vtkMRMLLayoutNode.SlicerLayoutFourUpView


class SliceView:
    """What `sliceWidget(name)` gives: a slice node and its logic."""

    def __init__(self, logic) -> None:
        self._logic = logic

    def sliceLogic(self):
        return self._logic

    def mrmlSliceNode(self):
        return self._logic.GetSliceNode()

    def mrmlSliceCompositeNode(self):
        return self._logic.GetSliceCompositeNode()

    def sliceController(self) -> SliceView:
        return self

    def sliceView(self) -> SliceView:
        return self

    def fitSliceToBackground(self) -> None:
        self._logic.FitSliceToBackground()

    def setSliceVisible(self, visible: bool) -> None:
        self.mrmlSliceNode().SetSliceVisible(visible)

    def setSliceLink(self, linked: bool) -> None:
        self.mrmlSliceCompositeNode().SetLinkedControl(linked)

    def scheduleRender(self) -> None:
        """Nothing is on a screen."""

    forceRender = scheduleRender


class PlotView:
    """What `plotWidget(index)` gives: a plot view node."""

    def __init__(self, node) -> None:
        self._node = node

    def mrmlPlotViewNode(self):
        return self._node

    def plotView(self) -> PlotView:
        return self

    def fitToContent(self) -> None:
        """Nothing is on a screen."""


class LayoutManager:
    """Views of the current layout; the layout's description is read by the real vtkMRMLLayoutLogic."""

    def __init__(self, application_logic, scene) -> None:
        self._scene = scene
        self._application_logic = application_logic
        self._is_following = False
        self._slice_logics = vtk.vtkCollection()
        application_logic.SetSliceLogics(self._slice_logics)
        self._logic = slicer.vtkMRMLLayoutLogic()
        self._logic.SetMRMLApplicationLogic(application_logic)
        self._logic.SetMRMLScene(scene)
        self.setLayout(_default_layout)
        for event in (scene.NodeAddedEvent, scene.EndCloseEvent, scene.EndBatchProcessEvent):
            scene.AddObserver(event, lambda *_: self._follow_slice_nodes())

    def layoutLogic(self):
        return self._logic

    @property
    def layout(self) -> int:
        return self._logic.GetLayoutNode().GetViewArrangement()

    def setLayout(self, layout: int) -> None:
        self._logic.GetLayoutNode().SetViewArrangement(layout)
        self._follow_slice_nodes()

    def mrmlSliceLogics(self):
        self._follow_slice_nodes()
        return self._slice_logics

    def sliceViewNames(self) -> list[str]:
        return [node.GetLayoutName() for node in self._shown("vtkMRMLSliceNode")]

    def sliceWidget(self, name: str) -> SliceView | None:
        """The view of that layout name, whether or not the layout shows it; None where there never was one."""
        self._follow_slice_nodes()
        named = (logic for logic in self._logics() if logic.GetSliceNode().GetLayoutName() == name)
        return next((SliceView(logic) for logic in named), None)

    @property
    def plotViewCount(self) -> int:
        return len(self._shown("vtkMRMLPlotViewNode"))

    def plotWidget(self, index: int) -> PlotView:
        return PlotView(self._shown("vtkMRMLPlotViewNode")[index])

    @property
    def threeDViewCount(self) -> int:
        return len(self._shown("vtkMRMLViewNode"))

    def resetSliceViews(self) -> None:
        self._follow_slice_nodes()
        for logic in self._logics():
            logic.FitSliceToBackground()

    def resetThreeDViews(self) -> None:
        """No three-dimensional view is drawn here."""

    def _shown(self, class_name: str) -> list[Any]:
        views = self._logic.GetViewNodes()
        nodes = [views.GetItemAsObject(index) for index in range(views.GetNumberOfItems())]
        return [node for node in nodes if node.IsA(class_name)]

    def _logics(self) -> list[Any]:
        return [self._slice_logics.GetItemAsObject(index) for index in range(self._slice_logics.GetNumberOfItems())]

    def _follow_slice_nodes(self) -> None:
        """Gives every slice node a logic, as the application's slice widgets do."""
        if self._is_following or self._scene.IsBatchProcessing():
            return
        self._is_following = True  # a logic adds nodes of its own
        known = [logic.GetSliceNode() for logic in self._logics()]
        for node in slicer.util.getNodesByClass("vtkMRMLSliceNode"):
            if node not in known:
                logic = slicer.vtkMRMLSliceLogic()
                logic.SetMRMLApplicationLogic(self._application_logic)
                self._slice_logics.AddItem(logic)
                logic.SetMRMLScene(self._scene)
                logic.SetSliceNode(node)
        self._is_following = False


def reset_views() -> None:
    """Views as after a start: nothing shown, nothing linked, the usual layout, the mouse free."""
    slicer.app.layoutManager().setLayout(_default_layout)
    slicer.app.applicationLogic().GetInteractionNode().SwitchToViewTransformMode()
    for composite in slicer.util.getNodesByClass("vtkMRMLSliceCompositeNode"):
        composite.SetBackgroundVolumeID(None)
        composite.SetForegroundVolumeID(None)
        composite.SetLabelVolumeID(None)
        composite.SetForegroundOpacity(0.0)
        composite.SetLinkedControl(False)
    for view in slicer.util.getNodesByClass("vtkMRMLSliceNode"):
        view.SetOrientation(view.GetDefaultOrientation())
        view.SetSliceOffset(0.0)
    for view in slicer.util.getNodesByClass("vtkMRMLPlotViewNode"):
        view.SetPlotChartNodeID(None)
