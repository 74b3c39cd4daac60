"""Making scores into probabilities that mean what they say: fitted on validation cases, and on nothing else.

A calibration that was fitted on the cases that it is judged by looks better than it is. `fit_recalibration` therefore
takes all cases with the split that each belongs to, and looks at those of 'validation' alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit

from BreastFusionLib.errors import InputError, first_few
from BreastFusionLib.evaluation.calibration import are_probabilities, checked_probabilities
from BreastFusionLib.evaluation.calibration_slope import log_odds
from BreastFusionLib.evaluation.roc import checked
from BreastFusionLib.evaluation.split_words import VALIDATION, split_word
from BreastFusionLib.reading.calibration import Calibration, Method, fit_line

__all__ = ["Recalibration", "RecalibrationMethod", "Scale", "fit_recalibration", "fitting_rows"]

Floats = NDArray[np.float64]
RecalibrationMethod = Literal["platt", "temperature", "isotonic"]
Scale = Literal["probability", "logit"]


@dataclass(frozen=True)
class Recalibration:
    """From a model's scores to calibrated probabilities, never changing which of two cases ranks higher.

    Attributes:
        method: how it was fitted.
        cases: number of validation cases.
        slope: factor on the log-odds (Platt, temperature).
        intercept: added to them (Platt).
        steps: (score, calibrated probability) of the isotonic curve's corners, rising; isotonic only.
        scale: what the scores are: probabilities, or log-odds (logits, margins) themselves.
    """

    method: RecalibrationMethod
    cases: int
    slope: float = 1.0
    intercept: float = 0.0
    steps: tuple[tuple[float, float], ...] = ()
    scale: Scale = "probability"

    def __call__(self, scores: ArrayLike) -> Floats:
        """Return calibrated probabilities, of any shape.

        Raises:
            InputError: it was fitted on probabilities, and these scores are none.
        """
        given = np.asarray(scores, dtype=float)
        if self.scale == "probability" and not are_probabilities(given):
            raise InputError(
                f"This calibration was fitted on probabilities, and scores from {given.min():.3g} to {given.max():.3g} "
                "are none. Fit it on scores of the same kind."
            )
        if self.steps:
            corners = np.asarray(self.steps)
            return np.interp(given, corners[:, 0], corners[:, 1])
        return expit(self.slope * (given if self.scale == "logit" else log_odds(given)) + self.intercept)

    def after(self, calibration: Calibration) -> Calibration:
        """Return the calibration of a bundle whose probabilities are to be calibrated once more.

        Args:
            calibration: the one that made the probabilities which this was fitted on. Its sources' own lines stay.

        Raises:
            InputError: an isotonic curve, which is no straight line on the log-odds; one that was fitted on logits.
        """
        if self.steps:
            raise InputError(
                "A bundle's calibration is a straight line on the log-odds; an isotonic curve is none. "
                "Fit it with 'platt' or 'temperature'."
            )
        if self.scale == "logit":
            raise InputError("A bundle gives probabilities, and this calibration was fitted on logits. Fit it on the "
                             "bundle's own probabilities.")  # fmt: skip
        intercept = self.slope * calibration.intercept + self.intercept
        method: Literal["platt", "temperature"] = "temperature" if intercept == 0 else "platt"
        return Calibration(method, self.slope * calibration.slope, intercept, dict(calibration.parts))


def fitting_rows(split: ArrayLike) -> NDArray[np.bool_]:
    """Return which cases may be fitted on: those of split 'validation', by any word that means it (`split_word`).

    Args:
        split: (n,) the split of each case.

    Raises:
        InputError: there are none.
    """
    names = np.asarray(split).astype(str)
    found = np.unique(names)
    rows = np.isin(names, [word for word in found if split_word(word) == VALIDATION])
    if not rows.any():
        raise InputError(
            f"None of the {names.size} cases is of split '{VALIDATION}' (found: {first_few(found)}): "
            "what is fitted on the cases that it is judged by looks better than it is. Give the predictions of the "
            "validation cases too, with a column 'split'."
        )
    return rows


def fit_recalibration(
    labels: ArrayLike,
    scores: ArrayLike,
    split: ArrayLike,
    method: RecalibrationMethod = "platt",
    scale: Scale | None = None,
) -> Recalibration:
    """Fit a calibration on the validation cases; all others are not looked at.

    Args:
        labels: (n,) of 0 and 1; cases outside 'validation' may have any.
        scores: (n,) finite: probabilities, or logits.
        split: (n,) the split of each case; those of 'validation' are used.
        method: 'platt' fits slope and intercept on the log-odds, 'temperature' the slope alone (few cases), 'isotonic'
            any rising curve (many cases: it flattens where a few hundred say nothing).
        scale: what the scores are; by default probabilities when those of all validation cases lie in [0, 1], else
            log-odds in any unit.

    Raises:
        InputError: no validation cases, one class only, scores that are not finite, or no probabilities as was said.

    Sources: Platt, Probabilistic outputs for support vector machines, 1999; Guo et al., ICML 2017 (temperature);
    Zadrozny and Elkan, KDD 2002 (isotonic).
    """
    if method not in ("platt", "temperature", "isotonic"):
        raise ValueError(f"method is 'platt', 'temperature' or 'isotonic', not {method!r}")
    rows = fitting_rows(split)
    y, s = checked(
        np.asarray(labels)[rows], np.asarray(scores, dtype=float)[rows], "the validation cases", needs_both=False
    )
    positives = int(y.sum())
    if positives in (0, y.size):
        raise InputError(f"Calibration is fitted on validation cases of both classes; {positives} of the {y.size} are "
                         "positive. Add cases of the other class, or leave the scores as they are.")  # fmt: skip
    scale = scale or ("probability" if are_probabilities(s) else "logit")
    if scale == "probability":
        s = checked_probabilities(y, s)[1]
    if method == "isotonic":
        return Recalibration(method, y.size, steps=_isotonic(s, y), scale=scale)
    slope, intercept = _line_on_logits(s, y, method) if scale == "logit" else fit_line(log_odds(s), y, method)
    return Recalibration(method, y.size, slope, intercept, scale=scale)


def _line_on_logits(s: Floats, y: NDArray[np.int8], method: Method) -> tuple[float, float]:
    """Return slope and intercept in a model's own unit, in which one step may be worth a millionth, or a million."""
    unit = float(np.ptp(s)) or 1.0
    centre = float(s.mean()) if method == "platt" else 0.0  # temperature has no intercept that could undo it
    slope, intercept = fit_line((s - centre) / unit, y, method)
    return slope / unit, intercept - slope * (centre / unit)


def _isotonic(s: Floats, y: NDArray[np.int8]) -> tuple[tuple[float, float], ...]:
    from sklearn.isotonic import IsotonicRegression

    fitted = IsotonicRegression(y_min=0.0, y_max=1.0, out_of_bounds="clip").fit(s, y)
    return tuple(zip(fitted.X_thresholds_.tolist(), fitted.y_thresholds_.tolist(), strict=True))
