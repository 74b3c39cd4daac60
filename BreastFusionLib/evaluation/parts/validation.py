"""What is fitted on a model's validation cases before it is judged on others: calibration and prediction sets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from BreastFusionLib.errors import InputError
from BreastFusionLib.evaluation.calibration import are_probabilities
from BreastFusionLib.evaluation.conformal import fit_conformal
from BreastFusionLib.evaluation.intervals import Estimate
from BreastFusionLib.evaluation.pairing import PairedPredictions
from BreastFusionLib.evaluation.plan import EvaluationPlan
from BreastFusionLib.evaluation.predictions import Predictions
from BreastFusionLib.evaluation.recalibration import Scale, fit_recalibration
from BreastFusionLib.evaluation.split_words import VALIDATION

__all__ = ["prediction_sets", "recalibrated", "why_no_sets"]


def recalibrated(tables: Sequence[Predictions], plan: EvaluationPlan) -> tuple[list[Predictions], list[str]]:
    """Return the tables with probabilities calibrated on their own validation cases, and a note for each.

    Scores of which any lies outside [0, 1] are taken as log-odds, and the note says so.

    Raises:
        InputError: a table has several classes, no validation cases, or only those of one class.
    """
    if plan.recalibrate is None:
        return list(tables), []
    found = [_recalibrated(table, plan) for table in tables]
    return [table for table, _ in found], [note for _, note in found]


def _recalibrated(table: Predictions, plan: EvaluationPlan) -> tuple[Predictions, str]:
    assert plan.recalibrate is not None
    held = table.validation
    if table.classes:
        raise InputError(f"{table.name}: calibration is fitted for two classes, and the table is of "
                         f"{len(table.classes)}. Name those that count as positive with --positive.")  # fmt: skip
    if held is None:
        raise InputError(f"{table.name}: calibration is fitted on validation cases, and there are none. Give a table "
                         f"with rows of split '{VALIDATION}' too.")  # fmt: skip
    of_runs = [one.runs.scores.ravel() for one in (table, held) if one.runs is not None]
    everything = np.concatenate([table.scores, held.scores, *of_runs])
    scale: Scale = "probability" if are_probabilities(everything) else "logit"
    try:
        fitted = fit_recalibration(held.labels, held.scores, _as_validation(held), plan.recalibrate, scale)
    except InputError as error:
        raise InputError(f"{table.name}: {error}") from error
    calibrated = replace(
        table,
        scores=fitted(table.scores),
        runs=None if table.runs is None else replace(table.runs, scores=fitted(table.runs.scores)),
        validation=replace(held, scores=fitted(held.scores)),
    )
    what = "probabilities"
    if scale == "logit":
        what = f"scores, taken as log-odds because they reach from {everything.min():.3g} to {everything.max():.3g},"
    return calibrated, f"{table.name}: {what} are calibrated ({fitted.method}) on {fitted.cases} validation cases."


def why_no_sets(tables: Sequence[Predictions], plan: EvaluationPlan) -> list[str]:
    """Say which models of probabilities get no prediction sets, because their validation cases have other scores."""
    if plan.coverage is None:
        return []
    held = [(one.name, one.validation) for one in tables if not one.classes and are_probabilities(one.scores)]
    return [
        f"{name}: no prediction sets are given. Scores of the validation cases reach from {one.scores.min():.3g} to "
        f"{one.scores.max():.3g} and are no probabilities; --recalibrate makes such of them."
        for name, one in held
        if one is not None and not are_probabilities(one.scores)
    ]


def prediction_sets(
    paired: PairedPredictions, model: int, plan: EvaluationPlan, patients: np.ndarray | None = None
) -> dict[str, Any] | None:
    """Return coverage and size of a model's prediction sets; None without validation cases or probabilities."""
    held = paired.tables[model].validation if paired.tables else None
    scores = paired.scores[model]
    if plan.coverage is None or held is None or not (are_probabilities(scores) and are_probabilities(held.scores)):
        return None
    split = _as_validation(held)
    sets = fit_conformal(held.labels, held.scores, split, plan.coverage, by_class=True, patients=held.patient_id)
    report = sets.check(paired.labels, scores, plan.level, patients)
    classes = paired.classes or ("negative", "positive")
    return {
        "wanted": plan.coverage,
        "validation_cases": int(held.labels.size),
        "coverage": report.coverage.to_mapping(),
        "coverage_by_class": _by_class(classes, report.coverage_by_class),
        "mean_size": report.mean_size,
        "single": report.single.to_mapping(),
        "empty": report.empty.to_mapping(),
        "note": sets.note,
    }


def _by_class(classes: Sequence[str], found: Sequence[Estimate]) -> dict[str, Any]:
    return {name: estimate.to_mapping() for name, estimate in zip(classes, found, strict=True)}


def _as_validation(table: Predictions) -> np.ndarray:
    return np.full(table.labels.size, VALIDATION)
