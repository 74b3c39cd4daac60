"""Lesions that came from a click: where that was, and whether the outline is still what grew from there."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

from ..bridge.labelmaps import lesion_digest
from ..bridge.segment_tags import read_json_tag, write_json_tag

__all__ = ["Seed", "growing_seed", "plant"]

TAG = "BreastFusion.seed"


@dataclass(frozen=True)
class Seed:
    """How an outline grew.

    Attributes:
        position_lps: the point, mm.
        enhancement_percent: least enhancement.
        radius_mm: largest distance.
    """

    position_lps: tuple[float, float, float]
    enhancement_percent: float
    radius_mm: float


def plant(segmentation: Any, segment_id: str, seed: Seed) -> None:
    """Remember with the segment how its present outline grew; a saved scene keeps it."""
    kept = {"seed": asdict(seed), "outline": lesion_digest(segmentation, segment_id)}
    write_json_tag(segmentation.GetSegmentation().GetSegment(segment_id), TAG, kept)


def growing_seed(segmentation: Any, segment_id: str) -> Seed | None:
    """Return how the outline grew; None when it did not come from a click, or was edited since.

    An edit that was undone is none: what counts is the outline itself.
    """
    segment = None if segmentation is None else segmentation.GetSegmentation().GetSegment(segment_id)
    if segment is None:
        return None
    kept = read_json_tag(segment, TAG)
    try:
        if kept["outline"] != lesion_digest(segmentation, segment_id):
            return None
        seed = Seed(tuple(kept["seed"]["position_lps"]), kept["seed"]["enhancement_percent"], kept["seed"]["radius_mm"])
    except (KeyError, TypeError):  # a tag that somebody else wrote
        return None
    return seed if all(map(math.isfinite, seed.position_lps)) else None
