"""Phantom exams as DICOM studies, each vendor's way of storing a dynamic series included.

Every file says that it is synthetic: QualityControlImage is YES (the attribute that DICOM has for phantoms,
PS3.3 C.7.6.1), the manufacturer is 'BreastFusion phantom', the patient 'PHANTOM^0001'.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian, MRImageStorage, generate_uid

from BreastFusionLib.exam.model import Series
from BreastFusionLib.phantom.exam import PhantomExam
from BreastFusionLib.phantom.scanner import Dialect

__all__ = ["write_dicom_study"]

# All phantoms were examined on the same obviously invented day.
_START = datetime(2000, 1, 1, 8, 0, 0)
_STARTS_S: dict[str, float] = {"t2": 60.0, "t1": 360.0, "dce": 600.0}
_SERIES_NUMBERS: dict[str, int] = {"t2": 2, "t1": 3, "dce": 4}


@dataclass(frozen=True)
class _Stored:
    """One volume as it goes into files: its pixels [k, j, i] and the keywords that only it has.

    Attributes:
        number: SeriesNumber.
        key: tells its series from others; several phases may share it.
        description: SeriesDescription.
        pixels: stored values.
        instances: InstanceNumber of each slice.
        keywords: DICOM keyword -> value.
    """

    number: int
    key: str
    description: str
    pixels: NDArray[np.uint16]
    instances: range
    keywords: dict[str, Any]


def write_dicom_study(made: PhantomExam, folder: str | os.PathLike[str]) -> Path:
    """Write an exam as a DICOM study, one folder a series, all of it or nothing.

    Args:
        made: the exam.
        folder: is made, or replaced.

    Returns:
        The folder.
    """
    target = Path(folder)
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=".writing-", dir=target.parent))
    try:
        for series in made.exam.series:
            for stored in _stored_volumes(series, made.dialect):
                _write_volume(stored, series, made, temporary)
        shutil.rmtree(target, ignore_errors=True)
        temporary.chmod(0o755)
        temporary.rename(target)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return target


def _stored_volumes(series: Series, dialect: Dialect) -> Iterator[_Stored]:
    """Yield a series' volumes the way the vendor stores them."""
    slices, phases = series.grid.size[2], len(series.phases)
    for n, phase in enumerate(series.phases):
        seconds = _STARTS_S[series.role] + (phase.time_s or 0.0)
        number, key = _SERIES_NUMBERS[series.role], str(series.role)
        keywords: dict[str, Any] = _clock("Acquisition", seconds)
        instances = range(n * slices + 1, (n + 1) * slices + 1)
        if series.role == "dce":
            # A scanner that stores all phases in one series writes the agent into all of them.
            if n > 0 or dialect.phases != "series":
                keywords["ContrastBolusAgent"] = "Gadolinium (synthetic)"
            if dialect.phases == "series":
                number, key, instances = number + n, f"dce_{n}", range(1, slices + 1)
            elif dialect.phases == "temporal_position":
                keywords |= _clock("Acquisition", _STARTS_S["dce"])
                keywords |= {
                    "TemporalPositionIdentifier": n + 1,
                    "NumberOfTemporalPositions": phases,
                    "TriggerTime": round(1000 * (phase.time_s or 0.0), 1),
                }
            else:
                instances = range(n + 1, slices * phases + 1, phases)
        yield _Stored(
            number=number,
            key=key,
            description=dialect.protocols[series.role].description.format(phase=n + 1),
            pixels=_stored_pixels(phase.image, dialect.rescale_slope),
            instances=instances,
            keywords=keywords,
        )


def _stored_pixels(image: sitk.Image, slope: float) -> NDArray[np.uint16]:
    return np.rint(sitk.GetArrayViewFromImage(image) / slope).astype(np.uint16)


def _clock(event: str, seconds: float) -> dict[str, Any]:
    moment = _START + timedelta(seconds=seconds)
    return {f"{event}Date": moment.strftime("%Y%m%d"), f"{event}Time": moment.strftime("%H%M%S.%f")}


