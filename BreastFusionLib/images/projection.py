"""Projections: one breast seen through, the brightest enhancement along each ray (holste2021, section 2.2)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from BreastFusionLib.errors import InputError
from BreastFusionLib.exam.breast import ONE_BREAST_MM, Midline, brightest_phase, find_midline, sternum_y, width_mm
from BreastFusionLib.exam.geometry import Grid, box_of, crop, resample_onto
from BreastFusionLib.exam.model import Exam, Phase, Series, Side
from BreastFusionLib.exam.phase_choice import choose_phase
from BreastFusionLib.exam.registration import register_rigid
from BreastFusionLib.images.intensity import refuse_non_finite
from BreastFusionLib.images.patches import Patch
from BreastFusionLib.images.settings import PROJECTION_COLUMNS, ProjectionSpec

__all__ = ["Projection", "breast_region", "project_breast", "projected_phases", "subtraction"]

# Where columns, rows and rays run to (L left, P posterior, S superior, I inferior): as such images are usually shown.
_VIEWS = {"axial": "LPS", "sagittal": "PIL", "coronal": "LIP"}
# What lies on one side of the midline and is narrower than this is no breast, but the rim of the other one's images.
LEAST_BREAST_MM = 30.0


@dataclass(frozen=True, eq=False)
class Projection:
    """A projection, where it lies, and what is measured on it.

    Attributes:
        patch: pixels (1, size_px, size_px) in [0, 1] on a grid of one slice as thick as the volume is deep along the
            rays, so that a map over the projection lies on everything that the rays passed.
        maximum: largest enhancement, in raw units of the subtraction, before clipping.
        columns: `PROJECTION_COLUMNS`: height and width of the breast's image, the width of the subtraction's own
            pixels, and `maximum`.
        phase: the phase that was used, 0 = before contrast.
        warnings: sentences.
    """

    patch: Patch
    maximum: float
    columns: Mapping[str, float]
    phase: int
    warnings: tuple[str, ...] = ()


def project_breast(
    dce: Series, side: Side, spec: ProjectionSpec, midline: Midline | None = None, chosen_phase: int | None = None
) -> Projection:
    """Project the enhancement of one breast.

    The phase before contrast is subtracted, the volume is cut at the midline between the breasts, and the maximum is
    taken along the axis; the brightest pixels are clipped, the image is brought to a square of `size_px` pixels and
    its values linearly to [0, 1]. The square covers the whole cut image, so that its pixels are seldom square in mm:
    their sizes are those of `patch.grid`.

    Both breasts are seen the same way round, none is mirrored: seen along the body's axis ('axial') the front is up
    and the patient's right is on the left; from the front ('coronal') the head is up and the patient's right on the
    left; from the side ('sagittal') the head is up and the front on the left.

    Args:
        dce: all phases.
        side: the breast.
        spec: how.
        midline: what tells left from right, when it is known already; None: found on this series.
        chosen_phase: the phase that a person chose instead of the recipe's.

    Raises:
        InputError: the side is unknown or not in the images, the midline cannot be found, there is one phase only, the
            one before contrast was chosen, or voxels are not finite.
    """
    number, warnings = _phase_number(dce, spec, chosen_phase)
    pre, post = dce.phase(0).image, dce.phase(number).image
    region, doubts = breast_region(dce.grid, side, find_midline(Exam((dce,), "")) if midline is None else midline)
    if spec.behind_sternum_mm is not None:
        skin_y = sternum_y(pre)
        if skin_y is None:
            doubts.append("The sternum was not found: the projection shows the chest as far as the exam does.")
        else:
            region &= ~dce.grid.above(1, skin_y + spec.behind_sternum_mm)
    if spec.registration == "rigid":
        post = _aligned(post, pre)
    difference = sitk.DICOMOrient(_within(region, pre, post), _VIEWS[spec.axis])
    brightest = sitk.GetArrayViewFromImage(difference).max(axis=0)
    refuse_non_finite(brightest)
    grid, maximum = Grid.of(difference), float(brightest.max())
    square = _resized(_clipped(brightest, spec.clip_percent), spec.size_px)
    width_mm, height_mm = (size * spacing for size, spacing in zip(grid.size[:2], grid.spacing_mm[:2], strict=True))
    measures = (height_mm, width_mm, grid.spacing_mm[0], maximum)
    columns = dict(zip(PROJECTION_COLUMNS, measures, strict=True))
    patch = Patch(_unit_range(square)[np.newaxis], _square_grid(grid, spec.size_px))
    return Projection(patch, maximum, columns, number, (*warnings, *doubts))


def projected_phases(dce: Series, spec: ProjectionSpec, chosen_phase: int | None = None) -> tuple[Phase, ...]:
    """Return the phases whose voxels `project_breast` looks at; none is read."""
    if spec.phase is None:
        return dce.phases
    number, _ = _phase_number(dce, spec, chosen_phase)
    return dce.phase(0), dce.phase(number)


def _phase_number(dce: Series, spec: ProjectionSpec, chosen_phase: int | None) -> tuple[int, list[str]]:
    if chosen_phase == 0:
        raise InputError(
            "DCE phase 0 was chosen, the one before contrast: the model sees what contrast adds to it: nothing. "
            "Choose a later phase."
        )
    wanted = spec.phase
    if wanted is None:
        wanted = brightest_phase(dce) if len(dce.phases) > 1 else 1
    return choose_phase(dce, wanted, chosen_phase)


def subtraction(post: sitk.Image, pre: sitk.Image) -> sitk.Image:
    """Return post minus pre as floats (scanner integers are unsigned and would wrap round)."""
    return sitk.Cast(post, sitk.sitkFloat32) - sitk.Cast(pre, sitk.sitkFloat32)


def breast_region(grid: Grid, side: Side, midline: Midline) -> tuple[NDArray[np.bool_], list[str]]:
    """Return which voxels [k, j, i] of a volume belong to one breast, and sentences about what is in doubt.

    The volume is cut where x is that of the midline, however its axes are turned; every voxel belongs to one breast.

    Args:
        grid: of the volume.
        side: the breast.
        midline: of the exam.

    Raises:
        InputError: the side is unknown, not in the images, or cannot be told from the other one.
    """
    if side not in ("left", "right"):
        raise InputError(
            "Which breast is meant is not known: give its side, left or right (in the panel that of the lesion, on the "
            "command line --side, in a cohort's table the column 'side')."
        )
    whole = np.ones(grid.size[::-1], bool)
    if midline.side is not None:
        if midline.side != side:
            raise InputError(f"The images show the {midline.side} breast only, and the {side} one was asked for.")
        return whole, []
    if midline.x_mm is None:
        if width_mm(grid) > ONE_BREAST_MM:
            raise InputError(
                f"The midline between the breasts was not found on images {width_mm(grid):.0f} mm wide, so that left "
                "and right cannot be told apart. Check that both breasts are whole in the DCE series."
            )
        return whole, [f"The images do not say which breast they show: it was taken as the {side} one."]
    x_mm = grid.physical(grid.corners_ijk(border=0.5))[:, 0]
    there_mm = max(0.0, x_mm.max() - midline.x_mm if side == "left" else midline.x_mm - x_mm.min())
    if there_mm < LEAST_BREAST_MM:
        raise InputError(
            f"The images hold {there_mm:.0f} mm on the {side} of the midline: the {side} breast is not in them."
        )
    is_left = grid.above(0, midline.x_mm)
    return (is_left if side == "left" else ~is_left), []


def _within(region: NDArray[np.bool_], pre: sitk.Image, post: sitk.Image) -> sitk.Image:
    """Subtract within the box that holds a region; outside the region nothing takes up contrast."""
    box = box_of(region)
    if box is None:
        raise InputError("Nothing of the breast lies in the images. Check that both breasts are whole in the series.")
    difference = subtraction(crop(post, box), crop(pre, box))
    inside = region[box.slices]
    if inside.all():  # the images lie along the patient's axes
        return difference
    return sitk.Mask(difference, Grid.of(difference).put_on(sitk.GetImageFromArray(inside.astype(np.uint8))))


def _aligned(post: sitk.Image, pre: sitk.Image) -> sitk.Image:
    """Return a phase where the patient lay before contrast."""
    motion = register_rigid(pre, post)
    if not motion.accepted:
        return post
    return resample_onto(sitk.Cast(post, sitk.sitkFloat32), Grid.of(pre), transform=motion.transform)


def _clipped(pixels: NDArray[np.float32], percent: float) -> NDArray[np.float32]:
    """Make the brightest share of the pixels as bright as the brightest one that is left."""
    count = min(round(pixels.size * percent / 100), pixels.size - 1)
    kept = pixels.size - 1 - count
    return np.minimum(pixels, np.partition(pixels, kept, axis=None)[kept])


def _resized(pixels: NDArray[np.float32], size_px: int) -> NDArray[np.float64]:
    """Bring an image to a square that covers the same area."""
    rows, columns = (_interpolation(n, size_px) for n in pixels.shape)
    return rows @ pixels.astype(np.float64) @ columns.T


def _interpolation(old: int, new: int) -> NDArray[np.float64]:
    """Return the weights (new, old) that sample `old` pixels at the centres of `new` ones over the same length.

    A triangle as wide as the larger of both pixels: linear interpolation where the image is magnified, and where it is
    made smaller an average over everything that a new pixel covers, so that no bright pixel is stepped over.
    """
    step = old / new
    centers = (np.arange(new) + 0.5) * step - 0.5
    weights = np.maximum(1 - np.abs(np.arange(old) - centers[:, np.newaxis]) / max(step, 1.0), 0)
    return weights / weights.sum(axis=1, keepdims=True)


def _unit_range(pixels: NDArray[np.float64]) -> NDArray[np.float32]:
    low, high = float(pixels.min()), float(pixels.max())
    if high <= low:
        return np.zeros(pixels.shape, np.float32)
    return ((pixels - low) / (high - low)).astype(np.float32)


def _square_grid(grid: Grid, size_px: int) -> Grid:
    """Return the grid of a square image over a volume, one slice as thick as the volume."""
    size = (size_px, size_px, 1)
    factor = np.asarray(grid.size) / size
    return Grid(
        size,
        tuple((factor * grid.spacing_mm).tolist()),
        tuple(grid.physical((factor - 1) / 2).tolist()),
        grid.direction,
    )
