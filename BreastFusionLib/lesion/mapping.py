"""The same lesion on another sequence: from the DCE grid to T1 or T2, through physical space."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import scipy
import SimpleITK as sitk
from numpy.typing import NDArray

from BreastFusionLib.errors import InputError, nearest_known
from BreastFusionLib.exam.geometry import Box, Grid, bounding_box, crop, describe_difference, resample_onto, same_grid
from BreastFusionLib.exam.model import Exam, Series
from BreastFusionLib.exam.registration import register_rigid
from BreastFusionLib.lesion.measure import volume_mm3
from BreastFusionLib.lesion.model import Lesion, MappedLesion

__all__ = ["MIN_TEXTURE_SLICES", "MIN_TEXTURE_VOXELS", "edited_lesion", "map_lesion", "map_part", "mapped_region"]

MIN_TEXTURE_VOXELS = 64
MIN_TEXTURE_SLICES = 3
# On phantoms with known motion (49 exams) registering this much round the lesion left an error of .3 mm in the median
# at its centre, the whole volume .9 mm in three times the time.
SURROUNDINGS_MM = 40.0
# Two programs seldom write a grid with the same last digits. Where voxels of two grids meet half-way, or two voxels
# hold equally much of a lesion, such noise would choose between them: what differs by less than this is equal.
_DECIMALS = 6
_TIE_VOXELS = 1e-6


@dataclass(frozen=True)
class _Alignment:
    """How DCE space belongs to the target's space: by the headers (no transform), or by registration."""

    dce_to_target: sitk.Transform | None = None
    warnings: tuple[str, ...] = ()

    @property
    def target_to_dce(self) -> sitk.Transform | None:
        """The transform that resampling onto the target needs."""
        return None if self.dce_to_target is None else self.dce_to_target.GetInverse()

    def to_target(self, points_lps: NDArray[np.float64]) -> NDArray[np.float64]:
        """Map points (n, 3) of DCE space to the target's space."""
        if self.dce_to_target is None:
            return points_lps
        # A rigid transform is known from four points; asking SimpleITK for each point would take seconds.
        origin = np.array(self.dce_to_target.TransformPoint((0.0, 0.0, 0.0)))
        axes = np.array([self.dce_to_target.TransformPoint(axis) for axis in np.eye(3).tolist()]) - origin
        return points_lps @ axes + origin


def map_lesion(
    lesion: Lesion, exam: Exam, to: str, registration: str = "none", transform: sitk.Transform | None = None
) -> MappedLesion:
    """Carry a lesion from the DCE grid to another sequence of the exam.

    The target's voxels that hold most of the lesion are taken, as many as its volume asks for. So the volume inside
    the field of view is kept, and a lesion thinner than the target's slices is neither lost nor blown up, as it is
    when the mask is sampled at voxel centres. Equal voxels keep exactly the mask as drawn.

    Args:
        lesion: on the grid of `exam.dce`.
        exam: the exam.
        to: 'dce' (the lesion as drawn), 't1' or 't2'.
        registration: 'none': by the headers alone; 'rigid': refined by registration of the DCE phase before
            contrast to the target within 40 mm of the lesion, kept only if that clearly improves their agreement there.
        transform: an earlier registration (`MappedLesion.transform`), taken instead of a new one.

    Raises:
        InputError: the exam lacks the sequence, or the lesion lies outside its field of view.
    """
    mapped = _mapped(lesion, exam, to, registration, transform)
    mask = lesion.mask if to == "dce" else _pasted(mapped.mask, _target(exam, to).grid)
    return replace(mapped, mask=mask)


def map_part(lesion: Lesion, exam: Exam, to: str) -> MappedLesion:
    """Carry a lesion by geometry as `map_lesion` does, without a mask of a whole volume on either side.

    Such masks take longer than all the rest, and who draws an outline needs none.

    Args:
        lesion: its mask may be a box of the DCE grid that holds it.
        exam: the exam.
        to: 'dce', 't1' or 't2'.

    Returns:
        The lesion; its mask is a box of the sequence's grid that holds it.

    Raises:
        InputError: as `map_lesion`.
    """
    return _mapped(lesion, exam, to, "none", None)


