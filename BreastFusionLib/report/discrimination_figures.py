"""Plots of how well models tell positive from negative cases, drawn from the dictionary of `evaluate_scores`."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from BreastFusionLib.report.style import ACCENT, INK, RULE, colors_of, new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = [
    "MOST_BANDS",
    "auc_figure",
    "class_confusion_figure",
    "confusion_figure",
    "precision_recall_figure",
    "roc_figure",
    "short",
]

# Bands of more models than these hide each other; the last, the complete one, keeps its own.
MOST_BANDS = 3


def roc_figure(
    models: Mapping[str, Mapping[str, Any]], ideal: Mapping[str, Any] | None = None, side_in: float = 4.8
) -> Figure:
    """Draw ROC curves, with AUC and interval of each model below.

    The pointwise bootstrap band is drawn for up to three models, of more for the last alone.

    Args:
        models: name -> a model of `evaluate_scores`, from the simple to the complete.
        ideal: the same of the ideal observer, drawn as a dashed line in ink.
        side_in: width; letters keep their size, so that a plot shown small is drawn small.
    """
    rows = 1 + len(models) + (ideal is not None)
    with new_figure(side_in, side_in - 0.2 + 0.22 * rows) as (figure, axes):
        axes.plot([0, 1], [0, 1], color=RULE, linewidth=1)
        banded = list(models) if len(models) <= MOST_BANDS else list(models)[-1:]
        for name, (color, dashes) in colors_of(list(models)).items():
            if name in banded and "band" in models[name]["roc"]:
                band = models[name]["roc"]["band"]
                low, high = ([math.nan if end is None else end for end in band[key]] for key in ("low", "high"))
                axes.fill_between(band["false_positive_rate"], low, high, color=color, alpha=0.16, linewidth=0)
            _roc_line(axes, models[name], f"{short(name)}  {_interval(models[name]['auc_delong'])}", color, dashes)
        if ideal is not None:
            label = f"Ideal observer  {_interval(ideal['auc_delong'])}"
            _roc_line(axes, ideal, label, INK, (0, (4, 2)), linewidth=1.2)
        axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01), aspect="equal")
        axes.set(xlabel="1 − specificity", ylabel="Sensitivity")
        axes.grid(True)
        _legend_below(figure, "AUC")
    return figure


def _roc_line(axes: Any, model: Mapping[str, Any], label: str, color: str, dashes: Any, linewidth: float = 2) -> None:
    curve = model["roc"]
    axes.plot(curve["false_positive_rate"], curve["sensitivity"], color=color, ls=dashes, lw=linewidth, label=label)


def precision_recall_figure(models: Mapping[str, Mapping[str, Any]]) -> Figure:
    """Draw precision against sensitivity (recall), with the average precision of each model below.

    The grey line is the share of positives: the precision of calling everyone positive.

    Args:
        models: name -> a model of `evaluate_scores`, from the simple to the complete.
    """
    first = next(iter(models.values()))
    with new_figure(4.8, 4.6 + 0.22 * (1 + len(models))) as (figure, axes):
        axes.axhline(first["positives"] / first["n"], color=RULE, linewidth=1)
        for name, (color, dashes) in colors_of(list(models)).items():
            curve, label = models[name]["precision_recall"], f"{short(name)}  {_interval(models[name]['auprc'])}"
            # Between two thresholds precision is no straight line: the next threshold's is drawn up to it.
            recall, precision = [0.0, *curve["recall"]], [curve["precision"][0], *curve["precision"]]
            axes.step(recall, precision, where="pre", color=color, ls=dashes, lw=2, label=label)
        axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01), aspect="equal")
        axes.set(xlabel="Sensitivity (recall)", ylabel="Positive predictive value (precision)")
        axes.grid(True)
        _legend_below(figure, "Average precision")
    return figure


def auc_figure(
    models: Mapping[str, Mapping[str, Any]],
    ideal: Mapping[str, Any] | None = None,
    interval: str = "95 % interval (DeLong)",
) -> Figure:
    """Draw each model's AUC with its interval on one scale, the ideal observer as a line to reach for.

    Args:
        models: name -> a model of `evaluate_scores`, from the simple to the complete.
        ideal: the same of the ideal observer.
        interval: what the axis calls the interval; empty where there is none.
    """
    found = {name: model["auc_delong"] for name, model in models.items()}
    lowest = min(value for estimate in found.values() for value in estimate.values() if value is not None)
    with new_figure(4.8, 0.85 + 0.5 * len(models)) as (figure, axes):
        for row, (name, (color, _)) in enumerate(colors_of(list(models)).items()):
            estimate = found[name]
            if estimate["low"] is not None:
                axes.plot([estimate["low"], estimate["high"]], [row, row], color=color, linewidth=2.4)
            axes.plot(estimate["value"], row, "o", color=color, markersize=7)
            axes.annotate(short(name), (0, row), (0, 7), xycoords=("axes fraction", "data"), textcoords="offset points")
        if ideal is not None:
            at = ideal["auc_delong"]["value"]
            axes.axvline(at, color=INK, linewidth=1, linestyle=(0, (4, 2)))
            axes.annotate(
                f"ideal {at:.3f}", (at, 1), (0, 3), xycoords=("data", "axes fraction"), textcoords="offset points",
                ha="right" if at > 0.9 else "center", va="bottom", fontsize=8.5,
            )  # fmt: skip
        axes.set(xlim=(max(0.0, lowest - 0.03), 1.005), ylim=(len(models) - 0.5, -0.8))
        axes.set_yticks([])
        axes.set_xlabel(f"AUC with {interval}" if interval else "AUC")
        axes.spines["left"].set_visible(False)
        axes.grid(True, axis="x")
    return figure


def confusion_figure(model: Mapping[str, Any], classes: tuple[str, str] = ("negative", "positive")) -> Figure:
    """Draw one confusion matrix: counts, and how large a share of its row (its true class) each cell is.

    Args:
        model: a model of `evaluate_scores`.
        classes: words for label 0 and label 1.
    """
    counts = model["confusion"]
    cells = [[counts["tn"], counts["fp"]], [counts["fn"], counts["tp"]]]
    most = max(len(f"{count:,}") for values in cells for count in values)
    with new_figure(2.2, 1.9) as (figure, axes):
        for row, values in enumerate(cells):
            for column, count in enumerate(values):
                share = count / max(1, sum(values))
                corner = (column - 0.48, row - 0.48)
                _cell(axes, corner, share, right=row == column)
                axes.text(column, row - 0.1, f"{count:,}", ha="center", va="center", fontsize=12.5 if most < 7 else 9,
                          weight="bold")  # fmt: skip
                axes.text(column, row + 0.24, f"{100 * share:.0f} %", ha="center", va="center", fontsize=8.5, color=INK)
        _matrix_axes(axes, classes)
    return figure


def class_confusion_figure(confusion: Mapping[str, Mapping[str, int]]) -> Figure:
    """Draw the confusion matrix of several classes: counts, and how large a share of its true class each cell is.

    Args:
        confusion: true class -> called class -> cases.
    """
    names = list(confusion)
    with new_figure(0.9 + 0.85 * len(names), 0.7 + 0.8 * len(names)) as (figure, axes):
        for row, truth in enumerate(names):
            total = max(1, sum(confusion[truth].values()))
            for column, called in enumerate(names):
                count = confusion[truth][called]
                _cell(axes, (column - 0.48, row - 0.48), count / total, right=row == column)
                axes.text(column, row - 0.06, f"{count:,}", ha="center", va="center", fontsize=12, weight="bold")
                axes.text(column, row + 0.24, f"{100 * count / total:.0f} %", ha="center", va="center", fontsize=8.5,
                          color=INK)  # fmt: skip
        _matrix_axes(axes, names)
    return figure


def _matrix_axes(axes: Any, names: Sequence[str]) -> None:
    end = len(names) - 0.5
    axes.set(xlim=(-0.5, end), ylim=(end, -0.5), aspect="equal", xlabel="the model says", ylabel="truth")
    axes.set_xticks(range(len(names)), names)
    axes.set_yticks(range(len(names)), names, rotation=90, va="center")
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)


def _cell(axes: Any, corner: tuple[float, float], share: float, right: bool) -> None:
    from matplotlib.patches import FancyBboxPatch

    # Right and wrong differ in hue, the share in strength: faint enough for ink on it in light and dark pages.
    color, strength = (ACCENT if right else "#d55e00"), 0.06 + 0.34 * share
    axes.add_patch(
        FancyBboxPatch(corner, 0.96, 0.96, "round,pad=0,rounding_size=0.06", fc=color, ec="none", alpha=strength)
    )


def _legend_below(figure: Figure, title: str) -> None:
    figure.legend(loc="outside lower left", fontsize=9, handlelength=2.2, labelspacing=0.35, borderpad=0.9,
                  title=title, title_fontsize=9, alignment="left")  # fmt: skip


def short(name: str, length: int = 34) -> str:
    """Return a name that fits a legend: of a long one its beginning and its end."""
    return name if len(name) <= length else f"{name[: length // 2]}…{name[-(length // 2 - 1) :]}"


def _interval(estimate: Mapping[str, Any]) -> str:
    value = f"{estimate['value']:.3f}"
    return value if estimate["low"] is None else f"{value} [{estimate['low']:.3f}, {estimate['high']:.3f}]"
