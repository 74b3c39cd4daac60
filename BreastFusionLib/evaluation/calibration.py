"""Whether a probability means what it says: Brier score and expected calibration error."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from BreastFusionLib.errors import InputError
from BreastFusionLib.evaluation.roc import Floats, checked

__all__ = ["are_probabilities", "brier_score", "expected_calibration_error"]


def are_probabilities(scores: ArrayLike) -> bool:
    """Tell whether all scores lie in [0, 1]."""
    values = np.asarray(scores, dtype=float)
    return bool(((values >= 0) & (values <= 1)).all())


def brier_score(labels: ArrayLike, probabilities: ArrayLike) -> float:
    """Return the mean squared difference of probability and label (0 is perfect).

    Source: Brier, Monthly Weather Review 1950;78:1-3.
    """
    y, p = _checked_probabilities(labels, probabilities)
    return float(np.mean((p - y) ** 2))


def expected_calibration_error(labels: ArrayLike, probabilities: ArrayLike, bins: int = 10) -> float:
    """Return the mean distance of predicted probability and observed share, over bins of equal width.

    It is above 0 by chance alone, the more the fewer cases there are: compare it only at equal n.

    Args:
        labels: (n,) of 0 and 1.
        probabilities: (n,) in [0, 1].
        bins: number of bins of [0, 1].

    Source: Naeini, Cooper and Hauskrecht, AAAI 2015.
    """
    y, p = _checked_probabilities(labels, probabilities)
    bin_of = np.minimum((p * bins).astype(int), bins - 1)
    # In each bin |sum(p) - sum(y)| = cases x |mean probability - observed share|.
    distance = np.bincount(bin_of, weights=p - y, minlength=bins)
    return float(np.abs(distance).sum() / y.size)


def _checked_probabilities(labels: ArrayLike, probabilities: ArrayLike) -> tuple[Floats, Floats]:
    y, p = checked(labels, probabilities)
    if not are_probabilities(p):
        raise InputError(
            f"Calibration needs probabilities in [0, 1]; the scores reach from {p.min():.3g} to {p.max():.3g}. "
            "Calibrate the scores first (Platt scaling on validation cases), or leave calibration out."
        )
    return y.astype(float), p
