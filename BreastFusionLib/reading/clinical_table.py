"""A table of clinical values, one row an exam, for reading many exams: a CSV file, checked before anything is read."""

from __future__ import annotations

import csv
import os
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from BreastFusionLib.errors import InputError, first_few, nearest_known
from BreastFusionLib.reading.clinical import absent_columns
from BreastFusionLib.reading.recipe import InputsSpec

__all__ = ["EXAM", "ClinicalTable", "read_clinical_table"]

EXAM = "exam"
"""The column that tells whose row it is, as in a cohort's table."""


@dataclass(frozen=True)
class ClinicalTable:
    """Clinical values of many exams.

    Attributes:
        rows: name of the exam's folder -> its columns as text, empty cells left out; for `read_many`.
        sentences: which exams have no row, and which rows no exam.
    """

    rows: Mapping[str, Mapping[str, str]]
    sentences: tuple[str, ...] = ()


def read_clinical_table(
    path: str | os.PathLike[str], inputs: InputsSpec, exams: Iterable[str | os.PathLike[str]]
) -> ClinicalTable:
    """Read a table of clinical values; pandas is not needed.

    Args:
        path: .csv in UTF-8 with a header line: a column 'exam', the name of the exam's folder or a path that ends with
            it, and the columns that the model looks at. Others do not count.
        inputs: what the model sees (`recipe.inputs`).
        exams: folders of the exams that are going to be read.

    Raises:
        InputError: it cannot be read, lacks a column altogether, or has several rows for one exam.
    """
    source = Path(path)
    names, lines = _cells(source)
    _check_names(names, source)
    rows: dict[str, dict[str, str]] = {}
    where: dict[str, int] = {}
    for number, cells in lines:
        if len(cells) > len(names):
            raise InputError(
                f"{source.name}, line {number}: it has {len(cells)} cells, the header {len(names)}. Put text that "
                "holds a comma in quotes."
            )
        row = {name: cell for name, cell in zip(names, cells, strict=False) if cell}
        exam = _folder_name(row.pop(EXAM, ""))
        if not exam:
            raise InputError(f"{source.name}, line {number}: '{EXAM}' is empty. Fill it in or remove the row.")
        if exam in rows:
            raise InputError(
                f"{source.name}: the exam '{exam}' comes more than once (lines {where[exam]} and {number}). One row "
                "for each exam is expected: remove the others."
            )
        rows[exam], where[exam] = row, number
    _refuse_absent(names, rows, inputs, source)
    return ClinicalTable(rows, tuple(_sentences(rows, [Path(exam).name for exam in exams], source)))


def _cells(path: Path) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """Return the header, and the other lines with their numbers; empty ones are passed over."""
    if not path.is_file():
        raise InputError(
            f"{path} is not a file: clinical values are a .csv table with a row for each exam. Choose another one, or "
            "none."
        )
    try:
        with path.open(newline="", encoding="utf-8-sig") as stream:
            reader = csv.reader(stream)
            lines = [(reader.line_num, [cell.strip() for cell in cells]) for cells in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path.name} cannot be read as a table ({error}). Save it as CSV in UTF-8.") from error
    filled = [(number, cells) for number, cells in lines if any(cells)]
    if not filled:
        raise InputError(f"{path.name} is empty: expected a line with the columns' names, then a row for each exam.")
    return filled[0][1], filled[1:]


def _check_names(names: list[str], path: Path) -> None:
    twice = [name for name, count in Counter(names).items() if name and count > 1]
    if twice:
        raise InputError(f"{path.name}: the column '{twice[0]}' comes more than once. Keep one of them.")
    if EXAM in names:
        return
    separator = next((sign for sign in ";\t" if len(names) == 1 and sign in names[0]), "")
    if separator:
        word = "tabs" if separator == "\t" else f"'{separator}'"
        raise InputError(f"{path.name}: its columns are separated by {word}. Save it as CSV with commas.")
    hint = nearest_known(EXAM, filter(None, names))
    raise InputError(f"{path.name} has no column '{EXAM}', the name of each exam's folder. {hint}")


def _refuse_absent(names: list[str], rows: Mapping[str, Mapping[str, str]], inputs: InputsSpec, path: Path) -> None:
    """Refuse a table that lacks a column altogether: imputed everywhere, it would only look as if it had been used."""
    known = [name for name in names if name and name != EXAM]
    absent = absent_columns(inputs, {name: [row.get(name) for row in rows.values()] for name in known})
    if absent:
        has = nearest_known(absent[0], known) if known else f"It has none beside '{EXAM}'."
        raise InputError(
            f"{path.name} has no column '{absent[0]}', which the model wants. {has} Add it; leave its cells empty "
            "where nothing is known."
        )


def _sentences(rows: Mapping[str, Mapping[str, str]], exams: list[str], path: Path) -> Iterable[str]:
    without = [exam for exam in exams if exam not in rows]
    if without:
        yield f"{path.name} has no row for {first_few(without)}: the training cases' usual values are taken there."
    others = [exam for exam in rows if exam not in exams]
    if others:
        yield f"{path.name} has rows of exams that are not in the folder: {first_few(others)}."


def _folder_name(exam: str) -> str:
    r"""Return the last part of a path, whichever system wrote it.

    >>> _folder_name("exams/P0001/"), _folder_name(r"D:\exams\P0001")
    ('P0001', 'P0001')
    """
    parts = [part for part in re.split(r"[\\/]", exam) if part]
    return parts[-1] if parts else ""
