"""Section 3: the lesion on T1 and T2, by geometry as soon as its outline changes, by registration on a button."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from slicer.i18n import tr as _

from BreastFusionLib.errors import InputError
from BreastFusionLib.lesion import Lesion, MappedLesion, map_part
from BreastFusionLib.service.transfer import read_mapped

from ..bridge.exam_nodes import exam_of, has_exam
from ..bridge.labelmaps import lesion_digest, lesion_part
from ..bridge.mapped_segments import (
    FROM_OUTLINE,
    follow_lesions,
    mapped_method,
    mapped_part,
    remove_mapped,
    show_mapped,
)
from ..bridge.segments import lesion_ids
from ..display import views
from ..section import Section
from .map_row import MapRow
from .refinement import submit_refinement

if TYPE_CHECKING:
    from ..context import PanelContext
    from ..process.worker_request import Progress, Request, WorkerError

__all__ = ["MapSection"]

SEQUENCES = ("t1", "t2")


@dataclass
class Running:
    """A registration under way, from which outline, and how far it is."""

    digest: str
    request: Request | None = None
    text: str = ""


class MapSection(Section):
    """Keeps the lesions on T1 and T2 in step with those on the DCE series.

    Attributes:
        rows: sequence -> its widgets.
    """

    UI = "Map"

    def __init__(self, context: PanelContext) -> None:
        super().__init__(context)
        self.rows = {sequence: MapRow(sequence, self.ui) for sequence in SEQUENCES}
        self._problems: dict[tuple[str, str], str] = {}  # (lesion, sequence) -> why it is not mapped
        self._targets: dict[str, Any] = {}
        self._targets_of: Any = None
        self._running: dict[tuple[str, str], Running] = {}
        for sequence, row in self.rows.items():
            row.button.clicked.connect(context.guarded(lambda sequence=sequence: self._on_button(sequence)))
        context.lesion_changed.connect(self._on_lesion_changed)
        context.exam_changed.connect(self._map_all)
        context.lesion_selected.connect(self._on_lesion_selected)

    def connect_parameters(self) -> None:
        """Map what is not mapped yet in the (new) study."""
        super().connect_parameters()
        self._map_all()

    def disconnect_parameters(self) -> None:
        """Let go of the study."""
        super().disconnect_parameters()
        for key in tuple(self._running):
            self._cancel(*key)
        self._problems.clear()
        self._targets.clear()

    def refresh(self) -> None:
        """Show where the selected lesion lies on each sequence."""
        for sequence, row in self.rows.items():
            with self.context.guard():
                self._show_row(sequence, row)

    # By geometry, by itself

    def _on_lesion_selected(self) -> None:
        with self.context.guard():
            follow_lesions(self.context.parameters)
        self.refresh()

    def _on_lesion_changed(self, segment_id: str) -> None:
        self._map(segment_id)
        self.refresh()

    def _map_all(self) -> None:
        with self.context.guard():
            self._forget_other_targets()
        if has_exam(self.context.parameters):
            for segment_id in lesion_ids(self.context.parameters):
                self._map(segment_id)
        self.refresh()

    def _forget_other_targets(self) -> None:
        """Take away what was mapped to a series that is chosen no more: a registration was made with its pixels."""
        parameters = self.context.parameters
        self._problems.clear()
        targets = {sequence: self._target(sequence) for sequence in SEQUENCES}
        lesions = getattr(parameters, "segmentation", None)
        # Lesions of another series were mapped to the T1 and T2 that came with them.
        kept, self._targets_of = self._targets if self._targets_of is lesions else {}, lesions
        for sequence, before in kept.items():
            if before is not None and before is not targets[sequence]:
                for segment_id in lesion_ids(parameters):
                    remove_mapped(parameters, segment_id, sequence)
        self._targets = targets

    def _map(self, segment_id: str) -> None:
        """Map a lesion by geometry to every sequence on which it is not mapped as it is now."""
        parameters = self.context.parameters
        with self.context.guard():
            stale = [s for s in SEQUENCES if self._target(s) and mapped_part(parameters, segment_id, s) is None]
            if stale:
                self._map_to(segment_id, *stale)
                self.context.mapping_changed.emit(segment_id)

    def _map_to(self, segment_id: str, *sequences: str) -> None:
        """Map a lesion by geometry, whatever it was mapped by before."""
        parameters = self.context.parameters
        for sequence in sequences:
            self._cancel(segment_id, sequence)
            self._problems.pop((segment_id, sequence), None)
            remove_mapped(parameters, segment_id, sequence)
        exam = exam_of(parameters)
        found = lesion_part(parameters.segmentation, segment_id, exam.dce.grid)
        if found is None:
            return
        _box, mask = found
        for sequence in sequences:
            try:
                show_mapped(parameters, segment_id, map_part(Lesion(mask), exam, sequence))
            except InputError as error:
                self._problems[segment_id, sequence] = str(error)
        views.show_outlines(parameters)

    # By registration, on a button

    def _on_button(self, sequence: str) -> None:
        parameters = self.context.parameters
        segment_id = parameters.selectedLesion
        if (segment_id, sequence) in self._running:
            self._cancel(segment_id, sequence)
        elif mapped_method(parameters, segment_id, sequence) in FROM_OUTLINE:
            self._refine(segment_id, sequence)
        else:
            self._map_to(segment_id, sequence)
            self._tell(segment_id)

    def _refine(self, segment_id: str, sequence: str) -> None:
        key = segment_id, sequence
        run = Running(lesion_digest(self.context.parameters.segmentation, segment_id))

        def progressed(progress: Progress) -> None:
            run.text = progress.text
            self.refresh()

        def failed(error: WorkerError) -> None:
            self._running.pop(key, None)
            if error.kind != "cancelled":
                self.context.say(error.text, error.details)
            self.refresh()

        def finished(result: Mapping[str, Any]) -> None:
            self._running.pop(key, None)
            with self.context.guard():
                self._take(segment_id, run, read_mapped(result))
            self._tell(segment_id)

        self._running[key] = run
        run.request = submit_refinement(
            self.context.worker, self.context.parameters, segment_id, sequence, finished, failed, progressed
        )
        self.refresh()

    def _take(self, segment_id: str, run: Running, mapped: MappedLesion) -> None:
        """Show a registered lesion, unless its outline changed while it was registered."""
        if lesion_digest(self.context.parameters.segmentation, segment_id) == run.digest:
            show_mapped(self.context.parameters, segment_id, mapped)
            views.show_outlines(self.context.parameters)

    def _cancel(self, *key: str) -> None:
        """End the registration of a lesion to a sequence, if there is one."""
        if key in self._running:
            self._running[key].request.cancel()

    def _tell(self, segment_id: str) -> None:
        self.refresh()
        self.context.mapping_changed.emit(segment_id)

    # What is shown

    def _show_row(self, sequence: str, row: MapRow) -> None:
        parameters = self.context.parameters
        name = sequence.upper()
        segment_id = parameters.selectedLesion if has_exam(parameters) else ""
        run = self._running.get((segment_id, sequence))
        if not has_exam(parameters):
            row.show_absent(_("Choose the DCE series in section 1 first"))
        elif self._target(sequence) is None:
            row.show_absent(_("This exam has no {sequence}; the reading will say so").format(sequence=name))
        elif not segment_id:
            row.show_absent(_("Outline a lesion in section 2 first"))
        elif not lesion_digest(parameters.segmentation, segment_id):
            row.show_absent(_("Nothing is drawn yet"))
        elif run is not None:
            row.show_running(run.text)
        elif (segment_id, sequence) in self._problems:
            row.show_problem(self._problems[segment_id, sequence])
        elif (mapped := mapped_part(parameters, segment_id, sequence)) is not None:
            row.show_mapped(mapped)
        else:
            row.show_absent(_("The lesion is not mapped yet"))

    def _target(self, sequence: str) -> Any:
        """Return the volume of a sequence; None when the exam has none."""
        return getattr(self.context.parameters, f"{sequence}Volume", None)
