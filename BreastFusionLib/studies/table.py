"""A table of results once, for all who read it: CSV for programs, Markdown for notes, HTML for the page."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import takewhile
from typing import Any

from BreastFusionLib.report.numbers import number, p_value
from BreastFusionLib.report.page import Html, element, join, table

__all__ = ["Column", "StudyTable"]


@dataclass(frozen=True)
class Column:
    """One column.

    Attributes:
        key: in a row, and in the CSV file, where an estimate fills `<key>`, `<key>_low` and `<key>_high`.
        header: over it on the page.
        kind: how its cells are written: 'text', 'count', 'rank' (ties share their mean), 'number' (three digits),
            'coarse' (two digits), 'share' (of 1, in per cent), 'p'.
        with_ends: whether its cells are estimates {value, low, high}.
        with_rank: whether its cells are {value, rank}.
    """

    key: str
    header: str
    kind: str = "number"
    with_ends: bool = False
    with_rank: bool = False

    @property
    def beside(self) -> tuple[str, ...]:
        """What stands in small letters beside a cell's value."""
        return ("low", "high") if self.with_ends else ("rank",) if self.with_rank else ()


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
    return [column.key, *(f"{column.key}_{part}" for part in column.beside)]


def _cells(column: Column, row: Mapping[str, Any]) -> list[Any]:
    found = row.get(column.key)
    if not column.beside:
        return [found]
    return [(found or {}).get(key) for key in ("value", *column.beside)]


def _rule(column: Column) -> str:
    return "---" if column.kind == "text" else "---:"


def _shown(column: Column, found: Any) -> Html | None:
    """Return a cell for the page: what stands beside the value in small letters, which a narrow column sets below."""
    value, small = _parts(column, found)
    return join([f"{value} ", element("small", small)] if small else [value]) if value else None


def _words(column: Column, found: Any) -> str:
    """Return a cell as text."""
    return " ".join(filter(None, _parts(column, found)))


def _parts(column: Column, found: Any) -> tuple[str, str]:
    """Return a cell's value and what stands in brackets beside it; both empty where there is nothing."""
    if not column.beside:
        return "" if found is None else _written(column.kind, found), ""
    if found is None or found["value"] is None:
        return "", ""
    value = _written(column.kind, found["value"])
    if column.with_rank:
        return value, f"({found['rank']})"
    ends = [_written(column.kind, found[end]).removesuffix(" %") for end in column.beside if found[end] is not None]
    return value, f"[{', '.join(ends)}]" if len(ends) == 2 else ""


def _written(kind: str, value: Any) -> str:
    if kind == "text":
        return str(value)
    if kind == "p":
        return p_value(float(value)) or ""
    if kind == "share":
        return f"{number(100 * value, '.1f')} %"
    forms = {"count": ",.0f", "rank": "g", "number": ".3f", "coarse": ".2f"}
    return number(float(value), forms[kind])
