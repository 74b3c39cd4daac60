"""Where the breasts are: a mask of the patient against air, the midline between two breasts, the side of a point."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy  # its parts are loaded when they are first used
import SimpleITK as sitk
from numpy.typing import NDArray

from BreastFusionLib.exam.geometry import Grid, resample_onto
from BreastFusionLib.exam.model import Exam, Series, Side

__all__ = [
    "ONE_BREAST_MM",
    "Midline",
    "breast_mask",
    "brightest_phase",
    "find_midline",
    "midline_x",
    "side_of",
    "sternum_y",
    "width_mm",
]

COARSE_MM = 4.0  # a body contour needs no finer sampling, and a full-size volume takes milliseconds
FLOOR_SHARE = 0.01  # of the 90th percentile: what is darker is as dark as air

# Two breasts: bumps on the front of the body, their tops this far apart, with a valley this deep between them.
BREAST_DISTANCE_MM = (90.0, 300.0)
VALLEY_MM = 12.0
CLOSE_TO_MIDLINE_MM = 5.0

# A volume wider than this from side to side holds two breasts, found or not.
ONE_BREAST_MM = 240.0

_SIDES: dict[str, Side] = {"L": "left", "R": "right"}


def breast_mask(image: sitk.Image) -> sitk.Image:
    """Return the patient (breasts and chest) against air, holes filled.

    Args:
        image: T1-weighted volume, best before contrast; fat may be suppressed.

    Returns:
        sitkUInt8, 1 inside, on the image's grid; computed at 4 mm and brought back.
    """
    coarse, grid = _coarse(image)
    return resample_onto(_image(_body(coarse, grid), grid), Grid.of(image), "nearest")


def midline_x(image: sitk.Image) -> float | None:
    """Return the LPS x (mm) of the plane between the two breasts, or None when the volume shows only one.

    The front of the body, seen from above, has two bumps when both breasts are in the volume; the sternum lies in
    the valley between them, whichever way the patient lay and wherever the scanner's origin is.
    """
    coarse, grid = _coarse(image)
    front_mm, x_mm = _front_profile(_body(coarse, grid), grid)
    if x_mm.size < 3:
        return None
    return _valley(front_mm, x_mm)


def sternum_y(image: sitk.Image) -> float | None:
    """Return the LPS y (mm) of the skin between the two breasts, or None when the volume shows only one."""
    coarse, grid = _coarse(image)
    return _sternum_y(_body(coarse, grid), grid)


@dataclass(frozen=True)
class Midline:
    """What tells left from right in an exam.

    Attributes:
        side: the only breast that the images show, by their DICOM laterality; None when they show both.
        x_mm: LPS x of the plane between the breasts; None when unknown.
    """

    side: Side | None = None
    x_mm: float | None = None

    def side_of(self, point_lps: tuple[float, float, float]) -> Side:
        """Tell which breast a point (mm) lies in; 'unknown' without a midline, or on it."""
        if self.side is not None:
            return self.side
        distance = 0.0 if self.x_mm is None else point_lps[0] - self.x_mm
        if abs(distance) < CLOSE_TO_MIDLINE_MM:
            return "unknown"
        return "left" if distance > 0 else "right"


def find_midline(exam: Exam) -> Midline:
    """Find what tells left from right: the first series (DCE, T1, T2) that names its breast or shows two of them.

    One after the other, so that a T2 of one breast beside a DCE of both does not name the breast of all its lesions.
    """
    for role in ("dce", "t1", "t2"):
        one = exam.get(role)
        if one is None:
            continue
        named = _dicom_side(one)
        # Of images that show two breasts a side says which one was examined for something, not which one they show.
        if named is not None and width_mm(one.grid) <= ONE_BREAST_MM:
            return Midline(side=named)
        if one.phases and (middle := midline_x(one.phases[0].every(_coarse_steps(one.grid)))) is not None:
            return Midline(x_mm=middle)
        if named is not None:
            return Midline(side=named)
    return Midline()


def width_mm(grid: Grid) -> float:
    """Return how far a volume reaches from the patient's right to her left."""
    return float(np.ptp(grid.physical(grid.corners_ijk(border=0.5))[:, 0]))


