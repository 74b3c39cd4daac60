"""Models of several classes with their intervals.

Those of AUCs of single classes are DeLong's, those of rates Wilson's, all others bootstrap percentiles: cases are drawn
with replacement within their class. Where patients are named, all intervals are those of clustered cases.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from BreastFusionLib.evaluation.bootstrap import Bootstrap
from BreastFusionLib.evaluation.clustered import clustered_delong, clustered_proportion
from BreastFusionLib.evaluation.delong import DeLong, delong_areas
from BreastFusionLib.evaluation.intervals import NO_INTERVALS, Estimate, wilson
from BreastFusionLib.evaluation.multiclass import ClassFigures, Labels, OdeliaScore, checked_classes, class_confusion
from BreastFusionLib.evaluation.resampling import Resamples, cluster_index

__all__ = [
    "FEWEST_OF_A_CLASS",
    "ClassReport",
    "class_areas",
    "class_bootstrap",
    "class_report",
    "class_reports",
    "too_few_of_a_class",
]

# The specificity at 90 % sensitivity needs ten cases to have one beyond it. With five of each of three classes 70 of
# 100 95 % intervals of it held the truth in simulated studies, 77 to 88 of the others (docs/reference/statistics.md).
FEWEST_OF_A_CLASS = 10


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
        note: a sentence when a class has too few cases for any interval (all are NaN then), else empty.
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
    note: str = ""


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

    A figure that is the same in every resample (a perfect model, or one that tells nothing apart) has no interval, and
    none has one when a class has fewer than `FEWEST_OF_A_CLASS` cases.

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
    y, p = checked_classes(labels, probabilities, classes)
    names = tuple(str(number) for number in range(p.shape[1])) if classes is None else tuple(classes)
    drawn = class_bootstrap(y, p[None], names, ordered, patients, replicates, seed)
    return class_reports(y, p[None], names, drawn, class_areas(y, p[None], patients), patients, level)[0]


def class_reports(
    labels: Labels,
    probabilities: NDArray[np.float64],
    classes: Sequence[str],
    drawn: Bootstrap,
    areas: Sequence[DeLong],
    patients: ArrayLike | None = None,
    level: float = 0.95,
) -> list[ClassReport]:
    """Return the report of each of several models on the same cases.

    Args:
        labels: (n,) 0 .. K-1.
        probabilities: (m, n, K).
        classes: K names.
        drawn: of `class_bootstrap`.
        areas: of `class_areas`.
        patients: (n,) names, when patients have several cases.
        level: confidence.
    """
    note = too_few_of_a_class(labels, classes, patients)

    def told(estimate: Estimate) -> Estimate:
        return Estimate(estimate.value) if note else estimate

    def read(name: str, m: int) -> Estimate:
        return told(drawn.interval(name, m, level))

    reports = []
    for m, p in enumerate(probabilities):
        called = p.argmax(axis=1)
        share = _share_of_right(called == labels, patients, level)
        of_classes = list(enumerate(classes))
        reports.append(
            ClassReport(
                classes=tuple(classes),
                confusion=class_confusion(labels, p),
                accuracy=told(share(np.ones(labels.size, dtype=bool))),
                recall={name: told(share(labels == k)) for k, name in of_classes},
                precision={name: told(share(called == k)) for k, name in of_classes},
                auc={name: told(_area(areas[k], m, level)) for k, name in of_classes},
                odelia=OdeliaScore(*(read(name, m) for name in ("score", "auc", "specificity", "sensitivity"))),
                ordinal_c_index=read("ordinal_c_index", m) if "ordinal_c_index" in drawn.values else None,
                kappa=read("kappa", m) if "kappa" in drawn.values else None,
                note=note or "",
            )
        )
    return reports


def class_bootstrap(
    labels: ArrayLike,
    probabilities: NDArray[np.float64],
    classes: Sequence[str] | None = None,
    ordered: bool = True,
    patients: ArrayLike | None = None,
    replicates: int = 2000,
    seed: int = 0,
) -> Bootstrap:
    """Draw cases within their class, or whole patients, and compute every model's `ClassFigures` on every resample.

    All models have the same resamples, so that `Bootstrap.compare` tests the paired difference of any figure.

    Args:
        labels: (n,) 0 .. K-1, each class at least once.
        probabilities: (m, n, K) of m models on the same cases.
        classes: K names, for messages.
        ordered: whether the classes rise in severity.
        patients: (n,) names, when patients have several cases.
        replicates: number of resamples; 0 for none.
        seed: of the resamples.

    Raises:
        InputError: as `checked_classes`.

    Source: as `bootstrap`; strata are the classes (of patients: the highest class of their cases).
    """
    checked = [checked_classes(labels, p, classes) for p in probabilities]
    figures = [ClassFigures(y, p, ordered) for y, p in checked]
    y = checked[0][0]
    # Column 0 are the cases as they are, all others resamples.
    weightings = itertools.chain([np.ones((y.size, 1), dtype=np.int32)], _resamples(y, patients, replicates, seed))
    blocks = [[of_model(counts) for of_model in figures] for counts in weightings]
    found = {
        name: np.concatenate([np.stack([model[name] for model in models]) for models in blocks], axis=1)
        for name in blocks[0][0]
    }
    return Bootstrap({name: v[:, 0] for name, v in found.items()}, {name: v[:, 1:] for name, v in found.items()})


def class_areas(
    labels: NDArray[np.integer], probabilities: NDArray[np.float64], patients: ArrayLike | None = None
) -> list[DeLong]:
    """Return for each class the m models' AUCs against all other classes; arguments as in `class_reports`."""
    found = []
    for k in range(probabilities.shape[2]):
        y, scores = (labels == k).astype(np.int8), probabilities[:, :, k]
        found.append(delong_areas(y, scores) if patients is None else clustered_delong(y, scores, patients))
    return found