def edited_lesion(lesion: Lesion, exam: Exam, to: str, mask: sitk.Image) -> MappedLesion:
    """Return a lesion whose outline on another sequence a person drew or changed there.

    Args:
        lesion: on the grid of `exam.dce`.
        exam: the exam.
        to: 't1' or 't2'.
        mask: non-zero inside, on the grid of that sequence.

    Raises:
        InputError: the exam lacks the sequence, or the mask is empty or on another grid.
    """
    target = _target(exam, to)
    if difference := describe_difference(mask, target.grid):
        raise InputError(
            f"The edited outline does not lie on the grid of the {to.upper()} series ({difference}): draw it there."
        )
    source, box = bounding_box(lesion.mask), bounding_box(mask)
    if source is None or box is None:
        raise InputError(f"The lesion's outline on {to.upper()} is empty: draw it, or map the lesion again.")
    part = crop(lesion.mask, source)
    coverage = _coverage(part, target.grid, _Alignment())
    return replace(_described(crop(mask, box), part, to, "edited", coverage, _Alignment()), mask=mask)


def mapped_region(lesion: Box, dce: Grid, target: Grid, target_to_dce: sitk.Transform | None = None) -> Box:
    """Return the box of the target's voxels among which those of a mapped lesion are, clipped to the target.

    Args:
        lesion: holds the lesion on the DCE grid.
        dce: the DCE grid.
        target: the grid that the lesion is mapped to.
        target_to_dce: how, when not by the headers alone (`MappedLesion.transform`).
    """
    alignment = _Alignment(None if target_to_dce is None else target_to_dce.GetInverse())
    return _region(dce.cropped(lesion.grown(1)), target, alignment)


def _mapped(lesion: Lesion, exam: Exam, to: str, registration: str, transform: sitk.Transform | None) -> MappedLesion:
    """As `map_lesion`, on the box of the target's grid that holds the lesion."""
    for value, known in ((to, ("dce", "t1", "t2")), (registration, ("none", "rigid"))):
        if value not in known:
            raise InputError(f"A lesion cannot be mapped with '{value}'. {nearest_known(value, known)}")
    box = bounding_box(lesion.mask)
    if box is None:
        raise InputError("The lesion's mask is empty: there is nothing to map. Draw the lesion first.")
    part = crop(lesion.mask, box.grown(1))  # everything but the final mask is computed on this small box
    if to == "dce":
        return _described(part, part, to, "same grid", 1.0, _Alignment())
    target = _target(exam, to)
    if transform is not None:
        alignment = _Alignment(transform.GetInverse())
    else:
        alignment = _register(exam.dce, target, box) if registration == "rigid" else _Alignment()
    coverage = _coverage(part, target.grid, alignment)
    if coverage == 0:
        raise InputError(
            f"The lesion lies outside the field of view of the {to.upper()} series '{target.description}'. "
            "Check that the series belongs to this exam, or leave it out."
        )
    if alignment.dce_to_target is None and same_grid(exam.dce.grid, target.grid):
        on_target = _copied(crop(lesion.mask, box), target.grid)
        return _described(on_target, part, to, "same grid", coverage, alignment)
    on_target = _sampled(part, target.grid, alignment, coverage)
    method = "geometry" if alignment.dce_to_target is None else "rigid registration"
    return _described(on_target, part, to, method, coverage, alignment)


def _target(exam: Exam, to: str) -> Series:
    target = exam.get(to)  # type: ignore[arg-type]
    if target is None:
        raise InputError(f"The exam holds no {to.upper()} series, so the lesion cannot be mapped to it.")
    return target


def _register(dce: Series, target: Series, lesion: Box) -> _Alignment:
    """Register the surroundings of the lesion: a breast bends, but near the lesion it moves as a rigid body."""
    margin = tuple(round(SURROUNDINGS_MM / spacing) for spacing in dce.grid.spacing_mm)
    try:
        found = register_rigid(dce.phase(0).image, target.image, lesion.grown(margin))  # type: ignore[arg-type]
    except InputError as error:
        return _Alignment(warnings=(f"The lesion was mapped by geometry: {error}",))
    if found.accepted:
        return _Alignment(found.transform)
    return _Alignment(
        warnings=(
            f"Registration of DCE and {target.role.upper()} brought no clear and plausible improvement (metric "
            f"{found.metric_before:.4g} before, {found.metric_after:.4g} after): the lesion was mapped by geometry.",
        )
    )


def _coverage(part: sitk.Image, target: Grid, alignment: _Alignment) -> float:
    """Return the share of the lesion's voxel centres inside the target's field of view."""
    inside_ijk = np.argwhere(sitk.GetArrayViewFromImage(part) != 0)[:, ::-1]
    points_lps = Grid.of(part).physical(inside_ijk)
    return float(target.contains(alignment.to_target(points_lps)).mean())


def _copied(part: sitk.Image, target: Grid) -> sitk.Image:
    """Return the mask voxel by voxel on its box of a grid that has the same voxels."""
    start = np.rint(target.index(part.GetOrigin())).astype(int).tolist()
    return target.cropped(Box(tuple(start), part.GetSize())).put_on(part != 0)