def side_of(point_lps: tuple[float, float, float], exam: Exam) -> Side:
    """Tell which breast a point lies in.

    Args:
        point_lps: in mm.
        exam: its first series (DCE, T1, T2) decides that names its breast in DICOM or shows two, by their midline.

    Returns:
        'left' or 'right' of the patient; 'unknown' when the volume shows one breast without saying which, or the
        point lies on the midline. Never taken from the sign of x.
    """
    return find_midline(exam).side_of(point_lps)


def brightest_phase(dce: Series) -> int:
    """Return the phase after contrast (1 or more) in which enhancement in the breasts is at its peak.

    Compared is the brightest hundredth of the breasts: lesions, vessels and glands, not the fat around them; the heart
    and the liver, which may peak at another time, lie behind the breasts and are left out.

    Args:
        dce: two phases or more.
    """
    steps = _coarse_steps(dce.grid)
    before, *after = (phase.every(steps) for phase in dce.phases)
    coarse, grid = _coarse(before)
    breasts = _before_sternum(_body(coarse, grid), grid)
    if not breasts.any():
        breasts[...] = True
    enhancement = [sitk.GetArrayFromImage(image).astype(np.float32)[breasts] - coarse[breasts] for image in after]
    return 1 + int(np.argmax([np.percentile(values, 99) for values in enhancement]))


def _before_sternum(body: NDArray[np.bool_], grid: Grid) -> NDArray[np.bool_]:
    """Return the part of the body that lies further forward than the skin between the breasts; all without a valley."""
    skin_y = _sternum_y(body, grid)
    if skin_y is None:
        return body
    return body & ~grid.above(1, skin_y)


def _sternum_y(body: NDArray[np.bool_], grid: Grid) -> float | None:
    front_mm, x_mm = _front_profile(body, grid)
    middle = _valley(front_mm, x_mm) if x_mm.size >= 3 else None
    return None if middle is None else -float(front_mm[int(np.abs(x_mm - middle).argmin())])


def _dicom_side(series: Series) -> Side | None:
    for keyword in ("ImageLaterality", "Laterality"):
        if (side := _SIDES.get(str(series.acquisition.get(keyword, "")).strip().upper())) is not None:
            return side
    return None


def _coarse(image: sitk.Image) -> tuple[NDArray[np.float32], Grid]:
    """Take every n-th voxel so that they lie about 4 mm apart; what is not finite counts as air."""
    i, j, k = _coarse_steps(Grid.of(image))
    coarse = image[::i, ::j, ::k]
    values = sitk.GetArrayFromImage(coarse).astype(np.float32)
    return np.nan_to_num(values, copy=False, nan=0.0, posinf=0.0, neginf=0.0), Grid.of(coarse)


def _coarse_steps(grid: Grid) -> tuple[int, int, int]:
    return tuple(max(1, round(COARSE_MM / spacing)) for spacing in grid.spacing_mm)  # type: ignore[return-value]


def _body(coarse: NDArray[np.float32], grid: Grid) -> NDArray[np.bool_]:
    """Voxels of the patient: above the lower of Otsu's two thresholds of the logarithm, large parts, without holes."""
    bright = float(np.percentile(coarse, 90))
    if bright <= 0:
        return np.zeros(coarse.shape, dtype=bool)

    def logarithm(smooth_mm: float) -> NDArray[np.float32]:
        sigmas = [smooth_mm / max(COARSE_MM, spacing) for spacing in grid.spacing_mm[::-1]]  # in voxels
        smooth = scipy.ndimage.gaussian_filter(coarse, sigmas)
        return np.log(np.maximum(smooth, 0) / bright + FLOOR_SHARE)

    # Suppressed fat is several times darker than glands and muscle, air several times darker than suppressed fat: on a
    # logarithmic scale these are three classes. A single threshold may lie between fat and glands.
    threshold = sitk.OtsuMultipleThresholdsImageFilter()
    threshold.SetNumberOfThresholds(2)
    threshold.Execute(sitk.GetImageFromArray(logarithm(COARSE_MM)))
    # Smoothing makes the classes distinct, and the body half a voxel wider.
    mask = scipy.ndimage.binary_opening(logarithm(COARSE_MM / 2) > threshold.GetThresholds()[0])
    labels, count = scipy.ndimage.label(mask)
    if count == 0:
        return mask
    sizes = np.bincount(labels.ravel())[1:]
    # Two breasts without the chest wall are two parts; specks of noise are much smaller.
    mask = np.concatenate(([False], sizes >= 0.2 * sizes.max()))[labels]
    _close_behind(mask, grid)
    # Lungs are open at the volume's ends, so holes are filled slice by slice along every axis.
    for axis in range(3):
        _fill_planes(mask, axis)
    return mask


