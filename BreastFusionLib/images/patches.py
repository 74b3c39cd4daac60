"""Patches: the few slices round a lesion that an encoder sees, with their place in patient space."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from BreastFusionLib.errors import InputError
from BreastFusionLib.exam.geometry import Box, Grid, crop, describe_difference, resample_onto
from BreastFusionLib.images.intensity import IntensityScale, refuse_non_finite
from BreastFusionLib.images.settings import PatchSpec

__all__ = ["Patch", "extract_patch", "patch_reach"]

# What lies outside an image is taken as air, in raw units, and scaled like everything else.
AIR = 0.0


@dataclass(frozen=True, eq=False)
class Patch:
    """A patch and where it lies.

    Attributes:
        pixels: scaled intensities, float32, (slices, size_px, size_px): one channel a slice, rows, columns.
        grid: of size (size_px, size_px, slices) in the sequence's physical space, so that `grid.put_on` places
            a map over the patch on the patient.
    """

    pixels: NDArray[np.float32]
    grid: Grid

    @property
    def image(self) -> sitk.Image:
        """The patch where it lies on the patient."""
        return self.grid.put_on(sitk.GetImageFromArray(self.pixels))


def extract_patch(image: sitk.Image, mask: sitk.Image, spec: PatchSpec, scale: IntensityScale) -> Patch:
    """Cut the patch round a lesion; only the voxels it needs are touched.

    Without sizes in mm: the slice with the largest section of the lesion (of equal ones the middle one) and its
    neighbours, as stored, in a square of the image's own pixels centred on the section's bounding box (wang2024,
    section 2.6). With them: slices `slice_step_mm` apart on the image's own axes, reordered and flipped to be
    closest to LPS, centred on the lesion's centre of mass and interpolated linearly; where the patch's pixels are
    larger than the image's, the image is smoothed in-plane first, so that fine texture does not alias.
    Near a border the patch is padded with air, never shifted.

    Args:
        image: the volume in raw units.
        mask: the lesion on the same grid, non-zero inside.
        spec: size and number of slices.
        scale: from `measure_scale` of the whole volume.

    Raises:
        InputError: the mask is empty or lies on another grid, or the image is not finite there.
    """
    difference = describe_difference(mask, image)
    if difference is not None:
        raise InputError(
            f"The lesion's mask and the image lie on different grids ({difference}): map the lesion first."
        )
    mask_view = sitk.GetArrayViewFromImage(mask)
    areas = np.array([np.count_nonzero(section) for section in mask_view])
    if not areas.any():
        raise InputError("The lesion's mask is empty on this image: draw the lesion, or leave the sequence out.")
    if spec.size_mm is None:
        return _own_pixels(image, mask_view, areas, spec, scale)
    return _resampled(image, mask_view, areas, spec, scale)


def patch_reach(grid: Grid, lesion: Box, spec: PatchSpec) -> Box:
    """Return the box of voxels that the patch round a lesion can touch, wherever inside a box the lesion lies.

    Args:
        grid: of the image.
        lesion: holds the lesion.
        spec: size and number of slices.

    Returns:
        A box that may reach outside the image.
    """
    first, last = lesion.start, tuple(stop - 1 for stop in lesion.stop)
    if spec.size_mm is None:
        size = (spec.size_px, spec.size_px, spec.slices)
        at_first, at_last = (
            Box(tuple(c - n // 2 for c, n in zip(center, size, strict=True)), size)  # type: ignore[arg-type]
            for center in (first, last)
        )
        return at_first.covering(at_last)
    # Patches differ in their centre only, so those at two opposite corners hold all between them.
    boxes = []
    for center in (first, last):
        patch = _grid_in_mm(grid, grid.physical(center), spec)
        boxes.append(_needed_box(grid, patch, _antialiasing_mm(grid, patch)).grown(1))
    return boxes[0].covering(boxes[1])


def _own_pixels(
    image: sitk.Image, mask: NDArray[np.generic], areas: NDArray[np.intp], spec: PatchSpec, scale: IntensityScale
) -> Patch:
    largest = np.flatnonzero(areas == areas.max())
    k = int(largest[(largest.size - 1) // 2])
    rows, columns = np.nonzero(mask[k])
    center = [(int(axis.min()) + int(axis.max()) + 1) // 2 for axis in (columns, rows)]
    half_px, half_slices = spec.size_px // 2, spec.slices // 2
    start = (center[0] - half_px, center[1] - half_px, k - half_slices)
    part = crop(image, Box(start, (spec.size_px, spec.size_px, spec.slices)), AIR)
    refuse_non_finite(sitk.GetArrayViewFromImage(part))
    return Patch(scale.apply(sitk.GetArrayViewFromImage(part)), Grid.of(part))


def _resampled(
    image: sitk.Image, mask: NDArray[np.generic], areas: NDArray[np.intp], spec: PatchSpec, scale: IntensityScale
) -> Patch:
    occupied = np.flatnonzero(areas)
    k, j, i = np.nonzero(mask[occupied[0] : occupied[-1] + 1])
    source = Grid.of(image)
    center_lps = source.physical((i.mean(), j.mean(), k.mean() + occupied[0]))
    grid = _grid_in_mm(source, center_lps, spec)
    sigma_mm = _antialiasing_mm(source, grid)
    part = crop(image, _needed_box(source, grid, sigma_mm).clipped(source.size))
    refuse_non_finite(sitk.GetArrayViewFromImage(part))
    scaled = scale.apply_image(part)
    if any(sigma_mm):
        scaled = sitk.DiscreteGaussian(scaled, [s * s for s in sigma_mm], useImageSpacing=True)
    sampled = resample_onto(scaled, grid, "linear", outside=float(scale.apply(AIR)))
    return Patch(sitk.GetArrayFromImage(sampled), grid)


def _grid_in_mm(source: Grid, center_lps: NDArray[np.float64], spec: PatchSpec) -> Grid:
    """Return the patch's grid: its columns run to the left, its rows to posterior, its slices to superior."""
    assert spec.size_mm is not None
    assert spec.slice_step_mm is not None
    direction = np.reshape(source.direction, (3, 3))
    axes = list(_axes_nearest_lps(direction))
    turned = direction[:, axes] * np.copysign(1.0, direction[range(3), axes])
    size = np.array((spec.size_px, spec.size_px, spec.slices))
    spacing_mm = np.array((spec.size_mm / spec.size_px, spec.size_mm / spec.size_px, spec.slice_step_mm))
    origin_lps = center_lps - turned @ (spacing_mm * (size - 1) / 2)
    return Grid(
        tuple(size.tolist()), tuple(spacing_mm.tolist()), tuple(origin_lps.tolist()), tuple(turned.ravel().tolist())
    )


