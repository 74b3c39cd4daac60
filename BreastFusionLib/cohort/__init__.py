"""Many cases: the case table and its checks, splits by patient, and a resumable map over all cases.

    cohort = read_cohort("cohort.csv")
    table = compute_inputs(cohort, recipe.inputs, cache="cache", workers=2)
    features = features_table(cohort, table)

pandas and Dask load when one of these names is first used, not with the room.
"""

from __future__ import annotations

import importlib
from typing import Any

_HOMES = {
    "Cohort": "table",
    "read_cohort": "table",
    "fold_cohort": "folds",
    "patient_folds": "folds",
    "site_folds": "folds",
    "split_by_patient": "splits",
    "compute_inputs": "inputs",
    "covering": "shared_inputs",
    "features_table": "features",
    "write_features": "features",
    "cohort_fingerprint": "fingerprint",
    "label_in_inputs": "label_check",
    "apply_bundle": "apply",
    "bundle_importance": "importance",
}

__all__ = [
    "Cohort",
    "apply_bundle",
    "bundle_importance",
    "cohort_fingerprint",
    "compute_inputs",
    "covering",
    "features_table",
    "fold_cohort",
    "label_in_inputs",
    "patient_folds",
    "read_cohort",
    "site_folds",
    "split_by_patient",
    "write_features",
]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
