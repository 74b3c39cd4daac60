"""Finding the dynamic series: one series with several phases, or several series that belong together.

Scanners store a dynamic study in different ways: one series with all phases (GE multi-phase, Philips), one series a
phase ('ax dyn pre', 'ax dyn 1st pass'), or the first phase under the plain name and the others as 'Ph1/..'. What
belongs together has the same grid and the same technique (TR, TE, flip angle), whatever its name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from BreastFusionLib.errors import InputError
from BreastFusionLib.exam.contrast import contrast_in_name
from BreastFusionLib.exam.dicom_files import Slice
from BreastFusionLib.exam.dicom_series import Volume
from BreastFusionLib.exam.geometry import Grid, same_grid
from BreastFusionLib.exam.phases import order_phases
from BreastFusionLib.exam.roles import EXPLICIT, SeriesRole

__all__ = ["Candidate", "Dynamic", "find_dynamic"]

SAME_TECHNIQUE = 0.1  # TR, TE and flip angle of two phases differ by less than this share
MOSTLY_THERE = 0.75  # a phase with at least this share of the others' slices lost some, it is not another protocol


@dataclass(frozen=True, eq=False)
class Candidate:
    """A stack of images that may be (part of) something.

    Attributes:
        slices: all its images.
        role: by its header and the other series of the study.
        volumes: its volumes in time order; empty when they make no regular grid.
        problem: then, why not.
    """

    slices: tuple[Slice, ...]
    role: SeriesRole
    volumes: tuple[Volume, ...]
    problem: str = ""

    @property
    def header(self) -> Mapping[str, Any]:
        """The first image's header."""
        return self.slices[0].header

    @property
    def description(self) -> str:
        """The scanner's name of the series."""
        return str(self.header.get("SeriesDescription", self.header.get("ProtocolName", "without a name")))

    @property
    def number(self) -> int:
        """SeriesNumber."""
        return int(self.header.get("SeriesNumber", 0))


@dataclass(frozen=True)
class Dynamic:
    """The dynamic series of an exam.

    Attributes:
        volumes: the phases in time order.
        times_s: of each phase, seconds after the first; None where no tag tells.
        members: the stacks that they came from, in the order of their first phases.
        warnings: sentences.
    """

    volumes: tuple[Volume, ...]
    times_s: tuple[float | None, ...]
    members: tuple[Candidate, ...]
    warnings: tuple[str, ...]

    @property
    def description(self) -> str:
        """The members' names in the phases' order."""
        return "; ".join(dict.fromkeys(member.description for member in self.members))

    @property
    def reason(self) -> str:
        """Why these are the dynamic series."""
        best = max(self.members, key=lambda member: member.role.confidence)
        if len(self.members) == 1:
            return best.role.reason
        return f"{best.role.reason} {len(self.members)} series of the same grid and technique belong together."


def find_dynamic(candidates: Sequence[Candidate]) -> Dynamic | None:
    """Choose the stacks that make up the dynamic series and bring their phases into time order.

    Returns:
        The dynamic series; with a single phase only when its name says that it is one; None when there is none.

    Raises:
        InputError: a stack that is dynamic by its name has missing, duplicate or uneven slices.
    """
    possible = [candidate for candidate in candidates if _may_be_dynamic(candidate)]
    groups: list[list[Candidate]] = []
    for candidate in (c for c in possible if c.volumes):
        group = next((g for g in groups if _belong_together(g[0], candidate)), None)
        if group is None:
            groups.append([candidate])
        else:
            group.append(candidate)
    if not groups:
        for broken in possible:
            raise InputError(broken.problem)
        return None
    best = _without_repeated_pre(max(groups, key=_merit))
    _check_no_phase_lost_slices(best, possible)
    if len(best) == 1 and len(best[0].volumes) == 1 and best[0].role.confidence < EXPLICIT:
        return None
    return _ordered(best)


