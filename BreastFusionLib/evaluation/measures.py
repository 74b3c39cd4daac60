"""What is read from ROC curves: each statistic once, for the observed table and for all bootstrap replicates alike.

Every function takes `Resampled` (one model under r weightings) and returns (r,) values; NaN where a replicate lacks
positives or negatives. Bind further arguments with `functools.partial` to make a metric for `bootstrap_metrics`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from BreastFusionLib.evaluation.resampled import Resampled
from BreastFusionLib.evaluation.resampling import Counts
from BreastFusionLib.evaluation.roc import Floats

__all__ = [
    "Metric",
    "area",
    "average_precision",
    "balanced_accuracy_at",
    "counts_at",
    "each_replicate",
    "f1_at",
    "partial_area",
    "sensitivity_at",
    "specificity_at",
]

Metric = Callable[[Resampled], Floats]

# A chance line's own area must not fall below itself.
_ROUNDING = 1e-12


def area(sample: Resampled) -> Floats:
    """Return the area under the curve, ties counting one half.

    Source: Hanley and McNeil, Radiology 1982;143:29-36.
    """
    tp, fp = sample.curves
    # Pairs that are lost: for each positive, the negatives above it and half of those tied with it.
    lost = np.einsum("kr,kr->r", np.diff(tp, axis=0), fp[1:] + fp[:-1], dtype=np.float64) / 2
    return 1.0 - lost / (sample.positives * sample.negatives)


def specificity_at(sample: Resampled, sensitivity: float) -> Floats:
    """Return the specificity where each curve reaches a sensitivity in (0, 1], as pROC's `coords` reads it.

    The best one where the curve attains the sensitivity at several points; between two points on the straight line.

    Source: Robin et al., BMC Bioinformatics 2011;12:77.
    """
    _check_share("sensitivity", sensitivity)
    tp, fp = sample.curves
    return 1.0 - _read_at(tp, fp, sensitivity * sample.positives) / sample.negatives


def sensitivity_at(sample: Resampled, specificity: float) -> Floats:
    """Return the sensitivity where each curve has a specificity in (0, 1], as pROC's `coords` reads it.

    The best one where the curve has the specificity at several points; between two points on the straight line.

    Source: Robin et al., BMC Bioinformatics 2011;12:77.
    """
    _check_share("specificity", specificity)
    tp, fp = sample.curves
    # Read from its other end, the curve tells false negatives by true negatives.
    fn, tn = tp[-1] - tp[::-1], fp[-1] - fp[::-1]
    return 1.0 - _read_at(tn, fn, specificity * sample.negatives) / sample.positives


def partial_area(
    sample: Resampled,
    low: float,
    high: float = 1.0,
    focus: Literal["specificity", "sensitivity"] = "specificity",
    corrected: bool = False,
) -> Floats:
    """Return the area under the part of each curve where specificity (or sensitivity) lies in [low, high].

    Args:
        sample: one model's curves.
        low: lower end of the range, in [0, 1).
        high: upper end, in (low, 1].
        focus: which of the two the range is of.
        corrected: rescale so that .5 is the chance line and 1 a perfect curve, whatever the range; NaN for areas
            below the chance line, as in pROC.

    Source: McClish, Medical Decision Making 1989;9:190-195; as `auc(partial.auc=)` of pROC.
    """
    if not 0 <= low < high <= 1:
        raise ValueError(f"a range of {focus} runs from low to high within [0, 1], not from {low} to {high}")
    tp, fp = sample.curves
    # Across runs what the range is of, up runs what the area is under; both rise from 0.
    across, up = (fp, tp) if focus == "specificity" else (tp[-1] - tp[::-1], fp[-1] - fp[::-1])
    width, height = across[-1].astype(np.float64), up[-1].astype(np.float64)
    inside = _area_up_to((1 - low) * width, across, up) - _area_up_to((1 - high) * width, across, up)
    inside /= width * height
    if not corrected:
        return inside
    least, most = (high - low) * (2 - high - low) / 2, high - low
    rescaled: Floats = (1 + (inside - least) / (most - least)) / 2
    return np.where(inside < least - _ROUNDING, np.nan, rescaled)


def average_precision(sample: Resampled) -> Floats:
    """Return the average precision: precision at each threshold, weighted by the sensitivity gained there.

    It is the area under the precision-recall curve without interpolation; of ties only the end counts.

    Source: Davis and Goadrich, ICML 2006 (why not trapezoids); the sum is scikit-learn's `average_precision_score`.
    """
    tp, fp = sample.curves
    called = np.maximum(tp[1:] + fp[1:], 1)  # where no case is called, none is gained either
    precision = np.divide(tp[1:], called, dtype=np.float64)
    return np.einsum("kr,kr->r", np.diff(tp, axis=0), precision) / sample.positives


def counts_at(sample: Resampled, threshold: float) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return (true positives, false positives), each (r,), when a score at or above `threshold` means positive."""
    called, positive = sample.scores >= threshold, sample.labels == 1
    return (
        sample.counts[called & positive].sum(axis=0, dtype=np.int64),
        sample.counts[called & ~positive].sum(axis=0, dtype=np.int64),
    )


