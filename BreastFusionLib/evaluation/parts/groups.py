"""The columns of a study's cases: as subgroups of an evaluation, and as its table 1."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from BreastFusionLib.errors import InputError, nearest_known
from BreastFusionLib.evaluation.parts.sample import Sample, without_intervals
from BreastFusionLib.evaluation.subgroups import UNKNOWN, Subgroup, age_bands, subgroup_metrics

if TYPE_CHECKING:
    import pandas

__all__ = ["cohort_table", "subgroups"]

_MOST_CATEGORIES = 12
_MOST_BANDS_OF_NUMBERS = 8


def subgroups(sample: Sample, facts: pandas.DataFrame | None, columns: Sequence[str]) -> list[dict[str, Any]]:
    """Return for every column its subgroups with each model's figures.

    A column named age is cut into bands of ten years; other numbers of many values into quarters.

    Raises:
        InputError: no such column.
    """
    known = [] if facts is None else [str(column) for column in facts.columns]
    for column in columns:
        if column not in known:
            where = nearest_known(column, known) if known else "The tables have no further columns."
            raise InputError(f"There is no column '{column}' to make subgroups of. {where}")
    assert facts is not None or not columns
    values = {column: _groups_of(column, facts[column]) for column in columns}  # type: ignore[index]
    found: dict[str, dict[str, Any]] = {column: {"column": column, "models": {}} for column in columns}
    for name, scores in zip(sample.names, sample.scores, strict=True):
        threshold, level = sample.plan.threshold_of(name), sample.plan.level
        _, splits = subgroup_metrics(sample.labels, scores, values, threshold, level=level, patients=sample.patients)
        for split in splits:
            groups = [_mapping(group) for group in split.groups]
            found[split.column]["models"][name] = {
                "q": _number(split.q),
                "p": _number(split.p),
                "groups": groups if sample.too_few is None else [without_intervals(group) for group in groups],
            }
    return list(found.values())


def cohort_table(
    labels: NDArray[np.integer[Any]],
    patients: NDArray[np.object_] | None,
    facts: pandas.DataFrame | None,
    classes: Sequence[str] = ("negative", "positive"),
) -> dict[str, Any]:
    """Return table 1: who the cases are, in all and by their true class.

    Args:
        labels: (n,) 0 .. K-1.
        patients: (n,) or None.
        facts: (n rows) further columns; free text and names of files are left out.
        classes: a word for each label.

    Returns:
        'columns': 'all' and the classes; 'n': cases in each; 'patients': patients in each, or None; 'rows': for a
        column of numbers its median, quartiles and range, for one of categories the cases of each.
    """
    inside = [np.ones(labels.size, dtype=bool), *(labels == k for k in range(len(classes)))]
    rows = []
    for column in () if facts is None else facts.columns:
        row = _described(str(column), facts[column], inside)  # type: ignore[index]
        if row is not None:
            rows.append(row)
    return {
        "columns": ["all", *classes],
        "n": [int(chosen.sum()) for chosen in inside],
        "patients": None if patients is None else [len(set(patients[chosen])) for chosen in inside],
        "rows": rows,
    }


def _described(column: str, values: pandas.Series, inside: list[NDArray[np.bool_]]) -> dict[str, Any] | None:
    gaps = [int(values[chosen].isna().sum()) for chosen in inside]
    if _is_number(values) and values.nunique() > _MOST_BANDS_OF_NUMBERS:
        cells = []
        for chosen in inside:
            known = values[chosen].dropna().to_numpy(dtype=float)
            ends = np.quantile(known, [0, 0.25, 0.5, 0.75, 1]).tolist() if known.size else [None] * 5
            cells.append(dict(zip(("lowest", "q1", "median", "q3", "highest"), ends, strict=True)))
        return {"column": column, "kind": "number", "cells": cells, "missing": gaps}
    names = values.map(_word, na_action="ignore")
    categories = sorted(set(names.dropna()), key=lambda name: (len(name) if name.isdecimal() else 0, name))
    if not 1 <= len(categories) <= _MOST_CATEGORIES:
        return None
    counts = [{name: int((names[chosen] == name).sum()) for name in categories} for chosen in inside]
    return {"column": column, "kind": "category", "cells": counts, "missing": gaps}


def _groups_of(column: str, values: pandas.Series) -> NDArray[np.object_]:
    if _is_number(values) and column.lower() in ("age", "age_years", "patient_age"):
        return age_bands(values.to_numpy(dtype=float))
    if _is_number(values) and values.nunique() > _MOST_BANDS_OF_NUMBERS:
        return _quarters(values.to_numpy(dtype=float))
    if values.nunique() > values.size / 2 and values.nunique() > _MOST_CATEGORIES:
        raise InputError(f"The column '{column}' has {values.nunique()} different entries in {values.size} cases: "
                         "these are no subgroups. Name a column of a few categories, or of numbers.")  # fmt: skip
    return values.map(_word, na_action="ignore").to_numpy(dtype=object)


def _quarters(values: NDArray[np.float64]) -> NDArray[np.object_]:
    """Return the quarter of the cases that each value lies in, named by its range."""
    known = values[np.isfinite(values)]
    edges = np.unique(np.quantile(known, [0.25, 0.5, 0.75]))
    names = [f"1: below {edges[0]:g}"]
    names += [f"{n + 2}: {low:g} to {high:g}" for n, (low, high) in enumerate(itertools.pairwise(edges))]
    names += [f"{len(edges) + 1}: {edges[-1]:g} and above", UNKNOWN]
    band = np.where(np.isfinite(values), np.searchsorted(edges, values, side="right"), len(names) - 1)
    return np.array(names, dtype=object)[band]


def _is_number(values: pandas.Series) -> bool:
    return values.dtype.kind in "iuf" and bool(values.notna().any())


def _word(value: object) -> str:
    if isinstance(value, float) and value.is_integer():
        return str(int(value))  # a column with gaps holds 3 as 3.0
    return str(value).strip()


def _mapping(group: Subgroup) -> dict[str, Any]:
    return {
        "name": group.name,
        "n": group.n,
        "positives": group.positives,
        "auc": group.auc.to_mapping(),
        **{rate: estimate.to_mapping() for rate, estimate in group.rates.items()},
        "note": group.note,
    }


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
