"""An evaluation as a page: the table of models, ROC curves, paired tests, confusion matrices."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from BreastFusionLib.files import write_json, write_text
from BreastFusionLib.report.discrimination_figures import auc_figure, confusion_figure, roc_figure
from BreastFusionLib.report.page import (
    Html,
    columns,
    disclaimer,
    element,
    figure,
    join,
    page,
    paragraph,
    section,
    table,
    warnings,
)
from BreastFusionLib.report.style import colors_of, inline_svg

__all__ = [
    "comparisons_table",
    "confusion_block",
    "evaluation_html",
    "models_table",
    "roc_block",
    "write_evaluation_page",
]

Models = Mapping[str, Mapping[str, Any]]


def write_evaluation_page(evaluation: Mapping[str, Any], out: str | Path) -> Path:
    """Write report.html and evaluation.json into the folder `out`; return the page's path.

    Args:
        evaluation: the result of `evaluate_predictions`.
        out: a folder, made when needed.
    """
    write_json(Path(out) / "evaluation.json", evaluation)
    return write_text(Path(out) / "report.html", evaluation_html(evaluation))


def evaluation_html(evaluation: Mapping[str, Any], title: str = "Evaluation") -> str:
    """Return the page of `evaluate_predictions`' result."""
    models = evaluation["models"]
    first = next(iter(models.values()))
    subtitle = (
        f"{_count(len(models), 'model')} on {first['n']:,} cases, {first['positives']:,} of them positive "
        f"({100 * first['positives'] / first['n']:.1f} %)."
    )
    return page(
        title,
        disclaimer(),
        warnings(evaluation["notes"]),
        section("Models", models_table(models), lead=methods_sentence(evaluation)),
        section("ROC curves", roc_block(models)),
        section("Differences", comparisons_table(evaluation)) if evaluation["comparisons"] else Html(""),
        section("Decisions at the threshold", rates_table(models), confusion_block(models)),
        subtitle=subtitle,
        eyebrow="BreastFusion evaluation",
    )


def methods_sentence(evaluation: Mapping[str, Any]) -> str:
    """Say how the intervals were computed."""
    settings = evaluation["settings"]
    level = f"{100 * settings['level']:g} %"
    text = f"Brackets hold {level} confidence intervals: of the AUC by DeLong, of rates by Wilson"
    if settings["bootstrap"]:
        text += f", of specificities at a sensitivity by {settings['bootstrap']:,} stratified bootstrap resamples"
    return text + "."


def models_table(models: Models, ideal: Mapping[str, Any] | None = None) -> Html:
    """Return AUC, specificity at 95 % sensitivity and calibration of each model."""
    header = ("Model", "AUC", "Specificity at 95 % sensitivity", "Brier score", "Calibration error")
    rows = [
        (
            _keyed(name, colors_of(list(models))[name][0]),
            _with_interval(model["auc_delong"], 3),
            _with_interval(model["specificity_at_sensitivity"]["0.95"], percent=True),
            _fixed(model["brier"]),
            _fixed(model["expected_calibration_error"]),
        )
        for name, model in models.items()
    ]
    if ideal is not None:
        at_sensitivity = _with_interval(ideal["specificity_at_sensitivity"]["0.95"], percent=True)
        rows.append(
            (_keyed("Ideal observer", "var(--ink)"), _with_interval(ideal["auc_delong"], 3), at_sensitivity, None, None)
        )
    return table(header, rows)


def rates_table(models: Models) -> Html:
    """Return what each model decides at its threshold."""
    names = ("sensitivity", "specificity", "ppv", "npv", "accuracy")
    header = ("Model", "Threshold", "Sensitivity", "Specificity", "PPV", "NPV", "Accuracy")
    rows = [
        (name, f"{model['threshold']:.3g}", *(_with_interval(model[rate], percent=True) for rate in names))
        for name, model in models.items()
    ]
    return table(header, rows)


def comparisons_table(evaluation: Mapping[str, Any], against: str | None = None) -> Html:
    """Return the paired differences of AUC with their P values; `against` keeps those with one model."""
    header = ("Models compared", "Difference in AUC", "P (DeLong)", "P (bootstrap)")
    rows = [
        (
            join([test["a"], element("small", " against "), test["b"]]),
            _with_interval({"value": test["delta_auc"], "low": test["low"], "high": test["high"]}, 3, sign=True),
            _p_value(test["p_delong"]),
            _p_value(test["p_bootstrap"]),
        )
        for test in evaluation["comparisons"]
        if against in (None, test["a"], test["b"])
    ]
    caption = "Paired tests on the same cases, not corrected for several comparisons."
    return table(header, rows, caption=caption)


def roc_block(models: Models, ideal: Mapping[str, Any] | None = None, aside: Html | None = None) -> Html:
    """Return ROC curves beside the AUCs with their intervals, and below these what else is to be said."""
    return columns(
        figure(inline_svg(roc_figure(models, ideal), "ROC curves"), class_="plot"),
        element("div", figure(inline_svg(auc_figure(models, ideal), "AUC of each model"), class_="plot"), aside),
        at_least_px=340,
    )


def confusion_block(models: Models, classes: tuple[str, str] = ("negative", "positive")) -> Html:
    """Return a confusion matrix for each model."""
    matrices = [
        element(
            "div",
            element("h3", name),
            figure(inline_svg(confusion_figure(model, classes), f"Confusion matrix of {name}"), class_="plot small"),
        )
        for name, model in models.items()
    ]
    words = "Counts, and their share of all cases with that truth. Blue cells are right decisions, orange ones wrong."
    return join([columns(*matrices, at_least_px=200), paragraph(words, class_="caption")])


def _keyed(name: str, color: str) -> Html:
    return join([element("span", class_="key", style=f"background:{color}"), name])


def _with_interval(
    estimate: Mapping[str, Any], digits: int = 1, percent: bool = False, sign: bool = False
) -> Html | None:
    if estimate["value"] is None:
        return None
    scale, form = (100, ".1f") if percent else (1, f".{digits}f")
    shown = {key: None if value is None else f"{scale * value:{form}}" for key, value in estimate.items()}
    value = f"{estimate['value']:+.{digits}f}" if sign else shown["value"]
    unit = " %" if percent else ""
    if shown["low"] is None:
        return join([f"{value}{unit}"])
    return join([f"{value}{unit} ", element("small", f"[{shown['low']}, {shown['high']}]")])


def _p_value(p: float | None) -> str | None:
    if p is None:
        return None
    return "< 0.001" if p < 0.001 else f"{p:.3f}" if p < 0.1 else f"{p:.2f}"


def _fixed(value: float | None) -> str | None:
    return None if value is None else f"{value:.3f}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