def balanced_accuracy_at(sample: Resampled, threshold: float) -> Floats:
    """Return the mean of sensitivity and specificity at a threshold.

    Source: Brodersen et al., ICPR 2010.
    """
    tp, fp = counts_at(sample, threshold)
    return (tp / sample.positives + 1.0 - fp / sample.negatives) / 2


def f1_at(sample: Resampled, threshold: float) -> Floats:
    """Return F1 = 2 tp / (2 tp + fp + fn) at a threshold.

    Source: van Rijsbergen, Information Retrieval, 1979.
    """
    tp, fp = counts_at(sample, threshold)
    return 2.0 * tp / (tp + fp + sample.positives)


def each_replicate(statistic: Callable[..., float]) -> Metric:
    """Turn a function of (labels, scores, sample_weight=counts) into a metric, one call a replicate.

    scikit-learn's metrics have that form: `each_replicate(sklearn.metrics.brier_score_loss)`.
    """

    def metric(sample: Resampled) -> Floats:
        y, s = sample.labels, sample.scores
        return np.array([statistic(y, s, sample_weight=counts) for counts in sample.counts.T], dtype=np.float64)

    return metric


def _read_at(rising: Counts, other: Counts, wanted: ArrayLike) -> Floats:
    """Return `other` (r,) where each curve's `rising` coordinate first reaches `wanted` (r,), on straight lines."""
    wanted = np.asarray(wanted, dtype=np.float64)
    # Where the product should be whole (.95 of 20), rounding must not ask for one case more.
    whole = np.rint(wanted)
    wanted = np.where(np.isclose(wanted, whole, rtol=1e-9, atol=0), whole, wanted)
    after = np.count_nonzero(rising < np.ceil(wanted).astype(rising.dtype), axis=0)
    before, column = np.maximum(after - 1, 0), np.arange(rising.shape[1])
    start, end = rising[before, column].astype(np.float64), rising[after, column]
    low, high = other[before, column].astype(np.float64), other[after, column]
    return low + (wanted - start) / (end - start) * (high - low)


def _area_up_to(bound: Floats, x: Counts, y: Counts) -> Floats:
    """Return the area under lines through points (K + 1, r), x rising from 0, up to a value `bound` (r,) of x."""
    inside = np.less_equal(x, np.floor(bound).astype(x.dtype))
    steps = np.diff(x, axis=0) * inside[1:]
    column = np.arange(x.shape[1])
    last = np.count_nonzero(inside, axis=0) - 1
    after = np.minimum(last + 1, x.shape[0] - 1)
    start, height = x[last, column].astype(np.float64), y[last, column].astype(np.float64)
    beyond = bound - start
    slope = (y[after, column] - height) / np.maximum(x[after, column] - start, 1)
    twice = np.einsum("kr,kr->r", steps, y[1:] + y[:-1], dtype=np.float64)
    return np.asarray(twice / 2 + beyond * (height + slope * beyond / 2))


def _check_share(name: str, share: float) -> None:
    if not 0 < share <= 1:
        raise ValueError(f"a {name} lies in (0, 1], not {share}")
