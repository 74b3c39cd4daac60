"""Which model reads, and where it runs: chosen here, and loaded beforehand so that the first click is warm."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import qt
import slicer
from slicer.i18n import tr as _

from BreastFusionLib.errors import InputError
from BreastFusionLib.reading.bundle import header_steps, read_bundle_header

from ..process.steps import Steps
from ..setup.dependencies import missing as missing_packages
from ..widgets.enabling import enable
from ..widgets.table_parts import signals_blocked
from .bundles import InstalledBundles, bundles_folder, card_of

if TYPE_CHECKING:
    from BreastFusionLib.reading.bundle import BundleHeader

    from ..context import PanelContext
    from ..process.worker_request import Request, WorkerError

__all__ = ["ModelChoice"]

DEVICES = ("auto", "cpu", "cuda")  # in the order of the combo box


class ModelChoice:
    """The rows 'Model' and 'Device' of the section.

    Attributes:
        installed: the models of this machine.
        header: of the chosen model; None when none is chosen or it cannot be read.
        problem: why the chosen model cannot read; empty when nothing is known against it.
        is_ready: the process that computes has it in memory.
    """

    def __init__(self, context: PanelContext, ui: Any) -> None:
        self.installed = InstalledBundles(bundles_folder())
        self.header: BundleHeader | None = None
        self.problem = ""
        self.is_ready = False
        self._context, self._ui = context, ui
        self._state: tuple[Any, ...] = ()
        self._loading: Request | None = None
        self._load_number = 0
        self._opening: Steps | None = None
        ui.deviceComboBox.setCurrentIndex(DEVICES.index(self.device))
        ui.bundleComboBox.currentIndexChanged.connect(context.guarded(self._open))
        ui.deviceComboBox.currentIndexChanged.connect(context.guarded(self._device_picked))
        ui.importBundleButton.clicked.connect(context.guarded(self._import))
        ui.deleteBundleButton.clicked.connect(context.guarded(self._delete))
        ui.bundleCardButton.toggled.connect(context.guarded(self._show_card))
        context.worker.ready.connect(self._process_started)
        context.worker.crashed.connect(self._process_ended)
        context.environment_changed.connect(self._load)
        self._fill()
        self._show()

    @property
    def device(self) -> str:
        """'auto', 'cpu' or 'cuda', as wanted."""
        wanted = self._context.settings.device
        return wanted if wanted in DEVICES else DEVICES[0]

    def open_remembered(self) -> None:
        """Have the model of last time loaded, once the panel is on screen."""
        if self.header is None and not self.problem and self._picked is not None and self._opening is None:
            self._opening = Steps(self._open_steps(), on_error=self._context.say_error)

    def missing(self) -> str:
        """Return what stands in the way of a reading, with what to do; empty when nothing does."""
        if self.problem:
            return self.problem
        if self._picked is None:
            return _("Choose a model, or import one from its folder.")
        return "" if self.header is not None else _("The model is being opened.")

    def check(self) -> None:
        """Look once more, just before a reading: somebody may have changed the model's folder.

        Raises:
            InputError: a file is missing or was changed.
        """
        if self.header is not None and _state_of(self.header.folder) != self._state:
            try:
                self.header, self._state = read_bundle_header(self.header.folder), _state_of(self.header.folder)
            except InputError as error:
                self._fail(str(error))
                raise

    def use_cpu(self) -> None:
        """Choose the CPU."""
        self._ui.deviceComboBox.setCurrentIndex(DEVICES.index("cpu"))

    def stop(self) -> None:
        """Hear of nothing any more."""
        if self._opening is not None:
            self._opening.stop()
        self._context.worker.ready.disconnect(self._process_started)
        self._context.worker.crashed.disconnect(self._process_ended)
        self._context.environment_changed.disconnect(self._load)

    @property
    def _picked(self) -> Path | None:
        """Folder of the entry that the combo box shows."""
        index = self._ui.bundleComboBox.currentIndex
        return self._listed[index].folder if 0 <= index < len(self._listed) else None

    def refill(self) -> None:
        """List what is installed anew, and open the model of last time."""
        self._fill()
        self._open()

    def _fill(self) -> None:
        """List what is installed, and show the model of last time as chosen."""
        box, remembered = self._ui.bundleComboBox, self._context.settings.bundle_folder
        self._listed = self.installed.list()
        folders = [str(bundle.folder) for bundle in self._listed]
        with signals_blocked(box):
            box.clear()
            for bundle in self._listed:
                box.addItem(bundle.title)
            box.setCurrentIndex(folders.index(remembered) if remembered in folders else -1)
        box.setEnabled(bool(self._listed))

    def _open(self) -> None:
        """Check the picked model's files and have it loaded."""
        if self._opening is not None:
            self._opening.stop()
        for _step in self._open_steps():
            pass

    def _open_steps(self) -> Iterator[None]:
        yield  # the panel is drawn first
        self.header, self.problem, self.is_ready, self._loading = None, "", False, None
        self._load_number += 1
        folder = self._picked
        self._context.settings.bundle_folder = str(folder or "")
        if folder is not None:
            state = _state_of(folder)
            try:
                self.header = yield from header_steps(folder)
            except InputError as error:
                self.problem = str(error)
            else:
                self._state = state
                self._load()
        self._show()
        self._context.bundle_changed.emit()

    def _device_picked(self) -> None:
        self._context.settings.device = DEVICES[self._ui.deviceComboBox.currentIndex]
        self._load()

    def _process_started(self, _versions: Mapping[str, Any]) -> None:
        """A fresh process knows no model yet."""
        if self._loading is None or self._loading.is_done:
            self._load()

    def _process_ended(self, _error: WorkerError) -> None:
        """What was in its memory is gone; the next reading starts another one."""
        self.is_ready = False
        self._show()

    def _load(self) -> None:
        """Have the chosen model loaded in the background."""
        if self.header is None:
            return
        self.problem, self.is_ready = "", False
        self._ui.deviceStatusLabel.setText("")
        self._load_number += 1
        lacking = _lacking(self.header)
        if lacking:
            text = _("{packages} must be installed first: open 'Batch and set-up' below.")
            self._fail(text.format(packages=", ".join(lacking)))
            return
        self._loading = self._context.worker.request(
            "load",
            {"bundle": str(self.header.folder), "device": self.device},
            on_finished=self._while_newest(self._loaded),
            on_error=self._while_newest(self._not_loaded),
            on_progress=self._while_newest(lambda progress: self._ui.bundleStatusLabel.setText(progress.text)),
        )
        self._show()
        self._context.bundle_changed.emit()

    def _while_newest(self, receive: Callable[[Any], None]) -> Callable[[Any], None]:
        """Let a receiver hear only of the load that is asked for now: an older one tells of another model."""
        number = self._load_number

        def guarded(news: Any) -> None:
            with self._context.guard():
                if number == self._load_number:
                    receive(news)

        return guarded

    def _loaded(self, result: Mapping[str, Any]) -> None:
        self.is_ready = True
        self._ui.deviceStatusLabel.setText(result["device_reason"])
        self._show()
        self._context.bundle_changed.emit()

    def _not_loaded(self, error: WorkerError) -> None:
        if error.kind == "input":
            self._fail(error.text)
        elif error.kind != "cancelled":
            # It may well succeed at the next click, so nothing is held against the model.
            self._context.say(error.text, error.details)
            self._show()

    def _fail(self, problem: str) -> None:
        self.problem, self.is_ready = problem, False
        self._show()
        self._context.bundle_changed.emit()

    def _import(self) -> None:
        source = qt.QFileDialog.getExistingDirectory(self._ui.importBundleButton, _("Folder of the model to import"))
        if source:
            header = self.installed.import_from(source)
            self._context.say("")
            self._context.settings.bundle_folder = str(header.folder)
            self.refill()

    def _delete(self) -> None:
        folder = self._picked
        if folder is None:
            return
        title = self._ui.bundleComboBox.currentText
        question = _("Delete the model '{title}' from this computer? Readings made with it stay as they are.")
        if slicer.util.confirmYesNoDisplay(question.format(title=title), windowTitle=_("Delete model")):
            try:
                self.installed.delete(folder)
            finally:
                self.refill()

    def _show_card(self) -> None:
        card, is_wanted = self._ui.bundleCardBrowser, self._ui.bundleCardButton.checked
        card.setVisible(is_wanted and self.header is not None)
        if card.isVisibleTo(self._ui.classifyCollapsibleButton) and self.header is not None:
            card.setMarkdown(card_of(self.header))

    def _show(self) -> None:
        """Say how things stand."""
        ui = self._ui
        ui.bundleStatusLabel.setText(self._status())
        enable(
            ui.deleteBundleButton,
            _("Remove the chosen model from this computer; asks first"),
            "" if self._picked is not None else _("Choose a model first."),
        )
        enable(
            ui.bundleCardButton,
            _("What the model was trained on, how well it did on held-out cases, and what it is meant for"),
            "" if self.header is not None else _("Choose a model that can be read first."),
        )
        self._show_card()

    def _status(self) -> str:
        if self.problem:
            return self.problem
        if not self._listed:
            return _("No model is installed yet. Import one: the folder 'bundle' that a training run leaves.")
        if self._picked is None:
            gone = self._context.settings.bundle_folder
            if gone and not Path(gone).exists():
                return _("The model '{name}' is no longer there. Choose another one, or import it again.").format(
                    name=Path(gone).name
                )
            return _("Choose a model.")
        if self.is_ready:
            is_demo = self.header is not None and self.header.metadata.training.synthetic
            return _("Ready. Trained on phantoms: has no meaning for a patient.") if is_demo else _("Ready.")
        is_loading = self._loading is not None and not self._loading.is_done
        return _("Getting ready in the background …") if is_loading else _("Loaded with the first reading.")


def _lacking(header: BundleHeader) -> list[str]:
    """Return the packages that a model needs and that are not installed."""
    needed = {"torch", "torchvision", "safetensors"}
    if header.recipe.inputs.radiomics is not None:
        needed.add("radiomics")
    return [package.name for package in missing_packages() if package.module in needed]


def _state_of(folder: Path) -> tuple[tuple[str, int, int], ...]:
    """Return what changes when anybody touches a bundle: names, sizes and times of its files."""
    try:
        states = [(path.name, path.stat()) for path in sorted(folder.iterdir())]
    except OSError:
        return ()
    return tuple((name, state.st_size, state.st_mtime_ns) for name, state in states)
