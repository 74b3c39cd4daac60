"""Recipes: a YAML file says everything that makes one model different from another.

The sections `task`, `inputs` and `model` are the ground floor's settings and are checked by the very function that
reads them back from a bundle; `training` and `evaluation` belong to the upper floor and are checked here.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from BreastFusionLib.errors import InputError, nearest_known
from BreastFusionLib.images.settings import AugmentationSpec
from BreastFusionLib.models.settings import ModelSpec
from BreastFusionLib.reading.recipe import InputsSpec, ReadingRecipe, TaskSpec
from BreastFusionLib.settings import to_mapping

__all__ = ["EvaluationSpec", "Recipe", "TrainingSpec", "load_recipe", "recipe_names"]

RECIPES = Path(__file__).resolve().parents[1] / "recipes"
"""The folder of the recipes that come with the library, `<name>.yaml` each."""

Share = Annotated[float, Field(ge=0, le=1)]
Seed = Annotated[int, Field(ge=0)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class TrainingSpec(_Section):
    """How a network is fitted; the defaults are those of wang2024, section 2.6.

    Attributes:
        seed: of initial weights, order of cases, augmentation and dropout.
        fractions: shares of patients for training, validation and test, where the cohort has no splits.
        split_seed: of the split by patient.
        epochs: at most.
        batch_size: cases in one step at most; an epoch is divided evenly over as few steps as that allows.
        optimiser: 'sgd' or 'adam'.
        learning_rate: at the start.
        milestones: epochs at which the learning rate is multiplied by `gamma`.
        gamma: that factor.
        momentum: of 'sgd'.
        weight_decay: L2 penalty.
        class_weights: 'balanced' weighs the loss by inverse class frequency.
        label_smoothing: share of each label that is spread over the classes, in the training loss only.
        optimisation: which losses train what: 'one_loss' (the fused output's), 'joint_losses' (its sum with that of
            every source alone), 'separate_optimisers' (each part by its own), 'staged' (the parts for `part_epochs`,
            then the fusion on parts that rest). All but the first need a model that says what its parts know.
        part_epochs: of 'staged'.
        monitor: by which measure of the validation cases the best epoch is kept.
        patience: epochs without a better one after which training stops; None: never.
        micro_batch: cases that go through the network at once, where memory is too small for a batch; gradients of
            a batch's portions are added. None: the whole batch.
        precision: of the arithmetic: '32', mixed 'bf16' or '16' (graphics cards only); 'auto' is the mixed precision
            that a graphics card is made for, and 32 bits on a CPU.
        compile: whether encoders are compiled before training, which takes minutes; for graphics cards, since a CPU
            then takes longer for a ResNet50 (440 instead of 240 ms an image on one core).
        leakage: 'refuse' cohorts in which two splits hold the same image, or a clinical column tells the label.
        augmentation: None for none.
        replays: number of augmented copies whose features are cached when the encoder is frozen (epoch e sees copy
            e modulo this); 0 augments anew in every epoch.
        calibration: how probabilities are calibrated on the validation cases.
    """

    seed: Seed = 0
    fractions: tuple[Share, Share, Share] = (0.7, 0.1, 0.2)
    split_seed: Seed = 0
    epochs: Annotated[int, Field(ge=1)] = 100
    batch_size: Annotated[int, Field(ge=1)] = 30
    optimiser: Literal["sgd", "adam"] = "sgd"
    learning_rate: Annotated[float, Field(gt=0)] = 0.01
    milestones: tuple[int, ...] = (10, 30, 40, 100)
    gamma: Annotated[float, Field(gt=0, le=1)] = 0.5
    momentum: Annotated[float, Field(ge=0, lt=1)] = 0.9
    weight_decay: Annotated[float, Field(ge=0)] = 5e-4
    class_weights: Literal["none", "balanced"] = "none"
    label_smoothing: Annotated[float, Field(ge=0, lt=1)] = 0.0
    optimisation: Literal["one_loss", "joint_losses", "separate_optimisers", "staged"] = "one_loss"
    part_epochs: Annotated[int, Field(ge=0)] = 0
    monitor: Literal["validation_loss", "validation_auc"] = "validation_loss"
    patience: Annotated[int, Field(ge=1)] | None = 10
    augmentation: AugmentationSpec | None = AugmentationSpec()
    replays: Annotated[int, Field(ge=0)] = 10
    calibration: Literal["none", "temperature", "platt"] = "platt"
    micro_batch: Annotated[int, Field(ge=1)] | None = None
    precision: Annotated[Literal["auto", "32", "bf16", "16"], BeforeValidator(str)] = (
        "auto"  # YAML reads 32 as a number
    )
    compile: bool = False
    leakage: Literal["refuse", "ignore"] = "refuse"


class EvaluationSpec(_Section):
    """What is measured on the test cases.

    Attributes:
        bootstrap: replicates of the stratified bootstrap.
        seed: of the bootstrap.
    """

    bootstrap: Annotated[int, Field(ge=0)] = 5000
    seed: Seed = 0


@dataclasses.dataclass(frozen=True)
class Recipe:
    """A checked recipe.

    Attributes:
        reading: what a reading needs of it: name, description, task, inputs, model.
        training: how it is fitted.
        evaluation: what is measured.
    """

    reading: ReadingRecipe
    training: TrainingSpec
    evaluation: EvaluationSpec

    @classmethod
    def from_mapping(cls, mapping: Mapping[str, Any], where: str) -> Recipe:
        """Check a whole recipe.

        Args:
            mapping: name, description, task, inputs, model, training, evaluation.
            where: what the mapping is, for messages.

        Raises:
            InputError: an unknown key (with the nearest known one) or a value out of range, one sentence each.
        """
        sections = [field.name for field in dataclasses.fields(ReadingRecipe)] + ["training", "evaluation"]
        for key in mapping:
            if key not in sections:
                raise InputError(f"{where}: unknown key '{key}'. {nearest_known(str(key), sections)}")
        reading = ReadingRecipe.from_mapping(mapping, where)
        if len(reading.task.classes) != 2:
            raise InputError(f"{where}, task: two classes are expected, found {list(reading.task.classes)}.")
        if not reading.inputs.sources:
            raise InputError(
                f"{where}, inputs: no source is left. Keep a patch, radiomics, kinetics or clinical columns."
            )
        if reading.inputs.image_sources and reading.model.encoder is None:
            raise InputError(
                f"{where}, model: {', '.join(reading.inputs.image_sources)} need an encoder. Name one, or set "
                "inputs.patch and inputs.projection to null."
            )
        training = _section(TrainingSpec, mapping.get("training", {}), f"{where}, training")
        if abs(sum(training.fractions) - 1) > 1e-6:
            raise InputError(f"{where}, training, fractions: {list(training.fractions)} do not add up to 1.")
        if training.optimisation != "one_loss" and not reading.model.says_parts:
            raise InputError(
                f"{where}, training, optimisation: '{training.optimisation}' trains on what each source says alone, "
                "which this model does not say. Set model.auxiliary_heads to true."
            )
        if training.optimisation == "staged" and not 0 < training.part_epochs < training.epochs:
            raise InputError(
                f"{where}, training, part_epochs: 'staged' needs at least 1 and fewer than all {training.epochs} "
                f"epochs for the parts, found {training.part_epochs}."
            )
        return cls(
            reading=reading,
            training=training,
            evaluation=_section(EvaluationSpec, mapping.get("evaluation", {}), f"{where}, evaluation"),
        )

    @property
    def name(self) -> str:
        """The recipe's name."""
        return self.reading.name

    @property
    def description(self) -> str:
        """What it is, in a line or two."""
        return self.reading.description

    @property
    def task(self) -> TaskSpec:
        """What is decided."""
        return self.reading.task

    @property
    def inputs(self) -> InputsSpec:
        """What the model sees."""
        return self.reading.inputs

    @property
    def model(self) -> ModelSpec:
        """The network."""
        return self.reading.model

    def resolved(self) -> dict[str, Any]:
        """Return the whole recipe with every default written out, in JSON's own types."""
        own = {name: getattr(self, name).model_dump(mode="json") for name in ("training", "evaluation")}
        return {**to_mapping(self.reading), **own}

    def changed(self, settings: Mapping[str, Any]) -> Recipe:
        """Return the recipe with other settings.

        Args:
            settings: 'section.key' -> value.

        Raises:
            InputError: an unknown key or a value that does not fit.
        """
        mapping = self.resolved()
        for dotted, value in settings.items():
            mapping = _merged(mapping, _nested(dotted, value))
        return Recipe.from_mapping(mapping, f"recipe {self.name}")


