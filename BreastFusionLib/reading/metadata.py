"""What a bundle says about itself: `metadata.json` as a strict dataclass."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from BreastFusionLib import DISCLAIMER, __version__
from BreastFusionLib.errors import InputError
from BreastFusionLib.reading.calibration import Calibration
from BreastFusionLib.reading.recipe import TaskSpec
from BreastFusionLib.settings import from_mapping

__all__ = ["BUNDLE_SCHEMA", "OPERATING_POINT", "BundleMetadata", "TrainingContext", "TrainingRecord"]

BUNDLE_SCHEMA = "breastfusion.bundle/1"
# The threshold that a reading shows and decides by: 95 % of the malignant validation cases lie above it.
OPERATING_POINT = "sensitivity_0.95"


@dataclass(frozen=True)
class TrainingContext:
    """How the training exams were taken: a reading compares its own exam with this.

    Attributes:
        contrast: sequence -> contrast states that occurred ('pre', 'post', 'unknown').
        spacing_mm: sequence -> {'low': 3 numbers, 'high': 3 numbers}, the range of voxel sizes along (i, j, k).
        field_strength_t: field strengths that occurred.
    """

    contrast: dict[str, tuple[str, ...]] = field(default_factory=dict)
    spacing_mm: dict[str, dict[str, tuple[float, ...]]] = field(default_factory=dict)
    field_strength_t: tuple[float, ...] = ()

    @classmethod
    def of(cls, contexts: Iterable[Mapping[str, Any]]) -> TrainingContext:
        """Summarise the `context` of prepared training cases."""
        contrast: dict[str, set[str]] = {}
        spacing: dict[str, list[Any]] = {}
        fields: set[float] = set()
        for context in contexts:
            for sequence, state in context["contrast"].items():
                contrast.setdefault(sequence, set()).add(state)
            for sequence, spacing_mm in context["spacing_mm"].items():
                spacing.setdefault(sequence, []).append(spacing_mm)
            if context["field_strength_t"] is not None:
                fields.add(float(context["field_strength_t"]))
        return cls(
            {sequence: tuple(sorted(states)) for sequence, states in contrast.items()},
            {
                sequence: {
                    "low": tuple(map(min, zip(*rows, strict=True))),
                    "high": tuple(map(max, zip(*rows, strict=True))),
                }
                for sequence, rows in spacing.items()
            },
            tuple(sorted(fields)),
        )


@dataclass(frozen=True)
class TrainingRecord:
    """What the model was trained on.

    Attributes:
        synthetic: whether any of the cases were phantoms; their model has no meaning for a patient.
        cases: number of training cases.
        positives: how many of them are of the positive class.
        prevalence: their share.
        cohort_fingerprint: hash of the cohort table.
        context: how the exams were taken.
    """

    synthetic: bool
    cases: int
    positives: int
    prevalence: float
    cohort_fingerprint: str = ""
    context: TrainingContext = TrainingContext()


@dataclass(frozen=True)
class BundleMetadata:
    """The content of `metadata.json`.

    Attributes:
        name: of the model, as the screen shows it.
        version: of the model, e.g. '1.2'.
        task: what is decided, in the words of the screen.
        training: what it was trained on.
        thresholds: operating point -> calibrated probability, 'sensitivity_0.95' among them.
        calibration: from margins to probabilities.
        metrics: name -> {'value', 'low', 'high'} on held-out cases, and 'n'.
        versions: library versions at training.
        intended_use: one sentence.
        disclaimer: one sentence.
        schema: format of the bundle.
    """

    name: str
    version: str
    task: TaskSpec
    training: TrainingRecord
    thresholds: dict[str, float]
    calibration: Calibration = field(default_factory=Calibration)
    metrics: dict[str, Any] = field(default_factory=dict)
    versions: dict[str, Any] = field(default_factory=lambda: {"breastfusion": __version__})
    intended_use: str = "Research on breast MRI."
    disclaimer: str = DISCLAIMER
    schema: str = BUNDLE_SCHEMA

    @property
    def threshold(self) -> float:
        """The operating point that a reading shows."""
        return self.thresholds[OPERATING_POINT]

    @property
    def positive_index(self) -> int:
        """Column of the positive class in the network's logits."""
        return self.task.classes.index(self.task.positive)

    @classmethod
    def from_mapping(cls, mapping: Mapping[str, Any], where: str) -> BundleMetadata:
        """Read `metadata.json`, strictly.

        Raises:
            InputError: a newer or unknown schema, unknown or missing keys, values that make no sense.
        """
        check_schema(mapping, where)
        metadata = from_mapping(cls, mapping, where)
        _check(metadata, where)
        return metadata


def check_schema(mapping: Any, where: str) -> None:
    """Refuse anything but this version of the bundle's format, before anything else is read.

    Raises:
        InputError: saying whether BreastFusion is too old or the file is something else.
    """
    found = mapping.get("schema") if isinstance(mapping, Mapping) else None
    if found == BUNDLE_SCHEMA:
        return
    kind, own = BUNDLE_SCHEMA.split("/")
    if isinstance(found, str) and found.startswith(f"{kind}/") and found[len(kind) + 1 :].isdigit():
        raise InputError(
            f"{where}: the bundle has format {found.split('/')[1]}; BreastFusion {__version__} reads format {own}. "
            "Update BreastFusion, or export the model again with this version."
        )
    raise InputError(f"{where}: expected a bundle of schema '{BUNDLE_SCHEMA}', found {found!r}.")


def _check(metadata: BundleMetadata, where: str) -> None:
    thresholds = metadata.thresholds
    if OPERATING_POINT not in thresholds:
        raise InputError(f"{where}, thresholds: the operating point '{OPERATING_POINT}' is missing.")
    for name, value in thresholds.items():
        if not 0.0 <= value <= 1.0:
            raise InputError(f"{where}, thresholds, {name}: expected a probability between 0 and 1, found {value!r}.")
    if metadata.task.positive not in metadata.task.classes or len(metadata.task.classes) < 2:
        raise InputError(
            f"{where}, task: expected at least two classes, the positive one '{metadata.task.positive}' among them; "
            f"found {list(metadata.task.classes)}."
        )
