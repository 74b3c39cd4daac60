"""The tables of a study: models by figures, with the paper's beside them, differences with P values, and all runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from BreastFusionLib.cohort.table import records
from BreastFusionLib.reading.recipe import SOURCE_WORDS
from BreastFusionLib.report.evaluation_captions import has_intervals
from BreastFusionLib.report.evaluation_methods import methods_sentence
from BreastFusionLib.studies.plan import PlannedModel
from BreastFusionLib.studies.run import StudyRuns
from BreastFusionLib.studies.study import BEST, VIEWS, Metric, ResultTable
from BreastFusionLib.studies.table import Column, StudyTable

__all__ = ["comparison_table", "figure_of", "result_table", "runs_table"]

Evaluations = Mapping[str, Mapping[str, Any]]


def figure_of(found: Mapping[str, Any], key: str) -> Any:
    """Return a figure of an evaluation: 'specificity_at_sensitivity/0.95' of a model or a comparison."""
    for step in key.split("/"):
        found = found[step]
    return found


def result_table(table: ResultTable, runs: StudyRuns, evaluations: Evaluations) -> StudyTable:
    """Return the models of a table with their figures, each followed by what the paper printed.

    Args:
        table: which models and figures.
        runs: of the study.
        evaluations: view -> evaluation of all models.
    """
    models = [model for model in runs.models if model.key in table.experiments]
    columns = [Column("model", "Model", "text"), Column("inputs", "Inputs", "text")]
    rows: list[dict[str, Any]] = [{"model": model.name, "inputs": _inputs_words(model)} for model in models]
    for view, evaluation in evaluations.items():
        for metric in table.metrics:
            key, kind = _column_key(view, metric), "share" if metric.percent else "number"
            header = f"{metric.name}, {VIEWS[view]}" if len(evaluations) > 1 else metric.name
            columns.append(Column(key, header, kind, with_ends=True))
            for row, model in zip(rows, models, strict=True):
                row[key] = figure_of(evaluation["models"][model.name], metric.key)
            printed = [model.experiment.published.get(view, {}).get(metric.key) for model in models]
            if any(printed):
                columns.append(Column(f"{key}_paper", "Paper", kind, with_ends=True))
                for row, numbers in zip(rows, printed, strict=True):
                    row[f"{key}_paper"] = _estimate(numbers) if numbers else None
    first = evaluations[BEST]
    intervals = _bootstrap_words(first) if runs.plan.study.test == "bootstrap" else methods_sentence(first)
    caption = f"{_cases_words(first)} {intervals} {_views_words(runs)}"
    return StudyTable(table.file, runs.plan.titled(table.title), tuple(columns), rows, caption)


def comparison_table(runs: StudyRuns, evaluations: Evaluations) -> StudyTable:
    """Return the differences that the paper tests, first minus second model, with their P values.

    By the paired bootstrap of AUC and of every other figure of the first table, or by DeLong's test of the AUC.
    """
    study, names = runs.plan.study, {model.key: model.name for model in runs.models}
    pairs = [(names[a], names[b]) for a, b in study.compared if a in names and b in names]
    by_delong = study.test == "delong"
    others = [] if by_delong else [metric for metric in study.tables[0].metrics if metric.key != "auc"]
    columns = [Column("first", "Model", "text"), Column("second", "against", "text")]
    rows: list[dict[str, Any]] = [{"first": a, "second": b} for a, b in pairs]
    for view, evaluation in evaluations.items():
        words = f", {VIEWS[view]}" if len(evaluations) > 1 else ""
        columns += [
            Column(f"{view}_auc", f"Difference in AUC{words}", with_ends=True),
            Column(f"{view}_auc_p", "P", "p"),
        ]
        for metric in others:
            key, kind = _column_key(view, metric), "share" if metric.percent else "number"
            columns += [
                Column(key, f"Difference in {metric.name.lower()}{words}", kind, with_ends=True),
                Column(f"{key}_p", "P", "p"),
            ]
        for row, pair in zip(rows, pairs, strict=True):
            sign, test = _comparison(evaluation, pair)
            area = {"value": test["delta_auc"], "low": test["low"], "high": test["high"]}
            row[f"{view}_auc"] = _signed(area if by_delong else test["differences"]["auc"], sign)
            row[f"{view}_auc_p"] = test["p_delong"] if by_delong else test["p_bootstrap"]
            for metric in others:
                found = figure_of(test["differences"], metric.key)
                row[_column_key(view, metric)] = _signed(found, sign)
                row[f"{_column_key(view, metric)}_p"] = found["p"]
    method = "DeLong's test" if by_delong else "The paired bootstrap"
    caption = f"First minus second model on the same cases. {method}, not corrected for the number of comparisons."
    title = "Table 3. The fused model against each other one" if by_delong else "Differences that the paper tests"
    return StudyTable("comparisons", runs.plan.titled(title), tuple(columns), rows, caption)


def runs_table(runs: StudyRuns) -> StudyTable:
    """Return every run: what it reached on validation and test cases."""
    columns = (
        Column("model", "Model", "text"),
        Column("seed", "Seed", "count"),
        Column("epoch", "Best epoch", "count"),
        Column("validation_loss", "Validation loss"),
        Column("validation_auc", "Validation AUC"),
        Column("test_auc", "Test AUC"),
        Column("chosen", "Best run", "text"),
    )
    rows = [
        {**row, "model": model.name, "chosen": "yes" if row["best"] else ""}
        for model in runs.models
        for row in records(pd.read_csv(runs.found[model.key].table))
    ]
    caption = "The best run is chosen by validation cases. Epochs count from 0, as in the logs."
    return StudyTable("runs", runs.plan.titled("Every run"), columns, rows, caption)


def _inputs_words(model: PlannedModel) -> str:
    return ", ".join(SOURCE_WORDS[source] for source in model.recipe.inputs.sources)


def _cases_words(evaluation: Mapping[str, Any]) -> str:
    first = next(iter(evaluation["models"].values()))
    return f"{first['n']:,} test cases, {first['positives']:,} of them malignant."


def _bootstrap_words(evaluation: Mapping[str, Any]) -> str:
    if not has_intervals(evaluation):
        return methods_sentence(evaluation)
    settings = evaluation["settings"]
    drawn = "patients" if settings["by_patient"] else "cases"
    return f"Brackets: {100 * settings['level']:g} % intervals of {settings['bootstrap']:,} resamples of {drawn}."


def _views_words(runs: StudyRuns) -> str:
    if runs.plan.runs == 1:
        return "One run of each model."
    return (
        f"Each model was trained {runs.plan.runs} times. Best run: the one that is best on the validation cases. "
        f"Ensemble: the mean probability of all {runs.plan.runs}."
    )


def _column_key(view: str, metric: Metric) -> str:
    return f"{view}_{metric.key.replace('/', '_')}"


def _estimate(numbers: Sequence[float]) -> dict[str, float | None]:
    return dict(zip(("value", "low", "high"), (*numbers, None, None)[:3], strict=True))


def _comparison(evaluation: Mapping[str, Any], pair: tuple[str, str]) -> tuple[int, Mapping[str, Any]]:
    """Return the comparison of two models and 1, or -1 where it is the second minus the first."""
    for test in evaluation["comparisons"]:
        if (test["a"], test["b"]) == pair:
            return 1, test
        if (test["b"], test["a"]) == pair:
            return -1, test
    raise KeyError(pair)


def _signed(estimate: Mapping[str, Any], sign: int) -> dict[str, float | None]:
    value, low, high = (estimate.get(key) for key in ("value", "low", "high"))
    ends = (low, high) if sign > 0 else (high, low)
    return dict(zip(("value", "low", "high"), (None if v is None else sign * v for v in (value, *ends)), strict=True))
