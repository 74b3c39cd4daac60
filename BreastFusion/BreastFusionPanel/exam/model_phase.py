"""Which phase of the DCE series the chosen model reads, when the user chooses none."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from slicer.i18n import tr as _

from BreastFusionLib.errors import InputError
from BreastFusionLib.reading.bundle import read_bundle_header
from BreastFusionLib.reading.recipe import InputsSpec

if TYPE_CHECKING:
    from ..settings import MachineSettings

__all__ = ["ModelPhase"]


class ModelPhase:
    """Looks into the bundle that is chosen on this machine; a new one is read once."""

    def __init__(self, settings: MachineSettings) -> None:
        self._settings = settings
        self._folder = ""
        self._dce_phase: int | None = None

    @property
    def word(self) -> str:
        """What stands beside that phase: 'model', or 'usual' as long as no model is chosen."""
        return _("model") if self._of_bundle() is not None else _("usual")

    def number(self, phase_count: int) -> int:
        """Return the phase's number in a series; a series that is too short gives its last one, as a reading does.

        Args:
            phase_count: with the one before contrast; -1 is returned when there is no other.
        """
        if phase_count < 2:
            return -1
        own = self._of_bundle()
        return min(InputsSpec().dce_phase if own is None else own, phase_count - 1)

    def _of_bundle(self) -> int | None:
        folder = self._settings.bundle_folder
        if folder != self._folder:
            self._folder = folder
            self._dce_phase = _dce_phase(folder)
        return self._dce_phase


def _dce_phase(folder: str) -> int | None:
    """Return the phase that a bundle wants; None for a bundle that cannot be read: section 4 says why."""
    if not folder or not Path(folder).is_dir():
        return None
    try:
        return read_bundle_header(folder).recipe.inputs.dce_phase
    except InputError:
        return None
