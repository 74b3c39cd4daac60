"""Names without patient data: what may be written, shown and logged instead of ids, UIDs and names."""

from __future__ import annotations

import re
from dataclasses import replace

from BreastFusionLib.exam.model import Series
from BreastFusionLib.files import sha256_of_bytes

__all__ = ["hashed_uid", "pseudonym_of", "without_patient"]


def pseudonym_of(patient_id: str) -> str:
    """Return a name for a patient: always the same for the same id, and without the id in it."""
    return f"P-{sha256_of_bytes(patient_id.encode())[:12]}"


def hashed_uid(uid: str) -> str:
    """Return 16 hexadecimal digits that stand for a DICOM UID."""
    return sha256_of_bytes(uid.encode())[:16]


def without_patient(series: Series, patient: tuple[str, str]) -> Series:
    """Return the series with the patient's id and name taken out of its description and reason."""
    known = [word for text in patient for word in (text, *text.split("^")) if len(word) >= 4]
    if not known:
        return series
    pattern = re.compile("|".join(re.escape(word) for word in sorted(known, key=len, reverse=True)), re.IGNORECASE)
    return replace(series, description=pattern.sub("..", series.description), reason=pattern.sub("..", series.reason))
