"""How numbers are written on a page: digits, intervals, P values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from BreastFusionLib.report.page import Html, element, join

__all__ = ["counted", "fixed", "interval_text", "p_value", "percent", "with_interval"]


def with_interval(
    estimate: Mapping[str, Any] | None, digits: int = 1, percent: bool = False, sign: bool = False
) -> Html | None:
    """Return a cell: the value, and its interval in small letters; None where there is no value.

    Args:
        estimate: 'value', 'low', 'high'.
        digits: after the point; of per cent always one.
        percent: times 100, with the sign.
        sign: write + before positive values.
    """
    if estimate is None or estimate["value"] is None:
        return None
    scale, form = (100, ".1f") if percent else (1, f".{digits}f")
    shown = {key: None if value is None else f"{scale * value:{form}}" for key, value in estimate.items()}
    value = f"{scale * estimate['value']:+{form}}" if sign else shown["value"]
    unit = " %" if percent else ""
    if shown.get("low") is None:
        return join([f"{value}{unit}"])
    return join([f"{value}{unit} ", element("small", f"[{shown['low']}, {shown['high']}]")])


def interval_text(estimate: Mapping[str, Any], digits: int = 3, percent: bool = False) -> str:
    """Return the same for running text: '0.849 (0.834 to 0.864)'."""
    scale, form, unit = (100, ".1f", " %") if percent else (1, f".{digits}f", "")
    value, low, high = (estimate.get(key) for key in ("value", "low", "high"))
    if value is None:
        return "not measured"
    text = f"{scale * value:{form}}{unit}"
    return text if low is None or high is None else f"{text} ({scale * low:{form}} to {scale * high:{form}})"


def p_value(p: float | None) -> str | None:
    """Return a P value as journals print it; None where there is none."""
    if p is None:
        return None
    return "< 0.001" if p < 0.001 else f"{p:.3f}" if p < 0.1 else f"{p:.2f}"


def fixed(value: float | None, digits: int = 3) -> str | None:
    """Return a number with so many digits after the point."""
    return None if value is None else f"{value:.{digits}f}"


def percent(value: float | None) -> str | None:
    """Return a share in per cent."""
    return None if value is None else f"{100 * value:.1f} %"


def counted(number: int, noun: str) -> str:
    """Return '1 model' or '2 models'."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
