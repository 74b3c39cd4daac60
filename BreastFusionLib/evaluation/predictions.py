"""Tables of predictions: one row a case, read, checked, and several of them put on the same cases."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from BreastFusionLib.errors import InputError, first_few, nearest_known
from BreastFusionLib.evaluation.roc import checked

if TYPE_CHECKING:
    import pandas

__all__ = ["PairedPredictions", "Predictions", "pair", "read_predictions"]


@dataclass(frozen=True)
class Predictions:
    """One model's predictions.

    Attributes:
        name: of the model, from the file's name.
        labels: (n,) 0 or 1.
        scores: (n,) higher means more likely positive.
        case_id: (n,) unique names, or None when the table has no such column.
        patient_id: (n,) or None.
        notes: sentences about how the table was read.
    """

    name: str
    labels: NDArray[np.int8]
    scores: NDArray[np.float64]
    case_id: NDArray[np.object_] | None = None
    patient_id: NDArray[np.object_] | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class PairedPredictions:
    """Predictions of m models on the same n cases.

    Attributes:
        names: m names.
        labels: (n,) 0 or 1.
        scores: (m, n).
        case_id: (n,) or None.
        patient_id: (n,) or None.
        notes: sentences about how tables were read and paired.
    """

    names: tuple[str, ...]
    labels: NDArray[np.int8]
    scores: NDArray[np.float64]
    case_id: NDArray[np.object_] | None = None
    patient_id: NDArray[np.object_] | None = None
    notes: tuple[str, ...] = ()


def read_predictions(
    path: str | Path,
    label_column: str = "label",
    score_column: str = "score",
    split: str = "test",
    name: str | None = None,
) -> Predictions:
    """Read a predictions table (.csv or .parquet) and check it.

    Args:
        path: the table; columns `case_id` and `patient_id` are used where they exist.
        label_column: holds 0 and 1.
        score_column: holds the score or probability of the positive class.
        split: when the table has a column `split` with rows of this name, only they are evaluated, with a note; when
            it has none of them but training cases, a note says so.
        name: of the model; by default the file's name without suffix.

    Raises:
        InputError: an unreadable file, a missing column, duplicated cases, labels that are not 0 and 1, one class
            only, scores that are not finite numbers.
    """
    path = Path(path)
    table = _read_table(path)
    for column, option in ((label_column, "--label-column"), (score_column, "--score-column")):
        if column not in table.columns:
            raise InputError(f"{path} has no column '{column}'. {nearest_known(column, map(str, table.columns))} "
                             f"Name the right one with {option}.")  # fmt: skip
    notes = []
    if "split" in table.columns and (table["split"] == split).any():
        rows = len(table)
        table = table[table["split"] == split]
        if len(table) < rows:
            notes.append(
                f"{path.name}: the {len(table)} rows of split '{split}' are evaluated, of {rows} in the table."
            )
    elif "split" in table.columns and (table["split"] == "train").any():
        notes.append(
            f"{path.name}: there are no rows of split '{split}'; {int((table['split'] == 'train').sum())} of the "
            f"{len(table)} rows evaluated are training cases, so that the figures are too good."
        )
    labels, scores = checked(
        _numbers(table[label_column], path), _numbers(table[score_column], path), f"{path}, column '{score_column}'"
    )
    case_id = _names(table, "case_id", path)
    if case_id is not None:
        values, counts = np.unique(case_id.astype(str), return_counts=True)
        if (counts > 1).any():
            raise InputError(
                f"{path}: {int((counts > 1).sum())} case_id occur more than once ({first_few(values[counts > 1])}). "
                "Each case may have one row: average repeated predictions first, or give their rows own case_ids."
            )
    return Predictions(name or path.stem, labels, scores, case_id, _names(table, "patient_id", path), tuple(notes))


def pair(tables: Sequence[Predictions]) -> PairedPredictions:
    """Put several models' predictions on the same cases, in the first table's order.

    With `case_id` in every table rows are matched by it; otherwise row by row, if all labels agree, with a note.

    Raises:
        InputError: two models of one name, different cases, or labels that disagree.
    """
    first = tables[0]
    names = [table.name for table in tables]
    if len(set(names)) < len(names):
        doubled = sorted({name for name in names if names.count(name) > 1})
        raise InputError(
            f"Several tables are named {first_few(doubled)}: rename the files so that each model has a name."
        )
    by_case = all(table.case_id is not None for table in tables)
    matched = [_matched(table, first) if by_case else table for table in tables]
    for table in matched[1:]:
        if table.labels.size != first.labels.size:
            raise InputError(
                f"{table.name} has {table.labels.size} rows, {first.name} has {first.labels.size}, and without a "
                "column case_id rows cannot be matched. Add case_id to the tables."
            )
        unequal = np.flatnonzero(table.labels != first.labels)
        if unequal.size:
            where = first.case_id[unequal] if by_case and first.case_id is not None else unequal + 1
            raise InputError(
                f"The labels of {table.name} and {first.name} disagree for {unequal.size} of {first.labels.size} "
                f"{'cases' if by_case else 'rows'} ({first_few(where)}). Models can only be compared on the same truth."
            )
    notes = [note for table in tables for note in table.notes]
    if len(tables) > 1 and not by_case:
        notes.append(
            "Not every table has a column case_id: the models were paired row by row, which their labels allow."
        )
    return PairedPredictions(
        tuple(names),
        first.labels,
        np.stack([table.scores for table in matched]),
        first.case_id if by_case else None,
        first.patient_id,
        tuple(dict.fromkeys(notes)),
    )


def _read_table(path: Path) -> pandas.DataFrame:
    import pandas

    if not path.is_file():
        raise InputError(f"{path} does not exist. Give the path of a predictions table (.csv or .parquet).")
    try:
        if path.suffix == ".parquet":
            return pandas.read_parquet(path)
        # Case 007 is not case 7: names stay text.
        return pandas.read_csv(path, dtype={"case_id": str, "patient_id": str})
    except (ValueError, OSError) as error:  # pandas' parser and Arrow errors are ValueErrors
        raise InputError(f"{path} is no readable table ({error}). A .csv with a header line is expected.") from error


def _numbers(column: pandas.Series, path: Path) -> NDArray[np.float64]:
    """Return a column as floats; empty cells become NaN."""
    try:
        return np.asarray(column, dtype=float)
    except (TypeError, ValueError) as error:
        raise InputError(
            f"{path}: column '{column.name}' holds text ({error}). Numbers are expected: 0 and 1 as labels, scores."
        ) from error


def _names(table: pandas.DataFrame, column: str, path: Path) -> NDArray[np.object_] | None:
    if column not in table.columns:
        return None
    missing = int(table[column].isna().sum())
    if missing:
        raise InputError(f"{path}: {missing} rows have no {column}. Fill the column, or leave it out.")
    return table[column].astype(str).to_numpy(dtype=object)


def _matched(table: Predictions, first: Predictions) -> Predictions:
    """Return `table` in the order of `first`'s cases."""
    assert table.case_id is not None
    assert first.case_id is not None
    row_of = {case: row for row, case in enumerate(table.case_id)}
    missing = [case for case in first.case_id if case not in row_of]
    extra = sorted(set(row_of) - set(first.case_id))
    if missing or extra:
        parts = [f"{len(missing)} cases are only in {first.name} ({first_few(missing)})"] if missing else []
        parts += [f"{len(extra)} only in {table.name} ({first_few(extra)})"] if extra else []
        raise InputError(f"{', '.join(parts)}. Models can only be compared on the same cases: remove those rows.")
    rows = [row_of[case] for case in first.case_id]
    return replace(table, labels=table.labels[rows], scores=table.scores[rows], case_id=first.case_id)
