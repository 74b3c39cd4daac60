"""Settings of the images that a network sees: intensities and patches."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["IntensitySpec", "PatchSpec"]


@dataclass(frozen=True)
class IntensitySpec:
    """How raw MR intensities become numbers that compare between scanners.

    Attributes:
        method: 'clip_minmax_mean': clip to [low, high], scale the volume's own range to [0, 1], subtract its
            mean (wang2024, section 2.6); 'robust': the volume's percentiles [low_percentile, high_percentile] of
            its foreground become [0, 1], clipped softly never: values outside are kept up to one range beyond;
            'none': unchanged.
        low: lower clip in raw units ('clip_minmax_mean').
        high: upper clip in raw units ('clip_minmax_mean').
        low_percentile: percentile that becomes 0 ('robust').
        high_percentile: percentile that becomes 1 ('robust').
    """

    method: Literal["clip_minmax_mean", "robust", "none"] = "clip_minmax_mean"
    low: float = 0.0
    high: float = 1500.0
    low_percentile: float = 1.0
    high_percentile: float = 99.5


@dataclass(frozen=True)
class PatchSpec:
    """The crop round a lesion that goes into an encoder, one channel a slice.

    Attributes:
        size_px: side length of the square patch in pixels.
        size_mm: side length in mm (resampled, the same on every sequence); None keeps the image's own pixels.
        slices: number of slices (channels), odd; the middle one has the largest section of the lesion.
        slice_step_mm: distance of the slices in mm; None takes the image's own neighbouring slices.
        intensity: how intensities are scaled.
    """

    size_px: int = 224
    size_mm: float | None = None
    slices: int = 3
    slice_step_mm: float | None = None
    intensity: IntensitySpec = IntensitySpec()
