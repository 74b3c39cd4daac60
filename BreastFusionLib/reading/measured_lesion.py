"""What a model may see of an outlined lesion: its place on every sequence, patches, radiomics, kinetics."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import SimpleITK as sitk

from BreastFusionLib.errors import InputError
from BreastFusionLib.exam.geometry import bounding_box, crop
from BreastFusionLib.exam.model import Phase, Series
from BreastFusionLib.exam.phase_choice import choose_phase
from BreastFusionLib.images import IntensityScale, Patch, extract_patch, measure_scale
from BreastFusionLib.images.settings import IntensitySpec
from BreastFusionLib.lesion.kinetics import Kinetics, measure_kinetics
from BreastFusionLib.lesion.mapping import map_lesion
from BreastFusionLib.lesion.measure import Measurements, measure
from BreastFusionLib.lesion.model import Lesion, MappedLesion
from BreastFusionLib.reading.model import Case
from BreastFusionLib.reading.recipe import SEQUENCE_WORDS, InputsSpec, RadiomicsSpec
from BreastFusionLib.reading.stopwatch import Stopwatch
from BreastFusionLib.reading.vectors import radiomics_values

if TYPE_CHECKING:
    from BreastFusionLib.features.radiomics import Radiomics

__all__ = [
    "MeasuredLesion",
    "Scales",
    "chosen_phases",
    "lesion_of",
    "measure_lesion",
    "named",
    "only_the_lesion_counts",
]

Scales = Mapping[tuple[str, IntensitySpec], IntensityScale]
"""(sequence, how it is scaled) -> the scale, measured on the whole volume."""


@dataclass(frozen=True)
class MeasuredLesion:
    """What is measured on an outlined lesion; nothing without one.

    Attributes:
        patches: sequence -> patch.
        values: source ('radiomics', 'kinetics') -> feature -> value; what is undefined is absent or NaN.
        measurements: on the DCE grid.
        mapped: sequence that the exam has -> the lesion there.
        kinetics: None when the DCE series cannot give them.
        warnings: sentences.
    """

    patches: Mapping[str, Patch] = field(default_factory=dict)
    values: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    measurements: Measurements | None = None
    mapped: Mapping[str, MappedLesion] = field(default_factory=dict)
    kinetics: Kinetics | None = None
    warnings: tuple[str, ...] = ()


def lesion_of(case: Case, inputs: InputsSpec) -> Lesion | None:
    """Return a case's lesion, or None for a whole breast that needs none.

    Raises:
        InputError: the model reads a lesion, and the case has none.
    """
    if case.lesion is None and inputs.needs_lesion:
        raise InputError(
            f"Case '{case.case_id}' has no lesion, and the model reads one: outline it on the DCE series, or choose a "
            "model for whole breasts."
        )
    return case.lesion


def measure_lesion(case: Case, lesion: Lesion, inputs: InputsSpec, scales: Scales, clock: Stopwatch) -> MeasuredLesion:
    """Measure everything that a model may see of a lesion.

    Args:
        case: its exam, and how its lesion was mapped where a reader did that.
        lesion: on the DCE grid.
        inputs: what the model sees.
        scales: intensity scales that are known already; the others are measured.
        clock: takes the time of each stage.

    Raises:
        InputError: no DCE series, one phase only, a lesion outside a sequence, ..
    """
    warnings = list(lesion.warnings)
    with clock.stage("loading"):
        images = {sequence: phase.image for sequence, phase in chosen_phases(case, inputs, warnings).items()}
    with clock.stage("lesion"):
        measurements = measure(lesion.mask)
    with clock.stage("mapping"):
        mapped = _map(case, lesion, tuple(images), inputs, warnings)
    with clock.stage("kinetics"):
        kinetics = _kinetics(case.exam.dce, lesion.mask, inputs, warnings)

    measured = _Scales(images, scales)
    patches = {}
    if inputs.patch is not None:
        for sequence, image in images.items():
            with clock.stage("patches"), named(sequence):
                scale = measured.get(sequence, inputs.patch.intensity)
                patches[sequence] = extract_patch(image, mapped[sequence].mask, inputs.patch, scale)

    values: dict[str, dict[str, float]] = {}
    if inputs.radiomics is not None:
        values["radiomics"] = {}
        for sequence, image in images.items():
            with clock.stage("radiomics"), named(sequence):
                found = _radiomics(image, mapped[sequence].mask, inputs.radiomics, measured, sequence)
                warnings += [f"{SEQUENCE_WORDS[sequence]}: {sentence}" for sentence in found.warnings]
                values["radiomics"] |= radiomics_values(sequence, found, mapped[sequence].texture_defined)
    if kinetics is not None:
        values["kinetics"] = kinetics.vector()
    return MeasuredLesion(patches, values, measurements, mapped, kinetics, tuple(warnings))


def chosen_phases(case: Case, inputs: InputsSpec, warnings: list[str]) -> dict[str, Phase]:
    """Return the volume of every sequence that the exam has, in the recipe's order; none is read.

    Args:
        case: the case.
        inputs: what the model sees.
        warnings: sentences about what is missing or odd are added here.

    Raises:
        InputError: no DCE series where one is wanted, or one with a single phase.
    """
    phases = {}
    for sequence in inputs.sequences:
        series = case.exam.dce if sequence == "dce" else case.exam.get(sequence)  # type: ignore[arg-type]
        if series is None:
            if inputs.radiomics is not None:
                warnings.append(f"{SEQUENCE_WORDS[sequence]} missing: its radiomics count as the training cases' mean.")
        elif sequence == "dce":
            number, said = choose_phase(series, inputs.dce_phase, case.dce_phase)
            phases[sequence] = series.phase(number)
            warnings += said
        else:
            phases[sequence] = series.only_phase
            if series.contrast == "post":
                warnings.append(f"{SEQUENCE_WORDS[sequence]} was taken after contrast.")
    return phases


def _map(
    case: Case, lesion: Lesion, sequences: tuple[str, ...], inputs: InputsSpec, warnings: list[str]
) -> dict[str, MappedLesion]:
    mapped = {}
    for sequence in sequences:
        given = case.mapped.get(sequence) if sequence != "dce" else None
        if given is not None:
            mapped[sequence] = given
            warnings += _mapped_otherwise(given, inputs.registration)
        else:
            mapped[sequence] = map_lesion(lesion, case.exam, sequence, registration=inputs.registration)
        warnings += mapped[sequence].warnings
    return mapped


def _mapped_otherwise(given: MappedLesion, registration: str) -> list[str]:
    """Say how a lesion was mapped, where the lesions of the training were mapped in another way."""
    where, refined = SEQUENCE_WORDS[given.sequence], given.method == "rigid registration"
    if given.method == "edited":
        return [f"{where}: the outline was edited by hand; the model was trained with outlines carried over from DCE."]
    if refined and registration == "none":
        return [
            f"{where}: the lesion's place was refined by registration; the model was trained with lesions placed by "
            "the images' positions alone."
        ]
    if not refined and registration == "rigid":
        return [
            f"{where}: the lesion was placed by the images' positions alone; the model was trained with places refined "
            "by registration."
        ]
    return []


def _kinetics(dce: Series, mask: sitk.Image, inputs: InputsSpec, warnings: list[str]) -> Kinetics | None:
    """Measure the curve; a model that does not need it goes on without."""
    try:
        kinetics = measure_kinetics(dce, mask)
    except InputError as error:
        if inputs.kinetics:
            raise
        warnings.append(f"No kinetics: {error}")
        return None
    warnings += kinetics.warnings
    return kinetics


@contextlib.contextmanager
def named(sequence: str) -> Iterator[None]:
    """Say on which sequence something could not be used."""
    try:
        yield
    except InputError as error:
        raise InputError(f"{SEQUENCE_WORDS[sequence]}: {error}") from error


class _Scales:
    """Intensity scales of the volumes, each measured once however many stages ask for it."""

    def __init__(self, images: Mapping[str, sitk.Image], known: Scales) -> None:
        self._images = images
        self._scales = dict(known)

    def get(self, sequence: str, spec: IntensitySpec) -> IntensityScale:
        key = (sequence, spec)
        if key not in self._scales:
            self._scales[key] = measure_scale(self._images[sequence], spec)
        return self._scales[key]


def _radiomics(image: sitk.Image, mask: sitk.Image, spec: RadiomicsSpec, scales: _Scales, sequence: str) -> Radiomics:
    from BreastFusionLib.features.radiomics import extract

    if spec.intensity is None:
        return extract(image, mask, spec.settings, label=1)
    scale = scales.get(sequence, spec.intensity)
    box = bounding_box(mask)
    if box is not None and only_the_lesion_counts(spec.settings):
        # Scaling 100 MB to measure a lesion of some millilitres would cost more than the features themselves.
        box = box.grown(1).clipped(image.GetSize())
        image, mask = crop(image, box), crop(mask, box)
    return extract(scale.apply_image(image), mask, spec.settings, label=1)


def only_the_lesion_counts(settings: Mapping[str, Any] | None) -> bool:
    """Tell whether features depend on the lesion's own voxels alone: no filter, resampling or normalisation."""
    settings = settings or {}
    changes = settings.get("setting") or {}
    return set(settings.get("imageType") or {"Original": {}}) == {"Original"} and not (
        changes.get("normalize") or changes.get("resampledPixelSpacing")
    )
