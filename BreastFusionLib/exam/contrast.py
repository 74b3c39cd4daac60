"""Before or after contrast: from a series' name, its time against the dynamic series, and the agent in its header."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from BreastFusionLib.exam.model import Contrast
from BreastFusionLib.exam.roles import normalised

__all__ = ["contrast_in_name", "contrast_state"]

_BEFORE = re.compile(
    r"\bpre\b|\bpre[ -]?contrast|\bmask\b|\bmask\+|\bnative?\b|\bw/o\b|\bwithout\b|\bnon[ -]?contrast|\bunenhanced"
)
_AFTER = re.compile(
    r"\+ ?[fg]? ?\+? ?c\b|\bc\+|\+ ?gad|\bpost\b|\bpost ?#?\d|\bpost[ -]?contrast|\d ?post\b|\bgad(?:o\w*)?\b|"
    r"\bce ?\d?\b|\bkm\b|\b\d(?:st|nd|rd|th) ?pas+\b|^ph ?\d+/|\bdelay|\benhanced"
)
_NO_AGENT = {"", "no", "none", "n", "nil", "0", "not applicable", "no contrast", "without"}


def contrast_in_name(description: str) -> Contrast:
    """Return what a series' name says; a name that says both ('pre/post') says nothing."""
    text = normalised(description)
    before, after = bool(_BEFORE.search(text)), bool(_AFTER.search(text))
    if before == after:
        return "unknown"
    return "pre" if before else "post"


def contrast_state(
    header: Mapping[str, Any],
    time_s: float | None = None,
    last_before_s: float | None = None,
    first_after_s: float | None = None,
) -> Contrast:
    """Tell whether a series was taken before or after contrast.

    The name is believed first, then the clock, then the agent: some scanners write the agent into every series of
    a study, even those before the injection, while nothing taken before the pre-contrast phase can hold contrast.

    Args:
        header: its plain header (SeriesDescription, ContrastBolusAgent).
        time_s: when it was acquired.
        last_before_s: when the dynamic series' pre-contrast phase was acquired, on the same clock.
        first_after_s: when its first post-contrast phase was acquired.

    Returns:
        'pre', 'post' or 'unknown'. A missing agent alone proves nothing.
    """
    named = contrast_in_name(str(header.get("SeriesDescription", "")))
    if named != "unknown":
        return named
    if time_s is not None and last_before_s is not None and time_s <= last_before_s:
        return "pre"
    if time_s is not None and first_after_s is not None and time_s >= first_after_s:
        return "post"
    agent = str(header.get("ContrastBolusAgent", "")).strip().lower()
    return "unknown" if agent in _NO_AGENT else "post"
