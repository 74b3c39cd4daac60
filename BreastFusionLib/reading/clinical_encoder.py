"""Clinical columns as a network's inputs: imputed, dummy-coded and standardised as the training cases say.

As holste2021 does (section 2.2), with two of its code's defects avoided: means and deviations are those of the imputed
values, which are what the network sees; and a level is never guessed from the largest of its inputs, because the base
level has none, so that raw values are kept beside the encoded ones.
"""

from __future__ import annotations

import logging
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from BreastFusionLib.errors import InputError, first_few, nearest_known
from BreastFusionLib.reading.clinical import ColumnValue, is_known
from BreastFusionLib.reading.column_settings import ColumnSpec
from BreastFusionLib.reading.scaler import Scaler
from BreastFusionLib.settings import from_mapping, to_mapping

__all__ = ["ClinicalEncoder", "ColumnCode"]

logger = logging.getLogger(__name__)

T = TypeVar("T", float, str)


@dataclass(frozen=True)
class ColumnCode:
    """How one column becomes inputs.

    Attributes:
        spec: its settings.
        levels: of an ordinal or categorical column, in order; empty for a continuous one.
        seen: those that occurred among the training cases.
        number: what a missing value becomes, in a continuous column.
        level: likewise, in the others.
        gaps: whether one was missing among the training cases; if none was, nothing was learnt of an indicator.
    """

    spec: ColumnSpec
    levels: tuple[str, ...] = ()
    seen: tuple[str, ...] = ()
    number: float | None = None
    level: str | None = None
    gaps: bool = True

    @property
    def fill(self) -> float | str:
        """What a missing value becomes."""
        return self.number if self.number is not None else str(self.level)

    @property
    def dummies(self) -> tuple[str, ...]:
        """Levels of a categorical column with an input of their own: all but the base level."""
        if self.spec.kind != "categorical":
            return ()
        base = self.levels[0] if self.spec.base is None else self.spec.base
        return tuple(level for level in self.levels if level != base)

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names of its inputs, e.g. 'age', or 'density=b', 'density=c', and 'age:missing' for an indicator."""
        name = self.spec.name
        own = tuple(f"{name}={level}" for level in self.dummies) if self.spec.kind == "categorical" else (name,)
        return (*own, f"{name}:missing") if self.spec.impute == "indicator" else own

    def usable(self, value: ColumnValue) -> bool:
        """Tell whether a value can be taken as it is, because it is there and the training cases know it."""
        if self.spec.kind == "continuous":
            return not isinstance(value, str) and is_known(value)
        # An order says what lies between two levels that were seen; a category without a case says nothing.
        return value in (self.levels if self.spec.kind == "ordinal" else self.seen)

    def note(self, value: ColumnValue) -> str:
        """Say in a sentence why a value that is not usable was imputed, and by what."""
        column = self.spec
        which = "most frequent value" if column.kind == "categorical" or column.impute == "mode" else "median"
        unit = f" {column.unit}" if column.unit else ""
        fill = f"{self.fill:.4g}{unit}" if isinstance(self.fill, float) else f"'{self.fill}'"
        problem = f"'{value}' was not among the training cases" if is_known(value) else "is missing"
        return f"{column.words} {problem}: the training cases' {which} ({fill}) was taken."


@dataclass(frozen=True, eq=False)
class ClinicalEncoder:
    """Columns as a network sees them; stands beside the scalers of measured features.

    Attributes:
        codes: of every column, in the recipe's order.
        measured: mean and deviation of each column's numbers (the rank of an ordinal level) over the training cases
            once imputed, quantiles of those that were there; a categorical column has no numbers.
    """

    codes: tuple[ColumnCode, ...]
    measured: Scaler

    @classmethod
    def fit(
        cls,
        columns: Sequence[ColumnSpec],
        rows: Sequence[Mapping[str, ColumnValue]],
        labels: ArrayLike | None = None,
        classes: int = 2,
    ) -> ClinicalEncoder:
        """Measure the columns over the training cases, and over these only.

        Args:
            columns: their settings.
            rows: raw values (`clinical.clinical_columns`) of N training cases.
            labels: (N,) class indices, or None.
            classes: number of classes.

        Raises:
            InputError: a column without any value, or a base level that no case has.
        """
        codes = tuple(_fit_column(column, [row[column.name] for row in rows]) for column in columns)
        names = tuple(column.name for column in columns)
        there = np.array([[_number(code, row[code.spec.name]) for code in codes] for row in rows], dtype=float)
        imputed = np.where(np.isnan(there), [_number(code, code.fill) for code in codes], there)
        observed, complete = (Scaler.fit(names, values, labels, classes) for values in (there, imputed))
        return cls(codes, replace(observed, mean=complete.mean, std=complete.std))

    @classmethod
    def from_mapping(cls, entry: Mapping[str, Any], where: str) -> ClinicalEncoder:
        """Read what `to_mapping` returned.

        Raises:
            InputError: when something is missing or does not fit.
        """
        if set(entry) != {"kind", "columns", "measured"} or not isinstance(entry["columns"], list):
            raise InputError(f"{where}: expected the keys kind, columns, measured. Export the bundle again.")
        codes = tuple(from_mapping(ColumnCode, column, f"{where}, columns") for column in entry["columns"])
        measured = Scaler.from_mapping(entry["measured"], where)
        if measured.names != tuple(code.spec.name for code in codes):
            raise InputError(f"{where}: 'columns' and 'measured' name other columns. Export the bundle again.")
        for code in codes:
            known = code.number is not None if code.spec.kind == "continuous" else code.level in code.levels
            if not known:
                raise InputError(
                    f"{where}, {code.spec.name}: what a missing value becomes is missing. Export it again."
                )
        return cls(codes, measured)

    def to_mapping(self) -> dict[str, Any]:
        """Return plain JSON content, but for NaN where a column has no numbers."""
        columns = [to_mapping(code) for code in self.codes]
        return {"kind": "clinical", "columns": columns, "measured": self.measured.to_mapping()}

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The network's inputs (F of them)."""
        return tuple(name for code in self.codes for name in code.inputs)

    @cached_property
    def parts(self) -> Mapping[str, tuple[int, ...]]:
        """Column -> where its inputs stand among the network's."""
        ends = np.cumsum([len(code.inputs) for code in self.codes]).tolist()
        return {
            code.spec.name: tuple(range(end - len(code.inputs), end))
            for code, end in zip(self.codes, ends, strict=True)
        }

    def number(self, name: str, value: ColumnValue) -> float:
        """Return the number by which `measured` knows a value: itself, an ordinal level's rank, else NaN."""
        return _number(self.code(name), value)

    def about(self, name: str) -> dict[str, str]:
        """Return what a screen may say of a column beside its name: 'title', 'unit', 'origin' ('table' or 'exam')."""
        column = self.code(name).spec
        return {"title": column.words, "unit": column.unit, "origin": column.origin}

    def reference_range(self, name: str) -> tuple[float, float]:
        """Return the values between which 95 % of the training cases lie; NaN for levels."""
        continuous = self.code(name).spec.kind == "continuous"
        return self.measured.reference_range(name) if continuous else (math.nan, math.nan)

    def code(self, name: str) -> ColumnCode:
        """Return how a column becomes inputs."""
        return next(code for code in self.codes if code.spec.name == name)

    def standardise(self, values: Mapping[str, ColumnValue]) -> NDArray[np.float32]:
        """Return a case's (F,) inputs, numbers as `Scaler.standardise` does unless their column says otherwise.

        An input that was the same in all training cases is so whatever the case: as in `Scaler.standardise`.

        Raises:
            InputError: when a column is missing altogether.
        """
        odd = [code.spec.name for code in self.codes if code.spec.name not in values]
        if odd:
            raise InputError(
                f"The case lacks the clinical column {first_few(odd)}, which the model expects. Prepare the case with "
                "the bundle's own recipe."
            )
        own = [(code, values[code.spec.name]) for code in self.codes]
        # Of a category, `usable` knows what was learnt.
        learnt = self.measured.varies | [code.spec.kind == "categorical" for code in self.codes]
        taken = [
            value if known and code.usable(value) else code.fill
            for (code, value), known in zip(own, learnt.tolist(), strict=True)
        ]
        numbers = [_number(code, value) for code, value in zip(self.codes, taken, strict=True)]
        standardised = self.measured.standardise(dict(zip(self.measured.names, numbers, strict=True)))
        inputs: list[float] = []
        for (code, value), known, number, z in zip(own, taken, numbers, standardised.tolist(), strict=True):
            if code.spec.kind == "categorical":
                inputs += [float(known == level) for level in code.dummies]
            else:
                inputs.append(z if code.spec.standardise else number)
            if code.spec.impute == "indicator":
                inputs.append(float(code.gaps and not code.usable(value)))
        return np.array(inputs, dtype=np.float32)

    def notes(self, values: Mapping[str, ColumnValue]) -> tuple[str, ...]:
        """Say in sentences which values of a case were imputed, and by what; none where the source is not there."""
        if not any(is_known(values[code.spec.name]) for code in self.codes):
            return ()
        return tuple(
            code.note(values[code.spec.name]) for code in self.codes if not code.usable(values[code.spec.name])
        )


