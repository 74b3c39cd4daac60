"""Looking through a folder for MR images: headers only, no pixels.

Files may have any name and lie at any depth. What is no DICOM image is counted and named in a warning; what is a
DICOM image but ends too early is an error, because the series it belongs to would silently lose a slice.
"""

from __future__ import annotations

import logging
import os
import struct
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom.filereader import read_file_meta_info

from BreastFusionLib.errors import InputError, first_few
from BreastFusionLib.exam.dicom_frames import frame_headers, plain_header
from BreastFusionLib.exam.formats import looks_like_dicom

__all__ = ["Scan", "Slice", "scan"]

log = logging.getLogger(__name__)

_PIXEL_DATA = (0x7FE0, 0x0010)
_UNDEFINED_LENGTH = 0xFFFFFFFF
_MR_IMAGES = {
    "1.2.840.10008.5.1.4.1.1.4",  # MR Image Storage
    "1.2.840.10008.5.1.4.1.1.4.1",  # Enhanced MR Image Storage
    "1.2.840.10008.5.1.4.1.1.4.4",  # Legacy Converted Enhanced MR Image Storage
}


@dataclass(frozen=True)
class Slice:
    """One image of a series: a file, or one frame of a multi-frame file.

    Attributes:
        path: the file.
        frame: index of the frame in a multi-frame file, else None.
        header: DICOM keyword -> plain value; of a frame, the shared and its own functional groups.
    """

    path: Path
    frame: int | None
    header: Mapping[str, Any]

    @property
    def position_lps(self) -> NDArray[np.float64]:
        """Centre of the first pixel in mm."""
        return np.asarray(self.header["ImagePositionPatient"], dtype=float)

    @property
    def orientation(self) -> NDArray[np.float64]:
        """Unit vectors (2, 3) along increasing column and row index."""
        return np.asarray(self.header["ImageOrientationPatient"], dtype=float).reshape(2, 3)

    @property
    def name(self) -> str:
        """The file's name for messages, with the frame's number (from 1) where there are several."""
        return self.path.name if self.frame is None else f"{self.path.name} (frame {self.frame + 1})"


@dataclass(frozen=True)
class Scan:
    """What a folder holds: the MR images, and sentences about what was left out."""

    slices: tuple[Slice, ...]
    warnings: tuple[str, ...]


def scan(path: Path) -> Scan:
    """Read the headers of all MR images in a folder and below it, or of one file.

    Raises:
        InputError: an MR image file is truncated, or lacks its place in space.
    """
    slices: list[Slice] = []
    no_dicom: list[str] = []
    unreadable: list[str] = []
    other_objects: Counter[str] = Counter()
    for file in _files_below(path):
        if not looks_like_dicom(file):
            no_dicom.append(file.name)
            continue
        dataset = _read_header(file)
        if dataset is None:
            unreadable.append(file.name)
        elif str(dataset.get("SOPClassUID", "")) not in _MR_IMAGES:
            other_objects[_kind(dataset)] += 1
        else:
            slices.extend(_slices_of(file, dataset))
    warnings = []
    if no_dicom:
        warnings.append(f"{_count(no_dicom, 'file')} that {_are(no_dicom)} no DICOM left out: {first_few(no_dicom)}.")
    if unreadable:
        warnings.append(f"{_count(unreadable, 'DICOM file')} could not be read and left out: {first_few(unreadable)}.")
    if other_objects:
        kinds = ", ".join(f"{count} x {kind}" for kind, count in sorted(other_objects.items()))
        warnings.append(f"DICOM objects that are no MR images left out: {kinds}.")
    return Scan(tuple(slices), tuple(warnings))


def _files_below(path: Path) -> Iterator[Path]:
    if path.is_file():
        yield path
        return
    for folder, folders, names in os.walk(path):
        folders.sort()
        for name in sorted(names):
            yield Path(folder, name)


