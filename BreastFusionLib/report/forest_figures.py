"""Plots of rows with intervals: subgroups against the whole, and features by what their loss costs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from BreastFusionLib.report.discrimination_figures import short
from BreastFusionLib.report.style import INK, RULE, SOFT, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["MOST_FEATURES", "forest_figure", "importance_figure"]

MOST_FEATURES = 15


def forest_figure(
    model: Mapping[str, Any],
    columns: Sequence[tuple[str, Sequence[Mapping[str, Any]]]],
    color: str,
    lowest: float,
    interval: str = "95 % interval",
) -> Figure:
    """Draw the AUC of every subgroup with its interval; the line is the AUC of all cases.

    Args:
        model: a model of `evaluate_scores`, for all cases.
        columns: (column, its groups as in 'subgroups') one after the other.
        color: of the model.
        lowest: where the axis begins.
        interval: what the axis calls the interval; empty where there is none.
    """
    rows = sum(1 + len(groups) for _, groups in columns)
    with new_figure(4.8, 1.05 + 0.3 * (rows + 1)) as (figure, axes):
        overall = model["auc_delong"]
        axes.axvline(overall["value"], color=SOFT, linewidth=1, linestyle=(0, (4, 2)))
        labels = ["all cases"]
        _row(axes, 0, overall, model["n"], model["positives"], INK)
        place = 0
        for column, groups in columns:
            place += 1
            axes.annotate(column, (0, place), (-6, 0), xycoords=("axes fraction", "data"), weight="bold", ha="right",
                          textcoords="offset points", va="center")  # fmt: skip
            labels.append("")
            for group in groups:
                place += 1
                labels.append(short(str(group["name"]), 22))
                _row(axes, place, group["auc"], group["n"], group["positives"], color)
        _beside(axes, 0, "positive / cases", up_px=16)
        axes.set(xlim=(lowest, 1 + 0.04 * (1 - lowest)), ylim=(rows + 0.6, -0.7))
        axes.set_yticks(range(len(labels)), labels, color=INK)
        axes.tick_params(axis="y", length=0)
        axes.spines["left"].set_visible(False)
        axes.set_xlabel(f"AUC with {interval}" if interval else "AUC")
        axes.grid(True, axis="x")
    return figure


def importance_figure(features: Sequence[Mapping[str, Any]], color: str) -> Figure:
    """Draw the features that change the AUC most when shuffled, by what they cost: median and 95 % of the shuffles.

    Args:
        features: of 'importance', those that matter most first.
        color: of the model.
    """
    shown = sorted(features[:MOST_FEATURES], key=lambda one: -one["median"])
    with new_figure(4.8, 0.75 + 0.27 * len(shown)) as (figure, axes):
        axes.axvline(0, color=SOFT, linewidth=0.8)
        for row, one in enumerate(shown):
            axes.plot([0, one["median"]], [row, row], color=color, linewidth=5, alpha=0.35, solid_capstyle="butt")
            axes.plot([one["low"], one["high"]], [row, row], color=color, linewidth=1.6)
            axes.plot(one["median"], row, "o", color=color, markersize=5)
        axes.set(ylim=(len(shown) - 0.4, -0.6), xlabel="AUC lost when shuffled (%)")
        axes.set_yticks(range(len(shown)), [short(one["name"], 28) for one in shown], color=INK)
        axes.tick_params(axis="y", length=0)
        axes.spines["left"].set_visible(False)
        axes.grid(True, axis="x", color=RULE)
    return figure


def _row(axes: Axes, place: int, estimate: Mapping[str, Any], n: int, positives: int, color: str) -> None:
    if estimate["value"] is not None:
        if estimate["low"] is not None:
            axes.plot([estimate["low"], estimate["high"]], [place, place], color=color, linewidth=1.8)
        # An open mark has no interval: too few cases.
        face = color if estimate["low"] is not None else "none"
        axes.plot(estimate["value"], place, "s", color=color, markerfacecolor=face, markersize=5.5)
    _beside(axes, place, f"{positives:,} / {n:,}")


def _beside(axes: Axes, place: int, words: str, up_px: int = 0) -> None:
    axes.annotate(words, (1, place), (8, up_px), xycoords=("axes fraction", "data"), textcoords="offset points",
                  va="center", color=SOFT, fontsize=8.5, annotation_clip=False)  # fmt: skip
