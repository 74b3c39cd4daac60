"""Tables of predictions: one row a case (and run), read, checked, and put into arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from BreastFusionLib.errors import InputError, first_few, nearest_known
from BreastFusionLib.evaluation.columns import (
    class_numbers,
    names,
    numbers,
    read_table,
    refuse_other_spelling,
    require_column,
)
from BreastFusionLib.evaluation.roc import checked
from BreastFusionLib.evaluation.run_columns import Runs, runs_of
from BreastFusionLib.evaluation.table_rows import Dropped, evaluated_rows, without_gaps

if TYPE_CHECKING:
    import pandas

__all__ = ["CLASS_COLUMN", "Predictions", "read_predictions"]

CLASS_COLUMN = "score_"  # how the columns of several classes begin
_KNOWN = ("case_id", "patient_id", "split", "run", "fold")

# Probabilities of K classes in single precision, or written with six digits, add up to 1 within K times this.
_ROUNDING = 1e-6

Names = NDArray[np.object_]
Floats = NDArray[np.float64]


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
        split: when the table has a column `split` with rows of this name (see `split_word`), only they are evaluated,
            with a note; when it has none of them, all rows are, with a note too.
        name: of the model; by default the file's name without suffix.
        positive: classes that together count as positive: their scores are added, all others are negative.
        drop_missing: leave out rows without label or score, with a note, instead of refusing them.

    Raises:
        InputError: an unreadable file, a missing column, duplicated cases, a case with two labels, labels that are
            not 0 and 1, one class only, scores that are not finite numbers. Rows of split 'validation' may be of one
            class; else they are held to the same.
    """
    path = Path(path)
    table = read_table(path)
    rows = len(table)
    if not rows:
        raise InputError(f"{path} has a header line and no rows. One row for each case is expected.")
    refuse_other_spelling(table, set(_KNOWN) - {label_column, score_column}, path)
    columns = _score_columns(table, label_column, score_column, positive, path)
    table, validation, dropped, notes = evaluated_rows(table, split, path)
    needed = [label_column, *columns]
    table, gaps = without_gaps(table, needed, "rows", drop_missing, path)
    if gaps:
        dropped.append(Dropped(gaps, "without label or score"))
        notes.append(f"{path.name}: {gaps} rows without label or score are left out; if the model failed on hard "
                     "cases, the figures are too good.")  # fmt: skip
    validation, gaps = without_gaps(validation, needed, "validation rows", drop_missing, path)
    if gaps:
        notes.append(f"{path.name}: {gaps} validation rows without label or score are left out.")
    found = _arrays(table, label_column, columns, positive, path)
    held = None if validation.empty else _arrays(validation, label_column, columns, positive, path, validation=True)
    return replace(
        found, name=name or path.stem, notes=(*notes, *found.notes), validation=held, rows=rows, dropped=tuple(dropped)
    )


def _score_columns(
    table: pandas.DataFrame, label_column: str, score_column: str, positive: Sequence[str], path: Path
) -> list[str]:
    """Return the column of the score, or those of all classes."""
    require_column(table, label_column, "--label-column", path)
    if label_column == score_column:
        raise InputError(f"{path}: column '{label_column}' cannot be label and score at once. Name two columns.")
    of_classes = [str(name) for name in table.columns if str(name).startswith(CLASS_COLUMN)]
    if len(of_classes) > 1 and (positive or score_column not in table.columns):
        unknown = [name for name in positive if CLASS_COLUMN + name not in of_classes]
        if unknown:
            known = [column.removeprefix(CLASS_COLUMN) for column in of_classes]
            raise InputError(f"{path}: there is no class '{unknown[0]}'. {nearest_known(unknown[0], known)}")
        return of_classes
    if positive:
        raise InputError(f"{path} has no columns {CLASS_COLUMN}<class> that '{positive[0]}' could be one of. Leave "
                         "--positive out for a table of one score.")  # fmt: skip
    require_column(table, score_column, "--score-column", path)
    return [score_column]


def _arrays(
    table: pandas.DataFrame,
    label_column: str,
    columns: list[str],
    positive: Sequence[str],
    path: Path,
    validation: bool = False,
) -> Predictions:
    """Return the rows as arrays, one a case."""
    classes = tuple(column.removeprefix(CLASS_COLUMN) for column in columns) if len(columns) > 1 else ()
    where = f"{path}, {'validation rows, ' if validation else ''}"
    where += f"columns '{CLASS_COLUMN}..'" if classes else f"column '{columns[0]}'"
    scores = np.stack([numbers(table[column], path, "numbers with a decimal point") for column in columns], axis=1)
    if classes:
        labels: NDArray[Any] = class_numbers(table[label_column], classes, path)
        if positive or len(classes) == 2:
            chosen = [classes.index(name) for name in positive or (_second_class(classes),)]
            labels, scores, classes = np.isin(labels, chosen).astype(float), _sum_of(scores, chosen), ()
    else:
        labels = numbers(table[label_column], path, "0 for negative and 1 for positive cases")
        scores = scores[:, 0]
    if classes:
        bad = int(np.count_nonzero(~np.isfinite(scores).all(axis=1)))
        if bad:
            raise InputError(f"{where}: {bad} of {len(scores)} rows hold infinite scores. "
                             "Find out why the model failed on those cases, or leave them out.")  # fmt: skip
    else:
        labels, scores = checked(labels, scores, where, needs_both=not validation)
    own = {column: names(table, column, path) for column in _KNOWN if column != "split"}
    known = {*_KNOWN, label_column, *columns}
    facts = table[[column for column in table.columns if column not in known]].reset_index(drop=True)
    found = Predictions("", labels.astype(np.int8), scores, own["case_id"], own["patient_id"], (), classes)
    found = replace(found, facts=facts)
    return _one_row_a_case(found, own["run"], own["fold"], path)


def _sum_of(scores: Floats, chosen: list[int]) -> Floats:
    """Return the sum of some classes' scores; of probabilities it is at most 1, whatever their rounding."""
    total: Floats = scores[:, chosen].sum(axis=1)
    rounding = scores.shape[1] * _ROUNDING
    are_probabilities = (scores >= -rounding).all() and (np.abs(scores.sum(axis=1) - 1) <= rounding).all()
    return np.clip(total, 0.0, 1.0) if are_probabilities else total


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


def _second_class(classes: tuple[str, ...]) -> str:
    """Return the positive one of two classes: the one called 1 where the other is called 0, else the second."""
    return "1" if set(classes) == {"0", "1"} else classes[1]
