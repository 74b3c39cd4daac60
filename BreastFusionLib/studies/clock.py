"""How long a study still takes, from how long its runs took so far."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean

__all__ = ["Clock", "duration"]


def duration(seconds: float) -> str:
    """Return seconds in words: '40 s', '12 min', '3.5 h'."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


class Clock:
    """Counts runs of models and measures those that are trained; runs that were finished before take no time."""

    def __init__(self, unfinished: Mapping[str, Sequence[bool]]) -> None:
        """Take what there is to do: model -> for each of its runs, whether it is still to be trained."""
        self._open = {model: list(runs) for model, runs in unfinished.items()}
        self._took: dict[str, list[float]] = {model: [] for model in unfinished}
        self.total, self.done = sum(map(len, unfinished.values())), 0

    def finished(self, model: str, seconds: float) -> None:
        """Count the next run of a model, which took so long in this call."""
        self.done += 1
        if self._open[model] and self._open[model].pop(0):
            self._took[model].append(seconds)

    def leave_out(self, model: str) -> None:
        """Count the rest of a model's runs as not to be done."""
        self.total -= len(self._open[model])
        self._open[model] = []

    @property
    def left_s(self) -> float | None:
        """Seconds that are left; None before anything was measured.

        A run takes as long as those of its own model so far, of a model not yet begun as those of the slowest: most
        see images, and the one that does not is over at once.
        """
        known = {model: fmean(took) for model, took in self._took.items() if took}
        if not known:
            return None
        slowest = max(known.values())
        return sum(known.get(model, slowest) * sum(runs) for model, runs in self._open.items())

    @property
    def words(self) -> str:
        """How far it is, in a sentence."""
        left = self.left_s
        rest = "" if left is None or self.done == self.total else f", about {duration(left)} left"
        return f"{self.done} of {self.total} runs{rest}."
