"""The same recipe from several seeds: how much chance there is in a run, the best of them, and all of them together.

Runs differ in initial weights, order of cases, augmentation and dropout; cases and splits are the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from BreastFusionLib.cohort.inputs import Progress
from BreastFusionLib.cohort.table import Cohort
from BreastFusionLib.errors import InputError
from BreastFusionLib.evaluation import ensemble
from BreastFusionLib.training.alone import alone_in
from BreastFusionLib.training.fit import labelled
from BreastFusionLib.training.keeper import goodness
from BreastFusionLib.training.many import How, ManyRuns, outcome
from BreastFusionLib.training.recipe import Recipe
from BreastFusionLib.training.run import Run

if TYPE_CHECKING:
    from typing_extensions import Unpack

__all__ = ["SeedRuns", "train_seeds"]


@dataclass(frozen=True)
class SeedRuns:
    """The folder of several runs of a recipe, `seed_<n>/` each.

    Attributes:
        folder: it holds runs.csv (seed, best epoch, validation loss and AUC, test AUC, which is best), predictions.csv
            (all splits of all runs, told apart by `run`) and predictions_ensemble.csv (their mean probability).
        runs: by seed.
        best: the run with the best validation measure (`TrainingSpec.monitor`), the first of several.
    """

    folder: Path
    runs: dict[int, Run]
    best: Run

    @property
    def table(self) -> Path:
        """One row a run."""
        return self.folder / "runs.csv"

    @property
    def predictions(self) -> Path:
        """Those of all runs, as `breastfusion evaluate` takes them."""
        return self.folder / "predictions.csv"

    @property
    def ensemble(self) -> Path:
        """Those of all runs together."""
        return self.folder / "predictions_ensemble.csv"


def train_seeds(
    recipe: Recipe,
    cohort: Cohort,
    out: str | Path,
    seeds: Sequence[int] | int = 5,
    run_progress: Progress | None = None,
    **how: Unpack[How],
) -> SeedRuns:
    """Train a recipe once from each seed; called again, it continues where it stopped.

    Args:
        recipe: what is trained.
        cohort: labelled cases; splits are drawn once, by `training.split_seed`, unless the table has them.
        out: folder of the runs. Further seeds may be added later.
        seeds: of the runs, or how many, from the recipe's own seed on.
        run_progress: called as run_progress(runs done, runs in all).
        how: cache, workers, scheduler, progress, encoder_progress, epoch_progress, device, devices, nodes, strategy,
            prepare_as and prepared, see `train`.

    Raises:
        InputError: no seed, or one that comes twice or is negative; see `train`.
    """
    first = recipe.training.seed
    numbers = list(range(first, first + seeds)) if isinstance(seeds, int) else list(seeds)
    if not numbers or len(set(numbers)) < len(numbers) or min(numbers) < 0:
        raise InputError(f"Seeds {numbers}: at least one is needed, none below 0 and each once.")
    many = ManyRuns(out, labelled(cohort, recipe), how, len(numbers), run_progress)
    many.begin("seeds.json", {}, [recipe])
    with alone_in(many.folder, many.writes):
        runs = {
            seed: many.train(recipe.changed({"training.seed": seed}), many.cohort.table, many.folder / f"seed_{seed}")
            for seed in numbers
        }
        reached = pd.DataFrame([{"seed": seed, **outcome(run, recipe.training)} for seed, run in runs.items()])
        monitor = recipe.training.monitor
        best = numbers[int(goodness(reached[monitor].to_numpy(), monitor).argmax())]
        found = SeedRuns(many.folder, runs, runs[best])
        many.write(reached.assign(best=reached["seed"] == best), found.table.name)
        tables = {run.folder.name: run.read_predictions() for run in runs.values()}
        many.write(pd.concat([table.assign(run=name) for name, table in tables.items()]), found.predictions.name)
        together = ensemble(np.stack([table["score"] for table in tables.values()]))
        many.write(next(iter(tables.values())).assign(score=together), found.ensemble.name)
    return found
