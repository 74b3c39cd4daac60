"""The receiver operating characteristic of scores: its area, its points, and the checks that come before.

A score says 'positive' when it is at or above a threshold; higher scores mean 'more likely positive'. Labels are
0 (negative) and 1 (positive). Tied scores are one point of the curve, joined to its neighbours by straight lines.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import rankdata

from BreastFusionLib.errors import InputError, first_few

__all__ = ["RocCurve", "auc", "checked", "roc_curve"]

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class RocCurve:
    """The points of an ROC curve, from 'nothing is positive' to 'everything is positive'.

    Attributes:
        thresholds: (K,) falling; a case is positive when its score is at least this; the first one is infinite.
        true_positives: (K,) positives at or above each threshold.
        false_positives: (K,) negatives at or above each threshold.
    """

    thresholds: Floats
    true_positives: NDArray[np.int64]
    false_positives: NDArray[np.int64]

    @property
    def sensitivity(self) -> Floats:
        """Share of the positives at or above each threshold, rising from 0 to 1."""
        return self.true_positives / self.true_positives[-1]

    @property
    def false_positive_rate(self) -> Floats:
        """Share of the negatives at or above each threshold (1 - specificity), rising from 0 to 1."""
        return self.false_positives / self.false_positives[-1]

    def corners(self) -> tuple[Floats, Floats]:
        """Return (false positive rate, sensitivity) of the points where the curve turns: the same line, far fewer."""
        x, y = self.false_positives, self.true_positives
        turns = np.diff(x)[:-1] * np.diff(y)[1:] != np.diff(x)[1:] * np.diff(y)[:-1]
        kept = np.concatenate(([True], turns, [True]))
        return self.false_positive_rate[kept], self.sensitivity[kept]


def checked(
    labels: ArrayLike, scores: ArrayLike, where: str = "the scores", needs_both: bool = True
) -> tuple[NDArray[np.int8], Floats]:
    """Return labels and scores as arrays, after the checks that every statistic here relies on.

    Args:
        labels: (n,) of 0 and 1 (or booleans).
        scores: (n,) finite numbers, or (m, n) for m models.
        where: what is checked, for the message.
        needs_both: refuse cases of one class only.

    Raises:
        InputError: other labels, one class only, scores that are not finite, lengths that differ.
    """
    scores = np.asarray(scores, dtype=float)
    given = np.asarray(labels)
    if given.ndim != 1 or scores.shape[-1:] != given.shape:
        raise InputError(
            f"{where}: {given.size} labels, but scores of shape {scores.shape}: one score a case is needed."
        )
    classes = np.unique(given)
    if not set(classes.tolist()) <= {0, 1}:
        raise InputError(f"{where}: labels must be 0 (negative) or 1 (positive), found {first_few(classes.tolist())}.")
    if needs_both and classes.size < 2:
        only = f"all {given.size} labels are {int(classes[0])}" if classes.size else "there are no cases"
        raise InputError(f"{where}: {only}; positive and negative cases are both needed for sensitivity, "
                         "specificity and AUC. Evaluate a table with both.")  # fmt: skip
    bad = int(np.count_nonzero(~np.isfinite(scores)))
    if bad:
        raise InputError(f"{where}: {bad} of {scores.size} scores are NaN or infinite. "
                         "Find out why the model failed on those cases, or leave them out of every table.")  # fmt: skip
    return given.astype(np.int8), scores


def auc(labels: ArrayLike, scores: ArrayLike) -> float:
    """Return the area under the ROC curve: the probability that a positive scores higher than a negative.

    Ties count one half (the Mann-Whitney statistic, by mid-ranks, O(n log n)).

    Args:
        labels: (n,) of 0 and 1.
        scores: (n,).

    Source: Hanley and McNeil, Radiology 1982;143:29-36.
    """
    y, s = checked(labels, scores)
    positives = int(y.sum())
    rank_sum = float(rankdata(s)[y == 1].sum())
    return (rank_sum - positives * (positives + 1) / 2) / (positives * (y.size - positives))


def roc_curve(labels: ArrayLike, scores: ArrayLike) -> RocCurve:
    """Return the ROC curve with one point for each distinct score, and the origin.

    Args:
        labels: (n,) of 0 and 1.
        scores: (n,).
    """
    y, s = checked(labels, scores)
    order = np.argsort(-s, kind="stable")
    y, s = y[order], s[order]
    last_of_tie = np.append(np.flatnonzero(np.diff(s)), s.size - 1)
    true_positives = np.cumsum(y, dtype=np.int64)[last_of_tie]
    return RocCurve(
        np.concatenate(([np.inf], s[last_of_tie])),
        np.concatenate(([0], true_positives)),
        np.concatenate(([0], last_of_tie + 1 - true_positives)),
    )
