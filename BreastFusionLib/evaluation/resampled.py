"""One model's cases under many weightings at once: the ROC curves of a block of bootstrap replicates.

The cases are sorted once. Every weighting (how often each case counts) then gives its curve by sums over the sorted
cases: no replicate sorts again, and a statistic written once for curves serves the observed table and all replicates.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_matrix

from BreastFusionLib.evaluation.resampling import Counts
from BreastFusionLib.evaluation.roc import Floats, checked

__all__ = ["Ranking", "Resampled", "observed"]


class Ranking:
    """A model's cases in falling order of score, cut into the steps of its ROC curve.

    Tied cases are one step, and so are neighbouring negatives: on the straight line between them nothing that is read
    from a curve can turn.

    Attributes:
        labels: (n,) 0 or 1.
        scores: (n,).
        thresholds: (K + 1,) falling: the lowest score of each step, after an infinite one.
    """

    def __init__(self, labels: NDArray[np.int8], scores: Floats) -> None:
        self.labels, self.scores = labels, scores
        order = np.argsort(-scores, kind="stable")
        y, s = labels[order], scores[order]
        ends = np.append(np.flatnonzero(np.diff(s)), s.size - 1) + 1
        has_positives = np.diff(np.cumsum(y, dtype=np.int64)[ends - 1], prepend=0) > 0
        ends = ends[np.append(has_positives[:-1] | has_positives[1:], True)]
        self.thresholds = np.concatenate(([np.inf], s[ends - 1]))
        self._positives = _sums(order, y == 1, ends)
        self._negatives = _sums(order, y == 0, ends)

    def cumulated(self, counts: Counts) -> tuple[Counts, Counts]:
        """Return true and false positives (K + 1, r) at the thresholds, of cases counted `counts` (n, r) times."""
        rows = self.thresholds.size
        return _cumulated(self._positives, counts, rows), _cumulated(self._negatives, counts, rows)


@dataclass(frozen=True)
class Resampled:
    """One model's cases under r weightings: what a bootstrap metric is computed from.

    Attributes:
        ranking: of the model, shared by all blocks of replicates.
        counts: (n, r) how often each case counts.
    """

    ranking: Ranking
    counts: Counts

    @property
    def labels(self) -> NDArray[np.int8]:
        """Labels (n,) of the cases, 0 or 1."""
        return self.ranking.labels

    @property
    def scores(self) -> Floats:
        """Scores (n,) of the cases."""
        return self.ranking.scores

    @property
    def thresholds(self) -> Floats:
        """The thresholds (K + 1,) of the curves, falling from infinity."""
        return self.ranking.thresholds

    @cached_property
    def curves(self) -> tuple[Counts, Counts]:
        """True and false positives, each (K + 1, r), at or above each threshold."""
        return self.ranking.cumulated(self.counts)

    @property
    def positives(self) -> NDArray[np.int64]:
        """Positives (r,) of each weighting."""
        return self.curves[0][-1].astype(np.int64)

    @property
    def negatives(self) -> NDArray[np.int64]:
        """Negatives (r,) of each weighting."""
        return self.curves[1][-1].astype(np.int64)


def observed(labels: ArrayLike, scores: ArrayLike) -> Resampled:
    """Return the table itself, as a single weighting in which each case counts once."""
    y, s = checked(labels, scores)
    return Resampled(Ranking(y, s), np.ones((y.size, 1), dtype=np.int32))


def _sums(order: NDArray[np.intp], chosen: NDArray[np.bool_], ends: NDArray[np.intp]) -> csr_matrix:
    """Return the matrix that sums over the chosen cases of each step: an empty row, K rows, and a few empty ones.

    Rows are filled up to a multiple of their square root, as `_cumulated` wants them.
    """
    cases = order[chosen].astype(np.int32)
    rows = ends.size + 1
    rows += -rows % math.isqrt(rows)
    starts = np.full(rows + 1, cases.size, dtype=np.int32)
    starts[:2] = 0
    starts[2 : ends.size + 2] = np.cumsum(chosen)[ends - 1]
    return csr_matrix((np.ones(cases.size, dtype=np.int8), cases, starts), shape=(rows, order.size))


def _cumulated(sums: csr_matrix, counts: Counts, rows: int) -> Counts:
    """Return running totals (rows, r) of the steps' sums, the first one 0.

    `np.cumsum` goes down column by column, five times slower than adding rows: within groups of rows, all groups at
    once, and then from each group to the next.
    """
    total: Counts = sums @ counts
    groups = total.reshape(-1, math.isqrt(rows), counts.shape[1])
    for row in range(1, groups.shape[1]):
        groups[:, row] += groups[:, row - 1]
    for group in range(1, groups.shape[0]):
        groups[group] += groups[group - 1, -1]
    return total[:rows]
