"""Reading all exams of a folder from the panel."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ctk
from slicer.i18n import tr as _

from BreastFusionLib import DISCLAIMER
from BreastFusionLib.errors import InputError
from BreastFusionLib.exam.exam_folder import is_exam_folder

from ..widgets.enabling import enable
from ..widgets.showing import show_fraction, show_text
from .clinical_line import ClinicalLine
from .exam_batch import submit_exams, summary

if TYPE_CHECKING:
    from ..context import PanelContext
    from ..process.worker_request import Progress, Request, WorkerError

__all__ = ["BatchPart"]


class BatchPart:
    """Two folders, a table for some models, and a button that reads and, while it does, cancels."""

    def __init__(self, context: PanelContext, ui: Any) -> None:
        self.context, self.ui = context, ui
        self._request: Request | None = None
        self._clinical = ClinicalLine(context, ui)
        self._said: tuple[str, ...] = ()  # of the table of clinical values
        ui.examsProgressBar.setVisible(False)
        ui.examsResultLabel.setVisible(False)
        ui.readExamsButton.clicked.connect(context.guarded(self._on_button))
        for edit in (ui.examsFolderEdit, ui.readingsFolderEdit):
            edit.filters = ctk.ctkPathLineEdit.Dirs
            edit.currentPathChanged.connect(context.guarded(self.refresh))
        context.bundle_changed.connect(self.refresh)

    @property
    def is_running(self) -> bool:
        """Whether exams are being read."""
        return self._request is not None and not self._request.is_done

    def cancel(self) -> None:
        """Stop reading; what was read stays on disk, and is not read again."""
        if self._request is not None:
            self._request.cancel()

    def refresh(self) -> None:
        """Show what the button does now, or what is missing."""
        self._clinical.refresh()
        button = self.ui.readExamsButton
        if self.is_running:
            button.setText(_("Cancel"))
            enable(button, _("Stop reading. Readings that are done stay, and are not read again next time."))
            return
        button.setText(_("Read all exams"))
        enable(button, _("Read all lesions of all exams with the model of section 4"), self._missing())

    def _missing(self) -> str:
        if not self.ui.examsFolderEdit.currentPath:
            return _("Choose the folder that holds the exams")
        if not self.ui.readingsFolderEdit.currentPath:
            return _("Choose the folder for the readings")
        if not self.context.settings.bundle_folder:
            return _("Choose a model in section 4")
        return ""

    def _on_button(self) -> None:
        if self.is_running:
            self.cancel()
            return
        out = Path(self.ui.readingsFolderEdit.currentPath).resolve()
        if any(is_exam_folder(folder) for folder in (out, *out.parents)):
            raise InputError(
                _("{folder} lies within an exam: choose another folder for the readings.").format(folder=out)
            )
        exams = [Path(self.ui.examsFolderEdit.currentPath).resolve()]
        table = self._clinical.table(exams, out)
        for edit in (self.ui.examsFolderEdit, self.ui.readingsFolderEdit, self._clinical.edit):
            if edit.currentPath:
                edit.addCurrentPathToHistory()  # there again after the next start
        self.context.say("")
        self._said = table.sentences
        show_text(self.ui.examsResultLabel, "\n".join(self._said))  # while there is time to cancel
        self._show_progress(None, _("Looking for exams"))
        self._request = submit_exams(
            self.context.worker,
            exams,
            Path(self.context.settings.bundle_folder),
            self.context.settings.device,
            out,
            self._on_finished,
            self._on_error,
            self._on_progress,
            table.rows,
        )
        self.refresh()

    def _on_progress(self, progress: Progress) -> None:
        with self.context.guard():
            self._show_progress(progress.fraction, progress.text)

    def _on_finished(self, result: Mapping[str, Any]) -> None:
        with self.context.guard():
            self._end()
            text = _("{summary}\nTable: {path}\n{disclaimer}").format(
                summary="\n".join((summary(result["rows"]), *self._said)), path=result["table"], disclaimer=DISCLAIMER
            )
            show_text(self.ui.examsResultLabel, text)

    def _on_error(self, error: WorkerError) -> None:
        with self.context.guard():
            self._end()
            if error.kind == "cancelled":
                text = _("Cancelled. Readings that are done stay, and are not read again next time.")
                show_text(self.ui.examsResultLabel, text)
            else:
                self.context.say(error.text, error.details)

    def _end(self) -> None:
        self._request = None
        self.ui.examsProgressBar.setVisible(False)
        self.refresh()

    def _show_progress(self, fraction: float | None, text: str) -> None:
        bar = self.ui.examsProgressBar
        bar.setVisible(True)
        show_fraction(bar, fraction)
        bar.setFormat(text.replace("%", "%%"))
