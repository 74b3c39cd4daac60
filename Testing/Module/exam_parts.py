"""What the tests of section 1 open, and what they look at."""

from __future__ import annotations

import qt
import slicer
from BreastFusionPanel.bridge.geometry import add_volume
from BreastFusionPanel.context import PanelContext
from BreastFusionPanel.exam.exam_section import ExamSection
from BreastFusionPanel.exam.phase_table import TIME
from BreastFusionPanel.process.worker import Worker
from bridge_parts import ramp, study


class Opened:
    """The section in a window 400 px wide, with the life that the panel gives it.

    Attributes:
        said: what stood in the message line, in order.
        changes: how often the section told the others that the exam changed.
    """

    def __init__(self) -> None:
        self.said: list[str] = []
        self.changes = 0
        self.context = PanelContext(Worker())
        self.context.message.connect(lambda text, _details: self.said.append(text))
        self.context.exam_changed.connect(self._count)
        self.section = ExamSection(self.context)
        self.ui = self.section.ui
        self.section.widget.resize(400, 600)
        self.section.widget.show()
        scene = slicer.mrmlScene
        self._tag = scene.AddObserver(scene.StartCloseEvent, lambda *_: self.show(None))
        self.show(study())
        self.section.enter()

    def show(self, parameters) -> None:
        self.section.disconnect_parameters()
        self.context.parameters = parameters
        self.section.connect_parameters()

    def close(self) -> None:
        slicer.mrmlScene.RemoveObserver(self._tag)
        self.show(None)
        self.section.cleanup()
        left = list(self.context.worker.folder.iterdir())
        self.context.worker.stop()
        self.section.widget.close()
        self.section.widget.deleteLater()
        assert not left, "however loading ended, no image is left on disk"

    @property
    def parameters(self):
        return self.context.parameters

    @property
    def is_loading(self) -> bool:
        return self.section.loading.is_busy

    def table(self) -> list[list[str]]:
        """What the phase table shows, with plain spaces."""
        table = self.ui.phaseTable
        return [
            [table.item(row, column).text().replace("\N{NO-BREAK SPACE}", " ") for column in range(4)]
            for row in range(table.rowCount)
        ]

    def notes(self) -> list[str]:
        return [self.ui.examNotesList.item(row).text() for row in range(self.ui.examNotesList.count)]

    def type_time(self, row: int, text: str) -> None:
        """Double-click a time and type another one."""
        self.ui.phaseTable.item(row, TIME).setText(text)
        qt.QApplication.processEvents()

    def _count(self) -> None:
        self.changes += 1


def shown_item(parameters) -> int:
    return parameters.dceBrowser.GetSelectedItemNumber()


def background_of_red():
    composites = slicer.util.getNodesByClass("vtkMRMLSliceCompositeNode")
    red = next(node for node in composites if node.GetLayoutName() == "Red")
    return slicer.mrmlScene.GetNodeByID(red.GetBackgroundVolumeID() or "")


def named(name: str, seed: int = 0):
    return add_volume(ramp(seed), name)
