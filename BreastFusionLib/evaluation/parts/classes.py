"""Models of several classes: each class against the rest, all together, and how models differ."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np

from BreastFusionLib.evaluation.clustered import clustered_delong
from BreastFusionLib.evaluation.delong import DeLong, delong_areas
from BreastFusionLib.evaluation.multiclass import ClassReport, class_report
from BreastFusionLib.evaluation.pairing import PairedPredictions
from BreastFusionLib.evaluation.parts.comparison import correct_for_number
from BreastFusionLib.evaluation.plan import EvaluationPlan
from BreastFusionLib.evaluation.roc import roc_curve

__all__ = ["class_comparisons", "class_figures"]


def class_figures(
    paired: PairedPredictions, plan: EvaluationPlan, patients: np.ndarray | None
) -> dict[str, dict[str, Any]]:
    """Return name -> figures of a model of several classes.

    Returns:
        'auc' is the macro AUC; 'classes.<class>' holds n, auc (DeLong), recall, precision and its ROC curve against
        all others; 'odelia' the challenge's score with what it is the mean of.
    """
    areas = [_areas(paired, patients, k) for k in range(len(paired.classes))]
    found = {}
    for m, name in enumerate(paired.names):
        report = class_report(
            paired.labels, paired.scores[m], paired.classes, True, patients, plan.bootstrap, plan.seed, plan.level
        )
        found[name] = _mapping(paired, report, m, areas, plan)
    return found


def class_comparisons(
    paired: PairedPredictions, plan: EvaluationPlan, patients: np.ndarray | None
) -> list[dict[str, Any]]:
    """Return the paired differences of every class's AUC against the rest, with Holm's P values over all of them."""
    found = []
    areas = [_areas(paired, patients, k) for k in range(len(paired.classes))]
    for first, second in itertools.combinations(range(len(paired.names)), 2):
        for name, of_class in zip(paired.classes, areas, strict=True):
            test = of_class.compare(first, second, plan.level)
            found.append({
                "a": paired.names[first],
                "b": paired.names[second],
                "class": name,
                "delta_auc": test.delta.value,
                **{end: value for end, value in test.delta.to_mapping().items() if end != "value"},
                "z": test.z if math.isfinite(test.z) else None,
                "p_delong": test.p if math.isfinite(test.p) else None,
                "p_bootstrap": None,
            })  # fmt: skip
    correct_for_number(found)
    return found


def _areas(paired: PairedPredictions, patients: np.ndarray | None, k: int) -> DeLong:
    y, scores = (paired.labels == k).astype(np.int8), paired.scores[:, :, k]
    return delong_areas(y, scores) if patients is None else clustered_delong(y, scores, patients)


def _mapping(
    paired: PairedPredictions, report: ClassReport, m: int, areas: list[DeLong], plan: EvaluationPlan
) -> dict[str, Any]:
    odelia = report.odelia
    of_classes = {}
    for k, name in enumerate(paired.classes):
        x, sensitivity = roc_curve(paired.labels == k, paired.scores[m, :, k]).corners()
        kept = np.unique(np.linspace(0, x.size - 1, min(x.size, 300)).round().astype(int))
        of_classes[name] = {
            "n": int((paired.labels == k).sum()),
            "auc": areas[k].interval(m, plan.level).to_mapping(),
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
