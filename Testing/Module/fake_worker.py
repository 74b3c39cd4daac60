"""A worker whose answers a test gives by hand: for what a real process does too seldom or too fast to be caught at."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

from BreastFusionPanel.process.worker_request import Progress, Request, WorkerError
from BreastFusionPanel.signals import Signal


class FakeWorker:
    """Has the face of `Worker` and no process.

    Attributes:
        requests: all that was asked, in order.
        processes: how many processes a real one would have started.
    """

    def __init__(self, folder: Path) -> None:
        self.ready, self.crashed = Signal(), Signal()
        self.folder = folder
        self.requests: list[Request] = []
        self.processes = 0
        self.last_lines: tuple[str, ...] = ()
        self._numbers = itertools.count(1)

    @property
    def open_requests(self) -> tuple[Request, ...]:
        return tuple(request for request in self.requests if not request.is_done)

    @property
    def is_busy(self) -> bool:
        return bool(self.open_requests)

    def request(self, action, arguments, on_finished=None, on_error=None, on_progress=None) -> Request:
        request = Request(next(self._numbers), action, on_finished, on_error, on_progress, self._cancel)
        self.requests.append(request)
        if self.processes == 0:
            self.processes = 1
        request.prepare(arguments, lambda: None, request.fail)
        return request

    def stop(self) -> None:
        for request in self.open_requests:
            request.fail(WorkerError("cancelled", "Cancelled."), tell=False)

    # What a test says

    def asked(self, action: str) -> list[Request]:
        """Every request for an action."""
        return [request for request in self.requests if request.action == action]

    def open(self, action: str) -> Request:
        """The request for an action that waits for its answer."""
        return next(request for request in self.open_requests if request.action == action)

    def finish(self, action: str, result: dict[str, Any]) -> None:
        """Answer the open request for an action."""
        self.open(action).finish(result)

    def fail(self, action: str, kind: str, text: str, details: str = "") -> None:
        """Answer it with an error."""
        self.open(action).fail(WorkerError(kind, text, details))

    def tell(self, action: str, stage: str, fraction: float | None, text: str) -> None:
        """Say how far it is."""
        self.open(action).tell(Progress(stage, fraction, text))

    def start_again(self) -> None:
        """A fresh process is there."""
        self.processes += 1
        self.ready.emit({})

    def _cancel(self, request: Request) -> None:
        request.fail(WorkerError("cancelled", "Cancelled."))
        if request.is_prepared:
            self.start_again()