def _write_volume(stored: _Stored, series: Series, made: PhantomExam, study: Path) -> None:
    folder = study / f"{stored.number:02d}_{series.role}"
    folder.mkdir(exist_ok=True)
    dataset = _header(stored, series, made)
    for k, (pixels, instance) in enumerate(zip(stored.pixels, stored.instances, strict=True)):
        position = series.grid.physical((0, 0, k))
        uid = _uid(made, stored.key, instance)
        dataset.SOPInstanceUID = uid
        dataset.file_meta.MediaStorageSOPInstanceUID = uid
        dataset.InstanceNumber = instance
        dataset.ImagePositionPatient = [_decimal(v) for v in position]
        dataset.SliceLocation = _decimal(float(np.dot(position, np.reshape(series.grid.direction, (3, 3))[:, 2])))
        dataset.PixelData = pixels.tobytes()
        dataset.save_as(folder / f"IM{instance:05d}.dcm", enforce_file_format=True)


def _header(stored: _Stored, series: Series, made: PhantomExam) -> Dataset:
    """Return everything that all files of a volume share."""
    grid, number = series.grid, made.exam.pseudonym[1:]
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = MRImageStorage
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    direction = np.reshape(grid.direction, (3, 3))
    keywords: dict[str, Any] = {
        "SpecificCharacterSet": "ISO_IR 192",
        "ImageType": ["ORIGINAL", "PRIMARY", "M", "ND"],
        "SOPClassUID": MRImageStorage,
        "StudyDate": _START.strftime("%Y%m%d"),
        "StudyTime": _START.strftime("%H%M%S"),
        **_clock("Series", _STARTS_S[series.role]),
        **_clock("Content", _STARTS_S[series.role]),
        "AccessionNumber": "",
        "Modality": "MR",
        "ReferringPhysicianName": "",
        "StudyDescription": "SYNTHETIC breast MRI",
        "SeriesDescription": stored.description,
        "PatientName": f"PHANTOM^{number}",
        "PatientID": f"PHANTOM_{number}",
        "PatientBirthDate": "",
        "PatientSex": "F",
        "PatientAge": f"{int(made.clinical['age']):03d}Y",
        "PatientComments": "Synthetic images, no patient",
        "BodyPartExamined": "BREAST",
        "PatientPosition": "HFP",
        "StudyInstanceUID": _uid(made, "study"),
        "SeriesInstanceUID": _uid(made, stored.key),
        "FrameOfReferenceUID": _uid(made, "frame"),
        "StudyID": "1",
        "SeriesNumber": stored.number,
        "AcquisitionNumber": 1,
        "PositionReferenceIndicator": "",
        "QualityControlImage": "YES",
        "ImageOrientationPatient": [_decimal(v) for v in (*direction[:, 0], *direction[:, 1])],
        "SpacingBetweenSlices": grid.spacing_mm[2],
        "SamplesPerPixel": 1,
        "PhotometricInterpretation": "MONOCHROME2",
        "Rows": grid.size[1],
        "Columns": grid.size[0],
        "BitsAllocated": 16,
        "BitsStored": 16,
        "HighBit": 15,
        "PixelRepresentation": 0,
        "RescaleIntercept": 0,
        "RescaleSlope": made.dialect.rescale_slope,
        "RescaleType": "US",
        **series.acquisition,
        **stored.keywords,
    }
    dataset = Dataset()
    dataset.file_meta = meta
    for keyword, value in keywords.items():
        setattr(dataset, keyword, value.split("\\") if keyword == "ScanOptions" else value)
    return dataset


def _uid(made: PhantomExam, *parts: object) -> UID:
    """Return a UID under pydicom's prefix that depends on the exam's seed and number only."""
    return generate_uid(
        entropy_srcs=["phantom", *(s for one in made.exam.series for s in one.sources), *map(str, parts)]
    )


def _decimal(value: float) -> str:
    """Return a number in the 16 characters of a DICOM decimal string."""
    return f"{value:.10f}"[:16]
