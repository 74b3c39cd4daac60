"""The DCE series as a sequence node: phases with their times, and corrections of both.

A sequence of ours has the numeric index 'time' in seconds after the pre-contrast phase, which is item 0; where not all
times are known it is 'phase', and the known ones are attributes of the items. Sequences of others are understood where
their units say what their index means; the first correction makes them one of ours.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import slicer
import vtk
from slicer.i18n import tr as _

from BreastFusionLib.errors import InputError
from BreastFusionLib.exam.geometry import Grid, describe_difference

from .facts import DESCRIPTION, description_of
from .geometry import grid_of, ijk_to_ras, pixels_of, world_matrix
from .sequence_times import OWN, TIME, relative, times_of
from .slice_window import apply_window, tissue_range

__all__ = [
    "PhaseRow",
    "append_phase",
    "browser_of",
    "common_grid",
    "items_of",
    "phases_of",
    "sequence_of_volumes",
    "write_times",
]

SMALLEST_STEP_S = 0.01  # closer index values are one value to Slicer
WAITING = 1_000_000_000  # an index larger than any time


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
    times_s = times_of(sequence)
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
    for number, volume in enumerate(volumes):
        if difference := describe_difference(first, grid_of(volume, placed_by)):
            raise InputError(
                _(
                    "The phases '{first}' and '{second}' do not lie on the same grid ({difference}): all phases of "
                    "the DCE series must have the same size, spacing, position and transform. Take the odd one out, "
                    "or resample it."
                ).format(first=_label(volumes, 0), second=_label(volumes, number), difference=difference)
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


def browser_of(sequence: slicer.vtkMRMLSequenceNode) -> slicer.vtkMRMLSequenceBrowserNode:
    """Return the browser that shows one phase of a sequence, the first post-contrast one when it is new.

    The volume that shows the phase shares its pixels, so that going through the phases takes a millisecond.
    """
    logic = slicer.modules.sequences.logic()
    for browser in slicer.util.getNodesByClass("vtkMRMLSequenceBrowserNode"):
        if browser.IsSynchronizedSequenceNodeID(sequence.GetID(), True):
            if browser.GetProxyNode(sequence) is None:
                logic.UpdateProxyNodesFromSequences(browser)
            return browser
    scene, name = slicer.mrmlScene, sequence.GetName()
    browser = scene.AddNewNodeByClass("vtkMRMLSequenceBrowserNode", scene.GenerateUniqueName(f"{name} browser"))
    with slicer.util.NodeModify(browser):
        browser.SetAndObserveMasterSequenceNodeID(sequence.GetID())
        browser.SetSaveChanges(sequence, True)  # which also means: share pixels instead of copying them
        browser.SetSelectedItemNumber(min(1, sequence.GetNumberOfDataNodes() - 1))
        if _holds_pixels(sequence):
            shown = scene.AddNewNodeByClass(
                "vtkMRMLScalarVolumeNode", scene.GenerateUniqueName(f"{name} (shown phase)")
            )
            shown.CreateDefaultDisplayNodes()
            shown.GetDisplayNode().AutoWindowLevelOff()  # before there are pixels: see `show_volume`
            apply_window(shown, *tissue_range(pixels_of(sequence.GetNthDataNode(browser.GetSelectedItemNumber()))))
            browser.AddProxyNode(shown, sequence, False)
    logic.UpdateProxyNodesFromSequences(browser)
    return browser


def _holds_pixels(sequence: slicer.vtkMRMLSequenceNode) -> bool:
    try:
        return all(item.GetImageData() is not None for item in items_of(sequence))
    except InputError:
        return False


def _name(volume: slicer.vtkMRMLNode | None) -> str:
    return "" if volume is None else description_of(volume)


def _label(volumes: Sequence[slicer.vtkMRMLNode], number: int) -> str:
    """Return a phase's name, with its number where others have the same name."""
    names = [_name(volume) for volume in volumes]
    return names[number] if names.count(names[number]) == 1 else f"{names[number]}, {number + 1}"


def _refuse_equal_times(times_s: Sequence[float], items: Sequence[slicer.vtkMRMLNode]) -> None:
    for number, (first_s, second_s) in enumerate(itertools.pairwise(times_s)):
        if second_s - first_s < SMALLEST_STEP_S:
            raise InputError(
                _(
                    "Two phases ('{first}' and '{second}') cannot both be at {time_s:g} s: give each its own time."
                ).format(first=_label(items, number), second=_label(items, number + 1), time_s=second_s)
            )


def _show_anew(sequence: slicer.vtkMRMLSequenceNode) -> None:
    """Have whatever shows the sequence follow its new order."""
    if sequence.GetScene() is None:
        return
    browsers = vtk.vtkCollection()
    logic = slicer.modules.sequences.logic()
    logic.GetBrowserNodesForSequenceNode(sequence, browsers)
    for browser in browsers:
        logic.UpdateProxyNodesFromSequences(browser)
