"""Corrections of order and times of the DCE phases: they rewrite the sequence itself, so that everybody sees them."""

from __future__ import annotations

from collections.abc import Sequence

import slicer
from slicer.i18n import tr as _

from BreastFusionLib.errors import InputError

from .sequences import PhaseRow, phases_of, write_times

__all__ = ["move_phase", "set_phase_time", "set_pre_contrast", "was_corrected"]

LONGEST_EXAM_S = 24 * 3600.0
LEAST_APART_S = 1.0  # no breast is imaged faster: what is typed closer is a slip
CORRECTED = "BreastFusion.corrected"


def move_phase(sequence: slicer.vtkMRMLSequenceNode, number: int, by: int) -> int:
    """Move a phase to an earlier (negative) or later place; times stay with the places.

    The phases were in the wrong order, not the clock: what is at 97 s is now another volume.

    Returns:
        The phase's new number.
    """
    rows = phases_of(sequence)
    target = min(max(_checked(number, rows, sequence) + by, 0), len(rows) - 1)
    order = [row.number for row in rows if row.number != number]
    order.insert(target, number)
    if target != number:
        _correct(sequence, [row.time_s for row in rows], order)
    return target


def set_pre_contrast(sequence: slicer.vtkMRMLSequenceNode, number: int) -> None:
    """Make a phase the pre-contrast one: it comes first, those before it one later; times stay with the places."""
    move_phase(sequence, number, -number)


def set_phase_time(sequence: slicer.vtkMRMLSequenceNode, number: int, time_s: float | None) -> int:
    """Correct when a phase was taken; once all times are known the phases are in the order of their times.

    Args:
        sequence: the DCE series.
        number: of the phase; not the pre-contrast one, from which times count.
        time_s: seconds after the pre-contrast phase; None when it is not known.

    Returns:
        The phase's new number.

    Raises:
        InputError: the pre-contrast phase, a time that is not after it, or one at which there is a phase already.
    """
    rows = phases_of(sequence)
    if _checked(number, rows, sequence) == 0:
        raise InputError(
            _("Times count from the pre-contrast phase, which is at 0 s: change those of the other phases.")
        )
    if time_s is not None and not 0 < time_s <= LONGEST_EXAM_S:
        raise InputError(
            _(
                "{time_s:g} s is no time for '{name}': seconds after the pre-contrast phase are expected, more than "
                "0 and not more than a day. To make it the pre-contrast phase, choose it as such."
            ).format(time_s=time_s, name=rows[number].name)
        )
    times_s = [row.time_s for row in rows]
    times_s[number] = None
    if time_s is not None and any(other is not None and abs(other - time_s) < LEAST_APART_S for other in times_s):
        raise InputError(
            _("There is a phase at {time_s:g} s already: type the time at which '{name}' was taken.").format(
                time_s=time_s, name=rows[number].name
            )
        )
    times_s[number] = time_s
    order = list(range(len(rows)))
    if None not in times_s:
        order.sort(key=lambda place: times_s[place])
    _correct(sequence, [times_s[place] for place in order], order)
    return order.index(number)


def was_corrected(sequence: slicer.vtkMRMLSequenceNode) -> bool:
    """Tell whether somebody changed order or times by hand."""
    return sequence.GetAttribute(CORRECTED) == "1"


def _correct(sequence: slicer.vtkMRMLSequenceNode, times_s: Sequence[float | None], order: Sequence[int]) -> None:
    write_times(sequence, times_s, order)
    sequence.SetAttribute(CORRECTED, "1")


def _checked(number: int, rows: Sequence[PhaseRow], sequence: slicer.vtkMRMLSequenceNode) -> int:
    if not 0 <= number < len(rows):
        raise InputError(
            _("'{name}' has {count} phases, numbered from 0: there is no phase {number}.").format(
                name=sequence.GetName(), count=len(rows), number=number
            )
        )
    return number
