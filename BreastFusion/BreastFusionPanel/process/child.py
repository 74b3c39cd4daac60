"""One run of a program that is spoken to in lines of JSON through its standard input and output."""

from __future__ import annotations

import contextlib
import os
import signal
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import qt
from slicer.i18n import tr as _

from BreastFusionLib.errors import InputError
from BreastFusionLib.service import protocol

__all__ = ["Child"]

LOG_LINES = 200
# A reading is some 100 kB; a line that grows beyond this is no message but a program gone wild.
LONGEST_LINE_BYTES = 64 << 20
# Of the log: progress bars begin no new line for minutes, and nobody reads a longer one.
LONGEST_LOG_LINE_BYTES = 16 << 10
_END_MS = 2000


class Child:
    """A program that runs from `start` on; nothing here blocks but `end`.

    What it writes that is no message (prints of libraries, warnings, a last traceback) is kept as a bounded log.

    Attributes:
        log: its last lines.
    """

    def __init__(
        self,
        program: str,
        arguments: Sequence[str],
        environment: Mapping[str, str | None],
        on_message: Callable[[Mapping[str, Any]], None],
        on_end: Callable[[str], None],
    ) -> None:
        """Describe the program.

        Args:
            program: path of an executable.
            arguments: its arguments.
            environment: what differs from the application's own environment; None removes a variable.
            on_message: takes every JSON object that it writes.
            on_end: takes a sentence once it ended by itself; not called after `kill` or `end`.
        """
        self.log: deque[str] = deque(maxlen=LOG_LINES)
        self._program, self._arguments = program, list(arguments)
        self._on_message, self._on_end = on_message, on_end
        self._pid: int | None = None
        self._partial = {"output": b"", "log": b""}
        self._process = qt.QProcess()
        self._process.setProcessEnvironment(_environment(environment))
        self._process.readyReadStandardOutput.connect(self._read_output)
        self._process.readyReadStandardError.connect(self._read_log)
        self._process.finished.connect(self._finished)
        self._process.errorOccurred.connect(self._failed)

    def start(self) -> None:
        """Start the program; where there is none, `on_end` may be called before this returns."""
        self._process.start(self._program, self._arguments)

    @property
    def is_running(self) -> bool:
        """Whether the program runs, or is being ended."""
        return bool(self._process.state() != qt.QProcess.NotRunning)

    def send(self, message: Mapping[str, Any]) -> None:
        """Write one message to its standard input."""
        self._process.write(protocol.encode(message))

    def kill(self) -> None:
        """End the program at once, whatever it does; keep this object until `is_running` is False."""
        self._on_message, self._on_end = _ignore, _ignore
        # A launcher (PythonSlicer is one) may stand between: the program itself must end, not only the launcher.
        if self._pid not in (None, int(self._process.processId())):
            with contextlib.suppress(OSError):
                os.kill(self._pid, getattr(signal, "SIGKILL", signal.SIGTERM))
        self._process.kill()

    def end(self) -> None:
        """End the program and wait until it is gone; for taking the module down."""
        self.kill()
        self._process.waitForFinished(_END_MS)

    def _read_output(self) -> None:
        for line in self._lines("output", self._process.readAllStandardOutput().data()):
            self._take(line)
        if len(self._partial["output"]) > LONGEST_LINE_BYTES:
            on_end = self._on_end
            self.kill()
            on_end(_("The program that computes wrote a line without an end and was stopped."))

    def _read_log(self) -> None:
        self.log += [_text(line) for line in self._lines("log", self._process.readAllStandardError().data())]
        self._partial["log"] = self._partial["log"][-LONGEST_LOG_LINE_BYTES:]

    def _lines(self, channel: str, piece: bytes) -> list[bytes]:
        """Return the lines that are complete now; a read may end anywhere, within a character even."""
        *lines, self._partial[channel] = (self._partial[channel] + bytes(piece)).split(b"\n")
        return lines

    def _take(self, line: bytes) -> None:
        message = _message(line)
        if message is None:
            self.log.append(_text(line))
            return
        # Other numbers than a process's own would stand for whole groups of them.
        if message.get("event") == "ready" and isinstance(message.get("pid"), int) and message["pid"] > 1:
            self._pid = message["pid"]
        self._on_message(message)

    def _finished(self, *_code_and_status: Any) -> None:
        self._read_output()
        self._read_log()
        self.log += [_text(rest) for rest in self._partial.values() if rest]
        if self._process.exitStatus() == qt.QProcess.CrashExit:
            self._on_end(_("The program that computes was ended by the system, often for lack of memory."))
        else:
            code = self._process.exitCode()
            self._on_end(_("The program that computes ended unexpectedly (exit code {code}).").format(code=code))

    def _failed(self, error: Any) -> None:
        # Every other error is followed by `finished`.
        if error == qt.QProcess.FailedToStart:
            self._on_end(_("{program} cannot be started.").format(program=self._program))


def _environment(changes: Mapping[str, str | None]) -> Any:
    environment = qt.QProcessEnvironment.systemEnvironment()
    for name, value in changes.items():
        if value is None:
            environment.remove(name)
        else:
            environment.insert(name, value)
    return environment


def _message(line: bytes) -> Mapping[str, Any] | None:
    """Return a line as a message, or None for whatever else a library printed."""
    if not line.startswith(b"{"):
        return None
    with contextlib.suppress(InputError):
        message = protocol.decode(line)
        return message if "event" in message else None
    return None


def _text(line: bytes) -> str:
    return line[-LONGEST_LOG_LINE_BYTES:].decode("utf-8", errors="replace").rstrip("\r")


def _ignore(_value: Any) -> None:
    """Nobody listens any more."""
