"""Which experiments of a study are to be run, at which size, with which recipes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from BreastFusionLib.cohort.inputs import missing_columns
from BreastFusionLib.cohort.shared_inputs import covering
from BreastFusionLib.cohort.table import Cohort
from BreastFusionLib.errors import InputError, nearest_known
from BreastFusionLib.reading.recipe import InputsSpec
from BreastFusionLib.studies.holste2021 import HOLSTE2021
from BreastFusionLib.studies.study import Experiment, Size, Study
from BreastFusionLib.studies.wang2024 import WANG2024
from BreastFusionLib.training.recipe import Recipe, load_recipe

__all__ = ["STUDIES", "PlannedModel", "StudyPlan", "plan_study"]

STUDIES = {study.name: study for study in (HOLSTE2021, WANG2024)}
"""Name -> study."""


@dataclass(frozen=True)
class PlannedModel:
    """An experiment and the recipe by which it is trained."""

    experiment: Experiment
    recipe: Recipe

    @property
    def key(self) -> str:
        """What `--models` calls it, and its folder."""
        return self.experiment.key

    @property
    def name(self) -> str:
        """On the page."""
        return self.experiment.name


@dataclass(frozen=True)
class StudyPlan:
    """What will be trained.

    Attributes:
        study: whose experiments they are.
        size: 'full' as the paper, or 'small' for two CPU cores.
        runs: of each model, from the recipe's own seed on.
        models: in the study's order.
        overrides: settings of all recipes that the caller has changed, 'section.key=value'.
        possible: chosen models and those that may be added later, in the study's order: all whose recipes take the
            caller's settings.
    """

    study: Study
    size: Size
    runs: int
    models: tuple[PlannedModel, ...]
    overrides: tuple[str, ...]
    possible: tuple[PlannedModel, ...]

    @property
    def title(self) -> str:
        """The study's name, with its size where that is not the paper's."""
        return self.study.name if self.size == "full" else f"{self.study.name} at the small size"

    def titled(self, title: str) -> str:
        """Return the title of a table, with the size where that is not the paper's."""
        return title if self.size == "full" else f"{title} (small size)"

    @property
    def first(self) -> Recipe:
        """The recipe by which splits are drawn and figures resampled: the models differ in neither."""
        return self.models[0].recipe

    def seeds(self, model: PlannedModel) -> range:
        """Return the seeds of a model's runs."""
        first = model.recipe.training.seed
        return range(first, first + self.runs)

    def mapped(self, models: Sequence[PlannedModel]) -> Sequence[PlannedModel]:
        """Return those of some models whose maps are drawn: the last of them where the study's are not among them."""
        wanted = [model for model in models if model.key in self.study.maps]
        return wanted or (models[-1:] if self.study.maps else [])

    def shared_inputs(self, cohort: Cohort) -> InputsSpec:
        """Return the one preparation of the cases that serves all models, those that may be added later included.

        Otherwise a model that is added would change how the cases of the others were prepared. Models that want columns
        which the cohort's table does not have are no possibility.

        Raises:
            InputError: the models want the same source in different ways.
        """
        chosen = [model.recipe.inputs for model in self.models]
        fed = [
            one.recipe.inputs
            for one in self.possible
            if one in self.models or not missing_columns(cohort, one.recipe.inputs)
        ]
        try:
            return covering(fed)
        except InputError:  # with these settings the others can never join
            return covering(chosen)


def plan_study(
    name: str,
    models: Sequence[str] = (),
    runs: int | None = None,
    overrides: Sequence[str] = (),
    size: Size = "full",
) -> StudyPlan:
    """Choose what a study will train.

    Args:
        name: a key of `STUDIES`.
        models: keys of the experiments; none for all.
        runs: of each model; None: as many as the paper.
        overrides: 'section.key=value', for all recipes; the last word.
        size: 'full', or 'small'.

    Raises:
        InputError: an unknown study, model, size or setting, or no run.
    """
    if name not in STUDIES:
        raise InputError(f"There is no study '{name}'. {nearest_known(name, STUDIES)}")
    if size not in ("full", "small"):
        raise InputError(f"There is no size '{size}' of a study. Choose 'full' or 'small'.")
    study = STUDIES[name]
    runs = study.seeds if runs is None else runs
    if runs < 1:
        raise InputError(f"{runs} runs of each model: at least one is needed.")
    chosen, planned = study.chosen(tuple(models)), []
    for one in study.experiments:
        try:
            planned.append(PlannedModel(one, _recipe(study, one, size, overrides)))
        except InputError:
            if one in chosen:
                raise
    asked = tuple(model for model in planned if model.experiment in chosen)
    return StudyPlan(study, size, runs, asked, tuple(overrides), tuple(planned))


def _recipe(study: Study, experiment: Experiment, size: Size, overrides: Sequence[str]) -> Recipe:
    if size == "full":
        return load_recipe(experiment.recipe, overrides)
    if experiment.small_recipe:
        return load_recipe(experiment.small_recipe, overrides)
    whole = load_recipe(experiment.recipe)
    small = [setting for setting in study.small if _concerns(setting, whole)]
    recipe = load_recipe(experiment.recipe, [*small, *_narrower(whole, study.small_width), *overrides])
    # A bundle says what it is: under the paper's name it would look like the paper's model.
    return recipe.changed({"name": f"{recipe.name}-small", "description": f"{recipe.description} Small size."})


def _narrower(recipe: Recipe, share: float) -> list[str]:
    """Return settings that make dense layers narrower; those of 16 stay: [P,P] joins probabilities by so few."""
    stacks = {"head": recipe.model.head, **{f"towers.{name}": stack for name, stack in recipe.model.towers.items()}}
    narrow = {
        name: [layer if layer == "drop" else max(min(layer, 16), round(share * layer)) for layer in stack]
        for name, stack in stacks.items()
    }
    return [f"model.{name}={json.dumps(stack)}" for name, stack in narrow.items()]


def _concerns(setting: str, recipe: Recipe) -> bool:
    """Tell whether a setting of the small size is of a part that the recipe has."""
    absent = {
        "model.encoder.": recipe.model.encoder is None,
        "model.standardise_features": recipe.model.encoder is None,
        "training.augmentation": recipe.training.augmentation is None,
        "test_time": recipe.reading.test_time is None,
    }
    return not any(gone and setting.startswith(part) for part, gone in absent.items())
