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
from BreastFusionLib.evaluation.recalibration import FITTING_SPLIT, fit_recalibration

__all__ = ["prediction_sets", "recalibrated"]


def recalibrated(tables: Sequence[Predictions], plan: EvaluationPlan) -> tuple[list[Predictions], list[str]]:
    """Return the tables with probabilities calibrated on their own validation cases, and a note for each.

    Raises:
        InputError: a table has no validation cases, or scores that are no probabilities.
    """
    if plan.recalibrate is None:
        return list(tables), []
    found, notes = [], []
    for table in tables:
        if table.validation is None or table.classes:
            raise InputError(f"{table.name}: calibration is fitted on validation cases of two classes, and there are "
                             f"none. Give a table with rows of split '{FITTING_SPLIT}' too.")  # fmt: skip
        held = table.validation
        fitted = fit_recalibration(held.labels, held.scores, _as_validation(held), plan.recalibrate)
        runs = None if table.runs is None else replace(table.runs, scores=fitted(table.runs.scores))
        found.append(
            replace(
                table,
                scores=fitted(table.scores),
                runs=runs,
                validation=replace(held, scores=fitted(held.scores)),
            )
        )
        notes.append(
            f"{table.name}: probabilities are calibrated ({fitted.method}) on {fitted.cases} validation cases."
        )
    return found, notes


def prediction_sets(
    paired: PairedPredictions, model: int, plan: EvaluationPlan, patients: np.ndarray | None = None
) -> dict[str, Any] | None:
    """Return coverage and size of a model's prediction sets; None without validation cases or probabilities."""
    held = paired.tables[model].validation if paired.tables else None
    scores = paired.scores[model]
    if plan.coverage is None or held is None or not (are_probabilities(scores) and are_probabilities(held.scores)):
        return None
    sets = fit_conformal(held.labels, held.scores, _as_validation(held), plan.coverage, by_class=True)
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
    return np.full(table.labels.size, FITTING_SPLIT)
