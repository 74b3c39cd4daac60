"""What belongs to this machine and not to the study: kept in the application's settings."""

from __future__ import annotations

import slicer

__all__ = ["MachineSettings"]

PREFIX = "BreastFusion/"


class MachineSettings:
    """Model folder, device and the studies' folder, remembered from one start of the application to the next."""

    @property
    def bundle_folder(self) -> str:
        """Folder of the bundle that was chosen last; empty when none was."""
        return self._value("bundleFolder", "")

    @bundle_folder.setter
    def bundle_folder(self, folder: str) -> None:
        self._set("bundleFolder", folder)

    @property
    def device(self) -> str:
        """'auto', 'cpu' or 'cuda', as the library's `choose_device` takes it."""
        return self._value("device", "auto")

    @device.setter
    def device(self, device: str) -> None:
        self._set("device", device)

    @property
    def studies_folder(self) -> str:
        """Folder in which the study lies that was opened last; empty when none was."""
        return self._value("studiesFolder", "")

    @studies_folder.setter
    def studies_folder(self, folder: str) -> None:
        self._set("studiesFolder", folder)

    def _value(self, key: str, default: str) -> str:
        return str(slicer.app.userSettings().value(PREFIX + key, default) or default)

    def _set(self, key: str, value: str) -> None:
        slicer.app.userSettings().setValue(PREFIX + key, value)
