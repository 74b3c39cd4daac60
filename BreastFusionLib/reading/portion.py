"""The smallest part of a case that gives the same numbers: what is sent to where a reading is computed.

A full-size exam has hundreds of megabytes; what a reading looks at is a lesion and its surroundings. A portion keeps
every grid whole and every voxel at its index, so that preparing it is the same code with the same numbers, to the last
bit: voxels that nobody looks at are 0. Intensity scales need whole volumes and are therefore measured before cutting,
and so is what rules draw from.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from BreastFusionLib.errors import InputError
from BreastFusionLib.exam.geometry import Box, Grid, bounding_box
from BreastFusionLib.exam.model import Exam, Phase, Series
from BreastFusionLib.exam.partial import PartialPhase
from BreastFusionLib.images import IntensityScale, measure_scale, patch_reach, projected_phases
from BreastFusionLib.images.settings import IntensitySpec
from BreastFusionLib.lesion.mapping import mapped_region
from BreastFusionLib.lesion.model import Lesion
from BreastFusionLib.reading.draws import drawn_from
from BreastFusionLib.reading.measured_lesion import Scales, chosen_phases, lesion_of, named, only_the_lesion_counts
from BreastFusionLib.reading.model import Case
from BreastFusionLib.reading.recipe import InputsSpec
from BreastFusionLib.reading.stability import outline_step_mm

__all__ = ["Portion", "cut_case"]

# An image has at least one voxel; a DCE series keeps all its phases, so that their numbers stay.
_NOTHING = Box((0, 0, 0), (1, 1, 1))


@dataclass(frozen=True)
class Portion:
    """A part of a case.

    Attributes:
        case: its phases are `PartialPhase`; masks are whole. Series that the model does not see have no phases.
        scales: what was measured on the whole volumes.
        inputs: what it was cut for; prepared in another way it would give wrong numbers.
    """

    case: Case
    scales: Scales
    inputs: InputsSpec


def cut_case(case: Case, inputs: InputsSpec, scales: Scales | None = None) -> Portion:
    """Cut the part of a case that `prepare(case, inputs)` looks at.

    Phases give their parts by `Phase.part`. Whole volumes go along only where filters, resampling or normalisation of
    radiomics, a registration that is yet to be done, or a projection look at them.

    Args:
        case: the whole case.
        inputs: what the model sees (`recipe.inputs`).
        scales: intensity scales of this exam's volumes that are known already; the others are measured where needed.

    Returns:
        The portion: `prepare(portion.case, inputs, portion.scales)` equals `prepare(case, inputs)`.

    Raises:
        InputError: an empty mask or none where one is needed, no DCE series, too few phases.
    """
    dce, drawn = case.exam.dce, lesion_of(case, inputs)
    boxes = dict.fromkeys(dce.phases, _NOTHING)
    found: dict[tuple[str, IntensitySpec], IntensityScale] = {}
    if drawn is not None:
        of_lesion, found = _round_lesion(case, drawn, inputs, scales or {})
        boxes |= of_lesion
    if inputs.projection is not None:
        boxes |= dict.fromkeys(projected_phases(dce, inputs.projection, case.dce_phase), _whole(dce.grid))
    cut = replace(case, exam=_cut(case.exam, boxes), drawn_from=drawn_from(case, inputs))
    return Portion(cut, found, inputs)


def _round_lesion(
    case: Case, drawn: Lesion, inputs: InputsSpec, known: Scales
) -> tuple[dict[Phase, Box], dict[tuple[str, IntensitySpec], IntensityScale]]:
    """Return what is looked at round a lesion, and the scales of whole volumes."""
    lesion = bounding_box(drawn.mask)
    if lesion is None:
        raise InputError("The lesion's mask is empty: there is nothing to read. Draw the lesion first.")
    lesion = lesion.grown(_room(case.exam.dce.grid, case.exam.dce.grid))
    phases = chosen_phases(case, inputs, [])
    whole = _whole_sequences(case, tuple(phases), inputs)
    found: dict[tuple[str, IntensitySpec], IntensityScale] = {}
    boxes = dict.fromkeys(case.exam.dce.phases, lesion)
    for sequence, phase in phases.items():
        grid = case.exam.get(sequence).grid  # type: ignore[arg-type, union-attr]
        if sequence in whole:
            boxes[phase] = _whole(grid)
            found |= {key: scale for key, scale in known.items() if key[0] == sequence}
        else:
            boxes[phase] = _looked_at(case, sequence, grid, lesion, inputs)
            found |= _scales(sequence, phase, inputs, known)
    if _is_registered(case, tuple(phases), inputs):
        boxes[case.exam.dce.phase(0)] = _whole(case.exam.dce.grid)
    return boxes, found


def _whole_sequences(case: Case, sequences: tuple[str, ...], inputs: InputsSpec) -> set[str]:
    """Return the sequences whose whole volume is looked at."""
    if inputs.radiomics is not None and not only_the_lesion_counts(inputs.radiomics.settings):
        return set(sequences)
    return {sequence for sequence in sequences if _is_registered(case, (sequence,), inputs)}


def _is_registered(case: Case, sequences: tuple[str, ...], inputs: InputsSpec) -> bool:
    """Tell whether preparing registers any of the sequences."""
    return inputs.registration != "none" and any(s != "dce" and s not in case.mapped for s in sequences)


def _looked_at(case: Case, sequence: str, grid: Grid, lesion: Box, inputs: InputsSpec) -> Box:
    """Return the box of a sequence in which the lesion, its radiomics and its patch lie.

    Args:
        case: the case.
        sequence: its name.
        grid: its grid.
        lesion: holds the lesion on the DCE grid, with some room.
        inputs: what the model sees.
    """
    region = lesion
    if sequence != "dce":
        given = case.mapped.get(sequence)
        dce = case.exam.dce.grid
        region = mapped_region(lesion, dce, grid, None if given is None else given.transform)
        if given is not None and (box := bounding_box(given.mask)) is not None:
            region = box.grown(_room(dce, grid)).covering(region)  # edited by hand, it may lie elsewhere
    box = region.grown(1)
    return box if inputs.patch is None else box.covering(patch_reach(grid, region, inputs.patch))


def _room(dce: Grid, grid: Grid) -> tuple[int, int, int]:
    """Return by how many voxels of a grid an outline may be moved (`stability.outline_range`) without cutting anew."""
    step_mm = outline_step_mm(dce)
    return tuple(int(np.ceil(step_mm / spacing)) + 1 for spacing in grid.spacing_mm)  # type: ignore[return-value]


def _scales(
    sequence: str, phase: Phase, inputs: InputsSpec, known: Scales
) -> dict[tuple[str, IntensitySpec], IntensityScale]:
    """Return the scales that preparing a sequence asks for."""
    wanted = [part.intensity for part in (inputs.patch, inputs.radiomics) if part is not None]
    with named(sequence):
        return {
            (sequence, spec): known.get((sequence, spec)) or measure_scale(phase.image, spec)
            for spec in dict.fromkeys(wanted)
            if spec is not None
        }


def _cut(exam: Exam, boxes: Mapping[Phase, Box]) -> Exam:
    """Return the exam with the phases that have a box, cut to it."""
    return replace(exam, series=tuple(_cut_series(series, boxes) for series in exam.series))


def _cut_series(series: Series, boxes: Mapping[Phase, Box]) -> Series:
    phases = []
    for phase in series.phases:
        if phase in boxes:
            box = boxes[phase].clipped(series.grid.size)
            if 0 in box.size:  # the lesion lies outside: nothing is looked at, and reading says so
                box = _NOTHING
            phases.append(PartialPhase(phase.time_s, phase.part(box), box, series.grid))
    return replace(series, phases=tuple(phases))


def _whole(grid: Grid) -> Box:
    return Box((0, 0, 0), grid.size)