def _read_header(file: Path) -> pydicom.Dataset | None:
    """Return the data set without pixels, or None when it cannot be parsed; a truncated MR image raises."""
    with file.open("rb") as stream:
        try:
            dataset = pydicom.dcmread(stream, stop_before_pixels=True, force=True)
            class_uid = str(dataset.get("SOPClassUID") or dataset.file_meta.get("MediaStorageSOPClassUID", ""))
            if class_uid not in _MR_IMAGES:
                return dataset if "SOPClassUID" in dataset else None
            complete = _pixels_are_complete(stream, dataset)
        except Exception as error:  # pydicom raises whatever the broken bytes lead to
            log.info("cannot parse a DICOM header: %s", type(error).__name__)
            complete = not _claims_to_be_mr(file)
            dataset = None
    if not complete:
        raise InputError(
            f"{file.name} is truncated: it ends before its pixel data does ({file.stat().st_size:,} bytes). "
            f"Copy or export the series again (file {file})."
        )
    return dataset


def _claims_to_be_mr(file: Path) -> bool:
    """Tell from the first lines alone, when the rest cannot be parsed, whether a file is an MR image."""
    try:
        return str(read_file_meta_info(file).get("MediaStorageSOPClassUID", "")) in _MR_IMAGES
    except Exception:  # cut off even earlier
        return False


def _pixels_are_complete(stream: BinaryIO, dataset: pydicom.Dataset) -> bool:
    """Tell whether the file holds all of the pixel data that its header announces, without reading them."""
    syntax = dataset.file_meta.get("TransferSyntaxUID") if hasattr(dataset, "file_meta") else None
    if syntax is not None and syntax.is_deflated:
        return True  # the stream's position says nothing about a deflated file
    little, implicit = dataset.original_encoding[1], dataset.original_encoding[0]
    order = "<" if little else ">"
    start = stream.read(12)
    if len(start) < 8 or struct.unpack(f"{order}HH", start[:4]) != _PIXEL_DATA:
        return False
    length_at = slice(4, 8) if implicit else slice(8, 12)
    (length,) = struct.unpack(f"{order}L", start[length_at])
    stream.seek(length_at.stop - len(start), os.SEEK_CUR)
    size = os.fstat(stream.fileno()).st_size
    if length == _UNDEFINED_LENGTH:
        return _fragments_are_complete(stream, size)
    bits = (
        int(dataset.Rows) * int(dataset.Columns) * int(dataset.BitsAllocated) * int(dataset.get("SamplesPerPixel", 1))
    )
    return size - stream.tell() >= max(length, bits * int(dataset.get("NumberOfFrames", 1) or 1) // 8)


def _fragments_are_complete(stream: BinaryIO, size: int) -> bool:
    """Walk over the items of compressed pixel data up to the end mark (PS3.5, A.4)."""
    while len(head := stream.read(8)) == 8:
        group, element, length = struct.unpack("<HHL", head)
        if (group, element) == (0xFFFE, 0xE0DD):
            return True
        if stream.tell() + length > size:
            return False
        stream.seek(length, os.SEEK_CUR)
    return False


def _slices_of(file: Path, dataset: pydicom.Dataset) -> list[Slice]:
    frames = frame_headers(dataset)
    headers = [plain_header(dataset)] if frames is None else frames
    slices = [Slice(file, None if frames is None else number, header) for number, header in enumerate(headers)]
    for one in slices:
        for keyword, numbers in (("ImagePositionPatient", 3), ("ImageOrientationPatient", 6), ("PixelSpacing", 2)):
            if len(np.atleast_1d(one.header.get(keyword, ()))) != numbers:
                raise InputError(
                    f"{one.name} has no {keyword}, so its place in the patient is unknown. Export the series again "
                    f"with its geometry, or take the file away (file {file})."
                )
    return slices


def _kind(dataset: pydicom.Dataset) -> str:
    class_uid = dataset.get("SOPClassUID")
    return str(getattr(class_uid, "name", class_uid)) or "unknown"


def _count(names: list[str], what: str) -> str:
    return f"{len(names)} {what}{'' if len(names) == 1 else 's'}"


def _are(names: list[str]) -> str:
    return "is" if len(names) == 1 else "are"
