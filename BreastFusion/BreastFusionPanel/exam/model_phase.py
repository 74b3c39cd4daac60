"""Which phase of the DCE series the chosen model reads, when the user chooses none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from slicer.i18n import tr as _

from BreastFusionLib.reading.recipe import InputsSpec

if TYPE_CHECKING:
    from ..chosen_model import ChosenModel

__all__ = ["ModelPhase"]


class ModelPhase:
    """Asks the model that is chosen on this machine."""

    def __init__(self, model: ChosenModel) -> None:
        self._model = model

    @property
    def word(self) -> str:
        """What stands beside that phase: 'model', or 'usual' as long as no model is chosen."""
        return _("model") if self._model.inputs is not None else _("usual")

    def number(self, phase_count: int) -> int:
        """Return the phase's number in a series; a series that is too short gives its last one, as a reading does.

        Args:
            phase_count: with the one before contrast; -1 is returned when there is no other.
        """
        if phase_count < 2:
            return -1
        inputs = self._model.inputs or InputsSpec()
        return min(inputs.dce_phase, phase_count - 1)
