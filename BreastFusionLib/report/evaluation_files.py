"""An evaluation's numbers and figures as files beside its page: CSV for tables, SVG and PDF for papers."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from BreastFusionLib.files import replacing, write_json, write_text
from BreastFusionLib.report.evaluation_figures import EvaluationFigure
from BreastFusionLib.report.evaluation_methods import methods_text
from BreastFusionLib.report.style import save_figure

__all__ = ["write_evaluation_files"]

_ENDS = ("value", "low", "high")
# What is no number with an interval, and has a table of its own or none.
_NOT_FLAT = ("roc", "precision_recall", "calibration", "examples", "runs", "classes")


def write_evaluation_files(
    evaluation: Mapping[str, Any], figures: Mapping[str, EvaluationFigure], out: str | Path
) -> None:
    """Write evaluation.json, methods.txt, tables/*.csv and figures/*.svg and .pdf.

    Args:
        evaluation: of `evaluate_predictions`.
        figures: of `evaluation_figures`.
        out: a folder, made when needed.
    """
    folder = Path(out)
    write_json(folder / "evaluation.json", evaluation)
    write_text(folder / "methods.txt", methods_text(evaluation))
    for name, (header, rows) in _tables(evaluation).items():
        if rows:
            _write(folder / "tables" / f"{name}.csv", header, rows)
    for name, figure in figures.items():
        for suffix in (".svg", ".pdf"):
            save_figure(figure.drawn, folder / "figures" / f"{name}{suffix}")


def _tables(evaluation: Mapping[str, Any]) -> dict[str, tuple[Sequence[str], list[Sequence[Any]]]]:
    models = evaluation["models"]
    return {
        "models": (
            ("model", "metric", *_ENDS),
            [(name, *row) for name, model in models.items() for row in _flat(model)],
        ),
        "comparisons": (
            ("a", "b", "class", "metric", *_ENDS, "z", "p_delong", "p_holm", "p_bootstrap", "p_holm_bootstrap"),
            list(_comparisons(evaluation)),
        ),
        "roc": (("model", "class", "false_positive_rate", "sensitivity"), list(_roc(models))),
        "roc_bands": (("model", "false_positive_rate", "low", "high"), list(_columns(models, "roc", "band"))),
        "precision_recall": (("model", "recall", "precision"), list(_columns(models, "precision_recall"))),
        "calibration": (("model", "from", "to", "cases", "predicted", *_ENDS), list(_bins(models))),
        "decision_curves": (("curve", "threshold", *_ENDS), list(_decisions(evaluation.get("decision_curves")))),
        "subgroups": (("column", "group", "model", "n", "positives", "metric", *_ENDS), list(_groups(evaluation))),
        "cohort": (("column", "value", *evaluation["cohort"]["columns"]), list(_cohort(evaluation["cohort"]))),
        "runs": (("model", "run", "fold", "auc"), list(_runs(models))),
        "importance": (("model", "feature", "median", "low", "high", "rank"), list(_importance(evaluation))),
    }


def _flat(found: Mapping[str, Any], before: str = "") -> Iterator[Sequence[Any]]:
    """Yield (metric, value, low, high) of everything with an interval, and of single numbers."""
    for key, value in found.items():
        name = f"{before}{key}"
        if not before and key in _NOT_FLAT:
            continue
        if isinstance(value, Mapping) and "value" in value:
            yield (name, *(value.get(end) for end in _ENDS))
        elif isinstance(value, Mapping):
            yield from _flat(value, f"{name}.")
        elif isinstance(value, (int, float)) and not isinstance(value, bool):
            yield name, value, None, None
    if not before:
        for key in ("calibration", "classes"):
            for name, value in (found.get(key) or {}).items():
                if isinstance(value, Mapping):
                    of_one = {name: value} if "value" in value else {k: v for k, v in value.items() if k != "roc"}
                    yield from _flat(of_one, f"{key}." if "value" in value else f"{key}.{name}.")
                elif isinstance(value, (int, float)):
                    yield f"{key}.{name}", value, None, None


def _comparisons(evaluation: Mapping[str, Any]) -> Iterator[Sequence[Any]]:
    for test in evaluation["comparisons"]:
        pair = (test["a"], test["b"], test.get("class"))
        area = "macro_auc" if test.get("class", "") is None else "auc_delong"
        tests = [test[key] for key in ("z", "p_delong", "p_holm", "p_bootstrap", "p_holm_bootstrap")]
        yield (*pair, area, test["delta_auc"], test["low"], test["high"], *tests)
        for metric, found in _leaves(test.get("differences", {})):
            yield (*pair, metric, *(found[end] for end in _ENDS), None, None, None, found["p"], None)


def _leaves(found: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Mapping[str, Any]]]:
    for key, value in found.items():
        if "value" in value:
            yield f"{before}{key}", value
        else:
            yield from _leaves(value, f"{before}{key}.")


def _roc(models: Mapping[str, Any]) -> Iterator[Sequence[Any]]:
    for name, model in models.items():
        curves = {None: model["roc"]} if "roc" in model else {k: one["roc"] for k, one in model["classes"].items()}
        for of_class, curve in curves.items():
            for x, y in zip(curve["false_positive_rate"], curve["sensitivity"], strict=True):
                yield name, of_class, x, y


def _columns(models: Mapping[str, Any], key: str, inner: str | None = None) -> Iterator[Sequence[Any]]:
    """Yield the rows of a curve that is kept as lists of one length."""
    for name, model in models.items():
        curve = model.get(key) or {}
        curve = curve.get(inner) or {} if inner else curve
        yield from ((name, *row) for row in zip(*curve.values(), strict=True))


def _bins(models: Mapping[str, Any]) -> Iterator[Sequence[Any]]:
    for name, model in models.items():
        for one in (model.get("calibration") or {}).get("curve", ()):
            yield (name, one["from"], one["to"], one["cases"], one["predicted"],
                   *(one["observed"][end] for end in _ENDS))  # fmt: skip


def _decisions(curves: Mapping[str, Any] | None) -> Iterator[Sequence[Any]]:
    if not curves:
        return
    for threshold, value in zip(curves["thresholds"], curves["treat_all"], strict=True):
        yield "treat all", threshold, value, None, None
    for name, curve in curves["models"].items():
        for row in zip(curves["thresholds"], *(curve[end] for end in _ENDS), strict=True):
            yield (name, *row)


def _groups(evaluation: Mapping[str, Any]) -> Iterator[Sequence[Any]]:
    for column in evaluation.get("subgroups", ()):
        for name, found in column["models"].items():
            for group in found["groups"]:
                about = (column["column"], group["name"], name, group["n"], group["positives"])
                for metric, value in group.items():
                    if isinstance(value, Mapping):
                        yield (*about, metric, *(value[end] for end in _ENDS))


def _cohort(cohort: Mapping[str, Any]) -> Iterator[Sequence[Any]]:
    yield ("cases", "", *cohort["n"])
    if cohort["patients"] is not None:
        yield ("patients", "", *cohort["patients"])
    for row in cohort["rows"]:
        for key in row["cells"][0]:
            yield (row["column"], key, *(cell[key] for cell in row["cells"]))
        yield (row["column"], "unknown", *row["missing"])


def _runs(models: Mapping[str, Any]) -> Iterator[Sequence[Any]]:
    for name, model in models.items():
        runs = model.get("runs") or {"auc": {}, "folds": {}}
        for run, area in runs["auc"].items():
            yield name, run, None, area
        for run, found in runs["folds"].items():
            for fold, area in found["auc"].items():
                yield name, run, fold, area


def _importance(evaluation: Mapping[str, Any]) -> Iterator[Sequence[Any]]:
    for name, features in evaluation.get("importance", {}).get("models", {}).items():
        for one in features:
            yield name, one["name"], one["median"], one["low"], one["high"], one["rank"]


def _write(path: Path, header: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    with replacing(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(header)
        writer.writerows(rows)
