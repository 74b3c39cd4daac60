"""Section 1, Exam: where the study comes from, its DCE phases, T1 and T2, and what the views show of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import qt
import slicer
import vtk
from slicer.i18n import tr as _

from ..bridge import facts
from ..bridge.geometry import to_ras
from ..bridge.lesion_owner import follow_series, hide_other_lesions
from ..bridge.sequences import browser_of
from ..display import views
from ..display.dce_images import discard_orphans
from ..observers import Observers
from ..section import Section
from .dce_view_row import DceViewRow
from .exam_notes import exam_notes
from .phases_part import PhasesPart
from .scene_fill import SceneFill
from .study_row import StudyRow
from .volumes_frame import VolumesFrame

if TYPE_CHECKING:
    from ..context import PanelContext
    from .study_loading import StudyLoading

__all__ = ["ExamSection"]

_MOST_NOTE_LINES = 4
_NOTE_WIDTH_PX = 310  # of a line, in a panel 400 px wide


class ExamSection(Section):
    """Fills `parameters` with a study, and keeps table, views and notes in step with it."""

    UI = "Exam"

    def __init__(self, context: PanelContext) -> None:
        super().__init__(context)
        self._study = StudyRow(self.ui, context, self._added)
        self._phases = PhasesPart(self.ui, context)
        self._view_row = DceViewRow(self.ui, context)
        self._volumes = VolumesFrame(self.ui, context)
        self._fill = SceneFill(context)
        self._seen: tuple[Any, ...] = ()
        self._shown_notes: tuple[str, ...] | None = None
        self._is_refreshing = False
        self._series_observers = Observers(context)
        self._phases.wanted.connect(self._show_phase)
        self._fill.phases_found.connect(self._volumes.propose)
        self.ui.linkViewsCheckBox.toggled.connect(context.guarded(self._link_views))
        context.bundle_changed.connect(self.refresh)

    @property
    def loading(self) -> StudyLoading:
        """What reads studies in the child process."""
        return self._study.loading

    def connect_parameters(self) -> None:
        """Show a (new) study as it is; nobody is told that it changed, because everybody is handed it."""
        super().connect_parameters()
        parameters = self.context.parameters
        if parameters is None:
            self.loading.cancel()
            return
        scene = slicer.mrmlScene
        self.observers.add(parameters.parameterNode, vtk.vtkCommand.ModifiedEvent, self.refresh)
        self.observers.add(scene, scene.NodeRemovedEvent, self._node_removed)
        for event in (scene.NodeAddedEvent, scene.EndBatchProcessEvent, scene.EndImportEvent):
            self.observers.add(scene, event, self._fill.schedule)
        hide_other_lesions(parameters)
        self._fill.start_with()
        self._fill.schedule()

    def disconnect_parameters(self) -> None:
        """Forget the study."""
        super().disconnect_parameters()
        self._series_observers.remove_all()
        self._fill.stop()
        self._seen = ()

    def enter(self) -> None:
        """Fill in what the scene holds by now, and from now on what comes into it."""
        self._fill.is_active = True
        with self.context.guard():
            self._fill.fill()

    def exit(self) -> None:
        """Leave the study alone while another module is open."""
        self._fill.is_active = False
        self._fill.stop()

    def cleanup(self) -> None:
        """End what runs."""
        self.loading.cancel()
        self._fill.stop()

    def refresh(self) -> None:
        """Show the study, and tell the others when it became another one."""
        # Filling in what follows from a change changes the parameters again.
        if not self._is_refreshing:
            self._is_refreshing = True
            try:
                self._refresh()
            finally:
                self._is_refreshing = False

    def _refresh(self) -> None:
        is_new_study = not self._seen
        self._follow_series()
        if self._is_other_series():
            # A phase number that was chosen for the last series means nothing in this one.
            self.context.parameters.usedPhase = -1
            self._fill.follow_patient()
            self._phases.refresh()
            self.context.parameters.dceBrowser.SetSelectedItemNumber(self._phases.used)
        self._follow_lesions()
        self._phases.refresh()
        self._show_notes()
        self._study.refresh()
        self._volumes.refresh()
        self._fill.note_fields()
        self._tell_changes()
        # Last: it alone may find that the series cannot be shown.
        self._view_row.show(len(self._phases.rows), self._phases.used, is_new_study)

    def _added(self, result: Mapping[str, Any]) -> None:
        """A study was read and is in the scene: show it, and say what is to be said."""
        parameters = self.context.parameters
        if parameters.dceSequence is None:
            self.context.say(
                _("No DCE series was recognised: put one together with 'From volumes…', or open another study.")
            )
            return
        self._show_phase(self._phases.used)
        views.show_exam(parameters)
        if "lesion_center_lps" in result:
            center_ras = to_ras(result["lesion_center_lps"])
            views.jump_to(center_ras)
            views.mark_point(center_ras)
            self.context.say(
                _(
                    "Demo exam, made by a computer: no patient. The crosshair marks its lesion. Next: '+ From click' "
                    "in section 2, then click on the lesion."
                )
            )

    def _link_views(self) -> None:
        views.link_views(self.ui.linkViewsCheckBox.checked)

    def _show_phase(self, number: int) -> None:
        self._view_row.show_phase(number)
        self.refresh()

    def _follow_series(self) -> None:
        """Have a browser for the chosen series, and hear when either changes."""
        self._series_observers.remove_all()
        parameters = self.context.parameters
        if parameters is None:
            return
        sequence = parameters.dceSequence
        browser = browser_of(sequence) if sequence is not None else None
        if parameters.dceBrowser is not browser:
            parameters.dceBrowser = browser
        for node in filter(None, (sequence, browser)):
            self._series_observers.add(node, vtk.vtkCommand.ModifiedEvent, self.refresh)
        for volume in filter(None, (parameters.t1Volume, parameters.t2Volume)):
            # A volume that is moved is the same node, but the lesion lies elsewhere on it.
            self._series_observers.add(volume, volume.TransformModifiedEvent, self.context.exam_changed.emit)

    def _follow_lesions(self) -> None:
        """Show the lesions of the chosen series alone: those of another one must never be read on it."""
        if self.context.parameters is not None and follow_series(self.context.parameters):
            self.context.say(
                _("The lesions were drawn on another DCE series: they are put aside, and come back with that one.")
            )

    def _is_other_series(self) -> bool:
        sequence = self.context.parameters.dceSequence if self.context.parameters is not None else None
        return sequence is not None and bool(self._seen) and self._seen[0][0] != sequence.GetID()

    def _tell_changes(self) -> None:
        parameters = self.context.parameters
        if parameters is None:
            return
        ids = tuple(map(_id, (parameters.dceSequence, parameters.t1Volume, parameters.t2Volume)))
        before, self._seen = self._seen, (ids, self._phases.rows, parameters.usedPhase)
        if before and before != self._seen:
            self.context.exam_changed.emit()

    def _notes(self) -> tuple[str, ...]:
        parameters = self.context.parameters
        if parameters is None:
            return ()
        sequence, t1, t2 = parameters.dceSequence, parameters.t1Volume, parameters.t2Volume
        owner = sequence or t1 or t2
        return exam_notes(
            facts.read_json(owner, facts.WARNINGS, []) if owner is not None else (),
            self._phases.rows,
            facts.contrast_of(t1) if t1 is not None else None,
            t1 is not None and t1 is t2,
            owner is not None and facts.is_synthetic(sequence, t1, t2),
        )

    def _show_notes(self) -> None:
        parameters, notes, box = self.context.parameters, self._notes(), self.ui.examNotesList
        lacks_one = self._phases.rows and (parameters.t1Volume is None or parameters.t2Volume is None)
        self.ui.missingSequenceLabel.setVisible(bool(lacks_one))
        if notes == self._shown_notes:
            return
        self._shown_notes = notes
        box.clear()
        icon = box.style().standardIcon(qt.QStyle.SP_MessageBoxInformation)
        for note in notes:
            item = qt.QListWidgetItem(icon, note)
            item.setToolTip(note)
            box.addItem(item)
        box.setVisible(bool(notes))
        metrics = box.fontMetrics()
        lines = sum(1 + (metrics.boundingRect(note).width() > _NOTE_WIDTH_PX) for note in notes)
        box.setFixedHeight(min(_MOST_NOTE_LINES, lines) * metrics.lineSpacing() + 8)

    def _node_removed(self) -> None:
        discard_orphans()
        self.refresh()


def _id(node: Any) -> str | None:
    return None if node is None else node.GetID()
