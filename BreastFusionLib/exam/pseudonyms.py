"""Names without patient data: what may be written, shown and logged instead of ids, UIDs and names."""

from __future__ import annotations

import re
from collections.abc import Iterable

from BreastFusionLib.files import sha256_of_bytes

__all__ = ["hashed_uid", "pseudonym_of", "without_patient"]

_UID = re.compile(r"\d+(?:\.\d+){4,}")


def pseudonym_of(patient_id: str) -> str:
    """Return a name for a patient: always the same for the same id, and without the id in it."""
    return f"P-{sha256_of_bytes(patient_id.encode())[:12]}"


def hashed_uid(uid: str) -> str:
    """Return 16 hexadecimal digits that stand for a DICOM UID."""
    return sha256_of_bytes(uid.encode())[:16]


def without_patient(text: str, secrets: Iterable[str]) -> str:
    """Return a text with whatever tells whose images these are replaced by '..'.

    Args:
        text: a description, or a sentence that may name files: files are called after patients and UIDs.
        secrets: the patient's id and name ('Mustermann^Erika'), the study's folder. Parts of three letters and less
            are left, which occur anywhere.

    >>> without_patient("t2 mustermann, 1.2.840.113619.2.1.dcm", ["Mustermann^Erika"])
    't2 .., ...dcm'
    """
    words = {word for secret in secrets for word in (secret, *secret.split("^")) if len(word) >= 4}
    known = [re.escape(word) for word in sorted(words, key=len, reverse=True)]
    return re.sub("|".join([*known, _UID.pattern]), "..", text, flags=re.IGNORECASE)
