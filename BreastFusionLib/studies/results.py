"""From trained runs to what a study tells: evaluations, tables, importance, and what a phantom's truth adds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from BreastFusionLib.cohort.table import SPLITS
from BreastFusionLib.errors import InputError
from BreastFusionLib.evaluation import add_what_lies_beside, evaluate_predictions
from BreastFusionLib.evaluation.importance import Importance
from BreastFusionLib.evaluation.parts.groups import cohort_table
from BreastFusionLib.reading import read_bundle_header
from BreastFusionLib.studies.importance import importance_table, study_importance
from BreastFusionLib.studies.result_tables import comparison_table, result_table, runs_table
from BreastFusionLib.studies.run import StudyRuns
from BreastFusionLib.studies.stages import Stages
from BreastFusionLib.studies.study import BEST, ENSEMBLE
from BreastFusionLib.studies.table import StudyTable
from BreastFusionLib.studies.truth import Truth, known_truth

__all__ = ["StudyResults", "study_results"]

Evaluation = dict[str, Any]


@dataclass(frozen=True)
class StudyResults:
    """What a study found.

    Attributes:
        runs: what was trained.
        evaluations: view ('best_run', 'ensemble') -> `evaluate_predictions` of all models on the test cases.
        tables: in the order of the page.
        cohort: who the cases of each split are, as `cohort_table` describes them.
        importance: key -> importances of the clinical columns.
        truth: what is known because the cases are phantoms; None of others.
        synthetic: whether any case is a phantom.
    """

    runs: StudyRuns
    evaluations: Mapping[str, Evaluation]
    tables: tuple[StudyTable, ...]
    cohort: Mapping[str, Any]
    importance: Mapping[str, tuple[Importance, ...]] = field(default_factory=dict)
    truth: Truth | None = None
    synthetic: bool = False


def study_results(runs: StudyRuns, stages: Stages, device: str = "auto") -> StudyResults:
    """Measure what was trained.

    Args:
        runs: of `run_study`.
        stages: where the seconds are counted.
        device: where networks run.

    Raises:
        InputError: nothing was trained.
    """
    if not runs.found:
        key, reason = next(iter(runs.failures.items()))
        raise InputError(f"None of the study's models could be trained; {key}: {reason}")
    importance = {}
    if runs.plan.study.importance:
        with stages.timed("importance of the columns"):
            importance = study_importance(runs, device)
    with stages.timed("evaluation"):
        views = [BEST, ENSEMBLE] if runs.plan.runs > 1 else [BEST]
        evaluations = {view: _evaluation(runs, view) for view in views}
        truth = known_truth(runs, evaluations)
    first, *others = (result_table(one, runs, evaluations) for one in runs.plan.study.tables)
    tables = [
        first,
        comparison_table(runs, evaluations),
        *([importance_table(runs, importance)] if importance else []),
        # Where its variants were not asked for, a model alone is in the first table already.
        *(table for table in others if len(table.rows) > 1 or not first.rows),
        runs_table(runs),
    ]
    shown = tuple(table for table in tables if table.rows)
    synthetic = any(read_bundle_header(found.best.bundle).metadata.training.synthetic for found in runs.found.values())
    return StudyResults(runs, evaluations, shown, _cohort(runs), importance, truth, synthetic)


def _cohort(runs: StudyRuns) -> dict[str, Any]:
    """Return the papers' table 1: the cases of each split by their columns."""
    cases = runs.cohort.table
    classes = runs.plan.first.task.classes
    facts = cases.drop(columns=["case_id", "patient_id", "exam", "lesion", "split", "label"])
    facts.insert(0, "truth", cases["label"].map(lambda label: classes[label]))
    numbers = cases["split"].map(SPLITS.index).to_numpy(dtype=int)
    return cohort_table(numbers, cases["patient_id"].to_numpy(dtype=object), facts.dropna(axis=1, how="all"), SPLITS)


def _evaluation(runs: StudyRuns, view: str) -> Evaluation:
    """Return the evaluation of all models, each by its best run or by all its runs together."""
    found = [runs.found[model.key] for model in runs.models]
    paths = [one.best.predictions if view == BEST else one.predictions for one in found]
    spec = runs.plan.first.evaluation
    result = evaluate_predictions(
        paths,
        cohort=runs.splits,
        names=[model.name for model in runs.models],
        bootstrap=spec.bootstrap,
        seed=spec.seed,
    )
    add_what_lies_beside(result, paths)
    return result
