"""PyRadiomics' image filters, run on no more of the image than the lesion's voxels depend on.

Every filter is PyRadiomics' own. What differs is the part of the image it sees: a filter's result inside the lesion
must not change by a bit, so the part follows from how far the filter reaches and what it does at the border.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import SimpleITK as sitk

from BreastFusionLib.exam.geometry import Box, crop
from BreastFusionLib.features.parameters import Parameters
from BreastFusionLib.features.provider import load_provider

__all__ = ["Source", "derived_images"]

# The recursive Gaussian falls off like exp(-1.72 distance / sigma): after 30 sigma what lies beyond is below 1e-22,
# less than rounding keeps.
LOG_REACH_SIGMAS = 30
# Filters that change each voxel by itself, after scaling by the largest magnitude in the whole image.
_POINTWISE = ("Square", "SquareRoot", "Logarithm", "Exponential")


@dataclass(frozen=True)
class Source:
    """An image that is prepared part by part.

    Attributes:
        image: the whole image.
        prepare: what is done to each voxel by itself before any filter (normalisation with numbers that were
            measured on the whole image).
    """

    image: sitk.Image
    prepare: Callable[[sitk.Image], sitk.Image] = lambda image: image

    @property
    def whole(self) -> Box:
        """The box of the whole image."""
        return Box((0, 0, 0), self.image.GetSize())

    def part(self, box: Box) -> sitk.Image:
        """Return the prepared image inside a box, which must not reach outside."""
        return self.prepare(self.image if box == self.whole else crop(self.image, box))


def derived_images(
    source: Source, mask: sitk.Image, box: Box, parameters: Parameters
) -> Iterator[tuple[sitk.Image, str, dict[str, Any]]]:
    """Run the wanted filters.

    Args:
        source: the image.
        mask: the lesion, cropped to `box`.
        box: the lesion's bounding box in the image.
        parameters: which filters, and their settings.

    Yields:
        For each derived image: its part inside `box`, its name ('original', 'wavelet-LLH', ..) and the settings that
        features of it are measured with.
    """
    operations = load_provider().imageoperations
    for image_type, own in parameters.image_types.items():
        for setting in _one_by_one(image_type, {**parameters.setting, **own}):
            region, image = _sufficient_part(source, box, image_type, setting)
            inside = Box(tuple(a - b for a, b in zip(box.start, region.start, strict=True)), box.size)  # type: ignore[arg-type]
            region_mask = _placed(mask, inside, image)
            for derived, name, used in getattr(operations, f"get{image_type}Image")(image, region_mask, **setting):
                yield (derived if inside == Source(derived).whole else crop(derived, inside)), name, used


def _one_by_one(image_type: str, setting: dict[str, Any]) -> list[dict[str, Any]]:
    """Split settings for several derived images where a small one would otherwise need as large a part as all."""
    if image_type != "LoG":
        return [setting]
    return [{**setting, "sigma": [sigma]} for sigma in setting.get("sigma", [])]


def _sufficient_part(source: Source, box: Box, image_type: str, setting: Mapping[str, Any]) -> tuple[Box, sitk.Image]:
    """Return a box and the image in it that give a filter the same result inside `box` as the whole image does."""
    size = source.image.GetSize()
    if image_type == "Original":
        return box, source.part(box)
    if image_type in _POINTWISE:
        return box, _with_extremes(source, box)
    if image_type == "Gradient":  # central differences, the border repeated outwards
        region = box.grown(1).clipped(size)
    elif image_type == "LoG":  # recursive along each axis, the border repeated outwards
        spacing_mm = source.image.GetSpacing()
        reach_mm = LOG_REACH_SIGMAS * max(setting["sigma"])
        region = box.grown(tuple(int(np.ceil(reach_mm / s)) for s in spacing_mm)).clipped(size)  # type: ignore[arg-type]
    elif image_type == "Wavelet":
        region = _wavelet_region(box, size, setting)
    else:  # local binary patterns, or a filter of a later version: nothing is assumed
        region = source.whole
    return region, source.part(region)


def _wavelet_region(box: Box, size: tuple[int, int, int], setting: Mapping[str, Any]) -> Box:
    """Grow the box by the filters' reach; an axis along which this meets the border is taken whole.

    PyRadiomics continues the image periodically, so that a lesion near one border depends on voxels at the other.
    """
    import pywt  # comes with PyRadiomics

    wavelet = setting.get("wavelet", "coif1")
    taps = pywt.Wavelet(wavelet).dec_len if isinstance(wavelet, str) else wavelet.dec_len
    reach = taps * (setting.get("level", 1) + setting.get("start_level", 0)) + 2
    grown = box.grown(reach)
    fits = [a >= 0 and b <= n for a, b, n in zip(grown.start, grown.stop, size, strict=True)]
    start = tuple(a if fit else 0 for a, fit in zip(grown.start, fits, strict=True))
    length = tuple(n if fit else whole for n, fit, whole in zip(grown.size, fits, size, strict=True))
    return Box(start, length)  # type: ignore[arg-type]


def _with_extremes(source: Source, box: Box) -> sitk.Image:
    """Return the image in `box` with one slice more that holds the smallest and largest voxel of the whole image."""
    whole = sitk.GetArrayViewFromImage(source.image)
    voxels = sitk.GetArrayFromImage(crop(source.image, box))
    extra = np.full((1, *voxels.shape[1:]), whole.max(), dtype=voxels.dtype)
    extra[0, 0, 0] = whole.min()
    image = sitk.GetImageFromArray(np.concatenate([voxels, extra]))
    image.SetSpacing(source.image.GetSpacing())
    return source.prepare(image)


def _placed(mask: sitk.Image, inside: Box, image: sitk.Image) -> sitk.Image:
    """Return the lesion on the grid of `image`, where it fills the box `inside`."""
    if mask.GetSize() == image.GetSize():
        return mask
    placed = sitk.Image(image.GetSize(), mask.GetPixelID())
    placed.CopyInformation(image)
    return sitk.Paste(placed, mask, mask.GetSize(), destinationIndex=inside.start)
