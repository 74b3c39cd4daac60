"""The probability on a scale: all sources together, each alone, the operating point, the training cohort's share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from BreastFusionLib.report.style import ACCENT, INK, RULE, SOFT, new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["probability_scale"]


def probability_scale(
    probability: float, parts: Mapping[str, float], threshold: float | None = None, prevalence: float | None = None
) -> Figure:
    """Draw calibrated probabilities on one scale from 0 to 1.

    Args:
        probability: of all sources together.
        parts: words for a source -> probability of that source alone.
        threshold: the operating point.
        prevalence: share of positives among the training cases.
    """
    rows = ["all sources", *parts]
    with new_figure(5.4, 0.85 + 0.27 * len(rows)) as (figure, axes):
        axes.hlines(range(len(rows)), 0, 1, color=RULE, linewidth=[3, *[1.2] * len(parts)])
        axes.plot(probability, 0, "o", color=ACCENT, markersize=11)
        for row, value in enumerate(parts.values(), start=1):
            axes.plot(value, row, "o", color=SOFT, markersize=6)
        for row, value in enumerate([probability, *parts.values()]):
            axes.annotate(
                f"{value:.2f}", (1, row), (14, 0), textcoords="offset points", va="center", ha="left",
                weight="bold" if row == 0 else "normal", color=INK, annotation_clip=False,
            )  # fmt: skip
        bottom = len(rows) - 0.5
        if threshold is not None:
            axes.axvline(threshold, color=INK, linewidth=1.2, linestyle=(0, (3, 2)))
            axes.annotate(
                f"threshold {threshold:.2f}", (threshold, 1), (0, 3), xycoords=("data", "axes fraction"), fontsize=8.5,
                textcoords="offset points", ha=_side(threshold), va="bottom",
            )  # fmt: skip
        if prevalence is not None:
            axes.plot(prevalence, bottom, "^", color=SOFT, markersize=6, clip_on=False)
            axes.set_xlabel(f"▲ share among the training cases: {prevalence:.2f}", fontsize=8.5)
        axes.set(xlim=(-0.01, 1.02), ylim=(bottom, -0.6))
        axes.set_yticks(range(len(rows)), rows, color=INK)
        axes.set_xticks([0, 0.25, 0.5, 0.75, 1], ["0", ".25", ".5", ".75", "1"])
        axes.tick_params(axis="y", length=0)
        axes.spines["left"].set_visible(False)
    return figure


def _side(position: float) -> str:
    return "left" if position < 0.12 else "right" if position > 0.88 else "center"
