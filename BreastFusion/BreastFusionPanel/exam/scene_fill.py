"""DCE, T1 and T2 are filled in from what is in the scene, and never against the user's will."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import qt
import slicer

from ..bridge.exam_guess import guess_exam
from ..bridge.facts import pseudonym_in
from ..signals import Signal

if TYPE_CHECKING:
    from ..context import PanelContext

__all__ = ["SceneFill"]

# Loading a study adds nodes one by one, named and filled a moment later.
_SETTLE_MS = 300

_FIELDS = {"dceSequence": "dce", "t1Volume": "t1", "t2Volume": "t2"}


class SceneFill:
    """Fills empty fields of the study, once for each node: what a user took out of a field is not put back.

    Attributes:
        phases_found: (Guess) there is no DCE series, but volumes that look like its phases.
        is_active: whether anything is filled in; while another module is open nothing is.
    """

    def __init__(self, context: PanelContext) -> None:
        self.phases_found = Signal()
        self.is_active = False
        self._context = context
        self._offered: set[str] = set()
        self._timer = qt.QTimer()
        self._timer.setSingleShot(True)
        self._timer.setInterval(_SETTLE_MS)
        self._timer.timeout.connect(context.guarded(self.fill))

    def start_with(self) -> None:
        """Take a scene as it is: where a study was chosen before, its empty fields were meant to be empty."""
        self._offered.clear()
        parameters = self._context.parameters
        if parameters is not None and parameters.dceSequence is not None:
            self._offered |= {node.GetID() for node in _candidates()}

    def note_fields(self) -> None:
        """Remember what the fields hold: taken out again, it is not put back."""
        parameters = self._context.parameters
        if parameters is not None:
            self._offered |= {node.GetID() for field in _FIELDS if (node := getattr(parameters, field)) is not None}

    def schedule(self) -> None:
        """Fill soon, when no more nodes come."""
        if self.is_active:
            self._timer.start()

    def stop(self) -> None:
        """Forget what was scheduled."""
        self._timer.stop()

    def follow_patient(self) -> None:
        """The DCE series is another one: T1 and T2 of another patient go, and those of its patient come."""
        parameters, patient = self._context.parameters, self._patient()
        if not patient:
            return
        guess = guess_exam(slicer.mrmlScene, patient)
        for field in ("t1Volume", "t2Volume"):
            before, found = getattr(parameters, field), getattr(guess, _FIELDS[field])
            if before is None or pseudonym_in(before) not in ("", patient):
                setattr(parameters, field, found if found is not None and pseudonym_in(found) == patient else None)

    def _patient(self) -> str:
        """Return the pseudonym of the chosen series; empty when it is not known."""
        sequence = self._context.parameters.dceSequence
        return "" if sequence is None else pseudonym_in(sequence)

    def fill(self) -> None:
        """Fill empty fields now."""
        self._timer.stop()
        parameters, scene = self._context.parameters, slicer.mrmlScene
        if parameters is None or scene.IsBatchProcessing() or scene.IsClosing() or scene.IsImporting():
            return
        self.note_fields()
        empty = [field for field in _FIELDS if getattr(parameters, field) is None]
        new_ids = {node.GetID() for node in _candidates()} - self._offered
        self._offered |= new_ids
        if not (empty and new_ids):
            return
        guess = guess_exam(scene, self._patient())
        for field in empty:
            node = getattr(guess, _FIELDS[field])
            if node is not None and node.GetID() in new_ids:
                setattr(parameters, field, node)
        if parameters.dceSequence is None and new_ids & {volume.GetID() for volume in guess.dce_volumes}:
            self.phases_found.emit(guess)


def _candidates() -> list[Any]:
    return [
        node
        for kind in ("vtkMRMLSequenceNode", "vtkMRMLScalarVolumeNode")
        for node in slicer.util.getNodesByClass(kind)
    ]
