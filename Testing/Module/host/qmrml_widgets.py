"""All stand-ins of the qMRML and qSlicer widgets by name."""

from .node_combo_box import qMRMLNodeComboBox, qMRMLWidget
from .segment_editor import qMRMLSegmentEditorWidget


class qSlicerWidget(qMRMLWidget):
    """A qMRMLWidget under another name."""


__all__ = ["qMRMLNodeComboBox", "qMRMLSegmentEditorWidget", "qMRMLWidget", "qSlicerWidget"]