def _fit_column(column: ColumnSpec, values: Sequence[ColumnValue]) -> ColumnCode:
    known = [value for value in values if is_known(value)]
    if not known:
        raise InputError(
            f"The clinical column '{column.name}' has no value that can be used in any of the {len(values)} training "
            "cases. Fill it in, name its levels as the table writes them, or take it out of the recipe."
        )
    gaps = len(known) < len(values)
    if column.kind == "continuous":
        numbers = [float(value) for value in known if value is not None]
        fill = _mode(numbers, sorted(numbers)) if column.impute == "mode" else float(np.median(numbers))
        return ColumnCode(column, number=fill, gaps=gaps)
    words = [str(value) for value in known]
    levels = column.levels or tuple(sorted(set(words), key=_natural))
    if column.kind == "ordinal" and not column.levels and any(_natural(level)[1] for level in levels):
        logger.warning(
            "The recipe names no levels of the ordinal column '%s', whose words are taken in the order of the "
            "alphabet: %s. Name its 'levels' in the recipe, the lowest first.",
            *(column.name, ", ".join(levels)),
        )
    if column.base is not None and column.base not in levels:
        raise InputError(
            f"The base level '{column.base}' of the clinical column '{column.name}' occurs in no training case. "
            f"{nearest_known(column.base, levels)}"
        )
    if column.kind == "ordinal" and column.impute != "mode":
        level = sorted(words, key=levels.index)[(len(words) - 1) // 2]  # of two middle ones the lower: it must be one
    else:
        level = _mode(words, levels)
    return ColumnCode(column, levels, tuple(one for one in levels if one in words), level=level, gaps=gaps)


def _mode(values: Sequence[T], order: Sequence[T]) -> T:
    """Return the most frequent value, of equally frequent ones the first in an order."""
    counts = Counter(values)
    return max(order, key=lambda value: counts[value])


def _natural(level: str) -> tuple[float, str]:
    """Sort numbers by size, and words after them."""
    try:
        return float(level), ""
    except ValueError:
        return math.inf, level


def _number(code: ColumnCode, value: ColumnValue) -> float:
    if code.spec.kind == "categorical" or not code.usable(value):
        return math.nan
    return float(code.levels.index(value)) if isinstance(value, str) else float(value)  # type: ignore[arg-type]
