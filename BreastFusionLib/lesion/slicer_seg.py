"""Reading one segment of 3D Slicer's segmentation files (.seg.nrrd).

Segments that overlap lie in layers (components of the voxels, as SimpleITK reads them), each with a label in its
layer; the header names them (Slicer developer guide, 'Segmentation labelmap file format').
"""

from __future__ import annotations

import re

import SimpleITK as sitk

from BreastFusionLib.errors import InputError
from BreastFusionLib.lesion.labels import binary_mask
from BreastFusionLib.lesion.segments import Segment, choose_segment

__all__ = ["is_slicer_segmentation", "slicer_segment"]

_KEY = re.compile(r"Segment(\d+)_(\w+)")


def is_slicer_segmentation(image: sitk.Image) -> bool:
    """Tell whether an image that was read from a file describes segments as 3D Slicer does."""
    return any(_KEY.fullmatch(key) for key in image.GetMetaDataKeys())


def slicer_segment(image: sitk.Image, wanted: str | int | None, where: str) -> sitk.Image:
    """Return one segment as a mask.

    Args:
        image: the file as SimpleITK reads it, header included.
        wanted: name, ID or place in the list (from 1) of the segment; None: the only one there is.
        where: the file, for messages.

    Returns:
        sitk.sitkUInt8, 1 inside, on the file's grid (Slicer saves only the box round all segments).

    Raises:
        InputError: no such segment, or an empty one.
    """
    headers = _segment_headers(image)
    segments = [Segment(number + 1, header.get("Name", "")) for number, header in headers.items()]
    for segment, header in zip(segments, headers.values(), strict=True):
        if wanted is not None and header.get("ID") == wanted:
            wanted = segment.number
    chosen = choose_segment(segments, wanted, where)
    header = headers[chosen.number - 1]
    layers = image.GetNumberOfComponentsPerPixel()
    # Files of Slicer before 4.11 name neither layers nor labels: each component is one segment.
    layer = int(header.get("Layer", chosen.number - 1 if layers > 1 else 0))
    label = int(header.get("LabelValue", 1))
    if layer >= layers:
        raise InputError(f"{where}: segment {chosen} lies in layer {layer} of {layers}. Save the segmentation again.")
    volume = sitk.VectorIndexSelectionCast(image, layer) if layers > 1 else image
    return binary_mask(volume == label, None, f"{where}, segment {chosen}")


def _segment_headers(image: sitk.Image) -> dict[int, dict[str, str]]:
    """Return for each segment, by its number from 0, its part of the header."""
    headers: dict[int, dict[str, str]] = {}
    for key in image.GetMetaDataKeys():
        if match := _KEY.fullmatch(key):
            headers.setdefault(int(match[1]), {})[match[2]] = image.GetMetaData(key)
    return dict(sorted(headers.items()))
