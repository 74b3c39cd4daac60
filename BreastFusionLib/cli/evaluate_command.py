"""The command that evaluates predictions tables and compares models."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from BreastFusionLib import DISCLAIMER
from BreastFusionLib.cli.evaluate_options import (
    AtSensitivity,
    AtSpecificity,
    Bootstrap,
    Calibration,
    Cohort,
    DecisionRange,
    DropMissing,
    Ensemble,
    Importance,
    Independent,
    Intersect,
    LabelColumn,
    Level,
    Margin,
    Name,
    Out,
    PartialAuc,
    Positive,
    Predictions,
    Prevalence,
    Readings,
    Recalibrate,
    ScoreColumn,
    Seed,
    Subgroup,
    Threshold,
)
from BreastFusionLib.cli.output import JsonOption, emit, messages, result_only_on_stdout
from BreastFusionLib.errors import InputError

__all__ = ["EXAMPLES", "evaluate"]

EXAMPLES = """Example:  breastfusion evaluate a.csv b.csv --out report/ --json

breastfusion evaluate run/predictions.csv --cohort cohort.csv --subgroup site --subgroup age --threshold 0.26

breastfusion evaluate new.csv old.csv --margin 0.05 --intersect

breastfusion evaluate run/predictions.csv --recalibrate platt --readings readings/ --cohort cohort.csv --out report/"""


def evaluate(
    predictions: Predictions,
    label_column: LabelColumn = "label",
    score_column: ScoreColumn = "score",
    name: Name = None,
    positive: Positive = None,
    cohort: Cohort = None,
    intersect: Intersect = False,
    drop_missing: DropMissing = False,
    independent: Independent = False,
    bootstrap: Bootstrap = 5000,
    seed: Seed = 0,
    level: Level = 0.95,
    threshold: Threshold = None,
    at_sensitivity: AtSensitivity = None,
    at_specificity: AtSpecificity = None,
    partial_auc: PartialAuc = "0.9,1",
    margin: Margin = None,
    calibration: Calibration = None,
    recalibrate: Recalibrate = None,
    ensemble: Ensemble = None,
    prevalence: Prevalence = None,
    decision_range: DecisionRange = "0.01,0.99",
    subgroup: Subgroup = None,
    out: Out = None,
    importance: Importance = None,
    readings: Readings = None,
    as_json: JsonOption = False,
) -> None:
    """Evaluate models and compare them: discrimination, differences, calibration, decisions, subgroups.

    Intervals count patients where patient_id says that some have several cases. Rows of split 'test' are evaluated
    where a table has a column 'split'; several rows of one case are runs where a column 'run' tells them apart.
    """
    from BreastFusionLib.evaluation import evaluate_predictions

    options: dict[str, Any] = {
        "threshold": _thresholds(threshold or []),
        "partial_auc": _pair(partial_auc, "--partial-auc"),
        "decision_range": _pair(decision_range, "--decision-range"),
    }
    if at_sensitivity:
        options["sensitivities"] = tuple(at_sensitivity)
    if at_specificity:
        options["specificities"] = tuple(at_specificity)
    if out is None and (importance or readings):
        raise InputError(f"{'--importance' if importance else '--readings'} is for the report: say with --out where "
                         "that goes.")  # fmt: skip
    with result_only_on_stdout():
        result = evaluate_predictions(
            predictions,
            label_column,
            score_column,
            subgroup_columns=subgroup or (),
            cohort=cohort,
            by_patient=not independent,
            intersect=intersect,
            drop_missing=drop_missing,
            positive=positive or (),
            names=name or (),
            ensemble=ensemble,
            bootstrap=bootstrap,
            seed=seed,
            level=level,
            margin=margin,
            calibration=calibration,
            recalibrate=recalibrate,
            prevalence=prevalence,
            **options,
        )
        if out is not None:
            from BreastFusionLib.evaluation import add_what_lies_beside
            from BreastFusionLib.report import find_pictures, write_evaluation_page

            add_what_lies_beside(result, predictions, _importances(importance or [], list(result["models"])))
            pictures = find_pictures(result, cohort, readings) if cohort or readings else None
            messages.print(f"Report: {write_evaluation_page(result, out, pictures)}")
    emit(result, as_json, lambda: _print(result))


def _thresholds(given: list[str]) -> float | dict[str, float]:
    """Return one threshold, or one by model."""
    try:
        if not given:
            return 0.5
        if len(given) == 1 and "=" not in given[0]:
            return float(given[0])
        return {name: float(value) for name, _, value in (one.rpartition("=") for one in given)}
    except ValueError as error:
        raise InputError(
            f"--threshold {' '.join(given)}: expected a number, or MODEL=NUMBER for each model."
        ) from error


def _importances(given: list[str], models: list[str]) -> dict[str, Path]:
    """Return model -> its file; a file without a model is the last one's."""
    found = {}
    for one in given:
        name, _, file = one.rpartition("=")
        found[name or models[-1]] = Path(file)
    return found


def _pair(given: str, option: str) -> tuple[float, float]:
    try:
        low, high = (float(part) for part in given.split(","))
    except ValueError as error:
        raise InputError(f"{option} {given}: expected two numbers, such as 0.9,1.") from error
    return low, high


def _print(result: dict[str, Any]) -> None:
    """Print the table of models, and that of their differences."""
    from BreastFusionLib.report.evaluation_captions import corrected_p
    from BreastFusionLib.report.numbers import p_value

    console = Console(markup=False)
    several = "classes" in result
    columns = (
        ("macro AUC", "accuracy", "ODELIA score")
        if several
        else ("AUC (DeLong)", "specificity at 95 % sensitivity", "sensitivity", "specificity")
    )
    models = Table("model", "n", *([] if several else ["positives"]), *columns, title="Models")
    for name, model in result["models"].items():
        if several:
            models.add_row(name, str(model["n"]), *map(_interval, (model["auc"], model["accuracy"])),
                           _interval(model["odelia"]["score"]))  # fmt: skip
        else:
            at_95 = model["specificity_at_sensitivity"].get("0.95")
            found = (model["auc_delong"], at_95, model["sensitivity"], model["specificity"])
            models.add_row(name, str(model["n"]), str(model["positives"]), *map(_interval, found))
    console.print(models)
    if result["comparisons"]:
        pairs = Table(
            "a", "b", *(["class"] if several else []), "AUC difference", "P (DeLong)", "P (bootstrap)", "P (Holm)",
            title="Comparisons",
        )  # fmt: skip
        for pair in result["comparisons"]:
            pairs.add_row(
                pair["a"],
                pair["b"],
                *([pair["class"] or "macro"] if several else []),
                _interval({"value": pair["delta_auc"], "low": pair["low"], "high": pair["high"]}, "+.3f"),
                *(p_value(p) or "-" for p in (pair["p_delong"], pair["p_bootstrap"], corrected_p(pair))),
            )
        console.print(pairs)
    for note in result["notes"]:
        console.print(note, soft_wrap=True)
    console.print(DISCLAIMER)


def _interval(value: dict[str, float | None] | None, form: str = ".3f") -> str:
    if value is None or value["value"] is None:
        return "-"
    text = f"{value['value']:{form}}"
    return text if value["low"] is None else f"{text} [{value['low']:{form}}, {value['high']:{form}}]"
