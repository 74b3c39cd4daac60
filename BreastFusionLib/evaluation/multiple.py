"""Several comparisons at once: P values that keep the chance of any false one."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from BreastFusionLib.errors import InputError
from BreastFusionLib.evaluation.roc import Floats

__all__ = ["holm"]


def holm(p_values: ArrayLike) -> Floats:
    """Return P values corrected for their number by Holm's step-down method; NaN stays NaN and is not counted.

    The smallest is multiplied by their number, the next by one less, and so on; none becomes smaller than one before
    it. The chance of any false rejection stays below the level, however the tests depend on each other.

    Args:
        p_values: (k,) in [0, 1], or NaN where a test could not be done.

    Source: Holm, Scandinavian Journal of Statistics 1979;6:65-70; as R's `p.adjust`.
    """
    p = np.asarray(p_values, dtype=float)
    if p.ndim != 1 or ((p < 0) | (p > 1)).any():
        raise InputError("P values to correct must be one list of numbers in [0, 1].")
    corrected = p.copy()
    tested = np.flatnonzero(~np.isnan(p))
    rising = tested[np.argsort(p[tested], kind="stable")]
    factors = np.arange(rising.size, 0, -1)
    corrected[rising] = np.minimum(1.0, np.maximum.accumulate(factors * p[rising]))
    return corrected
