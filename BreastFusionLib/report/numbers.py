"""How numbers are written on a page: digits, intervals, P values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from BreastFusionLib.report.page import Html, element, join

__all__ = ["counted", "equal_p", "fixed", "interval_text", "number", "p_value", "percent", "with_interval"]

_MINUS = "\u2212"


def with_interval(
    estimate: Mapping[str, Any] | None, digits: int = 1, percent: bool = False, sign: bool = False, unit: str = " %"
) -> Html | None:
    """Return a cell: the value, and its interval in small letters; None where there is no value.

    Args:
        estimate: 'value', 'low', 'high'.
        digits: after the point; of per cent always one.
        percent: times 100, with the sign.
        sign: write + before positive values.
        unit: what stands after a value that is given in per cent; none where a heading says it.
    """
    if estimate is None or estimate["value"] is None:
        return None
    scale, form = (100, ".1f") if percent else (1, f".{digits}f")
    value = number(scale * estimate["value"], f"+{form}" if sign else form) + (unit if percent else "")
    low, high = estimate.get("low"), estimate.get("high")
    if low is None or high is None:
        return join([value])
    return join([f"{value} ", element("small", f"[{number(scale * low, form)}, {number(scale * high, form)}]")])


def interval_text(
    estimate: Mapping[str, Any], digits: int = 3, percent: bool = False, name: str = "", after: str = ""
) -> str:
    """Return the same for running text: '0.849 (0.834 to 0.864)'.

    Args:
        estimate: 'value', 'low', 'high'.
        digits: after the point; of per cent always one.
        percent: times 100, with the sign.
        name: of the interval, before it: '95 % CI '.
        after: what else stands in the brackets: 'P = .02'.
    """
    scale, form, unit = (100, ".1f", " %") if percent else (1, f".{digits}f", "")
    value, low, high = (estimate.get(key) for key in ("value", "low", "high"))
    if value is None:
        return "not measured"
    ends = "" if low is None or high is None else f"{name}{number(scale * low, form)} to {number(scale * high, form)}"
    inside = "; ".join(part for part in (ends, after) if part)
    return f"{number(scale * value, form)}{unit}" + (f" ({inside})" if inside else "")


def p_value(p: float | None) -> str | None:
    """Return a P value as journals print it, without the zero before the point; None where there is none."""
    if p is None:
        return None
    if p < 0.001 or p > 0.99:
        return "< .001" if p < 0.001 else "> .99"
    return (f"{p:.3f}" if p < 0.0995 else f"{p:.2f}").removeprefix("0")


def equal_p(p: float | None) -> str:
    """Return a P value for running text: 'P = .02', 'P < .001'; nothing where there is none."""
    shown = p_value(p)
    return "" if shown is None else f"P {shown}" if shown[0] in "<>" else f"P = {shown}"


def number(value: float, form: str) -> str:
    """Return a number with a minus sign that is as wide as a plus; what rounds to zero has no sign.

    Args:
        value: finite.
        form: as in a format string: '.3f', '+.1f'.
    """
    text = f"{value:{form}}"
    return text.lstrip("+-") if float(text) == 0 else text.replace("-", _MINUS)


def fixed(value: float | None, digits: int = 3) -> str | None:
    """Return a number with so many digits after the point."""
    return None if value is None else number(value, f".{digits}f")


def percent(value: float | None) -> str | None:
    """Return a share in per cent."""
    return None if value is None else f"{number(100 * value, '.1f')} %"


def counted(number: int, noun: str) -> str:
    """Return '1 model' or '2 models'."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
