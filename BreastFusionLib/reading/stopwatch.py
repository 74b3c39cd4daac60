"""How long each stage of a reading took."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator

__all__ = ["Stages", "Stopwatch"]

Stages = Callable[[str], None]
"""Called with the name of each stage when it begins."""


class Stopwatch:
    """Sums wall-clock seconds by the name of a stage, and tells when one begins.

    >>> clock = Stopwatch()
    >>> with clock.stage("mapping"):
    ...     pass
    >>> list(clock.seconds)
    ['mapping']
    """

    def __init__(self, progress: Stages | None = None) -> None:
        self.seconds: dict[str, float] = {}
        self._progress = progress

    @contextlib.contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Add the time spent inside the `with` block to stage `name`."""
        if self._progress is not None:
            self._progress(name)
        start = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - start
