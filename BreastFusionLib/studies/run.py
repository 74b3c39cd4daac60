"""A whole study: cases prepared once for all models, every model trained from every seed, results put together."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from BreastFusionLib.cohort import compute_inputs, read_cohort
from BreastFusionLib.cohort.fingerprint import cohort_fingerprint
from BreastFusionLib.cohort.inputs import Progress
from BreastFusionLib.cohort.table import SPLITS, Cohort, require_two_classes, write_table
from BreastFusionLib.errors import InputError, reason_of
from BreastFusionLib.files import write_json
from BreastFusionLib.studies.clock import Clock
from BreastFusionLib.studies.plan import PlannedModel, StudyPlan
from BreastFusionLib.studies.remembered import remembered
from BreastFusionLib.studies.stages import Stages
from BreastFusionLib.training.fit import labelled, refuse_impossible
from BreastFusionLib.training.run import Run
from BreastFusionLib.training.seeds import SeedRuns, train_seeds

if TYPE_CHECKING:
    from BreastFusionLib.reading.recipe import InputsSpec

__all__ = ["SECONDS", "TIMINGS", "Listener", "StudyRuns", "run_folder", "run_study", "study_cohort"]

logger = logging.getLogger(__name__)

TIMINGS = "timings.json"
"""What a dry run measured, in the folder of the study that may come."""
SECONDS = "seconds.json"
"""Seconds of each stage of a study."""
_PLAN, _SPLITS = "plan.json", "splits.csv"
PREPARATION = "preparation of the cases"


@dataclass(frozen=True)
class Listener:
    """What is told while a study runs.

    Attributes:
        cases: of the preparation, called as cases(done, total).
        passes: of a frozen encoder over the cases.
        epochs: of the run that is trained.
        say: is given a sentence after each step.
    """

    cases: Progress | None = None
    passes: Progress | None = None
    epochs: Progress | None = None
    say: Callable[[str], None] = lambda words: None


@dataclass(frozen=True)
class StudyRuns:
    """What training a study left behind.

    Attributes:
        plan: what was to be trained.
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


def run_folder(out: Path, model: PlannedModel) -> Path:
    """Return the folder of a model's runs."""
    return out / "runs" / model.key


def run_study(
    plan: StudyPlan,
    cohort: str | Path,
    out: str | Path,
    cache: Path | None = None,
    workers: int = 1,
    scheduler: str | None = None,
    device: str = "auto",
    listener: Listener | None = None,
) -> StudyRuns:
    """Train what a study plans; called again, it continues where it stopped.

    A model that cannot be trained does not end the others.

    Args:
        plan: of `plan_study`.
        cohort: table of cases.
        out: folder of the study.
        cache, workers, scheduler: see `compute_inputs`.
        device: 'auto', 'cpu' or 'cuda'.
        listener: is told how far it is.

    Raises:
        InputError: the folder holds another study or something else, the cohort cannot be used, or the models' inputs
            do not go together.
    """
    told = listener or Listener()
    folder, cases = Path(out), study_cohort(plan, cohort)
    _refuse_impossible(plan)
    _claim(folder, plan, cases)
    stages = Stages(folder / SECONDS)
    write_table(cases.table.drop(columns=["exam", "lesion"]), folder / _SPLITS)
    shared = plan.shared_inputs(cases)
    with stages.timed(PREPARATION):
        prepared = compute_inputs(cases, shared, cache, workers, scheduler, told.cases)
    _require_both_classes(cases.table[(prepared["status"] == "ok").to_numpy()])
    done = StudyRuns(plan, folder, Path(cohort), cases, prepared, {}, {}, stages.seconds)
    clock = Clock({model.key: _unfinished(plan, folder, model) for model in plan.models})
    for model in plan.models:
        try:
            with stages.timed(f"training of {model.name}"):
                done.found[model.key] = _train(model, done, shared, device, clock, told)
        except Exception as error:
            logger.info("%s failed", model.name, exc_info=True)
            done.failures[model.key] = reason_of(error)
            clock.leave_out(model.key)
            told.say(f"{model.name} failed: {done.failures[model.key]}")
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


def _train(
    model: PlannedModel, study: StudyRuns, shared: InputsSpec, device: str, clock: Clock, told: Listener
) -> SeedRuns:
    plan, start = study.plan, time.perf_counter()

    def finished(done: int, total: int) -> None:
        nonlocal start
        clock.finished(model.key, time.perf_counter() - start)
        start = time.perf_counter()
        told.say(f"{model.name}, run {done} of {total}. {clock.words}")

    return train_seeds(
        model.recipe,
        study.cohort,
        run_folder(study.folder, model),
        seeds=plan.runs,
        run_progress=finished,
        encoder_progress=told.passes,
        epoch_progress=told.epochs,
        device=device,
        prepare_as=shared,
        prepared=study.prepared,
    )


def _unfinished(plan: StudyPlan, folder: Path, model: PlannedModel) -> list[bool]:
    """Tell of each run whether it is still to be trained."""
    runs = run_folder(folder, model)
    return [not Run(runs / f"seed_{seed}").finished for seed in plan.seeds(model)]


def _refuse_impossible(plan: StudyPlan) -> None:
    """Refuse, before hours of preparation, a study none of whose models can be trained."""
    reasons = []
    for model in plan.models:
        try:
            return refuse_impossible(model.recipe)
        except InputError as error:
            reasons.append(f"{model.key}: {error}")
    raise InputError(f"None of the study's models can be trained; {reasons[0]}")


def _claim(folder: Path, plan: StudyPlan, cases: Cohort) -> None:
    """Write down whose folder this is: all its models are of one study, with one set of settings, on one cohort.

    Raises:
        InputError: it is another study's, or holds something else.
    """
    wanted = {
        "study": plan.study.name,
        "size": plan.size,
        "settings": list(plan.overrides),
        "cohort": cohort_fingerprint(cases.table),
    }
    path = folder / _PLAN
    if path.is_file():
        found = remembered(path)
        for key, asked in wanted.items():
            if found.get(key, asked) != asked:
                raise InputError(f"{folder} holds {_other(key, found[key], asked)}. Choose another folder.")
    elif folder.is_dir() and any(one.name != TIMINGS and one.name[0] != "." for one in folder.iterdir()):
        raise InputError(f"{folder} is not empty and holds no study: choose another folder.")
    write_json(path, wanted)


def _other(key: str, found: Any, asked: Any) -> str:
    """Say what else a folder holds."""
    if key == "cohort":
        return "this study of another cohort: its cases, labels or splits differ"
    if key == "settings":
        found, asked = (" ".join(one) or "none" for one in (found, asked))
        return f"this study with other settings ({found}), asked for was {asked}"
    if key == "size":
        return f"this study at the {found} size, asked for was the {asked} size"
    return f"the study {found}, asked for was {asked}"
