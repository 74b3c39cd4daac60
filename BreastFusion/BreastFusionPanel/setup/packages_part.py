"""What is installed, which device really works, and the one button that installs what is missing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import slicer
from slicer.i18n import tr as _

import BreastFusionLib

from ..widgets.enabling import enable
from ..widgets.table_parts import fit_height, prepare_table, table_item
from .dependencies import Status, describe, statuses
from .installation import install_missing

if TYPE_CHECKING:
    from ..context import PanelContext
    from ..process.worker_request import WorkerError

__all__ = ["PackagesPart", "device_lines"]

_READING = ("torch", "torchvision", "safetensors")


class PackagesPart:
    """The table of packages with its buttons.

    Attributes:
        statuses: what was found when it was last looked.
        info: what the process that computes said of itself; None before it was asked.
    """

    def __init__(self, context: PanelContext, ui: Any) -> None:
        self.context, self.ui = context, ui
        self.statuses: tuple[Status, ...] = ()
        self.info: Mapping[str, Any] | None = None
        table = ui.packagesTable
        table.setColumnCount(3)
        table.setHorizontalHeaderLabels([_("package"), _("installed"), _("needed for")])
        prepare_table(table, 1)
        ui.installButton.clicked.connect(context.guarded(self._install))
        ui.checkButton.clicked.connect(context.guarded(self.check))
        ui.copyDetailsButton.clicked.connect(context.guarded(self._copy))
        context.environment_changed.connect(self._on_environment_changed)
        context.worker.ready.connect(self._on_ready)

    @property
    def can_read(self) -> bool:
        """Whether everything is there that every reading needs."""
        return all(one.usable for one in self.statuses if one.package.module in _READING)

    def look(self) -> None:
        """Look what is installed; imports nothing and starts nothing."""
        self.statuses = statuses()
        self._show()

    def check(self) -> None:
        """Look again, and have the process that computes try out devices and radiomics."""
        self.look()
        self.ui.deviceLabel.setText(_("Trying out the devices…"))
        self.context.worker.request("info", {}, self._on_info, self._on_error)

    def _install(self) -> None:
        def consent(question: str) -> bool:
            if not slicer.util.confirmOkCancelDisplay(question, windowTitle=_("BreastFusion: install packages")):
                return False
            # Files that a running process has open cannot be replaced on Windows.
            self.context.worker.stop(tell=True)
            return True

        outcome = install_missing(consent)
        if outcome.refused:
            return
        self.context.environment_changed.emit()
        self.context.say(" ".join(outcome.sentences) or _("Everything that was missing is installed."))

    def _on_environment_changed(self) -> None:
        self.info = None
        self.look()

    def _on_ready(self, _versions: Mapping[str, Any]) -> None:
        # The process runs anyway and has what it takes: asking costs nothing, and nobody who never looks here pays.
        if not self.ui.setupCollapsibleButton.collapsed and self.info is None:
            self.context.worker.request("info", {}, self._on_info, self._on_error)

    def _on_info(self, info: Mapping[str, Any]) -> None:
        with self.context.guard():
            self.info = info
            self._show()

    def _on_error(self, error: WorkerError) -> None:
        with self.context.guard():
            self._show()
            if error.kind != "cancelled":
                self.ui.deviceLabel.setText(error.text)
                self.context.say(error.text, error.details)

    def _show(self) -> None:
        self._fill_table()
        missing = [one.package.name for one in self.statuses if not one.usable]
        self.ui.setupSummaryLabel.setText(self._summary(missing))
        enable(
            self.ui.installButton,
            _("Install {names}; asks first. What Slicer itself runs on is left as it is.").format(
                names=", ".join(missing)
            ),
            "" if missing else _("Nothing is missing: everything that BreastFusion uses is installed."),
        )
        self.ui.deviceLabel.setText("\n".join(device_lines(self.info)))

    def _summary(self, missing: list[str]) -> str:
        if not missing:
            return _("Everything is installed.")
        if self.can_read:
            return _("Missing: {names}. Reading works; what needs these packages says so.").format(
                names=", ".join(missing)
            )
        return _(
            "Missing: {names}. Exams can be loaded, and lesions outlined, mapped and their curves measured; to "
            "classify a lesion, install what is missing."
        ).format(names=", ".join(missing))

    def _fill_table(self) -> None:
        table = self.ui.packagesTable
        table.setRowCount(len(self.statuses))
        for row, one in enumerate(self.statuses):
            words = self._words(one)
            for column, text in enumerate((one.package.name, words, one.package.needed_for)):
                table.setItem(row, column, table_item(text, f"{one.package.name}: {words}"))
        fit_height(table, len(self.statuses))

    def _words(self, one: Status) -> str:
        """Return what is installed, or that it does not work although it is."""
        if one.package.module == "radiomics" and one.usable and self.info is not None and not self.info["radiomics"]:
            return _("{found}, cannot be imported").format(found=one.words)
        return one.words

    def _copy(self) -> None:
        versions = (self.info or {}).get("versions") or {}
        parts = (
            f"BreastFusion {BreastFusionLib.__version__}",
            f"{slicer.app.applicationName} {slicer.app.majorVersion}.{slicer.app.minorVersion}",
            describe(self.statuses),
            *device_lines(self.info),
            *(f"{name}: {version}" for name, version in versions.items()),
            "",
            *self.context.worker.last_lines,
        )
        slicer.app.clipboard().setText("\n".join(parts))


def device_lines(info: Mapping[str, Any] | None) -> list[str]:
    """Say of each device whether it really works, and why not.

    Args:
        info: what the process that computes said; None before it was asked.
    """
    if info is None:
        return [_("Devices: not tried out yet; 'Check again' does it.")]
    return [_device_line(device) for device in info["devices"]]


def _device_line(device: Mapping[str, Any]) -> str:
    name = _("CPU") if device["name"] == "cpu" else _("Graphics card")
    pattern = _("{name}: works ({reason})") if device["usable"] else _("{name}: cannot be used ({reason})")
    return pattern.format(name=name, reason=device["reason"])
