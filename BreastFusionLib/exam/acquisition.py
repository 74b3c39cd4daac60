"""How a series was taken, as columns of a table: field strength, echo and repetition times, voxel size, scanner."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from BreastFusionLib.exam.model import Exam, Role

__all__ = ["ACQUISITION_COLUMNS", "acquisition_columns", "field_strength_t"]

# Column -> DICOM keyword, the values that a breast protocol can have, and the factors that bring units that some
# exporters write instead of DICOM's own (gauss and millitesla, seconds, kHz and Hz, cm and m) to the column's unit.
# What lies outside with every factor means nothing (0 often stands for 'not known') and counts as missing.
_MEASURES: Mapping[str, tuple[str, tuple[float, float], tuple[float, ...]]] = {
    # Below 10 T: 10,000 are the gauss of 1 T, not the millitesla of 10.
    "field_strength_t": ("MagneticFieldStrength", (0.05, 9.5), (1.0, 1e-3, 1e-4)),
    "repetition_time_ms": ("RepetitionTime", (0.5, 60_000.0), (1.0, 1e3)),
    "echo_time_ms": ("EchoTime", (0.3, 1_000.0), (1.0, 1e3)),
    "flip_angle_deg": ("FlipAngle", (0.1, 360.0), (1.0,)),
    "echo_train_length": ("EchoTrainLength", (1.0, 2_048.0), (1.0,)),
    "reconstruction_diameter_mm": ("ReconstructionDiameter", (80.0, 800.0), (1.0, 10.0, 1e3)),
    "imaging_frequency_mhz": ("ImagingFrequency", (2.0, 430.0), (1.0, 1e-3, 1e-6)),
}
_WORDS = {"scanner_model": "ManufacturerModelName", "manufacturer": "Manufacturer"}

ACQUISITION_COLUMNS = (*_MEASURES, "pixel_spacing_mm", "slice_spacing_mm", *_WORDS)
"""All columns that `acquisition_columns` knows."""


def acquisition_columns(exam: Exam, role: Role = "dce") -> dict[str, float | str]:
    """Return how a series was taken (the acquisition columns of holste2021, supplement).

    Args:
        exam: the exam; files without DICOM headers tell their voxel sizes only.
        role: of the series.

    Returns:
        Column -> value: numbers in the unit that the name ends with, words without surrounding blanks. What the
        series does not tell is absent, and so is everything when the exam has no such series.
    """
    series = exam.get(role)
    if series is None:
        return {}
    columns: dict[str, float | str] = {}
    for name, (keyword, plausible, factors) in _MEASURES.items():
        value = _in_unit(series.acquisition.get(keyword), plausible, factors)
        if value is not None:
            columns[name] = value
    columns["pixel_spacing_mm"] = float(series.grid.spacing_mm[0])
    columns["slice_spacing_mm"] = float(series.grid.spacing_mm[2])
    for name, keyword in _WORDS.items():
        word = " ".join(str(series.acquisition.get(keyword) or "").split())
        if word:
            columns[name] = word
    return columns


def field_strength_t(exam: Exam, role: Role = "dce") -> float | None:
    """Return a series' field strength in tesla, or None when it is not known."""
    value = acquisition_columns(exam, role).get("field_strength_t")
    return value if isinstance(value, float) else None


def _in_unit(value: Any, plausible: tuple[float, float], factors: tuple[float, ...]) -> float | None:
    """Return a header's value in the column's unit: by the first factor that brings it into the plausible range."""
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):  # absent, several values, a word, or no end of digits
        return None
    low, high = plausible
    return next(
        (number * factor for factor in factors if math.isfinite(number) and low <= number * factor <= high), None
    )
