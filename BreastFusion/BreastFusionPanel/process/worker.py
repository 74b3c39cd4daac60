"""The child process that computes, seen from the application: PyTorch and radiomics never enter the application."""

from __future__ import annotations

import itertools
import shutil
import tempfile
import time
import weakref
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from slicer.i18n import tr as _

import BreastFusionLib
from BreastFusionLib.errors import InputError

from ..signals import Signal
from .child import Child
from .interpreter import find_python, service_environment
from .worker_request import Arguments, Progress, Request, WorkerError

__all__ = ["Worker"]

SERVICE = ("-m", "BreastFusionLib.service")
FOLDER_PREFIX = "BreastFusion-"
_DETAIL_LINES = 30
_STALE_S = 24 * 3600


class Worker:
    """Has requests done one after the other by one process that stays warm; never blocks the window.

    The process starts with the first request (or `start`), and again by itself with the first request after it died.

    Attributes:
        ready: (versions) emitted each time a process has started, also after a request was cancelled: the moment to
            have the chosen bundle loaded again, so that the next click is warm.
        crashed: (WorkerError) emitted when the process ended by itself; what was open has failed then. It is not
            started again before somebody asks for something, so that a program that always dies is no loop.
    """

    def __init__(
        self,
        python: str | None = None,
        library_folder: Path | None = None,
        program: Sequence[str] = SERVICE,
    ) -> None:
        """Describe the process; nothing is started yet.

        Args:
            python: the interpreter; None finds the application's own.
            library_folder: holds BreastFusionLib; None takes the one that is imported here.
            program: arguments of the interpreter; the private folder comes last.
        """
        self.ready = Signal()
        self.crashed = Signal()
        self._python = python or find_python()
        self._library = library_folder or Path(BreastFusionLib.__file__).resolve().parents[1]
        self._program = tuple(program)
        self._numbers = itertools.count(1)
        self._child: Child | None = None
        self._ending: list[Child] = []
        self._log: deque[str] = deque()
        self._is_ready = False
        self._running: Request | None = None
        self._waiting: deque[Request] = deque()
        self._deaths_at_start = 0
        self._folder: Path | None = None
        self._remove_folder: Callable[[], Any] = lambda: None

    @property
    def folder(self) -> Path:
        """Private folder for arrays; removed when the worker stops and when the application ends.

        Raises:
            InputError: it cannot be made.
        """
        if self._folder is None or not self._folder.is_dir():
            self._remove_folder()
            _remove_stale_folders()
            self._folder = _private_folder()
            self._remove_folder = weakref.finalize(self, shutil.rmtree, self._folder, True)
        return self._folder

    @property
    def is_running(self) -> bool:
        """Whether there is a process, be it still starting."""
        return self._child is not None

    @property
    def is_busy(self) -> bool:
        """Whether any request is open."""
        return bool(self.open_requests)

    @property
    def open_requests(self) -> tuple[Request, ...]:
        """What is being done, and what waits for it."""
        return (*filter(None, (self._running,)), *self._waiting)

    @property
    def last_lines(self) -> tuple[str, ...]:
        """The end of the log of the process that runs now, or ran last."""
        return tuple(self._log)

    def start(self) -> None:
        """Start the process unless there is one; returns at once."""
        if self._child is None:
            self._ending = [child for child in self._ending if child.is_running]
            arguments = (*self._program, str(self.folder))
            self._child = Child(self._python, arguments, service_environment(self._library), self._take, self._ended)
            self._log = self._child.log
            self._child.start()

    def stop(self, tell: bool = False) -> None:
        """End everything, wait until it is gone, and remove the private folder.

        Args:
            tell: whether those whose requests were open hear of it ('cancelled'); not when the panel is taken down.
        """
        self._kill_child()
        for child in self._ending:
            child.end()
        self._ending.clear()
        self._remove_folder()
        self._folder = None
        for request in self._take_open():
            request.fail(_cancelled(), tell)

    def request(
        self,
        action: str,
        arguments: Arguments,
        on_finished: Callable[[Mapping[str, Any]], None] | None = None,
        on_error: Callable[[WorkerError], None] | None = None,
        on_progress: Callable[[Progress], None] | None = None,
    ) -> Request:
        """Have something done, after what was asked for before.

        Args:
            action: one of the service's actions.
            arguments: what it needs, or a generator that prepares it in small steps between events and returns it.
            on_finished: takes the result.
            on_error: takes what went wrong.
            on_progress: takes how far it is.
        """
        request = Request(next(self._numbers), action, on_finished, on_error, on_progress, self._cancel)
        self._waiting.append(request)
        self.start()
        if not request.is_done:  # a process that cannot be started may say so at once
            request.prepare(arguments, self._send_next, lambda error: self._drop(request, error))
        return request

    def _cancel(self, request: Request) -> None:
        """End one request; others go on."""
        if request is self._running:
            self._running = None
            self._kill_child()
            self.start()
            request.fail(_cancelled())
        else:
            self._drop(request, _cancelled())

    def _drop(self, request: Request, error: WorkerError) -> None:
        """End a request that was never sent."""
        if request in self._waiting:
            self._waiting.remove(request)
        self._send_next()
        request.fail(error)

    def _send_next(self) -> None:
        if not (self._is_ready and self._running is None and self._waiting and self._waiting[0].is_prepared):
            return
        assert self._child is not None
        self._running = self._waiting.popleft()
        self._child.send({**self._running.arguments, "id": self._running.number, "do": self._running.action})

    def _take(self, message: Mapping[str, Any]) -> None:
        """Act on a message of the process."""
        if message["event"] == "ready":
            self._is_ready, self._deaths_at_start = True, 0
            self._send_next()
            self.ready.emit(message.get("versions") or {})
            return
        request = self._running
        if request is None or message.get("id") != request.number:
            return
        if message["event"] == "progress":
            request.tell(Progress(message.get("stage", ""), message.get("fraction"), message.get("text", "")))
            return
        # The next request is sent first: whoever hears of this one may take long, or fail.
        self._running = None
        self._send_next()
        if message["event"] == "finished":
            request.finish(message.get("result") or {})
        else:
            kind, text = message.get("kind", "internal"), message.get("text", "")
            request.fail(WorkerError(kind, text, message.get("details") or ""))

    def _ended(self, how: str) -> None:
        """The process ended by itself."""
        self._deaths_at_start += not self._is_ready
        details = "\n".join(self.last_lines[-_DETAIL_LINES:])
        error = WorkerError("died", f"{how} {self._advice()}", details)
        if self._child is not None:
            self._ending.append(self._child)
        self._child, self._is_ready = None, False
        for request in self._take_open():
            request.fail(error)
        self.crashed.emit(error)

    def _advice(self) -> str:
        if self._is_ready:
            return _("Try again: it starts anew. If it ends again, copy the log and report it.")
        if self._deaths_at_start < 2:
            return _("Try again; look at the log and at 'Batch and set-up' for what is missing.")
        return _(
            "This was attempt {count} in a row that ended while starting: look at 'Batch and set-up' for what is "
            "missing, install it, or copy the log and report it."
        ).format(count=self._deaths_at_start)

    def _take_open(self) -> tuple[Request, ...]:
        requests = self.open_requests
        self._running = None
        self._waiting.clear()
        return requests

    def _kill_child(self) -> None:
        if self._child is not None:
            self._child.kill()
            self._ending.append(self._child)
        self._child, self._is_ready = None, False


def _private_folder() -> Path:
    try:
        return Path(tempfile.mkdtemp(prefix=FOLDER_PREFIX))
    except OSError as error:
        raise InputError(
            _("Temporary files cannot be written ({reason}): free some disk space, and try again.").format(
                reason=error.strerror or error
            )
        ) from error


def _remove_stale_folders() -> None:
    """Remove what an application that crashed left behind: nobody's images should stay in a temporary folder."""
    for folder in Path(tempfile.gettempdir()).glob(f"{FOLDER_PREFIX}*"):
        try:
            is_stale = folder.is_dir() and time.time() - folder.stat().st_mtime > _STALE_S
        except OSError:
            continue
        if is_stale:
            shutil.rmtree(folder, ignore_errors=True)


def _cancelled() -> WorkerError:
    return WorkerError("cancelled", _("Cancelled."))
