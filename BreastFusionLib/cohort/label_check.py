"""A clinical column that gives the answer away: found before anything is trained on it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from BreastFusionLib.cohort.table import records
from BreastFusionLib.errors import InputError
from BreastFusionLib.evaluation.roc import auc
from BreastFusionLib.reading.clinical import ColumnValue, clinical_columns, is_known
from BreastFusionLib.reading.column_settings import ColumnSpec
from BreastFusionLib.reading.recipe import InputsSpec

__all__ = ["cramers_v", "label_in_inputs"]

CORRELATION = 0.99
AUC = 0.995
# Below this number of cases of either class, chance alone orders a column perfectly now and then.
LEAST_CASES = 5


def label_in_inputs(table: pd.DataFrame, inputs: InputsSpec) -> list[str]:
    """Find clinical columns that are the label in other words, as a column 'biopsy result' would be.

    A column counts as such when it follows the label with a correlation (point-biserial; Cramer's V for levels) of .99
    or more in size, or orders the cases with an AUC of .995 or more: by size, or, for codes without order, by each
    value's share of the class among the other patients. It is looked at as a model would see it, missing codes and
    rules of the recipe included.

    Args:
        table: case_id, patient_id, label and clinical columns, as `Cohort.table`; only rows with a label count.
        inputs: whose columns of the table and rules.

    Returns:
        A sentence for each, with its number; none when all is well.
    """
    labelled = table[table["label"].notna()]
    rows = [_values(row, inputs) for row in records(labelled)]
    labels = labelled["label"].to_numpy(dtype=int)
    classes = np.unique(labels)
    sentences = []
    for column in inputs.clinical:
        if column.origin == "exam":  # known before anyone knows the answer
            continue
        values = [row.get(column.name) for row in rows]
        # Of two classes, one against the other is the same as the other against the one.
        for label in classes[1:] if len(classes) == 2 else classes:
            found = _agreement(column, values, labels == label, labelled["patient_id"].to_numpy())
            if found:
                sentences.append(
                    f"The clinical column '{column.name}' is the label in other words ({found}): a model would learn "
                    "nothing else. Take it out of the recipe."
                )
                break
    return sentences


def cramers_v(one: ArrayLike, other: ArrayLike) -> float:
    """Return how much two categories say about each other (0..1), corrected for the number of levels.

    Without Bergsma's correction (J. Korean Stat. Soc. 2013;42:323-328), a column with a level for each case would seem
    to know everything.

    Args:
        one, other: (N,) levels.
    """
    counts = pd.crosstab(pd.Series(np.asarray(one)), pd.Series(np.asarray(other))).to_numpy(dtype=float)
    n, (rows, columns) = counts.sum(), counts.shape
    if n < 2 or min(rows, columns) < 2:
        return 0.0
    expected = np.outer(counts.sum(axis=1), counts.sum(axis=0)) / n
    phi2 = ((counts - expected) ** 2 / expected).sum() / n
    phi2 = max(0.0, phi2 - (rows - 1) * (columns - 1) / (n - 1))
    smaller = min(k - (k - 1) ** 2 / (n - 1) for k in (rows, columns)) - 1
    return float(np.sqrt(phi2 / smaller)) if smaller > 0 else 0.0


def _shares_among_others(
    values: Sequence[ColumnValue], labels: NDArray[np.bool_], patients: NDArray[np.object_]
) -> NDArray[np.float64]:
    """Return of each case the share of a class among other patients' cases of its value; without any, that of all.

    Nobody vouches for herself: a value for each case, or for each patient, would seem to know everything.
    """
    cases = pd.DataFrame({"value": values, "patient": patients, "label": labels.astype(float)})
    of_value, own = (cases.groupby(keys)["label"] for keys in (["value"], ["value", "patient"]))
    others = of_value.transform("size") - own.transform("size")
    hits = of_value.transform("sum") - own.transform("sum")
    return (hits / others.where(others > 0)).fillna(labels.mean()).to_numpy()


def _values(row: Mapping[str, Any], inputs: InputsSpec) -> Mapping[str, ColumnValue]:
    try:
        return clinical_columns(row, {}, inputs, str(row["case_id"]))[0]
    except InputError:  # said when the case is prepared
        return {}


def _agreement(
    column: ColumnSpec, values: Sequence[ColumnValue], labels: NDArray[np.bool_], patients: NDArray[np.object_]
) -> str:
    """Return in words how far a column follows a label; nothing below the limits."""
    known = np.array([is_known(value) for value in values], dtype=bool)
    there, labels = [value for value in values if is_known(value)], labels[known]
    if min(labels.sum(), (~labels).sum()) < LEAST_CASES:
        return ""
    # Cramer's V, corrected, makes light of a column with more levels than classes, however pure they are.
    as_levels = auc(labels, _shares_among_others(there, labels, patients[known]))
    if column.kind != "continuous":
        v = cramers_v([str(value) for value in there], labels)
        return f"Cramer's V {v:.3f}, AUC {as_levels:.3f}" if v >= CORRELATION or as_levels >= AUC else ""
    numbers = np.array(there, dtype=float)
    if np.ptp(numbers) == 0:
        return ""
    correlation, area = float(np.corrcoef(numbers, labels)[0, 1]), auc(labels, numbers)
    if abs(correlation) >= CORRELATION or max(area, 1 - area) >= AUC:
        return f"correlation {correlation:.3f}, AUC {area:.3f}"
    return f"its values as codes: AUC {as_levels:.3f}" if as_levels >= AUC else ""
