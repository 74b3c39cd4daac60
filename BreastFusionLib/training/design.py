"""What a cross-validation will train: its folds, and the candidates that each fold chooses from by its own patients."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from BreastFusionLib.cohort.folds import fold_cohort, patient_folds, site_folds
from BreastFusionLib.cohort.splits import lacks_class, patient_labels
from BreastFusionLib.cohort.table import Cohort, labelled_cases, require_two_classes
from BreastFusionLib.errors import InputError
from BreastFusionLib.training.recipe import Recipe

__all__ = ["Design", "OuterFold", "outer_folds", "without_splits"]

_WEIGHTS = "training.class_weights"


@dataclass(frozen=True)
class Design:
    """How a cross-validation divides patients.

    Attributes:
        folds: number of folds, stratified by patient.
        repeats: how often folds are drawn anew.
        leave_site_out: the sites are the folds; `folds` does not count.
        validation_share: of the patients who are not tested, the share on which the best epoch and the calibration
            are found; None: as large as the recipe's validation split beside its training split.
        tune: 'section.key' of the recipe -> values that are tried, all combinations of them. Empty: nothing is tuned.
        inner_folds: into how many parts the patients who are not tested are divided to compare those.
    """

    folds: int = 5
    repeats: int = 1
    leave_site_out: bool = False
    validation_share: float | None = None
    tune: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    inner_folds: int = 3

    def __post_init__(self) -> None:
        if self.repeats < 1:
            raise InputError(f"{self.repeats} repeats of a cross-validation: at least 1 is needed.")
        for key, values in self.tune.items():
            if len(values) == 0:
                raise InputError(f"tune: '{key}' has no values to try. Give some, separated by commas.")
            twice = [value for n, value in enumerate(values) if value in values[:n]]
            if twice:
                raise InputError(f"tune: '{key}' has the value {twice[0]!r} more than once. Give each once.")

    @property
    def candidates(self) -> list[dict[str, Any]]:
        """The settings that are compared, one candidate each; the recipe as it is when nothing is tuned."""
        return [dict(zip(self.tune, values, strict=True)) for values in itertools.product(*self.tune.values())]

    @property
    def runs_a_fold(self) -> int:
        """How many runs are trained for each fold, itself included."""
        return 1 + (len(self.candidates) * self.inner_folds if self.tune else 0)

    def recipes(self, recipe: Recipe) -> list[Recipe]:
        """Return the recipe of each candidate.

        Raises:
            InputError: an unknown key, a value that does not fit, or candidates that the recipe's measure cannot
                compare.
        """
        if _WEIGHTS in self.tune and recipe.training.monitor == "validation_loss":
            raise InputError(
                f"tune: {_WEIGHTS} changes the loss by which candidates are compared. Set training.monitor to "
                "validation_auc."
            )
        return [recipe.changed(candidate) for candidate in self.candidates]


@dataclass(frozen=True)
class OuterFold:
    """One fold: who is tested, and who is not.

    Attributes:
        repeat: number of the repeat, from 1.
        number: of the fold, from 1.
        name: of the fold: its number, or its site.
        table: the cases with their splits.
        inner: the cases that are not tested, divided anew into training and validation, once for each inner fold.
    """

    repeat: int
    number: int
    name: str
    table: pd.DataFrame
    inner: tuple[pd.DataFrame, ...]


def outer_folds(cohort: Cohort, recipe: Recipe, design: Design) -> list[OuterFold]:
    """Draw the folds of all repeats, seeded by `training.split_seed` and the repeat.

    Args:
        cohort: cases; their own splits do not count, nor do those without a label.
        recipe: names the shares and the seed.
        design: how patients are divided.

    Raises:
        InputError: fewer patients of a class than folds, no sites, or a fold whose other patients are of one class or
            too few to be divided into training and validation.
    """
    training, validation, _ = recipe.training.fractions
    share = validation / (training + validation) if design.validation_share is None else design.validation_share
    cohort, found = without_splits(cohort), []
    for repeat in range(1, design.repeats + 1):
        seed = recipe.training.split_seed + repeat - 1
        table = cohort.table
        require_two_classes(table["label"], "The cohort")
        folds = site_folds(table) if design.leave_site_out else patient_folds(table, design.folds, seed) + 1
        for number, name in enumerate(sorted(folds.unique()), start=1):
            require_two_classes(table.loc[folds != name, "label"], f"All but fold {name}")
            split = fold_cohort(cohort, folds, name, share, seed).table
            if lacks_class(split):
                raise _too_few(split, name)
            rest = table[folds != name]
            inner = _inner(rest, design.inner_folds, seed) if design.tune else ()
            found.append(OuterFold(repeat, number, str(name), split, inner))
    return found


def _too_few(split: pd.DataFrame, fold: object) -> InputError:
    counted = patient_labels(split[split["split"] != "test"]).value_counts()
    found = ", ".join(f"{counted.get(label, 0)} of label {label}" for label in (0, 1))
    return InputError(
        f"Fold {fold} leaves too few patients for training and validation ({found}): both need both classes, which "
        "takes two patients of each. Add cases, or divide them in another way."
    )


def without_splits(cohort: Cohort) -> Cohort:
    """Return the labelled cases, whatever splits their table has."""
    cohort = labelled_cases(cohort)
    table = cohort.table
    return dataclasses.replace(cohort, table=table.assign(split=pd.Series(pd.NA, index=table.index, dtype="str")))


def _inner(rest: pd.DataFrame, folds: int, seed: int) -> tuple[pd.DataFrame, ...]:
    inner = patient_folds(rest, folds, seed)
    return tuple(rest.assign(split=np.where(inner == fold, "validation", "train")) for fold in range(folds))
