"""What the result says, in words: from a reading to the lines on screen, without any widget."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from slicer.i18n import tr as _

from BreastFusionLib.reading.metadata import OPERATING_POINT
from BreastFusionLib.reading.recipe import SEQUENCE_WORDS

__all__ = ["ResultWords", "describe_reading", "operating_point_words", "outline_words", "short"]


@dataclass(frozen=True)
class ResultWords:
    """The lines of one result; an empty one is not shown.

    Attributes:
        title: what the number is, in the bundle's own words.
        number: the probability with two decimals; empty when it has no meaning for this patient.
        statement: what stands instead of the number.
        greyed: the case is unlike the training cases, so the number is not to be trusted.
        alone: what each source says by itself.
        weights: how much each source counted, where the model weighs them in each case.
        why: the reasons.
        warnings: sentences.
        footer: model, device and time.
    """

    title: str
    number: str
    statement: str
    greyed: bool
    alone: str
    weights: str
    why: str
    warnings: tuple[str, ...]
    footer: str


def describe_reading(reading: Mapping[str, Any]) -> ResultWords:
    """Return the words of a reading.

    Args:
        reading: the content of reading.json.
    """
    meaningful = reading["probability"] is not None
    parts = reading["parts"] if meaningful else {}
    weights = reading["sources"].get("weights", {}) if meaningful else {}
    return ResultWords(
        title=reading["title"] if meaningful else "",
        number=f"{reading['probability']:.2f}" if meaningful else "",
        statement="" if meaningful else reading["statement"],
        greyed=meaningful and not reading["in_distribution"],
        # A source and its number stay in one line.
        alone=" · ".join(f"{_source_words(source)}\u00a0{short(value)}" for source, value in parts.items()),
        weights=" · ".join(
            f"{_source_words(source)}\u00a0{100 * value:.0f}\u00a0%" for source, value in weights.items()
        ),
        why=_unbroken("; ".join(reading["why"])) if meaningful else "",
        warnings=_warnings(reading),
        footer=_("{model} {version} · {device} · {seconds:.1f} s").format(
            model=reading["bundle"]["name"],
            version=reading["bundle"]["version"],
            device=_device_words(reading["device"]),
            seconds=reading["seconds"]["total"],
        ),
    )


def short(probability: float) -> str:
    """Return a probability as it stands in a line of text: two decimals, no leading zero.

    >>> short(0.807), short(1.0)
    ('.81', '1.00')
    """
    return f"{probability:.2f}".removeprefix("0")


def outline_words(low: float, high: float) -> str:
    """Return what becomes of the result when the outline is drawn a little smaller or larger."""
    return _("outline moved a little: {low} to {high}").format(low=short(low), high=short(high))


def operating_point_words(threshold: float) -> str:
    """Return the shown threshold with what it stands for."""
    quantity, _underscore, share = OPERATING_POINT.partition("_")
    return _("threshold {value} ({share:.0f} % {quantity})").format(
        value=short(threshold), share=100 * float(share), quantity=quantity
    )


def _source_words(source: str) -> str:
    return SEQUENCE_WORDS.get(source) or {"clinical": _("clinical data")}.get(source, source)


def _device_words(device: str) -> str:
    return "CPU" if device == "cpu" else _("graphics card ({device})").format(device=device)


def _warnings(reading: Mapping[str, Any]) -> tuple[str, ...]:
    """Return what the reading warns of, in its order: missing sources first."""
    return tuple(map(_unbroken, reading["warnings"]))


def _unbroken(sentence: str) -> str:
    """Return a sentence in which no line begins with a percent sign."""
    return sentence.replace(" %", "\u00a0%")
