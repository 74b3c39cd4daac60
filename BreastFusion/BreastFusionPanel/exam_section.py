"""Section 1, Exam: where the study comes from, its DCE phases, T1 and T2, and what the views show of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import qt
import slicer
import vtk
from slicer.i18n import tr as _

from BreastFusionLib.errors import InputError

from . import views
from .bridge import facts
from .bridge.geometry import to_ras
from .bridge.sequences import browser_of, move_phase, phases_of, set_phase_time, set_pre_contrast
from .dce_images import discard_orphans
from .dce_view_row import DceViewRow
from .enabling import enable
from .exam_notes import exam_notes
from .model_phase import ModelPhase
from .phase_table import PhaseTable
from .scene_fill import SceneFill
from .section import Section
from .study_loading import StudyLoading
from .volumes_frame import VolumesFrame

if TYPE_CHECKING:
    from .bridge.sequences import PhaseRow
    from .context import PanelContext

__all__ = ["ExamSection"]

_NOTES_HEIGHT_LINES = 4


class ExamSection(Section):
    """Fills `parameters` with a study and keeps table, views and notes in step with it.

    Attributes:
        loading: reads studies in the child process.
        phases: the table of the DCE phases.
    """

    UI = "Exam"

    def __init__(self, context: PanelContext) -> None:
        super().__init__(context)
        self.loading = StudyLoading(context)
        self.phases = PhaseTable(self.ui.phaseTable, context)
        self._view_row = DceViewRow(self.ui, context)
        self._fill = SceneFill(context)
        self._volumes = VolumesFrame(self.ui, context)
        self._model_phase = ModelPhase(context.settings)
        self._rows: tuple[PhaseRow, ...] = ()
        self._seen: tuple[Any, ...] = ()
        self._is_refreshing = False
        self._observed: list[tuple[Any, int]] = []
        self._series_observed: list[tuple[Any, int]] = []
        self._connect_widgets()
        self.ui.progressWidget.setVisible(False)
        self._show_loading()

    def connect_parameters(self) -> None:
        """Show a (new) study as it is; nobody is told that it changed, because everybody is handed it."""
        super().connect_parameters()
        parameters = self.context.parameters
        if parameters is None:
            self.loading.cancel()
            return
        self._observe(self._observed, parameters.parameterNode, vtk.vtkCommand.ModifiedEvent, self.refresh)
        self._fill.start_with()

    def disconnect_parameters(self) -> None:
        """Forget the study."""
        super().disconnect_parameters()
        self._unobserve(self._observed)
        self._unobserve(self._series_observed)
        self._fill.stop()
        self._seen = ()

    def enter(self) -> None:
        """Fill in what the scene holds by now, and from now on what comes into it."""
        scene = slicer.mrmlScene
        for event in (scene.NodeAddedEvent, scene.EndBatchProcessEvent, scene.EndImportEvent):
            self._observe(self._observed, scene, event, self._fill.schedule)
        self._observe(self._observed, scene, scene.NodeRemovedEvent, self._node_removed)
        with self.context.guard():
            self._fill.fill()

    def cleanup(self) -> None:
        """End what runs."""
        self.loading.cancel()
        self._fill.stop()

    def refresh(self) -> None:
        """Show the study, and tell the others when it became another one."""
        if self._is_refreshing:
            return
        self._is_refreshing = True
        try:
            self._refresh()
        finally:
            self._is_refreshing = False

    def _refresh(self) -> None:
        parameters = self.context.parameters
        self._follow_series()
        sequence = parameters.dceSequence if parameters is not None else None
        self._rows = phases_of(sequence) if sequence is not None else ()
        used = self._used_phase()
        is_new_study = not self._seen
        self._show_table(used)
        self._show_notes()
        self._show_buttons()
        self._volumes.refresh()
        if parameters is not None:
            self._tell_changes(is_new_study)
        # Last: it alone may find that the series cannot be shown.
        self._view_row.show(len(self._rows), self._used_phase(), is_new_study)

    # ---------------------------------------------------------------- study

    def open_study(self) -> None:
        """Ask for a folder and read it; while one is read: cancel."""
        if self.loading.is_busy:
            self.loading.cancel()
            return
        settings = self.context.settings
        folder = qt.QFileDialog.getExistingDirectory(
            self.widget, _("Folder of the study: DICOM, NIfTI or an exam folder"), settings.study_folder
        )
        if folder:
            settings.study_folder = folder
            self.context.say("")
            self.loading.open_folder(folder, self._study_added)

    def load_demo(self) -> None:
        """Make a phantom exam; while one is made: cancel."""
        if self.loading.is_busy:
            self.loading.cancel()
            return
        self.context.say("")
        self.loading.load_demo(self._demo_added)

    def _study_added(self, _result: Mapping[str, Any]) -> None:
        parameters = self.context.parameters
        if parameters.dceSequence is not None:
            self._show_phase(self._used_phase())
            views.show_exam(parameters)
        elif notes := self._notes():
            self.context.say(notes[0])

    def _demo_added(self, result: Mapping[str, Any]) -> None:
        self._study_added(result)
        center_ras = to_ras(result["lesion_center_lps"])
        views.jump_to(self.context.parameters, center_ras)
        views.mark_point(center_ras)
        self.context.say(
            _(
                "Demo exam, made by a computer: no patient. The crosshair marks its lesion. Next: '+ From click' in "
                "section 2, then click on the lesion."
            )
        )

    # ---------------------------------------------------------------- phases

    def _used_phase(self) -> int:
        """Return the number of the phase that a reading is made of; -1 without a phase after contrast."""
        chosen = self.context.parameters.usedPhase if self.context.parameters is not None else -1
        return chosen if 0 < chosen < len(self._rows) else self._model_phase.number(len(self._rows))

    def _use_phase(self, number: int) -> None:
        is_own = number == self._model_phase.number(len(self._rows))
        self.context.parameters.usedPhase = -1 if is_own else number
        self._show_phase(number)

    def _show_phase(self, number: int) -> None:
        self._view_row.show_phase(number)
        self.refresh()

    def _move(self, by: int) -> None:
        with self._keeping_used():
            number = move_phase(self.context.parameters.dceSequence, self.phases.selected, by)
        self._show_phase(number)

    def _set_pre(self) -> None:
        with self._keeping_used():
            set_pre_contrast(self.context.parameters.dceSequence, self.phases.selected)
        self._show_phase(0)

    def _set_time(self, number: int, time_s: float | None) -> None:
        if time_s is None:
            raise InputError(_("Type a time in seconds after the phase before contrast, for example 120."))
        with self._keeping_used():
            number = set_phase_time(self.context.parameters.dceSequence, number, time_s)
        self._show_phase(number)

    @contextmanager
    def _keeping_used(self) -> Iterator[None]:
        """Let the phase that the user chose stay the chosen one, wherever the order puts it."""
        parameters = self.context.parameters
        items = self._items()
        chosen = items[parameters.usedPhase] if 0 < parameters.usedPhase < len(items) else None
        yield
        items = self._items()
        if chosen is not None:
            parameters.usedPhase = items.index(chosen) if chosen in items[1:] else -1

    def _items(self) -> list[Any]:
        """Return what tells the phases apart, in their order: their voxels."""
        sequence = self.context.parameters.dceSequence
        return [sequence.GetNthDataNode(number).GetImageData() for number in range(sequence.GetNumberOfDataNodes())]

    # ---------------------------------------------------------------- showing

    def _show_table(self, used: int) -> None:
        parameters = self.context.parameters
        browser = parameters.dceBrowser if parameters is not None and self._rows else None
        shown = browser.GetSelectedItemNumber() if browser is not None else -1
        self.ui.phaseTable.setVisible(bool(self._rows))
        self.ui.phasesWidget.setVisible(bool(self._rows) or self.ui.fromVolumesButton.checked)
        own = self._model_phase.number(len(self._rows))
        self.phases.show(self._rows, used, own, self._model_phase.word, shown)

    def _show_buttons(self) -> None:
        parameters, selected, last = self.context.parameters, self.phases.selected, len(self._rows) - 1
        no_study = _("Wait until the scene is ready") if parameters is None else ""
        no_row = no_study or ("" if selected >= 0 else _("Select a phase in the table first"))
        for name in ("phaseUpButton", "phaseDownButton", "setPreButton"):
            getattr(self.ui, name).setVisible(bool(self._rows))
        is_first = "" if selected > 0 else _("This is the first phase")
        is_last = "" if selected < last else _("This is the last phase")
        enable(self.ui.phaseUpButton, _("Move the phase one place earlier"), no_row or is_first)
        enable(self.ui.phaseDownButton, _("Move the phase one place later"), no_row or is_last)
        is_pre = "" if selected > 0 else _("This is the phase before contrast")
        enable(
            self.ui.setPreButton,
            _("Make this the phase before contrast: all times are counted from it"),
            no_row or is_pre,
        )
        lacks = parameters is not None and self._rows and (parameters.t1Volume is None or parameters.t2Volume is None)
        self.ui.missingSequenceLabel.setVisible(bool(lacks))
        self._show_loading()

    def _show_loading(self) -> None:
        """Turn the button that was pressed to Cancel, and keep the other one from being pressed."""
        what = self.loading.what
        no_study = _("Wait until the scene is ready") if self.context.parameters is None else ""
        texts = {
            "study": (self.ui.openStudyButton, _("Open study folder…"), self._open_tip()),
            "phantom": (
                self.ui.loadDemoButton,
                _("Load demo exam"),
                _("Make a phantom exam with a known lesion, to try the panel; needs no network"),
            ),
        }
        for action, (button, text, tip) in texts.items():
            button.setText(_("Cancel") if what == action else text)
            if what == action:
                enable(button, _("Stop loading; the scene stays as it is"))
            else:
                enable(button, tip, no_study or (_("Another exam is being loaded: wait, or cancel it") if what else ""))
        self.ui.progressWidget.setVisible(bool(what))

    @staticmethod
    def _open_tip() -> str:
        return _("Read a folder with a study: DICOM files, NIfTI files or an exam folder. Patient names are left out.")

    def _show_progress(self, fraction: float | None, text: str) -> None:
        bar = self.ui.studyProgressBar
        bar.setRange(0, 0 if fraction is None else 100)
        bar.setValue(0 if fraction is None else round(100 * fraction))
        self.ui.studyProgressLabel.setText(text)

    def _notes(self) -> tuple[str, ...]:
        parameters = self.context.parameters
        if parameters is None:
            return ()
        sequence, t1, t2 = parameters.dceSequence, parameters.t1Volume, parameters.t2Volume
        owner = sequence or t1 or t2
        return exam_notes(
            facts.read_json(owner, facts.WARNINGS, []) if owner is not None else (),
            self._rows,
            facts.contrast_of(t1) if t1 is not None else None,
            t1 is not None and t1 is t2,
            owner is not None and owner.GetAttribute(facts.SYNTHETIC) == "1",
        )

    def _show_notes(self) -> None:
        notes, box = self._notes(), self.ui.examNotesList
        box.clear()
        icon = box.style().standardIcon(qt.QStyle.SP_MessageBoxInformation)
        for note in notes:
            item = qt.QListWidgetItem(icon, note)
            item.setToolTip(note)
            box.addItem(item)
        box.setVisible(bool(notes))
        line = box.fontMetrics().lineSpacing()
        box.setFixedHeight(min(_NOTES_HEIGHT_LINES, 2 * len(notes)) * line + 8)

    # ---------------------------------------------------------------- following

    def _follow_series(self) -> None:
        """Have a browser for the chosen sequence, and hear when either changes."""
        self._unobserve(self._series_observed)
        parameters = self.context.parameters
        if parameters is None:
            return
        sequence = parameters.dceSequence
        browser = browser_of(sequence) if sequence is not None else None
        if parameters.dceBrowser is not browser:
            parameters.dceBrowser = browser
        for node in filter(None, (sequence, browser)):
            self._observe(self._series_observed, node, vtk.vtkCommand.ModifiedEvent, self.refresh)

    def _tell_changes(self, is_new_study: bool) -> None:
        parameters = self.context.parameters
        nodes = (parameters.dceSequence, parameters.t1Volume, parameters.t2Volume)
        ids = tuple(node.GetID() if node is not None else None for node in nodes)
        before, self._seen = self._seen, (ids, self._rows, parameters.usedPhase)
        if is_new_study or before == self._seen:
            return
        if before[0][0] != ids[0] and self._rows:
            # Another series: a phase number chosen for the last one means nothing here.
            parameters.usedPhase = -1
            self._seen = (ids, self._rows, -1)
            views.set_windows(parameters)
        self.context.exam_changed.emit()

    def _node_removed(self) -> None:
        discard_orphans()
        self.refresh()

    def _connect_widgets(self) -> None:
        guarded = self.context.guarded
        self.ui.openStudyButton.clicked.connect(guarded(self.open_study))
        self.ui.loadDemoButton.clicked.connect(guarded(self.load_demo))
        self.ui.phaseUpButton.clicked.connect(guarded(lambda: self._move(-1)))
        self.ui.phaseDownButton.clicked.connect(guarded(lambda: self._move(1)))
        self.ui.setPreButton.clicked.connect(guarded(self._set_pre))
        self.ui.linkViewsCheckBox.toggled.connect(lambda linked: views.link_views(linked))
        self.phases.phase_selected.connect(self._show_phase)
        self.phases.phase_used.connect(self._use_phase)
        self.phases.time_edited.connect(self._set_time)
        self.loading.changed.connect(self._show_loading)
        self.loading.progressed.connect(self._show_progress)
        self._fill.phases_found.connect(self._volumes.propose)
        self.context.bundle_changed.connect(self.refresh)

    def _observe(self, kept: list[tuple[Any, int]], subject: Any, event: int, receiver: Callable[[], None]) -> None:
        kept.append((subject, subject.AddObserver(event, self.context.guarded(receiver))))

    @staticmethod
    def _unobserve(kept: list[tuple[Any, int]]) -> None:
        for subject, tag in kept:
            subject.RemoveObserver(tag)
        kept.clear()
