"""Which rows of a predictions table are evaluated, what others are for, and whether the model has seen them before."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from BreastFusionLib.errors import InputError, first_few
from BreastFusionLib.evaluation.split_words import TRAIN, VALIDATION, split_word, split_words

if TYPE_CHECKING:
    import pandas

__all__ = ["Dropped", "evaluated_rows", "without_gaps"]


@dataclass(frozen=True)
class Dropped:
    """Rows of a table that are not evaluated."""

    rows: int
    why: str


def evaluated_rows(
    table: pandas.DataFrame, split: str, path: Path
) -> tuple[pandas.DataFrame, pandas.DataFrame, list[Dropped], list[str]]:
    """Return the rows of the split, those of validation beside them, what is left out, and notes about it.

    Args:
        table: with or without a column `split`; without any row of the split all rows are evaluated.
        split: a word as `split_word` understands it.
        path: of the table, for the notes.
    """
    nothing = table.iloc[:0]
    if "split" not in table.columns or table["split"].isna().all():
        return table, nothing, [], []
    words, wanted = split_words(table["split"]), split_word(split)
    chosen = table[words == wanted]
    if chosen.empty:
        training = int((words == TRAIN).sum())
        what = f"{training} of the {len(table)} rows evaluated are training cases, so that the figures are too good."
        if not training:
            found = first_few(words.dropna().unique())
            what = f"all {len(table)} rows are evaluated, whatever their split ({found})."
        return table, nothing, [], [f"{path.name}: there are no rows of split '{wanted}'; {what}"]
    if len(chosen) == len(table):
        return table, nothing, [], []
    note = f"{path.name}: the {len(chosen)} rows of split '{wanted}' are evaluated, of {len(table)} in the table."
    left_out = words[words != wanted].fillna("none").value_counts(sort=False)
    dropped = [Dropped(int(rows), f"of split '{word}'") for word, rows in left_out.items()]
    validation = table[words == VALIDATION] if wanted != VALIDATION else nothing
    return chosen, validation, dropped, [note, *_seen_before(table, words, wanted, path)]


def without_gaps(
    table: pandas.DataFrame, columns: list[str], what: str, drop: bool, path: Path
) -> tuple[pandas.DataFrame, int]:
    """Return the rows that have labels and scores, and how many have not.

    Args:
        table: some rows.
        columns: that must be filled.
        what: these rows are called in the message.
        drop: leave out the others.
        path: of the table, for the message.

    Raises:
        InputError: there are others, and they are not to be left out.
    """
    gaps = table[columns].isna().any(axis=1)
    missing = int(gaps.sum())
    if missing and not drop:
        where = table.loc[gaps, "case_id"] if "case_id" in table.columns else table.index[gaps] + 1
        raise InputError(f"{path}: {missing} of {len(table)} {what} have no label or score ({first_few(where)}). "
                         "Find out why the model failed on them, or leave them out with --drop-missing.")  # fmt: skip
    return table[~gaps], missing


def _seen_before(table: pandas.DataFrame, words: pandas.Series, split: str, path: Path) -> list[str]:
    """Say which patients and cases of the split a model may know from training or validation."""
    import pandas

    # Another run, or another fold of a cross-validation, is another model.
    model = [column for column in ("run", "fold") if column in table.columns]
    notes = []
    for column in ("patient_id", "case_id"):
        if column not in table.columns:
            continue
        names = pandas.MultiIndex.from_frame(table[[column, *model]])
        evaluated = names[words == split]
        for other in (TRAIN, VALIDATION):
            both = evaluated[evaluated.isin(names[words == other])].unique(level=0)
            if other != split and len(both):
                known = f"{len(both)} {column} are of split '{split}' and of split '{other}' ({first_few(both, 5)})"
                notes.append(f"{path.name}: {known}: the model knows them, so that the figures are too good.")
    return notes
