"""The DCE series as a sequence node: phases with their times, and corrections of both.

A sequence of ours has the numeric index 'time' in seconds after the pre-contrast phase, which is item 0; where not all
times are known it is 'phase', and the known ones are attributes of the items. Sequences of others are understood where
their units say what their index means; the first correction makes them one of ours.
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

import slicer
import vtk
from slicer.i18n import tr as _

from BreastFusionLib.errors import InputError
from BreastFusionLib.exam.geometry import Grid, describe_difference

from ..slice_window import apply_window, tissue_range
from .facts import DESCRIPTION, description_of
from .geometry import grid_of, ijk_to_ras, pixels_of, world_matrix

__all__ = [
    "PhaseRow",
    "append_phase",
    "browser_of",
    "common_grid",
    "items_of",
    "move_phase",
    "phases_of",
    "sequence_of_volumes",
    "set_phase_time",
    "set_pre_contrast",
    "was_corrected",
    "write_times",
]

OWN = "BreastFusion.times"  # 'known' or 'unknown': this sequence is one of ours
TIME = "BreastFusion.time_s"  # of an item, while not all times are known
CORRECTED = "BreastFusion.corrected"
SECONDS_PER = {"s": 1.0, "sec": 1.0, "second": 1.0, "seconds": 1.0, "ms": 1e-3, "msec": 1e-3, "millisecond": 1e-3,
               "milliseconds": 1e-3, "us": 1e-6, "min": 60.0, "minute": 60.0, "minutes": 60.0}  # fmt: skip
# Slicer's importer of multi-volumes numbers the items and keeps their times beside them.
FRAME_LABELS, FRAME_UNIT = "MultiVolume.FrameLabels", "MultiVolume.FrameIdentifyingDICOMTagUnits"
CLOCK_TAGS = ("acquisitiontime", "contenttime", "seriestime")
SMALLEST_STEP_S = 0.01  # closer index values are one value to Slicer
WAITING = 1_000_000_000  # an index larger than any time
_TM = re.compile(r"(\d\d)(\d\d)(\d\d(?:\.\d+)?)")


@dataclass(frozen=True)
class PhaseRow:
    """One phase as a table shows it.

    Attributes:
        number: place in the sequence, from 0.
        time_s: seconds after the pre-contrast phase; None when unknown.
        name: of the volume.
        is_pre: whether it is the pre-contrast phase, which is always the first.
    """

    number: int
    time_s: float | None
    name: str
    is_pre: bool


def phases_of(sequence: slicer.vtkMRMLSequenceNode) -> tuple[PhaseRow, ...]:
    """Return the phases of a sequence; of an empty one, none."""
    count = sequence.GetNumberOfDataNodes()
    times_s = _times_s(sequence)
    names = [_name(sequence.GetNthDataNode(number)) for number in range(count)]
    return tuple(PhaseRow(number, times_s[number], names[number], number == 0) for number in range(count))


def items_of(sequence: slicer.vtkMRMLSequenceNode) -> list[slicer.vtkMRMLScalarVolumeNode]:
    """Return the volumes of a sequence in its order.

    Raises:
        InputError: it is empty, or holds something else than scalar volumes.
    """
    items = [sequence.GetNthDataNode(number) for number in range(sequence.GetNumberOfDataNodes())]
    if not items:
        raise InputError(
            _("The sequence '{name}' is empty: load the DCE series again.").format(name=sequence.GetName())
        )
    for number, item in enumerate(items):
        if item is None or not item.IsA("vtkMRMLScalarVolumeNode") or item.IsA("vtkMRMLLabelMapVolumeNode"):
            kind = "nothing" if item is None else f"a {item.GetNodeTagName()}"
            raise InputError(
                _(
                    "Item {number} of the sequence '{name}' is {kind}: a DCE series holds scalar volumes. Choose "
                    "another sequence."
                ).format(number=number + 1, name=sequence.GetName(), kind=kind)
            )
    return items


def common_grid(
    volumes: Sequence[slicer.vtkMRMLScalarVolumeNode], placed_by: slicer.vtkMRMLTransformableNode | None = None
) -> Grid:
    """Return the grid that all phases share.

    Args:
        volumes: one at least.
        placed_by: see `grid_of`.

    Raises:
        InputError: two of them lie on different grids.
    """
    first = grid_of(volumes[0], placed_by)
    for volume in volumes[1:]:
        if difference := describe_difference(first, grid_of(volume, placed_by)):
            raise InputError(
                _(
                    "The phases '{first}' and '{second}' do not lie on the same grid ({difference}): all phases of "
                    "the DCE series must have the same size, spacing, position and transform. Take the odd one out, "
                    "or resample it."
                ).format(first=_name(volumes[0]), second=_name(volume), difference=difference)
            )
    return first


def sequence_of_volumes(
    volumes: Sequence[slicer.vtkMRMLScalarVolumeNode], times_s: Sequence[float | None], name: str
) -> slicer.vtkMRMLSequenceNode:
    """Make a sequence of volumes that are in the scene; they stay there and share their pixels with it.

    Args:
        volumes: the phases, the pre-contrast one first; where all times are known, their order is that of the times.
            Linear transforms that they are under become part of the items' geometry.
        times_s: of each, on any clock; None where unknown.
        name: of the sequence; made unique.

    Raises:
        InputError: no volume, volumes on different grids, or two at the same time.
    """
    if not volumes:
        raise InputError(_("No volume was chosen: choose the phases of the DCE series."))
    common_grid(volumes)
    ordered = list(zip(volumes, times_s, strict=True))
    if None not in times_s:
        ordered.sort(key=lambda pair: pair[1])
    sequence = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSequenceNode", slicer.mrmlScene.GenerateUniqueName(name))
    try:
        with slicer.util.NodeModify(sequence):
            for volume, _time_s in ordered:
                append_phase(sequence, volume)
            write_times(sequence, relative([time_s for _volume, time_s in ordered]))
    except InputError:
        slicer.mrmlScene.RemoveNode(sequence)
        raise
    return sequence


def append_phase(sequence: slicer.vtkMRMLSequenceNode, volume: slicer.vtkMRMLScalarVolumeNode) -> None:
    """Append a volume as an item that shares its pixels; `write_times` is to follow once all are there.

    Args:
        sequence: made by us.
        volume: with pixels; in the scene or not.
    """
    matrix = slicer.util.vtkMatrixFromArray(world_matrix(volume) @ ijk_to_ras(volume))
    sequence.SetIndexTypeFromString("text")  # for now: any name is an index, and the order is that of appending
    # An empty item first: `SetDataNodeAtValue` copies everything that it is given, the pixels too.
    empty = slicer.vtkMRMLScalarVolumeNode()
    empty.SetName(volume.GetName())
    item = sequence.SetDataNodeAtValue(empty, f"item {sequence.GetNumberOfDataNodes()}")
    item.CopyContent(volume, False)
    if volume.GetParentTransformNode() is not None:
        item.SetIJKToRASMatrix(matrix)
    item.SetAttribute(DESCRIPTION, description_of(volume))


def write_times(
    sequence: slicer.vtkMRMLSequenceNode, times_s: Sequence[float | None], order: Sequence[int] | None = None
) -> None:
    """Give a sequence its index and, if wanted, another order; pixels are not touched.

    Args:
        sequence: any sequence of volumes; it becomes one of ours.
        times_s: of each place, 0 first; rising where all are known.
        order: which item goes to each place; None: as they are.

    Raises:
        InputError: times that do not rise.
    """
    order = range(len(times_s)) if order is None else order
    timed = None not in times_s
    count = len(times_s)
    items = [sequence.GetNthDataNode(number) for number in order]
    if timed:
        _refuse_equal_times(times_s, items)  # type: ignore[arg-type]
    with slicer.util.NodeModify(sequence):
        # By way of values that occur nowhere, each item is always found by the one it has.
        waiting = [str(WAITING + number) for number in range(count)]
        sequence.SetIndexTypeFromString("text")
        for number in range(count):
            sequence.UpdateIndexValue(sequence.GetNthIndexValue(number), waiting[number])
        sequence.SetIndexTypeFromString("numeric")
        for place, number in enumerate(order):
            sequence.UpdateIndexValue(waiting[number], repr(float(times_s[place])) if timed else str(place))  # type: ignore[arg-type]
        sequence.SetIndexName("time" if timed else "phase")
        sequence.SetIndexUnit("s" if timed else "")
        sequence.SetAttribute(OWN, "known" if timed else "unknown")
        for item, time_s in zip(items, times_s, strict=True):
            item.SetAttribute(TIME, None if timed or time_s is None else repr(float(time_s)))
    _show_anew(sequence)


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
    if time_s is not None and not (math.isfinite(time_s) and time_s > 0):
        raise InputError(
            _(
                "{time_s:g} s is no time for '{name}': seconds after the pre-contrast phase are expected, more than "
                "0. To make it the pre-contrast phase, choose it as such."
            ).format(time_s=time_s, name=rows[number].name)
        )
    times_s = [row.time_s for row in rows]
    times_s[number] = time_s
    order = list(range(len(rows)))
    if None not in times_s:
        order.sort(key=lambda place: times_s[place])
    _correct(sequence, [times_s[place] for place in order], order)
    return order.index(number)


def was_corrected(sequence: slicer.vtkMRMLSequenceNode) -> bool:
    """Tell whether somebody changed order or times by hand."""
    return sequence.GetAttribute(CORRECTED) == "1"


def browser_of(sequence: slicer.vtkMRMLSequenceNode) -> slicer.vtkMRMLSequenceBrowserNode:
    """Return the browser that shows one phase of a sequence, the first post-contrast one when it is new.

    The volume that shows the phase shares its pixels, so that going through the phases takes a millisecond.
    """
    for browser in slicer.util.getNodesByClass("vtkMRMLSequenceBrowserNode"):
        if browser.IsSynchronizedSequenceNodeID(sequence.GetID(), True) and browser.GetProxyNode(sequence):
            return browser
    scene, name = slicer.mrmlScene, sequence.GetName()
    browser = scene.AddNewNodeByClass("vtkMRMLSequenceBrowserNode", scene.GenerateUniqueName(f"{name} browser"))
    shown = scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", scene.GenerateUniqueName(f"{name} (shown phase)"))
    shown.CreateDefaultDisplayNodes()
    shown.GetDisplayNode().AutoWindowLevelOff()  # before there are pixels: see `add_volume`
    number = min(1, sequence.GetNumberOfDataNodes() - 1)
    with slicer.util.NodeModify(browser):
        browser.SetAndObserveMasterSequenceNodeID(sequence.GetID())
        browser.AddProxyNode(shown, sequence, False)
        browser.SetSaveChanges(sequence, True)  # which also means: share pixels instead of copying them
        browser.SetSelectedItemNumber(number)
    slicer.modules.sequences.logic().UpdateProxyNodesFromSequences(browser)
    apply_window(shown, *tissue_range(pixels_of(sequence.GetNthDataNode(number))))
    return browser


def relative(times_s: Sequence[float | None]) -> list[float | None]:
    """Return times after the first; without a first time none is known. The first is 0 in any case."""
    first = times_s[0]
    return [0.0, *(None if time is None or first is None else round(time - first, 3) for time in times_s[1:])]


def _correct(sequence: slicer.vtkMRMLSequenceNode, times_s: Sequence[float | None], order: Sequence[int]) -> None:
    write_times(sequence, times_s, order)
    sequence.SetAttribute(CORRECTED, "1")


def _times_s(sequence: slicer.vtkMRMLSequenceNode) -> list[float | None]:
    """Return seconds after the first phase, as far as index, units and attributes tell."""
    count = sequence.GetNumberOfDataNodes()
    index = [sequence.GetNthIndexValue(number) for number in range(count)]
    own = sequence.GetAttribute(OWN)
    if own == "known":
        return [float(value) for value in index]
    if own == "unknown":
        kept = [sequence.GetNthDataNode(number).GetAttribute(TIME) for number in range(count)]
        return [0.0, *(None if text is None else float(text) for text in kept[1:])][:count]
    times_s = _foreign_times_s(sequence, index)
    if times_s is None or any(b <= a for a, b in itertools.pairwise(times_s)):
        return [0.0, *[None] * (count - 1)][:count]
    return [round(time - times_s[0], 3) for time in times_s]


def _foreign_times_s(sequence: slicer.vtkMRMLSequenceNode, index: Sequence[str]) -> list[float] | None:
    """Return what the index of somebody else's sequence means in seconds of any clock; None when it is no time."""
    labels = (sequence.GetAttribute(FRAME_LABELS) or "").split(",")
    unit = sequence.GetIndexUnit()
    if len(labels) == len(index) > 1:
        index, unit = labels, sequence.GetAttribute(FRAME_UNIT) or ""
    elif not unit and sequence.GetIndexName().lower() in CLOCK_TAGS:
        clock = [_TM.fullmatch(text.strip()) for text in index]
        if all(clock):
            return [3600 * int(m[1]) + 60 * int(m[2]) + float(m[3]) for m in clock if m is not None]
    try:
        values = [float(text) for text in index]
    except ValueError:
        return None
    scale = SECONDS_PER.get(unit.strip().lower())
    # Slicer counts 0, 1, 2, .. 'seconds' when nobody says anything else; no scanner takes a breast in one second.
    is_counted = [value - values[0] for value in values] == list(range(len(values)))
    return None if scale is None or (scale == 1 and is_counted) else [value * scale for value in values]


