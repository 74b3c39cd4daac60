"""Recipes: a YAML file says everything that makes one model different from another.

The sections `task`, `inputs` and `model` are the ground floor's settings and are checked by the very function that
reads them back from a bundle; `training` and `evaluation` belong to the upper floor (`training.spec`).
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from BreastFusionLib.errors import InputError, nearest_known
from BreastFusionLib.models.settings import ModelSpec
from BreastFusionLib.reading.recipe import InputsSpec, ReadingRecipe, TaskSpec
from BreastFusionLib.settings import to_mapping
from BreastFusionLib.training.spec import EvaluationSpec, TrainingSpec, section

__all__ = ["Recipe", "load_recipe", "recipe_names"]

RECIPES = Path(__file__).resolve().parents[1] / "recipes"
"""The folder of the recipes that come with the library, `<name>.yaml` each."""


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
        training = section(TrainingSpec, mapping.get("training", {}), f"{where}, training")
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
            evaluation=section(EvaluationSpec, mapping.get("evaluation", {}), f"{where}, evaluation"),
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
    if not isinstance(parent, str):
        raise InputError(f"{path}: extends must be the name or the file of one recipe, found {parent!r}.")
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
