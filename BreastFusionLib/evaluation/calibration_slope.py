"""Calibration as a straight line on the log-odds: is a model too sure, or too high throughout?

The labels' log-odds are regressed on the predicted ones: intercept + slope x logit(p). A slope below 1 says that the
probabilities are too extreme, as after overfitting; an intercept below 0 that they are too high.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit, logit, ndtri

from BreastFusionLib.evaluation.calibration import checked_probabilities
from BreastFusionLib.evaluation.intervals import Estimate
from BreastFusionLib.evaluation.resampling import cluster_index

__all__ = ["CalibrationLine", "calibration_line", "log_odds"]

Floats = NDArray[np.float64]

# Networks in single precision say 0 and 1 where they mean 'beyond my digits': 1 - p has a resolution of 6e-8 there.
_SMALLEST_PROBABILITY = 2.0**-24
_STEPS = 100
# Log-odds that differ by less are the same probability, computed in another order.
_ROUNDING = 1e-9


@dataclass(frozen=True)
class CalibrationLine:
    """Where predictions lie on the log-odds scale; perfect is slope 1, both others 0.

    Attributes:
        slope: of observed on predicted log-odds.
        intercept: of the same line.
        in_the_large: the intercept of a line of slope 1: how much too low (above 0) or too high (below 0) predictions
            are on average.
        note: why slope and intercept are missing (NaN), else empty.
    """

    slope: Estimate
    intercept: Estimate
    in_the_large: Estimate
    note: str = ""


def log_odds(probabilities: ArrayLike) -> Floats:
    """Return logit(p), with 0 and 1 taken for the nearest that single precision can tell from them (2**-24)."""
    p = np.asarray(probabilities, dtype=float)
    return logit(np.clip(p, _SMALLEST_PROBABILITY, 1 - _SMALLEST_PROBABILITY))


def calibration_line(
    labels: ArrayLike, probabilities: ArrayLike, level: float = 0.95, patients: ArrayLike | None = None
) -> CalibrationLine:
    """Return calibration slope, intercept and calibration in the large by maximum likelihood, with Wald intervals.

    Args:
        labels: (n,) of 0 and 1.
        probabilities: (n,) in [0, 1]; see `log_odds` for 0 and 1 themselves.
        level: confidence of the intervals.
        patients: (n,) names, when patients have several cases; the variance is the sandwich over patients then.

    Sources: Cox, Biometrika 1958;45:562-565; Steyerberg et al., Epidemiology 2010;21:128-138; Van Calster et al.,
    BMC Medicine 2019;17:230; for the sandwich Liang and Zeger, Biometrika 1986;73:13-22.
    """
    y, p = checked_probabilities(labels, probabilities)
    x = log_odds(p)
    ones = np.ones((y.size, 1))
    cluster = np.arange(y.size) if patients is None else cluster_index(patients, y.size)
    in_the_large = _fit(ones, y, x, cluster, level)[0]
    reason = _no_line(x, y)
    if reason:
        return CalibrationLine(Estimate(math.nan), Estimate(math.nan), in_the_large, reason)
    intercept, slope = _fit(np.column_stack([ones, x]), y, np.zeros_like(x), cluster, level)
    return CalibrationLine(slope, intercept, in_the_large)


def _no_line(x: Floats, y: Floats) -> str:
    """Say why no finite line has the largest likelihood; empty where one has."""
    positive, negative = x[y == 1], x[y == 0]
    if np.ptp(x) < _ROUNDING:
        return "All probabilities are equal, so that they have no calibration slope."
    if positive.min() > negative.max() - _ROUNDING or negative.min() > positive.max() - _ROUNDING:
        return "The probabilities separate the classes completely: the calibration slope is unbounded."
    return ""


def _fit(design: Floats, y: Floats, offset: Floats, cluster: NDArray[np.intp], level: float) -> list[Estimate]:
    """Fit a logistic regression by Newton's method; halved steps keep the likelihood from falling."""
    beta = np.zeros(design.shape[1])
    loss = _loss(design @ beta + offset, y)
    for _ in range(_STEPS):
        chances = expit(design @ beta + offset)
        information = design.T @ (design * (chances * (1 - chances))[:, None])
        scores = design * (y - chances)[:, None]
        step = np.linalg.solve(information, scores.sum(axis=0))
        while (trial := _loss(design @ (beta + step) + offset, y)) > loss and np.abs(step).max() > 1e-12:
            step = step / 2
        beta, loss = beta + step, trial
        if np.abs(step).max() < 1e-10:
            break
    half = float(ndtri(0.5 + level / 2)) * np.sqrt(np.diag(_covariance(information, scores, cluster)))
    return [Estimate(float(b), float(b - h), float(b + h)) for b, h in zip(beta, half, strict=True)]


def _covariance(information: Floats, scores: Floats, cluster: NDArray[np.intp]) -> Floats:
    """Return the covariance of the fit: of independent cases the inverse information, else the sandwich."""
    bread: Floats = np.asarray(np.linalg.inv(information), dtype=np.float64)
    clusters = int(cluster.max()) + 1
    if clusters == len(scores):
        return bread
    sums = np.zeros((clusters, scores.shape[1]))
    np.add.at(sums, cluster, scores)
    return bread @ (sums.T @ sums) @ bread * clusters / max(clusters - 1, 1)


def _loss(z: Floats, y: Floats) -> float:
    return float(np.sum(np.logaddexp(0, z) - y * z))
