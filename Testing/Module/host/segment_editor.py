"""Stand-in for the Segment Editor widget: Slicer's real segment editor logic, and hands to draw with."""

from __future__ import annotations

import numpy as np
import slicer
import vtk
from PySide6 import QtWidgets
from vtk.util.numpy_support import numpy_to_vtk, vtk_to_numpy

from .node_combo_box import qMRMLNodeComboBox, qMRMLWidget

_effects = ("Threshold", "Paint", "Draw", "Erase", "Level tracing", "Scissors", "Islands", "Smoothing")


class qMRMLSegmentEditorWidget(qMRMLWidget):
    """Edits with the logic that the application's widget uses; a test draws with `paint_sphere`, `erase_sphere` ..

    Attributes:
        logic: vtkSlicerSegmentEditorLogic.
        shortcuts_installed: whether the keyboard shortcuts are on.
    """

    def __init__(self, parent=None) -> None:
        super().__init__(parent)
        self.logic = slicer.vtkSlicerSegmentEditorLogic()
        self.logic.SetSegmentationHistory(slicer.vtkSegmentationHistory())
        self.shortcuts_installed = False
        self._node = None
        self._effect_name = ""
        # As in the application: a list without 'None', which takes up the first segmentation that it sees.
        self._segmentations = qMRMLNodeComboBox(self)
        self._segmentations.setNodeTypes(["vtkMRMLSegmentationNode"])
        self._segmentations.hide()
        self._segmentations.currentNodeChanged.connect(self.setSegmentationNode)
        self._tools = QtWidgets.QGridLayout()
        self._tools.setSpacing(2)
        rows = QtWidgets.QVBoxLayout(self)
        rows.setContentsMargins(0, 0, 0, 0)
        rows.addLayout(self._tools)
        rows.addLayout(self._history_row())
        self.setEffectNameOrder(_effects)

    # What module code calls

    def setMRMLScene(self, scene) -> None:
        super().setMRMLScene(scene)
        self.logic.SetMRMLScene(scene)
        blocked = self._segmentations.blockSignals(True)
        self._segmentations.setMRMLScene(scene)
        self._segmentations.setCurrentNode(self.logic.GetSegmentationNode())
        self._segmentations.blockSignals(blocked)

    def setMRMLSegmentEditorNode(self, node) -> None:
        self._node = node
        self.logic.SetSegmentEditorNode(node)

    def mrmlSegmentEditorNode(self):
        return self._node

    def setSegmentationNode(self, node) -> None:
        """Like the application's, which lays the tool down and chooses the first segment and its volume by itself."""
        if self._node is None or node is self.logic.GetSegmentationNode():
            return
        self.logic.SetSegmentationNode(node)
        self.setActiveEffect(None)
        blocked = self._segmentations.blockSignals(True)
        self._segmentations.setCurrentNode(node)
        self._segmentations.blockSignals(blocked)
        if node is not None:
            self.setSourceVolumeNode(node.GetNodeReference(node.GetReferenceImageGeometryReferenceRole()))
            for segment_id in node.GetSegmentation().GetSegmentIDs()[:1]:
                self.setCurrentSegmentID(segment_id)

    def segmentationNode(self):
        return self._segmentations.currentNode()

    def setSourceVolumeNode(self, node) -> None:
        self.logic.SetSourceVolumeNode(node)

    def sourceVolumeNode(self):
        return self.logic.GetSourceVolumeNode()

    def setCurrentSegmentID(self, segment_id: str) -> None:
        self.logic.SetCurrentSegmentID(segment_id)

    def currentSegmentID(self) -> str:
        return self.logic.GetCurrentSegmentID()

    def setEffectNameOrder(self, names) -> None:
        """The tools' buttons; choosing one only tells the segment editor node."""
        while self._tools.count():
            old = self._tools.takeAt(0).widget()
            old.hide()  # it is deleted only when events run
            old.deleteLater()
        for index, name in enumerate(names):
            button = QtWidgets.QToolButton(self)
            button.setText(name)
            button.setToolTip(f"Segment Editor: {name}")
            button.setCheckable(True)
            button.setSizePolicy(QtWidgets.QSizePolicy.Policy.Expanding, QtWidgets.QSizePolicy.Policy.Fixed)
            button.clicked.connect(lambda on, name=name: self.setActiveEffectByName(name if on else ""))
            self._tools.addWidget(button, index // 4, index % 4)

    def setActiveEffect(self, effect) -> None:
        self.setActiveEffectByName(effect if isinstance(effect, str) else "")

    def setActiveEffectByName(self, name: str) -> None:
        self._effect_name = name or ""
        if self._node is not None:
            self._node.SetActiveEffectName(self._effect_name)
        for index in range(self._tools.count()):
            button = self._tools.itemAt(index).widget()
            button.setChecked(button.text == self._effect_name)

    def activeEffect(self):
        return self._effect_name or None

    def installKeyboardShortcuts(self, widget=None) -> None:
        self.shortcuts_installed = True

    def uninstallKeyboardShortcuts(self) -> None:
        self.shortcuts_installed = False

    def updateWidgetFromMRML(self) -> None:
        """The label is all there is to update."""

    setupViewObservations = removeViewObservations = updateWidgetFromMRML

    def _accept(self, *_) -> None:
        """Settings of the widget's own looks."""

    setMaximumNumberOfUndoStates = setUnorderedEffectsVisible = _accept
    setSegmentationNodeSelectorVisible = setSourceVolumeNodeSelectorVisible = setMasterVolumeNodeSelectorVisible = (
        _accept
    )
    setSwitchToSegmentationsButtonVisible = setAddRemoveSegmentButtonsVisible = setShow3DButtonVisible = _accept
    setSpecifyGeometryButtonVisible = setMaskingSectionVisible = _accept
    setReadOnly = setAutoShowSourceVolumeNode = setRotateWarningInNodeSelectorLayout = setEffectColumnCount = _accept
    setEffectButtonStyle = setDefaultTerminologyEntrySettingsKey = setJumpToSelectedSegmentEnabled = _accept

    unorderedEffectsVisible = True

    def saveStateForUndo(self) -> None:
        self.logic.SaveStateForUndo()

    def undo(self, *_) -> None:
        self.logic.Undo()

    def redo(self, *_) -> None:
        self.logic.Redo()

    def _history_row(self) -> QtWidgets.QHBoxLayout:
        row = QtWidgets.QHBoxLayout()
        row.addStretch(1)
        for text, step in (("Undo", self.undo), ("Redo", self.redo)):
            button = QtWidgets.QToolButton(self)
            button.setText(text)
            button.setToolTip(f"Segment Editor: {text}")
            button.clicked.connect(step)
            row.addWidget(button)
        return row

    # What a person does with the mouse

    def paint_sphere(self, center_ras, radius_mm: float) -> None:
        """One stroke of a round brush in the current segment."""
        self._stroke(self._sphere(center_ras, radius_mm), self.logic.ModificationModeAdd)

    def erase_sphere(self, center_ras, radius_mm: float) -> None:
        """One stroke of the eraser."""
        self._stroke(self._sphere(center_ras, radius_mm), self.logic.ModificationModeRemove)

    def threshold(self, low: float, high: float) -> None:
        """The current segment becomes all voxels of the source volume within two values, both included."""
        self._prepare()
        source = self.logic.GetAlignedSourceVolume()
        values = vtk_to_numpy(source.GetPointData().GetScalars())
        self._stroke((values >= low) & (values <= high), self.logic.ModificationModeSet)

    def _prepare(self) -> None:
        self.logic.UpdateReferenceGeometryImage()
        self.logic.UpdateAlignedSourceVolume()
        self.logic.ResetModifierLabelmapToDefault()

    def _sphere(self, center_ras, radius_mm: float) -> np.ndarray:
        """Which voxels of the modifier labelmap have their centre in a sphere, in VTK's order of points."""
        self._prepare()
        image = self.logic.GetModifierLabelmap()
        matrix = vtk.vtkMatrix4x4()
        image.GetImageToWorldMatrix(matrix)
        to_world = np.array([[matrix.GetElement(row, column) for column in range(4)] for row in range(4)])
        first_i, last_i, first_j, last_j, first_k, last_k = image.GetExtent()
        k, j, i = np.mgrid[first_k : last_k + 1, first_j : last_j + 1, first_i : last_i + 1]
        index = np.stack([i.ravel(), j.ravel(), k.ravel(), np.ones(i.size)])
        offset = (to_world @ index)[:3] - np.asarray(center_ras, float)[:, None]
        return (offset**2).sum(axis=0) <= radius_mm**2

    def _stroke(self, inside: np.ndarray, mode: int) -> None:
        self.logic.SaveStateForUndo()
        modifier = self.logic.GetModifierLabelmap()
        scalars = modifier.GetPointData().GetScalars()
        scalars.DeepCopy(numpy_to_vtk(inside.astype(vtk_to_numpy(scalars).dtype), deep=True))
        modifier.Modified()
        self.logic.UpdateMaskLabelmap()
        self.logic.ModifySegmentByLabelmap(
            self.segmentationNode(), self.currentSegmentID(), modifier, mode, False, False
        )
