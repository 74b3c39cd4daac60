"""The whole evaluation of one or several models: numbers with intervals, and their paired differences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from BreastFusionLib.errors import InputError, first_few
from BreastFusionLib.evaluation.class_intervals import class_areas, class_bootstrap, too_few_of_a_class
from BreastFusionLib.evaluation.columns import read_table
from BreastFusionLib.evaluation.model_names import model_names
from BreastFusionLib.evaluation.pairing import PairedPredictions, pair
from BreastFusionLib.evaluation.parts.calibration import calibration, decisions
from BreastFusionLib.evaluation.parts.classes import class_comparisons, class_figures, class_words
from BreastFusionLib.evaluation.parts.comparison import comparisons
from BreastFusionLib.evaluation.parts.discrimination import (
    areas_of,
    beyond_the_last_case,
    discrimination,
    resampled_metrics,
    words_of_figures,
)
from BreastFusionLib.evaluation.parts.examples import examples
from BreastFusionLib.evaluation.parts.groups import cohort_table, subgroups
from BreastFusionLib.evaluation.parts.runs import run_spread, spread_notes
from BreastFusionLib.evaluation.parts.sample import Sample, dependence, without_intervals
from BreastFusionLib.evaluation.parts.together import EnsembleRule, compare_runs, with_ensemble
from BreastFusionLib.evaluation.parts.unvaried import unvaried
from BreastFusionLib.evaluation.parts.validation import prediction_sets, recalibrated, why_no_sets
from BreastFusionLib.evaluation.plan import EvaluationPlan
from BreastFusionLib.evaluation.predictions import Predictions, read_predictions
from BreastFusionLib.evaluation.roc import checked

if TYPE_CHECKING:
    import pandas

__all__ = ["SCHEMA", "evaluate_predictions", "evaluate_scores"]

SCHEMA = "breastfusion.evaluation/1"


def evaluate_predictions(
    paths: Sequence[str | Path],
    label_column: str = "label",
    score_column: str = "score",
    *,
    subgroup_columns: Sequence[str] = (),
    cohort: str | Path | None = None,
    by_patient: bool = True,
    intersect: bool = False,
    drop_missing: bool = False,
    positive: Sequence[str] = (),
    names: Sequence[str] = (),
    ensemble: EnsembleRule | None = None,
    **options: Any,
) -> dict[str, Any]:
    """Evaluate predictions tables of one or several models on the same cases.

    Args:
        paths: tables as in `read_predictions`; a model is named by its file, or by its folder where files are
            named alike.
        label_column: holds 0 and 1.
        score_column: holds the score of the positive class.
        subgroup_columns: columns (of the tables or the cohort) whose subgroups are evaluated by themselves.
        cohort: a table with case_id whose further columns describe the cases: age, site, ..
        by_patient: count patients where they have several cases; False treats all cases as independent.
        intersect: evaluate the cases that all tables have, instead of refusing different ones.
        drop_missing: leave out rows without label or score, instead of refusing them.
        positive: classes that together count as positive, for tables of several classes.
        names: of the models, in the order of their tables, instead of those of the files.
        ensemble: adds the models' ensemble as a model of its own: 'mean' of their probabilities, or chosen 'greedy' on
            validation cases.
        options: fields of `EvaluationPlan`: bootstrap, seed, level, threshold, ..

    Returns:
        `models.<name>`: n, positives, threshold, confusion, brier, expected_calibration_error, calibration, roc and
        precision_recall (their corners), examples, and as {value, low, high}: auc (bootstrap interval), auc_delong,
        auc_logit (DeLong on the logit scale, for few cases), sensitivity, specificity, ppv, npv, accuracy (Wilson;
        clustered cases at their effective number), and by bootstrap f1, balanced_accuracy, auprc, partial_auc,
        specificity_at_sensitivity."0.95", sensitivity_at_specificity."0.95", operating_points; where there are such
        columns or rows runs and prediction_sets. `comparisons[]`: a, b, delta_auc, low, high, z, p_delong,
        p_bootstrap, p_holm, p_holm_bootstrap, differences (of all other metrics), mcnemar, wilcoxon, runs, margin.
        `decision_curves`, `subgroups[]`, `cohort` (table 1), `flow` (rows read and dropped), `notes[]`: sentences.
        `settings`. With several classes see `class_figures` for `models.<name>`.

    Raises:
        InputError: tables that cannot be read or paired, settings out of range.
    """
    plan = EvaluationPlan(**options)
    if not paths:
        raise InputError("There is nothing to evaluate: give at least one predictions table.")
    tables = [
        read_predictions(path, label_column, score_column, name=name, positive=positive, drop_missing=drop_missing)
        for path, name in zip(paths, model_names(paths, names), strict=True)
    ]
    tables, notes = recalibrated(tables, plan)
    tables, more = with_ensemble(tables, ensemble, intersect)
    notes += [*more, *why_no_sets(tables, plan)]
    paired = pair(tables, intersect)
    if cohort is not None:
        paired, more = _with_cohort(paired, cohort)
        notes += more
    if not by_patient:
        notes.append("Cases count as independent, whatever patients they come from.")
    result = _evaluated(paired, plan, subgroup_columns, by_patient)
    result["flow"] = {table.name: _flow(table, paired.labels.size) for table in paired.tables}
    result["notes"] = list(dict.fromkeys([*paired.notes, *notes, *result["notes"]]))
    return result


def evaluate_scores(
    labels: ArrayLike,
    scores: Mapping[str, ArrayLike],
    *,
    patients: ArrayLike | None = None,
    case_id: ArrayLike | None = None,
    facts: pandas.DataFrame | None = None,
    subgroup_columns: Sequence[str] = (),
    **options: Any,
) -> dict[str, Any]:
    """Evaluate models given as plain arrays.

    Args:
        labels: (n,) of 0 and 1.
        scores: name -> (n,) of each model.
        patients: (n,) patient of each case; None when cases are independent.
        case_id: (n,) names of the cases.
        facts: (n rows) further columns of the cases.
        subgroup_columns: those of them whose subgroups are evaluated by themselves.
        options: fields of `EvaluationPlan`.

    Returns:
        As `evaluate_predictions`, without 'flow'.
    """
    names = tuple(scores)
    y, s = checked(labels, np.stack([np.asarray(scores[name], dtype=float) for name in names]))
    paired = PairedPredictions(names, y, s, _objects(case_id), _objects(patients), facts=facts)
    return _evaluated(paired, EvaluationPlan(**options), subgroup_columns, by_patient=True)


def _evaluated(
    paired: PairedPredictions, plan: EvaluationPlan, columns: Sequence[str], by_patient: bool
) -> dict[str, Any]:
    told = paired.patient_id if by_patient else None
    if paired.classes:
        return _of_classes(paired, plan, told)
    patients, too_few, notes = dependence(paired.labels, told)
    sample = Sample(paired.names, paired.labels, paired.scores, patients, plan, too_few)
    notes += [] if too_few else beyond_the_last_case(sample).values()
    areas, drawn = areas_of(sample), resampled_metrics(sample)
    models, pairs = discrimination(sample, areas, drawn), comparisons(sample, areas, drawn)
    notes += [] if too_few else unvaried(models, words_of_figures(sample))
    calibrations, more = calibration(sample)
    for m, (name, model) in enumerate(models.items()):
        model |= calibrations[name]
        notes += _add_runs(name, model, paired, m, plan, too_few)
        sets = prediction_sets(paired, m, plan, patients)
        if sets is not None:
            model["prediction_sets"] = sets
            notes += [f"Prediction sets: {sets['note']}"] if sets["note"] else []
        model["examples"] = examples(paired.labels, paired.scores[m], model["threshold"], paired.case_id, plan.examples)
    for one in pairs:
        over_runs = compare_runs(models[one["a"]].get("runs"), models[one["b"]].get("runs"))
        if over_runs is not None:
            one["runs"] = over_runs
    curves = decisions(sample)
    groups = subgroups(sample, paired.facts, columns)
    if too_few is not None:
        models = {name: without_intervals(model) for name, model in models.items()}
        pairs = [without_intervals(one) for one in pairs]
        curves = None
    return {
        "schema": SCHEMA,
        "models": models,
        "comparisons": pairs,
        "decision_curves": curves,
        "subgroups": groups,
        "cohort": cohort_table(paired.labels, paired.patient_id, paired.facts),
        "notes": [*notes, *more],
        "settings": {**plan.to_mapping(), "by_patient": patients is not None},
    }


def _of_classes(paired: PairedPredictions, plan: EvaluationPlan, told: Any) -> dict[str, Any]:
    """Return the evaluation of models of three or more classes."""
    several = told is not None and len(set(told)) < told.size
    patients, notes = (told if several else None), []
    if several:
        notes.append(f"{paired.labels.size} cases come from {len(set(told))} patients: intervals count patients.")
    drawn = class_bootstrap(paired.labels, paired.scores, paired.classes, True, patients, plan.bootstrap, plan.seed)
    areas = class_areas(paired.labels, paired.scores, patients)
    models = class_figures(paired, plan, patients, areas, drawn)
    pairs = class_comparisons(paired, plan, areas, drawn)
    few = too_few_of_a_class(paired.labels, paired.classes, patients)
    notes += [few] if few else unvaried(models, class_words(paired.classes, plan))
    for m, (name, model) in enumerate(models.items()):
        notes += _add_runs(name, model, paired, m, plan, few)
    if few is not None:
        models = {name: without_intervals(model) for name, model in models.items()}
        pairs = [without_intervals(one) for one in pairs]
    return {
        "schema": SCHEMA,
        "classes": list(paired.classes),
        "models": models,
        "comparisons": pairs,
        "decision_curves": None,
        "subgroups": [],
        "cohort": cohort_table(paired.labels, paired.patient_id, paired.facts, paired.classes),
        "notes": notes,
        "settings": {**plan.to_mapping(), "by_patient": several},
    }


def _add_runs(
    name: str, model: dict[str, Any], paired: PairedPredictions, m: int, plan: EvaluationPlan, too_few: str | None
) -> list[str]:
    """Add the spread over a model's runs to its figures, and return what is to be said about it."""
    runs = paired.runs(m)
    if runs is None:
        return []
    found = model["runs"] = run_spread(paired.labels, runs, plan.level)
    notes = [found["note"]] if found["note"] else []
    return [f"{name}: {note}" for note in [*notes, *([] if too_few else spread_notes(found))]]


