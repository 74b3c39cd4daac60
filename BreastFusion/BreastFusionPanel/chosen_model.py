"""What the model that is chosen on this machine wants to see, for sections other than the one that chooses it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from BreastFusionLib.errors import InputError
from BreastFusionLib.reading.bundle import read_bundle_header

if TYPE_CHECKING:
    from BreastFusionLib.reading.recipe import InputsSpec

    from .settings import MachineSettings

__all__ = ["ChosenModel"]


class ChosenModel:
    """Looks into the bundle of the settings; a new one is read once."""

    def __init__(self, settings: MachineSettings) -> None:
        self._settings = settings
        self._folder = ""
        self._inputs: InputsSpec | None = None

    @property
    def inputs(self) -> InputsSpec | None:
        """What it sees; None where none is chosen or it cannot be read: section 4 says why."""
        folder = self._settings.bundle_folder
        if folder != self._folder:
            self._folder = folder
            self._inputs = _inputs(folder)
        return self._inputs


def _inputs(folder: str) -> InputsSpec | None:
    if not folder or not Path(folder).is_dir():
        return None
    try:
        return read_bundle_header(folder).recipe.inputs
    except InputError:
        return None
