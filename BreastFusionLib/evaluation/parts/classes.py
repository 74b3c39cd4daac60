"""Models of several classes: each class against the rest, all together, and how models differ."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from BreastFusionLib.evaluation.bootstrap import Bootstrap
from BreastFusionLib.evaluation.class_intervals import ClassReport, class_reports
from BreastFusionLib.evaluation.delong import DeLong
from BreastFusionLib.evaluation.pairing import PairedPredictions
from BreastFusionLib.evaluation.parts.comparison import correct_for_number
from BreastFusionLib.evaluation.parts.discrimination import nested
from BreastFusionLib.evaluation.plan import EvaluationPlan
from BreastFusionLib.evaluation.roc import roc_curve

__all__ = ["class_comparisons", "class_figures", "class_words"]

# Of `class_bootstrap`, with their keys in what `class_figures` returns.
_OF_ALL_CLASSES = {
    "score": "odelia/score",
    "specificity": "odelia/specificity_at_90_sensitivity",
    "sensitivity": "odelia/sensitivity_at_90_specificity",
    "ordinal_c_index": "ordinal_c_index",
    "kappa": "weighted_kappa",
}


def class_figures(
    paired: PairedPredictions,
    plan: EvaluationPlan,
    patients: np.ndarray | None,
    areas: Sequence[DeLong],
    drawn: Bootstrap,
) -> dict[str, dict[str, Any]]:
    """Return name -> figures of a model of several classes.

    Returns:
        'auc' is the macro AUC; 'classes.<class>' holds n, auc (DeLong), recall, precision and its ROC curve against
        all others; 'odelia' the challenge's score with what it is the mean of.
    """
    reports = class_reports(
        paired.labels.astype(np.int64), paired.scores, paired.classes, drawn, areas, patients, plan.level
    )
    return {
        name: _mapping(paired, report, m) for m, (name, report) in enumerate(zip(paired.names, reports, strict=True))
    }


def class_comparisons(
    paired: PairedPredictions, plan: EvaluationPlan, areas: Sequence[DeLong], drawn: Bootstrap
) -> list[dict[str, Any]]:
    """Return the paired differences of every two models.

    Returns:
        First those of macro AUCs ('class' is None), by bootstrap, with 'differences' of the other figures of all
        classes; then those of every class's AUC against the rest, by DeLong and bootstrap. Holm's P values are
        over all pairs of models, and over all pairs of models and classes.
    """
    pairs = list(itertools.combinations(range(len(paired.names)), 2))
    macro = [_of_all_classes(paired, plan, drawn, first, second) for first, second in pairs]
    by_class = [
        _of_class(paired, plan, areas, drawn, first, second, k)
        for first, second in pairs
        for k in range(len(paired.classes))
    ]
    correct_for_number(macro)
    correct_for_number(by_class)
    return [*macro, *by_class]


def class_words(classes: Sequence[str], plan: EvaluationPlan) -> dict[tuple[str, ...], str]:
    """Return the keys of figures whose intervals come from resamples or DeLong's variance, with words for them."""
    areas: dict[tuple[str, ...], str] = {("classes", name, "auc"): f"the AUC of class {name}" for name in classes}
    if not plan.bootstrap:
        return areas
    return {
        ("auc",): "the macro AUC",
        **areas,
        ("odelia", "specificity_at_90_sensitivity"): "the specificity at 90 % sensitivity",
        ("odelia", "sensitivity_at_90_specificity"): "the sensitivity at 90 % specificity",
        ("odelia", "score"): "the ODELIA score",
        ("ordinal_c_index",): "the ordinal c-index",
        ("weighted_kappa",): "the weighted kappa",
    }


def _of_all_classes(
    paired: PairedPredictions, plan: EvaluationPlan, drawn: Bootstrap, first: int, second: int
) -> dict[str, Any]:
    test = drawn.compare("auc", first, second, plan.level)
    delta, differences = test.delta.to_mapping(), {}
    for name, key in _OF_ALL_CLASSES.items():
        other = drawn.compare(name, first, second, plan.level)
        differences[key] = {**other.delta.to_mapping(), "p": _number(other.p)}
    return {
        "a": paired.names[first],
        "b": paired.names[second],
        "class": None,
        "delta_auc": delta["value"],
        "low": delta["low"],
        "high": delta["high"],
        "z": None,
        "p_delong": None,
        "p_bootstrap": _number(test.p),
        "differences": nested(differences),
    }


def _of_class(
    paired: PairedPredictions,
    plan: EvaluationPlan,
    areas: Sequence[DeLong],
    drawn: Bootstrap,
    first: int,
    second: int,
    k: int,
) -> dict[str, Any]:
    test = areas[k].compare(first, second, plan.level)
    delta = test.delta.to_mapping()
    return {
        "a": paired.names[first],
        "b": paired.names[second],
        "class": paired.classes[k],
        "delta_auc": delta["value"],
        "low": delta["low"],
        "high": delta["high"],
        "z": _number(test.z),
        "p_delong": _number(test.p),
        "p_bootstrap": _number(drawn.compare(f"auc/{k}", first, second, plan.level).p),
    }


def _mapping(paired: PairedPredictions, report: ClassReport, m: int) -> dict[str, Any]:
    odelia = report.odelia
    of_classes = {}
    for k, name in enumerate(paired.classes):
        x, sensitivity = roc_curve(paired.labels == k, paired.scores[m, :, k]).corners()
        kept = np.unique(np.linspace(0, x.size - 1, min(x.size, 300)).round().astype(int))
        of_classes[name] = {
            "n": int((paired.labels == k).sum()),
            "auc": report.auc[name].to_mapping(),
            "recall": report.recall[name].to_mapping(),
            "precision": report.precision[name].to_mapping(),
            "roc": {"false_positive_rate": x[kept].tolist(), "sensitivity": sensitivity[kept].tolist()},
        }
    return {
        "n": int(paired.labels.size),
        "auc": odelia.auc.to_mapping(),
        "accuracy": report.accuracy.to_mapping(),
        "classes": of_classes,
        "confusion": {
            truth: dict(zip(paired.classes, row, strict=True))
            for truth, row in zip(paired.classes, report.confusion.tolist(), strict=True)
        },
        "odelia": {
            "score": odelia.score.to_mapping(),
            "auc": odelia.auc.to_mapping(),
            "specificity_at_90_sensitivity": odelia.specificity.to_mapping(),
            "sensitivity_at_90_specificity": odelia.sensitivity.to_mapping(),
        },
        "ordinal_c_index": None if report.ordinal_c_index is None else report.ordinal_c_index.to_mapping(),
        "weighted_kappa": None if report.kappa is None else report.kappa.to_mapping(),
    }


def _number(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
