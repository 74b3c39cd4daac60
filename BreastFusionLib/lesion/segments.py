"""Choosing one segment of a file that holds several."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from BreastFusionLib.errors import InputError

__all__ = ["Segment", "choose_segment"]


@dataclass(frozen=True)
class Segment:
    """One segment of a segmentation file.

    Attributes:
        number: DICOM's Segment Number, the place (from 1) in 3D Slicer's list, or the label in a label image.
        name: what the file calls it; empty in a label image.
    """

    number: int
    name: str = ""

    def __str__(self) -> str:
        return f"{self.number} '{self.name}'" if self.name else str(self.number)


def choose_segment(segments: Sequence[Segment], wanted: str | int | None, where: str) -> Segment:
    """Return the segment that is meant.

    Args:
        segments: all that the file holds.
        wanted: a name, or a number (also as text; a name goes before a number); None: the only one there is.
        where: the file, for messages.

    Raises:
        InputError: no such segment, or the wish is not unique.
    """
    if not segments:
        raise InputError(f"{where} holds no segment: it is empty. Draw the lesion and save it again.")
    known = f"It holds {', '.join(map(str, segments[:20]))}{', ..' * (len(segments) > 20)}."
    if wanted is None:
        found = list(segments)
        problem = f"{where} holds {len(segments)} segments, and one is needed"
    else:
        found = [s for s in segments if s.name and s.name == wanted]
        found = found or [s for s in segments if str(s.number) == str(wanted)]
        problem = f"{where} holds {len(found) or 'no'} segment{'s' * (len(found) > 1)} '{wanted}'"
    if len(found) != 1:
        raise InputError(
            f"{problem}. {known} Choose one of them by its number or name: --segment (radiomics: --label)."
        )
    return found[0]
