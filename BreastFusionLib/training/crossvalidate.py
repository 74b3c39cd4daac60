"""Cross-validation of a recipe: every patient is tested once, by a model that was trained and tuned without them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from BreastFusionLib.cohort.inputs import Progress
from BreastFusionLib.cohort.table import Cohort
from BreastFusionLib.evaluation import Spread, auc, spread
from BreastFusionLib.training.alone import alone_in
from BreastFusionLib.training.design import Design, outer_folds, without_splits
from BreastFusionLib.training.many import How, ManyRuns, outcome
from BreastFusionLib.training.recipe import Recipe
from BreastFusionLib.training.tuning import choose

if TYPE_CHECKING:
    from typing_extensions import Unpack

__all__ = ["CrossValidation", "cross_validate"]


@dataclass(frozen=True)
class CrossValidation:
    """A finished cross-validation.

    Attributes:
        folder: it holds `repeat_<r>/fold_<f>/` (a run each), predictions.csv, runs.csv (a row a fold), summary.json
            and, where settings were tuned, chosen.csv.
        mean_auc: over the folds of all repeats that hold both classes, with an interval that allows for their common
            training cases; None without such a fold.
        pooled_auc: of all cases in one ranking, mean over repeats.
        folds: in a repeat.
        repeats: of the whole.
        folds_of_one_class: which have no AUC, in all repeats.
    """

    folder: Path
    mean_auc: Spread | None
    pooled_auc: float
    folds: int
    repeats: int
    folds_of_one_class: int

    @property
    def predictions(self) -> Path:
        """case_id, patient_id, label, score, fold and run (the repeat), as `breastfusion evaluate` takes them."""
        return self.folder / "predictions.csv"

    @property
    def table(self) -> Path:
        """One row a fold: best epoch, validation loss and AUC, test cases and AUC."""
        return self.folder / "runs.csv"

    @property
    def chosen(self) -> Path:
        """One row a candidate and fold: its settings, what it reached on the inner folds, and whether it was chosen."""
        return self.folder / "chosen.csv"

    @property
    def summary(self) -> dict[str, Any]:
        """The figures, as summary.json holds them."""
        return {name: value for name, value in dataclasses.asdict(self).items() if name != "folder"}


def cross_validate(
    recipe: Recipe,
    cohort: Cohort,
    out: str | Path,
    folds: int = 5,
    repeats: int = 1,
    leave_site_out: bool = False,
    validation_share: float | None = None,
    tune: Mapping[str, Sequence[Any]] | None = None,
    inner_folds: int = 3,
    run_progress: Progress | None = None,
    **how: Unpack[How],
) -> CrossValidation:
    """Cross-validate a recipe; called again, it continues where it stopped.

    Settings are tuned in each fold anew, by cross-validation among the patients who are not tested in it (nested):
    the candidate with the best mean of `training.monitor` over the inner validation folds is trained on all of them.

    Args:
        recipe: what is trained.
        cohort: labelled cases; their own splits do not count.
        out: folder of the runs.
        folds, repeats, leave_site_out, validation_share, tune, inner_folds: see `Design`.
        run_progress: called as run_progress(runs done, runs in all), inner ones included.
        how: cache, workers, scheduler, progress, encoder_progress, epoch_progress, device, devices, nodes and
            strategy, see `train`.

    Raises:
        InputError: too few patients for the folds, no sites, an unknown key to tune, the same image of two patients;
            see `train`.

    Source: nested cross-validation: Varma and Simon, BMC Bioinformatics 2006;7:91.
    """
    design = Design(folds, repeats, leave_site_out, validation_share, tune or {}, inner_folds)
    candidates = design.recipes(recipe)
    cases = without_splits(cohort)
    total = len(outer_folds(cases, recipe, design)) * design.runs_a_fold
    many = ManyRuns(out, cases, how, total, run_progress)
    many.begin("cross_validation.json", {"design": dataclasses.asdict(design)}, [recipe, *candidates])
    with alone_in(many.folder, many.writes):
        runs: list[dict[str, Any]] = []
        told, chosen = [], []
        for fold in outer_folds(many.cohort, recipe, design):
            place = {"run": f"repeat_{fold.repeat}", "fold": fold.name}
            folder = many.folder / place["run"]
            settings = recipe
            if design.tune:
                inner = folder / f"tuning_{fold.number}"
                best, rows = choose(many, candidates, design.candidates, fold.inner, recipe.training.monitor, inner)
                settings = candidates[best]
                chosen += [{**place, **row} for row in rows]
                many.write(pd.DataFrame(chosen), "chosen.csv")
            run = many.train(settings, fold.table, folder / f"fold_{fold.number}")
            runs.append({**place, "folder": f"{place['run']}/fold_{fold.number}", **outcome(run, settings.training)})
            told.append(run.read_predictions("test").drop(columns="split").assign(**place))
        return _summary(many, pd.DataFrame(runs), pd.concat(told))


def _summary(many: ManyRuns, runs: pd.DataFrame, predictions: pd.DataFrame) -> CrossValidation:
    areas = runs["test_auc"].dropna()
    folds = runs["fold"].nunique()
    mean = spread(areas, 1 / (folds - 1), bounds=(0.0, 1.0)) if len(areas) else None
    pooled = [auc(one["label"], one["score"]) for _, one in predictions.groupby("run")]
    found = CrossValidation(
        many.folder, mean, float(np.mean(pooled)), folds, len(pooled), int(runs["test_auc"].isna().sum())
    )
    many.write(runs, found.table.name)
    many.write(predictions, found.predictions.name)
    many.note(found.summary, "summary.json")
    return found