def too_few_of_a_class(
    labels: NDArray[np.integer], classes: Sequence[str], patients: ArrayLike | None = None
) -> str | None:
    """Return a sentence when a class has too few cases (or patients with one) for any interval, else None."""
    units = "cases" if patients is None else "patients"
    unit = np.arange(labels.size) if patients is None else cluster_index(patients, labels.size)
    sizes = {name: np.unique(unit[labels == k]).size for k, name in enumerate(classes)}
    few = [f"{n} of class {name}" for name, n in sizes.items() if n < FEWEST_OF_A_CLASS]
    if not few:
        return None
    return (f"{NO_INTERVALS}: of {units} there are {', '.join(few)} "
            f"({FEWEST_OF_A_CLASS} of each class are needed).")  # fmt: skip


def _area(areas: DeLong, m: int, level: float) -> Estimate:
    found = areas.interval(m, level)
    return Estimate(found.value) if areas.has_no_variance(m) else found


def _share_of_right(
    right: NDArray[np.bool_], patients: ArrayLike | None, level: float
) -> Callable[[NDArray[np.bool_]], Estimate]:
    """Return what gives the share of right decisions among some of the cases."""
    if patients is not None:
        return lambda among: clustered_proportion(right, patients, level, among)
    return lambda among: wilson(int(right[among].sum()), int(among.sum()), level)


def _resamples(y: Labels, patients: ArrayLike | None, replicates: int, seed: int) -> Resamples:
    """Draw cases within their class, or patients among those with the same highest class."""
    unit, highest = None, y
    if patients is not None:
        unit = cluster_index(patients, y.size)
        highest = np.zeros(unit.max() + 1, dtype=np.int64)
        np.maximum.at(highest, unit, y)
    strata = tuple(np.flatnonzero(highest == k) for k in np.unique(highest))
    return Resamples(strata, unit, replicates, seed, np.int32)
