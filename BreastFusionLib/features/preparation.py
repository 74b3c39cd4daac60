"""From a whole image and mask to the lesion as PyRadiomics measures it: normalised, resampled, resegmented, cropped."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import SimpleITK as sitk

from BreastFusionLib.errors import InputError
from BreastFusionLib.exam.geometry import Box, Grid, bounding_box, crop, describe_difference
from BreastFusionLib.features.filters import Source
from BreastFusionLib.features.provider import load_provider

__all__ = ["PreparedLesion", "prepare_lesion", "require_finite"]

# A B-spline's coefficients come from recursive filters whose slowest pole (order 5) is 0.43: after 48 voxels what lies
# beyond is below 1e-17. No other interpolator reaches as far.
B_SPLINE_REACH_VOXELS = 48


@dataclass(frozen=True)
class PreparedLesion:
    """What features are measured on.

    Attributes:
        source: the image that filters see.
        box: the lesion's bounding box in it.
        mask: the lesion's voxels for intensity features, cropped to `box` (uint32, the lesion is `label`).
        shape_mask: the same for shape, before resegmentation unless the settings want it after.
        too_small: why PyRadiomics refuses the lesion, or None.
    """

    source: Source
    box: Box
    mask: sitk.Image
    shape_mask: sitk.Image
    too_small: str | None


def prepare_lesion(image: sitk.Image, mask: sitk.Image, setting: Mapping[str, Any]) -> PreparedLesion:
    """Do what PyRadiomics does before it measures, on as little of the image as gives the same voxels.

    Args:
        image: 3-D scalar image.
        mask: on the same grid.
        setting: PyRadiomics' settings, with `label`.

    Raises:
        InputError: another grid, no voxel with the label, values that are not finite, nothing left after
            resampling or resegmentation.
    """
    label = int(setting["label"])
    mask = _checked(image, mask, setting)
    box = bounding_box(mask, label)
    if box is None:
        raise InputError(
            f"The mask holds no voxel with the value {label}: nothing is segmented, or the lesion has another label."
        )
    require_finite(crop(image, box), crop(mask, box), label, "is not finite")
    source = Source(image, _normaliser(image, setting))
    if setting.get("interpolator") is not None and setting.get("resampledPixelSpacing") is not None:
        source, mask = _resampled(source, mask, box, setting)
        box = bounding_box(mask, label)
        if box is None:
            raise InputError(
                f"No voxel of the lesion is left after resampling to {setting['resampledPixelSpacing']} mm: choose a "
                "smaller resampledPixelSpacing."
            )
    elif setting.get("preCrop", False):
        padded = box.grown(int(setting.get("padDistance", 5))).clipped(mask.GetSize())
        source, mask = Source(source.part(padded)), crop(mask, padded)
        box = Box(tuple(a - b for a, b in zip(box.start, padded.start, strict=True)), box.size)  # type: ignore[arg-type]
    return _resegmented(source, mask, box, setting)


def _checked(image: sitk.Image, mask: sitk.Image, setting: Mapping[str, Any]) -> sitk.Image:
    """Return the mask as one channel of integers with exactly the image's geometry."""
    difference = describe_difference(image, mask)
    if difference is not None:
        raise InputError(
            f"The mask lies on another grid than the image ({difference}): draw the lesion on this image, or resample "
            "the mask onto it first."
        )
    if image.GetNumberOfComponentsPerPixel() != 1:
        raise InputError(
            f"The image has {image.GetNumberOfComponentsPerPixel()} values per voxel (colour or vectors); radiomic "
            "features need one intensity per voxel."
        )
    if mask.GetNumberOfComponentsPerPixel() > 1:
        mask = sitk.VectorIndexSelectionCast(mask, int(setting.get("label_channel", 0)))
    if np.issubdtype(sitk.GetArrayViewFromImage(mask).dtype, np.floating):
        mask = sitk.Cast(mask, sitk.sitkUInt32)
    if Grid.of(mask) != Grid.of(image):  # the last digits of positions
        mask = Grid.of(image).put_on(sitk.Image(mask))
    return mask


