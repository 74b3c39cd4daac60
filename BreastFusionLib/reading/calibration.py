"""From a network's logits to a probability that means what it says.

The margin of a case is the log-odds that the network gives the positive class; calibration is a straight line
on it: p = sigmoid(slope * margin + intercept). Platt scaling fits both numbers, temperature scaling the slope
alone. Sources: Platt, Probabilistic outputs for support vector machines, 1999; Guo et al., On calibration of
modern neural networks, ICML 2017.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from BreastFusionLib.errors import InputError

__all__ = ["Calibration", "Method", "fit_line", "margins", "mean_margin"]

Method = Literal["none", "temperature", "platt"]

# Calibration may flatten a model that knows nothing, but never turn its ranking round or erase it.
_SMALLEST_SLOPE = 1e-3

# Of margins, which networks compute in 32 bits, as a share of their size.
_ROUNDING = 1e-6


@dataclass(frozen=True)
class Calibration:
    """A fitted calibration.

    Attributes:
        method: how it was fitted.
        slope: factor on the margin.
        intercept: added to it.
        parts: source -> (slope, intercept) of its auxiliary head.
    """

    method: Method = "none"
    slope: float = 1.0
    intercept: float = 0.0
    parts: dict[str, tuple[float, float]] = field(default_factory=dict)

    def probability(self, margin: ArrayLike) -> NDArray[np.float64]:
        """Return calibrated probabilities of margins (any shape)."""
        return _sigmoid(self.slope * np.asarray(margin, dtype=float) + self.intercept)

    def part_probability(self, source: str, margin: ArrayLike) -> NDArray[np.float64]:
        """Return calibrated probabilities of one source's own margins; uncalibrated where none was fitted."""
        slope, intercept = self.parts.get(source, (1.0, 0.0))
        return _sigmoid(slope * np.asarray(margin, dtype=float) + intercept)


def margins(logits: ArrayLike, positive: int) -> NDArray[np.float64]:
    """Return the log-odds of the positive class against all others.

    Args:
        logits: (N, K) outputs before softmax, K >= 2.
        positive: column of the positive class.

    Returns:
        (N,): for two classes the difference of the two logits.
    """
    values = np.asarray(logits, dtype=float)
    others = np.delete(values, positive, axis=1)
    return values[:, positive] - np.logaddexp.reduce(others, axis=1)


def mean_margin(margins_of_copies: ArrayLike) -> NDArray[np.float64]:
    """Return the log-odds of the mean probability over several views of the same cases.

    Args:
        margins_of_copies: (copies, N).
    """
    z = np.asarray(margins_of_copies, dtype=float)
    # The mean of p = 1 / (1 + exp(-z)) over that of 1 - p, in logarithms, so that certainty does not become infinity.
    return np.logaddexp.reduce(-np.logaddexp(0, -z), axis=0) - np.logaddexp.reduce(-np.logaddexp(0, z), axis=0)


def fit_line(margin: ArrayLike, labels: ArrayLike, method: Method = "platt") -> tuple[float, float]:
    """Fit slope and intercept on held-out cases by maximum likelihood.

    Args:
        margin: (N,) margins of cases that the model was not trained on.
        labels: (N,) 1 for the positive class, else 0.
        method: 'platt' fits both, with Platt's smoothed targets, so that a perfect ranking does not run to
            infinity; 'temperature' the slope alone; 'none' neither.

    Returns:
        (slope, intercept).

    Raises:
        InputError: when the cases hold one class only.
    """
    x, y = np.asarray(margin, dtype=float), np.asarray(labels, dtype=float)
    if method == "none":
        return 1.0, 0.0
    positives = int(y.sum())
    negatives = len(y) - positives
    if positives == 0 or negatives == 0:
        raise InputError(
            f"Calibration needs cases of both classes; these {len(y)} validation cases hold {positives} positive "
            "ones. Choose another split, or set the recipe's calibration to 'none'."
        )
    from scipy.optimize import minimize  # imported here: a reading never fits

    target = np.where(y > 0, (positives + 1) / (positives + 2), 1 / (negatives + 2))

    def loss(line: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        z = line[0] * x + line[1]
        error = _sigmoid(z) - target
        return float(np.mean(np.logaddexp(0, z) - target * z)), np.array([np.mean(error * x), np.mean(error)])

    intercept_bounds = (None, None) if method == "platt" else (0.0, 0.0)
    # The margin's scale is arbitrary: starting at its own unit lets one solver serve all models. Margins that differ by
    # rounding alone have none and say nothing of a slope: a steep one would decide over the first that differs.
    unit = float(np.std(x))
    start = np.array([1.0 / max(unit, 1e-6) if unit > _ROUNDING * float(np.abs(x).max()) else 1.0, 0.0])
    bounds = [(_SMALLEST_SLOPE, None), intercept_bounds]
    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds, options={"ftol": 1e-15, "gtol": 1e-9})
    return float(found.x[0]), float(found.x[1])


def _sigmoid(z: NDArray[np.float64]) -> NDArray[np.float64]:
    return 0.5 * (1.0 + np.tanh(0.5 * z))  # exact at both ends, never overflows
