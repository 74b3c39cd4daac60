"""The same lesion on another sequence: from the DCE grid to T1 or T2, through physical space."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from BreastFusionLib.errors import InputError, nearest_known
from BreastFusionLib.exam.geometry import Box, Grid, bounding_box, crop, resample_onto, same_grid
from BreastFusionLib.exam.model import Exam, Series
from BreastFusionLib.lesion.model import Lesion, MappedLesion

__all__ = ["MIN_TEXTURE_SLICES", "MIN_TEXTURE_VOXELS", "map_lesion"]

MIN_TEXTURE_VOXELS = 64
MIN_TEXTURE_SLICES = 3


@dataclass(frozen=True)
class _Alignment:
    """How DCE space belongs to the target's space: by the headers (no transform), or by registration."""

    dce_to_target: sitk.Transform | None = None
    warnings: tuple[str, ...] = ()

    def to_target(self, points_lps: NDArray[np.float64]) -> NDArray[np.float64]:
        """Map points (n, 3) of DCE space to the target's space."""
        if self.dce_to_target is None:
            return points_lps
        # A rigid transform is known from four points; asking SimpleITK for each point would take seconds.
        origin = np.array(self.dce_to_target.TransformPoint((0.0, 0.0, 0.0)))
        axes = np.array([self.dce_to_target.TransformPoint(axis) for axis in np.eye(3).tolist()]) - origin
        return points_lps @ axes + origin


def map_lesion(lesion: Lesion, exam: Exam, to: str, registration: str = "none") -> MappedLesion:
    """Carry a lesion from the DCE grid to another sequence of the exam.

    A voxel of the target belongs to the lesion when the mask, interpolated linearly at its centre, is at least one
    half. On ellipsoids of known shape this keeps the volume as nearest neighbour does and follows thin lesions on
    thick slices better. A lesion that falls between the target's voxel centres gets the one voxel that holds most
    of it, so that it is never lost inside the field of view.

    Args:
        lesion: on the grid of `exam.dce`.
        exam: the exam.
        to: 'dce' (the lesion as drawn), 't1' or 't2'.
        registration: 'none': by the headers alone; 'rigid': refined by registration of the DCE phase before
            contrast to the target, kept only if that improves their agreement.

    Raises:
        InputError: the exam lacks the sequence, or the lesion lies outside its field of view.
    """
    for value, known in ((to, ("dce", "t1", "t2")), (registration, ("none", "rigid"))):
        if value not in known:
            raise InputError(f"A lesion cannot be mapped with '{value}'. {nearest_known(value, known)}")
    if to == "dce":
        return _described(lesion.mask, lesion, to, "same grid", 1.0, _Alignment())
    target = exam.get(to)  # type: ignore[arg-type]
    if target is None:
        raise InputError(f"The exam holds no {to.upper()} series, so the lesion cannot be mapped to it.")
    alignment = _register(exam.dce, target) if registration == "rigid" else _Alignment()
    coverage = _coverage(lesion.mask, target.grid, alignment)
    if coverage == 0:
        raise InputError(
            f"The lesion lies outside the field of view of the {to.upper()} series '{target.description}'. "
            "Check that the series belongs to this exam, or leave it out."
        )
    if alignment.dce_to_target is None and same_grid(lesion.mask, target.grid):
        mask, method = target.grid.put_on(sitk.Image(lesion.mask)), "same grid"
    else:
        mask = _sampled(lesion.mask, target.grid, alignment)
        method = "geometry" if alignment.dce_to_target is None else "rigid registration"
    return _described(mask, lesion, to, method, coverage, alignment)


def _register(dce: Series, target: Series) -> _Alignment:
    from BreastFusionLib.exam.registration import register_rigid

    found = register_rigid(dce.phase(0).image, target.image)
    if found.accepted:
        return _Alignment(found.transform)
    return _Alignment(
        warnings=(
            f"Registration did not improve the agreement of DCE and {target.role.upper()} (metric "
            f"{found.metric_before:.4g} before, {found.metric_after:.4g} after): the lesion was mapped by geometry.",
        )
    )


