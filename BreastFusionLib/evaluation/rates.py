"""What a threshold does: the confusion matrix and its rates; and single numbers read from the ROC curve."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from BreastFusionLib.evaluation import measures
from BreastFusionLib.evaluation.intervals import Estimate, mean_of_proportions, wilson
from BreastFusionLib.evaluation.resampled import observed
from BreastFusionLib.evaluation.roc import checked

__all__ = [
    "Confusion",
    "average_precision",
    "confusion",
    "confusion_rates",
    "f1_score",
    "partial_auc",
    "sensitivity_at_specificity",
    "specificity_at_sensitivity",
]


@dataclass(frozen=True)
class Confusion:
    """Counts of a decision: true and false positives, false and true negatives."""

    tp: int
    fp: int
    fn: int
    tn: int

    @property
    def positives(self) -> int:
        """Cases with label 1."""
        return self.tp + self.fn

    @property
    def negatives(self) -> int:
        """Cases with label 0."""
        return self.fp + self.tn


def confusion(labels: ArrayLike, scores: ArrayLike, threshold: float) -> Confusion:
    """Count right and wrong decisions when a score at or above `threshold` means positive.

    Args:
        labels: (n,) of 0 and 1.
        scores: (n,).
        threshold: the operating point, in the scores' own units.
    """
    y, s = checked(labels, scores)
    called = s >= threshold
    tp = int(np.count_nonzero(called & (y == 1)))
    fp = int(np.count_nonzero(called & (y == 0)))
    positives = int(y.sum())
    return Confusion(tp, fp, positives - tp, y.size - positives - fp)


def confusion_rates(counts: Confusion, level: float = 0.95) -> dict[str, Estimate]:
    """Return sensitivity, specificity, ppv, npv, accuracy and balanced_accuracy, each with its interval.

    The intervals are Wilson's; that of the balanced accuracy is made from those of sensitivity and specificity. The
    predictive values and the accuracy hold for the study's own share of positives.
    """
    c = counts
    sensitivity, specificity = wilson(c.tp, c.positives, level), wilson(c.tn, c.negatives, level)
    return {
        "sensitivity": sensitivity,
        "specificity": specificity,
        "ppv": wilson(c.tp, c.tp + c.fp, level),
        "npv": wilson(c.tn, c.tn + c.fn, level),
        "accuracy": wilson(c.tp + c.tn, c.positives + c.negatives, level),
        "balanced_accuracy": mean_of_proportions(sensitivity, specificity),
    }


def f1_score(tp: ArrayLike, fp: ArrayLike, positives: ArrayLike) -> NDArray[np.float64]:
    """Return F1 = 2 tp / (2 tp + fp + fn) of counts of any shape, with `positives` = tp + fn at least 1."""
    return 2 * np.asarray(tp, dtype=float) / (np.asarray(tp) + np.asarray(fp) + np.asarray(positives))


def specificity_at_sensitivity(labels: ArrayLike, scores: ArrayLike, sensitivity: float) -> float:
    """Return the specificity where the ROC curve reaches a sensitivity, read off as pROC's `coords` does.

    At a sensitivity that the curve attains at a point it is that point's specificity (the best one of several);
    between two points it lies on the straight line that joins them.

    Args:
        labels: (n,) of 0 and 1.
        scores: (n,).
        sensitivity: in (0, 1].

    Source: Robin et al., BMC Bioinformatics 2011;12:77.
    """
    return float(measures.specificity_at(observed(labels, scores), sensitivity)[0])


def sensitivity_at_specificity(labels: ArrayLike, scores: ArrayLike, specificity: float) -> float:
    """Return the sensitivity where the ROC curve has a specificity, read off as pROC's `coords` does.

    Args:
        labels: (n,) of 0 and 1.
        scores: (n,).
        specificity: in (0, 1].

    Source: Robin et al., BMC Bioinformatics 2011;12:77.
    """
    return float(measures.sensitivity_at(observed(labels, scores), specificity)[0])


def partial_auc(
    labels: ArrayLike,
    scores: ArrayLike,
    low: float,
    high: float = 1.0,
    focus: Literal["specificity", "sensitivity"] = "specificity",
    corrected: bool = False,
) -> float:
    """Return the area under the part of the ROC curve where specificity (or sensitivity) lies in [low, high].

    Args:
        labels: (n,) of 0 and 1.
        scores: (n,).
        low: lower end of the range, in [0, 1).
        high: upper end, in (low, 1].
        focus: which of the two the range is of.
        corrected: McClish's correction: .5 is the chance line and 1 a perfect curve; NaN below the chance line.

    Source: McClish, Medical Decision Making 1989;9:190-195; as `auc(partial.auc=)` of pROC.
    """
    return float(measures.partial_area(observed(labels, scores), low, high, focus, corrected)[0])


def average_precision(labels: ArrayLike, scores: ArrayLike) -> float:
    """Return the average precision, the area under the precision-recall curve without interpolation.

    By chance alone it is the share of positives, so that it is comparable at equal prevalence only.

    Args:
        labels: (n,) of 0 and 1.
        scores: (n,); of tied scores only the end of the tie is a point of the curve.

    Source: Davis and Goadrich, ICML 2006; as scikit-learn's `average_precision_score`.
    """
    return float(measures.average_precision(observed(labels, scores))[0])
