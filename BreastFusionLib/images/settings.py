"""Settings of the images that a network sees: intensities and patches."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from BreastFusionLib.errors import InputError

__all__ = ["IntensitySpec", "PatchSpec"]


@dataclass(frozen=True)
class IntensitySpec:
    """How raw MR intensities become numbers that compare between scanners.

    Attributes:
        method: 'clip_minmax_mean': clip to [low, high], bring the clipped volume's own range to [0, 1], subtract
            its mean (wang2024, section 2.6); 'robust': two percentiles of the volume's foreground become 0 and 1,
            and values outside go on linearly for one such range on either side, where they are clipped
            (so results lie in [-1, 2]); 'none': unchanged.
        low: lower clip in raw units ('clip_minmax_mean').
        high: upper clip in raw units ('clip_minmax_mean').
        low_percentile: percentile of the foreground that becomes 0 ('robust').
        high_percentile: percentile of the foreground that becomes 1 ('robust').
    """

    method: Literal["clip_minmax_mean", "robust", "none"] = "clip_minmax_mean"
    low: float = 0.0
    high: float = 1500.0
    low_percentile: float = 1.0
    high_percentile: float = 99.5

    def __post_init__(self) -> None:
        if self.low >= self.high:
            raise InputError(f"intensity: low ({self.low:g}) must lie below high ({self.high:g}).")
        if not 0 <= self.low_percentile < self.high_percentile <= 100:
            raise InputError(
                "intensity: percentiles must satisfy 0 <= low_percentile < high_percentile <= 100, found "
                f"{self.low_percentile:g} and {self.high_percentile:g}."
            )


@dataclass(frozen=True)
class PatchSpec:
    """The crop round a lesion that goes into an encoder, one channel a slice.

    `size_mm` and `slice_step_mm` belong together: neither gives the image's own pixels and neighbouring slices
    (wang2024), both give a resampled patch that covers the same millimetres on every sequence.

    Attributes:
        size_px: side length of the square patch in pixels.
        size_mm: side length in mm.
        slices: number of slices (channels), odd.
        slice_step_mm: distance of the slices in mm.
        intensity: how intensities are scaled.
    """

    size_px: int = 224
    size_mm: float | None = None
    slices: int = 3
    slice_step_mm: float | None = None
    intensity: IntensitySpec = IntensitySpec()

    def __post_init__(self) -> None:
        if self.size_px < 1:
            raise InputError(f"patch: size_px must be at least 1, found {self.size_px}.")
        if self.slices < 1 or self.slices % 2 == 0:
            raise InputError(f"patch: slices must be odd, so that one is the middle one; found {self.slices}.")
        if (self.size_mm is None) != (self.slice_step_mm is None):
            raise InputError(
                "patch: size_mm and slice_step_mm belong together. Give both for patches of equal size in mm, or "
                "neither for the image's own pixels and slices."
            )
        for name in ("size_mm", "slice_step_mm"):
            value = getattr(self, name)
            if value is not None and value <= 0:
                raise InputError(f"patch: {name} must be above 0 mm, found {value:g}.")
