"""Settings of clinical and acquisition columns: what each may hold, how it becomes numbers, what changes it first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Literal

from BreastFusionLib.errors import InputError, nearest_known
from BreastFusionLib.exam.acquisition import ACQUISITION_COLUMNS
from BreastFusionLib.images.settings import PROJECTION_COLUMNS

__all__ = ["EMPTY_WORDS", "EXAM_COLUMNS", "LEFT_BREAST", "RESERVED_COLUMNS", "ColumnSpec", "RuleSpec", "check_clinical"]

RESERVED_COLUMNS = ("case_id", "patient_id", "exam", "lesion", "side", "label", "split", "site")
"""Columns of a cohort's table with a meaning of their own, which are never an input."""

LEFT_BREAST = "left_breast"
"""The column of the exam that tells which breast a case is: 1 left, 0 right (holste2021's leftBreastFlag)."""

EMPTY_WORDS = ("", "nan")
"""What stands in an empty cell of a table, in small letters."""

EXAM_COLUMNS = (*ACQUISITION_COLUMNS, LEFT_BREAST, *PROJECTION_COLUMNS)
"""What an exam itself tells: how it was taken, 1 for a left and 0 for a right breast, and its projection's measures."""


@dataclass(frozen=True)
class ColumnSpec:
    """One clinical or acquisition column, and how it becomes numbers.

    Attributes:
        name: of the column in the cohort's table (`origin` 'table') or of a value of the exam itself ('exam': one of
            `EXAM_COLUMNS`).
        kind: 'continuous' a number; 'ordinal' levels in order, their rank as a number; 'categorical' levels without
            order, one 0/1 input each but for the base level.
        origin: where the value comes from.
        unit: of a continuous column, for the screen.
        title: words for the screen; empty: the name.
        levels: allowed values of an ordinal or categorical column; empty: those of the training cases, sorted.
        base: level of a categorical column without an input of its own; None: the first.
        low: smallest allowed value of a continuous column.
        high: largest allowed value.
        missing: values that mean 'not known', beside an empty cell.
        impute: what a missing value becomes: the training cases' median (of a categorical column their mode), their
            mode, or the first of these with one more 0/1 input that says so ('indicator').
        standardise: whether a number is brought to mean 0 and deviation 1 over the training cases.
    """

    name: str
    kind: Literal["continuous", "ordinal", "categorical"] = "continuous"
    origin: Literal["table", "exam"] = "table"
    unit: str = ""
    title: str = ""
    levels: tuple[str, ...] = ()
    base: str | None = None
    low: float | None = None
    high: float | None = None
    missing: tuple[str, ...] = ()
    impute: Literal["median", "mode", "indicator"] = "median"
    standardise: bool = True

    def __post_init__(self) -> None:
        if not self.name:
            raise InputError("clinical: a column has no name. Name it as in the cohort's table.")
        if self.origin == "table" and self.name in RESERVED_COLUMNS:
            raise InputError(
                f"clinical: the column '{self.name}' tells which case it is or what became of it, and is no input. "
                "Take it out."
            )
        if self.origin == "exam" and self.name not in EXAM_COLUMNS:
            raise InputError(f"clinical: an exam tells no '{self.name}'. {nearest_known(self.name, EXAM_COLUMNS)}")
        where = f"clinical, {self.name}"
        if self.kind == "continuous" and (self.levels or self.base is not None):
            raise InputError(f"{where}: a continuous column has no levels. Call it 'ordinal' or 'categorical'.")
        if self.kind != "continuous" and not (self.low is None and self.high is None):
            raise InputError(f"{where}: low and high are for continuous columns. Name the allowed levels instead.")
        if self.low is not None and self.high is not None and self.low >= self.high:
            raise InputError(f"{where}: low ({self.low:g}) must lie below high ({self.high:g}).")
        if len(set(self.levels)) < len(self.levels):
            raise InputError(f"{where}: a level comes twice in {list(self.levels)}.")
        for level in self.levels:
            if level.strip().lower() in EMPTY_WORDS or level != level.strip() or level in self.missing:
                raise InputError(
                    f"{where}: no case can have the level '{level}', because it means 'not known' or begins or ends "
                    "with a blank. Take it out of the levels, or out of 'missing'."
                )
        if self.kind == "ordinal" and self.base is not None:
            raise InputError(f"{where}: an ordinal column is one number and has no base level. Leave 'base' out.")
        if self.levels and self.base is not None and self.base not in self.levels:
            raise InputError(f"{where}: the base level '{self.base}' is none. {nearest_known(self.base, self.levels)}")

    @property
    def words(self) -> str:
        """What the screen calls it."""
        return self.title or self.name

    @property
    def raw(self) -> ColumnSpec:
        """The column as far as its raw values go: what is done to them later, and its words, are the defaults."""
        return replace(self, **_NOT_OF_RAW_VALUES)


_LATER = ("unit", "title", "base", "impute", "standardise")
_NOT_OF_RAW_VALUES: dict[str, Any] = {field.name: field.default for field in fields(ColumnSpec) if field.name in _LATER}


@dataclass(frozen=True)
class RuleSpec:
    """A named step that changes clinical values before they are encoded, in training and reading alike.

    Attributes:
        step: 'replace_at_random': `value` of `column` becomes one of the column's other levels, drawn evenly from
            the seed and, in a cohort, the case's name, else the exam's voxels and the side (holste2021, section 2.2,
            obscures the indication 'assess extent of disease' of breasts with BI-RADS 6, where it gives the answer
            away).
        column: its column.
        value: the level that is replaced.
        seed: of the draw.
        where: another column of the cohort's table, which need not be an input: only cases where it holds one of
            `where_values` are changed. None: all.
        where_values: see `where`.
    """

    step: Literal["replace_at_random"]
    column: str
    value: str
    seed: int = 0
    where: str | None = None
    where_values: tuple[str, ...] = ()


def check_clinical(columns: Sequence[ColumnSpec], rules: Sequence[RuleSpec]) -> None:
    """Check what concerns several columns, or columns and rules.

    Raises:
        InputError: a name comes twice, or a rule cannot be followed.
    """
    by_name = {column.name: column for column in columns}
    if len(by_name) < len(columns):
        names = [column.name for column in columns]
        raise InputError(f"clinical: the column '{max(names, key=names.count)}' comes more than once. Keep one.")
    for rule in rules:
        where = f"clinical_rules, {rule.step}"
        if rule.column not in by_name:
            raise InputError(f"{where}: '{rule.column}' is no clinical column. {nearest_known(rule.column, by_name)}")
        levels = by_name[rule.column].levels
        if rule.value not in levels or len(levels) < 2:
            raise InputError(
                f"{where}: '{rule.value}' must be one of at least two levels of '{rule.column}', which are "
                f"{', '.join(levels) or 'not named'}. Name the column's levels, in the same words."
            )
        if (rule.where is None) != (not rule.where_values):
            raise InputError(f"{where}, {rule.column}: 'where' and 'where_values' belong together. Give both or none.")
