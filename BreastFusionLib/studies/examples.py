"""Example cases of a study: what its models looked at in the decisions that they were surest of."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from BreastFusionLib.cohort import read_cohort
from BreastFusionLib.cohort.table import Cohort
from BreastFusionLib.errors import InputError
from BreastFusionLib.reading import Reader, load_bundle
from BreastFusionLib.report.example_cases import ExamplePictures, find_pictures
from BreastFusionLib.studies.plan import PlannedModel
from BreastFusionLib.studies.results import StudyResults
from BreastFusionLib.studies.run import StudyRuns
from BreastFusionLib.studies.study import BEST

__all__ = ["MOST_READINGS", "Examples", "example_pictures"]

logger = logging.getLogger(__name__)

# A reading with its maps takes seconds.
_OF_EACH_KIND = 2
MOST_READINGS = 4 * _OF_EACH_KIND
"""Of each model: cases rightly and wrongly called positive, rightly and wrongly called negative."""


@dataclass(frozen=True)
class Examples:
    """Example cases of one model.

    Attributes:
        evaluation: of this model alone, with these cases.
        pictures: what they show.
    """

    evaluation: Mapping[str, Any]
    pictures: ExamplePictures


def example_pictures(results: StudyResults, device: str = "auto") -> dict[str, Examples]:
    """Read example cases of the models whose maps a study shows, as a user would.

    Args:
        results: of `study_results`.
        device: where networks run.

    Returns:
        Name of a model -> two of its surest test cases of each kind (rightly and wrongly called positive or negative).
    """
    runs = results.runs
    cohort, evaluation = read_cohort(runs.cohort_path), results.evaluations[BEST]
    return {model.name: _of_model(model, evaluation, runs, cohort, device) for model in runs.plan.mapped(runs.models)}


def _of_model(
    model: PlannedModel, evaluation: Mapping[str, Any], runs: StudyRuns, cohort: Cohort, device: str
) -> Examples:
    measured = evaluation["models"][model.name]
    cases = {kind: found[:_OF_EACH_KIND] for kind, found in measured["examples"].items()}
    alone = {"models": {model.name: {**measured, "examples": cases}}}
    folder = runs.folder / "readings" / model.key
    folder.mkdir(parents=True, exist_ok=True)
    reader = Reader(load_bundle(runs.found[model.key].best.bundle, device=device))
    for case_id in {case["case_id"] for found in cases.values() for case in found}:
        try:
            reader.read(cohort.case(case_id)).write(folder / case_id)
        except InputError as error:  # a page without this picture is better than none
            logger.warning("%s: no map. %s", case_id, error)
    return Examples(alone, find_pictures(alone, runs.cohort_path, folder))
