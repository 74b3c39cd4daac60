"""From single images to volumes: stacks of one geometry, split into phases, sorted by position, checked.

File names and instance numbers say nothing about where a slice lies; ImagePositionPatient, projected onto the
normal of the slices, does.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from BreastFusionLib.errors import InputError
from BreastFusionLib.exam.dicom_files import Slice
from BreastFusionLib.exam.geometry import Grid, plane_axes
from BreastFusionLib.exam.phases import WITHIN_SERIES, Stamp, distinct_values, order_phases

__all__ = ["Volume", "group_stacks", "split_kinds", "split_phases", "volume_of"]

SAME_POSITION_MM = 0.05
SAME_ORIENTATION = 1e-3
# How far a gap may be from the usual one, as a share of it. Exporters round positions; 2 % of a usual 1-4 mm gap
# is far above that rounding and far below anything a measurement would notice.
EVEN_GAP = 0.02
IN_PLANE_SHIFT = 0.05
_LISTED = 3


@dataclass(frozen=True)
class Volume:
    """The slices of one volume in the order of their position along the normal, and the grid they make."""

    slices: tuple[Slice, ...]
    grid: Grid
    stamp: Stamp


def group_stacks(slices: Sequence[Slice]) -> list[list[Slice]]:
    """Group images by series and, within a series, by orientation, size and pixel spacing."""
    stacks: list[list[Slice]] = []
    by_series: dict[str, list[list[Slice]]] = defaultdict(list)
    for one in slices:
        of_series = by_series[str(one.header.get("SeriesInstanceUID", ""))]
        stack = next((stack for stack in of_series if _same_plane(stack[0], one)), None)
        if stack is None:
            stack = []
            of_series.append(stack)
            stacks.append(stack)
        stack.append(one)
    return stacks


def _same_plane(a: Slice, b: Slice) -> bool:
    return (
        (a.header.get("Rows"), a.header.get("Columns")) == (b.header.get("Rows"), b.header.get("Columns"))
        and np.allclose(a.orientation, b.orientation, rtol=0, atol=SAME_ORIENTATION)
        and np.allclose(a.header["PixelSpacing"], b.header["PixelSpacing"], rtol=1e-3)
    )


def split_kinds(stack: Sequence[Slice]) -> list[list[Slice]]:
    """Split a stack that holds several images of every slice by what differs in kind, not in time.

    Magnitude and phase, Dixon's water and fat, echoes, b-values: separate series, whatever their number.
    """
    levels = _levels(stack)
    if max(map(len, levels)) == 1:
        return [list(stack)]
    for keyword in ("ImageType", "EchoTime", "EchoNumbers", "DiffusionBValue"):
        parts: dict[str, list[Slice]] = defaultdict(list)
        for one in stack:
            parts[str(one.header.get(keyword))].append(one)
        if len(parts) > 1 and all(_covers(part, len(levels)) for part in parts.values()):
            return [kind for part in parts.values() for kind in split_kinds(part)]
    return [list(stack)]


def _covers(part: Sequence[Slice], levels: int) -> bool:
    counts = [len(level) for level in _levels(part)]
    return len(counts) == levels and len(set(counts)) == 1


def split_phases(stack: Sequence[Slice]) -> list[list[Slice]]:
    """Split a stack into volumes that hold every slice once, earliest first.

    Raises:
        InputError: slices are missing or there twice; the message names them.
    """
    levels = _levels(stack)
    usual = Counter(map(len, levels)).most_common(1)[0][0]
    if any(len(level) != usual for level in levels):
        raise InputError(_describe_odd_levels(levels, usual))
    if usual == 1:
        return [[level[0] for level in levels]]
    stamps = [[Stamp.of_header(one.header) for one in level] for level in levels]
    for key in WITHIN_SERIES:
        ranked = [distinct_values(level, key) for level in stamps]
        if all(values is not None for values in ranked):
            orders = [np.argsort(values) for values in ranked if values is not None]
            volumes = [
                [level[order[rank]] for level, order in zip(levels, orders, strict=True)] for rank in range(usual)
            ]
            order = order_phases([Stamp.of_headers([one.header for one in volume]) for volume in volumes]).order
            return [volumes[index] for index in order]
    first, second = levels[0][:2]
    raise InputError(
        f"{_series(stack)} holds every slice {usual} times, and nothing tells the copies apart: duplicate slices "
        f"such as {first.name} and {second.name}. Remove the copies (in {first.path.parent})."
    )


def volume_of(slices: Sequence[Slice]) -> Volume:
    """Sort the slices of one volume by position and check that they make a regular grid.

    Raises:
        InputError: a single slice, or uneven, missing or sheared slices; the message names them.
    """
    if len(slices) == 1:
        raise InputError(
            f"{slices[0].name} is a 2-D image: the only slice of {_series(slices)}, but a volume is expected. "
            f"Point to the folder that holds all of its slices (file {slices[0].path})."
        )
    along_mm = _along_normal(slices)
    order = np.argsort(along_mm, kind="stable")
    ordered, along_mm = [slices[index] for index in order], along_mm[order]
    gaps_mm = np.diff(along_mm)
    usual_mm = float(np.median(gaps_mm))
    odd = np.flatnonzero(np.abs(gaps_mm - usual_mm) > max(EVEN_GAP * usual_mm, SAME_POSITION_MM))
    if odd.size:
        raise InputError(_describe_gaps(ordered, along_mm, odd, usual_mm))
    axes = plane_axes(ordered[0].orientation)
    normal = axes[2]
    start = ordered[0].position_lps
    shift = np.array([one.position_lps - start for one in ordered])
    in_plane_mm = np.abs(shift - np.outer(shift @ normal, normal)).max()
    down, across = ordered[0].header["PixelSpacing"]
    if in_plane_mm > max(IN_PLANE_SHIFT * min(down, across), SAME_POSITION_MM):
        raise InputError(
            f"{_series(slices)}: neighbouring slices are shifted sideways by up to {in_plane_mm:.3g} mm (a tilted "
            "stack), which no regular grid can hold. Resample the series onto a regular grid first."
        )
    first = ordered[0].header
    grid = Grid(
        size=(int(first["Columns"]), int(first["Rows"]), len(ordered)),
        spacing_mm=(float(across), float(down), float((along_mm[-1] - along_mm[0]) / (len(ordered) - 1))),
        origin_lps=tuple(start.tolist()),
        direction=tuple(axes.T.ravel().tolist()),
    )
    return Volume(tuple(ordered), grid, Stamp.of_headers([one.header for one in ordered]))


def _along_normal(slices: Sequence[Slice]) -> NDArray[np.float64]:
    normal = plane_axes(slices[0].orientation)[2]
    return np.array([one.position_lps @ normal for one in slices])


def _levels(stack: Sequence[Slice]) -> list[list[Slice]]:
    """Group the images of a stack by position along the normal, lowest first."""
    along = _along_normal(stack)
    order = np.argsort(along, kind="stable")
    levels: list[list[Slice]] = []
    last = -np.inf
    for index in order:
        if along[index] - last > SAME_POSITION_MM:
            levels.append([])
            last = along[index]
        levels[-1].append(stack[index])
    return levels


def _series(slices: Sequence[Slice]) -> str:
    header = slices[0].header
    return (
        f"The series '{header.get('SeriesDescription', 'without a name')}' (number {header.get('SeriesNumber', '?')})"
    )


def _describe_odd_levels(levels: list[list[Slice]], usual: int) -> str:
    """Say which slices are there too often or not often enough."""
    stack = [one for level in levels for one in level]
    twice = [level for level in levels if len(level) > usual]
    if twice:
        named = "; ".join(" and ".join(one.name for one in level) for level in twice[:_LISTED])
        return (
            f"{_series(stack)} has duplicate slices: {named} lie at the same position, where the other positions have "
            f"{usual}. Remove the copies (in {twice[0][0].path.parent})."
        )
    missing = [level for level in levels if len(level) < usual]
    named = "; ".join(f"at {_along_normal(level)[0]:.2f} mm ({level[0].name})" for level in missing[:_LISTED])
    return (
        f"{_series(stack)} has {usual} images of most slices, but missing slices: fewer {named}. "
        f"Export the series again (in {stack[0].path.parent})."
    )


def _describe_gaps(ordered: list[Slice], along_mm: NDArray[np.float64], odd: NDArray[np.intp], usual_mm: float) -> str:
    """Say between which slices others are missing, or that the positions are uneven; `odd` numbers the odd gaps."""
    gaps_mm = np.diff(along_mm)
    multiples = gaps_mm[odd] / usual_mm
    missing = np.all(multiples > 1.5) and np.all(np.abs(multiples - np.round(multiples)) < 0.1)
    ends = [f"{one.name} at {place:.2f} mm" for one, place in zip(ordered, along_mm, strict=True)]
    named = "; ".join(f"{gaps_mm[i]:.4g} mm between {ends[i]} and {ends[i + 1]}" for i in odd[:_LISTED])
    count = int(np.sum(np.round(multiples) - 1)) if missing else 0
    what = f"misses {count} slice{'' if count == 1 else 's'}" if missing else "has uneven slice positions"
    return (
        f"{_series(ordered)} {what}: {named}, where the usual distance is {usual_mm:.4g} mm. "
        f"Export the series again (in {ordered[0].path.parent})."
    )
