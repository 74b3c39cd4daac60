"""Several runs of one study: how much seeds and folds matter, and what their models say together.

Scores of runs are (runs, n), the same cases in the same order; probabilities of more classes (runs, n, K).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit, softmax
from scipy.stats import t as student

from BreastFusionLib.errors import InputError
from BreastFusionLib.evaluation.calibration import are_probabilities
from BreastFusionLib.evaluation.calibration_slope import log_odds
from BreastFusionLib.evaluation.intervals import Estimate
from BreastFusionLib.evaluation.recalibration import fitting_rows
from BreastFusionLib.evaluation.roc import auc, checked

__all__ = ["FoldAucs", "GreedyEnsemble", "Spread", "ensemble", "fold_aucs", "greedy_ensemble", "spread"]

Floats = NDArray[np.float64]

_SMALLEST_PROBABILITY = 2.0**-24
# What rounding leaves of runs that are all the same.
_NO_SPREAD = 1e-12


@dataclass(frozen=True)
class Spread:
    """A figure over several runs.

    Attributes:
        mean: with Student's interval of the mean; without one for a single run, or runs that are all the same.
        sd: standard deviation between runs (n - 1); NaN for a single run.
        median: the middle one.
        lowest: of the runs.
        highest: of the runs.
        runs: how many.
        cut: whether an end of the interval lay outside what the figure can be, and was set to that bound.
    """

    mean: Estimate
    sd: float
    median: float
    lowest: float
    highest: float
    runs: int
    cut: bool = False


@dataclass(frozen=True)
class FoldAucs:
    """The AUC of a cross-validation, in both ways in which papers give it.

    Attributes:
        folds: fold -> AUC of its cases.
        mean: their mean, with their spread.
        pooled: of all cases in one ranking; lower than the mean where folds' models are calibrated differently.
    """

    folds: dict[str, float]
    mean: Spread
    pooled: float


@dataclass(frozen=True)
class GreedyEnsemble:
    """Models chosen one after the other, each as often as it helped.

    Attributes:
        weights: (m,) share of each model, adding up to 1.
        chosen: numbers of the models in the order of their choice.
        path: the metric on the validation cases after each choice.
    """

    weights: tuple[float, ...]
    chosen: tuple[int, ...]
    path: tuple[float, ...]

    def __call__(self, scores: ArrayLike) -> Floats:
        """Return the ensemble's scores (n,) from the models' (m, n)."""
        return np.asarray(self.weights) @ np.asarray(scores, dtype=float)


def spread(
    values: ArrayLike,
    test_share: float | None = None,
    level: float = 0.95,
    bounds: tuple[float, float] = (-math.inf, math.inf),
) -> Spread:
    """Return how a figure varies over runs.

    Args:
        values: (runs,) the figure of each run.
        test_share: for folds or repeated splits, test cases over training cases (1 / 9 for ten folds): runs that
            share training cases vary less than new studies would, and the interval is widened for it. None for seeds
            on one split, where the interval says how sure the mean over seeds is, and nothing about other patients.
        level: confidence of the mean's interval.
        bounds: least and largest value that the figure can have, (0, 1) for an AUC. The interval is cut there, as
            pROC cuts DeLong's: no truth lies beyond, so that it holds the truth as often as before. On the logit scale
            it would need no cut, but means of few folds close to 1 get useless lower ends there (folds of 1, 1, 1, 1
            and .9: .41 instead of .90).

    Source: the widening is Nadeau and Bengio, Machine Learning 2003;52:239-281, eq. 2; the cut Robin et al., BMC
    Bioinformatics 2011;12:77.
    """
    v = np.asarray(values, dtype=float)
    if v.ndim != 1 or v.size == 0 or not np.isfinite(v).all():
        raise InputError(f"The spread over runs needs one finite number a run, got {v.tolist()}.")
    mean, sd, cut = Estimate(float(v.mean())), math.nan, False
    # Runs that are all the same have no interval: it would have no width.
    if v.size > 1:
        sd = float(v.std(ddof=1))
    if sd > _NO_SPREAD:
        half = float(student.ppf(0.5 + level / 2, v.size - 1)) * sd * math.sqrt(1 / v.size + (test_share or 0.0))
        low, high = mean.value - half, mean.value + half
        cut = low < bounds[0] or high > bounds[1]
        mean = Estimate(mean.value, max(low, bounds[0]), min(high, bounds[1]))
    return Spread(mean, sd, float(np.median(v)), float(v.min()), float(v.max()), v.size, cut)


def fold_aucs(labels: ArrayLike, scores: ArrayLike, folds: ArrayLike, level: float = 0.95) -> FoldAucs:
    """Return the AUC of each fold, their mean and spread, and the AUC of all cases in one ranking.

    Args:
        labels: (n,) of 0 and 1.
        scores: (n,) each case's score by the model that had not seen it.
        folds: (n,) the fold of each case.
        level: confidence of the mean's interval, which allows for the folds' common training cases and is cut at 0
            and 1.

    Raises:
        InputError: a fold with one class only.

    Source: Airola et al., Computational Statistics & Data Analysis 2011;55:1828-1844 (mean against pooled).
    """
    y, s = checked(labels, scores)
    names = np.asarray(folds).astype(str)
    found = {}
    for name in np.unique(names):
        inside = names == name
        checked(y[inside], s[inside], f"fold {name}")
        found[str(name)] = auc(y[inside], s[inside])
    test_share = 1 / (len(found) - 1) if len(found) > 1 else None
    return FoldAucs(found, spread(list(found.values()), test_share, level, (0.0, 1.0)), auc(y, s))


def ensemble(probabilities: ArrayLike, average: Literal["probability", "logit"] = "probability") -> Floats:
    """Return what several runs say together.

    Args:
        probabilities: (runs, n) of the positive class, or (runs, n, K) of all classes.
        average: 'probability' takes the mean of the probabilities; 'logit' that of the log-odds (of the logarithms,
            made to add up to 1 again, for K classes), in which a very sure run weighs more.

    Returns:
        (n,) or (n, K).

    Raises:
        InputError: scores outside [0, 1].

    Source: Genest and Zidek, Statistical Science 1986;1:114-135 (linear and logarithmic opinion pools).
    """
    p = np.asarray(probabilities, dtype=float)
    if p.ndim not in (2, 3) or not (np.isfinite(p).all() and are_probabilities(p)):
        raise InputError("An ensemble of runs needs probabilities in [0, 1], without gaps, of shape (runs, cases).")
    if average == "probability":
        return p.mean(axis=0)
    if average != "logit":
        raise ValueError(f"average is 'probability' or 'logit', not {average!r}")
    if p.ndim == 2:
        return expit(log_odds(p).mean(axis=0))
    return softmax(np.log(np.maximum(p, _SMALLEST_PROBABILITY)).mean(axis=0), axis=-1)


def greedy_ensemble(
    labels: ArrayLike,
    scores: ArrayLike,
    split: ArrayLike,
    rounds: int = 100,
    start_with: int = 1,
    metric: Callable[[ArrayLike, ArrayLike], float] = auc,
) -> GreedyEnsemble:
    """Choose models greedily on the validation cases; all others are not looked at.

    It begins with the best models; then, round after round, the model is added (again, maybe) whose scores make the
    mean best, the first of equally good ones. The choice ends where the metric was highest, at the earliest such
    round.

    Args:
        labels: (n,) of 0 and 1.
        scores: (m, n), comparable between models: probabilities.
        split: (n,) the split of each case; those of 'validation' are used.
        rounds: most models that are added, repetitions counted.
        start_with: how many of the best models it begins with; more guard against overfitting few cases.
        metric: called as metric(labels, scores); higher is better.

    Raises:
        InputError: no validation cases, one class only.

    Source: Caruana, Niculescu-Mizil, Crew and Ksikes, ICML 2004 (selection with replacement, sorted start).
    """
    rows = fitting_rows(split)
    given = np.atleast_2d(np.asarray(scores, dtype=float))
    y, s = checked(np.asarray(labels)[rows], given[:, rows])
    alone = np.array([metric(y, one) for one in s])
    chosen = np.argsort(-alone, kind="stable")[: max(1, start_with)].tolist()
    total = s[chosen].sum(axis=0)
    begin, path = len(chosen), [metric(y, total / len(chosen))]
    for _ in range(rounds):
        # The mean over the ensemble so far and each candidate.
        found = [metric(y, (total + one) / (len(chosen) + 1)) for one in s]
        best = int(np.argmax(found))
        chosen.append(best)
        path.append(found[best])
        total = total + s[best]
    end = begin + int(np.argmax(path))
    weights = np.bincount(chosen[:end], minlength=len(s)) / end
    return GreedyEnsemble(tuple(weights.tolist()), tuple(chosen[:end]), tuple(path[: end - begin + 1]))
