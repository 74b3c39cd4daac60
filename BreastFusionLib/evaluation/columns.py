"""A table of cases or predictions as it lies on disk, its columns as arrays, and words for what they should hold."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from BreastFusionLib.errors import InputError, first_few, nearest_known

if TYPE_CHECKING:
    import pandas

__all__ = ["class_numbers", "names", "numbers", "read_table", "refuse_other_spelling", "require_column"]

Names = NDArray[np.object_]
Floats = NDArray[np.float64]

_SPREADSHEETS = (".xlsx", ".xls", ".ods", ".numbers")
_LOOSE = re.compile(r"[\s.-]+")
# pandas' own list but for 'None'.
_EMPTY = ("", "NA", "N/A", "n/a", "<NA>", "NaN", "nan", "-NaN", "-nan", "NULL", "null", "#N/A", "#N/A N/A", "#NA")
# Case 007 is not case 7, and run 1 is not run 1.0.
_TEXT = ("case_id", "patient_id", "run", "fold")
_OWN = (*_TEXT, "split")


def read_table(path: str | Path, text: Iterable[str] = _TEXT, own: Iterable[str] = _OWN) -> pandas.DataFrame:
    """Read a .csv or .parquet file; names of cases and patients stay text.

    A .csv may be separated by commas, tabs, or semicolons (with decimal commas, as spreadsheets write it then). 'None'
    in it is an empty cell among numbers and in columns whose meaning is known, and a word among the words of others: no
    relative with cancer, no background enhancement.

    Args:
        path: of the file.
        text: columns of a .csv that stay text.
        own: columns whose meaning is known.

    Raises:
        InputError: there is none, it cannot be read, or two columns have one name.
    """
    import pandas

    path = Path(path)
    if path.is_dir():
        raise InputError(f"{path} is a folder. Give the table in it, such as {path / 'predictions.csv'}.")
    if not path.is_file():
        raise InputError(f"{path} does not exist. Give the path of a predictions table (.csv or .parquet).")
    if path.suffix.lower() in _SPREADSHEETS:
        raise InputError(f"{path} is a spreadsheet. Save it as .csv (UTF-8) and give that file.")
    try:
        table = pandas.read_parquet(path) if path.suffix.lower() == ".parquet" else _read_csv(path, text, own)
    except InputError:
        raise
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is no text in UTF-8 ({error.reason}). Save the table as 'CSV UTF-8'.") from error
    except (ValueError, OSError, csv.Error) as error:  # pandas' parser and Arrow errors are ValueErrors
        raise InputError(f"{path} is no readable table ({' '.join(str(error).split())}). A .csv with a header line, or "
                         "a .parquet file is expected.") from error  # fmt: skip
    return table.rename(columns=lambda name: str(name).strip())


def _read_csv(path: Path, text: Iterable[str], own: Iterable[str]) -> pandas.DataFrame:
    import pandas

    with path.open(encoding="utf-8-sig", newline="") as stream:
        first = stream.readline()
    separator = max(",;\t", key=first.count)
    header = next(csv.reader([first], delimiter=separator), [])
    repeated = [name for name, count in Counter(name.strip() for name in header).items() if name and count > 1]
    if repeated:
        raise InputError(f"{path} has several columns named {first_few(repeated)}. Give each column its own name.")
    kept, known = set(text), set(own)
    types = {name: str for name in header if name.strip() in kept}
    decimal = "," if separator == ";" else "."

    def read(**more: Any) -> pandas.DataFrame:
        return pandas.read_csv(path, dtype=types, sep=separator, decimal=decimal, **more)

    table = read()
    if not isinstance(table.index, pandas.RangeIndex):  # else pandas silently moves all columns by one
        raise InputError(f"{path}: rows have more cells than the header has names. Name every column in the header "
                         "line, and end no row with a separator.")  # fmt: skip
    of_words = [str(name) for name, column in table.items() if column.dtype.kind == "O" or column.isna().all()]
    worded = [name for name in of_words if name.strip() not in known]
    if worded:
        table[worded] = read(usecols=worded, keep_default_na=False, na_values=list(_EMPTY))[worded]
    return table


def refuse_other_spelling(table: pandas.DataFrame, known: Iterable[str], path: Path) -> None:
    """Refuse a column whose name is a known one but for capitals, spaces or hyphens: it would go unnoticed.

    Args:
        table: whose columns are looked at.
        known: names that have a meaning; one that the table has is not looked for.
        path: of the table, for the message.

    Raises:
        InputError: with the column and how it is written.
    """
    written = {_LOOSE.sub("_", str(column).strip()).lower(): column for column in table.columns}
    for name in known:
        if name in written and name not in table.columns:
            raise InputError(f"{path}: the column '{written[name]}' is written '{name}'. Rename it.")


def require_column(table: pandas.DataFrame, column: str, option: str, path: Path) -> None:
    """Refuse a table without a column that an option names.

    Raises:
        InputError: it is not there.
    """
    if column not in table.columns:
        raise InputError(f"{path} has no column '{column}'. {nearest_known(column, table.columns)} "
                         f"Name the right one with {option}.")  # fmt: skip


def numbers(column: pandas.Series, path: Path, expected: str) -> Floats:
    """Return a column as floats; empty cells become NaN.

    Args:
        column: of a table.
        path: of the table, for the message.
        expected: what the column should hold, for the message.

    Raises:
        InputError: it holds text.
    """
    import pandas

    try:
        return np.asarray(column, dtype=float)
    except (TypeError, ValueError) as error:
        odd = column[pandas.to_numeric(column, errors="coerce").isna() & column.notna()].astype(str).unique()
        raise InputError(
            f"{path}: column '{column.name}' holds text ({first_few(map(repr, odd))}). Expected: {expected}."
        ) from error


def class_numbers(column: pandas.Series, classes: Sequence[str], path: Path) -> NDArray[np.int64]:
    """Return labels 0 .. K-1 of a column that holds the names of the classes, or these numbers.

    Where classes are called by numbers (BI-RADS 2 to 5) a number in the column is a name, never a place.

    Raises:
        InputError: a cell holds neither.
    """
    are_numbers = any(name.isdigit() for name in classes)
    called = classes if are_numbers else tuple(map(str, range(len(classes))))
    known = {form: number for number, name in enumerate(called) for form in (name, f"{name}.0")}
    known |= {name: number for number, name in enumerate(classes)}
    words = column.astype(str).str.strip()
    odd = sorted(set(words) - set(known))
    if odd:
        places = "" if are_numbers else f", or 0 to {len(classes) - 1}"
        raise InputError(f"{path}, column '{column.name}': {first_few(odd)} is no class. Expected: "
                         f"{', '.join(classes)}{places}.")  # fmt: skip
    return np.asarray(words.map(known), dtype=np.int64)


def names(table: pandas.DataFrame, column: str, path: Path) -> Names | None:
    """Return a column of names as text, or None when the table has none.

    Raises:
        InputError: rows without a name.
    """
    if column not in table.columns:
        return None
    missing = int(table[column].isna().sum())
    if missing:
        raise InputError(f"{path}: {missing} rows have no {column}. Fill the column, or leave it out.")
    return table[column].astype(str).str.strip().to_numpy(dtype=object)
