"""What a study would train and how long that takes on this machine, measured on a few cases and a few steps."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from BreastFusionLib.cohort.table import SPLITS, Cohort, load_case, records
from BreastFusionLib.errors import InputError, reason_of
from BreastFusionLib.files import sha256_of_bytes, write_json
from BreastFusionLib.models import to_fetch
from BreastFusionLib.reading.devices import choose_device
from BreastFusionLib.reading.model import CaseInputs
from BreastFusionLib.reading.prepare import prepare
from BreastFusionLib.reading.recipe import InputsSpec
from BreastFusionLib.studies.estimates import importance_seconds, reading_seconds, run_seconds
from BreastFusionLib.studies.examples import MOST_READINGS
from BreastFusionLib.studies.folder import TIMINGS, refuse_other, run_folder
from BreastFusionLib.studies.machine import machine
from BreastFusionLib.studies.plan import PlannedModel, StudyPlan
from BreastFusionLib.studies.remembered import remembered
from BreastFusionLib.studies.run import study_cohort
from BreastFusionLib.studies.timing import Timing, time_network
from BreastFusionLib.training.recipe import Recipe
from BreastFusionLib.training.run import Run

__all__ = ["ModelEstimate", "StudyEstimate", "estimate"]

_SAMPLE_CASES = 4


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
        InputError: the cohort cannot be used, none of its first cases can be prepared, or the folder is not this
            study's.
    """
    cases, folder = study_cohort(plan, cohort), Path(out)
    refuse_other(folder, plan, cases)
    name, words = choose_device(device)
    made = {**machine(device), "Threads": str(torch.get_num_threads())}
    del made["Date"]
    known = _Known(folder / TIMINGS, made)
    found = cases.table["split"].value_counts()
    counts = {split: int(found[split]) for split in SPLITS}
    sample = _Sample(cases, plan.shared_inputs(cases))
    say("Preparing a few cases.")
    prepared_s = known.seconds("preparation", asdict(sample.inputs), lambda: {"case_s": sample.seconds})["case_s"]
    timings: dict[str, Timing] = {}
    for model in plan.models:
        say(f"Measuring {model.name}.")
        # Seeds and names change no time.
        settings = {key: value for key, value in model.recipe.resolved().items() if key not in ("name", "description")}
        settings["training"] = {**settings["training"], "seed": 0}
        settings["measured"] = [one.name for one in fields(Timing)]
        measured = known.seconds(model.key, settings, partial(_network_seconds, model.recipe, sample, name))
        timings[model.key] = Timing(**measured)
    models = [_model(plan, model, folder, counts, timings[model.key]) for model in plan.models]
    preparation = prepared_s * len(cases.table) / max(1, workers)
    after = _seconds_after(plan, counts["test"], prepared_s, timings)
    return StudyEstimate(plan.title, tuple(models), counts, preparation, after, words, _notes(plan))


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


def _network_seconds(recipe: Recipe, sample: _Sample, device: str) -> dict[str, Any]:
    return asdict(time_network(recipe, sample.cases, device))


class _Known:
    """What was measured on this machine before."""

    def __init__(self, path: Path, made: Mapping[str, str]) -> None:
        self._path, self._made = path, dict(made)
        self._found = remembered(path)

    def seconds(self, what: str, settings: Mapping[str, Any], measure: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """Return what was measured with these settings, measuring it the first time."""
        text = json.dumps({"settings": settings, "machine": self._made}, sort_keys=True, default=str)
        key = f"{what} {sha256_of_bytes(text.encode())[:16]}"
        if key not in self._found:
            self._found[key] = measure()
            write_json(self._path, self._found)
        return dict(self._found[key])


class _Sample:
    """A few cases of either class, prepared when they are first asked for."""

    def __init__(self, cohort: Cohort, inputs: InputsSpec) -> None:
        self.inputs, self._cohort = inputs, cohort
        self._cases: list[CaseInputs] = []
        self._seconds: list[float] = []

    @property
    def cases(self) -> Sequence[CaseInputs]:
        """The prepared cases."""
        if not self._cases:
            self._prepare()
        return self._cases

    @property
    def seconds(self) -> float:
        """How long one takes."""
        return float(np.mean(self._seconds)) if self.cases else 0.0

    def _prepare(self) -> None:
        cohort, reason = self._cohort, ""
        rows = cohort.usable.groupby("label", group_keys=False).head(2 * _SAMPLE_CASES)
        for row in records(rows):
            if len(self._cases) == _SAMPLE_CASES:
                break
            start = time.perf_counter()
            try:
                case = load_case(row, cohort.folder, cohort.clinical_columns)
                self._cases.append(prepare(case, self.inputs))
                self._seconds.append(time.perf_counter() - start)
            except Exception as error:  # as in the run itself, a broken case is left out
                reason = reason_of(error)
        if not self._cases:
            raise InputError(f"None of the first cases can be prepared, so that nothing can be measured. {reason}")