def _name(volume: slicer.vtkMRMLNode | None) -> str:
    return "" if volume is None else description_of(volume)


def _checked(number: int, rows: Sequence[PhaseRow], sequence: slicer.vtkMRMLSequenceNode) -> int:
    if not 0 <= number < len(rows):
        raise InputError(
            _("'{name}' has {count} phases, numbered from 0: there is no phase {number}.").format(
                name=sequence.GetName(), count=len(rows), number=number
            )
        )
    return number


def _refuse_equal_times(times_s: Sequence[float], items: Sequence[slicer.vtkMRMLNode]) -> None:
    for (first_s, first), (second_s, second) in itertools.pairwise(zip(times_s, items, strict=True)):
        if second_s - first_s < SMALLEST_STEP_S:
            raise InputError(
                _(
                    "Two phases ('{first}' and '{second}') cannot both be at {time_s:g} s: give each its own time."
                ).format(first=_name(first), second=_name(second), time_s=second_s)
            )


def _show_anew(sequence: slicer.vtkMRMLSequenceNode) -> None:
    """Have whatever shows the sequence follow its new order."""
    browsers = vtk.vtkCollection()
    logic = slicer.modules.sequences.logic()
    logic.GetBrowserNodesForSequenceNode(sequence, browsers)
    for browser in browsers:
        logic.UpdateProxyNodesFromSequences(browser)
