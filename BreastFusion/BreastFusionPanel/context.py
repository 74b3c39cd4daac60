"""What the sections of the panel share: the study's parameters, the worker, and news of each other."""

from __future__ import annotations

import contextlib
import logging
import traceback
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from slicer.i18n import tr as _

from BreastFusionLib.errors import InputError

from .chosen_model import ChosenModel
from .settings import MachineSettings
from .signals import Signal

if TYPE_CHECKING:
    from .parameters import BreastFusionParameterNode
    from .process.worker import Worker

__all__ = ["PanelContext"]


class PanelContext:
    """One for each panel, handed to every section.

    Attributes:
        parameters: the study's parameter node; None while a scene is closed.
        worker: the child process that computes.
        settings: what belongs to this machine.
        model: what the chosen model wants to see.
        exam_changed: DCE, T1, T2, order or times of the phases are other ones.
        lesion_selected: another lesion is selected, or the selected one has another name or side.
        lesion_changed: (segment_id) a lesion's outline changed; comes once a stroke has settled.
        mapping_changed: (segment_id) a lesion was mapped anew to T1 or T2.
        bundle_changed: another model or device was chosen, or it became ready.
        reading_changed: (segment_id) a lesion has a new reading, or none any more.
        environment_changed: packages were installed.
        message: (text, details) something to say in the panel's message line; details are '' or the log's last lines.
    """

    def __init__(self, worker: Worker, settings: MachineSettings | None = None) -> None:
        self.parameters: BreastFusionParameterNode | None = None
        self.worker = worker
        self.settings = settings or MachineSettings()
        self.model = ChosenModel(self.settings)
        self.exam_changed = Signal()
        self.lesion_selected = Signal()
        self.lesion_changed = Signal()
        self.mapping_changed = Signal()
        self.bundle_changed = Signal()
        self.reading_changed = Signal()
        self.environment_changed = Signal()
        self.message = Signal()

    def say(self, text: str, details: str = "") -> None:
        """Show one sentence in the message line; an empty one clears it."""
        self.message.emit(text, details)

    @contextlib.contextmanager
    def guard(self) -> Iterator[None]:
        """Turn whatever fails inside into a sentence in the panel: exceptions of slots and observers are lost else."""
        try:
            yield
        except InputError as error:
            self.say(str(error))
        except Exception as error:
            details = "".join(traceback.format_exception(type(error), error, error.__traceback__)[-6:])
            logging.getLogger(__name__).error(details)
            self.say(
                _("Something unexpected went wrong: {error}. Copy the log and report it.").format(error=error), details
            )

    def say_error(self, error: Exception) -> None:
        """Show why something failed, as `guard` does: for who is handed the exception."""
        with self.guard():
            raise error

    def guarded(self, function: Callable[..., None]) -> Callable[..., None]:
        """Return `function` as a slot: whatever the signal hands over is dropped, and failures become a sentence."""

        def slot(*_values: object) -> None:
            with self.guard():
                function()

        return slot
