"""What is told of a lesion while it is drawn: size, curve and oddities, measured on its surroundings alone."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import SimpleITK as sitk

from BreastFusionLib.errors import InputError
from BreastFusionLib.exam.geometry import Box, Grid
from BreastFusionLib.exam.model import Exam, Phase, Series
from BreastFusionLib.lesion import Kinetics, Lesion, Measurements, map_lesion, measure, measure_kinetics, shape_warnings

__all__ = ["LesionMeasures", "measure_part"]


@dataclass(frozen=True)
class LesionMeasures:
    """What the library says of a lesion as it is now.

    Attributes:
        measurements: size and place; `box` counts in voxels of the part that was measured.
        section_lps: middle of its largest slice, mm.
        kinetics: its time-intensity curve; None when the DCE series cannot give one.
        warnings: sentences about its shape, its size and its curve.
    """

    measurements: Measurements
    section_lps: tuple[float, float, float]
    kinetics: Kinetics | None
    warnings: tuple[str, ...]


def measure_part(mask: sitk.Image, box: Box, exam: Exam) -> LesionMeasures:
    """Measure a lesion on a part of the volume; the numbers are those that the whole volume gives.

    With one voxel round it a lesion touches the border of the part exactly where it touches that of the volume.

    Args:
        mask: the lesion with one voxel round it where the volume has one, as `lesion_part` cuts it; non-zero inside.
        box: where that part lies in the DCE volume.
        exam: its DCE phases are cut, never read as a whole.

    Raises:
        InputError: an empty mask.
    """
    measurements, section_lps = measure(mask), _largest_section_lps(mask)
    warnings = [*shape_warnings(mask, measurements), *map_lesion(Lesion(mask), exam, "dce").warnings]
    try:
        kinetics = measure_kinetics(_cut(exam.dce, box), mask)
    except InputError as error:
        return LesionMeasures(measurements, section_lps, None, (*warnings, str(error)))
    return LesionMeasures(measurements, section_lps, kinetics, (*warnings, *kinetics.warnings))


def _cut(dce: Series, box: Box) -> Series:
    phases = tuple(Phase(phase.time_s, phase.part(box)) for phase in dce.phases)
    return replace(dce, phases=phases, grid=dce.grid.cropped(box))


def _largest_section_lps(mask: sitk.Image) -> tuple[float, float, float]:
    inside = sitk.GetArrayViewFromImage(mask) != 0
    number = int(inside.sum(axis=(1, 2)).argmax())
    j, i = np.argwhere(inside[number]).mean(axis=0)
    return tuple(Grid.of(mask).physical((i, j, number)).tolist())
