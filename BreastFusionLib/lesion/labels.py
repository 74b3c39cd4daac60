"""From a label image to a mask."""

from __future__ import annotations

import numpy as np
import SimpleITK as sitk

from BreastFusionLib.errors import InputError
from BreastFusionLib.exam.geometry import Grid, bounding_box
from BreastFusionLib.lesion.segments import Segment, choose_segment

__all__ = ["binary_mask"]


def binary_mask(image: sitk.Image, label: str | int | None, where: str) -> sitk.Image:
    """Return one label of an image as a mask.

    Args:
        image: 3-D, any scalar pixel type, whole numbers, 0 outside.
        label: which one; None: the only one there is.
        where: the file, for messages.

    Returns:
        sitk.sitkUInt8, 1 inside, on the image's grid.

    Raises:
        InputError: not 3-D, more than one component, values that are no labels, no voxel inside, or no such label.
    """
    try:
        grid = Grid.of(image)
    except InputError as error:
        raise InputError(f"{where}: {error}") from error
    if image.GetNumberOfComponentsPerPixel() != 1:
        raise InputError(
            f"{where} has {image.GetNumberOfComponentsPerPixel()} numbers a voxel: a mask with one is expected. "
            "Export the lesion as a label map."
        )
    box = bounding_box(image)
    if box is None:
        raise InputError(f"{where} is empty: no voxel is marked. Draw the lesion and save it again.")
    pixels = sitk.GetArrayViewFromImage(image)
    values = np.unique(pixels[box.slices])
    if not np.isfinite(values).all():
        raise InputError(f"{where} holds NaN or infinite voxels: 0 outside and 1 inside are expected. Save it again.")
    if np.any(values != np.rint(values)):
        raise InputError(
            f"{where} holds fractions, such as {values[values != np.rint(values)][0]:.4g}: 0 outside and 1 inside are "
            "expected. Choose a threshold and save it as a mask."
        )
    chosen = choose_segment([Segment(int(value)) for value in values[values != 0]], label, where)
    return grid.put_on(sitk.GetImageFromArray((pixels == chosen.number).astype(np.uint8)))