def _may_be_dynamic(candidate: Candidate) -> bool:
    # A T1-weighted series with several volumes in time is a dynamic one, whatever it is called.
    return candidate.role.role == "dce" or (candidate.role.role == "t1" and len(candidate.volumes) > 1)


def _belong_together(a: Candidate, b: Candidate) -> bool:
    return same_grid(a.volumes[0].grid, b.volumes[0].grid) and _same_technique(a.header, b.header)


def _same_technique(a: Mapping[str, Any], b: Mapping[str, Any]) -> bool:
    for keyword in ("RepetitionTime", "EchoTime", "FlipAngle"):
        if keyword in a and keyword in b:
            first, second = float(a[keyword]), float(b[keyword])
            if abs(first - second) > SAME_TECHNIQUE * max(abs(first), abs(second)):
                return False
    return True


def _merit(group: list[Candidate]) -> tuple[bool, float, int, int]:
    phases = sum(len(candidate.volumes) for candidate in group)
    confidence = max(candidate.role.confidence for candidate in group)
    return phases > 1, confidence, phases, int(np.prod(group[0].volumes[0].grid.size))


def _without_repeated_pre(group: list[Candidate]) -> list[Candidate]:
    """Keep the last of several pre-contrast series: earlier ones were repeated for a reason (motion, position)."""
    before = [c for c in group if len(c.volumes) == 1 and contrast_in_name(c.description) == "pre"]
    if len(before) < 2:
        return group
    order = order_phases([candidate.volumes[0].stamp for candidate in before]).order
    repeated = {id(before[index]) for index in order[:-1]}
    return [candidate for candidate in group if id(candidate) not in repeated]


def _check_no_phase_lost_slices(group: list[Candidate], possible: Sequence[Candidate]) -> None:
    """Refuse a phase that cannot join the group because it is broken, or because slices are missing at an end."""
    whole = group[0].volumes[0]
    members = {id(candidate) for candidate in group}
    for other in possible:
        if other.problem and (other.role.confidence >= EXPLICIT or _same_technique(other.header, group[0].header)):
            raise InputError(other.problem)
        if id(other) in members or other.problem:
            continue
        part = other.volumes[0]
        short, long = sorted((part, whole), key=lambda volume: volume.grid.size[2])
        if (
            _same_technique(other.header, group[0].header)
            and _is_part_of(short.grid, long.grid)
            and short.grid.size[2] >= MOSTLY_THERE * long.grid.size[2]
        ):
            missing = long.grid.size[2] - short.grid.size[2]
            raise InputError(
                f"The phase series '{short.slices[0].header.get('SeriesDescription')}' misses {missing} of the "
                f"{long.grid.size[2]} slices of '{long.slices[0].header.get('SeriesDescription')}' at an end of the "
                f"volume: it reaches from {short.slices[0].name} to {short.slices[-1].name}. Export the series again "
                f"(in {short.slices[0].path.parent})."
            )


def _is_part_of(short: Grid, long: Grid) -> bool:
    """Tell whether the slices of one grid are consecutive slices of the other."""
    first = round(float(long.index(short.origin_lps)[2]))
    if short.size[2] == long.size[2] or not 0 <= first <= long.size[2] - short.size[2]:
        return False
    origin = tuple(long.physical((0, 0, first)).tolist())
    return same_grid(short, Grid((*long.size[:2], short.size[2]), long.spacing_mm, origin, long.direction))


def _ordered(group: list[Candidate]) -> Dynamic:
    pairs = [(candidate, volume) for candidate in group for volume in candidate.volumes]
    order = order_phases([volume.stamp for _, volume in pairs])
    members = tuple(dict.fromkeys(pairs[index][0] for index in order.order))
    warnings = list(order.warnings)
    if len(pairs) > 1 and contrast_in_name(members[0].description) == "post":
        warnings.append(
            f"The first DCE phase ('{members[0].description}') is a post-contrast one by its name: the pre-contrast "
            "phase seems to be missing, and enhancement is measured against what is there."
        )
    return Dynamic(tuple(pairs[index][1] for index in order.order), order.times_s, members, tuple(warnings))
