"""DeLong's variance of the AUC, its interval and the paired test of two models, in O(n log n).

Sources: DeLong, DeLong and Clarke-Pearson, Biometrics 1988;44:837-845 (the estimator); Sun and Xu, IEEE Signal
Processing Letters 2014;21:1389-1393 (by mid-ranks instead of all pairs).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit, logit, ndtr, ndtri

from BreastFusionLib.evaluation.intervals import Estimate
from BreastFusionLib.evaluation.roc import Floats, checked

__all__ = ["DeLong", "PairedTest", "delong_areas", "placements"]

# What rounding leaves of a variance of 0.
_NO_VARIANCE = 1e-15
_NO_ERROR = 1e-12


@dataclass(frozen=True)
class PairedTest:
    """The difference of two AUCs on the same cases.

    Attributes:
        delta: AUC of the first minus AUC of the second, with its interval; without one where it would have no width.
        z: the difference over its standard error; NaN when that is 0 and the difference is not.
        p: two-sided P value of no difference.
        error: standard error of the difference.
    """

    delta: Estimate
    z: float
    p: float
    error: float


@dataclass(frozen=True)
class DeLong:
    """AUCs of m models on the same cases, with the covariance of their estimates.

    Attributes:
        auc: (m,).
        covariance: (m, m); NaN with fewer than two positives or two negatives.
    """

    auc: Floats
    covariance: Floats

    def has_no_variance(self, model: int = 0) -> bool:
        """Tell whether a model separates the classes completely or tells nothing apart: no interval can be trusted."""
        return bool(self.covariance[model, model] < _NO_VARIANCE)

    def interval(self, model: int = 0, level: float = 0.95) -> Estimate:
        """Return a model's AUC with its normal interval, cut at 0 and 1 as pROC does."""
        half = _normal_quantile(level) * float(np.sqrt(self.covariance[model, model]))
        value = float(self.auc[model])
        return Estimate(value, max(0.0, value - half), min(1.0, value + half)) if np.isfinite(half) else Estimate(value)

    def logit_interval(self, model: int = 0, level: float = 0.95) -> Estimate:
        """Return a model's AUC with an interval that is normal in log(auc / (1 - auc)).

        It stays inside (0, 1) and covers better than the plain one where cases are few or the AUC is close to 1.
        There is none for an AUC of exactly 0 or 1.

        Source: Pepe, The Statistical Evaluation of Medical Tests, 2003, section 5.2.4; Qin and Hotilovac, Stat
            Methods Med Res 2008;17:207-221.
        """
        value = float(self.auc[model])
        spread = value * (1 - value)
        half = _normal_quantile(level) * float(np.sqrt(self.covariance[model, model]))
        if spread <= 0 or not np.isfinite(half):
            return Estimate(value)
        low, high = expit(logit(value) + np.array([-1, 1]) * half / spread)
        return Estimate(value, float(low), float(high))

    def compare(self, first: int, second: int, level: float = 0.95) -> PairedTest:
        """Test whether two of the models have the same AUC."""
        delta = float(self.auc[first] - self.auc[second])
        c = self.covariance
        # Rounding may leave a tiny negative variance where two models rank alike.
        error = float(np.sqrt(np.maximum(c[first, first] + c[second, second] - 2 * c[first, second], 0.0)))
        untestable = 0.0 if abs(delta) < 1e-12 else float("nan")
        z = delta / error if error > _NO_ERROR else untestable
        half = _normal_quantile(level) * error
        estimate = Estimate(delta, delta - half, delta + half) if error > _NO_ERROR else Estimate(delta)
        return PairedTest(estimate, z, float(2 * ndtr(-abs(z))), error)


def delong_areas(labels: ArrayLike, scores: ArrayLike) -> DeLong:
    """Return the AUCs of one or several models with DeLong's covariance.

    Args:
        labels: (n,) of 0 and 1.
        scores: (n,) of one model or (m, n) of m models on the same cases.
    """
    y, s = checked(labels, scores)
    shares = placements(y, np.atleast_2d(s))
    of_positives, of_negatives = shares[:, y == 1], shares[:, y == 0]
    covariance = _mean_covariance(of_positives) + _mean_covariance(of_negatives)
    return DeLong(of_positives.mean(axis=1), covariance)


def placements(labels: NDArray[np.int8], scores: Floats) -> Floats:
    """Return for each case (m, n) the share of the other class with which its order is right, ties counting one half.

    For a positive the negatives that score lower, for a negative the positives that score higher: the mean over
    either class is the AUC.

    Args:
        labels: (n,) of 0 and 1, both present.
        scores: (m, n) of m models.
    """
    found = np.empty(scores.shape)
    for row, values in zip(found, scores, strict=True):
        row[:] = _placements(labels, values)
    return found


def _placements(labels: NDArray[np.int8], scores: Floats) -> Floats:
    n, positives = scores.size, int(labels.sum())
    order = np.argsort(scores)
    ranked, y = scores[order], labels[order]
    edges = np.concatenate(([0], np.flatnonzero(np.diff(ranked)) + 1, [n]))  # of groups of tied cases
    positives_below = np.concatenate(([0], np.cumsum(y, dtype=np.int64)))[edges]
    negatives_below = edges - positives_below
    # In the middle of a group, half of its cases are below.
    below = (negatives_below[1:] + negatives_below[:-1]) / (2 * (n - positives))
    above = 1.0 - (positives_below[1:] + positives_below[:-1]) / (2 * positives)
    size = np.diff(edges)
    shares = np.empty(n)
    shares[order] = np.where(y == 1, np.repeat(below, size), np.repeat(above, size))
    return shares


def _mean_covariance(rows: Floats) -> Floats:
    """Return the covariance (m, m) of the row means of (m, n) values."""
    m, n = rows.shape
    if n < 2:
        return np.full((m, m), np.nan)
    return np.asarray(np.cov(rows).reshape(m, m) / n)


def _normal_quantile(level: float) -> float:
    return float(ndtri(0.5 + level / 2))
