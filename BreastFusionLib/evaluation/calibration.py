"""Whether a probability means what it says: Brier score, calibration error, and the curve behind them.

Bins are either of equal width (the k-th of [0, 1]) or of equal mass (as many cases in each, equal probabilities kept
together). Every number that depends on the bins says which.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from BreastFusionLib.errors import InputError
from BreastFusionLib.evaluation.clustered import clustered_proportion
from BreastFusionLib.evaluation.intervals import Estimate, wilson
from BreastFusionLib.evaluation.roc import Floats, checked

__all__ = [
    "Binning",
    "BrierParts",
    "ReliabilityBin",
    "are_probabilities",
    "brier_parts",
    "brier_score",
    "calibration_error_by_chance",
    "checked_probabilities",
    "expected_calibration_error",
    "reliability_curve",
]

Binning = Literal["width", "mass"]

# Above this many cases a bin's sum of labels is as good as normal, and drawing every single label would take minutes.
_CASES_DRAWN_ONE_BY_ONE = 20_000
_CELLS_AT_ONCE = 2_000_000


@dataclass(frozen=True)
class BrierParts:
    """What a Brier score consists of: score = reliability - resolution + uncertainty + within_bins, exactly.

    Attributes:
        score: the Brier score.
        reliability: squared distance of predicted and observed share over the bins; 0 is calibrated.
        resolution: how far the bins' shares lie from the overall share; the larger the better.
        uncertainty: of the labels alone, what a constant prediction of their share would score.
        within_bins: what the bins' width hides; small for many bins.
    """

    score: float
    reliability: float
    resolution: float
    uncertainty: float
    within_bins: float

    @property
    def skill(self) -> float:
        """The scaled Brier score: 1 is perfect, 0 as good as always predicting the share of positives."""
        return 1.0 - self.score / self.uncertainty


@dataclass(frozen=True)
class ReliabilityBin:
    """One point of a reliability curve.

    Attributes:
        low: smallest probability that belongs here.
        high: the next bin's `low`; the last bin holds its own `high` too.
        cases: how many there are.
        predicted: their mean probability.
        observed: their share of positives, with Wilson's interval.
    """

    low: float
    high: float
    cases: int
    predicted: float
    observed: Estimate


def are_probabilities(scores: ArrayLike) -> bool:
    """Tell whether all scores lie in [0, 1]."""
    values = np.asarray(scores, dtype=float)
    return bool(((values >= 0) & (values <= 1)).all())


def checked_probabilities(labels: ArrayLike, probabilities: ArrayLike) -> tuple[Floats, Floats]:
    """Return labels and probabilities as float arrays, after the checks of `roc.checked`.

    Args:
        labels: (n,) of 0 and 1.
        probabilities: (n,) in [0, 1], or (m, n).

    Raises:
        InputError: as `checked`, and scores outside [0, 1].
    """
    y, p = checked(labels, probabilities)
    if not are_probabilities(p):
        raise InputError(
            f"Calibration needs probabilities in [0, 1]; the scores reach from {p.min():.3g} to {p.max():.3g}. "
            "Calibrate the scores first (Platt scaling on validation cases), or leave calibration out."
        )
    return y.astype(float), p


def brier_score(labels: ArrayLike, probabilities: ArrayLike) -> float:
    """Return the mean squared difference of probability and label (0 is perfect).

    Source: Brier, Monthly Weather Review 1950;78:1-3.
    """
    y, p = checked_probabilities(labels, probabilities)
    return float(np.mean((p - y) ** 2))


def brier_parts(labels: ArrayLike, probabilities: ArrayLike, bins: int = 10, binning: Binning = "width") -> BrierParts:
    """Return the Brier score with what it consists of.

    Args:
        labels: (n,) of 0 and 1.
        probabilities: (n,) in [0, 1].
        bins: number of bins.
        binning: 'width' or 'mass'.

    Sources: Murphy, J Appl Meteorol 1973;12:595-600 (three parts); Stephenson, Coelho and Jolliffe, Weather and
    Forecasting 2008;23:752-757, eq. 7 (the part within bins, which makes the sum exact).
    """
    y, p = checked_probabilities(labels, probabilities)
    bin_of = _assign(p, _edges(p, bins, binning))
    cases = np.bincount(bin_of, minlength=bins)
    used = np.maximum(cases, 1)
    shares = np.bincount(bin_of, weights=y, minlength=bins) / used
    means = np.bincount(bin_of, weights=p, minlength=bins) / used
    share, n = y.mean(), y.size
    spread, lead = p - means[bin_of], y - shares[bin_of]
    return BrierParts(
        score=float(np.mean((p - y) ** 2)),
        reliability=float(cases @ (means - shares) ** 2 / n),
        resolution=float(cases @ (shares - share) ** 2 / n),
        uncertainty=float(share * (1 - share)),
        within_bins=float(np.mean(spread**2 - 2 * spread * lead)),
    )


def expected_calibration_error(
    labels: ArrayLike, probabilities: ArrayLike, bins: int = 10, binning: Binning = "width"
) -> float:
    """Return the mean distance of predicted probability and observed share over bins.

    It is above 0 by chance alone, the more the fewer cases there are: `calibration_error_by_chance` says how much.

    Args:
        labels: (n,) of 0 and 1.
        probabilities: (n,) in [0, 1].
        bins: number of bins.
        binning: 'width' or 'mass'.

    Sources: Naeini, Cooper and Hauskrecht, AAAI 2015 (equal width); Nguyen and O'Connor, EMNLP 2015 (equal mass).
    """
    y, p = checked_probabilities(labels, probabilities)
    # In each bin |sum(p) - sum(y)| = cases x |mean probability - observed share|.
    distance = np.bincount(_assign(p, _edges(p, bins, binning)), weights=p - y, minlength=bins)
    return float(np.abs(distance).sum() / y.size)


def calibration_error_by_chance(
    probabilities: ArrayLike,
    bins: int = 10,
    binning: Binning = "width",
    simulations: int = 1000,
    seed: int = 0,
    quantile: float = 0.95,
) -> Estimate:
    """Return the expected calibration error that a perfectly calibrated model would show with these probabilities.

    Labels are drawn with the probabilities themselves as chances, again and again. An observed error below `high` is
    no evidence of bad calibration.

    Args:
        probabilities: (n,) in [0, 1], of the model that is judged.
        bins: number of bins.
        binning: 'width' or 'mass'.
        simulations: how often labels are drawn.
        seed: of the labels.
        quantile: which share of the simulated errors lies below `high`.

    Returns:
        `value` the mean, `high` the quantile, `low` 0.

    Source: Bröcker and Smith, Weather and Forecasting 2007;22:651-661 (consistency resampling).
    """
    p = np.asarray(probabilities, dtype=float)
    bin_of = _assign(p, _edges(p, bins, binning))
    expected = np.bincount(bin_of, weights=p, minlength=bins)
    random = np.random.default_rng(seed)
    if p.size > _CASES_DRAWN_ONE_BY_ONE:
        variance = np.bincount(bin_of, weights=p * (1 - p), minlength=bins)
        drawn = expected + random.standard_normal((simulations, bins)) * np.sqrt(variance)
    else:
        drawn = _drawn_positives(p, bin_of, bins, simulations, random)
    errors = np.abs(drawn - expected).sum(axis=1) / p.size
    return Estimate(float(errors.mean()), 0.0, float(np.quantile(errors, quantile)))


def reliability_curve(
    labels: ArrayLike,
    probabilities: ArrayLike,
    bins: int = 10,
    binning: Binning = "width",
    level: float = 0.95,
    patients: ArrayLike | None = None,
) -> tuple[ReliabilityBin, ...]:
    """Return observed against predicted share, for each bin that holds a case.

    Args:
        labels: (n,) of 0 and 1.
        probabilities: (n,) in [0, 1].
        bins: number of bins.
        binning: 'width' or 'mass'.
        level: confidence of Wilson's intervals.
        patients: (n,) names, when patients have several cases; the intervals allow for it then.

    Source: DeGroot and Fienberg, The Statistician 1983;32:12-22.
    """
    y, p = checked_probabilities(labels, probabilities)
    edges = _edges(p, bins, binning)
    bin_of = _assign(p, edges)
    curve = []
    for number in np.unique(bin_of):
        inside = bin_of == number
        cases = int(inside.sum())
        if patients is None:
            observed = wilson(int(y[inside].sum()), cases, level)
        else:
            observed = clustered_proportion(y == 1, patients, level, inside)
        curve.append(
            ReliabilityBin(float(edges[number]), float(edges[number + 1]), cases, float(p[inside].mean()), observed)
        )
    return tuple(curve)


def _edges(p: Floats, bins: int, binning: Binning) -> Floats:
    """Return the (bins + 1) ends of the bins; with equal mass some may coincide where probabilities are tied."""
    if binning == "width":
        return np.arange(bins + 1) / bins
    if binning != "mass":
        raise ValueError(f"binning is 'width' or 'mass', not {binning!r}")
    return np.quantile(p, np.arange(bins + 1) / bins)


def _assign(p: Floats, edges: Floats) -> NDArray[np.intp]:
    return np.searchsorted(edges[1:-1], p, side="right")


def _drawn_positives(
    p: Floats, bin_of: NDArray[np.intp], bins: int, simulations: int, random: np.random.Generator
) -> Floats:
    """Return how many positives each bin gets when every label is drawn: (simulations, bins)."""
    order = np.argsort(bin_of, kind="stable")
    chances = p[order]
    starts = np.searchsorted(bin_of[order], np.arange(bins))
    drawn = np.empty((simulations, bins))
    at_once = max(1, _CELLS_AT_ONCE // p.size)
    for first in range(0, simulations, at_once):
        block = drawn[first : first + at_once]
        running = np.zeros((block.shape[0], p.size + 1))
        np.cumsum(random.random((block.shape[0], p.size)) < chances, axis=1, out=running[:, 1:])
        block[:] = np.diff(np.append(running[:, starts], running[:, -1:], axis=1), axis=1)
    return drawn
