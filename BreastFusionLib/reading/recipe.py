"""The part of a recipe that a reading needs: task, inputs with their exact preprocessing, model.

A recipe file has two further sections, `training` and `evaluation`, which belong to the upper floor
(`BreastFusionLib.training.recipe`); a bundle's `recipe.json` carries them along unread.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from BreastFusionLib.errors import InputError, nearest_known
from BreastFusionLib.images.settings import IntensitySpec, PatchSpec
from BreastFusionLib.models.settings import ModelSpec
from BreastFusionLib.settings import from_mapping

__all__ = ["SEQUENCE_WORDS", "InputsSpec", "RadiomicsSpec", "ReadingRecipe", "TaskSpec"]

SEQUENCE_WORDS = {"dce": "DCE", "t1": "T1", "t2": "T2"}
"""The sequences that a recipe may name, and how a screen names them."""

_UPPER_FLOOR_SECTIONS = ("training", "evaluation")


@dataclass(frozen=True)
class TaskSpec:
    """What is decided, and its words for the screen.

    Attributes:
        unit: what one case is.
        classes: names in label order (label 0 first).
        positive: the class whose probability is shown.
        title: words over the probability.
    """

    unit: Literal["lesion"] = "lesion"
    classes: tuple[str, ...] = ("benign", "malignant")
    positive: str = "malignant"
    title: str = "Probability of malignancy"


@dataclass(frozen=True)
class RadiomicsSpec:
    """Radiomics of every sequence in `InputsSpec.sequences`.

    Attributes:
        settings: a PyRadiomics parameter mapping (the content of a parameter file); None: PyRadiomics' defaults.
        intensity: scaling of the image beforehand; None: raw intensities.
    """

    settings: dict[str, Any] | None = None
    intensity: IntensitySpec | None = None


@dataclass(frozen=True)
class InputsSpec:
    """What a model sees of a case.

    Attributes:
        sequences: in the order of the network's image sources.
        dce_phase: phase of the DCE series that is used, 0 = before contrast (2 = second after contrast).
        registration: how the lesion is mapped to T1 and T2.
        patch: image patches; None for a model without images.
        radiomics: radiomic features as a vector source; None for none.
        kinetics: whether the DCE kinetics are a vector source.
        clinical: names of clinical columns that form a vector source.
    """

    sequences: tuple[str, ...] = ("dce", "t1", "t2")
    dce_phase: int = 2
    registration: Literal["none", "rigid"] = "none"
    patch: PatchSpec | None = field(default_factory=PatchSpec)
    radiomics: RadiomicsSpec | None = None
    kinetics: bool = False
    clinical: tuple[str, ...] = ()

    @property
    def image_sources(self) -> tuple[str, ...]:
        """Sources that go through an encoder, named by sequence."""
        return self.sequences if self.patch is not None else ()

    @property
    def vector_sources(self) -> tuple[str, ...]:
        """Sources that are vectors of measured numbers."""
        wanted = {"radiomics": self.radiomics is not None, "kinetics": self.kinetics, "clinical": bool(self.clinical)}
        return tuple(name for name, present in wanted.items() if present)

    @property
    def sources(self) -> tuple[str, ...]:
        """All sources in the network's order."""
        return self.image_sources + self.vector_sources


@dataclass(frozen=True)
class ReadingRecipe:
    """A recipe as far as a reading needs it."""

    name: str
    inputs: InputsSpec
    model: ModelSpec
    task: TaskSpec = TaskSpec()
    description: str = ""

    @classmethod
    def from_mapping(cls, mapping: Mapping[str, Any], where: str) -> ReadingRecipe:
        """Read a resolved recipe (`recipe.json` of a bundle, or any recipe as a mapping).

        Args:
            mapping: the whole recipe; the sections of the upper floor are passed over.
            where: what the mapping is, for messages.

        Raises:
            InputError: unknown or missing keys, values of another type.
        """
        own = {key: value for key, value in mapping.items() if key not in _UPPER_FLOOR_SECTIONS}
        recipe = from_mapping(cls, own, where)
        for sequence in recipe.inputs.sequences:
            if sequence not in SEQUENCE_WORDS:
                raise InputError(
                    f"{where}, inputs, sequences: '{sequence}' is no sequence. "
                    f"{nearest_known(sequence, SEQUENCE_WORDS)}"
                )
        if recipe.task.positive not in recipe.task.classes:
            raise InputError(
                f"{where}, task: the positive class '{recipe.task.positive}' is none of {list(recipe.task.classes)}."
            )
        return recipe
