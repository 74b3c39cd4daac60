"""Standardising a source's numbers, and saying where a value lies among the training cases."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from BreastFusionLib.errors import InputError, first_few

__all__ = ["Scaler"]

# A standardised value beyond this many standard deviations says no more than 'far out'; unbounded, one wild
# feature of an odd lesion would decide alone.
CLIP = 8.0
# Nothing that is measured is as large; the squares of what is overflow, and one of them would spoil a whole bundle.
LARGEST = 1e100
# Every 2.5 per cent: the ends are the training range, and percentiles between are interpolated.
QUANTILES = np.linspace(0.0, 1.0, 41)


@dataclass(frozen=True, eq=False)
class Scaler:
    """Mean, deviation and quantiles of one source's features over the training cases.

    Attributes:
        names: features in their fixed order (F of them).
        mean: (F,) over the training cases in which the feature is defined; 0 where it never is.
        std: (F,) population standard deviation; 1 where the feature never varies.
        quantiles_all: (F, Q) at `QUANTILES`; NaN where the feature is never defined.
        quantiles_by_class: (K, F, Q) the same within each class, in label order; K is 0 without labels.
    """

    names: tuple[str, ...]
    mean: NDArray[np.float64]
    std: NDArray[np.float64]
    quantiles_all: NDArray[np.float64]
    quantiles_by_class: NDArray[np.float64]

    @classmethod
    def fit(cls, names: Sequence[str], rows: ArrayLike, labels: ArrayLike | None = None, classes: int = 2) -> Scaler:
        """Measure a source over the training cases, and over these only.

        Args:
            names: F feature names.
            rows: (N, F) raw values, NaN where undefined; so is what exceeds `LARGEST` in size.
            labels: (N,) class indices, or None.
            classes: number of classes.
        """
        values = np.asarray(rows, dtype=float).reshape(-1, len(names))
        values = np.where(np.abs(values) <= LARGEST, values, np.nan)
        count = np.maximum(np.isfinite(values).sum(axis=0), 1)
        mean = np.nansum(values, axis=0) / count
        std = np.sqrt(np.nansum((values - mean) ** 2, axis=0) / count)
        # Rounding leaves a constant feature with a deviation of some 1e-16 of its size.
        std = np.where(std > 1e-12 * np.maximum(1.0, np.abs(mean)), std, 1.0)
        groups = [] if labels is None else [values[np.asarray(labels) == label] for label in range(classes)]
        by_class = np.array([_quantiles(group) for group in groups]).reshape(-1, len(names), QUANTILES.size)
        return cls(tuple(names), mean, std, _quantiles(values), by_class)

    @classmethod
    def from_mapping(cls, entry: Any, where: str) -> Scaler:
        """Read what `to_mapping` returned.

        Raises:
            InputError: when a key is missing, or arrays do not fit the names.
        """
        keys = ("names", "mean", "std", "quantiles_all", "quantiles_by_class")
        if not isinstance(entry, Mapping) or set(entry) != set(keys):
            raise InputError(f"{where}: expected the keys {', '.join(keys)}. Export the bundle again.")
        names = tuple(str(name) for name in entry["names"])
        count, steps = len(names), QUANTILES.size
        try:  # None reads as NaN
            arrays = {key: np.array(entry[key], dtype=float) for key in keys[1:]}
            by_class = arrays["quantiles_by_class"].reshape(-1, count, steps)
        except (TypeError, ValueError) as error:
            raise InputError(
                f"{where}: holds something else than numbers ({error}). Export the bundle again."
            ) from error
        shapes = {"mean": (count,), "std": (count,), "quantiles_all": (count, steps)}
        for key, shape in shapes.items():
            if arrays[key].shape != shape:
                raise InputError(f"{where}: '{key}' has shape {arrays[key].shape}, expected {shape} for {count} names.")
        usable = np.isfinite(arrays["mean"]).all() and np.isfinite(arrays["std"]).all() and (arrays["std"] > 0).all()
        if not usable:
            raise InputError(f"{where}: means must be finite and deviations above zero. Export the bundle again.")
        return cls(names, arrays["mean"], arrays["std"], arrays["quantiles_all"], by_class)

    def to_mapping(self) -> dict[str, Any]:
        """Return plain JSON content, but for NaN where a feature is never defined."""
        return {
            "names": list(self.names),
            "mean": self.mean.tolist(),
            "std": self.std.tolist(),
            "quantiles_all": self.quantiles_all.tolist(),
            "quantiles_by_class": self.quantiles_by_class.tolist(),
        }

    @cached_property
    def varies(self) -> NDArray[np.bool_]:
        """Which features (F,) differed between training cases; of the others a network has learnt nothing."""
        low, high = self.quantiles_all[:, 0], self.quantiles_all[:, -1]
        return high - low > 1e-9 * np.maximum(np.abs(low), np.abs(high))  # never where undefined

    @property
    def parts(self) -> Mapping[str, tuple[int, ...]]:
        """Feature -> where it stands among the network's inputs: each is one of them."""
        return {name: (place,) for place, name in enumerate(self.names)}

    @property
    def measured(self) -> Scaler:
        """Where numbers lie among the training cases: the scaler itself."""
        return self

    def number(self, name: str, value: float | None) -> float:
        """Return the number by which `measured` knows a value: the value itself, NaN where undefined."""
        return math.nan if value is None else value

    def about(self, name: str) -> dict[str, str]:
        """Return what a screen may say of a feature beside its name: nothing."""
        return {}

    def standardise(self, values: Mapping[str, float]) -> NDArray[np.float32]:
        """Return (F,) values in training standard deviations: undefined ones 0 (the mean), the rest within +-8.

        What was the same in all training cases is 0 whatever it is: its weights are still those it began with, and a
        case in which it differs would be decided by them.

        Raises:
            InputError: when the names are not exactly this scaler's.
        """
        if values.keys() != set(self.names):
            odd = sorted(set(values) ^ set(self.names))
            raise InputError(
                f"The model expects {len(self.names)} features, the case has {len(values)}; they differ in "
                f"{first_few(odd)}. Prepare the case with the bundle's own recipe."
            )
        raw = np.array([values[name] for name in self.names], dtype=float)
        z = np.where(self.varies, np.clip((raw - self.mean) / self.std, -CLIP, CLIP), 0.0)
        return np.nan_to_num(z, nan=0.0).astype(np.float32)

    def percentile(self, name: str, value: float, label: int | None = None) -> float:
        """Return the share (0..100) of training cases, or of those of one class, that lie below a value.

        Cases with the very same value count half. NaN when the value or the feature is undefined.
        """
        table = self.quantiles_all if label is None else self.quantiles_by_class[label]
        steps = table[self.names.index(name)]
        if not (np.isfinite(value) and np.isfinite(steps).all()):
            return float("nan")
        first, last = np.searchsorted(steps, value, "left"), np.searchsorted(steps, value, "right")
        if last > first:
            position = float(first + last - 1) / 2
        elif first in (0, steps.size):
            position = 0.0 if first == 0 else steps.size - 1.0
        else:
            low, high = steps[first - 1], steps[first]
            position = float(first - 1 + (value - low) / (high - low))
        return 100.0 * position / (steps.size - 1)

    def training_range(self, name: str) -> tuple[float, float]:
        """Return the smallest and largest training value of a feature; NaN when it was never defined."""
        steps = self.quantiles_all[self.names.index(name)]
        return float(steps[0]), float(steps[-1])

    def reference_range(self, name: str) -> tuple[float, float]:
        """Return the values between which 95 % of the training cases lie; NaN when it was never defined."""
        steps = self.quantiles_all[self.names.index(name)]
        return float(steps[1]), float(steps[-2])  # 2.5 % are cut off at either end


def _quantiles(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return (F, Q) quantiles of the finite values in each column of (N, F)."""
    table = np.full((values.shape[1], QUANTILES.size), np.nan)
    for column, row in zip(values.T, table, strict=True):
        finite = column[np.isfinite(column)]
        if finite.size:
            row[:] = np.quantile(finite, QUANTILES)
    return table
