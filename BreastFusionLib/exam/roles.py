"""What a series is for, from the words and numbers in its header.

Scanners have no tag for "this is the dynamic series": technologists type descriptions, vendors add words of their
own (VIBRANT, VIBE, eTHRIVE, dynaVIEWS, `Ph1/..`, `: SER`). `role_words` holds the words; TR and TE decide where the
words only hint; `classify_table` also looks at what else the study holds.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from BreastFusionLib.exam.model import Role
from BreastFusionLib.exam.role_words import GRADIENT_ECHO, IMAGE_TYPES, WORDS

__all__ = ["SeriesRole", "classify_series", "classify_table", "normalised"]

EXPLICIT = 0.9
"""From this confidence on, a name says what the series is; below, it only hints."""

_WORDS = tuple((role, confidence, re.compile(pattern), words) for role, confidence, pattern, words in WORDS)
_GRADIENT_ECHO = re.compile(GRADIENT_ECHO)
# What may differ between the names of one dynamic series' phases: 'Ph1/', 'pre', 'post2', '1st pass', numbers.
_PHASE_WORDS = re.compile(
    r"^ph ?\d+/|\b\d*(?:pre|post|mask|repeat|immed|pass?)\d*\b|\b\d+(?:st|nd|rd|th)\b|#?\b\d+\b|[^a-z0-9+]"
)


@dataclass(frozen=True)
class SeriesRole:
    """The role of a series.

    Attributes:
        role: what it is for.
        confidence: 0..1; from .9 on the header is explicit, below it only hints.
        reason: one sentence.
    """

    role: Role
    confidence: float
    reason: str


def normalised(description: Any) -> str:
    """Return a description in lower case with single spaces, without a trial's prefix ('ISPY2: '); '' when absent."""
    if not isinstance(description, str):  # None, or NaN from a table
        return ""
    text = " ".join(description.lower().replace("_", " ").split())
    return text.removeprefix("ispy2:").strip()


def classify_series(header: Mapping[str, Any]) -> SeriesRole:
    """Tell what a series is for.

    Args:
        header: DICOM keyword -> value; any of SeriesDescription, ProtocolName, ImageType, Modality, SamplesPerPixel,
            RepetitionTime (ms), EchoTime (ms). What is absent is not used.

    Returns:
        The role, how sure it is, and why. A header that says nothing is 'other' with confidence 0.
    """
    by_tags = _from_tags(header)
    if by_tags is not None:
        return by_tags
    by_numbers = _weighting(header)
    for keyword in ("SeriesDescription", "ProtocolName"):
        by_words = _from_words(normalised(header.get(keyword)))
        if by_words is not None:
            return _checked(by_words, by_numbers)
    if by_numbers is not None:
        return SeriesRole(by_numbers[0], 0.5, f"Its name says nothing; {by_numbers[1]}.")
    return SeriesRole("other", 0.0, "Neither its name nor its header says what it is.")


def _from_tags(header: Mapping[str, Any]) -> SeriesRole | None:
    modality = header.get("Modality")
    if isinstance(modality, str) and modality not in ("", "MR"):
        return SeriesRole("other", 1.0, f"Its modality is {modality}, not MR.")
    if str(header.get("SamplesPerPixel")) == "3":
        return SeriesRole("derived", 1.0, "It holds colour images.")
    image_type = header.get("ImageType")
    values = image_type.split("\\") if isinstance(image_type, str) else image_type
    if isinstance(values, Sequence):
        present = {str(value).strip().upper() for value in values}
        for role, known, words in IMAGE_TYPES:
            if found := present & known:
                return SeriesRole(role, 0.95, f"Image type {min(found)}: {words}.")
    return None


def _from_words(text: str) -> SeriesRole | None:
    for role, confidence, pattern, words in _WORDS:
        if match := pattern.search(text):
            quoted = f" ('{match.group(0).strip()}')" if match.group(0).strip() else ""
            return SeriesRole(role, confidence, f"Its name{quoted} says: {words}.")
    return None


