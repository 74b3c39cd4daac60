"""From a case to what a model sees: the one preparation that panel, command line, training and cohorts share."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import SimpleITK as sitk

from BreastFusionLib.errors import InputError
from BreastFusionLib.exam.geometry import bounding_box, crop
from BreastFusionLib.exam.model import Exam, Phase, Series
from BreastFusionLib.images import IntensityScale, extract_patch, measure_scale
from BreastFusionLib.images.settings import IntensitySpec
from BreastFusionLib.lesion.kinetics import Kinetics, measure_kinetics
from BreastFusionLib.lesion.mapping import map_lesion
from BreastFusionLib.lesion.measure import measure
from BreastFusionLib.lesion.model import MappedLesion
from BreastFusionLib.reading.model import Case, CaseInputs
from BreastFusionLib.reading.recipe import SEQUENCE_WORDS, InputsSpec, RadiomicsSpec
from BreastFusionLib.reading.stopwatch import Stages, Stopwatch
from BreastFusionLib.reading.vectors import clinical_vector, radiomics_values, vector_names

if TYPE_CHECKING:
    from BreastFusionLib.features.radiomics import Radiomics

__all__ = ["Scales", "chosen_phases", "named", "only_the_lesion_counts", "prepare"]

Scales = Mapping[tuple[str, IntensitySpec], IntensityScale]
"""(sequence, how it is scaled) -> the scale, measured on the whole volume."""


def prepare(case: Case, inputs: InputsSpec, scales: Scales | None = None, progress: Stages | None = None) -> CaseInputs:
    """Measure everything that a model may see of a case, as raw numbers.

    A sequence that the exam lacks is left out with a warning: its features are NaN, its patch is absent.

    Args:
        case: exam, lesion on its DCE grid, clinical row.
        inputs: what the model sees and how it is prepared (`recipe.inputs`).
        scales: intensity scales that are known already, as from another lesion of the exam; the others are measured.
        progress: called with the name of each stage when it begins.

    Returns:
        Patches, vectors with all their names, measurements, warnings, and seconds by stage.

    Raises:
        InputError: input that cannot be used (no DCE series, one phase only, lesion outside a sequence, ..).
    """
    clock = Stopwatch(progress)
    exam, lesion = case.exam, case.lesion
    warnings = [*exam.warnings, *lesion.warnings]
    with clock.stage("loading"):
        images = {sequence: phase.image for sequence, phase in chosen_phases(case, inputs, warnings).items()}
    with clock.stage("lesion"):
        measurements = measure(lesion.mask)
    with clock.stage("mapping"):
        mapped = _map(case, tuple(images), inputs, warnings)
    with clock.stage("kinetics"):
        kinetics = _kinetics(exam.dce, lesion.mask, inputs, warnings)

    measured = _Scales(images, scales or {})
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
    values["clinical"] = clinical_vector(case.clinical, tuple(column.name for column in inputs.clinical))
    warnings += [f"The clinical value '{name}' is missing." for name, v in values["clinical"].items() if math.isnan(v)]

    return CaseInputs(
        case_id=case.case_id,
        patches=patches,
        vectors={
            source: {name: values.get(source, {}).get(name, math.nan) for name in names}
            for source, names in vector_names(inputs).items()
        },
        lesion=measurements,
        mapped=mapped,
        kinetics=kinetics,
        context=_context(exam, tuple(images)),
        warnings=tuple(dict.fromkeys(warnings)),
        seconds=clock.seconds,
    )


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
            warnings.append(f"{SEQUENCE_WORDS[sequence]} missing: the model used its neutral value.")
        elif sequence == "dce":
            phases[sequence] = _dce_phase(series, inputs.dce_phase, case.dce_phase, warnings)
        else:
            phases[sequence] = series.only_phase
            if series.contrast == "post":
                warnings.append(f"{SEQUENCE_WORDS[sequence]} was taken after contrast.")
    return phases


def _dce_phase(series: Series, wanted: int, chosen: int | None, warnings: list[str]) -> Phase:
    if len(series.phases) < 2:
        raise InputError(
            f"The DCE series '{series.description}' has one phase only: at least one before and one after contrast "
            "are needed. Load the folder of the whole study, or put the phases together in an exam folder."
        )
    last = len(series.phases) - 1
    if chosen is not None and chosen != min(wanted, last):
        warnings.append(
            f"DCE phase {chosen} was chosen; the model was trained with phase {wanted} (0 = before contrast)."
        )
        return series.phase(chosen)
    if wanted > last:
        warnings.append(
            f"The DCE series has {last + 1} phases; the model wants phase {wanted} (0 = before contrast), and "
            f"phase {last}, the last one, was used."
        )
    return series.phase(min(wanted, last))


def _map(case: Case, sequences: tuple[str, ...], inputs: InputsSpec, warnings: list[str]) -> dict[str, MappedLesion]:
    mapped = {}
    for sequence in sequences:
        given = case.mapped.get(sequence) if sequence != "dce" else None
        if given is not None:
            mapped[sequence] = given
            warnings += _mapped_otherwise(given, inputs.registration)
        else:
            mapped[sequence] = map_lesion(case.lesion, case.exam, sequence, registration=inputs.registration)
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


def _context(exam: Exam, sequences: tuple[str, ...]) -> dict[str, Any]:
    """Return how the exam was taken, for comparison with the training exams."""
    series = {sequence: exam.get(sequence) for sequence in sequences}  # type: ignore[arg-type]
    found = {sequence: one for sequence, one in series.items() if one is not None}
    return {
        "contrast": {sequence: one.contrast for sequence, one in found.items()},
        "spacing_mm": {sequence: list(one.grid.spacing_mm) for sequence, one in found.items()},
        "field_strength_t": _field_strength_t(exam.dce),
        "synthetic": exam.synthetic,
    }


def _field_strength_t(series: Series) -> float | None:
    try:
        value = float(series.acquisition["MagneticFieldStrength"])
    except (KeyError, TypeError, ValueError):
        return None
    # Some scanners write gauss or millitesla; no breast scanner has more than 10 T.
    return next((value / unit for unit in (1.0, 1e3, 1e4) if 0 < value / unit < 10), None)
