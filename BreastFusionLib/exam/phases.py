"""When volumes were taken: ordering phases and giving them seconds, from whichever time tag tells.

No single tag works for every scanner: Siemens writes one AcquisitionTime a phase, GE the same AcquisitionTime for
all phases of a series and a TriggerTime (ms since the start) for each, Philips a TemporalPositionIdentifier. A tag is
used only when it is present everywhere and different for all.
"""

from __future__ import annotations

import datetime
import itertools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

__all__ = ["PhaseOrder", "Stamp", "order_phases", "unwrapped"]

HALF_DAY_S = 43_200.0
DAY_S = 86_400.0

# Fastest breast protocols take about 3 s a phase; smaller differences are cardiac delays or the time it took to
# write a file.
SMALLEST_STEP_S = 0.5

# In the order in which they are believed. Within one series a phase number or the time since its start is surest;
# between series only the clock counts, because every series starts its own numbering.
WITHIN_SERIES = (
    "temporal_position",
    "trigger_s",
    "acquisition_s",
    "content_s",
    "acquisition_number",
    "instance_number",
)
BETWEEN_SERIES = ("acquisition_s", "start_s", "content_s", "trigger_s", "temporal_position", "name", "series_number")
TIMES = ("trigger_s", "acquisition_s", "start_s", "content_s", "resolution_s")

_WORDS = {
    "temporal_position": "TemporalPositionIdentifier",
    "trigger_s": "TriggerTime",
    "acquisition_s": "AcquisitionTime",
    "start_s": "AcquisitionTime plus TriggerTime",
    "content_s": "ContentTime",
    "acquisition_number": "AcquisitionNumber",
    "instance_number": "InstanceNumber",
    "name": "the series' names",
    "series_number": "SeriesNumber",
    "resolution_s": "TemporalPositionIdentifier and TemporalResolution",
}


@dataclass(frozen=True)
class Stamp:
    """What headers say about when an image, or the earliest image of a volume, was taken.

    Attributes:
        series: which series it belongs to.
        temporal_position: TemporalPositionIdentifier.
        resolution_s: the time that TemporalPositionIdentifier and TemporalResolution give.
        trigger_s: TriggerTime.
        acquisition_s: acquisition date and time on one axis; the origin is arbitrary.
        content_s: content date and time.
        acquisition_number: AcquisitionNumber.
        instance_number: InstanceNumber.
        series_number: SeriesNumber.
        name: phase number in the series' name ('pre' 0, 'Ph2/', '2nd pass').
    """

    series: str = ""
    temporal_position: float | None = None
    resolution_s: float | None = None
    trigger_s: float | None = None
    acquisition_s: float | None = None
    content_s: float | None = None
    acquisition_number: float | None = None
    instance_number: float | None = None
    series_number: float | None = None
    name: float | None = None

    @property
    def start_s(self) -> float | None:
        """Acquisition time plus trigger time: tells apart the phases of several GE series."""
        if self.acquisition_s is None or self.trigger_s is None:
            return None
        return self.acquisition_s + self.trigger_s

    @classmethod
    def of_header(cls, header: Mapping[str, Any]) -> Stamp:
        """Return the stamp of one image from its plain header."""
        position, resolution_ms = _number(header, "TemporalPositionIdentifier"), _number(header, "TemporalResolution")
        trigger_ms = _number(header, "TriggerTime")
        return cls(
            series=str(header.get("SeriesInstanceUID", "")),
            temporal_position=position,
            resolution_s=position * resolution_ms / 1000 if position is not None and resolution_ms else None,
            trigger_s=None if trigger_ms is None else trigger_ms / 1000,
            acquisition_s=_clock_s(header, "Acquisition"),
            content_s=_clock_s(header, "Content"),
            acquisition_number=_number(header, "AcquisitionNumber"),
            instance_number=_number(header, "InstanceNumber"),
            series_number=_number(header, "SeriesNumber"),
            name=_phase_in_name(str(header.get("SeriesDescription", ""))),
        )

    @classmethod
    def of_headers(cls, headers: Sequence[Mapping[str, Any]]) -> Stamp:
        """Return the stamp of a volume: of each tag, the smallest value of its images."""
        stamps = [cls.of_header(header) for header in headers]
        smallest: dict[str, Any] = {}
        for name in cls.__dataclass_fields__:
            values = [getattr(stamp, name) for stamp in stamps]
            smallest[name] = None if any(value is None for value in values) else min(values)
        clocks = [stamp.acquisition_s for stamp in stamps if stamp.acquisition_s is not None]
        if len(clocks) == len(stamps):
            smallest["acquisition_s"] = min(unwrapped(clocks))
        return cls(**smallest)


