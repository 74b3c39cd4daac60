"""What an evaluation measures and how: every choice in one place, with the default that a paper would defend."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from BreastFusionLib.errors import InputError
from BreastFusionLib.evaluation.recalibration import RecalibrationMethod

__all__ = ["EvaluationPlan"]


@dataclass(frozen=True)
class EvaluationPlan:
    """The settings of `evaluate_predictions` and `evaluate_scores`.

    Attributes:
        bootstrap: number of stratified resamples; 0 for none.
        seed: of the resamples.
        level: confidence of all intervals.
        threshold: operating point of the rates (score >= threshold is positive), one for all or by model name.
        sensitivities: at which the specificity is read.
        specificities: at which the sensitivity is read.
        partial_auc: range of specificity that the partial AUC is of.
        margin: largest loss of AUC that does not matter; None for no test of non-inferiority.
        calibration: True demands it and refuses scores that are no probabilities, False leaves it out; None measures
            it where scores lie in [0, 1].
        recalibrate: calibrate each model's probabilities on its validation cases first; None takes them as they are.
        coverage: of the prediction sets that are fitted on validation cases; None for none.
        decision_range: thresholds between which decision curves are drawn.
        prevalence: share of positives where the models will be used; None for that of the cases.
        examples: so many example cases of each kind are named.
    """

    bootstrap: int = 5000
    seed: int = 0
    level: float = 0.95
    threshold: float | Mapping[str, float] = 0.5
    sensitivities: tuple[float, ...] = (0.95, 0.9)
    specificities: tuple[float, ...] = (0.95, 0.9)
    partial_auc: tuple[float, float] = (0.9, 1.0)
    margin: float | None = None
    calibration: bool | None = None
    recalibrate: RecalibrationMethod | None = None
    coverage: float | None = 0.9
    decision_range: tuple[float, float] = (0.01, 0.99)
    prevalence: float | None = None
    examples: int = 3

    def __post_init__(self) -> None:
        """Refuse what no statistic can be computed with."""
        if self.bootstrap < 0:
            raise InputError(f"The number of bootstrap replicates is 0 or more, not {self.bootstrap}.")
        shares = {"level of confidence": self.level, "share of positives": self.prevalence, "coverage": self.coverage}
        for word, share in shares.items():
            if share is not None and not 0 < share < 1:
                raise InputError(f"A {word} lies between 0 and 1, not at {share:g}. Give .95 for 95 %.")
        for word, values in (("sensitivity", self.sensitivities), ("specificity", self.specificities)):
            for value in values:
                if not 0 < value <= 1:
                    raise InputError(f"A {word} to read the curve at lies in (0, 1], not at {value:g}. "
                                     "Give .95 for 95 %.")  # fmt: skip
        for word, (low, high) in (("partial AUC", self.partial_auc), ("decision curves", self.decision_range)):
            if not 0 <= low < high <= 1:
                raise InputError(f"The range of the {word} runs from low to high within [0, 1], "
                                 f"not from {low:g} to {high:g}.")  # fmt: skip
        for threshold in self.threshold.values() if isinstance(self.threshold, Mapping) else (self.threshold,):
            if not math.isfinite(threshold):
                raise InputError(f"A threshold is a number that scores are compared with, not {threshold:g}.")
        if self.margin is not None and not 0 < self.margin < 1:
            raise InputError(f"A margin is a difference in AUC between 0 and 1, not {self.margin:g}.")

    def threshold_of(self, model: str) -> float:
        """Return a model's operating point.

        Raises:
            InputError: thresholds are given by model, and this one has none.
        """
        if not isinstance(self.threshold, Mapping):
            return float(self.threshold)
        if model not in self.threshold:
            raise InputError(f"There is no threshold for the model {model}; given: {', '.join(self.threshold)}. "
                             "Give one for every model, or one for all.")  # fmt: skip
        return float(self.threshold[model])

    def to_mapping(self) -> dict[str, Any]:
        """Return what a result says of how it was made."""
        return {
            "bootstrap": self.bootstrap,
            "seed": self.seed,
            "level": self.level,
            "margin": self.margin,
            "recalibrate": self.recalibrate,
            "prevalence": self.prevalence,
            "partial_auc_specificity": list(self.partial_auc),
        }
