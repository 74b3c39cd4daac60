"""Bootstrap resamples as counts: how often each case was drawn, for many replicates at once.

Cases are drawn with replacement within their class; where patients have several cases, patients are drawn instead and
bring all their cases along. Replicates come in blocks, each with its own stream of random numbers, so that the result
depends on the seed and not on how many threads work on it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from BreastFusionLib.errors import InputError

__all__ = ["Resamples", "case_resamples", "cluster_index", "cluster_resamples"]

Counts = NDArray[np.int16] | NDArray[np.int32]

# Cells (cases x replicates) of a block, and of the part of it that is counted at once: both measured, both cache sizes.
_CELLS_OF_BLOCK = 2_500_000
_CELLS_AT_ONCE = 200_000
_LARGEST_BLOCK = 1000


@dataclass(frozen=True)
class Resamples:
    """Replicates of n cases, drawn when they are asked for.

    Attributes:
        strata: unit numbers, one array a stratum; within each, units are drawn with replacement.
        unit_of_case: (n,) the unit that brings a case along; None where the cases themselves are drawn.
        replicates: how many.
        seed: of all of them.
        count_type: the smallest integer that holds twice the sum of a replicate's counts.
    """

    strata: tuple[NDArray[np.intp], ...]
    unit_of_case: NDArray[np.intp] | None
    replicates: int
    seed: int
    count_type: type[np.signedinteger]

    @property
    def units(self) -> int:
        """How many cases, or patients, are drawn for a replicate."""
        return sum(stratum.size for stratum in self.strata)

    def blocks(self) -> list[slice]:
        """Return which replicates are drawn together."""
        cases = self.units if self.unit_of_case is None else self.unit_of_case.size
        at_once = min(_LARGEST_BLOCK, max(1, _CELLS_OF_BLOCK // cases))
        return [slice(start, min(start + at_once, self.replicates)) for start in range(0, self.replicates, at_once)]

    def draw(self, block: slice) -> Counts:
        """Return the counts (n, r) of one of `blocks()`; the same block always gives the same counts."""
        random = np.random.default_rng([self.seed, block.start])
        r = block.stop - block.start
        counts = np.empty((self.units, r), dtype=self.count_type)
        for stratum in self.strata:
            counts[stratum] = _draw(random, stratum.size, r, self.count_type)
        return counts if self.unit_of_case is None else counts[self.unit_of_case]

    def __iter__(self) -> Iterator[Counts]:
        """Yield all counts, (n, r) at a time."""
        return map(self.draw, self.blocks())


def case_resamples(labels: ArrayLike, replicates: int, seed: int = 0) -> Resamples:
    """Draw cases, positives and negatives separately.

    Args:
        labels: (n,) of 0 and 1.
        replicates: how many resamples.
        seed: of the random numbers.

    Source: Efron and Tibshirani, An Introduction to the Bootstrap, 1993; stratified as in pROC.
    """
    y = np.asarray(labels)
    strata = (np.flatnonzero(y == 1), np.flatnonzero(y != 1))
    return Resamples(strata, None, replicates, seed, _count_type(y.size))


def cluster_resamples(labels: ArrayLike, clusters: ArrayLike, replicates: int, seed: int = 0) -> Resamples:
    """Draw clusters (patients) with all their cases, those with and those without a positive case separately.

    Numbers of cases differ between replicates; a replicate can lack negatives when hardly a patient has only
    negatives, and its statistics are NaN then.

    Args:
        labels: (n,) of 0 and 1.
        clusters: (n,) which cases belong together, any names.
        replicates: how many resamples.
        seed: of the random numbers.

    Source: Davison and Hinkley, Bootstrap Methods and their Application, 1997, section 3.8 (resampling clusters
    whole); Rutter, Academic Radiology 2000;7:413-419 (for ROC curves).
    """
    y = np.asarray(labels)
    cluster = cluster_index(clusters, y.size)
    sizes = np.bincount(cluster)
    has_positive = np.bincount(cluster, weights=y == 1) > 0
    strata = tuple(s for s in (np.flatnonzero(has_positive), np.flatnonzero(~has_positive)) if s.size)
    return Resamples(strata, cluster, replicates, seed, _count_type(int(sizes.max()) * sizes.size))


def cluster_index(clusters: ArrayLike, n: int) -> NDArray[np.intp]:
    """Return (n,) numbers 0.. of the clusters that `clusters` names.

    Raises:
        InputError: when there is not one name a case.
    """
    names = np.asarray(clusters)
    if names.shape != (n,):
        raise InputError(f"{names.size} patient ids for {n} cases: one patient_id a case is needed.")
    return np.unique(names.astype(str) if names.dtype == object else names, return_inverse=True)[1]


def _draw(random: np.random.Generator, units: int, replicates: int, count_type: type[np.signedinteger]) -> Counts:
    """Draw `units` of `units` with replacement, for each replicate, as counts (units, replicates)."""
    counts = np.empty((units, replicates), dtype=count_type)
    at_once = max(1, _CELLS_AT_ONCE // units)
    for start in range(0, replicates, at_once):
        r = min(at_once, replicates - start)
        cells = random.integers(0, units, size=(units, r))
        cells *= r
        cells += np.arange(r)
        counts[:, start : start + r] = np.bincount(cells.ravel(), minlength=units * r).reshape(units, r)
    return counts


def _count_type(largest_total: int) -> type[np.signedinteger]:
    return np.int16 if 2 * largest_total < np.iinfo(np.int16).max else np.int32
