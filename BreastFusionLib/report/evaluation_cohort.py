"""Who the cases of an evaluation are: the flow of rows into it, and table 1."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from BreastFusionLib.report.numbers import counted, fixed
from BreastFusionLib.report.page import Html, element, join, table

__all__ = ["cohort_table", "flow_block"]

_ORDER = ("median", "q1", "q3", "lowest", "highest")


def flow_block(flow: Mapping[str, Mapping[str, Any]]) -> Html:
    """Return how many rows were read, which were left out and why, and what is evaluated; one flow for equal ones.

    Args:
        flow: 'flow' of `evaluate_predictions`.
    """
    same: dict[str, list[str]] = {}
    steps = {name: _steps(one) for name, one in flow.items()}
    for name in flow:
        same.setdefault(str(steps[name]), []).append(name)
    blocks = []
    for names in same.values():
        words = element("p", ", ".join(names), class_="caption") if len(same) > 1 else None
        boxes = [element("li", element("b", number), element("span", why), class_=kind)
                 for kind, number, why in steps[names[0]]]  # fmt: skip
        blocks.append(element("div", words, element("ol", *boxes, class_="flow")))
    return join(blocks)


def _steps(flow: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """Return (kind, number, words) of each box."""
    steps = [("kept", f"{flow['rows']:,}", "rows in the table")]
    if flow.get("failed"):
        steps.insert(0, ("dropped", f"{flow['failed']:,}", "cases failed before they were scored"))
    steps += [("dropped", f"{one['rows']:,}", f"left out: {one['why']}") for one in flow["dropped"]]
    if flow["runs"] > 1:
        steps.append(("kept", f"{flow['runs']}", "runs, put together by case"))
    steps.append(("end", f"{flow['evaluated']:,}", "cases evaluated"))
    return steps


def cohort_table(cohort: Mapping[str, Any]) -> Html:
    """Return table 1.

    Args:
        cohort: 'cohort' of `evaluate_predictions`.
    """
    n = cohort["n"]
    header = ("", *(f"{name} (n = {count:,})" for name, count in zip(cohort["columns"], n, strict=True)))
    rows: list[tuple[object, ...]] = []
    if cohort["patients"] is not None:
        rows.append(("Patients", *(f"{count:,}" for count in cohort["patients"])))
    for row in cohort["rows"]:
        rows += _numbers(row) if row["kind"] == "number" else _categories(row, n)
        if any(row["missing"]):
            rows.append((_inner("unknown"), *(_share(count, total)
                                              for count, total in zip(row["missing"], n, strict=True))))  # fmt: skip
    if not rows:
        return table(("", *cohort["columns"]), [("Cases", *(_share(count, n[0]) for count in n))])
    caption = "Cases (share of the column); of numbers the median, quartiles in brackets, and the range."
    return table(header, rows, caption=caption if cohort["rows"] else None, stacked=True)


def _numbers(row: Mapping[str, Any]) -> list[tuple[object, ...]]:
    # One number of digits for the row: two that tell the quartiles of all cases apart.
    middle = row["cells"][0]
    width = 0.0 if middle["median"] is None else middle["q3"] - middle["q1"]
    digits = min(6, max(0, 1 - math.floor(math.log10(width)))) if width > 0 else 0

    def cell(found: Mapping[str, float | None]) -> Html | None:
        if found["median"] is None:
            return None
        median, q1, q3, lowest, highest = (fixed(found[key], digits) for key in _ORDER)
        ends = (f"[{q1}, {q3}]", f"{lowest} to {highest}")
        return join([f"{median} ", *(element("small", words) for words in ends)])

    return [(row["column"], *(cell(found) for found in row["cells"]))]


def _categories(row: Mapping[str, Any], n: Sequence[int]) -> list[tuple[object, ...]]:
    names = list(row["cells"][0])
    lines: list[tuple[object, ...]] = [(row["column"], *[""] * len(n))]
    lines += [
        (_inner(name), *(_share(cells[name], total) for cells, total in zip(row["cells"], n, strict=True)))
        for name in names
    ]
    return lines


def _inner(name: str) -> Html:
    return element("span", name, class_="inner")


def _share(count: int, total: int) -> str:
    return f"{count:,} ({100 * count / total:.0f} %)" if total else counted(count, "case")
