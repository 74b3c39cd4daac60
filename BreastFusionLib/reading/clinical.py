"""From a case's row and its exam to the raw values of its clinical columns: checked, and changed by the recipe's rules.

Nothing here depends on training cases; how raw values become numbers is `clinical_encoder`'s.
"""

from __future__ import annotations

import contextlib
import hashlib
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from BreastFusionLib.errors import InputError
from BreastFusionLib.exam.age import AGE, OLDEST_YEARS
from BreastFusionLib.reading.column_settings import EMPTY_WORDS, ColumnSpec, RuleSpec
from BreastFusionLib.reading.recipe import InputsSpec

__all__ = [
    "ColumnValue",
    "absent_columns",
    "clinical_columns",
    "column_value",
    "is_known",
    "is_stray_level",
    "table_columns",
    "takes_age",
    "word_among",
]

ColumnValue = float | str | None
"""A number, a level's word, or None where missing."""

# Scanners write 1.494 T or 2.89 T for what everyone calls 1.5 T and 3 T: a number counts as the level that it differs
# from by no more than this share. Tables write 1.0 for 1 beside words, and 1.1 in single precision.
_SAME_LEVEL = {"exam": 0.05, "table": 1e-6}


def clinical_columns(
    row: Mapping[str, Any], exam_values: Mapping[str, Any], inputs: InputsSpec, drawn_from: str
) -> tuple[dict[str, ColumnValue], list[str]]:
    """Return the raw value of every clinical column of a recipe.

    Args:
        row: the case's row of the cohort's table, or what a reader typed in; an absent column is missing.
        exam_values: values of the exam itself (`exam.acquisition_columns`, the projection's, 'left_breast'), and the
            patient's 'age' in years, taken where the row has no such column.
        inputs: the columns and rules.
        drawn_from: what rules draw from, beside their seed: `draws.drawn_from`, in a cohort the case's name.

    Returns:
        values: column -> a number (continuous), a level's word (ordinal, categorical), or None where missing.
        sentences: about values that were not taken as they are.

    Raises:
        InputError: a word where a number is expected or the other way round, or a number out of the allowed range.
    """
    values: dict[str, ColumnValue] = {}
    sentences: list[str] = []
    for column in inputs.clinical:
        if takes_age(column) and AGE not in row and AGE in exam_values:
            values[column.name] = _age_of_exam(column, exam_values[AGE], sentences)
            continue
        given = (exam_values if column.origin == "exam" else row).get(column.name)
        values[column.name] = column_value(column, given, sentences)
    for rule in inputs.clinical_rules:
        if rule.value == values[rule.column] and (
            rule.where is None or word_among(rule.where_values, row.get(rule.where)) is not None
        ):
            column = next(column for column in inputs.clinical if column.name == rule.column)
            values[rule.column] = drawn = _other_level(column, rule, drawn_from)
            sentences.append(
                f"The clinical column '{column.name}' holds '{rule.value}', which was replaced by '{drawn}', drawn at "
                "random, as the model's recipe says."
            )
    return values, sentences


def column_value(column: ColumnSpec, given: Any, sentences: list[str]) -> ColumnValue:
    """Return the raw value of one column, before any rule.

    Args:
        column: its settings.
        given: by the table, the exam, or what a reader typed in.
        sentences: receives one where the value counts as missing.

    Raises:
        InputError: as `clinical_columns`.
    """
    if _is_missing(column, given):
        return None
    return _number(column, given, sentences) if column.kind == "continuous" else _level(column, given, sentences)


def takes_age(column: ColumnSpec) -> bool:
    """Tell whether a column is the patient's age in years, which an exam may tell where nobody else does."""
    is_number = column.origin == "table" and column.kind == "continuous"
    return column.name == AGE and is_number and column.unit in ("", "years")


def table_columns(inputs: InputsSpec) -> tuple[str, ...]:
    """Return the columns of the cohort's table that a preparation looks at."""
    own = [column.name for column in inputs.clinical if column.origin == "table"]
    return tuple(dict.fromkeys([*own, *(rule.where for rule in inputs.clinical_rules if rule.where is not None)]))


def absent_columns(inputs: InputsSpec, values: Mapping[str, Iterable[Any]]) -> list[str]:
    """Return the columns that a preparation looks at and a table lacks altogether.

    Args:
        inputs: the columns and rules.
        values: column of the table -> its cells.
    """
    # What tells where a rule applies is not missed where no row holds the value that the rule replaces.
    idle = [
        rule.where
        for rule in inputs.clinical_rules
        if rule.column in values and not any(word_among((rule.value,), value) for value in values[rule.column])
    ]
    return [name for name in table_columns(inputs) if name not in values and name not in idle]


