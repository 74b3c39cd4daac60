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
from BreastFusionLib.evaluation.clustered import clustered_delong, clustered_rates
from BreastFusionLib.evaluation.delong import delong_areas
from BreastFusionLib.evaluation.intervals import Estimate
from BreastFusionLib.evaluation.rates import Confusion, confusion_rates
from BreastFusionLib.evaluation.resampling import cluster_index
from BreastFusionLib.evaluation.roc import checked

__all__ = ["FEWEST", "UNKNOWN", "Subgroup", "SubgroupSplit", "age_bands", "subgroup_metrics"]

FEWEST = 10
UNKNOWN = "unknown"


@dataclass(frozen=True)
class Subgroup:
    """One subgroup's figures.

    Attributes:
        name: what its cases have in common, 'all' for all cases.
        n: number of cases.
        positives: those with label 1.
        auc: with DeLong's interval; NaN where one class is missing.
        rates: those of `confusion_rates` at the threshold, with their intervals.
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
    patients: ArrayLike | None = None,
) -> tuple[Subgroup, tuple[SubgroupSplit, ...]]:
    """Return the figures of all cases, and of the subgroups that each column makes.

    Args:
        labels: (n,) of 0 and 1.
        scores: (n,).
        columns: name -> (n,) what each case is; None, NaN and empty text count as 'unknown'. Make bands of numbers
            first, as `age_bands` does.
        threshold: a score at or above it means positive.
        fewest: positives and negatives that a subgroup needs for intervals; patients with such cases, where patients
            are given.
        level: confidence.
        patients: (n,) names, when patients have several cases: variances are those of clustered cases then. The test
            of equal AUCs still takes subgroups as independent, as they are when a column is the same for all cases
            of a patient.

    Raises:
        InputError: a column of another length.

    Sources: DeLong (or Obuchowski) and Wilson (or Rao and Scott) for the intervals; the test of equal AUCs is
    Cochran's Q, Biometrics 1954;10:101-129, with the AUCs' variances.
    """
    y, s = checked(labels, scores)
    groups = _Groups(y, s, None if patients is None else cluster_index(patients, y.size), threshold, fewest, level)
    splits = []
    for column, values in columns.items():
        names = _names(values, y.size, column)
        found = [groups.figures(name, names == name) for name in sorted(set(names), key=_in_order)]
        areas = np.array([[group.auc.value, variance] for group, variance in found if variance > 0])
        splits.append(SubgroupSplit(column, tuple(group for group, _ in found), *_heterogeneity(areas.reshape(-1, 2))))
    return groups.figures("all", np.ones(y.size, dtype=bool))[0], tuple(splits)


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


@dataclass(frozen=True, eq=False)
class _Groups:
    """All cases, of which any part can be measured."""

    labels: NDArray[np.int8]
    scores: NDArray[np.float64]
    patient: NDArray[np.intp] | None
    threshold: float
    fewest: int
    level: float

    def figures(self, name: str, inside: NDArray[np.bool_]) -> tuple[Subgroup, float]:
        """Return the figures of some cases, and the variance of their AUC (0 where there is none)."""
        y, s = self.labels[inside], self.scores[inside]
        patient = None if self.patient is None else self.patient[inside]
        positives = int(y.sum())
        negatives = y.size - positives
        if min(positives, negatives) == 0:
            word = "negative" if positives else "positive"
            note = f"{name}: none of the {y.size} cases is {word}, so that there is no AUC."
            return Subgroup(name, y.size, positives, Estimate(math.nan), _bare(self._rates(y, s)), note), 0.0
        if patient is None:
            areas, rates, units = delong_areas(y, s), self._rates(y, s), [positives, negatives]
        else:
            areas = clustered_delong(y, s, patient)
            rates = clustered_rates(y, s, self.threshold, patient, self.level)
            units = [np.unique(patient[y == label]).size for label in (1, 0)]
        area, variance = areas.interval(0, self.level), float(areas.covariance[0, 0])
        if min(units) < self.fewest:
            who = "cases" if patient is None else "patients"
            note = (
                f"{name}: {units[0]} positive and {units[1]} negative {who} are too few for an interval "
                f"(at least {self.fewest} of each)."
            )
            return Subgroup(name, y.size, positives, Estimate(area.value), _bare(rates), note), 0.0
        if not variance > 1e-15:
            note = f"{name}: the scores separate all cases, so that the AUC's variance is 0 and gives no interval."
            return Subgroup(name, y.size, positives, Estimate(area.value), rates, note), 0.0
        return Subgroup(name, y.size, positives, area, rates), variance

    def _rates(self, y: NDArray[np.int8], s: NDArray[np.float64]) -> dict[str, Estimate]:
        called, positive = s >= self.threshold, y == 1
        tp, fp = int((called & positive).sum()), int((called & ~positive).sum())
        positives = int(positive.sum())
        return confusion_rates(Confusion(tp, fp, positives - tp, y.size - positives - fp), self.level)


def _bare(rates: Mapping[str, Estimate]) -> dict[str, Estimate]:
    return {name: Estimate(found.value) for name, found in rates.items()}


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
