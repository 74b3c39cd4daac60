"""The part of a recipe that a reading needs: task, inputs with their exact preprocessing, model.

A recipe file has two further sections, `training` and `evaluation`, which belong to the upper floor
(`BreastFusionLib.training.recipe`); a bundle's `recipe.json` carries them along unread.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from BreastFusionLib.errors import InputError, nearest_known
from BreastFusionLib.images.settings import (
    PROJECTION_COLUMNS,
    AugmentationSpec,
    IntensitySpec,
    PatchSpec,
    ProjectionSpec,
)
from BreastFusionLib.models.settings import ModelSpec
from BreastFusionLib.reading.column_settings import ColumnSpec, RuleSpec, check_clinical
from BreastFusionLib.settings import from_mapping

__all__ = [
    "CLINICAL",
    "PROJECTION",
    "SEQUENCE_WORDS",
    "SOURCE_WORDS",
    "ColumnSpec",
    "InputsSpec",
    "RadiomicsSpec",
    "ReadingRecipe",
    "RuleSpec",
    "TaskSpec",
    "TestTimeSpec",
]

SEQUENCE_WORDS = {"dce": "DCE", "t1": "T1", "t2": "T2"}
"""The sequences that a recipe may name, and how a screen names them."""

PROJECTION = "mip"
"""The image source that is a projection of one breast."""

SOURCE_WORDS = {
    **SEQUENCE_WORDS,
    PROJECTION: "MIP",
    "radiomics": "radiomics",
    "kinetics": "kinetics",
    "clinical": "clinical data",
}
"""All sources that a recipe may have, and how a screen names them."""

CLINICAL = "clinical"
"""The vector source that is made of clinical and acquisition columns."""

_UPPER_FLOOR_SECTIONS = ("training", "evaluation")


@dataclass(frozen=True)
class TaskSpec:
    """What is decided, and its words for the screen.

    Attributes:
        unit: what one case is: a lesion, or a whole breast.
        classes: names in label order (label 0 first).
        positive: the class whose probability is shown.
        title: words over the probability.
    """

    unit: Literal["lesion", "breast"] = "lesion"
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
class TestTimeSpec:
    """Test-time augmentation: the mean probability over randomly changed copies of the images.

    Attributes:
        copies: how many.
        seed: of their changes.
        augmentation: what is drawn.
    """

    __test__ = False  # its name begins as pytest's classes do

    copies: int = 5
    seed: int = 0
    augmentation: AugmentationSpec = field(default_factory=AugmentationSpec)

    def __post_init__(self) -> None:
        if self.copies < 1:
            raise InputError(f"test_time: copies must be 1 or more, found {self.copies}.")


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
        clinical: columns that form a vector source; a name alone is a continuous column.
        clinical_rules: steps that change their values first.
        projection: the maximum intensity projection of the case's breast as an image source ('mip'), or what is
            measured on it for columns of the exam; None for neither.
    """

    sequences: tuple[str, ...] = ("dce", "t1", "t2")
    dce_phase: int = 2
    registration: Literal["none", "rigid"] = "none"
    patch: PatchSpec | None = field(default_factory=PatchSpec)
    radiomics: RadiomicsSpec | None = None
    kinetics: bool = False
    clinical: tuple[ColumnSpec, ...] = ()
    clinical_rules: tuple[RuleSpec, ...] = ()
    projection: ProjectionSpec | None = None

    def __post_init__(self) -> None:
        check_clinical(self.clinical, self.clinical_rules)

    @property
    def image_sources(self) -> tuple[str, ...]:
        """Sources that go through an encoder, named by sequence, the projection last."""
        return tuple(self.image_shapes)

    @property
    def channels(self) -> dict[str, int]:
        """Image source -> channels of its image."""
        return {source: shape[0] for source, shape in self.image_shapes.items()}

    @property
    def image_shapes(self) -> dict[str, tuple[int, int, int]]:
        """Image source -> (channels, rows, columns) of its image; a patch's slices are its channels."""
        shapes: dict[str, tuple[int, int, int]] = {}
        if self.patch is not None:
            shapes = dict.fromkeys(self.sequences, (self.patch.slices, self.patch.size_px, self.patch.size_px))
        if self.projection is not None and self.projection.as_image:
            shapes[PROJECTION] = (1, self.projection.size_px, self.projection.size_px)
        return shapes

    @property
    def stored(self) -> InputsSpec:
        """What a prepared case depends on: all but how raw values of clinical columns are used later."""
        return replace(self, clinical=tuple(column.raw for column in self.clinical))

    @property
    def needs_lesion(self) -> bool:
        """Whether a case needs an outlined lesion; a projection and clinical columns need its side only."""
        return self.patch is not None or self.radiomics is not None or self.kinetics

    @property
    def vector_sources(self) -> tuple[str, ...]:
        """Sources that are vectors of measured numbers."""
        wanted = {"radiomics": self.radiomics is not None, "kinetics": self.kinetics, CLINICAL: bool(self.clinical)}
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
    test_time: TestTimeSpec | None = None

    @property
    def reads_whole_breasts(self) -> bool:
        """Whether a case is one breast of an exam, whatever is or is not outlined in it."""
        return self.task.unit == "breast" and not self.inputs.needs_lesion

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
        recipe = from_mapping(cls, _without_null_towers(_with_whole_columns(own)), where)
        for sequence in recipe.inputs.sequences:
            if sequence not in SEQUENCE_WORDS:
                raise InputError(
                    f"{where}, inputs, sequences: '{sequence}' is no sequence. "
                    f"{nearest_known(sequence, SEQUENCE_WORDS)}"
                )
        for source in recipe.model.towers:
            if source not in recipe.inputs.sources:
                raise InputError(
                    f"{where}, model, towers: '{source}' is no source of this recipe. "
                    f"{nearest_known(source, recipe.inputs.sources)} Add it to the inputs, or take its tower out (null "
                    "where the recipe that this one extends has it)."
                )
        _check_projection(recipe.inputs, where)
        if recipe.task.positive not in recipe.task.classes:
            raise InputError(
                f"{where}, task: the positive class '{recipe.task.positive}' is none of {list(recipe.task.classes)}."
            )
        return recipe


def _check_projection(inputs: InputsSpec, where: str) -> None:
    """Refuse columns that are measured on a projection where there is none: they would be missing in every case."""
    for column in inputs.clinical:
        if column.origin == "exam" and column.name in PROJECTION_COLUMNS and inputs.projection is None:
            raise InputError(
                f"{where}, inputs, clinical: '{column.name}' is measured on a projection, and there is none. Add a "
                "'projection' (with 'as_image: false' where the network is not to see it)."
            )


def _without_null_towers(recipe: Mapping[str, Any]) -> Mapping[str, Any]:
    """Leave out towers that are null: so a recipe takes out one of the recipe that it extends."""
    model = recipe.get("model")
    if not isinstance(model, Mapping) or not isinstance(model.get("towers"), Mapping):
        return recipe
    towers = {source: layers for source, layers in model["towers"].items() if layers is not None}
    return {**recipe, "model": {**model, "towers": towers}}


def _with_whole_columns(recipe: Mapping[str, Any]) -> Mapping[str, Any]:
    """Write a clinical column that is a name alone as the mapping it stands for."""
    inputs = recipe.get("inputs")
    if not isinstance(inputs, Mapping) or not isinstance(inputs.get("clinical"), (list, tuple)):
        return recipe
    columns = [{"name": column} if isinstance(column, str) else column for column in inputs["clinical"]]
    return {**recipe, "inputs": {**inputs, "clinical": columns}}
