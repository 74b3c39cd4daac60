"""Tables of predictions: one row a case (and run), read, checked, and put into arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from BreastFusionLib.errors import InputError, first_few, nearest_known
from BreastFusionLib.evaluation.roc import checked
from BreastFusionLib.evaluation.run_columns import Runs, runs_of

if TYPE_CHECKING:
    import pandas

__all__ = ["CLASS_COLUMN", "Dropped", "Predictions", "read_predictions", "read_table"]

CLASS_COLUMN = "score_"  # how the columns of several classes begin
VALIDATION = "validation"
_KNOWN = ("case_id", "patient_id", "split", "run", "fold")

Names = NDArray[np.object_]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Dropped:
    """Rows of a table that are not evaluated."""

    rows: int
    why: str


@dataclass(frozen=True, eq=False)
class Predictions:
    """One model's predictions.

    Attributes:
        name: of the model, from the file's name.
        labels: (n,) 0 or 1; with classes 0 .. K-1.
        scores: (n,) higher means more likely positive; with classes (n, K). Of several runs their mean.
        case_id: (n,) unique names, or None when the table has no such column.
        patient_id: (n,) or None.
        notes: sentences about how the table was read.
        classes: names of three or more classes; empty for two.
        runs: each run's scores and the folds, where the table has such columns.
        facts: (n rows) the table's further columns: site, age, ..
        validation: the rows of split 'validation', where others are evaluated.
        rows: how many rows the table has.
        dropped: which of them are not evaluated.
    """

    name: str
    labels: NDArray[np.int8]
    scores: Floats
    case_id: Names | None = None
    patient_id: Names | None = None
    notes: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()
    runs: Runs | None = None
    facts: pandas.DataFrame | None = None
    validation: Predictions | None = None
    rows: int = 0
    dropped: tuple[Dropped, ...] = field(default_factory=tuple)

    def take(self, rows: ArrayLike) -> Predictions:
        """Return these rows, in this order."""
        chosen = np.asarray(rows, dtype=np.intp)

        def some(values: Names | None) -> Names | None:
            return None if values is None else values[chosen]

        return replace(
            self,
            labels=self.labels[chosen],
            scores=self.scores[chosen],
            case_id=some(self.case_id),
            patient_id=some(self.patient_id),
            runs=None if self.runs is None else self.runs.take(chosen),
            facts=None if self.facts is None else self.facts.iloc[chosen].reset_index(drop=True),
        )


def read_predictions(
    path: str | Path,
    label_column: str = "label",
    score_column: str = "score",
    split: str = "test",
    name: str | None = None,
    positive: Sequence[str] = (),
    drop_missing: bool = False,
) -> Predictions:
    """Read a predictions table (.csv or .parquet) and check it.

    Columns `case_id` and `patient_id` are used where they exist. Several rows of one case are runs when a column
    `run` tells them apart; a column `fold` tells which part of a cross-validation a row is of.

    Args:
        path: the table.
        label_column: holds 0 and 1; with classes their numbers or names.
        score_column: holds the score or probability of the positive class. A table without it and with three or more
            columns `score_<class>` is one of several classes.
        split: when the table has a column `split` with rows of this name, only they are evaluated, with a note; when
            it has none of them but training cases, a note says so.
        name: of the model; by default the file's name without suffix.
        positive: classes that together count as positive: their scores are added, all others are negative.
        drop_missing: leave out rows without label or score (counted in `dropped`) instead of refusing them.

    Raises:
        InputError: an unreadable file, a missing column, duplicated cases, a case with two labels, labels that are
            not 0 and 1, one class only, scores that are not finite numbers.
    """
    path = Path(path)
    table = read_table(path)
    rows = len(table)
    columns = _score_columns(table, label_column, score_column, positive, path)
    table, validation, dropped, notes = _evaluated_rows(table, split, path)
    if drop_missing:
        gaps = table[[label_column, *columns]].isna().any(axis=1)
        if gaps.any():
            table = table[~gaps]
            dropped.append(Dropped(int(gaps.sum()), "without label or score"))
            notes.append(f"{path.name}: {int(gaps.sum())} rows without label or score are left out; if the model "
                         "failed on hard cases, the figures are too good.")  # fmt: skip
    found = _arrays(table, label_column, columns, positive, path)
    kept = None
    if validation is not None and not validation[[label_column, *columns]].isna().to_numpy().any():
        kept = _arrays(validation, label_column, columns, positive, path, needs_both=False)
    return replace(
        found, name=name or path.stem, notes=(*notes, *found.notes), validation=kept, rows=rows, dropped=tuple(dropped)
    )


def read_table(path: str | Path) -> pandas.DataFrame:
    """Read a .csv or .parquet file; names of cases and patients stay text.

    Raises:
        InputError: there is none, or it cannot be read.
    """
    import pandas

    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path} does not exist. Give the path of a predictions table (.csv or .parquet).")
    try:
        if path.suffix == ".parquet":
            return pandas.read_parquet(path)
        # Case 007 is not case 7, and run 1 is not run 1.0.
        names = dict.fromkeys(("case_id", "patient_id", "run", "fold"), str)
        table = pandas.read_csv(path, dtype=names)
        if len(table.columns) == 1 and ";" in str(table.columns[0]):
            # As spreadsheets write it where the comma is the decimal sign.
            table = pandas.read_csv(path, dtype=names, sep=";", decimal=",")
        return table
    except (ValueError, OSError) as error:  # pandas' parser and Arrow errors are ValueErrors
        raise InputError(f"{path} is no readable table ({error}). A .csv with a header line is expected.") from error


def _score_columns(
    table: pandas.DataFrame, label_column: str, score_column: str, positive: Sequence[str], path: Path
) -> list[str]:
    """Return the column of the score, or those of all classes."""
    _require(table, label_column, "--label-column", path)
    of_classes = [str(name) for name in table.columns if str(name).startswith(CLASS_COLUMN)]
    if len(of_classes) > 1 and (positive or score_column not in table.columns):
        unknown = [name for name in positive if CLASS_COLUMN + name not in of_classes]
        if unknown:
            known = [column.removeprefix(CLASS_COLUMN) for column in of_classes]
            raise InputError(f"{path}: there is no class '{unknown[0]}'. {nearest_known(unknown[0], known)}")
        return of_classes
    _require(table, score_column, "--score-column", path)
    return [score_column]


def _require(table: pandas.DataFrame, column: str, option: str, path: Path) -> None:
    if column not in table.columns:
        raise InputError(f"{path} has no column '{column}'. {nearest_known(column, map(str, table.columns))} "
                         f"Name the right one with {option}.")  # fmt: skip


def _evaluated_rows(
    table: pandas.DataFrame, split: str, path: Path
) -> tuple[pandas.DataFrame, pandas.DataFrame | None, list[Dropped], list[str]]:
    """Return the rows of the split, those of validation beside them, what is left out, and notes about it."""
    if "split" not in table.columns:
        return table, None, [], []
    chosen = table[table["split"] == split]
    if chosen.empty:
        training = int((table["split"] == "train").sum())
        note = (
            f"{path.name}: there are no rows of split '{split}'; {training} of the "
            f"{len(table)} rows evaluated are training cases, so that the figures are too good."
        )
        return table, None, [], [note] if training else []
    if len(chosen) == len(table):
        return table, None, [], []
    note = f"{path.name}: the {len(chosen)} rows of split '{split}' are evaluated, of {len(table)} in the table."
    validation = table[table["split"] == VALIDATION] if split != VALIDATION else table.iloc[:0]
    left_out = table.loc[table["split"] != split, "split"].fillna("none").astype(str).value_counts(sort=False)
    dropped = [Dropped(int(rows), f"of split '{word}'") for word, rows in left_out.items()]
    return chosen, None if validation.empty else validation, dropped, [note]


def _arrays(
    table: pandas.DataFrame,
    label_column: str,
    columns: list[str],
    positive: Sequence[str],
    path: Path,
    needs_both: bool = True,
) -> Predictions:
    """Return the rows as arrays, one a case."""
    classes = tuple(column.removeprefix(CLASS_COLUMN) for column in columns) if len(columns) > 1 else ()
    where = f"{path}, column '{columns[0]}'" if not classes else f"{path}, columns '{CLASS_COLUMN}..'"
    scores = np.stack([_numbers(table[column], path) for column in columns], axis=1)
    if classes:
        labels: NDArray[Any] = _class_numbers(table[label_column], classes, path)
        if positive or len(classes) == 2:
            chosen = [classes.index(name) for name in positive or (_second_class(classes),)]
            labels, scores, classes = np.isin(labels, chosen).astype(float), scores[:, chosen].sum(axis=1), ()
    else:
        labels, scores = _numbers(table[label_column], path), scores[:, 0]
    if classes:
        bad = int(np.count_nonzero(~np.isfinite(scores).all(axis=1)))
        if bad:
            raise InputError(f"{where}: {bad} of {len(scores)} rows hold NaN or infinite scores. "
                             "Find out why the model failed on those cases, or leave them out.")  # fmt: skip
    elif needs_both:
        labels, scores = checked(labels, scores, where)
    names = {column: _names(table, column, path) for column in _KNOWN if column != "split"}
    known = {*_KNOWN, label_column, *columns}
    facts = table[[column for column in table.columns if column not in known]].reset_index(drop=True)
    found = Predictions("", labels.astype(np.int8), scores, names["case_id"], names["patient_id"], (), classes)
    found = replace(found, facts=facts)
    return _one_row_a_case(found, names["run"], names["fold"], path)


def _one_row_a_case(found: Predictions, run: Names | None, fold: Names | None, path: Path) -> Predictions:
    """Return one row a case: runs become their mean, and are kept beside it."""
    if run is None or len(set(run)) == 1:
        if found.case_id is not None:
            _refuse_repeated(found.case_id, found.labels, path)
        return found if fold is None else replace(found, runs=Runs(("all",), found.scores[None], fold[None]))
    rows, runs = runs_of(found.scores, found.case_id, found.labels, run, fold, path)
    words = f"{path.name}: the figures are those of {len(runs.names)} runs' mean score; their spread is beside it."
    first = found.take(rows)
    return replace(first, scores=runs.scores.mean(axis=0), runs=runs, notes=(words,))


def _refuse_repeated(case_id: Names, labels: NDArray[np.int8], path: Path) -> None:
    values, index, counts = np.unique(case_id.astype(str), return_inverse=True, return_counts=True)
    if values.size == case_id.size:
        return
    positives = np.bincount(index, weights=labels)
    unequal = values[(positives > 0) & (positives < counts)] if labels.max() <= 1 else values[:0]
    if unequal.size:
        raise InputError(f"{path}: {unequal.size} case_id have rows with different labels ({first_few(unequal)}). "
                         "A case has one truth: correct the labels, or give its rows own case_ids.")  # fmt: skip
    repeated = values[counts > 1]
    raise InputError(
        f"{path}: {repeated.size} case_id occur more than once ({first_few(repeated)}). Each case may have one row: "
        "name the runs in a column 'run', average repeated predictions first, or give their rows own case_ids."
    )


def _numbers(column: pandas.Series, path: Path) -> Floats:
    """Return a column as floats; empty cells become NaN."""
    try:
        return np.asarray(column, dtype=float)
    except (TypeError, ValueError) as error:
        raise InputError(
            f"{path}: column '{column.name}' holds text ({error}). Numbers are expected: 0 and 1 as labels, scores."
        ) from error


def _second_class(classes: tuple[str, ...]) -> str:
    """Return the positive one of two classes: the one called 1 where the other is called 0, else the second."""
    return "1" if set(classes) == {"0", "1"} else classes[1]


def _class_numbers(column: pandas.Series, classes: tuple[str, ...], path: Path) -> NDArray[np.int64]:
    """Return labels 0 .. K-1 of a column that holds the names of the classes, or these numbers.

    Where classes are called by numbers (BI-RADS 2 to 5) a number in the column is a name, never a place.
    """
    are_numbers = any(name.isdigit() for name in classes)
    called = classes if are_numbers else tuple(map(str, range(len(classes))))
    numbers = {form: number for number, name in enumerate(called) for form in (name, f"{name}.0")}
    numbers |= {name: number for number, name in enumerate(classes)}
    words = column.astype(str).str.strip()
    odd = sorted(set(words) - set(numbers))
    if odd:
        places = "" if are_numbers else f", or 0 to {len(classes) - 1}"
        raise InputError(f"{path}, column '{column.name}': {first_few(odd)} is no class. Expected: "
                         f"{', '.join(classes)}{places}.")  # fmt: skip
    return np.asarray(words.map(numbers), dtype=np.int64)


def _names(table: pandas.DataFrame, column: str, path: Path) -> Names | None:
    if column not in table.columns:
        return None
    missing = int(table[column].isna().sum())
    if missing:
        raise InputError(f"{path}: {missing} rows have no {column}. Fill the column, or leave it out.")
    return table[column].astype(str).str.strip().to_numpy(dtype=object)