def _with_cohort(paired: PairedPredictions, path: str | Path) -> tuple[PairedPredictions, list[str]]:
    """Return the cases with the further columns of a cohort's table."""
    import pandas

    table = read_table(path)
    if paired.case_id is None or "case_id" not in table.columns:
        raise InputError(f"{path} describes cases by their case_id, which it or a predictions table lacks. "
                         "Add a column case_id.")  # fmt: skip
    if table["case_id"].duplicated().any():
        repeated = table.loc[table["case_id"].duplicated(), "case_id"].unique()
        raise InputError(f"{path}: case_id {first_few(repeated)} comes more than once. One row a case is expected.")
    own = paired.facts if paired.facts is not None else pandas.DataFrame(index=range(paired.labels.size))
    hidden = {"label", "patient_id", "split", "exam", "lesion", *own.columns}
    rows = table.set_index(table["case_id"].astype(str)).drop(columns="case_id")
    new = rows[[name for name in rows.columns if name not in hidden]].reindex(paired.case_id.astype(str))
    absent = int((~np.isin(paired.case_id.astype(str), rows.index.to_numpy().astype(str))).sum())
    notes = [f"{Path(path).name} does not describe {absent} of the {len(new)} cases."] if absent else []
    return replace(paired, facts=own.join(new.reset_index(drop=True))), notes


def _flow(table: Predictions, evaluated: int) -> dict[str, Any]:
    return {
        "rows": table.rows,
        "dropped": [{"rows": one.rows, "why": one.why} for one in table.dropped],
        "runs": 1 if table.runs is None else len(table.runs.names),
        "evaluated": evaluated,
    }


def _objects(names: ArrayLike | None) -> np.ndarray | None:
    return None if names is None else np.asarray(names).astype(str).astype(object)
