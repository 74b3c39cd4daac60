"""From a case to what a model sees: the one preparation that panel, command line, training and cohorts share."""

from __future__ import annotations

import math
from typing import Any

from BreastFusionLib.exam.acquisition import acquisition_columns, field_strength_t
from BreastFusionLib.exam.age import AGE
from BreastFusionLib.exam.model import Exam
from BreastFusionLib.images import Patch, project_breast
from BreastFusionLib.reading.clinical import clinical_columns
from BreastFusionLib.reading.column_settings import LEFT_BREAST
from BreastFusionLib.reading.draws import drawn_from
from BreastFusionLib.reading.measured_lesion import MeasuredLesion, Scales, lesion_of, measure_lesion
from BreastFusionLib.reading.model import Case, CaseInputs
from BreastFusionLib.reading.recipe import PROJECTION, InputsSpec
from BreastFusionLib.reading.stopwatch import Stages, Stopwatch
from BreastFusionLib.reading.vectors import vector_names

__all__ = ["prepare"]


def prepare(case: Case, inputs: InputsSpec, scales: Scales | None = None, progress: Stages | None = None) -> CaseInputs:
    """Measure everything that a model may see of a case, as raw numbers.

    A sequence that the exam lacks is left out with a warning: its features are NaN, its patch is absent. A lesion is
    measured wherever the case has one, whether or not the model needs it.

    Args:
        case: exam, lesion on its DCE grid or the side of a whole breast, clinical row.
        inputs: what the model sees and how it is prepared (`recipe.inputs`).
        scales: intensity scales that are known already, as from another lesion of the exam; the others are measured.
        progress: called with the name of each stage when it begins.

    Returns:
        Patches, vectors with all their names, columns, measurements, warnings, and seconds by stage.

    Raises:
        InputError: input that cannot be used (no DCE series, one phase only, a lesion that is needed and was not
            drawn or lies outside a sequence, a breast whose side nobody tells, ..).
    """
    clock = Stopwatch(progress)
    warnings = list(case.exam.warnings)
    drawn = lesion_of(case, inputs)
    lesion = MeasuredLesion() if drawn is None else measure_lesion(case, drawn, inputs, scales or {}, clock)
    patches: dict[str, Patch] = dict(lesion.patches)
    of_exam: dict[str, Any] = acquisition_columns(case.exam)
    if case.exam.age_years is not None:
        of_exam[AGE] = case.exam.age_years
    if case.breast_side != "unknown":
        of_exam[LEFT_BREAST] = float(case.breast_side == "left")  # holste2021's leftBreastFlag
    if inputs.projection is not None:
        with clock.stage("projection"):
            seen = project_breast(case.exam.dce, case.breast_side, inputs.projection, chosen_phase=case.dce_phase)
        warnings += seen.warnings
        of_exam |= seen.columns
        if inputs.projection.as_image:
            patches[PROJECTION] = seen.patch
    columns, said = clinical_columns(case.clinical, of_exam, inputs, drawn_from(case, inputs))
    return CaseInputs(
        case_id=case.case_id,
        patches=patches,
        vectors={
            source: {name: lesion.values.get(source, {}).get(name, math.nan) for name in names}
            for source, names in vector_names(inputs).items()
        },
        lesion=lesion.measurements,
        mapped=lesion.mapped,
        kinetics=lesion.kinetics,
        context=_context(case.exam, tuple(lesion.mapped) or ("dce",)),
        warnings=tuple(dict.fromkeys([*warnings, *lesion.warnings, *said])),
        seconds=clock.seconds,
        columns=columns,
    )


def _context(exam: Exam, sequences: tuple[str, ...]) -> dict[str, Any]:
    """Return how the exam was taken, for comparison with the training exams."""
    series = {sequence: exam.get(sequence) for sequence in sequences}  # type: ignore[arg-type]
    found = {sequence: one for sequence, one in series.items() if one is not None}
    return {
        "contrast": {sequence: one.contrast for sequence, one in found.items()},
        "spacing_mm": {sequence: list(one.grid.spacing_mm) for sequence, one in found.items()},
        "field_strength_t": field_strength_t(exam),
        "synthetic": exam.synthetic,
    }
