"""Seconds after the pre-contrast phase, as they stand on the screen and as a user types them."""

from __future__ import annotations

import math

from slicer.i18n import tr as _

from BreastFusionLib.errors import InputError

__all__ = ["seconds_of", "time_text"]

_NO_BREAK_SPACE = "\N{NO-BREAK SPACE}"


def time_text(time_s: float | None, decimals: int = 0) -> str:
    """Return '1 371 s', or 'unknown'; thousands are apart as radiologists' tables have them, never by a comma."""
    if time_s is None:
        return _("unknown")
    return f"{time_s:,.{decimals}f}".replace(",", _NO_BREAK_SPACE) + _NO_BREAK_SPACE + "s"


def seconds_of(text: str) -> float | None:
    """Return the seconds that a user typed: '1371', '1 371 s', '22.5'; None for 'unknown' or nothing.

    Raises:
        InputError: it is no number of seconds.
    """
    digits = "".join(text.split()).removesuffix("s").replace(",", ".")
    if digits in ("", "".join(_("unknown").split()).removesuffix("s")):
        return None
    try:
        time_s = float(digits)
    except ValueError:
        time_s = math.nan
    if not math.isfinite(time_s):
        raise InputError(
            _("'{text}' is no time. Type seconds after the phase before contrast, for example 120.").format(text=text)
        )
    return time_s
