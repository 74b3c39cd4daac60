"""The columns of a case table: which there are, and what stands in them, in words where it cannot be understood."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from BreastFusionLib.errors import InputError, nearest, nearest_known
from BreastFusionLib.evaluation.columns import refuse_other_spelling
from BreastFusionLib.evaluation.split_words import SPLITS, split_words

__all__ = [
    "COLUMNS",
    "REQUIRED",
    "label_column",
    "lesion_column",
    "look_at_names",
    "side_column",
    "split_column",
    "text_column",
    "without_blanks",
]

logger = logging.getLogger(__name__)

REQUIRED = ("case_id", "patient_id", "exam")
COLUMNS = (*REQUIRED, "lesion", "side", "label", "split", "site")
_SIDES = {"l": "left", "left": "left", "r": "right", "right": "right", "unknown": "unknown"}


def look_at_names(table: pd.DataFrame, path: Path) -> None:
    """Refuse a table that lacks a column, and tell a column that may be a misspelt one and would count as clinical.

    Raises:
        InputError: a required column is missing, or one is written with other capitals, spaces or hyphens.
    """
    refuse_other_spelling(table, COLUMNS, Path(path.name))
    others = [str(name) for name in table.columns if name not in COLUMNS]
    for name in REQUIRED:
        if name not in table.columns:
            raise InputError(
                f"{path.name} has no column '{name}'. A cohort needs {', '.join(REQUIRED)}, lesion or side. "
                f"{nearest_known(name, others)}"
            )
    for name in COLUMNS:
        if name not in table.columns and (like := nearest(name, others, likeness=0.8)):
            logger.warning(
                "%s has no column '%s', but a column '%s', which counts as clinical. Rename it if '%s' is meant.",
                *(path.name, name, like, name),
            )


def without_blanks(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table whose known columns hold text without blanks around it; a cell of blanks alone is empty."""

    def stripped(cell: object) -> object:
        return cell.strip() or None if isinstance(cell, str) else cell

    texts = [name for name in COLUMNS if name in table.columns and table[name].dtype.kind == "O"]
    return table.assign(**{name: table[name].map(stripped) for name in texts})


def text_column(table: pd.DataFrame, name: str, path: Path) -> pd.Series:
    """Return a column as text.

    Raises:
        InputError: an empty cell.
    """
    empty = table.index[table[name].isna()]
    if len(empty):
        raise InputError(f"{path.name}, row {empty[0] + 2}: '{name}' is empty. Fill it in or remove the row.")
    cells = table[name]
    if pd.api.types.is_float_dtype(cells) and (cells % 1 == 0).all():
        cells = cells.astype("int64")  # a patient 7 is not called '7.0'
    return cells.astype(str)


def label_column(table: pd.DataFrame, classes: Sequence[str], path: Path) -> pd.Series:
    """Return labels 0, 1, .. as Int64, missing where the table has none.

    Args:
        table: with or without a column 'label'.
        classes: names of the labels, label 0 first.
        path: of the table, for messages.

    Raises:
        InputError: a value that is neither a class nor its number.
    """
    if "label" not in table.columns:
        return pd.Series(pd.NA, index=table.index, dtype="Int64")
    words = {name.lower(): number for number, name in enumerate(classes)}
    numbers = {str(number): number for number in range(len(classes))}
    known = {**words, **numbers, **{f"{number}.0": number for number in range(len(classes))}}

    def understand(value: object) -> object:
        if pd.isna(value):  # type: ignore[call-overload]
            return pd.NA
        word = str(int(value)) if isinstance(value, bool) else str(value).strip().lower()
        if word not in known:
            choices = ", ".join(f"{number} or '{name}'" for number, name in enumerate(classes))
            raise InputError(f"{path.name}: the label {value!r} is not known. Expected: {choices}.")
        return known[word]

    return pd.Series([understand(value) for value in table["label"]], index=table.index, dtype="Int64")


def split_column(table: pd.DataFrame, path: Path) -> pd.Series:
    """Return splits as 'train', 'validation' or 'test', missing in all rows where the table has none.

    Raises:
        InputError: a word that is no split, or cases without one beside others.
    """
    if "split" not in table.columns:
        return pd.Series(pd.NA, index=table.index, dtype="str")
    words = split_words(table["split"]).astype("str")
    for word in words.dropna().unique():
        if word not in SPLITS:
            raise InputError(f"{path.name}: the split '{word}' is not known. {nearest_known(word, SPLITS)}")
    if words.isna().any() and not words.isna().all():
        case_id = table.loc[words.isna(), "case_id"].iloc[0]
        raise InputError(
            f"{path.name}: case '{case_id}' has no split while others have. Fill it in, or drop the column."
        )
    return words


def side_column(table: pd.DataFrame, path: Path) -> pd.Series:
    """Return sides as 'left', 'right' or 'unknown', missing where the table has none.

    Raises:
        InputError: a word that is no side.
    """
    if "side" not in table.columns:
        return pd.Series(pd.NA, index=table.index, dtype="str")
    words = table["side"].astype("str").str.lower()
    for word in words.dropna().unique():
        if word not in _SIDES:
            raise InputError(f"{path.name}: the side '{word}' is not known. Expected: left, right, or L, R.")
    return words.map(_SIDES).astype("str")


def lesion_column(table: pd.DataFrame, path: Path) -> pd.Series:
    """Return lesions as text, missing for whole breasts; the sides have been read before.

    Raises:
        InputError: a row with neither a lesion nor a side.
    """
    if "lesion" not in table.columns:
        lesions = pd.Series(pd.NA, index=table.index, dtype="str")
    else:
        lesions = table["lesion"].astype("str")
    neither = table.index[lesions.isna() & ~table["side"].isin(["left", "right"])]
    if len(neither):
        raise InputError(
            f"{path.name}, row {neither[0] + 2}: there is neither a lesion nor a side (left, right). Fill in the path "
            "of the mask in 'lesion', or for a whole breast its 'side'."
        )
    return lesions
