"""Plots of what probabilities are worth: do they mean what they say, and is acting on them better than not."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from BreastFusionLib.report.discrimination_figures import short
from BreastFusionLib.report.style import INK, RULE, SOFT, colors_of, new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["decision_figure", "reliability_figure"]

# Beyond the loss of treating all at a threshold far above the share of positives nothing is worth a look.
_DEEPEST = 0.25


def reliability_figure(model: Mapping[str, Any], color: str) -> Figure:
    """Draw observed against predicted share, in bins of equal numbers of cases with Wilson's intervals.

    Args:
        model: a model of `evaluate_scores` whose 'calibration' was measured.
        color: of the model.
    """
    curve = [one for one in model["calibration"]["curve"] if one["observed"]["value"] is not None]
    with new_figure(3.1, 3.1) as (figure, axes):
        axes.plot([0, 1], [0, 1], color=RULE, linewidth=1)
        x = [one["predicted"] for one in curve]
        for one in curve:
            if one["observed"]["low"] is not None:
                ends = [one["observed"]["low"], one["observed"]["high"]]
                axes.plot([one["predicted"]] * 2, ends, color=color, linewidth=1.4, alpha=0.6)
        axes.plot(x, [one["observed"]["value"] for one in curve], "o-", color=color, markersize=4.5, linewidth=1.4)
        axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), aspect="equal")
        axes.set(xlabel="Predicted probability", ylabel="Observed share")
        axes.grid(True)
    return figure


def decision_figure(decisions: Mapping[str, Any]) -> Figure:
    """Draw net benefit against the threshold probability: models, treating all, treating none.

    Args:
        decisions: 'decision_curves' of `evaluate_scores`; the band of the last model is drawn.
    """
    x, models = decisions["thresholds"], decisions["models"]
    with new_figure(4.8, 3.9 + 0.22 * len(models)) as (figure, axes):
        axes.axhline(0, color=INK, linewidth=1, label="treat none")
        axes.plot(x, decisions["treat_all"], color=SOFT, linewidth=1.4, linestyle=(0, (1.5, 1.5)), label="treat all")
        for name, (color, dashes) in colors_of(list(models)).items():
            curve = models[name]
            if name == list(models)[-1] and None not in curve["low"]:
                axes.fill_between(x, curve["low"], curve["high"], color=color, alpha=0.14, linewidth=0)
            axes.plot(x, curve["value"], color=color, linestyle=dashes, label=short(name))
        seen = [decisions["treat_all"][0], *(value for curve in models.values() for value in curve["value"])]
        highest = max(value for value in [*seen, *list(models.values())[-1]["high"]] if value is not None)
        lowest = min(value for curve in models.values() for value in curve["value"])
        # From tick to tick: 0.01 to 0.99 is drawn from 0 to 1.
        axes.set(
            xlim=(math.floor(10 * x[0]) / 10, math.ceil(10 * x[-1]) / 10),
            ylim=(max(lowest, -_DEEPEST * highest) - 0.03 * highest, 1.08 * highest),
        )
        axes.set(xlabel="Threshold probability", ylabel="Net benefit")
        axes.grid(True)
        figure.legend(loc="outside lower left", fontsize=9, handlelength=2.2, labelspacing=0.35, borderpad=0.9)
    return figure
