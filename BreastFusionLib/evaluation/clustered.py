"""Statistics for patients with several cases (two breasts, many lesions), which are not independent of each other.

The estimates stay the same; their variances count patients instead of cases.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from BreastFusionLib.evaluation.delong import DeLong, placements
from BreastFusionLib.evaluation.intervals import Estimate, mean_of_proportions, wilson
from BreastFusionLib.evaluation.resampling import cluster_index
from BreastFusionLib.evaluation.roc import Floats, checked

__all__ = ["clustered_delong", "clustered_proportion", "clustered_rates", "has_clusters"]


def has_clusters(clusters: ArrayLike) -> bool:
    """Tell whether any cluster (patient) has more than one case."""
    names = np.asarray(clusters)
    return len(set(names.tolist())) < names.size


def clustered_delong(labels: ArrayLike, scores: ArrayLike, clusters: ArrayLike) -> DeLong:
    """Return AUCs with the covariance of DeLong's estimator for clustered cases, and with it paired differences.

    When every cluster is one case it is DeLong's covariance exactly.

    Args:
        labels: (n,) of 0 and 1; a cluster may have both.
        scores: (n,) of one model or (m, n) of m models on the same cases.
        clusters: (n,) which cases belong together (the patient), any names.

    Returns:
        The areas; the covariance is NaN with fewer than two clusters with positives, or with negatives.

    Source: Obuchowski, Biometrics 1997;53:567-578.
    """
    y, s = checked(labels, scores)
    cluster = cluster_index(clusters, y.size)
    shares = placements(y, np.atleast_2d(s))
    areas = shares[:, y == 1].mean(axis=1)
    deviations = shares - areas[:, None]
    of_positives = _cluster_sums(deviations * (y == 1), cluster) / int(y.sum())
    of_negatives = _cluster_sums(deviations * (y == 0), cluster) / int((1 - y).sum())
    all_clusters = of_positives.shape[1]
    across = _small_sample(all_clusters) * of_positives @ of_negatives.T
    covariance = (
        _small_sample(np.unique(cluster[y == 1]).size) * of_positives @ of_positives.T
        + _small_sample(np.unique(cluster[y == 0]).size) * of_negatives @ of_negatives.T
        + across
        + across.T
    )
    return DeLong(areas, covariance)


def clustered_proportion(
    successes: ArrayLike, clusters: ArrayLike, level: float = 0.95, trials: ArrayLike | None = None
) -> Estimate:
    """Return a proportion of clustered cases with Wilson's interval at the effective number of cases.

    The variance is that of a ratio of cluster totals; the effective number of cases is the one at which a simple
    proportion would have that variance, and no more than there are cases.

    Args:
        successes: (n,) true or false.
        clusters: (n,) which cases belong together.
        level: confidence.
        trials: (n,) which cases count at all; None for all. With none the result is NaN.

    Source: Rao and Scott, Biometrics 1992;48:577-585 (the ratio's variance and the effective number).
    """
    good = np.asarray(successes, dtype=bool)
    counted = np.ones(good.size, dtype=bool) if trials is None else np.asarray(trials, dtype=bool)
    cluster = cluster_index(clusters, good.size)[counted]
    good = good[counted]
    n = good.size
    if n == 0:
        return Estimate(math.nan)
    share = float(good.mean())
    groups = np.unique(cluster, return_inverse=True)[1]
    sums = np.bincount(groups, weights=good - share)
    variance = _small_sample(sums.size) * float(sums @ sums) / n**2
    simple = share * (1 - share)
    # All cases alike tell nothing of how alike they are within patients: each patient counts once.
    effective = min(float(n), simple / variance) if variance > 0 and simple > 0 else float(sums.size)
    return wilson(share * effective, effective, level)


def clustered_rates(
    labels: ArrayLike, scores: ArrayLike, threshold: float, clusters: ArrayLike, level: float = 0.95
) -> dict[str, Estimate]:
    """Return the rates of `confusion_rates` with intervals for clustered cases.

    That of the balanced accuracy takes sensitivity and specificity as independent; `bootstrap_metrics` with
    `measures.balanced_accuracy_at` and clusters does without that.

    Args:
        labels: (n,) of 0 and 1.
        scores: (n,).
        threshold: a score at or above it means positive.
        clusters: (n,) which cases belong together.
        level: confidence.

    Source: as `clustered_proportion`.
    """
    y, s = checked(labels, scores)
    positive, called = y == 1, s >= threshold
    right = positive == called

    def rate(among: NDArray[np.bool_] | None) -> Estimate:
        return clustered_proportion(right, clusters, level, among)

    sensitivity, specificity = rate(positive), rate(~positive)
    return {
        "sensitivity": sensitivity,
        "specificity": specificity,
        "ppv": rate(called),
        "npv": rate(~called),
        "accuracy": rate(None),
        "balanced_accuracy": mean_of_proportions(sensitivity, specificity),
    }


def _cluster_sums(values: Floats, cluster: NDArray[np.intp]) -> Floats:
    """Return the sums (m, clusters) of values (m, n) over each cluster's cases."""
    return np.stack([np.bincount(cluster, weights=row) for row in values])


def _small_sample(clusters: int) -> float:
    return clusters / (clusters - 1) if clusters > 1 else math.nan
