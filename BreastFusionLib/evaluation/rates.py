"""What a threshold does: the confusion matrix, its rates, and the specificity that a sensitivity costs."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from BreastFusionLib.evaluation.intervals import Estimate, wilson
from BreastFusionLib.evaluation.roc import checked, roc_curve

__all__ = ["Confusion", "confusion", "confusion_rates", "f1_score", "specificity_at_sensitivity"]


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
    """Return sensitivity, specificity, ppv, npv and accuracy with Wilson intervals.

    The predictive values and the accuracy hold for the study's own share of positives.
    """
    c = counts
    return {
        "sensitivity": wilson(c.tp, c.positives, level),
        "specificity": wilson(c.tn, c.negatives, level),
        "ppv": wilson(c.tp, c.tp + c.fp, level),
        "npv": wilson(c.tn, c.tn + c.fn, level),
        "accuracy": wilson(c.tp + c.tn, c.positives + c.negatives, level),
    }


def f1_score(tp: ArrayLike, fp: ArrayLike, positives: int) -> NDArray[np.float64]:
    """Return F1 = 2 tp / (2 tp + fp + fn) of counts of any shape, with `positives` = tp + fn at least 1."""
    return 2 * np.asarray(tp, dtype=float) / (np.asarray(tp) + np.asarray(fp) + positives)


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
    if not 0 < sensitivity <= 1:
        raise ValueError(f"a sensitivity lies in (0, 1], not {sensitivity}")
    curve = roc_curve(labels, scores)
    wanted = sensitivity * curve.true_positives[-1]
    # Where the product should be whole (.95 of 20), rounding must not ask for one positive more.
    wanted = round(wanted) if math.isclose(wanted, round(wanted), rel_tol=1e-9) else wanted
    after = int(np.searchsorted(curve.true_positives, wanted))  # the first point that reaches it
    tp, fp = curve.true_positives[after - 1 : after + 1], curve.false_positives[after - 1 : after + 1]
    return 1.0 - float(np.interp(wanted, tp, fp)) / int(curve.false_positives[-1])
