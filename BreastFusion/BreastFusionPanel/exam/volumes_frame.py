"""What 'From volumes…' unfolds: a list of the scene's volumes and the button that makes them one DCE series."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import slicer
from slicer.i18n import tr as _

from ..bridge.clinical_values import hand_on_clinical
from ..bridge.exam_guess import guess_exam
from ..bridge.sequences import sequence_of_volumes
from ..display.dce_images import is_made, shown_phase
from ..widgets.enabling import enable
from .volume_picker import VolumePicker

if TYPE_CHECKING:
    from ..bridge.exam_guess import Guess
    from ..context import PanelContext

__all__ = ["VolumesFrame"]


class VolumesFrame:
    """Folded away until it is asked for, or until volumes of the scene look like the phases of a series."""

    def __init__(self, ui: Any, context: PanelContext) -> None:
        self._ui, self._context = ui, context
        self._picker = VolumePicker(ui.volumesTable, context)
        self._picker.changed.connect(self.refresh)
        ui.volumesFrame.setVisible(False)
        ui.fromVolumesButton.toggled.connect(self._fold)
        ui.makeSeriesButton.clicked.connect(context.guarded(self.make_series))

    def propose(self, guess: Guess) -> None:
        """Unfold the list with volumes that look like phases, and say so."""
        self._ui.fromVolumesButton.setChecked(True)
        self._offer(guess)
        self._context.say(
            _("{count} volumes of the scene look like phases of a DCE series: check them and their times.").format(
                count=len(guess.dce_volumes)
            )
        )

    def refresh(self) -> None:
        """Say what can be done now."""
        volumes = _volumes(self._context.parameters)
        missing = "" if len(volumes) > 1 else _("Load at least two volumes first: one before and one after contrast")
        enable(
            self._ui.fromVolumesButton,
            _("Put a DCE series together from volumes of the scene"),
            "" if self._ui.fromVolumesButton.checked else missing,
        )
        enable(
            self._ui.makeSeriesButton,
            _("Make one DCE series of the ticked volumes; they stay in the scene"),
            self._picker.problem(),
        )

    def make_series(self) -> None:
        """Make a sequence of the ticked volumes, and choose it."""
        volumes, times_s = self._picker.chosen()
        sequence = sequence_of_volumes(volumes, times_s, _("DCE"))
        self._ui.fromVolumesButton.setChecked(False)
        self._context.say("")
        hand_on_clinical(self._context.parameters.dceSequence, sequence)
        self._context.parameters.dceSequence = sequence

    def _fold(self, *_args: object) -> None:
        is_open = self._ui.fromVolumesButton.checked
        self._ui.volumesFrame.setVisible(is_open)
        if is_open:
            self._ui.phasesWidget.setVisible(True)
        with self._context.guard():
            if is_open:
                self._offer(guess_exam(slicer.mrmlScene))
            self.refresh()

    def _offer(self, guess: Guess) -> None:
        phases = tuple(guess.dce_volumes)
        others = [volume for volume in _volumes(self._context.parameters) if volume not in phases]
        self._picker.offer(phases, guess.times_s or [None] * len(phases), others)
        self.refresh()


def _volumes(parameters: Any) -> list[Any]:
    """Return the scene's volumes that may be phases: none that we made ourselves, nor what shows a series."""
    if parameters is None:
        return []
    shown = shown_phase(parameters)
    return [
        node
        for node in slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode")
        if node.GetClassName() == "vtkMRMLScalarVolumeNode" and node is not shown and not is_made(node)
    ]
