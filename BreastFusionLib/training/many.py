"""Many runs on one cohort: its cases are prepared once for all of them, and what each reached is a row."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict

import pandas as pd

from BreastFusionLib import __version__
from BreastFusionLib.cohort.disk import saying_disk_full
from BreastFusionLib.cohort.fingerprint import cohort_fingerprint
from BreastFusionLib.cohort.inputs import Progress, compute_inputs
from BreastFusionLib.cohort.table import Cohort, write_table
from BreastFusionLib.evaluation import auc
from BreastFusionLib.files import write_json
from BreastFusionLib.reading.recipe import InputsSpec
from BreastFusionLib.training.fit import inputs_fingerprint, refuse_impossible, train, weights_fingerprint
from BreastFusionLib.training.keeper import best_epoch
from BreastFusionLib.training.leakage import refuse_label_in_inputs, refuse_same_images
from BreastFusionLib.training.recipe import Recipe
from BreastFusionLib.training.run import Run, begin_run
from BreastFusionLib.training.spec import TrainingSpec

if TYPE_CHECKING:
    from BreastFusionLib.training.trainer import Devices

__all__ = ["How", "ManyRuns", "devices_of", "kept_row", "outcome", "prepare_cases"]


class How(TypedDict, total=False):
    """With what all runs are trained: arguments of `train`."""

    cache: Path | None
    workers: int
    scheduler: str | None
    progress: Progress | None
    encoder_progress: Progress | None
    epoch_progress: Progress | None
    device: str
    devices: int
    nodes: int
    strategy: str
    prepare_as: InputsSpec | None
    prepared: pd.DataFrame | None


def devices_of(how: How) -> Devices:
    """Return what the runs are trained on, see `Devices.chosen`."""
    from BreastFusionLib.training.trainer import Devices

    return Devices.chosen(
        how.get("device", "auto"), how.get("devices", 1), how.get("nodes", 1), how.get("strategy", "auto")
    )


def prepare_cases(cohort: Cohort, inputs: InputsSpec, how: How) -> pd.DataFrame:
    """Return what `compute_inputs` tells of the cases; of several processes only the first says how far it is."""
    progress = how.get("progress") if devices_of(how).writes else None
    return compute_inputs(cohort, inputs, how.get("cache"), how.get("workers", 1), how.get("scheduler"), progress)


class ManyRuns:
    """A folder of runs that share a cohort.

    Attributes:
        folder: of all runs.
        cohort: its cases; after `begin`, those that could be prepared.
    """

    def __init__(
        self, folder: str | Path, cohort: Cohort, how: How, total: int, run_progress: Progress | None = None
    ) -> None:
        """Take what the runs share.

        Args:
            folder: of all runs.
            cohort: labelled cases.
            how: with what they are trained; with 'prepared' nothing is prepared here.
            total: how many runs there will be.
            run_progress: called as run_progress(runs done, runs in all).
        """
        self.folder, self.cohort, self._how = Path(folder), cohort, how
        self._devices = devices_of(how)
        self._prepared: list[tuple[InputsSpec, pd.DataFrame]] = []
        self._done, self._total, self._run_progress = 0, total, run_progress

    def begin(self, file: str, settings: Mapping[str, Any], recipes: Sequence[Recipe]) -> None:
        """Begin or continue: prepare the cases for all recipes, keep those that each can use, refuse leaks.

        Args:
            file: name of the file that holds the settings.
            settings: what the results depend on beside the cohort.
            recipes: all that will be trained, the one that names the folder first.

        Raises:
            InputError: the folder holds something else, a clinical column is the label, the same image is in two
                splits (without splits: of two patients); see `compute_inputs`.
        """
        wanted = {
            "recipe": recipes[0].resolved(),
            "cohort": cohort_fingerprint(self.cohort.table),
            "version": __version__,
            **settings,
        }
        different = [r for n, r in enumerate(recipes) if all(r.inputs != other.inputs for other in recipes[:n])]
        for recipe in recipes:
            refuse_impossible(recipe)
        for recipe in different:
            refuse_label_in_inputs(self.cohort.table, recipe)
        begin_run(self.folder, wanted, file, self.writes)
        for recipe in different:
            self._prepare(recipe.inputs)
        every = pd.concat([prepared for _, prepared in self._prepared])
        failed = every[every["status"] == "failed"].drop_duplicates("case_id")
        self.write(failed, "failed.csv")
        wanted["inputs"] = inputs_fingerprint(every[every["status"] == "ok"])
        wanted["encoder_weights"] = weights_fingerprint(recipes)
        begin_run(self.folder, wanted, file, self.writes)
        table = self.cohort.table
        self.cohort = dataclasses.replace(self.cohort, table=table[~table["case_id"].isin(failed["case_id"])])
        for recipe in different:
            self._refuse_same_images(recipe)

    @property
    def writes(self) -> bool:
        """Whether this process writes and tells, see `trainer.Devices`; the others do the same and leave nothing."""
        return self._devices.writes

    def write(self, table: pd.DataFrame, name: str) -> None:
        """Write a table of this name into the folder."""
        from BreastFusionLib.training.processes import waiting_for_first

        with waiting_for_first():
            if self.writes:
                write_table(table, self.folder / name)

    def note(self, facts: Mapping[str, Any], name: str | Path) -> None:
        """Write facts as JSON of this name into the folder."""
        from BreastFusionLib.training.processes import waiting_for_first

        with waiting_for_first(), saying_disk_full(self.folder):
            if self.writes:
                write_json(self.folder / name, dict(facts))

    def prepared(self, inputs: InputsSpec) -> pd.DataFrame:
        """Return what `compute_inputs` told of all cases when they were prepared in this way."""
        return next(prepared for wanted, prepared in self._prepared if wanted == inputs)

    def train(self, recipe: Recipe, table: pd.DataFrame, folder: Path) -> Run:
        """Train one run, or continue it.

        Args:
            recipe: one of those that it began with, or with other settings of its training.
            table: cases of the cohort with their splits.
            folder: of the run.
        """
        cohort = dataclasses.replace(self.cohort, table=table)
        how: How = {**self._how, "prepared": self.prepared(recipe.inputs)}
        run = train(recipe, cohort, folder, **how)
        self.count()
        return run

    def count(self) -> None:
        """Tell that one more run is done."""
        self._done += 1
        if self._run_progress is not None and self.writes:
            self._run_progress(self._done, self._total)

    def _refuse_same_images(self, recipe: Recipe) -> None:
        """Refuse the same image in two splits, and without splits that of two patients, whom some fold would part."""
        prepared = self.prepared(recipe.inputs)
        there = prepared.loc[prepared["status"] == "ok", ["case_id", "path"]]
        table = self.cohort.table.merge(there, on="case_id")
        groups = table["split"].fillna(table["patient_id"])
        refuse_same_images(table.assign(split=groups), recipe, [Path(path) for path in there["path"]])

    def _prepare(self, inputs: InputsSpec) -> None:
        how = self._how
        found = how.get("prepared")
        if found is None:
            found = prepare_cases(self.cohort, how.get("prepare_as") or inputs, how)
        self._prepared.append((inputs, found[found["case_id"].isin(self.cohort.table["case_id"])]))


def kept_row(run: Run, spec: TrainingSpec) -> pd.Series:
    """Return the row of a run's log.csv of the epoch whose weights it kept."""
    log = pd.read_csv(run.log)
    kept = best_epoch(log, spec)
    assert kept is not None, "a finished run has kept an epoch"
    return log.iloc[kept]


def outcome(run: Run, spec: TrainingSpec) -> dict[str, float]:
    """Return what a finished run reached.

    Returns:
        Its best epoch (counted from 0), validation loss and AUC in that epoch, number of test cases and their AUC
        (NaN where they are of one class).
    """
    kept, test = kept_row(run, spec), run.read_predictions("test")
    area = auc(test["label"], test["score"]) if test["label"].nunique() == 2 else math.nan
    told = {name: float(kept[name]) for name in ("validation_loss", "validation_auc")}
    return {"epoch": int(kept["epoch"]), **told, "test_cases": len(test), "test_auc": area}
