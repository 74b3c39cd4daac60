"""The row with which an exam begins: open a folder, or load the demo exam; either button cancels while it works."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import qt
from slicer.i18n import tr as _

from ..widgets.enabling import enable
from ..widgets.showing import show_fraction
from .study_loading import StudyLoading

if TYPE_CHECKING:
    from ..context import PanelContext

__all__ = ["StudyRow"]


class StudyRow:
    """Two buttons and the progress below them.

    Attributes:
        loading: what reads the study.
    """

    def __init__(self, ui: Any, context: PanelContext, on_added: Callable[[Mapping[str, Any]], None]) -> None:
        """Take over the widgets.

        Args:
            ui: of the section.
            context: of the panel.
            on_added: takes the child process's answer once the exam is in the scene.
        """
        self.loading = StudyLoading(context)
        self._ui, self._context, self._on_added = ui, context, on_added
        self._buttons = {
            "study": (
                ui.openStudyButton,
                _("Open study folder…"),
                _("Read a folder with a study: DICOM, NIfTI or an exam folder. Patient names are left out."),
            ),
            "phantom": (
                ui.loadDemoButton,
                _("Load demo exam"),
                _("Make a phantom exam with a known lesion, to try the panel; needs no network"),
            ),
        }
        ui.openStudyButton.clicked.connect(context.guarded(lambda: self._cancel_or(self._open_study)))
        ui.loadDemoButton.clicked.connect(context.guarded(lambda: self._cancel_or(self._load_demo)))
        self.loading.changed.connect(self.refresh)
        self.loading.progressed.connect(self._show_progress)
        self.refresh()

    def refresh(self) -> None:
        """Turn the button that was pressed to Cancel, and keep the other one from being pressed."""
        what = self.loading.what
        missing = _("Another exam is being loaded: wait, or cancel it") if what else ""
        if self._context.parameters is None:
            missing = _("Wait until the scene is ready")
        for action, (button, text, tip) in self._buttons.items():
            is_cancel = action == what
            button.setText(_("Cancel") if is_cancel else text)
            enable(
                button, _("Stop loading; the scene stays as it is") if is_cancel else tip, "" if is_cancel else missing
            )
        self._ui.progressWidget.setVisible(bool(what))

    def _cancel_or(self, begin: Callable[[], None]) -> None:
        if self.loading.is_busy:
            self.loading.cancel()
        else:
            begin()

    def _open_study(self) -> None:
        settings = self._context.settings
        folder = qt.QFileDialog.getExistingDirectory(
            self._ui.openStudyButton, _("Folder of the study: DICOM, NIfTI or an exam folder"), settings.studies_folder
        )
        if folder:
            # Not the study itself: its folder may be called after the patient. The next study lies beside it, too.
            settings.studies_folder = str(Path(folder).parent)
            self._context.say("")
            self.loading.open_folder(folder, self._on_added)

    def _load_demo(self) -> None:
        self._context.say("")
        self.loading.load_demo(self._on_added)

    def _show_progress(self, fraction: float | None, text: str) -> None:
        show_fraction(self._ui.studyProgressBar, fraction)
        self._ui.studyProgressLabel.setText(text)
