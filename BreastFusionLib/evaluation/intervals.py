"""An estimate with its interval, and Wilson's interval of a proportion."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

__all__ = ["Estimate", "percentile_interval", "wilson"]


@dataclass(frozen=True)
class Estimate:
    """A number with its confidence interval; `low` and `high` are NaN where none can be given."""

    value: float
    low: float = math.nan
    high: float = math.nan

    def to_mapping(self) -> dict[str, float | None]:
        """Return {'value', 'low', 'high'}, None where undefined."""
        found = {"value": self.value, "low": self.low, "high": self.high}
        return {name: float(number) if math.isfinite(number) else None for name, number in found.items()}


def wilson(successes: int, trials: int, level: float = 0.95) -> Estimate:
    """Return a proportion with its score interval, which stays inside [0, 1] and holds for small counts.

    Args:
        successes: how often it happened.
        trials: how often it could have; 0 gives NaN throughout.
        level: confidence.

    Source: Wilson, J Am Stat Assoc 1927;22:209-212; recommended by Brown, Cai and DasGupta, Stat Sci 2001;16:101-133.
    """
    if trials == 0:
        return Estimate(math.nan)
    z = float(ndtri(0.5 + level / 2))
    share = successes / trials
    centre = (share + z * z / (2 * trials)) / (1 + z * z / trials)
    half = z / (1 + z * z / trials) * math.sqrt(share * (1 - share) / trials + z * z / (4 * trials * trials))
    # The ends are exactly 0 and 1 for no and for only successes; rounding would miss them by 1e-17.
    low = 0.0 if successes == 0 else centre - half
    high = 1.0 if successes == trials else centre + half
    return Estimate(share, low, high)


def percentile_interval(value: float, replicates: NDArray[np.float64], level: float = 0.95) -> Estimate:
    """Return `value` with the central `level` of its bootstrap replicates; replicates that are NaN are left out."""
    defined = replicates[np.isfinite(replicates)]
    if defined.size == 0:
        return Estimate(value)
    tail = (1 - level) / 2
    low, high = np.quantile(defined, [tail, 1 - tail])
    return Estimate(value, float(low), float(high))
