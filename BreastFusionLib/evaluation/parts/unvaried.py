"""Figures that are the same in every resample: they have no interval, and a sentence says why."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["unvaried"]


def unvaried(models: Mapping[str, Mapping[str, Any]], words: Mapping[tuple[str, ...], str]) -> list[str]:
    """Return a sentence for each model that has a figure without an interval.

    Args:
        models: name -> figures as {'value', 'low', 'high'}, in mappings of any depth.
        words: keys down to a figure that should have an interval ('operating_points', 'youden', 'threshold') -> words
            for it.
    """
    sentences = []
    for name, model in models.items():
        # Several keys may share their words.
        missing = list(dict.fromkeys(word for keys, word in words.items() if _lacks_interval(model, keys)))
        if missing:
            listed = missing[0] if len(missing) == 1 else f"{', '.join(missing[:-1])} and {missing[-1]}"
            sentences.append(
                f"{name}: no interval is given for {listed}. Every resample, or nearly every one, has the same value, "
                "as where scores separate the classes completely or tell nothing apart: that does not make it certain."
            )
    return sentences


def _lacks_interval(model: Mapping[str, Any], keys: tuple[str, ...]) -> bool:
    found: Any = model
    for key in keys:
        found = found[key]
    return found is not None and found["value"] is not None and found["low"] is None
