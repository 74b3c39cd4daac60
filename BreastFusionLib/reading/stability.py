"""How much a result depends on where exactly the outline was drawn: the same reading with it moved out and in.

The outline is moved by one voxel of the DCE series within its slices (some .7 mm at full size), about what two readers'
outlines differ by at the least. Slices are not added or taken away: they are thicker than that.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import scipy
import SimpleITK as sitk
from numpy.typing import NDArray

from BreastFusionLib.errors import InputError
from BreastFusionLib.exam.geometry import Grid, bounding_box
from BreastFusionLib.lesion.mapping import edited_lesion, map_lesion
from BreastFusionLib.lesion.model import Lesion, MappedLesion
from BreastFusionLib.reading.measured_lesion import Scales
from BreastFusionLib.reading.model import Case
from BreastFusionLib.reading.prepare import prepare
from BreastFusionLib.reading.reader import has_meaning

if TYPE_CHECKING:
    from BreastFusionLib.reading.bundle import Bundle

__all__ = ["move_outline", "outline_range", "outline_step_mm"]


def outline_range(
    case: Case, bundle: Bundle, scales: Scales | None = None, progress: Callable[[str], None] | None = None
) -> tuple[float, float] | None:
    """Return the lowest and highest probability when the outline is moved a little.

    The lesion as drawn, and with its outline moved out and in by `outline_step_mm`, is prepared and scored as in a
    reading. On T1 and T2 each outline is mapped as the one drawn; one that was edited there is moved there. A lesion
    that vanishes when moved in stays as it is, and an outline that cannot be read is left out.

    Args:
        case: the case, or a portion of it (`portion.cut_case`).
        bundle: the model.
        scales: see `prepare`.
        progress: called with a few words before each of the three outlines.

    Returns:
        (low, high), the probability of the lesion as drawn between them; None when it has no meaning for the exam.

    Raises:
        InputError: the case itself cannot be read, or has no outline.
    """
    from BreastFusionLib.reading.score import score

    if case.lesion is None:
        raise InputError(f"Case '{case.case_id}' is a whole breast: there is no outline that could be moved.")
    if not has_meaning(bundle.metadata, case.exam.synthetic):
        return None
    tell = progress or (lambda words: None)
    tell("outline as drawn")
    drawn = prepare(case, bundle.recipe.inputs, scales)
    probabilities = [score(drawn, bundle).probability]
    for words, outwards in (("outline moved out", True), ("outline moved in", False)):
        tell(words)
        try:
            moved = prepare(_moved(case, case.lesion, drawn.mapped, outwards), bundle.recipe.inputs, scales)
            probabilities.append(score(moved, bundle).probability)
        except InputError:  # such as a lesion at the edge of T1 of which nothing is left there
            continue
    return min(probabilities), max(probabilities)


def outline_step_mm(dce: Grid) -> float:
    """Return how far `outline_range` moves an outline: one voxel within the slices."""
    return max(dce.spacing_mm[:2])


def move_outline(mask: sitk.Image, step_mm: float, outwards: bool) -> sitk.Image:
    """Return a mask with its outline moved within each slice.

    Args:
        mask: non-zero inside.
        step_mm: voxels whose centre lies within this distance of a voxel on the other side change sides.
        outwards: whether the lesion grows.

    Returns:
        sitk.sitkUInt8, 1 inside, on the same grid; the mask as it was, when nothing would be left of it.
    """
    grid, box = Grid.of(mask), bounding_box(mask)
    if box is None:
        return mask
    reach = tuple(int(np.ceil(step_mm / spacing)) + 1 for spacing in grid.spacing_mm[:2])
    box = box.grown((reach[0], reach[1], 0)).clipped(grid.size)
    inside = sitk.GetArrayViewFromImage(mask)[box.slices] != 0
    moved = np.stack([_moved_section(section, step_mm, grid.spacing_mm[1::-1], outwards) for section in inside])
    if not moved.any():
        return mask
    pixels = np.zeros(grid.size[::-1], np.uint8)
    pixels[box.slices] = moved
    return grid.put_on(sitk.GetImageFromArray(pixels))


def _moved_section(
    section: NDArray[np.bool_], step_mm: float, spacing_mm: tuple[float, ...], outwards: bool
) -> NDArray[np.bool_]:
    other = ~section if outwards else section
    if not section.any() or not other.any():
        return section
    # The distance of each voxel to the nearest one on the other side; the border of the volume is no outline.
    distance_mm = scipy.ndimage.distance_transform_edt(other, sampling=spacing_mm)
    near = other & (distance_mm <= step_mm * (1 + 1e-6))
    return section | near if outwards else section & ~near


def _moved(case: Case, lesion: Lesion, drawn: Mapping[str, MappedLesion], outwards: bool) -> Case:
    """Return the case with the outline moved, on every sequence."""
    step_mm = outline_step_mm(case.exam.dce.grid)
    lesion = replace(lesion, mask=move_outline(lesion.mask, step_mm, outwards))
    mapped = {}
    for sequence, own in drawn.items():
        if own.method == "edited":
            mask = move_outline(own.mask, step_mm, outwards)
            mapped[sequence] = edited_lesion(lesion, case.exam, sequence, mask)
        elif sequence != "dce":  # as the drawn one: a registration is not done anew
            mapped[sequence] = map_lesion(lesion, case.exam, sequence, transform=own.transform)
    return replace(case, lesion=lesion, mapped=mapped)
