"""Plots of something over time: a lesion's enhancement, and a network's training."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from BreastFusionLib.report.style import ACCENT, INK, RULE, SOFT, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["time_intensity_figure", "training_figure"]


def time_intensity_figure(kinetics: Mapping[str, Any]) -> Figure:
    """Draw a lesion's time-intensity curve with the limits of wash-out and persistent enhancement.

    The rise to the first phase is dashed where its timing is unknown.

    Args:
        kinetics: `Kinetics.to_mapping()`: 'phases' with 'time_s' and 'mean', 'initial_percent', 'initial_rise',
            'delayed_percent', 'curve'. One phase alone is drawn as a point.
    """
    phases = kinetics["phases"]
    means = [phase["mean"] for phase in phases]
    timed = all(phase.get("time_s") is not None for phase in phases)
    x = [phase["time_s"] / 60 for phase in phases] if timed else list(range(len(phases)))
    with new_figure(4.8, 3.1) as (figure, axes):
        known = timed and kinetics.get("initial_rise") is not None
        axes.plot(x[:2], means[:2], color=ACCENT, ls="-" if known else (0, (2, 2)))
        axes.plot(x[1:], means[1:], color=ACCENT)
        axes.plot(x, means, "o", color=ACCENT, markersize=6)
        axes.set_ylim(0, 1.22 * max(means))
        if kinetics.get("delayed_percent") is not None and len(phases) > 2:
            _delayed_limits(axes, x, means, kinetics)
        axes.set_ylabel("Mean signal in the lesion")
        if timed:
            axes.set_xlabel("Minutes after the phase before contrast")
        else:
            axes.set_xticks(x, ["pre", *(f"post {n}" for n in range(1, len(x)))])
            axes.set_xlabel("Phase (times unknown)")
        axes.grid(True, axis="y")
    return figure


def _delayed_limits(axes: Axes, x: Sequence[float], means: Sequence[float], kinetics: Mapping[str, Any]) -> None:
    """Shade where the last phase would count as a plateau, seen from the initial peak, and name the curve."""
    initial_peak = means[-1] / (1 + kinetics["delayed_percent"] / 100)
    start = min(range(1, len(means)), key=lambda n: abs(means[n] - initial_peak))
    low, high = 0.9 * initial_peak, 1.1 * initial_peak
    axes.fill_between([x[start], x[-1]], low, high, color=SOFT, alpha=0.12, linewidth=0)
    words = ((high, "persistent", "bottom"), (low, "wash-out", "top"), ((low + high) / 2, "plateau", "center"))
    for level, word, place in words:
        chosen = word == kinetics.get("curve")
        axes.annotate(
            word, (x[-1], level), (7, 0), textcoords="offset points", va=place, fontsize=8.5,
            color=INK if chosen else SOFT, weight="bold" if chosen else "normal", annotation_clip=False,
        )  # fmt: skip


def training_figure(log: Sequence[Mapping[str, Any]], title: str = "", color: str = ACCENT) -> Figure:
    """Draw training and validation loss by epoch; the dot is the epoch of the lowest validation loss.

    Args:
        log: rows of a run's log.csv with 'epoch' (or rows in order), 'train_loss', 'validation_loss'; rows may
            lack either, and cells may be text as a CSV file gives them.
        title: over the plot.
        color: of the validation loss: the model's own.
    """
    from matplotlib.ticker import MaxNLocator

    lines = (("train_loss", "training", SOFT, (0, (4, 1.5))), ("validation_loss", "validation", color, "-"))
    with new_figure(3.0, 2.1) as (figure, axes):
        for key, word, shade, dashes in lines:
            points = [(_number(row.get("epoch", n)), _number(row.get(key))) for n, row in enumerate(log)]
            points = [point for point in points if math.isfinite(point[1])]
            if points:
                axes.plot(*zip(*points, strict=True), color=shade, linestyle=dashes, label=word, linewidth=1.6)
                if key == "validation_loss":
                    best = min(points, key=lambda point: point[1])
                    axes.plot(*best, "o", color=color, markersize=5)
        axes.set(xlabel="Epoch", ylabel="Loss")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        if title:
            axes.set_title(title, fontsize=9.5, loc="left", weight="bold")
        axes.grid(True, axis="y", color=RULE)
        if axes.lines:
            axes.legend(fontsize=8.5)
    return figure


def _number(cell: Any) -> float:
    """Return a number or a cell of a CSV file as a float; NaN where there is none."""
    return float(cell) if cell not in (None, "") else math.nan
