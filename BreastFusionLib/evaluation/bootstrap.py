"""The stratified, paired bootstrap of ROC statistics, all replicates at once.

A resample is a count for every case. Sorted by score, cumulated counts are the resampled ROC curve, so a replicate
costs two additions a case and no sort; all models see the same resamples, which makes differences paired.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from BreastFusionLib.evaluation.roc import checked

__all__ = ["BootstrapRoc", "bootstrap_confusion", "bootstrap_p_value", "bootstrap_roc"]

Floats = NDArray[np.float64]
Counts = NDArray[np.int32]

# Counts held at once (cases x replicates): small enough for the processor's cache, large enough to amortise calls.
_CELLS_AT_ONCE = 1_000_000


@dataclass(frozen=True)
class BootstrapRoc:
    """Replicates of m models on the same resamples.

    Attributes:
        auc: (m, replicates).
        specificity: sensitivity -> (m, replicates), the specificity where each resampled curve reaches it.
    """

    auc: Floats
    specificity: dict[float, Floats]


def bootstrap_roc(
    labels: ArrayLike,
    scores: ArrayLike,
    sensitivities: Sequence[float] = (0.95,),
    replicates: int = 5000,
    seed: int = 0,
) -> BootstrapRoc:
    """Resample positives and negatives separately, with replacement, and evaluate every model on every resample.

    Args:
        labels: (n,) of 0 and 1.
        scores: (n,) or (m, n).
        sensitivities: where specificities are read, each in (0, 1].
        replicates: number of resamples.
        seed: of the resamples.

    Source: Efron and Tibshirani, An Introduction to the Bootstrap, 1993; stratified as in pROC.
    """
    y, s = checked(labels, scores)
    models = [_Sorted(row[y == 1], row[y == 0]) for row in np.atleast_2d(s)]
    areas = np.empty((len(models), replicates))
    specificity = {wanted: np.empty((len(models), replicates)) for wanted in sensitivities}
    done = 0
    for positive, negative in _resamples(int((y == 1).sum()), int((y == 0).sum()), replicates, seed):
        block = slice(done, done + positive.shape[1])
        for m, model in enumerate(models):
            areas[m, block], found = model.evaluate(positive, negative, sensitivities)
            for wanted, values in found.items():
                specificity[wanted][m, block] = values
        done = block.stop
    return BootstrapRoc(areas, specificity)


def bootstrap_confusion(
    tp: int, fp: int, positives: int, negatives: int, replicates: int = 5000, seed: int = 0
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return (tp, fp) of stratified resamples at a fixed threshold, each (replicates,).

    Drawing cases with replacement within a class makes the count above the threshold binomial, exactly.
    """
    random = np.random.default_rng(seed)
    return (
        random.binomial(positives, tp / positives, replicates),
        random.binomial(negatives, fp / negatives, replicates),
    )


def bootstrap_p_value(differences: Floats) -> float:
    """Return the two-sided P value of 'no difference' from paired bootstrap differences.

    Twice the share of replicates on the far side of 0; the observed one counts among them, so that it is never 0.

    Source: Davison and Hinkley, Bootstrap Methods and their Application, 1997, section 4.
    """
    below = np.count_nonzero(differences <= 0) + 1
    above = np.count_nonzero(differences >= 0) + 1
    return float(min(1.0, 2 * min(below, above) / (differences.size + 1)))


class _Sorted:
    """One model's cases in falling order of score, ready for any resample."""

    def __init__(self, positive_scores: Floats, negative_scores: Floats) -> None:
        self._positive_order = np.argsort(-positive_scores, kind="stable")
        self._negative_order = np.argsort(-negative_scores, kind="stable")
        falling = -positive_scores[self._positive_order]
        negatives = -negative_scores[self._negative_order]
        # For each positive: how many negatives score higher, and how many at least as high.
        self._above = np.searchsorted(negatives, falling, side="left")
        self._through = np.searchsorted(negatives, falling, side="right")
        self._tie_ends = np.append(np.flatnonzero(np.diff(falling)), falling.size - 1)

    def evaluate(
        self, positive: Counts, negative: Counts, sensitivities: Sequence[float]
    ) -> tuple[Floats, dict[float, Floats]]:
        """Return AUC and specificities of resamples; counts are (positives, r) and (negatives, r)."""
        n_positive, n_negative = positive.shape[0], negative.shape[0]
        false_positives = np.zeros((n_negative + 1, negative.shape[1]), dtype=np.int32)
        np.cumsum(negative[self._negative_order], axis=0, out=false_positives[1:])
        weights = positive[self._positive_order]
        outranking = false_positives[self._above] + false_positives[self._through]
        lost = np.einsum("pr,pr->r", weights, outranking, dtype=np.int64) / 2
        area = 1.0 - lost / (n_positive * n_negative)
        true_positives = np.cumsum(weights, axis=0)[self._tie_ends]
        found = {
            wanted: 1.0 - self._crossing(true_positives, false_positives, wanted * n_positive) / n_negative
            for wanted in sensitivities
        }
        return area, found

    def _crossing(self, true_positives: Counts, false_positives: Counts, wanted: float) -> Floats:
        """Return the false positives (r,) where each curve reaches `wanted` true positives, on its straight lines."""
        wanted = round(wanted) if math.isclose(wanted, round(wanted), rel_tol=1e-9) else wanted
        columns = np.arange(true_positives.shape[1])
        after = np.count_nonzero(true_positives < wanted, axis=0)
        tp_after = true_positives[after, columns]
        tp_before = np.where(after > 0, true_positives[after - 1, columns], 0)
        ends = self._tie_ends[after]
        fp_before = false_positives[self._above[ends], columns]
        fp_after = false_positives[self._through[ends], columns]
        return fp_before + (wanted - tp_before) / (tp_after - tp_before) * (fp_after - fp_before)


def _resamples(n_positive: int, n_negative: int, replicates: int, seed: int) -> Iterator[tuple[Counts, Counts]]:
    """Yield counts of positives (n_positive, r) and negatives (n_negative, r), r at a time."""
    random = np.random.default_rng(seed)
    at_once = max(1, _CELLS_AT_ONCE // (n_positive + n_negative))
    for start in range(0, replicates, at_once):
        r = min(at_once, replicates - start)
        yield _draw(random, n_positive, r), _draw(random, n_negative, r)


def _draw(random: np.random.Generator, cases: int, replicates: int) -> Counts:
    """Draw `cases` cases with replacement, for each replicate, as counts (cases, replicates)."""
    drawn = random.integers(0, cases, size=(cases, replicates), dtype=np.uint32).astype(np.int64)
    cells = drawn * replicates + np.arange(replicates)
    return np.bincount(cells.ravel(), minlength=cases * replicates).reshape(cases, replicates).astype(np.int32)
