"""One reading, from the click to a result that still belongs to what is on screen."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from slicer.i18n import tr as _

from BreastFusionLib.reading.clinical import table_columns

from ..bridge.clinical_values import clinical_row
from ..bridge.reading_nodes import reading_basis
from ..bridge.segments import lesion_ids
from ..process.reading_request import ScaleCache, submit_reading
from ..process.steps import Steps

if TYPE_CHECKING:
    from BreastFusionLib.reading.bundle import BundleHeader

    from ..context import PanelContext
    from ..parameters import BreastFusionParameterNode
    from ..process.worker_request import Progress, Request, WorkerError

__all__ = ["ClassifyRun", "Question"]


@dataclass(frozen=True)
class Question:
    """What is read: an answer to another question must not be shown.

    Attributes:
        scene_node: the parameter node in the scene.
        segment_id: the lesion.
        basis: outline and exam as they were at the click.
        clinical: the clinical columns that the model looks at, with their values at the click.
    """

    scene_node: Any
    segment_id: str
    basis: str
    clinical: Mapping[str, Any]

    @classmethod
    def of(cls, parameters: BreastFusionParameterNode, segment_id: str, columns: Iterable[str]) -> Question:
        """Return the question that a click asks now; the model looks at these clinical columns."""
        basis = reading_basis(parameters, segment_id)
        return cls(parameters.parameterNode, segment_id, basis, clinical_row(parameters, columns))

    def what_changed(self, parameters: BreastFusionParameterNode | None) -> str:
        """Return in a sentence why an answer is of no use any more; empty while it is."""
        if parameters is None or parameters.parameterNode is not self.scene_node:
            return _("The scene was closed while a lesion was being read: the result was dropped.")
        if self.segment_id not in lesion_ids(parameters):
            return _("The lesion was deleted while it was being read: the result was dropped.")
        if reading_basis(parameters, self.segment_id) != self.basis:
            return _("The outline or the exam changed during the reading: the result was dropped. Classify again.")
        if clinical_row(parameters, self.clinical) != self.clinical:
            return _("A clinical value changed during the reading: the result was dropped. Classify again.")
        return ""


class ClassifyRun:
    """A reading that is under way; it ends exactly once.

    Attributes:
        question: what is read.
        bundle: folder of the model.
        device: as wanted.
        is_open: it has not ended.
        text: what it is busy with, in words.
        fraction: 0..1; None when nobody knows.
    """

    def __init__(
        self,
        context: PanelContext,
        header: BundleHeader,
        device: str,
        scales: ScaleCache,
        on_progress: Callable[[], None],
        on_finished: Callable[[Mapping[str, Any]], Iterator[None]],
        on_ended: Callable[[WorkerError | None], None],
    ) -> None:
        """Begin to read the selected lesion.

        Args:
            context: the panel's.
            header: of the model.
            device: 'auto', 'cpu' or 'cuda'.
            scales: what was measured of the volumes before.
            on_progress: called when `text` and `fraction` are new.
            on_finished: takes the worker's result and keeps it, in steps between events; comes before `on_ended`, and
                goes on only while the question stands.
            on_ended: takes the error, or None; comes last.

        Raises:
            InputError: the exam or the lesion cannot be read.
        """
        parameters = context.parameters
        assert parameters is not None
        self._context = context
        self._on_progress, self._on_finished, self._on_ended = on_progress, on_finished, on_ended
        columns = table_columns(header.recipe.inputs)
        self.question = Question.of(parameters, parameters.selectedLesion, columns)
        self.bundle, self.device = str(header.folder), device
        self.is_open, self.text, self.fraction = True, _("Preparing the lesion"), None
        self._keeping: Steps | None = None
        self._request: Request = submit_reading(
            context.worker,
            parameters,
            self.question.segment_id,
            header,
            device,
            on_finished=self._finished,
            on_error=self._failed,
            on_progress=self._progress,
            scales=scales,
            clinical=self.question.clinical,
        )

    @property
    def case_folder(self) -> str:
        """Transfer folder of the case, for further requests; empty before it was written."""
        return str(self._request.arguments.get("case", ""))

    def cancel(self) -> None:
        """End it; nothing of it is kept."""
        self._request.cancel()
        if self.is_open:  # the answer was there, and was just being kept
            self._end(None)

    def abandon_if_useless(self) -> None:
        """End it when its question is no longer the one on screen; the sentence says why."""
        changed = self.question.what_changed(self._context.parameters) if self.is_open else ""
        if changed:
            self._end(None)
            # What is being computed may come to its end unheard: ending the process would cost the warm model.
            if not self._request.is_prepared:
                self._request.cancel()
            self._context.say(changed)

    def _progress(self, progress: Progress) -> None:
        if self.is_open:
            with self._context.guard():
                self.text, self.fraction = progress.text, progress.fraction
                self._on_progress()

    def _finished(self, result: Mapping[str, Any]) -> None:
        self.abandon_if_useless()
        if self.is_open:
            self._keeping = Steps(self._keep(result), on_done=lambda _value: self._end(None), on_error=self._not_kept)

    def _keep(self, result: Mapping[str, Any]) -> Iterator[None]:
        for _step in self._on_finished(result):
            yield
            self.abandon_if_useless()
            if not self.is_open:
                return

    def _not_kept(self, error: Exception) -> None:
        self._context.say_error(error)
        self._end(None)

    def _failed(self, error: WorkerError) -> None:
        self._end(error)

    def _end(self, error: WorkerError | None) -> None:
        if not self.is_open:
            return
        self.is_open = False
        if self._keeping is not None:
            self._keeping.stop()
        with self._context.guard():
            self._on_ended(error)
