"""What the index of a sequence says of times: ours in seconds, somebody else's in the units that it names."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence

import slicer

from BreastFusionLib.exam.phases import unwrapped

__all__ = ["OWN", "TIME", "relative", "times_of"]

OWN = "BreastFusion.times"
"""Attribute of a sequence of ours: 'known' (the index is seconds) or 'unknown'."""
TIME = "BreastFusion.time_s"
"""Attribute of an item, while not all times are known."""

SECONDS_PER = {
    **{"s": 1.0, "sec": 1.0, "second": 1.0, "seconds": 1.0},
    **{"ms": 1e-3, "msec": 1e-3, "millisecond": 1e-3, "milliseconds": 1e-3, "us": 1e-6},
    **{"min": 60.0, "minute": 60.0, "minutes": 60.0},
}
# Slicer's importer of multi-volumes numbers the items and keeps their times beside them.
FRAME_LABELS, FRAME_UNIT = "MultiVolume.FrameLabels", "MultiVolume.FrameIdentifyingDICOMTagUnits"
CLOCK_TAGS = ("acquisitiontime", "contenttime", "seriestime")
_CLOCK = re.compile(r"\s*(\d\d)(\d\d)(\d\d(?:\.\d+)?)\s*")


def times_of(sequence: slicer.vtkMRMLSequenceNode) -> list[float | None]:
    """Return the times of all items in seconds after the first, which is at 0; None where nobody knows."""
    count = sequence.GetNumberOfDataNodes()
    if sequence.GetAttribute(OWN) == "unknown":
        items = [sequence.GetNthDataNode(number) for number in range(count)]
        kept = [None if item is None else item.GetAttribute(TIME) for item in items]
        return [0.0, *(None if text is None else float(text) for text in kept[1:])][:count]
    times_s = _clock_s(sequence, [sequence.GetNthIndexValue(number) for number in range(count)])
    if times_s is None or any(b <= a for a, b in itertools.pairwise(times_s)):
        return [0.0, *[None] * (count - 1)][:count]
    return relative(times_s)


def relative(times_s: Sequence[float | None]) -> list[float | None]:
    """Return times after the first, which is 0; without it none is known."""
    if not times_s or times_s[0] == 0:
        return list(times_s)
    first = times_s[0]
    return [0.0, *(None if time is None or first is None else round(time - first, 3) for time in times_s[1:])]


def _clock_s(sequence: slicer.vtkMRMLSequenceNode, index: Sequence[str]) -> list[float] | None:
    """Return what an index means in seconds of any clock; None when it is no time."""
    labels = (sequence.GetAttribute(FRAME_LABELS) or "").split(",")
    unit, is_own = sequence.GetIndexUnit(), sequence.GetAttribute(OWN) == "known"
    if len(labels) == len(index) > 1 and not is_own:
        index, unit = labels, sequence.GetAttribute(FRAME_UNIT) or ""
    elif not unit and sequence.GetIndexName().lower() in CLOCK_TAGS:
        clock = [found for text in index if (found := _CLOCK.fullmatch(text))]
        if len(clock) == len(index):
            return unwrapped(
                [3600 * int(hour) + 60 * int(minute) + float(s) for hour, minute, s in map(re.Match.groups, clock)]
            )
    try:
        values = [float(text) for text in index]
    except ValueError:
        return None
    scale = SECONDS_PER.get(unit.strip().lower())
    # Slicer counts 0, 1, 2, .. 'seconds' when nobody says anything else; no scanner takes a breast in one second.
    is_counted = scale == 1 and not is_own and [value - values[0] for value in values] == list(range(len(values)))
    return None if scale is None or is_counted else [value * scale for value in values]
