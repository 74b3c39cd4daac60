"""The part of an evaluation's page that is said of models of several classes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from BreastFusionLib.report.evaluation_figures import EvaluationFigure
from BreastFusionLib.report.evaluation_tables import comparisons_table
from BreastFusionLib.report.numbers import with_interval
from BreastFusionLib.report.page import Html, columns, element, section, table

__all__ = ["class_sections"]


def class_sections(evaluation: Mapping[str, Any], drawn: Mapping[str, EvaluationFigure]) -> list[Html]:
    """Return the sections: all classes together, each against the rest, differences, decisions.

    Args:
        evaluation: of `evaluate_predictions`, of several classes.
        drawn: of `evaluation_figures`.
    """
    models = evaluation["models"]
    level = f"{100 * evaluation['settings']['level']:g} %"
    area = "Obuchowski" if evaluation["settings"]["by_patient"] else "DeLong"
    measured = any(model["accuracy"]["low"] is not None for model in models.values())
    lead = f"Brackets hold {level} confidence intervals: of a class's AUC by {area}, of shares by Wilson, of all other "
    lead += "figures by bootstrap."
    sections = [section("Models", _models_table(models), lead=lead if measured else None)]
    curves = [
        element("div", element("h3", f"{name} against the rest"), drawn[key].html())
        for name, key in zip(evaluation["classes"], [key for key in drawn if key.startswith("roc_")], strict=True)
    ]
    sections.append(section("Each class", columns(*curves, at_least_px=320), _classes_table(models)))
    if evaluation["comparisons"]:
        sections.append(section("Differences", comparisons_table(evaluation)))
    matrices = [
        element("div", element("h3", one.model or ""), one.html("plot medium"))
        for key, one in drawn.items()
        if key.startswith("confusion_")
    ]
    words = "The model says the class of the largest probability. Counts, and their share of all cases with that truth."
    sections.append(section("Decisions", columns(*matrices, at_least_px=240), element("p", words, class_="caption")))
    return sections


def _models_table(models: Mapping[str, Mapping[str, Any]]) -> Html:
    header = ("Model", "Macro AUC", "Accuracy", "Specificity at 90 % sensitivity", "Sensitivity at 90 % specificity",
              "ODELIA score", "Ordinal c-index", "Weighted kappa")  # fmt: skip
    rows = [
        (
            name,
            with_interval(model["auc"], 3),
            with_interval(model["accuracy"], percent=True),
            with_interval(model["odelia"]["specificity_at_90_sensitivity"], percent=True),
            with_interval(model["odelia"]["sensitivity_at_90_specificity"], percent=True),
            with_interval(model["odelia"]["score"], 3),
            with_interval(model["ordinal_c_index"], 3),
            with_interval(model["weighted_kappa"], 3),
        )
        for name, model in models.items()
    ]
    return table(header, rows, stacked=True, caption="The last two take the classes in the order of their columns.")


def _classes_table(models: Mapping[str, Mapping[str, Any]]) -> Html:
    rows = [
        (
            name,
            of_class,
            f"{found['n']:,}",
            with_interval(found["auc"], 3),
            with_interval(found["recall"], percent=True),
            with_interval(found["precision"], percent=True),
        )
        for name, model in models.items()
        for of_class, found in model["classes"].items()
    ]
    return table(("Model", "Class", "Cases", "AUC", "Found (recall)", "Right (precision)"), rows, text_columns=2)
