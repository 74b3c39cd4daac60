"""One thing that the child process is asked to do, from the click to its end."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from typing import Any

import slicer
from slicer.i18n import tr as _

from BreastFusionLib.errors import InputError

from .steps import Steps

__all__ = ["Arguments", "Progress", "Request", "WorkerError"]

Arguments = Mapping[str, Any] | Generator[str, None, Mapping[str, Any]]
"""What an action needs, or a generator that prepares it between events, yields words for the screen and returns it."""

_PAUSE_S = 0.005


@dataclass(frozen=True)
class WorkerError:
    """Why a request has no result.

    Attributes:
        kind: 'input' (the sentence tells the user what to do), 'memory', 'internal', 'died' or 'cancelled'.
        text: a sentence for the screen.
        details: last lines of the log, or ''.
    """

    kind: str
    text: str
    details: str = ""

    @classmethod
    def of(cls, error: Exception) -> WorkerError:
        """Describe an exception that was raised in the application while a request was prepared."""
        if isinstance(error, InputError):
            return cls("input", str(error))
        if isinstance(error, MemoryError):
            return cls("memory", _("There is not enough memory for this exam. Close other studies and try again."))
        if isinstance(error, OSError):  # all that is done here with files is to write temporary ones
            text = _("Temporary files cannot be written ({reason}): free some disk space, and try again.")
            return cls("input", text.format(reason=error.strerror or error))
        details = "".join(traceback.format_exception(type(error), error, error.__traceback__)[-6:])
        text = _("Something unexpected went wrong: {error}. Copy the log and report it.").format(error=error)
        return cls("internal", text, details)


@dataclass(frozen=True)
class Progress:
    """How far a request is.

    Attributes:
        stage: a word that does not change with the language.
        fraction: 0..1, or None when nobody knows.
        text: words for the screen.
    """

    stage: str
    fraction: float | None
    text: str


class Request:
    """One request to the worker; it ends exactly once, with a result or an error.

    Attributes:
        number: names it on the wire.
        action: what to do.
        arguments: what is sent along; empty while they are being prepared.
        is_prepared: whether they are complete.
        is_done: whether it ended.
        result: of a request that finished.
        error: of one that did not.
    """

    def __init__(
        self,
        number: int,
        action: str,
        on_finished: Callable[[Mapping[str, Any]], None] | None,
        on_error: Callable[[WorkerError], None] | None,
        on_progress: Callable[[Progress], None] | None,
        on_cancel: Callable[[Request], None],
    ) -> None:
        self.number, self.action = number, action
        self.arguments: Mapping[str, Any] = {}
        self.is_prepared = self.is_done = False
        self.result: Mapping[str, Any] | None = None
        self.error: WorkerError | None = None
        self._on_finished, self._on_error, self._on_progress = on_finished, on_error, on_progress
        self._on_cancel = on_cancel
        self._steps: Steps | None = None

    def prepare(
        self, arguments: Arguments, on_prepared: Callable[[], None], on_failed: Callable[[WorkerError], None]
    ) -> None:
        """Take the arguments, or work them out between events."""

        def take(complete: Mapping[str, Any]) -> None:
            self.arguments, self.is_prepared = dict(complete), True
            on_prepared()

        if isinstance(arguments, Mapping):
            take(arguments)
            return
        self._steps = Steps(
            arguments,
            on_step=lambda text: self.tell(Progress("prepare", None, text)),
            on_done=take,
            on_error=lambda error: on_failed(WorkerError.of(error)),
        )

    def cancel(self) -> None:
        """End it; its `on_error` hears of kind 'cancelled'. One that is done stays as it is."""
        if not self.is_done:
            self._on_cancel(self)

    def tell(self, progress: Progress) -> None:
        """Hand on how far it is."""
        if not self.is_done and self._on_progress is not None:
            self._on_progress(progress)

    def finish(self, result: Mapping[str, Any]) -> None:
        """End it with a result."""
        self._end()
        self.result = result
        if self._on_finished is not None:
            self._on_finished(result)

    def fail(self, error: WorkerError, tell: bool = True) -> None:
        """End it with an error; `tell` says whether anybody still listens."""
        self._end()
        self.error = error
        if tell and self._on_error is not None:
            self._on_error(error)

    def wait(self, timeout_s: float | None = None) -> Mapping[str, Any]:
        """Return the result, letting events pass meanwhile: for the Python console, never for a button.

        Raises:
            InputError: the input cannot be used; the sentence says what to do.
            RuntimeError: it failed otherwise, was cancelled, or took longer than `timeout_s` (then it is cancelled).
        """
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        try:
            while not self.is_done:
                if deadline is not None and time.monotonic() > deadline:
                    raise RuntimeError(_("No answer within {seconds:g} s; it was cancelled.").format(seconds=timeout_s))
                slicer.app.processEvents()
                time.sleep(_PAUSE_S)
        finally:
            # Also after Ctrl+C in the console: what nobody waits for must not go on.
            self.cancel()
        if self.error is None:
            assert self.result is not None
            return self.result
        if self.error.kind == "input":
            raise InputError(self.error.text)
        raise RuntimeError("\n".join(filter(None, (self.error.text, self.error.details))))

    def _end(self) -> None:
        self.is_done = True
        if self._steps is not None:
            self._steps.stop()
