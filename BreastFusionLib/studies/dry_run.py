"""What a study would train and how long that takes on this machine, measured on a few cases and a few steps."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from BreastFusionLib.cohort.inputs import refuse_lacking
from BreastFusionLib.cohort.table import SPLITS
from BreastFusionLib.models import to_fetch
from BreastFusionLib.reading.devices import choose_device
from BreastFusionLib.studies.estimates import importance_seconds, reading_seconds, run_seconds
from BreastFusionLib.studies.examples import MOST_READINGS
from BreastFusionLib.studies.folder import TIMINGS, refuse_other, run_folder
from BreastFusionLib.studies.measured import Measured
from BreastFusionLib.studies.plan import PlannedModel, StudyPlan
from BreastFusionLib.studies.run import study_cohort
from BreastFusionLib.studies.timing import Timing
from BreastFusionLib.training.run import Run

__all__ = ["ModelEstimate", "StudyEstimate", "estimate"]


@dataclass(frozen=True)
class ModelEstimate:
    """What one model of a study takes.

    Attributes:
        key, name: of the model.
        recipe: it is trained by.
        runs: of it.
        finished: of these.
        parameters: of its network, those of a frozen encoder included.
        trained_parameters: of these, those that are trained.
        epochs: at most.
        seconds: for the runs that are not finished, if every epoch is trained.
    """

    key: str
    name: str
    recipe: str
    runs: int
    finished: int
    parameters: int
    trained_parameters: int
    epochs: int
    seconds: float


@dataclass(frozen=True)
class StudyEstimate:
    """What a study takes.

    Attributes:
        title: of the study, with its size.
        models: in the study's order.
        cases: split -> number of cases.
        preparation_seconds: for all cases, if none is prepared yet.
        seconds_after: for importance and maps, when the models are trained.
        device: what networks run on, in a sentence.
        notes: what to know of these numbers.
    """

    title: str
    models: tuple[ModelEstimate, ...]
    cases: Mapping[str, int]
    preparation_seconds: float
    seconds_after: float
    device: str
    notes: tuple[str, ...]

    @property
    def seconds(self) -> float:
        """For everything that is not done."""
        return self.preparation_seconds + sum(model.seconds for model in self.models) + self.seconds_after

    def to_mapping(self) -> dict[str, Any]:
        """Return it in JSON's own types."""
        return {**asdict(self), "seconds": self.seconds}


def estimate(
    plan: StudyPlan,
    cohort: str | Path,
    out: str | Path,
    workers: int = 1,
    device: str = "auto",
    say: Callable[[str], None] = lambda words: None,
) -> StudyEstimate:
    """Tell what a study would train and how long it takes; nothing is written but what was measured.

    A few cases are prepared, and a few training steps of every network done on random images of the right shape; both
    are measured once and kept in `timings.json`.

    Args:
        plan: of `plan_study`.
        cohort: table of cases.
        out: folder of the study; need not exist.
        workers: local processes that would prepare the cases.
        device: 'auto', 'cpu' or 'cuda'.
        say: is given a sentence before each step.

    Raises:
        InputError: the cohort cannot be used or lacks a column, none of its first cases can be prepared, or the folder
            is not this study's.
    """
    cases, folder = study_cohort(plan, cohort), Path(out)
    refuse_other(folder, plan, cases)
    inputs = plan.shared_inputs(cases)
    refuse_lacking(cases, inputs)
    measured = Measured(folder / TIMINGS, cases, inputs, device)
    say("Preparing a few cases.")
    preparation_s, timings = measured.preparation_s(), {}
    for model in plan.models:
        say(f"Measuring {model.name}.")
        timings[model.key] = measured.timing(model)
    found = cases.table["split"].value_counts()
    counts = {split: int(found[split]) for split in SPLITS}
    models = [_model(plan, model, folder, counts, timings[model.key]) for model in plan.models]
    return StudyEstimate(
        title=plan.title,
        models=tuple(models),
        cases=counts,
        preparation_seconds=preparation_s * len(cases.table) / max(1, workers),
        seconds_after=_seconds_after(plan, counts["test"], preparation_s, timings),
        device=choose_device(device)[1],
        notes=_notes(plan),
    )


def _notes(plan: StudyPlan) -> tuple[str, ...]:
    encoders = {model.recipe.model.encoder for model in plan.models}
    fetched = sorted({address for encoder in encoders if encoder is not None and (address := to_fetch(encoder))})
    return (
        "Epochs are counted at most: training stops earlier where the validation cases get no better.",
        "Preparation counts all cases; those that are prepared already take no time.",
        "Networks are timed on one device. Evaluation and pages come on top.",
        *(f"ImageNet weights that are not on this machine would be fetched: {address}" for address in fetched),
    )


def _seconds_after(plan: StudyPlan, test: int, preparation_s: float, timings: Mapping[str, Timing]) -> float:
    """Return the seconds of importance and maps."""
    shuffled = [model for model in plan.models if model.key in plan.study.importance]
    importance = sum(importance_seconds(model.recipe, test, timings[model.key]) for model in shuffled)
    readings = [reading_seconds(model.recipe, preparation_s, timings[model.key]) for model in plan.mapped(plan.models)]
    return importance + MOST_READINGS * sum(readings)


def _model(
    plan: StudyPlan, model: PlannedModel, folder: Path, counts: Mapping[str, int], timing: Timing
) -> ModelEstimate:
    runs = run_folder(folder, model)
    finished = sum(Run(runs / f"seed_{seed}").finished for seed in plan.seeds(model))
    seconds = (plan.runs - finished) * run_seconds(model.recipe, counts, timing)
    return ModelEstimate(
        key=model.key,
        name=model.name,
        recipe=model.recipe.name,
        runs=plan.runs,
        finished=finished,
        parameters=timing.parameters,
        trained_parameters=timing.trained_parameters,
        epochs=model.recipe.training.epochs,
        seconds=seconds,
    )
