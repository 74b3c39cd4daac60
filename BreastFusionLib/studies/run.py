"""A whole study: cases prepared once for all models, every model trained from every seed, results put together."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from BreastFusionLib.cohort import read_cohort
from BreastFusionLib.cohort.shared_inputs import covering
from BreastFusionLib.cohort.table import SPLITS, Cohort, require_two_classes, write_table
from BreastFusionLib.errors import InputError, reason_of
from BreastFusionLib.studies.clock import Clock
from BreastFusionLib.studies.folder import SECONDS, claim, refuse_other, run_folder
from BreastFusionLib.studies.plan import PlannedModel, StudyPlan
from BreastFusionLib.studies.stages import Stages
from BreastFusionLib.training.alone import alone_in
from BreastFusionLib.training.fit import labelled, refuse_impossible
from BreastFusionLib.training.many import How, devices_of, prepare_cases
from BreastFusionLib.training.run import Run
from BreastFusionLib.training.seeds import SeedRuns, train_seeds

if TYPE_CHECKING:
    from typing_extensions import Unpack

__all__ = ["StudyRuns", "run_study", "study_cohort"]

logger = logging.getLogger(__name__)

_SPLITS = "splits.csv"


@dataclass(frozen=True)
class StudyRuns:
    """What training a study left behind.

    Attributes:
        plan: what was to be trained, with what lay finished in the folder.
        folder: of the study.
        cohort_path: of the table of cases.
        cohort: its labelled cases with their splits.
        prepared: what `compute_inputs` told of them.
        found: key -> the runs of each model that was trained.
        failures: key -> why a model was not.
        seconds: stage -> seconds over all calls.
    """

    plan: StudyPlan
    folder: Path
    cohort_path: Path
    cohort: Cohort
    prepared: pd.DataFrame
    found: dict[str, SeedRuns]
    failures: dict[str, str] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)

    @property
    def models(self) -> list[PlannedModel]:
        """Those that were trained, in the study's order."""
        return [model for model in self.plan.models if model.key in self.found]

    @property
    def splits(self) -> Path:
        """case_id, patient_id, label, split and the further columns of the cohort: who was where."""
        return self.folder / _SPLITS


def run_study(
    plan: StudyPlan,
    cohort: str | Path,
    out: str | Path,
    say: Callable[[str], None] = lambda words: None,
    **how: Unpack[How],
) -> StudyRuns:
    """Train what a study plans; called again, it continues where it stopped.

    Models that an earlier call trained as often are taken in. A model that cannot be trained does not end the others.
    With several devices the program runs once for each, and only the first writes; the others have nothing more to do
    when this returns.

    Args:
        plan: of `plan_study`.
        cohort: table of cases.
        out: folder of the study.
        say: is given a sentence after each run.
        how: cache, workers, scheduler, progress, encoder_progress, epoch_progress, device, devices, nodes and
            strategy, see `train`.

    Raises:
        InputError: the folder holds another study or something else, the cohort cannot be used, or the models' inputs
            do not go together.
    """
    devices = devices_of(how)
    folder, cases = Path(out), study_cohort(plan, cohort)
    _refuse_impossible(plan)
    refuse_other(folder, plan, cases)
    plan = _with_finished(plan, folder)
    stages = Stages(folder / SECONDS, devices.writes)
    if devices.writes:
        claim(folder, plan, cases)
        write_table(cases.table.drop(columns=["exam", "lesion"]), folder / _SPLITS)
    shared = plan.shared_inputs(cases)
    with stages.timed("preparation of the cases"):
        prepared = prepare_cases(cases, shared, how)
    _require_both_classes(cases.table[(prepared["status"] == "ok").to_numpy()])
    done = StudyRuns(plan, folder, Path(cohort), cases, prepared, {}, {}, stages.seconds)
    clock = Clock({model.key: _unfinished(plan, folder, model) for model in plan.models})
    how["prepare_as"], how["prepared"] = shared, prepared
    with alone_in(folder, devices.writes):
        for model in plan.models:
            try:
                with stages.timed(f"training of {model.name}"):
                    done.found[model.key] = _train(model, done, clock, say, how)
            except Exception as error:
                # What several processes have in common is told as bad input; after anything else they do different
                # things.
                if devices.processes > 1 and not isinstance(error, InputError):
                    raise
                logger.info("%s failed", model.name, exc_info=True)
                done.failures[model.key] = reason_of(error)
                clock.leave_out(model.key)
                if devices.writes:
                    say(f"{model.name} failed: {done.failures[model.key]}")
    return done


def study_cohort(plan: StudyPlan, cohort: str | Path) -> Cohort:
    """Return the labelled cases with the splits that all models share.

    Raises:
        InputError: the cohort cannot be used, or a split lacks a class: nothing could be trained, chosen or measured.
    """
    first = plan.first
    found = labelled(read_cohort(cohort, first.task.classes), first)
    _require_both_classes(found.table)
    return found


def _require_both_classes(cases: pd.DataFrame) -> None:
    for split in SPLITS:
        require_two_classes(cases.loc[cases["split"] == split, "label"], f"The {split} split")


def _train(model: PlannedModel, study: StudyRuns, clock: Clock, say: Callable[[str], None], how: How) -> SeedRuns:
    start = time.perf_counter()

    def finished(done: int, total: int) -> None:
        nonlocal start
        clock.finished(model.key, time.perf_counter() - start)
        start = time.perf_counter()
        say(f"{model.name}, run {done} of {total}. {clock.words}")

    return train_seeds(
        model.recipe, study.cohort, run_folder(study.folder, model), study.plan.runs, run_progress=finished, **how
    )


def _unfinished(plan: StudyPlan, folder: Path, model: PlannedModel) -> list[bool]:
    """Tell of each run whether it is still to be trained."""
    runs = run_folder(folder, model)
    return [not Run(runs / f"seed_{seed}").finished for seed in plan.seeds(model)]


def _with_finished(plan: StudyPlan, folder: Path) -> StudyPlan:
    """Return the plan with the models that an earlier call trained: the page is of all that the folder holds."""
    asked = {one.key: one for one in plan.models}
    models = tuple(
        asked.get(one.key, one) for one in plan.possible if one.key in asked or not any(_unfinished(plan, folder, one))
    )
    try:
        covering([one.recipe.inputs for one in models])
    except InputError:  # with these settings they cannot stand together
        return plan
    return replace(plan, models=models)


def _refuse_impossible(plan: StudyPlan) -> None:
    """Refuse, before hours of preparation, a study none of whose models can be trained."""
    reasons = []
    for model in plan.models:
        try:
            return refuse_impossible(model.recipe)
        except InputError as error:
            reasons.append(f"{model.key}: {error}")
    raise InputError(f"None of the study's models can be trained; {reasons[0]}")