def _lesion_points(mask: sitk.Image) -> NDArray[np.float64]:
    """Return the centres (n, 3) of the lesion's voxels in LPS mm."""
    box = _box(mask)
    inside_kji = np.argwhere(sitk.GetArrayViewFromImage(mask)[box.slices] != 0)
    return Grid.of(mask).physical(inside_kji[:, ::-1] + box.start)


def _box(mask: sitk.Image) -> Box:
    box = bounding_box(mask)
    if box is None:
        raise InputError("The lesion's mask is empty: there is nothing to map. Draw the lesion first.")
    return box


def _coverage(mask: sitk.Image, target: Grid, alignment: _Alignment) -> float:
    """Return the share of the lesion's voxel centres inside the target's field of view."""
    return float(target.contains(alignment.to_target(_lesion_points(mask))).mean())


def _sampled(mask: sitk.Image, target: Grid, alignment: _Alignment) -> sitk.Image:
    """Return the mask on the target's grid, computed only where the lesion can be."""
    part = crop(mask, _box(mask).grown(1))
    region = _region(Grid.of(part), target, alignment)
    to_dce = None if alignment.dce_to_target is None else alignment.dce_to_target.GetInverse()
    share = resample_onto(sitk.Cast(part, sitk.sitkFloat32), target.cropped(region), "linear", transform=to_dce)
    pixels = np.zeros(target.size[::-1], np.uint8)
    pixels[region.slices] = sitk.GetArrayViewFromImage(share) >= 0.5
    if not pixels[region.slices].any():
        pixels[_fullest_voxel(mask, target, alignment)] = 1
    return target.put_on(sitk.GetImageFromArray(pixels))


def _region(part: Grid, target: Grid, alignment: _Alignment) -> Box:
    """Return the box of the target that holds every point of `part`, clipped to the target."""
    corners = np.stack(np.meshgrid(*[(-0.5, n - 0.5) for n in part.size], indexing="ij"), axis=-1).reshape(-1, 3)
    index = target.index(alignment.to_target(part.physical(corners)))
    start = np.floor(index.min(axis=0)).astype(int)
    stop = np.ceil(index.max(axis=0)).astype(int) + 1
    return Box(tuple(start.tolist()), tuple((stop - start).tolist())).clipped(target.size)


def _fullest_voxel(mask: sitk.Image, target: Grid, alignment: _Alignment) -> tuple[int, ...]:
    """Return the index [k, j, i] of the target's voxel with most of the lesion's voxel centres."""
    points = alignment.to_target(_lesion_points(mask))
    index = np.rint(target.index(points[target.contains(points)])).astype(int)
    voxels, counts = np.unique(np.clip(index, 0, np.array(target.size) - 1), axis=0, return_counts=True)
    return tuple(voxels[np.argmax(counts)][::-1].tolist())


def _described(
    mask: sitk.Image, lesion: Lesion, to: str, method: str, coverage: float, alignment: _Alignment
) -> MappedLesion:
    box = _box(mask)
    inside = sitk.GetArrayViewFromImage(mask)[box.slices] != 0
    voxels = int(inside.sum())
    slices = int(inside.any(axis=(1, 2)).sum())
    texture_defined = voxels >= MIN_TEXTURE_VOXELS and slices >= MIN_TEXTURE_SLICES
    warnings = list(alignment.warnings)
    if coverage < 1:
        warnings.append(f"Only {100 * coverage:.0f} % of the lesion lies inside the field of view of {to.upper()}.")
    if not texture_defined:
        warnings.append(
            f"On {to.upper()} the lesion covers {voxels} voxels and {slices} slices, and texture needs "
            f"{MIN_TEXTURE_VOXELS} and {MIN_TEXTURE_SLICES}: it counts as missing there."
        )
    source = sitk.GetArrayViewFromImage(lesion.mask)[_box(lesion.mask).slices]
    return MappedLesion(
        mask=mask,
        sequence=to,
        method=method,
        source_volume_mm3=np.count_nonzero(source) * Grid.of(lesion.mask).voxel_volume_mm3,
        volume_mm3=voxels * Grid.of(mask).voxel_volume_mm3,
        coverage=coverage,
        voxels=voxels,
        slices=slices,
        texture_defined=texture_defined,
        transform=None if alignment.dce_to_target is None else alignment.dce_to_target.GetInverse(),
        warnings=tuple(warnings),
    )