def recipe_names() -> tuple[str, ...]:
    """Return the names of the recipes that come with the library."""
    return tuple(sorted(path.stem for path in RECIPES.glob("*.yaml")))


def load_recipe(name_or_path: str | Path, overrides: Sequence[str] = ()) -> Recipe:
    """Read a recipe, what it extends, and overrides.

    Args:
        name_or_path: the name of a recipe of the library, or a YAML file. Its key `extends` names another one, of
            which it changes what it says; mappings are merged, everything else is replaced.
        overrides: 'section.key=value', the value in YAML, e.g. 'training.epochs=20', 'inputs.radiomics=null'.

    Raises:
        InputError: no such recipe, unreadable YAML, an unknown key, a value that does not fit.
    """
    mapping = _load(name_or_path, ())
    for override in overrides:
        mapping = _merged(mapping, _parse_override(override))
    mapping.setdefault("name", Path(name_or_path).stem)
    return Recipe.from_mapping(mapping, f"recipe {mapping['name']}")


def _load(name_or_path: str | Path, children: tuple[Path, ...]) -> dict[str, Any]:
    path = _find(name_or_path, children[-1].parent if children else Path())
    if path in children:
        raise InputError(f"{path.name} extends itself, by way of {' and '.join(p.name for p in children)}.")
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError(f"{path} is not readable as YAML: {' '.join(str(error).split())}") from error
    if not isinstance(content, dict):
        raise InputError(f"{path}: a recipe is a mapping with the sections inputs, model, training, ..")
    parent = content.pop("extends", None)
    if parent is None:
        return content
    # A recipe has its own name: taking over the parent's would make two models look like one.
    return _merged({**_load(parent, (*children, path)), "name": path.stem}, content)


