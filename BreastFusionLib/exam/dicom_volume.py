"""Reading the pixels of one volume, when they are asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import SimpleITK as sitk
from numpy.typing import NDArray
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian

from BreastFusionLib.errors import InputError
from BreastFusionLib.exam.dicom_files import Slice
from BreastFusionLib.exam.geometry import Grid

__all__ = ["read_dataset", "read_volume"]


def read_volume(slices: Sequence[Slice], grid: Grid) -> sitk.Image:
    """Read the pixels of a volume.

    Args:
        slices: in the order of increasing slice index.
        grid: of the volume.

    Returns:
        Scanner units after RescaleSlope and RescaleIntercept. int16 where no rescaling changes the stored values and
        they fit, else int32; float32 with rescaling. Never unsigned, so that differences cannot wrap round.

    Raises:
        InputError: pixels that cannot be decoded, or that are not finite after rescaling.
    """
    rescaled = any(_rescale(one.header) != (1.0, 0.0) for one in slices)
    pixels = np.empty(grid.size[::-1], dtype=np.float32 if rescaled else _stored_type(slices))
    decoded: tuple[Path, NDArray[Any]] | None = None
    for plane, one in zip(pixels, slices, strict=True):
        if decoded is None or decoded[0] != one.path:
            decoded = (one.path, _decode(one))
        stored = decoded[1] if one.frame is None or decoded[1].ndim == 2 else decoded[1][one.frame]
        if stored.shape != plane.shape:
            raise InputError(
                f"{one.name} holds {stored.shape} pixels, its header says {plane.shape} (file {one.path})."
            )
        slope, intercept = _rescale(one.header)
        with np.errstate(over="ignore"):  # is reported below, with the file's name
            plane[...] = stored * slope + intercept if rescaled else stored
        if rescaled and not np.isfinite(plane).all():
            raise InputError(f"{one.name} has voxels that are NaN or infinite after rescaling (file {one.path}).")
    return grid.put_on(sitk.GetImageFromArray(pixels))


def read_dataset(path: Path) -> pydicom.Dataset:
    """Read a whole DICOM file, also a bare data set without the DICOM mark, so that its pixels can be decoded.

    Raises:
        Exception: whatever broken bytes lead pydicom to.
    """
    dataset = pydicom.dcmread(path, force=True)
    if "TransferSyntaxUID" not in dataset.file_meta:
        implicit, _ = dataset.original_encoding
        dataset.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian if implicit else ExplicitVRLittleEndian
    return dataset


def _decode(one: Slice) -> NDArray[Any]:
    try:
        return read_dataset(one.path).pixel_array
    except Exception as error:  # decoders raise whatever broken bytes or a missing codec lead to
        raise InputError(
            f"The pixels of {one.name} cannot be decoded ({type(error).__name__}: {error}). Export the series "
            f"uncompressed, or install pylibjpeg (file {one.path})."
        ) from error


def _rescale(header: Mapping[str, Any]) -> tuple[float, float]:
    return float(header.get("RescaleSlope", 1.0)), float(header.get("RescaleIntercept", 0.0))


def _stored_type(slices: Sequence[Slice]) -> type[np.signedinteger[Any]]:
    fits = all(
        int(one.header.get("BitsStored", 16)) <= 15 + int(one.header.get("PixelRepresentation", 0)) for one in slices
    )
    return np.int16 if fits else np.int32
