"""How tissue takes up contrast agent over time: relative signal increase per phase."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["background_percent", "blood_course", "lesion_course", "slow_course"]


def lesion_course(wash_in: float, wash_out: float, times_s: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return a lesion's mean enhancement at each phase, relative to its signal before contrast.

    The first phase after contrast shows the initial rise: 85 % at wash_in = 0, and about 30 to 250 % over its
    range. From there the enhancement drifts, ever slower, by a share of itself between -80 and +100 % until the
    last phase. In the words of the BI-RADS lexicon, for a usual initial rise: persistent (the signal grows by more
    than 10 %) for low wash_out, then a plateau, then wash-out (it falls by more than 10 %).

    Args:
        wash_in: latent; the initial rise grows with it.
        wash_out: latent; the drift falls with it.
        times_s: (phase,), seconds after the pre-contrast phase, which is the first.
    """
    initial = 0.85 * np.exp(0.4 * wash_in)
    drift = 0.1 - 0.9 * np.tanh((wash_out - 0.45) / 1.5)
    elapsed = (times_s - times_s[1]) / (times_s[-1] - times_s[1])
    share = (1 - np.exp(-1.5 * elapsed)) / (1 - np.exp(-1.5))
    return np.where(times_s > 0, initial * (1 + drift * share), 0.0)


def slow_course(times_s: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the uptake of normal tissue at each phase: a steady rise that is 1 in the last phase."""
    rise = 1 - np.exp(-np.asarray(times_s) / 240.0)
    return rise / rise[-1]


def blood_course(times_s: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the uptake of blood at each phase: 1 in the first phase after contrast, then a slow fall."""
    return np.where(times_s > 0, np.exp(-(times_s - times_s[1]) / 900.0), 0.0)


def background_percent(rng: np.random.Generator) -> float:
    """Draw the background parenchymal enhancement in the last phase, minimal (5 %) to marked (60 %)."""
    return float(np.clip(18.0 * np.exp(0.6 * rng.standard_normal()), 5.0, 60.0))
