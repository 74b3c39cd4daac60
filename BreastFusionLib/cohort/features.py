"""The table of measured numbers: one row a case, one column a feature."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from BreastFusionLib.cohort.disk import saying_disk_full
from BreastFusionLib.cohort.inputs import Progress, compute_inputs, default_cache
from BreastFusionLib.cohort.table import Cohort
from BreastFusionLib.errors import InputError
from BreastFusionLib.files import replacing
from BreastFusionLib.reading.recipe import InputsSpec

__all__ = ["features_table", "write_features", "write_table"]


def features_table(cohort: Cohort, prepared: pd.DataFrame) -> pd.DataFrame:
    """Return the cohort's table with every measured number beside it.

    Args:
        cohort: the cases.
        prepared: what `compute_inputs` returned for them.

    Returns:
        The cohort's own columns, then status and reason, then the features: `dce_shape_Sphericity`,
        `kinetics_initial_percent`, ..; NaN for a failed case and where a feature is undefined.
    """
    from BreastFusionLib.reading.cache import load_inputs

    rows = {}
    for case in prepared[prepared["status"] == "ok"].itertuples():
        rows[case.case_id] = {
            _column(source, name): value
            for source, vector in load_inputs(Path(str(case.path))).vectors.items()
            for name, value in vector.items()
        }
    numbers = pd.DataFrame.from_dict(rows, orient="index", dtype=float)
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
        cohort, inputs, workers, scheduler, progress: see `compute_inputs`.
        out: .parquet or .csv.
        cache: folder of prepared inputs; beside the cohort's table when None.
    """
    _require_suffix(out)  # before hours of work, not after
    prepared = compute_inputs(cohort, inputs, cache or default_cache(cohort), workers, scheduler, progress)
    table = features_table(cohort, prepared)
    write_table(table, out)
    return table


def write_table(table: pd.DataFrame, out: Path) -> None:
    """Write a table as .parquet or .csv, in one step.

    Raises:
        InputError: another suffix, or the disk is full.
    """
    _require_suffix(out)
    with saying_disk_full(out), replacing(out) as temporary:
        if out.suffix == ".parquet":
            table.to_parquet(temporary, index=False)
        else:
            table.to_csv(temporary, index=False)


def _require_suffix(out: Path) -> None:
    if out.suffix not in (".parquet", ".csv"):
        raise InputError(f"{out.name}: a table is written as .parquet or .csv, not '{out.suffix}'.")


def _column(source: str, name: str) -> str:
    # Radiomics and clinical columns carry their own names (`t1_glcm_Contrast`); others are told apart by source.
    return name if source == "radiomics" else f"{source}_{name}"