def _fill_planes(mask: NDArray[np.bool_], axis: int) -> None:
    """Fill, in place, the holes of every plane across an axis: what does not reach the plane's border."""
    within_planes = scipy.ndimage.generate_binary_structure(3, 1)
    np.moveaxis(within_planes, axis, 0)[[0, 2]] = False
    labels, count = scipy.ndimage.label(~mask, within_planes)
    is_outside = np.zeros(count + 1, dtype=bool)
    for other in {0, 1, 2} - {axis}:
        is_outside[labels.take((0, -1), other)] = True
    is_outside[0] = False  # the mask itself
    mask[...] = ~is_outside[labels]


def _close_behind(mask: NDArray[np.bool_], grid: Grid) -> None:
    """Close the chest, in place, where the field of view cuts it open: in the hindmost plane, from side to side."""
    direction = np.abs(np.reshape(grid.direction, (3, 3)))
    across, depth = int(direction[0].argmax()), int(direction[1].argmax())  # index axes, (i, j, k)
    if across == depth:
        return
    backwards = np.reshape(grid.direction, (3, 3))[1, depth] > 0
    planes = np.moveaxis(mask, (2 - depth, 2 - across), (0, 2))
    hindmost = planes[-1 if backwards else 0]
    hindmost[...] = np.maximum.accumulate(hindmost, axis=1) & np.maximum.accumulate(hindmost[:, ::-1], axis=1)[:, ::-1]


def _image(mask: NDArray[np.bool_], grid: Grid) -> sitk.Image:
    return grid.put_on(sitk.GetImageFromArray(mask.astype(np.uint8)))


def _front_profile(mask: NDArray[np.bool_], grid: Grid) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return how far forward the body reaches (mm, towards anterior) at each x (mm) that it covers."""
    k, j, i = np.ogrid[tuple(map(slice, mask.shape))]
    x, y = ((a * i + b * j + c * k + at_first)[mask] for a, b, c, at_first in grid.index_to_lps[:2])
    x_bin = np.round(x / COARSE_MM).astype(int)
    if x_bin.size == 0:
        return np.empty(0), np.empty(0)
    first = x_bin.min()
    front = np.full(x_bin.max() - first + 1, -np.inf)
    np.maximum.at(front, x_bin - first, -y)
    covered = np.isfinite(front)
    return front[covered], ((np.arange(front.size) + first) * COARSE_MM)[covered]


def _valley(front_mm: NDArray[np.float64], x_mm: NDArray[np.float64]) -> float | None:
    """Return the middle of the deepest valley between two bumps of the profile, where these can be two breasts."""
    before, behind = np.maximum.accumulate(front_mm), np.maximum.accumulate(front_mm[::-1])[::-1]
    depth_mm = np.minimum(before, behind) - front_mm
    bottom = int(depth_mm.argmax())
    left, right = int(front_mm[: bottom + 1].argmax()), bottom + int(front_mm[bottom:].argmax())
    distance_mm = float(x_mm[right] - x_mm[left])
    if depth_mm[bottom] < VALLEY_MM or not BREAST_DISTANCE_MM[0] <= distance_mm <= BREAST_DISTANCE_MM[1]:
        return None
    # The valley's walls are steep and its floor is flat: halfway down, its middle is well defined.
    inside = np.flatnonzero(depth_mm >= depth_mm[bottom] / 2)
    inside = inside[(inside > left) & (inside < right)]
    return float((x_mm[inside[0]] + x_mm[inside[-1]]) / 2)
