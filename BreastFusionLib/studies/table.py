"""A table of results once, for all who read it: CSV for programs, Markdown for notes, HTML for the page."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import takewhile
from typing import Any

from BreastFusionLib.report.numbers import number, p_value, with_interval
from BreastFusionLib.report.page import Html, table

__all__ = ["Column", "StudyTable"]

_ENDS = ("low", "high")


@dataclass(frozen=True)
class Column:
    """One column.

    Attributes:
        key: in a row, and in the CSV file; an estimate {value, low, high} fills `<key>`, `<key>_low`, `<key>_high`.
        header: over it on the page.
        kind: how its cells are written: 'text', 'count', 'number' (three digits), 'coarse' (two digits), 'share' (of 1,
            in per cent), 'p'.
        with_ends: whether its cells are estimates.
    """

    key: str
    header: str
    kind: str = "number"
    with_ends: bool = False


@dataclass(frozen=True)
class StudyTable:
    """A table of a study.

    Attributes:
        file: its file's name, without suffix.
        title: over it.
        columns: of it.
        rows: column key -> text, number, estimate, or None.
        caption: what its figures are.
    """

    file: str
    title: str
    columns: tuple[Column, ...]
    rows: Sequence[Mapping[str, Any]] = field(default_factory=list)
    caption: str = ""

    def csv(self) -> str:
        """Return the numbers as they are, ends of intervals in columns of their own."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow([name for column in self.columns for name in _names(column)])
        writer.writerows([cell for column in self.columns for cell in _cells(column, row)] for row in self.rows)
        return text.getvalue()

    def markdown(self) -> str:
        """Return the table as on the page."""
        lines = [[column.header for column in self.columns], [_rule(column) for column in self.columns]]
        lines += [[_words(column, row.get(column.key)) or "–" for column in self.columns] for row in self.rows]
        body = "\n".join(f"| {' | '.join(cell.replace('|', '/') for cell in line)} |" for line in lines)
        return "\n\n".join(part for part in (f"### {self.title}", body, self.caption) if part) + "\n"

    def html(self) -> Html:
        """Return the table for a page."""
        rows = [[_shown(column, row.get(column.key)) for column in self.columns] for row in self.rows]
        text_columns = len(list(takewhile(lambda column: column.kind == "text", self.columns)))
        header = [column.header for column in self.columns]
        return table(header, rows, text_columns=text_columns, caption=self.caption or None, stacked=True)

    def to_mapping(self) -> dict[str, Any]:
        """Return the table in JSON's own types."""
        return {"title": self.title, "caption": self.caption, "rows": [dict(row) for row in self.rows]}


def _names(column: Column) -> list[str]:
    return [column.key, *(f"{column.key}_{end}" for end in _ENDS)] if column.with_ends else [column.key]


def _cells(column: Column, row: Mapping[str, Any]) -> list[Any]:
    found = row.get(column.key)
    if not column.with_ends:
        return [found]
    return [(found or {}).get(key) for key in ("value", *_ENDS)]


def _rule(column: Column) -> str:
    return "---" if column.kind == "text" else "---:"


def _shown(column: Column, found: Any) -> Html | str | None:
    if not column.with_ends:
        return _words(column, found)
    share = column.kind == "share"
    return with_interval(found, 2 if column.kind == "coarse" else 3, percent=share)


def _words(column: Column, found: Any) -> str | None:
    """Return a cell as text."""
    if found is None or (column.with_ends and found.get("value") is None):
        return None
    if not column.with_ends:
        return _written(column.kind, found)
    value = _written(column.kind, found["value"])
    ends = [_written(column.kind, found[end]) for end in _ENDS if found.get(end) is not None]
    return f"{value} [{', '.join(end.removesuffix(' %') for end in ends)}]" if len(ends) == 2 else value


def _written(kind: str, value: Any) -> str:
    if kind == "text":
        return str(value)
    if kind == "p":
        return p_value(float(value)) or ""
    if kind == "share":
        return f"{number(100 * value, '.1f')} %"
    forms = {"count": ",.0f", "number": ".3f", "coarse": ".2f"}
    return number(float(value), forms[kind])