def _checked(found: SeriesRole, by_numbers: tuple[Role, str] | None) -> SeriesRole:
    """Let TR and TE confirm or overrule words that only hint at a weighting."""
    if by_numbers is None or found.confidence > 0.7 or found.role not in ("t1", "t2"):
        return found
    role, numbers = by_numbers
    if role == found.role:
        return SeriesRole(role, 0.8, f"{found.reason[:-1]}, and {numbers}.")
    return SeriesRole(role, 0.6, f"Its name is ambiguous; {numbers}.")


def _weighting(header: Mapping[str, Any]) -> tuple[Role, str] | None:
    """Weighting by TR and TE: long TE with long TR is T2, short TE with short TR is T1 (clinical 1.5 T and 3 T)."""
    try:
        tr_ms, te_ms = float(header["RepetitionTime"]), float(header["EchoTime"])
    except (KeyError, TypeError, ValueError):
        return None
    numbers = f"TR {tr_ms:g} ms and TE {te_ms:g} ms mean"
    if te_ms >= 45 and tr_ms >= 1500:
        return "t2", f"{numbers} T2 weighting"
    if te_ms <= 30 and tr_ms <= 1200:
        return "t1", f"{numbers} T1 weighting"
    return None


def classify_table(rows: Iterable[Mapping[str, Any]]) -> list[SeriesRole]:
    """Classify a table of series headers, using what else the same study holds.

    Three or more volumes of one study whose names differ only in before/after words and numbers ('ax vibe pre fat
    sat', 'ax vibe post fat sat' x 7) are the phases of a dynamic series. A single volume of a dynamic technique
    beside an explicit dynamic series is a T1 volume.

    Args:
        rows: headers as for `classify_series`; StudyInstanceUID and instanceCount are used when present.

    Returns:
        One role a row, in the rows' order.
    """
    headers = list(rows)
    roles = [classify_series(header) for header in headers]
    studies: dict[Any, list[int]] = defaultdict(list)
    for number, (header, found) in enumerate(zip(headers, roles, strict=True)):
        if header.get("StudyInstanceUID") and found.role in ("dce", "t1"):
            studies[header["StudyInstanceUID"]].append(number)
    for numbers in studies.values():
        settled = _settle([headers[n] for n in numbers], [roles[n] for n in numbers])
        for number, role in zip(numbers, settled, strict=True):
            roles[number] = role
    return roles


def _settle(headers: list[Mapping[str, Any]], roles: list[SeriesRole]) -> list[SeriesRole]:
    """Decide between DCE and T1 for the series of one study that are one of the two."""
    names = [normalised(header.get("SeriesDescription")) for header in headers]
    families = [(_without_phase_words(name), _count(header)) for name, header in zip(names, headers, strict=True)]
    repeats = Counter(families)
    of_phases = {f for f, name in zip(families, names, strict=True) if _GRADIENT_ECHO.search(name) or "post" in name}
    explicit = {f for f, found in zip(families, roles, strict=True) if _is_explicit_dce(found)}
    settled = []
    for family, found in zip(families, roles, strict=True):
        # A pre-contrast volume may have a name of its own; it still has as many slices as every other phase.
        may_be_phase = family in explicit or any(_is_multiple(count, family[1]) for _, count in explicit)
        if _is_explicit_dce(found):
            settled.append(found)
        elif repeats[family] >= 3 and family in of_phases and (family in explicit or not explicit):
            reason = f"One of {repeats[family]} volumes with the same name: the phases of one dynamic series."
            settled.append(SeriesRole("dce", 0.85, reason))
        elif found.role == "dce" and explicit and not may_be_phase and "original dce" not in family[0]:
            settled.append(SeriesRole("t1", 0.7, "A single volume of a dynamic technique beside the dynamic series."))
        else:
            settled.append(found)
    return settled


def _is_explicit_dce(found: SeriesRole) -> bool:
    return found.role == "dce" and found.confidence >= EXPLICIT


def _without_phase_words(name: str) -> str:
    """Return what is equal in the names of one dynamic series' phases."""
    return " ".join(_PHASE_WORDS.sub(" ", name).split())


def _count(header: Mapping[str, Any]) -> int:
    try:
        return int(header["instanceCount"])
    except (KeyError, TypeError, ValueError):
        return 0


def _is_multiple(whole: int, part: int) -> bool:
    return part == 0 or whole % part == 0