@dataclass(frozen=True)
class PhaseOrder:
    """Phases in time order.

    Attributes:
        order: indices into what was given, earliest first.
        times_s: seconds after the first phase, in that order; None where no tag tells (the first is always 0).
        warnings: sentences.
    """

    order: tuple[int, ...]
    times_s: tuple[float | None, ...]
    warnings: tuple[str, ...] = ()


def order_phases(stamps: Sequence[Stamp]) -> PhaseOrder:
    """Bring volumes into time order by the surest tag that is different for all of them.

    Args:
        stamps: one for each volume, of one series or of several.

    Returns:
        Their order and times.
    """
    if len(stamps) == 1:
        return PhaseOrder((0,), (0.0,))
    keys = WITHIN_SERIES if len({stamp.series for stamp in stamps}) == 1 else BETWEEN_SERIES
    key, values = next(((k, v) for k in keys if (v := distinct_values(stamps, k)) is not None), (None, None))
    if values is None:
        return PhaseOrder(
            tuple(sorted(range(len(stamps)), key=lambda index: stamps[index].series_number or 0)),
            (0.0, *[None] * (len(stamps) - 1)),
            ("The order of the DCE phases is a guess: no time tag tells them apart. Check it before reading.",),
        )
    order = tuple(sorted(range(len(stamps)), key=values.__getitem__))
    for time_key in TIMES:
        times = distinct_values([stamps[index] for index in order], time_key)
        if times is not None and all(b - a >= SMALLEST_STEP_S for a, b in itertools.pairwise(times)):
            return PhaseOrder(order, tuple(round(time - times[0], 3) for time in times))
    warning = (
        f"The DCE phases are in the order of {_WORDS[str(key)]}, but no tag gives their times in seconds: "
        "rates and times of enhancement are unknown."
    )
    return PhaseOrder(order, (0.0, *[None] * (len(stamps) - 1)), (warning,))


def distinct_values(stamps: Sequence[Stamp], key: str) -> list[float] | None:
    """Return the values of one tag, clock times made continuous over midnight; None unless all exist and differ."""
    values = [getattr(stamp, key) for stamp in stamps]
    if any(value is None for value in values):
        return None
    if key in ("acquisition_s", "start_s", "content_s"):
        values = unwrapped(values)
    smallest = SMALLEST_STEP_S if key.endswith("_s") else 0.0
    ordered = sorted(values)
    steps = [b - a for a, b in itertools.pairwise(ordered)]
    return values if all(step > 0 and step >= smallest for step in steps) else None


def unwrapped(seconds: Sequence[float]) -> list[float]:
    """Make clock times continuous when they cross midnight under one (anonymised) date.

    An exam lasts less than half a day, so times further apart belong to two days: the day begins after the widest
    gap on the clock face.
    """
    if max(seconds) - min(seconds) <= HALF_DAY_S:
        return list(seconds)
    clock = sorted(second % DAY_S for second in seconds)
    gaps = [(b - a) % DAY_S for a, b in zip([clock[-1], *clock[:-1]], clock, strict=True)]
    start = clock[gaps.index(max(gaps))]
    return [start + (second % DAY_S - start) % DAY_S for second in seconds]


def _number(header: Mapping[str, Any], keyword: str) -> float | None:
    try:
        return float(header[keyword])
    except (KeyError, TypeError, ValueError):
        return None


def _clock_s(header: Mapping[str, Any], which: str) -> float | None:
    """Seconds of '<which>Date' and '<which>Time' (or '<which>DateTime') on one axis; without a date, of day 0."""
    text = str(header.get(f"{which}DateTime", ""))
    if len(text) >= 14:
        date, time = text[:8], re.split(r"[+\-]", text[8:])[0]
    else:
        date, time = str(header.get(f"{which}Date", "")), str(header.get(f"{which}Time", ""))
    time = time.replace(":", "")  # ACR-NEMA wrote hh:mm:ss
    if not re.fullmatch(r"\d{4,6}(\.\d+)?", time):
        return None
    day = 0
    if re.fullmatch(r"\d{8}", date):
        try:
            day = datetime.date(int(date[:4]), int(date[4:6]), int(date[6:])).toordinal()
        except ValueError:  # an anonymised date such as 00000000
            day = 0
    return day * DAY_S + int(time[:2]) * 3600 + int(time[2:4]) * 60 + float(time[4:] or 0)


def _phase_in_name(description: str) -> float | None:
    """Phase number in a series' name: 'pre' and 'mask' are 0; 'Ph2/', '2nd pass', 'post 2' are 2."""
    text = description.lower().replace("_", " ")
    if re.search(r"\bpre\b|\bmask", text):
        return 0.0
    found = re.search(r"^ph ?(\d+)/|\b(\d+)(?:st|nd|rd|th)\b|\bpost ?#?(\d+)\b", text)
    return float(next(group for group in found.groups() if group)) if found else None
