"""A series without its pixels in JSON's own types, and back: what exam folders and transfers between programs share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from BreastFusionLib.exam.geometry import Grid
from BreastFusionLib.exam.model import Phase, Series
from BreastFusionLib.files import to_plain

__all__ = ["WITH_PIXELS", "grid_of_entry", "series_from_mapping", "series_to_mapping"]

WITH_PIXELS = ("dce", "t1", "t2", "dwi", "adc")
"""Roles whose pixels are kept; derived, localizer and other series are only listed."""


def series_to_mapping(series: Series, phases: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return a series as a mapping.

    Args:
        series: the series.
        phases: where the pixels of each phase are, in the words of the caller.
    """
    return {
        "role": series.role,
        "description": series.description,
        "reason": series.reason,
        "contrast": series.contrast,
        "phases": list(phases),
        "size": series.grid.size,
        "spacing_mm": series.grid.spacing_mm,
        "origin_lps": series.grid.origin_lps,
        "direction": series.grid.direction,
        "acquisition": to_plain(dict(series.acquisition)),
        "sources": series.sources,
    }


def grid_of_entry(entry: Mapping[str, Any]) -> Grid:
    """Return the grid of a series that `series_to_mapping` described."""
    return Grid(tuple(entry["size"]), tuple(entry["spacing_mm"]), tuple(entry["origin_lps"]), tuple(entry["direction"]))


def series_from_mapping(entry: Mapping[str, Any], phases: Sequence[Phase]) -> Series:
    """Return the series of a mapping with the phases that the caller found."""
    return Series(
        role=entry["role"],
        description=entry["description"],
        reason=entry["reason"],
        contrast=entry["contrast"],
        phases=tuple(phases),
        grid=grid_of_entry(entry),
        acquisition=entry["acquisition"],
        sources=tuple(entry["sources"]),
    )
