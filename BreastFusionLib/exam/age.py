"""The patient's age at the exam in whole years: all that an exam keeps of it, a birth date never."""

from __future__ import annotations

import re
from typing import Any, Protocol

__all__ = ["AGE", "OLDEST_YEARS", "age_in_years", "coarsened"]

AGE = "age"
"""What cohorts' tables and recipes call the age in years."""

OLDEST_YEARS = 90
"""Stands for this age and every higher one: so few people reach them that an age tells who it is (45 CFR 164.514)."""

_PLAUSIBLE_YEARS = range(1, 121)  # '000Y' is what some programs write in place of an age
_ACROSS_DATES_YEARS = range(1, 100)  # 1900-01-01 is what some write in place of a birth date
_MADE_UP = ("MODIFIED", "REMOVED")


class Header(Protocol):
    """Anything that gives the value of a DICOM keyword: a data set, or a dictionary."""

    def get(self, key: str, default: Any = None, /) -> Any:
        """Return the value, or the default."""


def age_in_years(header: Header) -> int | None:
    """Return the age that a DICOM header tells: PatientAge in years, else the years from birth to study date.

    Dates count only where nobody says that they were changed: de-identified images have dates that were moved.

    Args:
        header: gives PatientAge, PatientBirthDate and StudyDate, and whether these were changed
            (PatientIdentityRemoved, LongitudinalTemporalInformationModified).

    Returns:
        Whole years, at most `OLDEST_YEARS`; None where the header does not tell.
    """
    said = re.fullmatch(r"(\d{1,3})Y", _text(header, "PatientAge"))
    if said is not None:
        return coarsened(int(said[1])) if int(said[1]) in _PLAUSIBLE_YEARS else None
    born, seen = (re.fullmatch(r"(\d{4})(\d{4})", _text(header, f"{what}Date")) for what in ("PatientBirth", "Study"))
    if born is None or seen is None or _dates_are_made_up(header):
        return None
    years = int(seen[1]) - int(born[1]) - (seen[2] < born[2])
    return coarsened(years) if years in _ACROSS_DATES_YEARS else None


def coarsened(years: int) -> int:
    """Return an age that tells nobody who it is."""
    return min(years, OLDEST_YEARS)


def _dates_are_made_up(header: Header) -> bool:
    return (
        _text(header, "PatientIdentityRemoved") == "YES"
        or _text(header, "LongitudinalTemporalInformationModified") in _MADE_UP
    )


def _text(header: Header, keyword: str) -> str:
    return str(header.get(keyword) or "").strip().upper()
