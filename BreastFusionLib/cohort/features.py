"""The table of measured numbers: one row a case, one column a feature."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from BreastFusionLib.cohort.inputs import Progress, compute_inputs
from BreastFusionLib.cohort.table import Cohort, require_table_suffix, write_table
from BreastFusionLib.reading.recipe import CLINICAL, InputsSpec

if TYPE_CHECKING:
    from BreastFusionLib.reading.cache import SavedInputs

__all__ = ["features_table", "write_features"]


def features_table(cohort: Cohort, prepared: pd.DataFrame) -> pd.DataFrame:
    """Return the cohort's table with every measured number beside it.

    Args:
        cohort: the cases.
        prepared: what `compute_inputs` returned for them.

    Returns:
        The cohort's own columns, then status and reason, then the features: `dce_shape_Sphericity`,
        `kinetics_initial_percent`, .., and clinical columns as numbers or words, `clinical_age`, ..; NaN for a failed
        case and where a feature is undefined.
    """
    from BreastFusionLib.reading.cache import load_inputs

    rows = {}
    for case in prepared[prepared["status"] == "ok"].itertuples():
        rows[case.case_id] = {
            _column(source, name): value
            for source, values in _sources(load_inputs(Path(str(case.path))))
            for name, value in values.items()
        }
    numbers = pd.DataFrame.from_dict(rows, orient="index")
    told = cohort.table.merge(prepared[["case_id", "status", "reason"]], on="case_id", validate="one_to_one")
    return told.join(numbers, on="case_id")


def write_features(
    cohort: Cohort,
    inputs: InputsSpec,
    out: Path,
    cache: Path | None = None,
    workers: int = 1,
    scheduler: str | None = None,
    progress: Progress | None = None,
) -> pd.DataFrame:
    """Compute the inputs of all cases, write the table of features, and return it.

    Args:
        cohort, inputs, cache, workers, scheduler, progress: see `compute_inputs`.
        out: .parquet or .csv.
    """
    require_table_suffix(out)  # before hours of work, not after
    prepared = compute_inputs(cohort, inputs, cache, workers, scheduler, progress)
    table = features_table(cohort, prepared)
    write_table(table, out)
    return table


def _sources(case: SavedInputs) -> list[tuple[str, Mapping[str, Any]]]:
    return [*case.vectors.items(), (CLINICAL, case.columns)]


def _column(source: str, name: str) -> str:
    # Radiomics carry their own names (`t1_glcm_Contrast`); others are told apart by source, clinical columns also from
    # the table's own cell, which may hold a missing code or what a rule replaced.
    return name if source == "radiomics" else f"{source}_{name}"
