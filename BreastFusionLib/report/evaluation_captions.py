"""What stands below an evaluation's figures: of how many cases they are, what is drawn, and by which method."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from BreastFusionLib.report.discrimination_figures import MOST_BANDS

__all__ = [
    "CONFUSION_WORDS",
    "area_method",
    "benefit_caption",
    "calibration_caption",
    "confusion_caption",
    "corrected_p",
    "corrected_tests",
    "has_intervals",
    "importance_caption",
    "interval_words",
    "precision_recall_caption",
    "roc_caption",
    "said_once",
    "subgroups_caption",
]

Evaluation = Mapping[str, Any]

CONFUSION_WORDS = (
    "Counts, and their share of all cases with that truth. Blue cells are right decisions, orange ones wrong."
)


def has_intervals(evaluation: Evaluation) -> bool:
    """Tell whether intervals are given at all; of too few cases there are none."""
    models = evaluation["models"].values()
    return any(model[key].get("low") is not None for model in models for key in ("auc_delong", "accuracy", "auc")
               if key in model)  # fmt: skip


def area_method(evaluation: Evaluation) -> str:
    """Return whose variance of the AUC is used, as one word."""
    return "Obuchowski" if evaluation["settings"]["by_patient"] else "DeLong"


def corrected_tests(evaluation: Evaluation) -> int:
    """Return for how many tests the P values of the AUC's difference are corrected."""
    return sum(test["p_holm"] is not None for test in evaluation["comparisons"])


def corrected_p(test: Mapping[str, Any]) -> float | None:
    """Return a comparison's P value after Holm: DeLong's, or the bootstrap's where there is no other."""
    return test["p_holm_bootstrap"] if test["p_delong"] is None else test["p_holm"]


def interval_words(evaluation: Evaluation, method: str | None = None) -> str:
    """Return the interval of an AUC as an axis names it: '95 % interval (DeLong)'; nothing where there is none.

    Args:
        evaluation: of `evaluate_predictions`.
        method: where the interval shown is another one than that of the AUC's variance.
    """
    if not has_intervals(evaluation):
        return ""
    return f"{_level(evaluation)} interval ({method or area_method(evaluation)})"


def roc_caption(evaluation: Evaluation) -> str:
    """Return what is seen on the ROC curves of two classes."""
    models = evaluation["models"]
    words = f"{_cases(evaluation)} The grey diagonal is chance."
    if any("band" in model["roc"] for model in models.values()):
        whose = "Bands" if len(models) <= MOST_BANDS else f"The band of {list(models)[-1]}"
        words += f" {whose}: {_level(evaluation)} bootstrap interval of the sensitivity at each false positive rate."
    return words


def precision_recall_caption(evaluation: Evaluation) -> str:
    """Return what is seen on the precision-recall curves."""
    words = f"{_cases(evaluation)} The grey line is the share of positives: the precision of chance."
    if evaluation["settings"]["bootstrap"] and has_intervals(evaluation):
        words += f" In the legend the average precision with its {_level(evaluation)} bootstrap interval."
    return words


def confusion_caption(evaluation: Evaluation) -> str:
    """Return what is seen on the confusion matrices."""
    return f"{_cases(evaluation)} {CONFUSION_WORDS}"


def calibration_caption(evaluation: Evaluation) -> str:
    """Return what is seen on the reliability curves."""
    words = f"{_cases(evaluation)} Bins of equal numbers of cases"
    if has_intervals(evaluation):
        words += f", with Wilson's {_level(evaluation)} intervals"
    return f"{words}. On the grey line a probability means what it says."


def benefit_caption(evaluation: Evaluation) -> str:
    """Return what is seen on the decision curves."""
    curves = evaluation["decision_curves"]
    last, curve = list(curves["models"].items())[-1]
    words = f"{_cases(evaluation)} Net benefit per case, at a share of positives of {100 * curves['prevalence']:.1f} %."
    if None not in curve["low"]:
        words += f" The band is the {_level(evaluation)} bootstrap interval of {last}."
    return words


def subgroups_caption(evaluation: Evaluation) -> str:
    """Return what is seen on the forest plots."""
    intervals = f"{_level(evaluation)} intervals ({area_method(evaluation)})"
    return (
        f"Squares are AUCs with their {intervals}; open squares have none, for the reasons below. The dashed line is "
        "the AUC of all cases."
    )


def importance_caption(features: Sequence[Sequence[Mapping[str, Any]]], shown: int) -> str:
    """Return what is seen on the plots of importance.

    Args:
        features: of each model.
        shown: the most features that a plot shows.
    """
    shuffles = sorted({one["shuffles"] for of_model in features for one in of_model if one.get("shuffles")})
    number = f"{shuffles[0]} " if len(shuffles) == 1 else ""
    words = f"Dots are the median loss of AUC over {number}shuffles, lines hold 95 % of them."
    most = max(len(of_model) for of_model in features)
    return words if most <= shown else f"{words} The {shown} features that change it most, of {most}."


def said_once(notes: Sequence[str]) -> list[str]:
    """Say once what is said of several tables or models: 'A: x.' and 'B: x.' become 'A, B: x.'."""
    found: dict[str, list[str]] = {}
    for note in notes:
        about, colon, words = note.partition(": ")
        found.setdefault(words if colon else note, []).append(about)
    return [", ".join(dict.fromkeys(about)) + (f": {words}" if about != [words] else "")
            for words, about in found.items()]  # fmt: skip


def _cases(evaluation: Evaluation) -> str:
    first = next(iter(evaluation["models"].values()))
    return f"n = {first['n']:,}, {first['positives']:,} positive."


def _level(evaluation: Evaluation) -> str:
    return f"{100 * evaluation['settings']['level']:g} %"
