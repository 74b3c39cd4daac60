"""Settings of the images that a network sees: intensities, patches, projections, and their random changes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from BreastFusionLib.errors import InputError

__all__ = ["PROJECTION_COLUMNS", "AugmentationSpec", "IntensitySpec", "PatchSpec", "ProjectionSpec"]

PROJECTION_COLUMNS = ("mip_height_mm", "mip_width_mm", "mip_pixel_mm", "mip_maximum")
"""What is measured on a projection; see `projection.Projection`."""


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


@dataclass(frozen=True)
class ProjectionSpec:
    """The maximum intensity projection (MIP) of one breast in the subtraction (holste2021, section 2.2).

    Attributes:
        phase: the phase after contrast from which the one before is subtracted; None: the one in which the breasts
            are brightest (holste2021's peak of contrast).
        axis: the patient's axis along which the maximum is taken: 'axial' looks from the feet, 'sagittal' from the
            side, 'coronal' from the front.
        registration: 'rigid' aligns the phase with the one before contrast first.
        clip_percent: the brightest share of the pixels (per cent) that becomes white.
        behind_sternum_mm: how far the image reaches behind the skin between the breasts, so that the heart, brighter
            than any lesion, is not in it; None: as far as the exam shows.
        size_px: side length of the square image in pixels.
        as_image: whether the network sees the image; False: only what is measured on it is wanted, for clinical
            columns such as 'mip_height_mm'.
    """

    phase: int | None = 2
    axis: Literal["axial", "sagittal", "coronal"] = "axial"
    registration: Literal["none", "rigid"] = "none"
    clip_percent: float = 0.5
    behind_sternum_mm: float | None = None
    size_px: int = 224
    as_image: bool = True

    def __post_init__(self) -> None:
        if self.phase is not None and self.phase < 1:
            raise InputError(f"projection: phase must be 1 (first after contrast) or more, found {self.phase}.")
        if self.behind_sternum_mm is not None and self.behind_sternum_mm < 0:
            raise InputError(f"projection: behind_sternum_mm must be 0 or more, found {self.behind_sternum_mm:g}.")
        if not 0 <= self.clip_percent < 100:
            raise InputError(f"projection: clip_percent must lie in [0, 100), found {self.clip_percent:g}.")
        if self.size_px < 1:
            raise InputError(f"projection: size_px must be at least 1, found {self.size_px}.")


@dataclass(frozen=True)
class AugmentationSpec:
    """Random changes of an image, the same for all sequences and slices of a case.

    Attributes:
        flip_horizontal: probability of a left-right flip.
        flip_vertical: probability of an anterior-posterior flip.
        rotation_degrees: rotation drawn evenly from plus or minus this angle.
        scale_percent: magnification drawn evenly from 100 plus or minus this percentage.
        elastic_percent: standard deviation of a smooth random displacement, in per cent of the side length.
        contrast_percent: gain about the image's mean drawn evenly from 100 plus or minus this percentage.
        blur_px: Gaussian blur with a standard deviation drawn evenly from 0 to this many pixels.
        photometric: probability that a case is blurred or changed in contrast (one of the two, evenly).
    """

    # Read by pydantic, which checks this dataclass inside a recipe's training section.
    __pydantic_config__ = {"extra": "forbid"}  # noqa: RUF012 - a class attribute, no field

    flip_horizontal: float = 0.5
    flip_vertical: float = 0.5
    rotation_degrees: float = 10.0
    scale_percent: float = 0.0
    elastic_percent: float = 0.0
    contrast_percent: float = 0.0
    blur_px: float = 0.0
    photometric: float = 0.5

    def __post_init__(self) -> None:
        for name in ("flip_horizontal", "flip_vertical", "photometric"):
            if not 0 <= getattr(self, name) <= 1:
                raise InputError(f"augmentation: {name} is a probability, found {getattr(self, name):g}.")
        for name, limit in (("rotation_degrees", 180), ("scale_percent", 90), ("elastic_percent", 50)):
            if not 0 <= getattr(self, name) <= limit:
                raise InputError(f"augmentation: {name} must lie in [0, {limit}], found {getattr(self, name):g}.")
        for name in ("contrast_percent", "blur_px"):
            if getattr(self, name) < 0:
                raise InputError(f"augmentation: {name} must be 0 or more, found {getattr(self, name):g}.")
