"""The real program in a process of its own, and the exam and bundle of the reading's tests."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

_READING = Path(__file__).resolve().parents[1] / "reading" / "conftest.py"
_spec = importlib.util.spec_from_file_location("reading_fixtures", _READING)
_fixtures = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_fixtures)
make_exam, lesion, case, recipe = _fixtures.make_exam, _fixtures.lesion, _fixtures.case, _fixtures.recipe
inputs, scalers, metadata, network = _fixtures.inputs, _fixtures.scalers, _fixtures.metadata, _fixtures.network
bundle_folder, synthetic_bundle_folder = _fixtures.bundle_folder, _fixtures.synthetic_bundle_folder

PROGRAM = ("-m", "BreastFusionLib.service")


class Child:
    """The program, spoken to as an application does."""

    def __init__(self, folder: Path, program: tuple[str, ...] = PROGRAM) -> None:
        self.folder = folder
        self.events: list[dict[str, Any]] = []
        self._number = 0
        # Nothing of the test's own environment decides which library runs.
        self.process = subprocess.Popen(
            [sys.executable, *program, str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )
        self.ready = self.next_event()

    def send(self, line: bytes) -> None:
        self.process.stdin.write(line + b"\n")
        self.process.stdin.flush()

    def next_event(self) -> dict[str, Any]:
        """Return the next line of stdout, which must be a JSON object."""
        line = self.process.stdout.readline()
        assert line, f"the program ended: {self.process.stderr.read().decode()}"
        self.events.append(json.loads(line))
        return self.events[-1]

    def start(self, action: str, **arguments: Any) -> int:
        """Send a request and return its number."""
        self._number += 1
        plain = {name: str(value) if isinstance(value, Path) else value for name, value in arguments.items()}
        self.send(json.dumps({"id": self._number, "do": action, **plain}).encode())
        return self._number

    def last_event(self, number: int) -> dict[str, Any]:
        """Return how a request ended."""
        while True:
            event = self.next_event()
            assert event["id"] == number
            if event["event"] != "progress":
                return event

    def ask(self, action: str, **arguments: Any) -> dict[str, Any]:
        """Return the result of a request that must succeed."""
        event = self.last_event(self.start(action, **arguments))
        assert event["event"] == "finished", event
        return event["result"]

    def fail(self, action: str, **arguments: Any) -> dict[str, Any]:
        """Return the error of a request that must fail."""
        event = self.last_event(self.start(action, **arguments))
        assert event["event"] == "error", event
        return event

    def stages(self) -> list[str]:
        """Return the stages of the last request."""
        number = self._number
        return [event["stage"] for event in self.events if event.get("id") == number and event["event"] == "progress"]

    def end(self) -> int:
        """Close its stdin, as an application does when it closes."""
        self.process.stdin.close()
        code = self.process.wait(30)
        self.process.stdout.close()
        self.process.stderr.close()
        return code


@pytest.fixture
def start_child(tmp_path: Path) -> Iterator[Callable[..., Child]]:
    """Start the program: start_child(), start_child(program=('-c', '..'))."""
    started: list[Child] = []

    def start(program: tuple[str, ...] = PROGRAM) -> Child:
        folder = tmp_path / f"private {len(started)} ü"
        folder.mkdir()
        started.append(Child(folder, program))
        return started[-1]

    yield start
    for child in started:
        child.process.kill()
        child.process.wait()


@pytest.fixture(scope="module")
def child(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Child]:
    """One program for the tests of a module."""
    child = Child(tmp_path_factory.mktemp("private"))
    yield child
    child.process.kill()
    child.process.wait()
