"""Tests of two models on the same cases that need no ROC curve, and tests against a margin."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtr, ndtri

from BreastFusionLib.errors import InputError
from BreastFusionLib.evaluation.roc import checked

__all__ = [
    "MarginTest",
    "McNemar",
    "SignedRank",
    "mcnemar",
    "mcnemar_at",
    "noninferiority",
    "superiority",
    "wilcoxon_signed_rank",
]


@dataclass(frozen=True)
class McNemar:
    """Paired decisions of two models.

    Attributes:
        only_first: cases that only the first decides rightly.
        only_second: cases that only the second decides rightly.
        p_exact: two-sided P value of the binomial test, right for any number of cases.
        statistic: chi-squared with continuity correction, 1 degree of freedom.
        p_corrected: its P value, as R's `mcnemar.test` prints it; close to the exact one from 25 cases on.
    """

    only_first: int
    only_second: int
    p_exact: float
    statistic: float
    p_corrected: float


@dataclass(frozen=True)
class SignedRank:
    """Wilcoxon's signed-rank test of two models' paired values.

    Attributes:
        n: pairs that differ; the others are left out.
        statistic: sum of the ranks of positive differences, first minus second.
        median: median of all differences.
        p: two-sided P value; 1 when no pair differs.
    """

    n: int
    statistic: float
    median: float
    p: float


@dataclass(frozen=True)
class MarginTest:
    """A difference against a margin.

    Attributes:
        holds: whether the claim is shown at the test's level.
        p: one-sided P value.
        bound: lower end of the one-sided interval of the difference, to be compared with `limit`.
        limit: the value that the difference must lie above.
    """

    holds: bool
    p: float
    bound: float
    limit: float


def mcnemar(only_first: int, only_second: int) -> McNemar:
    """Test whether two models decide rightly equally often, from the cases on which only one of them is right.

    Args:
        only_first: cases that only the first decides rightly.
        only_second: cases that only the second decides rightly.

    Source: McNemar, Psychometrika 1947;12:153-157; Edwards, Psychometrika 1948;13:185-187 (continuity correction).
    """
    from scipy.stats import binomtest, chi2

    differing = only_first + only_second
    if differing == 0:
        return McNemar(0, 0, 1.0, 0.0, 1.0)
    exact = float(binomtest(only_first, differing).pvalue)
    statistic = 0.0 if only_first == only_second else (abs(only_first - only_second) - 1) ** 2 / differing
    return McNemar(only_first, only_second, exact, statistic, float(chi2.sf(statistic, 1)))


def mcnemar_at(
    labels: ArrayLike,
    first: ArrayLike,
    second: ArrayLike,
    thresholds: tuple[float, float] = (0.5, 0.5),
    among: Literal["all", "positives", "negatives"] = "all",
) -> McNemar:
    """Test whether two models differ in accuracy, sensitivity or specificity at their thresholds.

    Args:
        labels: (n,) of 0 and 1.
        first: scores (n,) of the first model.
        second: scores (n,) of the second.
        thresholds: of the two models; a score at or above it means positive.
        among: 'all' cases (accuracy), 'positives' (sensitivity) or 'negatives' (specificity).

    Source: as `mcnemar`.
    """
    y, scores = checked(labels, np.stack([np.asarray(first, dtype=float), np.asarray(second, dtype=float)]))
    right = (scores >= np.asarray(thresholds)[:, None]) == (y == 1)
    if among != "all":
        right = right[:, y == (among == "positives")]
    return mcnemar(int((right[0] & ~right[1]).sum()), int((~right[0] & right[1]).sum()))


def wilcoxon_signed_rank(first: ArrayLike, second: ArrayLike, labels: ArrayLike | None = None) -> SignedRank:
    """Test whether paired values of two models are shifted against each other.

    Without labels the values are compared as they are: one number a fold or a seed (AUCs), or one a case (scores, as
    in wimmer2021). Scores of cases can be shifted without either model being better; with labels it is therefore the
    distance of each score from its label that is compared, so that a negative median speaks for the first model.

    Args:
        first: (n,) values of the first model.
        second: (n,) values of the second, of the same cases, folds or seeds.
        labels: (n,) of 0 and 1, for probabilities of cases.

    Source: Wilcoxon, Biometrics Bulletin 1945;1:80-83 (equal pairs left out); exact up to 50 pairs without ties,
        otherwise the normal approximation with its correction for ties, as `scipy.stats.wilcoxon` does.
    """
    a, b = np.asarray(first, dtype=float), np.asarray(second, dtype=float)
    if a.ndim != 1 or a.shape != b.shape or not (np.isfinite(a).all() and np.isfinite(b).all()):
        raise InputError("Wilcoxon's test needs one finite value of each model for every case, fold or seed.")
    if labels is not None:
        y, scores = checked(labels, np.stack([a, b]))
        a, b = np.abs(scores - y)
    difference = a - b
    differing = difference[difference != 0]
    median = float(np.median(difference)) if difference.size else math.nan
    if differing.size == 0:
        return SignedRank(0, 0.0, median, 1.0)
    from scipy.stats import rankdata, wilcoxon

    sizes = np.abs(differing)
    # The exact distribution knows no ties.
    untied = np.unique(sizes).size == sizes.size
    p = wilcoxon(differing, method="exact" if untied and sizes.size <= 50 else "approx").pvalue
    return SignedRank(sizes.size, float(rankdata(sizes)[differing > 0].sum()), median, float(p))


def noninferiority(delta: float, error: float, margin: float, level: float = 0.95) -> MarginTest:
    """Test whether the first model is worse than the second by less than a margin.

    Args:
        delta: value of the first model minus value of the second (`PairedTest.delta.value`).
        error: standard error of the difference (`PairedTest.error`).
        margin: largest loss that does not matter, above 0, set before the study.
        level: confidence of the two-sided interval whose lower end decides (one-sided level .025 at .95).

    Source: Piaggio et al. (CONSORT), JAMA 2012;308:2594-2604.
    """
    return _against(delta, error, -_checked_margin(margin), level)


def superiority(delta: float, error: float, margin: float = 0.0, level: float = 0.95) -> MarginTest:
    """Test whether the first model is better than the second, by more than a margin where one is given.

    The arguments are those of `noninferiority`; a margin of 0 asks for any gain.

    Source: Piaggio et al. (CONSORT), JAMA 2012;308:2594-2604.
    """
    return _against(delta, error, margin and _checked_margin(margin), level)


def _against(delta: float, error: float, limit: float, level: float) -> MarginTest:
    if not error > 0:  # a difference whose scatter is not known proves nothing
        return MarginTest(False, math.nan, math.nan, limit)
    bound = delta - float(ndtri(0.5 + level / 2)) * error
    return MarginTest(bound > limit, float(ndtr((limit - delta) / error)), bound, limit)


def _checked_margin(margin: float) -> float:
    if not (math.isfinite(margin) and margin > 0):
        raise InputError(f"A margin is a difference above 0, in the statistic's own units; {margin} is not.")
    return margin