def is_stray_level(column: ColumnSpec, given: Any) -> bool:
    """Tell whether a value of the table is none of its column's levels, so that it will count as missing."""
    sentences: list[str] = []
    if column.kind != "continuous" and not _is_missing(column, given):
        with contextlib.suppress(InputError):  # refused, which its case says
            _level(column, given, sentences)
    return bool(sentences)


def is_known(value: ColumnValue) -> bool:
    """Tell whether a value is there: a word, or a finite number."""
    return isinstance(value, str) or (value is not None and math.isfinite(value))


def word_among(words: Sequence[str], given: Any, origin: str = "table") -> str | None:
    """Return which of some words a value is; None for none.

    Args:
        words: levels, or codes.
        given: whatever a table made of it: a number counts as the nearest word that is one, if that is close enough.
        origin: of the column, 'table' or 'exam'.
    """
    word, number = _word(given), _as_number(given)
    if word in words:
        return word
    numeric = {one: value for one in words if (value := _as_number(one)) is not None}
    if number is None or not numeric:
        return None
    nearest = min(numeric, key=lambda one: abs(numeric[one] - number))
    return nearest if math.isclose(numeric[nearest], number, rel_tol=_SAME_LEVEL[origin]) else None


def _age_of_exam(column: ColumnSpec, years: int, sentences: list[str]) -> ColumnValue:
    age = f"{years} years or more" if years >= OLDEST_YEARS else f"{years} years"
    try:
        value = column_value(column, years, sentences)
    except InputError:  # nobody can correct it
        sentences.append(f"The images tell the age, {age}, which the column '{AGE}' cannot hold: it counts as missing.")
        return None
    if value is not None:
        sentences.append(f"The age was not given; the images tell it: {age}.")
    return value


def _is_missing(column: ColumnSpec, given: Any) -> bool:
    return _word(given).lower() in EMPTY_WORDS or word_among(column.missing, given) is not None


def _word(given: Any) -> str:
    """Return a value as text, whatever a table made of it: a whole number comes back as 3.0 beside empty cells."""
    if given is None:
        return ""
    if isinstance(given, (float, np.floating)):
        return f"{given:.12g}"
    return str(given).strip()


def _number(column: ColumnSpec, given: Any, sentences: list[str]) -> float | None:
    try:
        value = float(given)
    except (TypeError, ValueError, OverflowError):
        value = math.nan
    if not math.isfinite(value):
        raise InputError(
            f"The clinical column '{column.name}' holds {given!r}: a number was expected. Code it as a number "
            "(the same way as in training), or leave it empty."
        )
    low, high = (math.inf * sign if end is None else end for sign, end in ((-1, column.low), (1, column.high)))
    if low <= value <= high:
        return value
    # The name of an exam's column ends with its unit.
    unit = f" {column.unit}" if column.unit and column.origin == "table" else ""
    found = f"holds {value:g}{unit}: between {low:g} and {high:g}{unit} was expected"
    if column.origin == "exam":  # nobody can correct what a scanner wrote
        sentences.append(f"The exam's column '{column.name}' {found}; it counts as missing.")
        return None
    raise InputError(f"The clinical column '{column.name}' {found}. Correct the value, or leave it empty.")


def _level(column: ColumnSpec, given: Any, sentences: list[str]) -> str | None:
    word = _word(given)
    if not column.levels:
        return word
    level = word_among(column.levels, given, column.origin)
    if level is not None:
        return level
    is_number, of_words = _as_number(given) is not None, all(_as_number(level) is None for level in column.levels)
    if is_number and of_words and column.origin == "table":
        raise InputError(
            f"The clinical column '{column.name}' holds the number {word}: one of its levels was expected "
            f"({', '.join(column.levels)}). Write it in the same words as in training, or leave it empty."
        )
    sentences.append(
        f"The clinical column '{column.name}' holds '{word}', which is none of its levels "
        f"({', '.join(column.levels)}); it counts as missing."
    )
    return None


def _as_number(given: Any) -> float | None:
    try:
        value = float(given)
    except (TypeError, ValueError, OverflowError):
        return None
    return value if math.isfinite(value) else None


def _other_level(column: ColumnSpec, rule: RuleSpec, drawn_from: str) -> str:
    """Draw from the seed and what is the case's alone, so that neither the order nor the number of cases counts."""
    others = [level for level in column.levels if level != rule.value]
    key = f"{rule.step}/{rule.column}/{rule.seed}/{drawn_from}"
    seed = int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "little")
    return others[int(np.random.default_rng(seed).integers(len(others)))]
