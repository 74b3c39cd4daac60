"""Several classes: one-vs-rest and macro figures, agreement and discrimination of ordered classes, the ODELIA score.

Labels are 0 .. K-1, in the order of severity where classes have one; probabilities are (n, K). The same figures with
their intervals are in `class_report`.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from BreastFusionLib.errors import InputError, first_few
from BreastFusionLib.evaluation.intervals import Estimate
from BreastFusionLib.evaluation.measures import area, sensitivity_at, specificity_at
from BreastFusionLib.evaluation.resampled import Ranking, Resampled

__all__ = [
    "ClassFigures",
    "OdeliaScore",
    "checked_classes",
    "class_confusion",
    "expected_class",
    "macro_auc",
    "odelia_score",
    "ordinal_c_index",
    "weighted_kappa",
]

Floats = NDArray[np.float64]
Labels = NDArray[np.int64]

ODELIA_AT = 0.9


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


class ClassFigures:
    """What is computed alike for a model's cases as they are and for every resample of them."""

    def __init__(self, labels: Labels, probabilities: Floats, ordered: bool) -> None:
        """Rank the cases once.

        Args:
            labels: (n,) 0 .. K-1, each class at least once.
            probabilities: (n, K).
            ordered: whether the ordinal c-index and weighted kappa mean anything.
        """
        k = probabilities.shape[1]
        self._classes = [Ranking((labels == one).astype(np.int8), probabilities[:, one]) for one in range(k)]
        self._ordinal = _Ordinal(labels, expected_class(probabilities)) if ordered else None
        self._cells = np.eye(k * k)[labels * k + probabilities.argmax(axis=1)].T

    def __call__(self, counts: NDArray[np.signedinteger]) -> dict[str, Floats]:
        """Return the figures of cases that count `counts` (n, r) times, each (r,); NaN where a class is missing.

        'auc/<k>' of class k against the rest, their mean 'auc', 'specificity' and 'sensitivity' as `OdeliaScore` has
        them, 'score'; of ordered classes 'ordinal_c_index' and 'kappa'.
        """
        # A resample of patients can lack a class: its figures are NaN, without a warning for each.
        with np.errstate(invalid="ignore", divide="ignore"):
            samples = [Resampled(ranking, counts) for ranking in self._classes]
            areas = [area(sample) for sample in samples]
            parts = {
                "auc": np.mean(areas, axis=0),
                "specificity": np.mean([specificity_at(sample, ODELIA_AT) for sample in samples], axis=0),
                "sensitivity": np.mean([sensitivity_at(sample, ODELIA_AT) for sample in samples], axis=0),
            }
            found = {**parts, "score": np.mean(list(parts.values()), axis=0)}
            found |= {f"auc/{number}": of_class for number, of_class in enumerate(areas)}
            if self._ordinal is not None:
                k = len(self._classes)
                found["ordinal_c_index"] = self._ordinal(counts)
                found["kappa"] = _kappa((self._cells @ counts).reshape(k, k, -1))
        return found


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
    y, p = checked_classes(labels, probabilities)
    found = ClassFigures(y, p, ordered=False)(np.ones((y.size, 1), dtype=np.int32))
    return OdeliaScore(*(Estimate(float(found[name][0])) for name in ("score", "auc", "specificity", "sensitivity")))


def class_confusion(labels: ArrayLike, probabilities: ArrayLike) -> Labels:
    """Return counts (K, K), rows the truth, columns the class of the largest probability (the first of equal ones)."""
    y, p = checked_classes(labels, probabilities)
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
    return float(_Ordinal(y, s)(np.ones((y.size, 1), dtype=np.int32))[0])


def weighted_kappa(confusion: ArrayLike) -> float:
    """Return Cohen's kappa with linear weights: confusing neighbouring classes counts less than distant ones.

    Args:
        confusion: (K, K) counts of ordered classes.

    Sources: Cohen, Psychological Bulletin 1968;70:213-220; Cicchetti and Allison, American Journal of EEG Technology
    1971;11:101-110 (the linear weights).
    """
    return float(_kappa(np.asarray(confusion, dtype=float)[..., None])[0])


def checked_classes(
    labels: ArrayLike, probabilities: ArrayLike, classes: Sequence[str] | None = None
) -> tuple[Labels, Floats]:
    """Return labels (n,) and probabilities (n, K) as arrays.

    Args:
        labels: (n,) 0 .. K-1, each class at least once.
        probabilities: (n, K).
        classes: K names, for messages; by default '0', '1', ..

    Raises:
        InputError: labels outside 0 .. K-1, a class without cases, probabilities that are not finite.
    """
    y, p = np.asarray(labels), np.asarray(probabilities, dtype=float)
    if p.ndim != 2 or y.shape != p.shape[:1] or p.shape[1] < 2:
        raise InputError(f"{y.size} labels, but probabilities of shape {p.shape}: one row a case, one column a class.")
    k = p.shape[1]
    names = [str(number) for number in range(k)] if classes is None else classes
    if len(names) != k:
        raise InputError(f"{len(names)} class names ({first_few(names)}), but probabilities of {k} classes.")
    occurring = set(np.unique(y).tolist())
    odd = sorted(occurring - set(range(k)))
    if odd:
        raise InputError(f"Labels of {k} classes are 0 to {k - 1}, found {first_few(odd)}.")
    absent = [name for number, name in enumerate(names) if number not in occurring]
    if absent:
        raise InputError(f"None of the {y.size} cases is of class {first_few(absent)}: nothing can be said about it. "
                         "Evaluate cases of all classes, or leave the class out.")  # fmt: skip
    bad = int(np.count_nonzero(~np.isfinite(p).all(axis=1)))
    if bad:
        raise InputError(f"The probabilities of {bad} of {y.size} cases are NaN or infinite. "
                         "Find out why the model failed on those cases, or leave them out.")  # fmt: skip
    return y.astype(np.int64), p


class _Ordinal:
    """The mean AUC over all pairs of classes, under any weighting of the cases."""

    def __init__(self, y: NDArray[np.integer], scores: Floats) -> None:
        self._pairs = []
        for low, high in itertools.combinations(np.unique(y), 2):
            rows = np.flatnonzero((y == low) | (y == high))
            self._pairs.append((rows, Ranking((y[rows] == high).astype(np.int8), scores[rows])))

    def __call__(self, counts: NDArray[np.signedinteger]) -> Floats:
        areas = [area(Resampled(ranking, counts[rows])) for rows, ranking in self._pairs]
        return np.asarray(np.mean(areas, axis=0))


def _kappa(confusion: Floats) -> Floats:
    """Return linearly weighted kappa (r,) of confusion matrices (K, K, r); NaN where no disagreement is expected."""
    k = confusion.shape[0]
    distance = np.abs(np.arange(k)[:, None] - np.arange(k))
    total = confusion.sum(axis=(0, 1))
    truth, called = confusion.sum(axis=1), confusion.sum(axis=0)
    seen = np.einsum("ij,ijr->r", distance, confusion) * total
    expected = np.einsum("ij,ir,jr->r", distance, truth, called)
    return 1.0 - np.divide(seen, expected, out=np.full_like(seen, np.nan), where=expected > 0)
