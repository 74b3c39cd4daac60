"""Whether probabilities mean what they say, and what acting on them would do."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from BreastFusionLib.errors import InputError
from BreastFusionLib.evaluation.calibration import (
    are_probabilities,
    brier_parts,
    calibration_error_by_chance,
    checked_probabilities,
    expected_calibration_error,
    reliability_curve,
)
from BreastFusionLib.evaluation.calibration_slope import calibration_line
from BreastFusionLib.evaluation.decision import DecisionCurve, decision_curves
from BreastFusionLib.evaluation.parts.sample import Sample

__all__ = ["calibration", "decisions"]

_CUTS = 99
_MOST_REPLICATES = 1000
_SIMULATIONS = 500


def calibration(sample: Sample) -> tuple[dict[str, dict[str, Any]], list[str]]:
    """Return name -> 'brier', 'expected_calibration_error' and 'calibration' of each model, and notes.

    Raises:
        InputError: calibration is demanded and a model's scores are no probabilities.
    """
    found, notes = {}, []
    for name, scores in zip(sample.names, sample.scores, strict=True):
        measured = sample.plan.calibration is not False and are_probabilities(scores)
        if sample.plan.calibration and not measured:
            try:
                checked_probabilities(sample.labels, scores)
            except InputError as error:
                raise InputError(f"{name}: {error}") from error
        if sample.plan.calibration is None and not measured:
            notes.append(f"{name}: scores lie outside [0, 1], so that calibration, decision curves (of all models) and "
                         "prediction sets are left out; --recalibrate makes probabilities of them, on validation "
                         "cases.")  # fmt: skip
        found[name] = _of_model(sample, scores) if measured else dict(_NOT_MEASURED)
    if sample.patients is not None and any(one["calibration"] for one in found.values()):
        notes.append(
            "The calibration error that chance alone gives is that of as many independent cases; cases of one patient "
            "are alike, so that a perfectly calibrated model would show a larger one here."
        )
    return found, notes


_NOT_MEASURED = {"brier": None, "expected_calibration_error": None, "calibration": None}


def _of_model(sample: Sample, p: np.ndarray) -> dict[str, Any]:
    y, level = sample.labels, sample.plan.level
    parts, line = brier_parts(y, p), calibration_line(y, p, level, sample.patients)
    chance = calibration_error_by_chance(p, simulations=_SIMULATIONS, seed=sample.plan.seed)
    error = expected_calibration_error(y, p)
    return {
        "brier": parts.score,
        "expected_calibration_error": error,
        "calibration": {
            "brier_skill": parts.skill,
            "reliability": parts.reliability,
            "resolution": parts.resolution,
            "expected_calibration_error": error,
            "expected_calibration_error_by_chance": chance.value,
            "expected_calibration_error_by_chance_95": chance.high,
            "slope": line.slope.to_mapping(),
            "intercept": line.intercept.to_mapping(),
            "in_the_large": line.in_the_large.to_mapping(),
            "note": line.note,
            "curve": [
                {
                    "from": one.low,
                    "to": one.high,
                    "cases": one.cases,
                    "predicted": one.predicted,
                    "observed": one.observed.to_mapping(),
                }
                for one in reliability_curve(y, p, _bins(y.size), "mass", level, sample.patients)
            ],
        },
    }


def _bins(cases: int) -> int:
    """Return how many points the reliability curve of so many cases can bear."""
    return min(10, max(3, cases // 25))


def decisions(sample: Sample) -> dict[str, Any] | None:
    """Return decision curves of all models; None when the scores of one are no probabilities."""
    if sample.plan.calibration is False or not are_probabilities(sample.scores):
        return None
    low, high = sample.plan.decision_range
    inside = np.arange(1, _CUTS + 1) / (_CUTS + 1)
    curves = decision_curves(
        sample.labels,
        dict(zip(sample.names, sample.scores, strict=True)),
        inside[(inside >= low - 1e-9) & (inside <= high + 1e-9)],
        sample.patients,
        sample.plan.prevalence,
        min(sample.plan.bootstrap, _MOST_REPLICATES),
        sample.plan.seed,
        sample.plan.level,
    )
    return {
        "thresholds": curves.thresholds.tolist(),
        "prevalence": curves.prevalence,
        "treat_all": curves.treat_all.value.tolist(),
        "models": {
            name: {
                **_lists(curve),
                "useful": [list(ends) for ends in curves.useful(name)],
                "surely_useful": [list(ends) for ends in curves.useful(name, surely=True)],
            }
            for name, curve in curves.models.items()
        },
    }


def _lists(curve: DecisionCurve) -> dict[str, list[float | None]]:
    return {key: [_finite(value) for value in getattr(curve, key)] for key in ("value", "low", "high")}


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
