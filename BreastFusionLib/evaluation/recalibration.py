"""Making probabilities mean what they say: fitted on validation cases, and on nothing else.

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
from BreastFusionLib.evaluation.calibration import checked_probabilities
from BreastFusionLib.evaluation.calibration_slope import log_odds
from BreastFusionLib.reading.calibration import Calibration, fit_line

__all__ = ["FITTING_SPLIT", "Recalibration", "RecalibrationMethod", "fit_recalibration", "fitting_rows"]

Floats = NDArray[np.float64]
RecalibrationMethod = Literal["platt", "temperature", "isotonic"]

FITTING_SPLIT = "validation"
_OTHER_WORDS = ("val", "valid")


@dataclass(frozen=True)
class Recalibration:
    """From a model's probabilities to calibrated ones, never changing which of two cases ranks higher.

    Attributes:
        method: how it was fitted.
        cases: number of validation cases.
        slope: factor on the log-odds (Platt, temperature).
        intercept: added to them (Platt).
        steps: (probability, calibrated probability) of the isotonic curve's corners, rising; isotonic only.
    """

    method: RecalibrationMethod
    cases: int
    slope: float = 1.0
    intercept: float = 0.0
    steps: tuple[tuple[float, float], ...] = ()

    def __call__(self, probabilities: ArrayLike) -> Floats:
        """Return calibrated probabilities, of any shape."""
        p = np.asarray(probabilities, dtype=float)
        if self.steps:
            corners = np.asarray(self.steps)
            return np.interp(p, corners[:, 0], corners[:, 1])
        return expit(self.slope * log_odds(p) + self.intercept)

    def after(self, calibration: Calibration) -> Calibration:
        """Return the calibration of a bundle whose probabilities are to be calibrated once more.

        Args:
            calibration: the one that made the probabilities which this was fitted on. Its sources' own lines stay.

        Raises:
            InputError: an isotonic curve, which is no straight line on the log-odds.
        """
        if self.steps:
            raise InputError(
                "A bundle's calibration is a straight line on the log-odds; an isotonic curve is none. "
                "Fit it with 'platt' or 'temperature'."
            )
        intercept = self.slope * calibration.intercept + self.intercept
        method: Literal["platt", "temperature"] = "temperature" if intercept == 0 else "platt"
        return Calibration(method, self.slope * calibration.slope, intercept, dict(calibration.parts))


def fitting_rows(split: ArrayLike) -> NDArray[np.bool_]:
    """Return which cases may be fitted on: those of split 'validation' (or 'val', 'valid').

    Args:
        split: (n,) the split of each case.

    Raises:
        InputError: there are none.
    """
    names = np.asarray(split).astype(str)
    rows = np.isin(names, (FITTING_SPLIT, *_OTHER_WORDS))
    if not rows.any():
        raise InputError(
            f"None of the {names.size} cases is of split '{FITTING_SPLIT}' (found: {first_few(np.unique(names))}): "
            "what is fitted on the cases that it is judged by looks better than it is. Give the predictions of the "
            "validation cases too, with a column 'split'."
        )
    return rows


def fit_recalibration(
    labels: ArrayLike, probabilities: ArrayLike, split: ArrayLike, method: RecalibrationMethod = "platt"
) -> Recalibration:
    """Fit a calibration on the validation cases; all others are not looked at.

    Args:
        labels: (n,) of 0 and 1; cases outside 'validation' may have any.
        probabilities: (n,) in [0, 1].
        split: (n,) the split of each case; those of 'validation' are used.
        method: 'platt' fits slope and intercept on the log-odds, 'temperature' the slope alone (few cases), 'isotonic'
            any rising curve (many cases: it flattens where a few hundred say nothing).

    Raises:
        InputError: no validation cases, one class only, scores outside [0, 1].

    Sources: Platt, Probabilistic outputs for support vector machines, 1999; Guo et al., ICML 2017 (temperature);
    Zadrozny and Elkan, KDD 2002 (isotonic).
    """
    rows = fitting_rows(split)
    y, p = checked_probabilities(np.asarray(labels)[rows], np.asarray(probabilities, dtype=float)[rows])
    if method == "isotonic":
        return Recalibration(method, y.size, steps=_isotonic(p, y))
    if method not in ("platt", "temperature"):
        raise ValueError(f"method is 'platt', 'temperature' or 'isotonic', not {method!r}")
    slope, intercept = fit_line(log_odds(p), y, method)
    return Recalibration(method, y.size, slope, intercept)


def _isotonic(p: Floats, y: Floats) -> tuple[tuple[float, float], ...]:
    from sklearn.isotonic import IsotonicRegression

    fitted = IsotonicRegression(y_min=0.0, y_max=1.0, out_of_bounds="clip").fit(p, y)
    return tuple(zip(fitted.X_thresholds_.tolist(), fitted.y_thresholds_.tolist(), strict=True))
