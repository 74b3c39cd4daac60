"""Several classes: one-vs-rest and macro figures, agreement and discrimination of ordered classes, the ODELIA score.

Labels are 0 .. K-1, in the order of severity where classes have one; probabilities are (n, K). Intervals of AUCs of
single classes are DeLong's, those of rates Wilson's, all others bootstrap percentiles: cases are drawn with
replacement within their class. Where patients are named, all intervals are those of clustered cases.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from BreastFusionLib.errors import InputError, first_few
from BreastFusionLib.evaluation.clustered import clustered_delong, clustered_proportion
from BreastFusionLib.evaluation.delong import DeLong, delong_areas
from BreastFusionLib.evaluation.intervals import Estimate, percentile_interval, wilson
from BreastFusionLib.evaluation.measures import area, sensitivity_at, specificity_at
from BreastFusionLib.evaluation.resampled import Ranking, Resampled
from BreastFusionLib.evaluation.resampling import Resamples, cluster_index

__all__ = [
    "ClassReport",
    "OdeliaScore",
    "class_confusion",
    "class_report",
    "expected_class",
    "macro_auc",
    "odelia_score",
    "ordinal_c_index",
    "weighted_kappa",
]

Floats = NDArray[np.float64]
Labels = NDArray[np.int64]

_ODELIA_AT = 0.9


@dataclass(frozen=True)
class OdeliaScore:
    """The score of the ODELIA challenge of 2025, and the three figures that it is the mean of.

    Each is itself the mean over the classes, one class against all others.

    Attributes:
        score: mean of the three.
        auc: macro AUC.
        specificity: at 90 % sensitivity.
        sensitivity: at 90 % specificity.
    """

    score: Estimate
    auc: Estimate
    specificity: Estimate
    sensitivity: Estimate


@dataclass(frozen=True, eq=False)
class ClassReport:
    """What a model of K classes does.

    Attributes:
        classes: their names.
        confusion: (K, K) counts, rows the truth, columns the class of the largest probability.
        accuracy: share of right decisions.
        recall: class -> share of its cases that were found.
        precision: class -> share of right ones among the cases called so.
        auc: class -> AUC against all other classes.
        odelia: macro AUC and what the challenge adds to it.
        ordinal_c_index: of ordered classes, else None.
        kappa: linearly weighted, of ordered classes, else None.
    """

    classes: tuple[str, ...]
    confusion: Labels
    accuracy: Estimate
    recall: dict[str, Estimate]
    precision: dict[str, Estimate]
    auc: dict[str, Estimate]
    odelia: OdeliaScore
    ordinal_c_index: Estimate | None = None
    kappa: Estimate | None = None


def class_report(
    labels: ArrayLike,
    probabilities: ArrayLike,
    classes: Sequence[str] | None = None,
    ordered: bool = True,
    patients: ArrayLike | None = None,
    replicates: int = 2000,
    seed: int = 0,
    level: float = 0.95,
) -> ClassReport:
    """Return all figures of a model of several classes.

    Args:
        labels: (n,) 0 .. K-1, each class at least once.
        probabilities: (n, K).
        classes: K names; by default '0', '1', ..
        ordered: whether the classes rise in severity, as normal, benign, malignant do.
        patients: (n,) names, when patients have several cases.
        replicates: number of bootstrap resamples; 0 for none.
        seed: of the resamples.
        level: confidence.

    Raises:
        InputError: labels outside 0 .. K-1, a class without cases, probabilities that are not finite.
    """
    y, p = _checked(labels, probabilities)
    k = p.shape[1]
    names = tuple(str(number) for number in range(k)) if classes is None else tuple(classes)
    if len(names) != k:
        raise InputError(f"{len(names)} class names ({first_few(names)}), but probabilities of {k} classes.")
    statistics = _statistics(y, p, ordered)
    # Value 0 is that of the cases as they are, all others those of resamples.
    weightings = [np.ones((y.size, 1), dtype=np.int32), *_class_resamples(y, patients, replicates, seed)]
    found = {}
    for name, statistic in statistics.items():
        values = np.concatenate([statistic(counts) for counts in weightings])
        found[name] = percentile_interval(float(values[0]), values[1:], level)
    called = p.argmax(axis=1)
    share = _share_of_right(called == y, patients, level)
    return ClassReport(
        classes=names,
        confusion=class_confusion(y, p),
        accuracy=share(np.ones(y.size, dtype=bool)),
        recall={name: share(y == i) for i, name in enumerate(names)},
        precision={name: share(called == i) for i, name in enumerate(names)},
        auc={name: _area(y == i, p[:, i], patients).interval(0, level) for i, name in enumerate(names)},
        odelia=OdeliaScore(found["score"], found["auc"], found["specificity"], found["sensitivity"]),
        ordinal_c_index=found.get("ordinal_c_index"),
        kappa=found.get("kappa"),
    )


def macro_auc(labels: ArrayLike, probabilities: ArrayLike) -> float:
    """Return the mean of the AUCs of each class against all others, classes counting alike.

    Source: Fawcett, Pattern Recognition Letters 2006;27:861-874, section 9, without its weights.
    """
    return odelia_score(labels, probabilities).auc.value


def odelia_score(labels: ArrayLike, probabilities: ArrayLike) -> OdeliaScore:
    """Return the score of the ODELIA challenge, without intervals (`class_report` has them).

    The mean of macro AUC, specificity at 90 % sensitivity and sensitivity at 90 % specificity. The operating points
    too are means over the classes, each against all others, and read off its ROC curve on straight lines.

    Args:
        labels: (n,) 0 .. K-1: normal, benign, malignant.
        probabilities: (n, K).
    """
    y, p = _checked(labels, probabilities)
    once = np.ones((y.size, 1), dtype=np.int32)
    found = {name: Estimate(float(of(once)[0])) for name, of in _statistics(y, p, ordered=False).items()}
    return OdeliaScore(found["score"], found["auc"], found["specificity"], found["sensitivity"])


def class_confusion(labels: ArrayLike, probabilities: ArrayLike) -> Labels:
    """Return counts (K, K), rows the truth, columns the class of the largest probability (the first of equal ones)."""
    y, p = _checked(labels, probabilities)
    k = p.shape[1]
    return np.bincount(y * k + p.argmax(axis=1), minlength=k * k).reshape(k, k)


def expected_class(probabilities: ArrayLike) -> Floats:
    """Return the mean of the class numbers, weighted by their probabilities: one score (n,) of ordered classes.

    Rounded to 12 digits, so that cases with equal probabilities in another order of summation stay tied.
    """
    p = np.asarray(probabilities, dtype=float)
    return np.round(p @ np.arange(p.shape[1]), 12)


def ordinal_c_index(labels: ArrayLike, scores: ArrayLike) -> float:
    """Return how well a score orders cases of ordered classes: the mean AUC over all pairs of classes.

    It is the probability that of two cases of two different classes, the classes drawn alike, the one of the higher
    class has the higher score; .5 is chance. For two classes it is the AUC.

    Args:
        labels: (n,) 0 .. K-1, at least two of them occurring.
        scores: (n,) one number a case; of class probabilities the `expected_class`.

    Source: Van Calster, Van Belle, Vergouwe and Steyerberg, Biometrical Journal 2012;54:674-685 (the ORC).
    """
    y, s = np.asarray(labels), np.asarray(scores, dtype=float)
    return float(_ordinal(y, s)(np.ones((y.size, 1), dtype=np.int32))[0])


def weighted_kappa(confusion: ArrayLike) -> float:
    """Return Cohen's kappa with linear weights: confusing neighbouring classes counts less than distant ones.

    Args:
        confusion: (K, K) counts of ordered classes.

    Sources: Cohen, Psychological Bulletin 1968;70:213-220; Cicchetti and Allison, American Journal of EEG Technology
    1971;11:101-110 (the linear weights).
    """
    return float(_kappa(np.asarray(confusion, dtype=float)[..., None])[0])


def _share_of_right(
    right: NDArray[np.bool_], patients: ArrayLike | None, level: float
) -> Callable[[NDArray[np.bool_]], Estimate]:
    """Return what gives the share of right decisions among some of the cases."""
    if patients is not None:
        return lambda among: clustered_proportion(right, patients, level, among)
    return lambda among: wilson(int(right[among].sum()), int(among.sum()), level)


def _area(labels: NDArray[np.bool_], scores: Floats, patients: ArrayLike | None) -> DeLong:
    return delong_areas(labels, scores) if patients is None else clustered_delong(labels, scores, patients)


Statistic = Callable[[NDArray[np.signedinteger]], Floats]
"""Counts (n, r) of the cases -> (r,) values."""


def _statistics(y: Labels, p: Floats, ordered: bool) -> dict[str, Statistic]:
    """Return what is computed alike for the cases as they are and for every resample."""
    rankings = [Ranking((y == k).astype(np.int8), p[:, k]) for k in range(p.shape[1])]

    def macro(read: Callable[[Resampled], Floats]) -> Statistic:
        return lambda counts: np.mean([read(Resampled(ranking, counts)) for ranking in rankings], axis=0)

    parts = {
        "auc": macro(area),
        "specificity": macro(lambda sample: specificity_at(sample, _ODELIA_AT)),
        "sensitivity": macro(lambda sample: sensitivity_at(sample, _ODELIA_AT)),
    }
    found: dict[str, Statistic] = {
        **parts,
        "score": lambda counts: np.mean([f(counts) for f in parts.values()], axis=0),
    }
    if ordered:
        found["ordinal_c_index"] = _ordinal(y, expected_class(p))
        k = p.shape[1]
        cells = np.eye(k * k)[y * k + p.argmax(axis=1)].T
        found["kappa"] = lambda counts: _kappa((cells @ counts).reshape(k, k, -1))
    return found


def _ordinal(y: Labels, scores: Floats) -> Statistic:
    pairs = []
    for low, high in itertools.combinations(np.unique(y), 2):
        rows = np.flatnonzero((y == low) | (y == high))
        pairs.append((rows, Ranking((y[rows] == high).astype(np.int8), scores[rows])))
    return lambda counts: np.mean([area(Resampled(ranking, counts[rows])) for rows, ranking in pairs], axis=0)


def _kappa(confusion: Floats) -> Floats:
    """Return linearly weighted kappa (r,) of confusion matrices (K, K, r); NaN where no disagreement is expected."""
    k = confusion.shape[0]
    distance = np.abs(np.arange(k)[:, None] - np.arange(k))
    total = confusion.sum(axis=(0, 1))
    truth, called = confusion.sum(axis=1), confusion.sum(axis=0)
    seen = np.einsum("ij,ijr->r", distance, confusion) * total
    expected = np.einsum("ij,ir,jr->r", distance, truth, called)
    return 1.0 - np.divide(seen, expected, out=np.full_like(seen, np.nan), where=expected > 0)


def _class_resamples(y: Labels, patients: ArrayLike | None, replicates: int, seed: int) -> Resamples:
    """Draw cases within their class, or patients among those with the same highest class."""
    unit, highest = None, y
    if patients is not None:
        unit = cluster_index(patients, y.size)
        highest = np.zeros(unit.max() + 1, dtype=np.int64)
        np.maximum.at(highest, unit, y)
    strata = tuple(np.flatnonzero(highest == k) for k in np.unique(highest))
    return Resamples(strata, unit, replicates, seed, np.int32)


def _checked(labels: ArrayLike, probabilities: ArrayLike) -> tuple[Labels, Floats]:
    y, p = np.asarray(labels), np.asarray(probabilities, dtype=float)
    if p.ndim != 2 or y.shape != p.shape[:1] or p.shape[1] < 2:
        raise InputError(f"{y.size} labels, but probabilities of shape {p.shape}: one row a case, one column a class.")
    classes = range(p.shape[1])
    odd = sorted(set(np.unique(y).tolist()) - set(classes))
    if odd:
        raise InputError(f"Labels of {len(classes)} classes are 0 to {len(classes) - 1}, found {first_few(odd)}.")
    absent = sorted(set(classes) - set(np.unique(y).tolist()))
    if absent:
        raise InputError(f"None of the {y.size} cases is of class {first_few(absent)}: nothing can be said about it. "
                         "Evaluate cases of all classes, or leave the class out.")  # fmt: skip
    bad = int(np.count_nonzero(~np.isfinite(p).all(axis=1)))
    if bad:
        raise InputError(f"The probabilities of {bad} of {y.size} cases are NaN or infinite. "
                         "Find out why the model failed on those cases, or leave them out.")  # fmt: skip
    return y.astype(np.int64), p
