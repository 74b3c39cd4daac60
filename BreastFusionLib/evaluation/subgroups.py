"""Whether a model works alike in all subgroups: by site, scanner, breast density, age.

A subgroup with few positives or negatives gets no interval but a sentence: with nine positives a sensitivity may be
anything from a third to all. Cases without an entry are a subgroup of their own, never dropped.
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import chi2

from BreastFusionLib.errors import InputError
from BreastFusionLib.evaluation.delong import delong_areas
from BreastFusionLib.evaluation.intervals import Estimate
from BreastFusionLib.evaluation.rates import confusion, confusion_rates
from BreastFusionLib.evaluation.roc import auc, checked

__all__ = ["FEWEST", "UNKNOWN", "Subgroup", "SubgroupSplit", "age_bands", "subgroup_metrics"]

FEWEST = 10
UNKNOWN = "unknown"
RATES = ("sensitivity", "specificity", "ppv", "npv", "accuracy")


@dataclass(frozen=True)
class Subgroup:
    """One subgroup's figures.

    Attributes:
        name: what its cases have in common, 'all' for all cases.
        n: number of cases.
        positives: those with label 1.
        auc: with DeLong's interval.
        rates: sensitivity, specificity, ppv, npv, accuracy at the threshold, with Wilson's intervals.
        note: a sentence where an interval cannot be given (it is NaN), else empty.
    """

    name: str
    n: int
    positives: int
    auc: Estimate
    rates: dict[str, Estimate]
    note: str = ""


@dataclass(frozen=True)
class SubgroupSplit:
    """All cases, divided by one column.

    Attributes:
        column: the column.
        groups: its subgroups, in order of their names and of the numbers in them; 'unknown' last.
        q: Cochran's Q of the AUCs of those with an interval; NaN with fewer than two of them.
        p: P value of 'all have the same AUC'. One of several columns will be below .05 by chance: correct for it.
    """

    column: str
    groups: tuple[Subgroup, ...]
    q: float
    p: float


def subgroup_metrics(
    labels: ArrayLike,
    scores: ArrayLike,
    columns: Mapping[str, ArrayLike],
    threshold: float = 0.5,
    fewest: int = FEWEST,
    level: float = 0.95,
) -> tuple[Subgroup, tuple[SubgroupSplit, ...]]:
    """Return the figures of all cases, and of the subgroups that each column makes.

    Args:
        labels: (n,) of 0 and 1.
        scores: (n,).
        columns: name -> (n,) what each case is; None, NaN and empty text count as 'unknown'. Make bands of numbers
            first, as `age_bands` does.
        threshold: a score at or above it means positive.
        fewest: positives and negatives that a subgroup needs for intervals.
        level: confidence.

    Raises:
        InputError: a column of another length.

    Source: the test of equal AUCs is Cochran's Q, Biometrics 1954;10:101-129, with DeLong's variances.
    """
    y, s = checked(labels, scores)
    whole = _subgroup("all", y, s, threshold, fewest, level)[0]
    splits = []
    for column, values in columns.items():
        names = _names(values, y.size, column)
        found = [
            _subgroup(name, y[names == name], s[names == name], threshold, fewest, level)
            for name in sorted(set(names), key=_in_order)
        ]
        areas = np.array([[group.auc.value, variance] for group, variance in found if variance > 0])
        splits.append(SubgroupSplit(column, tuple(group for group, _ in found), *_heterogeneity(areas.reshape(-1, 2))))
    return whole, tuple(splits)


def age_bands(ages: ArrayLike, edges: Sequence[int] = (40, 50, 60, 70)) -> NDArray[np.object_]:
    """Return the band of each age in years: '0-39', '40-49', .., '70 and over'; 'unknown' for NaN.

    Args:
        ages: (n,) years, whole or not: 49.9 is '40-49'.
        edges: whole years at which bands begin, rising.
    """
    years = np.asarray(ages, dtype=float)
    if not len(edges) or any(later <= earlier for earlier, later in itertools.pairwise(edges)):
        raise ValueError(f"edges of age bands must rise: {edges}")
    between = [f"{low}-{high - 1}" for low, high in itertools.pairwise(edges)]
    names = np.array([f"0-{edges[0] - 1}", *between, f"{edges[-1]} and over", UNKNOWN], dtype=object)
    # NaN sorts behind every edge, where 'and over' stands: it has a place of its own.
    band = np.where(np.isnan(years), len(names) - 1, np.searchsorted(edges, years, side="right"))
    return names[band]


def _subgroup(
    name: str, y: NDArray[np.int8], s: NDArray[np.float64], threshold: float, fewest: int, level: float
) -> tuple[Subgroup, float]:
    """Return a subgroup's figures and the variance of its AUC (0 where that says nothing)."""
    positives = int(y.sum())
    negatives = y.size - positives
    if min(positives, negatives) == 0:
        missing = "positive" if positives == 0 else "negative"
        none = Estimate(math.nan)
        note = f"{name}: none of the {y.size} cases is {missing}, so that nothing can be measured."
        return Subgroup(name, y.size, positives, none, dict.fromkeys(RATES, none), note), 0.0
    rates = confusion_rates(confusion(y, s, threshold), level)
    if min(positives, negatives) < fewest:
        note = (
            f"{name}: {positives} positive and {negatives} negative cases are too few for an interval "
            f"(at least {fewest} of each)."
        )
        bare = {rate: Estimate(found.value) for rate, found in rates.items()}
        return Subgroup(name, y.size, positives, Estimate(auc(y, s)), bare, note), 0.0
    areas = delong_areas(y, s)
    variance = float(areas.covariance[0, 0])
    if variance < 1e-15:
        note = f"{name}: the scores separate all cases, so that DeLong's variance is 0 and gives no interval."
        return Subgroup(name, y.size, positives, Estimate(float(areas.auc[0])), rates, note), 0.0
    return Subgroup(name, y.size, positives, areas.interval(0, level), rates), variance


def _heterogeneity(areas: NDArray[np.float64]) -> tuple[float, float]:
    """Return Cochran's Q and its P value of (k, 2) AUCs and variances."""
    if len(areas) < 2:
        return math.nan, math.nan
    weights = 1 / areas[:, 1]
    common = weights @ areas[:, 0] / weights.sum()
    q = float(weights @ (areas[:, 0] - common) ** 2)
    return q, float(chi2.sf(q, len(areas) - 1))


def _names(values: ArrayLike, n: int, column: str) -> NDArray[np.object_]:
    import pandas

    given = np.asarray(values, dtype=object)
    if given.shape != (n,):
        raise InputError(f"Column '{column}' has shape {given.shape}; {n} entries, one a case, are needed.")
    return np.array([UNKNOWN if gap else _name(v) for v, gap in zip(given, pandas.isna(given), strict=True)], object)


def _name(value: object) -> str:
    if isinstance(value, float) and value.is_integer():
        return str(int(value))  # a column with gaps holds 3 as 3.0
    return str(value).strip() or UNKNOWN


def _in_order(name: str) -> tuple[bool, list[tuple[bool, int, str]]]:
    """Sort numbers inside names by size ('site 9' before 'site 10'), and 'unknown' last."""
    parts = re.findall(r"\d+|\D+", name)
    return name == UNKNOWN, [(not part.isdecimal(), int(part) if part.isdecimal() else 0, part) for part in parts]