def require_finite(image: sitk.Image, mask: sitk.Image, label: int, what: str) -> None:
    """Raise when a lesion's voxel is NaN or infinite; `what` completes 'The image ..'."""
    values = sitk.GetArrayViewFromImage(image)[sitk.GetArrayViewFromImage(mask) == label]
    bad = int(values.size - np.isfinite(values).sum())
    if bad:
        raise InputError(
            f"The image {what}: {bad} of the lesion's {values.size} voxels are NaN or infinite. Replace such voxels in "
            "the file, or leave them out of the mask."
        )


def _normaliser(image: sitk.Image, setting: Mapping[str, Any]) -> Callable[[sitk.Image], sitk.Image]:
    """Return PyRadiomics' normalisation with mean and standard deviation of the whole image."""
    if not setting.get("normalize", False):
        return lambda part: part
    statistics = sitk.StatisticsImageFilter()
    statistics.Execute(image)
    mean, sigma = statistics.GetMean(), statistics.GetSigma()
    scale, outliers = setting.get("normalizeScale", 1), setting.get("removeOutliers")

    def normalise(part: sitk.Image) -> sitk.Image:
        part = sitk.ShiftScale(part, -mean, 1.0 / sigma, sitk.sitkFloat64)
        if outliers is not None:
            part = sitk.Clamp(part, part.GetPixelID(), -outliers, outliers)
        return part * scale

    return normalise


def _resampled(source: Source, mask: sitk.Image, box: Box, setting: Mapping[str, Any]) -> tuple[Source, sitk.Image]:
    """Resample with PyRadiomics, showing it the whole mask (which sets the grid) but no more of the image than needed.

    The part starts at the image's first voxel: with another origin, positions would be rounded otherwise, and a value
    halfway between two integers could become the other one.
    """
    old_mm = np.array(mask.GetSpacing())
    new_mm = np.maximum(np.array(setting["resampledPixelSpacing"], dtype=float), old_mm)
    reach = B_SPLINE_REACH_VOXELS + np.ceil((setting.get("padDistance", 5) + 1) * new_mm / old_mm).astype(int)
    stop = np.minimum(box.stop + reach, source.whole.size)
    part = source.part(Box((0, 0, 0), tuple(stop.tolist())))
    image, mask = load_provider().imageoperations.resampleImage(part, mask, **setting)
    return Source(image), mask


def _resegmented(source: Source, mask: sitk.Image, box: Box, setting: Mapping[str, Any]) -> PreparedLesion:
    """Restrict the lesion to the wanted range of intensities, and crop everything to its bounding box."""
    label = int(setting["label"])
    mask = sitk.Cast(crop(mask, box), sitk.sitkUInt32)
    too_small = _too_small(mask, label, setting)
    if setting.get("resegmentRange") is None or too_small:
        return PreparedLesion(source, box, mask, mask, too_small)
    image = source.part(box)
    require_finite(image, mask, label, "is not finite after normalisation or resampling")
    try:
        inner = load_provider().imageoperations.resegmentMask(image, mask, **setting)
    except ValueError as error:
        raise InputError(f"resegmentRange {setting['resegmentRange']} leaves no lesion to measure: {error}") from error
    inner_box = bounding_box(inner, label)
    assert inner_box is not None, "resegmentMask keeps two voxels or raises"
    kept = crop(sitk.Cast(inner, sitk.sitkUInt32), inner_box)
    shape_mask = kept if setting.get("resegmentShape", False) else crop(mask, inner_box)
    start = tuple(a + b for a, b in zip(box.start, inner_box.start, strict=True))
    return PreparedLesion(
        source,
        Box(start, inner_box.size),  # type: ignore[arg-type]
        kept,
        shape_mask,
        _too_small(kept, label, setting),
    )


def _too_small(mask: sitk.Image, label: int, setting: Mapping[str, Any]) -> str | None:
    """Say why PyRadiomics would refuse a lesion (its mask cropped to the bounding box), or None."""
    voxels = int((sitk.GetArrayViewFromImage(mask) == label).sum())
    extended = sum(n > 1 for n in mask.GetSize())
    if extended == 0:
        return "it is a single voxel"
    if extended < setting.get("minimumROIDimensions", 2):
        return f"it is longer than one voxel along {extended} of its 3 axes only"
    smallest = setting.get("minimumROISize")
    if smallest is not None and voxels <= smallest:
        return f"its {voxels} voxels are not more than minimumROISize {smallest}"
    return None
