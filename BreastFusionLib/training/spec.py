"""How a network is fitted and what is measured of it: the sections of a recipe that a reading does not need."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from BreastFusionLib.errors import InputError, nearest_known
from BreastFusionLib.images.settings import AugmentationSpec

__all__ = ["EvaluationSpec", "TrainingSpec", "section"]

Share = Annotated[float, Field(ge=0, le=1)]
Seed = Annotated[int, Field(ge=0, lt=2**32)]  # what all generators take


class Section(BaseModel):
    """A section of a recipe."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class TrainingSpec(Section):
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


class EvaluationSpec(Section):
    """What is measured on the test cases.

    Attributes:
        bootstrap: replicates of the stratified bootstrap.
        seed: of the bootstrap.
    """

    bootstrap: Annotated[int, Field(ge=0)] = 5000
    seed: Seed = 0


Spec = TypeVar("Spec", bound=Section)


def section(kind: type[Spec], mapping: Any, where: str) -> Spec:
    """Check a section of a recipe.

    Args:
        kind: what it is.
        mapping: its settings.
        where: what it is called, for messages.

    Raises:
        InputError: an unknown key (with the nearest known one) or a value out of range, one sentence each.
    """
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
