"""The whole panel: its sections from top to bottom, the message line, and the life of the scene."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import qt
from slicer.i18n import tr as _

from BreastFusionLib import DISCLAIMER

from .classify.classify_section import ClassifySection
from .context import PanelContext
from .exam.exam_section import ExamSection
from .lesion.lesion_section import LesionSection
from .mapping.map_section import MapSection
from .process.worker import Worker
from .setup.setup_section import SetupSection
from .widgets.message_line import MessageLine

if TYPE_CHECKING:
    from .parameters import BreastFusionParameterNode
    from .section import Section

__all__ = ["Panel"]


class Panel:
    """Lives as long as the module's widget.

    Attributes:
        context: what the sections share.
        sections: from top to bottom.
    """

    def __init__(self, layout: Any, worker: Worker | None = None) -> None:
        """Build all widgets into a layout.

        Args:
            layout: QVBoxLayout of the module's widget.
            worker: the process that computes; None makes one, which starts when it is first needed.
        """
        self.context = PanelContext(worker or Worker())
        self.exam = ExamSection(self.context)
        self.lesion = LesionSection(self.context)
        self.map = MapSection(self.context)
        self.classify = ClassifySection(self.context)
        self.setup = SetupSection(self.context)
        self.sections: tuple[Section, ...] = (self.exam, self.lesion, self.map, self.classify, self.setup)
        self.messages = MessageLine(self.context)
        layout.addWidget(self.messages.widget)
        for section in self.sections:
            layout.addWidget(section.widget)
        self.disclaimer = qt.QLabel(DISCLAIMER)
        self.disclaimer.setToolTip(_("BreastFusion is made for research. It must not guide the care of a patient."))
        self.disclaimer.setWordWrap(True)
        layout.addWidget(self.disclaimer)
        layout.addStretch(1)
        self._shortcut = qt.QShortcut(qt.QKeySequence("Ctrl+Return"), layout.parentWidget())
        # Only while the keyboard is in the panel: a shortcut of the whole window would fire in other modules.
        self._shortcut.setContext(qt.Qt.WidgetWithChildrenShortcut)
        self._shortcut.activated.connect(self.context.guarded(self.classify.classify))

    def set_parameters(self, parameters: BreastFusionParameterNode | None) -> None:
        """Show another study; None while there is no scene."""
        if parameters is None:
            self.context.say("")  # it was about the study that goes
        for section in self.sections:
            section.disconnect_parameters()
        self.context.parameters = parameters
        for section in self.sections:
            section.connect_parameters()

    def enter(self) -> None:
        """The module is shown."""
        for section in self.sections:
            section.enter()

    def exit(self) -> None:
        """The module is left."""
        for section in self.sections:
            section.exit()

    def cleanup(self) -> None:
        """The module is taken down."""
        for section in self.sections:
            section.disconnect_parameters()
            section.cleanup()
        self.context.parameters = None
        self.context.worker.stop()
