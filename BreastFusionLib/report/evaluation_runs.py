"""The tables of an evaluation's runs and folds: how much figures vary over them, and models compared over them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from BreastFusionLib.report.numbers import fixed, number, p_value, with_interval
from BreastFusionLib.report.page import Html, element, join, table

__all__ = ["run_tests_table", "runs_table"]

Models = Mapping[str, Mapping[str, Any]]


def runs_table(models: Models) -> Html | None:
    """Return how figures vary over runs and folds; None where there are none."""
    rows = []
    for name, model in models.items():
        runs = model.get("runs")
        if not runs:
            continue
        spreads = [("runs", runs["spread"])] if runs["spread"] else []
        several = len(runs["folds"]) > 1
        spreads += [
            (f"folds of run {run}" if several else "folds", found["spread"]) for run, found in runs["folds"].items()
        ]
        rows += [
            (
                name,
                f"{found['runs']} {words}",
                with_interval(found["mean"], 3),
                fixed(found["sd"]),
                fixed(found["median"]),
                f"{found['lowest']:.3f} to {found['highest']:.3f}",
            )
            for words, found in spreads
        ]
    header = ("Model", "Over", "Mean AUC", "SD", "Median", "Range")
    caption = (
        "Each run, and each fold, measured by itself; brackets hold Student's interval of the mean over them. The "
        "models' figures above are those of the runs' mean score."
    )
    return table(header, rows, text_columns=2, caption=caption) if rows else None


def run_tests_table(evaluation: Mapping[str, Any]) -> Html | None:
    """Return Wilcoxon's tests of models over the same runs and folds; None where there are none."""
    rows = [
        (join([test["a"], element("small", " against "), test["b"]]), test["runs"]["pairs"],
         number(test["runs"]["median"], "+.3f"), p_value(test["runs"]["p"]))
        for test in evaluation["comparisons"]
        if test.get("runs")
    ]  # fmt: skip
    caption = "Wilcoxon's signed-rank test of the AUCs over the same runs and folds."
    return table(("Models compared", "Pairs", "Median difference", "P"), rows, caption=caption) if rows else None
