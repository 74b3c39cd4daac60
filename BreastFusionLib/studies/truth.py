"""What is known when the cases of a study are phantoms: the ideal observer, and which columns matter at all."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from BreastFusionLib.errors import InputError
from BreastFusionLib.evaluation import evaluate_scores
from BreastFusionLib.phantom.ideal import PhantomCase, ideal_scores
from BreastFusionLib.phantom.truth import LATENTS
from BreastFusionLib.report.evaluation_captions import area_method
from BreastFusionLib.studies.run import StudyRuns
from BreastFusionLib.studies.study import BEST, VIEWS
from BreastFusionLib.studies.table import Column, StudyTable

__all__ = ["EFFECTS", "Truth", "known_truth", "observed_calibration"]

logger = logging.getLogger(__name__)

# Column of a phantom's table -> the latent value that it shows (phantom.clinical).
_SHOWN_BY = {"age": "age", "indication": "suspicion", "lifetime_risk_percent": "lifetime_risk"}
_SEPARATION = {latent.name: latent.separation for latent in LATENTS}
EFFECTS = {column: _SEPARATION[latent] for column, latent in _SHOWN_BY.items()}
"""Clinical column -> by how many standard deviations malignant and benign phantoms differ in it; the others do not."""

_SLOPES = (0.8, 1.2)


@dataclass(frozen=True)
class Truth:
    """What the phantoms' truth adds to the results.

    Attributes:
        ideal: key of a model -> `evaluate_scores` of the observer who sees what it sees, a model of it.
        table: the models' AUC beside it.
        calibration: slope and calibration error beside what they should be.
    """

    ideal: Mapping[str, Mapping[str, Any]]
    table: StudyTable
    calibration: StudyTable


def known_truth(runs: StudyRuns, evaluations: Mapping[str, Mapping[str, Any]]) -> Truth | None:
    """Return what is known of the test cases; None where no `truth.csv` of these phantoms lies beside the cohort.

    Args:
        runs: of the study.
        evaluations: view -> evaluation of all models.
    """
    file = runs.cohort_path.parent / "truth.csv"
    if not file.is_file():
        return None
    tested = pd.read_csv(next(iter(runs.found.values())).best.test_predictions, dtype={"case_id": "str"})
    cases = runs.cohort.table.set_index("case_id").loc[tested["case_id"]]
    of_breasts = bool(cases["lesion"].isna().all())
    shown = [
        PhantomCase(str(exam), str(side) if of_breasts else None)
        for exam, side in zip(cases["exam"], cases["side"], strict=True)
    ]
    try:
        scores = {model.key: ideal_scores(file, shown, model.experiment.sees) for model in runs.models}
    except InputError as error:  # a file of that name that is not of these phantoms
        logger.warning("No ideal observer. %s", error)
        return None
    patients = tested["patient_id"]
    # The intervals of an observer who is only held beside others need no thousands of resamples.
    measured = evaluate_scores(tested["label"], scores, patients=patients, bootstrap=0, threshold=0.0)
    ideal = measured["models"]
    return Truth(ideal, _ideal_table(runs, evaluations, ideal), observed_calibration(runs, evaluations[BEST]))


def _ideal_table(runs: StudyRuns, evaluations: Mapping[str, Mapping[str, Any]], ideal: Mapping[str, Any]) -> StudyTable:
    columns = [Column("model", "Model", "text"), Column("ideal", "Ideal observer of the same sources", with_ends=True)]
    rows: list[dict[str, Any]] = [{"model": one.name, "ideal": ideal[one.key]["auc_delong"]} for one in runs.models]
    for view, evaluation in evaluations.items():
        words = f", {VIEWS[view]}" if len(evaluations) > 1 else ""
        columns += [
            Column(f"{view}_auc", f"AUC{words}", with_ends=True),
            Column(f"{view}_share", "Share of the ideal", "share"),
        ]
        for row in rows:
            area = evaluation["models"][row["model"]][runs.plan.study.area]
            row |= {f"{view}_auc": area, f"{view}_share": area["value"] / row["ideal"]["value"]}
    caption = (
        "The phantoms' truth is known, and so is the best that anyone could decide from the latent values that a "
        "model's sources show, on these very test cases. Images and columns show these values blurred, in steps or in "
        "part, so that the ideal observer is an upper bound. "
        f"The interval of its AUC: {area_method(evaluations[BEST])}."
    )
    return StudyTable("ideal", runs.plan.titled("Against the ideal observer"), tuple(columns), rows, caption)


def observed_calibration(runs: StudyRuns, evaluation: Mapping[str, Any]) -> StudyTable:
    """Return each model's calibration slope and error, and whether they are what calibrated probabilities show."""
    columns = (
        Column("model", "Model", "text"),
        Column("slope", "Calibration slope", "coarse", with_ends=True),
        Column("error", "Expected calibration error"),
        Column("limit", "95 % of calibrated models stay below"),
        Column("verdict", "Verdict", "text"),
    )
    rows = []
    for model in runs.models:
        found = evaluation["models"][model.name].get("calibration")
        if not found:
            continue
        error, limit = found["expected_calibration_error"], found["expected_calibration_error_by_chance_95"]
        rows.append(
            {
                "model": model.name,
                "slope": found["slope"],
                "error": error,
                "limit": limit,
                "verdict": _verdict(found["slope"], error, limit),
            }
        )
    caption = (
        f"Slope 1 is perfect; {_SLOPES[0]:g} to {_SLOPES[1]:g} is close to it. The calibration error of a perfectly "
        "calibrated model is not 0 with so many cases: 95 % of such models stay below the limit."
    )
    return StudyTable("calibration", runs.plan.titled("Calibration"), columns, rows, caption)


def _verdict(slope: Mapping[str, float | None], error: float, limit: float) -> str:
    value, low, high = (slope[key] for key in ("value", "low", "high"))
    if value is None:
        return "no slope"
    if low is None or high is None:
        return "too few cases to tell"
    words = "" if _SLOPES[0] <= value <= _SLOPES[1] else "too sure" if value < 1 else "not sure enough"
    if words and low <= 1 <= high:
        words += ", which may be chance"
    return "; ".join(part for part in (words, "error beyond chance" if error > limit else "") if part) or "fits"
