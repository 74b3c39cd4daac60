"""Seconds spent in each stage of long work, over all calls, so that what was continued tells what it took in all."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from BreastFusionLib.files import write_json
from BreastFusionLib.studies.remembered import remembered

__all__ = ["Stages"]


class Stages:
    """A file of seconds by stage.

    Attributes:
        seconds: stage -> seconds over all calls.
    """

    def __init__(self, path: Path, writes: bool = True, tell: Callable[[str], None] = lambda words: None) -> None:
        """Take up what the file holds.

        Args:
            path: of the file.
            writes: False leaves it as it is: in a process that trains with others.
            tell: is given a sentence after each stage.
        """
        self._path, self._writes, self._tell = path, writes, tell
        self.seconds: dict[str, float] = remembered(path)

    @contextlib.contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        """Add the time spent inside to a stage, also when it is stopped."""
        start = time.perf_counter()
        try:
            yield
        finally:
            spent = time.perf_counter() - start
            self.seconds[stage] = self.seconds.get(stage, 0.0) + spent
            if self._writes:
                write_json(self._path, self.seconds)
        self._tell(f"{stage}: {spent:.0f} s")