def _sampled(part: sitk.Image, target: Grid, alignment: _Alignment, coverage: float) -> sitk.Image:
    """Return the mask on the piece of the target's grid where the lesion lies."""
    piece = target.cropped(_region(Grid.of(part), target, alignment))
    share = _share_inside(part, piece, alignment)
    wanted = max(1, round(round(coverage * volume_mm3(part) / target.voxel_volume_mm3, _DECIMALS)))
    # Among voxels that hold equally much, those nearest to the middle of the lesion go first.
    middle = np.array(scipy.ndimage.center_of_mass(share))
    distance = np.linalg.norm((np.moveaxis(np.indices(share.shape), 0, -1) - middle) * piece.spacing_mm[::-1], axis=-1)
    chosen = np.lexsort((distance.ravel().round(_DECIMALS), -share.ravel().round(_DECIMALS)))[:wanted]
    pixels = np.zeros(share.shape, np.uint8)
    pixels.flat[chosen] = 1
    return piece.put_on(sitk.GetImageFromArray(pixels))


def _region(part: Grid, target: Grid, alignment: _Alignment) -> Box:
    """Return the box of the target that holds every point of `part`, clipped to the target."""
    corners_lps = part.physical(part.corners_ijk(border=0.5))
    return Box.holding(target.index(alignment.to_target(corners_lps))).clipped(target.size)


def _share_inside(part: sitk.Image, target: Grid, alignment: _Alignment) -> NDArray[np.float64]:
    """Return for each voxel [k, j, i] of `target` the share (0..1) of its volume that lies inside the mask."""
    # Points inside a voxel, as close as the mask's own voxels; an odd number, so that grids with common voxels
    # never put one onto a border between two voxels.
    finest = min(part.GetSpacing())
    points = [max(3, int(np.ceil(round(spacing / finest, _DECIMALS))) | 1) for spacing in target.spacing_mm]
    first = target.physical([(1 / n - 1) / 2 for n in points])
    dense = Grid(
        size=tuple(size * n for size, n in zip(target.size, points, strict=True)),  # type: ignore[arg-type]
        spacing_mm=tuple(mm / n for mm, n in zip(target.spacing_mm, points, strict=True)),  # type: ignore[arg-type]
        origin_lps=tuple(first.tolist()),
        direction=target.direction,
    )
    # A point half-way between two voxels of the mask always goes to the same one.
    mask = sitk.Image(part)
    mask.SetOrigin(Grid.of(part).physical((-_TIE_VOXELS,) * 3).tolist())
    inside = resample_onto(mask, dense, "nearest", transform=alignment.target_to_dce)
    (i, j, k), (ni, nj, nk) = target.size, points
    count = sitk.GetArrayViewFromImage(inside).reshape(k, nk, j, nj, i, ni)
    for axis in (1, 2, 3):  # one after the other: seven times faster than all at once
        count = count.sum(axis=axis, dtype=np.uint32)
    return count / (ni * nj * nk)


def _pasted(piece: sitk.Image, grid: Grid) -> sitk.Image:
    """Return a piece of a grid on the whole grid."""
    i, j, k = np.rint(grid.index(piece.GetOrigin())).astype(int).tolist()
    ni, nj, nk = piece.GetSize()
    whole = grid.empty_image()
    whole[i : i + ni, j : j + nj, k : k + nk] = piece
    return whole


def _described(
    on_target: sitk.Image,
    on_dce: sitk.Image,
    to: str,
    method: str,
    coverage: float,
    alignment: _Alignment,
) -> MappedLesion:
    """Return the result, from the boxes round the lesion on both grids."""
    inside = sitk.GetArrayViewFromImage(on_target) != 0
    voxels = int(inside.sum())
    slices = int(inside.any(axis=(1, 2)).sum())
    texture_defined = voxels >= MIN_TEXTURE_VOXELS and slices >= MIN_TEXTURE_SLICES
    warnings = list(alignment.warnings)
    if coverage < 1:
        warnings.append(f"Only {100 * coverage:.0f} % of the lesion lies inside the field of view of {to.upper()}.")
    if not texture_defined:
        warnings.append(
            f"The lesion is small on {to.upper()} (voxels: {voxels}, slices: {slices}; texture needs "
            f"{MIN_TEXTURE_VOXELS} and {MIN_TEXTURE_SLICES}): its texture counts as missing there."
        )
    return MappedLesion(
        mask=on_target,
        sequence=to,
        method=method,
        source_volume_mm3=volume_mm3(on_dce),
        volume_mm3=voxels * Grid.of(on_target).voxel_volume_mm3,
        coverage=coverage,
        voxels=voxels,
        slices=slices,
        texture_defined=texture_defined,
        transform=alignment.target_to_dce,
        warnings=tuple(warnings),
    )
