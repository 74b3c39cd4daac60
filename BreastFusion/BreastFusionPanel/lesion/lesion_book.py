"""What is known of each lesion, measured again only when its outline really is another one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from BreastFusionLib.errors import InputError
from BreastFusionLib.exam.model import Exam, Side

from ..bridge.exam_nodes import exam_of, has_exam
from ..bridge.labelmaps import lesion_digest, lesion_part
from ..bridge.segments import lesion_ids, lesion_side
from .lesion_measures import LesionMeasures, measure_part

if TYPE_CHECKING:
    from ..parameters import BreastFusionParameterNode

__all__ = ["Known", "LesionBook"]


@dataclass(frozen=True)
class Known:
    """One lesion.

    Attributes:
        digest: of the outline that was measured; empty when nothing is drawn.
        side: of the breast.
        measures: None while nothing is drawn, and when it cannot be measured.
        problem: the sentence that says why it cannot; empty when it can.
    """

    digest: str = ""
    side: Side = "unknown"
    measures: LesionMeasures | None = None
    problem: str = ""


class LesionBook:
    """Measurements of the lesions of one study."""

    def __init__(self) -> None:
        self._known: dict[str, Known] = {}

    def __getitem__(self, segment_id: str) -> Known:
        return self._known[segment_id]

    def get(self, segment_id: str) -> Known | None:
        """Return what is known of a lesion; None when there is no such lesion."""
        return self._known.get(segment_id)

    def forget(self) -> None:
        """Measure everything anew next time: the images are other ones."""
        self._known.clear()

    def list(self, ids: Iterable[str]) -> None:
        """Know these lesions, new ones as not drawn yet, and no others; nothing is measured."""
        self._known = {id_: self._known.get(id_, Known()) for id_ in ids}

    def update(self, parameters: BreastFusionParameterNode) -> tuple[str, ...]:
        """Measure what changed.

        Returns:
            IDs of the lesions whose outline is another one than before.
        """
        self.list(lesion_ids(parameters))
        digests = {id_: lesion_digest(parameters.segmentation, id_) for id_ in self._known}
        changed = tuple(id_ for id_, digest in digests.items() if digest != self._known[id_].digest)
        try:
            exam = exam_of(parameters) if changed and has_exam(parameters) else None
            self._known |= {id_: _measured(parameters, id_, digests[id_], exam) for id_ in changed}
        except InputError as error:  # of the exam: drawn they are all the same
            self._known |= {id_: Known(digests[id_], problem=str(error)) for id_ in changed}
        return changed

    def set_side(self, segment_id: str, side: Side) -> None:
        """The user says which breast it is."""
        self._known[segment_id] = replace(self._known[segment_id], side=side)


def _measured(parameters: BreastFusionParameterNode, segment_id: str, digest: str, exam: Exam | None) -> Known:
    if exam is None:
        return Known(digest)
    try:
        part = lesion_part(parameters.segmentation, segment_id, exam.dce.grid)
        if part is None:
            return Known(digest)
        box, mask = part
        measures = measure_part(mask, box, exam)
        side = lesion_side(parameters, segment_id, exam, measures.measurements.center_lps)
        return Known(digest, side, measures)
    except InputError as error:
        return Known(digest, problem=str(error))
