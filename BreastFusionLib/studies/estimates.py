"""From seconds of a case to seconds of a study's parts."""

from __future__ import annotations

from collections.abc import Mapping

from BreastFusionLib.evaluation.importance import SHUFFLES
from BreastFusionLib.studies.timing import Timing
from BreastFusionLib.training.frozen import replays_of
from BreastFusionLib.training.recipe import Recipe

__all__ = ["importance_seconds", "reading_seconds", "run_seconds"]


def run_seconds(recipe: Recipe, counts: Mapping[str, int], timing: Timing) -> float:
    """Return the seconds of one run over all its epochs.

    Args:
        recipe: it is trained by.
        counts: split -> number of cases.
        timing: of its network.
    """
    train, validation = counts.get("train", 0), counts.get("validation", 0)
    every, spec, encoder = sum(counts.values()), recipe.training, recipe.model.encoder
    last = every * max(1, _copies(recipe)) * timing.reading_s
    if encoder is not None and encoder.frozen:
        # Encoded once as they are and once for each replay; then only what lies behind the encoder is trained.
        passes = every + train * len(replays_of(spec))
        return passes * timing.reading_s + spec.epochs * train * timing.fusing_s + last
    return spec.epochs * (train * timing.training_s + validation * timing.reading_s) + last


def importance_seconds(recipe: Recipe, cases: int, timing: Timing) -> float:
    """Return the seconds of shuffling each clinical column of so many cases, which are encoded once."""
    scorings = 1 + SHUFFLES * len(recipe.inputs.clinical)
    return cases * ((1 + _copies(recipe)) * timing.reading_s + scorings * max(1, _copies(recipe)) * timing.scoring_s)


def reading_seconds(recipe: Recipe, preparation_s: float, timing: Timing) -> float:
    """Return the seconds of reading one case from its images, with its maps, whose gradients cost as much as a step."""
    return preparation_s + (1 + _copies(recipe)) * timing.reading_s + timing.training_s


def _copies(recipe: Recipe) -> int:
    """Return over how many changed copies a score is averaged beside the case as it is."""
    return recipe.reading.test_time.copies if recipe.reading.test_time else 0
