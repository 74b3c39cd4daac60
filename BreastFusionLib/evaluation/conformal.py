"""Prediction sets with a stated coverage: the classes that a case may well have, instead of one of them.

Split-conformal prediction holds for any model and any number of cases, as long as the cases that the sets are fitted
on and those that they are used for come from the same source: then a set holds the true class with at least the
coverage that was asked for, on average over cases (or in each class).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from BreastFusionLib.errors import InputError, first_few
from BreastFusionLib.evaluation.calibration import are_probabilities
from BreastFusionLib.evaluation.clustered import clustered_proportion, has_clusters
from BreastFusionLib.evaluation.intervals import Estimate, wilson
from BreastFusionLib.evaluation.recalibration import fitting_rows

__all__ = ["ConformalSets", "SetReport", "fit_conformal"]

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class ConformalSets:
    """Which probabilities are high enough for a class to be in a case's set.

    Attributes:
        coverage: that was asked for.
        by_class: whether it holds in each class, or over all cases.
        least: (K,) a class is in the set when its probability is at least this; -inf when it always is.
        cases: number of validation cases (of the rarest class, by class).
        note: sentences when there were too few cases for the coverage, so that sets hold everything, or when patients
            have several cases; else empty.
    """

    coverage: float
    by_class: bool
    least: tuple[float, ...]
    cases: int
    note: str = ""

    def __call__(self, probabilities: ArrayLike) -> NDArray[np.bool_]:
        """Return the sets (n, K): True where a class belongs to a case's set.

        Args:
            probabilities: (n, K), or (n,) of the positive class of two.
        """
        # A probability equal to a fitted one is in; 1 - (1 - p) would miss p by a rounding.
        return _classes(probabilities, len(self.least)) >= np.asarray(self.least)

    def check(
        self, labels: ArrayLike, probabilities: ArrayLike, level: float = 0.95, patients: ArrayLike | None = None
    ) -> SetReport:
        """Measure the sets on other cases.

        Args:
            labels: (n,) 0 .. K-1.
            probabilities: as in a call.
            level: confidence of Wilson's intervals.
            patients: (n,) names, when patients have several cases; the intervals allow for it then.
        """
        sets = self(probabilities)
        y = _labels(labels, sets.shape[0], sets.shape[1])
        held = sets[np.arange(y.size), y]
        sizes = sets.sum(axis=1)

        def share(happened: NDArray[np.bool_], among: NDArray[np.bool_]) -> Estimate:
            if patients is not None:
                return clustered_proportion(happened, patients, level, among)
            return wilson(int(happened[among].sum()), int(among.sum()), level)

        everyone = np.ones(y.size, dtype=bool)
        return SetReport(
            coverage=share(held, everyone),
            coverage_by_class=tuple(share(held, y == k) for k in range(sets.shape[1])),
            mean_size=float(sizes.mean()),
            single=share(sizes == 1, everyone),
            empty=share(sizes == 0, everyone),
        )


@dataclass(frozen=True)
class SetReport:
    """What prediction sets did on cases with known classes.

    Attributes:
        coverage: share of sets that hold the true class.
        coverage_by_class: the same for the cases of each class.
        mean_size: classes in a set.
        single: share of sets of one class: the cases that are decided.
        empty: share of sets without any: cases unlike those of every class.
    """

    coverage: Estimate
    coverage_by_class: tuple[Estimate, ...]
    mean_size: float
    single: Estimate
    empty: Estimate


def fit_conformal(
    labels: ArrayLike,
    probabilities: ArrayLike,
    split: ArrayLike,
    coverage: float = 0.9,
    by_class: bool = False,
    patients: ArrayLike | None = None,
) -> ConformalSets:
    """Fit prediction sets on the validation cases; all others are not looked at.

    The threshold is the ceil((n + 1) x coverage)-th largest of the probabilities that the n cases' true classes have
    got: the correction of n to n + 1 makes the promise exact, and sets that hold everything where n is too small.

    Args:
        labels: (n,) 0 .. K-1.
        probabilities: (n, K), or (n,) of the positive class of two.
        split: (n,) the split of each case; those of 'validation' are used.
        coverage: the share of cases whose set shall hold the true class, in (0, 1).
        by_class: hold it in each class, not only on average: a rare class may otherwise be missed.
        patients: (n,) names; where validation patients have several cases a note says what that means.

    Raises:
        InputError: no validation cases, other labels, scores outside [0, 1].

    Sources: Vovk, Gammerman and Shafer, Algorithmic Learning in a Random World, 2005; Lei et al., J Am Stat Assoc
    2018;113:1094-1111, theorem 2.2; Sadinle, Lei and Wasserman, J Am Stat Assoc 2019;114:223-234 (by class).
    """
    if not 0 < coverage < 1:
        raise InputError(f"The coverage of prediction sets lies between 0 and 1, not {coverage}.")
    rows = fitting_rows(split)
    p = _classes(np.asarray(probabilities, dtype=float)[rows])
    y = _labels(np.asarray(labels)[rows], *p.shape)
    true = p[np.arange(y.size), y]
    classes = p.shape[1]
    groups = [true[y == k] for k in range(classes)] if by_class else [true] * classes
    least = tuple(_threshold(group, coverage) for group in groups)
    fewest = min(group.size for group in groups)
    note = ""
    if not np.isfinite(least).all():
        needed = math.ceil(coverage / (1 - coverage) - 1e-9)
        where = " of the rarest class" if by_class else ""
        note = (
            f"A coverage of {coverage:g} needs {needed} validation cases{where} and has {fewest}: sets hold classes "
            "whatever their probability."
        )
    if patients is not None and has_clusters(own := np.asarray(patients)[rows]):
        note = (
            f"{note} The {y.size} validation cases come from {len(set(own.tolist()))} patients: sets are fitted as if "
            "cases were drawn one by one, and the coverage is promised for cases, not for patients."
        ).strip()
    return ConformalSets(coverage, by_class, least, fewest, note)


def _threshold(true: Floats, coverage: float) -> float:
    # Rounding must not ask for one case more where (n + 1) x coverage is whole (19 cases at .9: the 18th).
    rank = math.ceil((true.size + 1) * coverage - 1e-9)
    return float(np.sort(true)[::-1][rank - 1]) if rank <= true.size else -math.inf


def _classes(probabilities: ArrayLike, classes: int | None = None) -> Floats:
    """Return probabilities as (n, K) after checks."""
    p = np.asarray(probabilities, dtype=float)
    if p.ndim == 1:
        p = np.column_stack([1 - p, p])
    if p.ndim != 2 or (classes is not None and p.shape[1] != classes):
        raise InputError(f"Prediction sets need probabilities of {classes or 'all'} classes, got shape {p.shape}.")
    if not (np.isfinite(p).all() and are_probabilities(p)):
        raise InputError("Prediction sets need probabilities in [0, 1], without gaps: calibrate the scores first.")
    return p


def _labels(labels: ArrayLike, n: int, classes: int) -> NDArray[np.intp]:
    y = np.asarray(labels)
    if y.shape != (n,):
        raise InputError(f"{y.size} labels, but probabilities of {n} cases: one label a case is needed.")
    odd = sorted(set(np.unique(y).tolist()) - set(range(classes)))
    if odd:
        raise InputError(f"Labels of {classes} classes are 0 to {classes - 1}, found {first_few(odd)}.")
    return y.astype(np.intp)
