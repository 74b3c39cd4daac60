"""What all parts of an evaluation work on: the models' scores on the same cases, and how cases depend on each other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from BreastFusionLib.errors import InputError, nearest_known
from BreastFusionLib.evaluation.clustered import has_clusters
from BreastFusionLib.evaluation.intervals import too_few_cases
from BreastFusionLib.evaluation.plan import EvaluationPlan
from BreastFusionLib.evaluation.roc import Floats

__all__ = ["Sample", "dependence", "without_intervals"]

_OF_INTERVALS = ("low", "high", "p", "z", "p_delong", "p_bootstrap", "p_holm", "p_holm_bootstrap", "bound", "holds")
# Keys by which mappings are known that hold the result of a test or an interval: classes and runs may be named 'low'.
_RESULTS = {"value", "delta_auc", "only_a_right", "statistic", "bound", "q"}


@dataclass(frozen=True, eq=False)
class Sample:
    """Models on n cases.

    Attributes:
        names: m names.
        labels: (n,) of 0 and 1.
        scores: (m, n).
        patients: (n,) where patients have several cases; None where cases are independent.
        plan: what is measured.
        too_few: a sentence when there are too few cases for intervals, else None.
    """

    names: tuple[str, ...]
    labels: NDArray[np.int8]
    scores: Floats
    patients: NDArray[np.object_] | None
    plan: EvaluationPlan
    too_few: str | None = None

    def __post_init__(self) -> None:
        """Refuse thresholds of models that there are not."""
        for name in self.plan.threshold if isinstance(self.plan.threshold, Mapping) else ():
            if name not in self.names:
                raise InputError(f"There is no model '{name}' that the threshold could be of. "
                                 f"{nearest_known(name, self.names)}")  # fmt: skip


def dependence(
    labels: NDArray[np.int8], patients: NDArray[np.object_] | None
) -> tuple[NDArray[np.object_] | None, str | None, list[str]]:
    """Return the clusters to count, why there are too few cases for intervals (or None), and notes about both.

    Args:
        labels: (n,) of 0 and 1.
        patients: (n,) patient of each case, or None when nobody knows.
    """
    positives = int(labels.sum())
    if patients is None or not has_clusters(patients):
        too_few = too_few_cases(positives, labels.size - positives)
        return None, too_few, [too_few] if too_few else []
    with_positive, with_negative = set(patients[labels == 1]), set(patients[labels == 0])
    everyone = with_positive | with_negative
    notes = [
        f"{labels.size} cases come from {len(everyone)} patients: intervals and tests count patients, not cases "
        "(cluster bootstrap; variances for clustered cases)."
    ]
    both = sorted(with_positive & with_negative)
    if both:
        listed = ", ".join(map(str, both[:3])) + (f" and {len(both) - 3} more" if len(both) > 3 else "")
        noun = "patient has" if len(both) == 1 else "patients have"
        notes.append(
            f"{len(both)} {noun} positive and negative cases ({listed}). That is right for lesions or breasts; where a "
            "label belongs to the patient, correct the table."
        )
    too_few = too_few_cases(len(with_positive), len(with_negative), "patients")
    return patients, too_few, [*notes, too_few] if too_few else notes


def without_intervals(found: Mapping[str, Any]) -> dict[str, Any]:
    """Return a copy without ends of intervals, bands and P values, at any depth."""
    is_result = not _RESULTS.isdisjoint(found)
    kept: dict[str, Any] = {}
    for key, value in found.items():
        if key == "band":
            continue
        if isinstance(value, Mapping):
            kept[key] = without_intervals(value)
        elif isinstance(value, list) and value and isinstance(value[0], Mapping):
            kept[key] = [without_intervals(item) for item in value]
        else:
            kept[key] = None if is_result and key in _OF_INTERVALS else value
    return kept