def _find(name_or_path: str | Path, beside: Path) -> Path:
    own = RECIPES / f"{name_or_path}.yaml"
    if own.is_file():
        return own
    for path in (Path(name_or_path), beside / name_or_path):
        if path.is_file():
            return path.resolve()
    if Path(name_or_path).suffix in (".yaml", ".yml"):
        raise InputError(f"The recipe file {name_or_path} does not exist.")
    raise InputError(f"There is no recipe '{name_or_path}'. {nearest_known(str(name_or_path), recipe_names())}")


def _merged(base: Mapping[str, Any], change: Mapping[str, Any]) -> dict[str, Any]:
    result = dict(base)
    for key, value in change.items():
        below = result.get(key)
        result[key] = _merged(below, value) if isinstance(below, Mapping) and isinstance(value, Mapping) else value
    return result


def _parse_override(override: str) -> dict[str, Any]:
    dotted, equals, text = override.partition("=")
    if not equals or not all(dotted.strip().split(".")):
        raise InputError(f"'{override}': an override is written section.key=value, e.g. training.epochs=20.")
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise InputError(f"'{override}': the value is not readable as YAML.") from error
    return _nested(dotted, value)


def _nested(dotted: str, value: Any) -> dict[str, Any]:
    return functools.reduce(lambda inner, key: {key: inner}, reversed(dotted.strip().split(".")), value)


Spec = TypeVar("Spec", bound=_Section)


def _section(kind: type[Spec], mapping: Any, where: str) -> Spec:
    if not isinstance(mapping, Mapping):
        raise InputError(f"{where}: expected a mapping of settings, found {mapping!r}.")
    try:
        return kind.model_validate(mapping)
    except ValidationError as error:
        raise InputError(" ".join(_sentence(kind, problem, where) for problem in error.errors())) from error


def _sentence(kind: type[BaseModel], problem: Mapping[str, Any], where: str) -> str:
    place = [str(part) for part in problem["loc"] if not str(part).startswith("function-")]
    path = ", ".join([where, *place[:-1]])
    if problem["type"] in ("extra_forbidden", "unexpected_keyword_argument"):
        known = [field.name for field in dataclasses.fields(AugmentationSpec)] if place[:-1] else kind.model_fields
        return f"{path}: unknown key '{place[-1]}'. {nearest_known(place[-1], known)}"
    if problem["type"] == "value_error":  # a settings dataclass's own sentence
        return f"{where}, {problem['ctx']['error']}"
    if problem["type"] == "missing":
        lacking = problem["loc"][-1]
        what = f"value {lacking + 1}" if isinstance(lacking, int) else f"'{lacking}'"
        return f"{path}: {problem['input']!r} lacks {what}."
    said = problem["msg"].replace("Input should be", "should be")
    return f"{', '.join([where, *place])}: {problem['input']!r} {said}."