def _axes_nearest_lps(direction: NDArray[np.float64]) -> tuple[int, ...]:
    """Return which index axis lies nearest to left, posterior and superior, each axis used once."""
    return max(itertools.permutations(range(3)), key=lambda axes: np.abs(direction[range(3), axes]).sum())


def _antialiasing_mm(source: Grid, grid: Grid) -> list[float]:
    """Return the Gaussian's sigma along each axis of `source` that makes its pixels as blurred as those of `grid`.

    The widths at half maximum of source and target add in squares (Cardoso et al., MICCAI 2015). Along the
    patch's slice axis nothing is smoothed: its slices are samples, as thin as the image has them.
    """
    along = np.abs(np.reshape(grid.direction, (3, 3)).T @ np.reshape(source.direction, (3, 3))).argmax(axis=0)
    sigma_mm = []
    for own_mm, axis in zip(source.spacing_mm, along, strict=True):
        excess_mm2 = grid.spacing_mm[axis] ** 2 - own_mm**2 if axis != 2 else 0.0
        sigma_mm.append(float(np.sqrt(max(excess_mm2, 0.0) / (8 * np.log(2)))))
    return sigma_mm


def _needed_box(source: Grid, grid: Grid, sigma_mm: list[float]) -> Box:
    """Return the box of `source` voxels that interpolation on `grid`, after smoothing, looks at."""
    margin = tuple(1 + int(np.ceil(4 * sigma / mm)) for sigma, mm in zip(sigma_mm, source.spacing_mm, strict=True))
    return Box.holding(source.index(grid.physical(grid.corners_ijk()))).grown(margin)  # type: ignore[arg-type]
