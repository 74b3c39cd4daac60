"""'Save report' and 'Export DICOM': where to, whether over what is there, and what came of it."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Generator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import qt
import slicer
from slicer.i18n import tr as _

from BreastFusionLib.errors import InputError
from BreastFusionLib.reading.reading_folder import READING

from ..bridge.exam_nodes import exam_of
from ..bridge.reading_nodes import reading_of
from ..widgets.enabling import enable
from .dicom_export import export_lesion, export_problem
from .saving import folder_name, report_case, save_reading

if TYPE_CHECKING:
    from ..bridge.reading_nodes import StoredReading
    from ..context import PanelContext
    from ..process.worker_request import WorkerError
    from .model_choice import ModelChoice

__all__ = ["SaveButtons"]


class SaveButtons:
    """Acts on the selected lesion and its reading.

    Attributes:
        is_saving: the page of a report is still being made.
    """

    def __init__(self, context: PanelContext, ui: Any, model: ModelChoice) -> None:
        self.is_saving = False
        self._context, self._ui, self._model = context, ui, model
        self._stored: StoredReading | None = None
        ui.saveReportButton.clicked.connect(context.guarded(self._save))
        ui.exportDicomButton.clicked.connect(context.guarded(self._export))

    def show(self, stored: StoredReading | None) -> None:
        """Offer to save another reading."""
        self._stored = stored
        enable(
            self._ui.saveReportButton,
            _("Save reading, features, maps, outline and a page for the browser into a folder"),
            self._save_problem(),
        )
        parameters = self._context.parameters
        enable(
            self._ui.exportDicomButton,
            _("Save the outline as a DICOM segmentation, which names the DCE images that it was drawn on"),
            export_problem(parameters.segmentation if parameters is not None else None),
        )

    def _save_problem(self) -> str:
        if self.is_saving:
            return _("The last report is still being made.")
        if self._stored is None:
            return _("Classify the lesion first.")
        return "" if self._stored.is_current else _changed()

    def _save(self) -> None:
        parameters, shown = self._context.parameters, self._stored
        chosen = qt.QFileDialog.getExistingDirectory(self._ui.saveReportButton, _("Folder for the report"))
        if not chosen or parameters is None or shown is None:
            return
        segment_id = parameters.selectedLesion
        folder = Path(chosen) / self._name(segment_id)
        if not self._may_write(folder, folder / READING):
            return
        # While somebody looks for a folder, or a moment after a stroke, the reading may be one of something else.
        stored = reading_of(self._context.parameters, segment_id)
        if stored is None or stored.node is not shown.node or not stored.is_current:
            raise InputError(_changed())
        save_reading(parameters, segment_id, stored, folder, self._inputs(stored.mapping))
        self._make_page(segment_id, stored, folder)

    def _make_page(self, segment_id: str, stored: StoredReading, folder: Path) -> None:
        """Have the page for the browser made by the process that has matplotlib; all else is saved already."""
        work = Path(tempfile.mkdtemp(prefix="report-", dir=self._context.worker.folder))
        steps = report_case(self._context.parameters, segment_id, stored, work)

        def arguments() -> Generator[str, None, Mapping[str, Any]]:
            yield from steps
            return {"case": str(work), "reading": str(folder / READING), "out": str(folder)}

        def finished(_result: Mapping[str, Any]) -> None:
            self._saved(work, _("Saved in {folder}.").format(folder=folder))

        def failed(error: WorkerError) -> None:
            text = _("Saved in {folder}, but without its page for the browser: {reason}")
            self._saved(work, text.format(folder=folder, reason=error.text), error.details)

        self.is_saving = True
        self.show(self._stored)
        self._context.say(_("Saved in {folder}; its page for the browser is being made …").format(folder=folder))
        self._context.worker.request("report", arguments(), finished, failed)

    def _saved(self, work: Path, text: str, details: str = "") -> None:
        self.is_saving = False
        shutil.rmtree(work, ignore_errors=True)
        with self._context.guard():
            self._context.say(text, details)
            self.show(self._stored)

    def _export(self) -> None:
        parameters = self._context.parameters
        chosen = qt.QFileDialog.getExistingDirectory(self._ui.exportDicomButton, _("Folder for the segmentation"))
        if not chosen or parameters is None:
            return
        segment_id = parameters.selectedLesion
        path = Path(chosen) / f"{self._name(segment_id)}.SEG.dcm"
        if self._may_write(path, path):
            export_lesion(parameters.segmentation, segment_id, path)
            self._context.say(_("Saved as {path}.").format(path=path))

    def _may_write(self, shown: Path, existing: Path) -> bool:
        """Ask before anything is lost."""
        if not existing.exists():
            return True
        question = _("{path} is there already. Replace it by the reading that is shown?").format(path=shown)
        return bool(slicer.util.confirmYesNoDisplay(question, windowTitle=_("Replace files")))

    def _name(self, segment_id: str) -> str:
        parameters = self._context.parameters
        segment = parameters.segmentation.GetSegmentation().GetSegment(segment_id)
        if segment is None:
            raise InputError(_("Select a lesion first."))
        return folder_name(exam_of(parameters).pseudonym, segment.GetName())

    def _inputs(self, reading: Mapping[str, Any]) -> Any:
        """Return the settings of the model that made a reading, where that one is still chosen."""
        header, made_by = self._model.header, reading["bundle"]
        if header is None or (header.metadata.name, header.metadata.version) != (made_by["name"], made_by["version"]):
            return None
        return header.recipe.inputs


def _changed() -> str:
    return _("The outline, the exam or a clinical value changed since the reading: classify again.")
