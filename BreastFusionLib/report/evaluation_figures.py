"""All figures of an evaluation by their file names: drawn once, for the page and for the folder."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from BreastFusionLib.report.calibration_figures import decision_figure, reliability_figure
from BreastFusionLib.report.course_figures import training_figure
from BreastFusionLib.report.discrimination_figures import (
    auc_figure,
    class_confusion_figure,
    confusion_figure,
    precision_recall_figure,
    roc_figure,
)
from BreastFusionLib.report.evaluation_captions import interval_words
from BreastFusionLib.report.forest_figures import forest_figure, importance_figure
from BreastFusionLib.report.page import Html, figure
from BreastFusionLib.report.style import colors_of, inline_svg

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["EvaluationFigure", "evaluation_figures", "file_names"]

# Three stand side by side on a page.
_SIDE_OF_CLASS_IN = 3.7


@dataclass(frozen=True, eq=False)
class EvaluationFigure:
    """A figure with what is seen on it, and the model that it is of (None: all)."""

    drawn: Figure
    description: str
    model: str | None = None

    def html(self, class_: str = "plot", caption: object = None) -> Html:
        """Return the figure for a page."""
        return figure(inline_svg(self.drawn, self.description), caption, class_=class_)


def evaluation_figures(evaluation: Mapping[str, Any]) -> dict[str, EvaluationFigure]:
    """Return name -> figure, names fit for files: 'roc', 'calibration_<model>' and so on.

    Args:
        evaluation: of `evaluate_predictions`, maybe with what `add_what_lies_beside` added.
    """
    figures = _of_classes(evaluation) if "classes" in evaluation else _of_two_classes(evaluation)
    files = file_names(list(evaluation["models"]))
    colors = {name: color for name, (color, _) in colors_of(list(evaluation["models"])).items()}
    for name, log in evaluation.get("training", {}).items():
        figures[f"training_{files[name]}"] = EvaluationFigure(
            training_figure(log, color=colors[name]), f"Loss while {name} was trained", name
        )
    for name, features in evaluation.get("importance", {}).get("models", {}).items():
        figures[f"importance_{files[name]}"] = EvaluationFigure(
            importance_figure(features, colors[name]), f"Feature importance of {name}", name
        )
    return figures


def file_names(models: list[str]) -> dict[str, str]:
    """Return model -> its name as part of a file's, no two alike."""
    found: dict[str, str] = {}
    for name in models:
        plain = re.sub(r"[^\w.-]+", "-", name).strip("-.") or "model"
        taken = set(found.values())
        found[name] = plain if plain not in taken else f"{plain}-{len(taken) + 1}"
    return found


def _of_two_classes(evaluation: Mapping[str, Any]) -> dict[str, EvaluationFigure]:
    models, files = evaluation["models"], file_names(list(evaluation["models"]))
    interval = interval_words(evaluation)
    figures = {
        "roc": EvaluationFigure(roc_figure(models), "ROC curves"),
        "auc": EvaluationFigure(auc_figure(models, interval=interval), "AUC of each model"),
        "precision_recall": EvaluationFigure(precision_recall_figure(models), "Precision-recall curves"),
    }
    if evaluation.get("decision_curves"):
        drawn = decision_figure(evaluation["decision_curves"])
        figures["decision_curves"] = EvaluationFigure(drawn, "Decision curves")
    lowest = _lowest_auc(evaluation)
    for name, (color, _) in colors_of(list(models)).items():
        model, file = models[name], files[name]
        figures[f"confusion_{file}"] = EvaluationFigure(confusion_figure(model), f"Confusion matrix of {name}", name)
        if model.get("calibration"):
            drawn = reliability_figure(model, color)
            figures[f"calibration_{file}"] = EvaluationFigure(drawn, f"Calibration of {name}", name)
        columns = [(one["column"], one["models"][name]["groups"]) for one in evaluation.get("subgroups", ())]
        if columns:
            drawn = forest_figure(model, columns, color, lowest, interval)
            figures[f"subgroups_{file}"] = EvaluationFigure(drawn, f"AUC of {name} in subgroups", name)
    return figures


def _lowest_auc(evaluation: Mapping[str, Any]) -> float:
    """Return the tenth at which the axis of all forest plots begins, so that models can be compared."""
    found = [model["auc_delong"] for model in evaluation["models"].values()]
    found += [group["auc"] for column in evaluation.get("subgroups", ()) for of_model in column["models"].values()
              for group in of_model["groups"]]  # fmt: skip
    lowest = min(value for estimate in found for value in estimate.values() if value is not None)
    return min(0.9, math.floor(10 * lowest) / 10)


def _of_classes(evaluation: Mapping[str, Any]) -> dict[str, EvaluationFigure]:
    models, files = evaluation["models"], file_names(list(evaluation["models"]))
    figures = {}
    for name in evaluation["classes"]:
        of_class = {model: _as_model(one["classes"][name]) for model, one in models.items()}
        figures[f"roc_{file_names([name])[name]}"] = EvaluationFigure(
            roc_figure(of_class, side_in=_SIDE_OF_CLASS_IN), f"ROC curves of {name} against all other classes"
        )
    for name, model in models.items():
        drawn = class_confusion_figure(model["confusion"])
        figures[f"confusion_{files[name]}"] = EvaluationFigure(drawn, f"Confusion matrix of {name}", name)
    return figures


def _as_model(found: Mapping[str, Any]) -> dict[str, Any]:
    """Return one class's figures under the keys that an ROC figure reads."""
    return {"auc_delong": found["auc"], "roc": found["roc"]}
