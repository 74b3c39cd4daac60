"""The application's own Segment Editor inside the panel, reduced to what outlining a lesion needs."""

from __future__ import annotations

from typing import Any

import slicer
import vtk
from slicer.util import VTKObservationMixin

from ..signals import Signal

__all__ = ["SegmentEditor"]

SINGLETON_TAG = "BreastFusion"
EFFECTS = ("Draw", "Paint", "Erase", "Scissors", "Threshold", "Level tracing", "Islands", "Smoothing")
# What the panel has itself, or what would lead out of it. Older versions lack some of the setters.
HIDDEN_PARTS = ("SegmentsTableResizableFrame", "AddSegmentButton", "RemoveSegmentButton", "Show3DButton")
HIDING_SETTERS = (
    "setSegmentationNodeSelectorVisible",
    "setSourceVolumeNodeSelectorVisible",
    "setSwitchToSegmentationsButtonVisible",
    "setAddRemoveSegmentButtonsVisible",
    "setShow3DButtonVisible",
    "setSpecifyGeometryButtonVisible",
    "setMaskingSectionVisible",
    # Not a part, but it would put the DCE series into the views of T1 and T2.
    "setAutoShowSourceVolumeNode",
)


class SegmentEditor(VTKObservationMixin):
    """Keeps a qMRMLSegmentEditorWidget and its parameter node together through the life of module and scene.

    Attributes:
        widget: the qMRMLSegmentEditorWidget.
        segment_chosen: (segment_id) the user went to another segment, with the editor's own keys.
    """

    def __init__(self, widget: Any) -> None:
        """Take the widget of the .ui file."""
        VTKObservationMixin.__init__(self)
        self.widget = widget
        self.segment_chosen = Signal()
        self._wanted, self._is_changing = "", False
        self._edited: Any = None
        for setter in HIDING_SETTERS:
            getattr(widget, setter, lambda visible: None)(False)
        for name in HIDDEN_PARTS:
            for part in slicer.util.findChildren(widget, name):
                part.hide()
        widget.setEffectNameOrder(list(EFFECTS))
        widget.unorderedEffectsVisible = False
        widget.effectColumnCount = 3
        widget.setMaximumNumberOfUndoStates(20)
        self._connect_node()
        widget.setMRMLScene(slicer.mrmlScene)

    @property
    def segment_id(self) -> str:
        """The segment that is edited; empty for none."""
        node = self.widget.mrmlSegmentEditorNode()
        return (node.GetSelectedSegmentID() or "") if node else ""

    def edit(self, segmentation: Any, volume: Any, segment_id: str) -> None:
        """Make a segment the one that tools change.

        Args:
            segmentation: vtkMRMLSegmentationNode, or None for nothing to edit.
            volume: vtkMRMLScalarVolumeNode whose grid the outlines lie on, and whose intensities tools look at.
            segment_id: a segment of it; empty for none.
        """
        self._connect_node()
        self._edited = segmentation
        self._wanted, self._is_changing = segment_id, True  # the widget chooses a segment by itself in between
        try:
            if self.widget.segmentationNode() is not segmentation:
                self.widget.setSegmentationNode(segmentation)
            if self.widget.sourceVolumeNode() is not volume:
                self.widget.setSourceVolumeNode(volume)
            if segment_id and self.segment_id != segment_id:
                self.widget.setCurrentSegmentID(segment_id)
        finally:
            self._is_changing = False

    def use(self, effect: str) -> None:
        """Take up a tool by name; '' lays it down."""
        self.widget.setActiveEffectByName(effect)

    def remember(self) -> None:
        """Make the outlines as they are now what the editor's Undo returns to."""
        if self.widget.segmentationNode() is not None:
            self.widget.saveStateForUndo()

    def rest(self, segmentation: Any) -> None:
        """Lay the tool down, because there is no lesion to use it on.

        Args:
            segmentation: the one of the study, whose last edits may still be undone; None for none.
        """
        self.use("")
        if segmentation is None or self.widget.segmentationNode() is not segmentation:
            self._let_go()

    def enter(self) -> None:
        """The module is shown."""
        self._connect_node()
        self.widget.setupViewObservations()
        self.set_keys(True)
        self.widget.updateWidgetFromMRML()

    def set_keys(self, on: bool) -> None:
        """Have the editor's keys work; off while another part of the panel needs one of them, as Esc."""
        if on:
            self.widget.installKeyboardShortcuts()
        else:
            self.widget.uninstallKeyboardShortcuts()

    def exit(self) -> None:
        """The module is left: no tool and no key may work from another one."""
        self.widget.setActiveEffect(None)
        self.set_keys(False)
        self.widget.removeViewObservations()

    def release(self) -> None:
        """Let go of the scene's nodes, which are about to be removed."""
        self.widget.setActiveEffect(None)
        self._let_go()
        self.widget.removeViewObservations()

    def close(self) -> None:
        """The panel is taken down; its keys, which belong to the main window, would stay."""
        self.exit()
        self.removeObservers()

    def _let_go(self) -> None:
        self._edited = None
        self.widget.setSegmentationNode(None)
        self.widget.setSourceVolumeNode(None)

    def _connect_node(self) -> None:
        node = slicer.mrmlScene.GetSingletonNode(SINGLETON_TAG, "vtkMRMLSegmentEditorNode")
        if node is None:  # a new scene
            node = slicer.vtkMRMLSegmentEditorNode()
            node.SetSingletonTag(SINGLETON_TAG)
            node = slicer.mrmlScene.AddNode(node)
        # Lesions may overlap: drawing one never takes anything from another. Said again each time, because closing a
        # scene keeps the node and forgets its settings.
        node.SetOverwriteMode(node.OverwriteNone)
        if self.widget.mrmlSegmentEditorNode() is not node:
            self.widget.setMRMLSegmentEditorNode(node)
            self.removeObservers()
            self.addObserver(node, vtk.vtkCommand.ModifiedEvent, self._on_modified)

    def _on_modified(self, node: Any, *_args: object) -> None:
        # While it has none, the widget takes up whatever segmentation comes into the scene.
        if self._is_changing or self._edited is None or node.GetSegmentationNode() is not self._edited:
            return
        if self.segment_id and self.segment_id != self._wanted:
            self.segment_chosen.emit(self.segment_id)
