"""The thresholds that a curve itself suggests: Youden's, and the one closest to the perfect corner.

Both are chosen on the cases that they are then described on, and are too good by that: choose thresholds on validation
cases, and read these as properties of the curve.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from BreastFusionLib.evaluation.bootstrap import Bootstrap, bootstrap_metrics
from BreastFusionLib.evaluation.intervals import Estimate
from BreastFusionLib.evaluation.measures import Metric
from BreastFusionLib.evaluation.resampled import Resampled, observed
from BreastFusionLib.evaluation.roc import Floats

__all__ = ["OperatingPoint", "Rule", "best_points", "closest_point", "operating_point_intervals", "youden_point"]

Rule = Literal["youden", "closest"]
_FIELDS = ("threshold", "sensitivity", "specificity")


@dataclass(frozen=True)
class OperatingPoint:
    """A point of the ROC curve: a score at or above `threshold` means positive."""

    threshold: float
    sensitivity: float
    specificity: float

    @property
    def youden(self) -> float:
        """Youden's index, sensitivity + specificity - 1."""
        return self.sensitivity + self.specificity - 1


def youden_point(labels: ArrayLike, scores: ArrayLike) -> OperatingPoint:
    """Return the point with the largest sensitivity + specificity; of equals the most sensitive one.

    Source: Youden, Cancer 1950;3:32-35.
    """
    return _point(labels, scores, "youden")


def closest_point(labels: ArrayLike, scores: ArrayLike) -> OperatingPoint:
    """Return the point closest to sensitivity 1 and specificity 1; of equals the most sensitive one.

    Source: Perkins and Schisterman, Am J Epidemiol 2006;163:670-675 (who prefer Youden's); as pROC's
        `best.method="closest.topleft"`.
    """
    return _point(labels, scores, "closest")


def best_points(sample: Resampled, rule: Rule) -> tuple[Floats, Floats, Floats]:
    """Return thresholds, sensitivities and specificities, each (r,), of the best point of each curve."""
    tp, fp = sample.curves
    positives, negatives = sample.positives, sample.negatives
    # In whole numbers, so that equally good points are seen as equal; in short ones where they fit, which is faster.
    fits = 2 * int(positives.max()) * int(negatives.max()) < np.iinfo(np.int32).max  # both losses are added
    number = np.float64 if rule == "closest" else np.int32 if fits else np.int64
    loss = np.multiply(fp, positives.astype(number))
    misses = np.multiply(tp[-1] - tp, negatives.astype(number))
    if rule == "closest":
        np.square(loss, out=loss)
        np.square(misses, out=misses)
    loss += misses
    last = loss.shape[0] - 1
    best: NDArray[np.intp] = last - np.argmin(loss[::-1], axis=0)
    column = np.arange(best.size)
    return sample.thresholds[best], tp[best, column] / positives, 1.0 - fp[best, column] / negatives


def operating_point_intervals(
    labels: ArrayLike,
    scores: ArrayLike,
    rule: Rule = "youden",
    replicates: int = 5000,
    seed: int = 0,
    clusters: ArrayLike | None = None,
    level: float = 0.95,
) -> list[dict[str, Estimate]]:
    """Return threshold, sensitivity and specificity of each model's best point, with percentile intervals.

    Every replicate chooses its own best point, so that the intervals hold the uncertainty of the choice. A threshold
    may be infinite, when nothing should be called positive.

    Args:
        labels: (n,) of 0 and 1.
        scores: (n,) or (m, n).
        rule: 'youden' or 'closest'.
        replicates: number of resamples.
        seed: of the resamples.
        clusters: (n,) patient of each case, for patients with several cases.
        level: confidence.
    """
    metrics: dict[str, Metric] = {name: partial(_field, rule=rule, field=f) for f, name in enumerate(_FIELDS)}
    found: Bootstrap = bootstrap_metrics(labels, scores, metrics, replicates, seed, clusters)
    models = range(found.values["threshold"].size)
    return [{name: found.interval(name, model, level) for name in _FIELDS} for model in models]


def _field(sample: Resampled, rule: Rule, field: int) -> Floats:
    return best_points(sample, rule)[field]


def _point(labels: ArrayLike, scores: ArrayLike, rule: Rule) -> OperatingPoint:
    return OperatingPoint(*(float(values[0]) for values in best_points(observed(labels, scores), rule)))
