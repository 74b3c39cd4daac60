"""DICOM headers as plain dictionaries, the same for classic files and for the frames of enhanced ones."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pydicom
from pydicom.multival import MultiValue
from pydicom.sequence import Sequence as DicomSequence

from BreastFusionLib.exam.age import age_in_years

__all__ = ["ACQUISITION_KEYWORDS", "acquisition_of", "frame_headers", "plain_header"]

# What an exam keeps of a header: how the images were made, nothing of who is on them.
ACQUISITION_KEYWORDS = (
    "Manufacturer",
    "ManufacturerModelName",
    "MagneticFieldStrength",
    "ImagingFrequency",
    "ScanningSequence",
    "SequenceVariant",
    "SequenceName",
    "ScanOptions",
    "MRAcquisitionType",
    "ImageType",
    "RepetitionTime",
    "EchoTime",
    "InversionTime",
    "FlipAngle",
    "EchoTrainLength",
    "NumberOfAverages",
    "PixelBandwidth",
    "PixelSpacing",
    "SliceThickness",
    "SpacingBetweenSlices",
    "ReconstructionDiameter",
    "ContrastBolusAgent",
    "DiffusionBValue",
    "PatientPosition",
    "BodyPartExamined",
    "Laterality",
    "ImageLaterality",
)

_USED_KEYWORDS = frozenset(ACQUISITION_KEYWORDS) | {
    "PatientID",
    "PatientName",
    "StudyInstanceUID",
    "SeriesInstanceUID",
    "SOPInstanceUID",
    "FrameOfReferenceUID",
    "StudyDate",
    "Modality",
    "SeriesDescription",
    "ProtocolName",
    "SeriesNumber",
    "InstanceNumber",
    "AcquisitionNumber",
    "AcquisitionDate",
    "AcquisitionTime",
    "AcquisitionDateTime",
    "ContentDate",
    "ContentTime",
    "TriggerTime",
    "TemporalPositionIdentifier",
    "TemporalResolution",
    "EchoNumbers",
    "ImagePositionPatient",
    "ImageOrientationPatient",
    "Rows",
    "Columns",
    "SamplesPerPixel",
    "BitsStored",
    "PixelRepresentation",
    "RescaleSlope",
    "RescaleIntercept",
    "QualityControlImage",
}

# Enhanced files call the same things by other names (PS3.3, C.8.13 against C.8.3).
_CLASSIC_NAMES = {
    "FrameType": "ImageType",
    "EffectiveEchoTime": "EchoTime",
    "FrameAcquisitionDateTime": "AcquisitionDateTime",
    "FrameAcquisitionNumber": "AcquisitionNumber",
    "FrameLaterality": "ImageLaterality",
    "NominalCardiacTriggerDelayTime": "TriggerTime",
    "TransmitterFrequency": "ImagingFrequency",
    "TemporalPositionIndex": "TemporalPositionIdentifier",
}


def plain_header(dataset: pydicom.Dataset) -> dict[str, Any]:
    """Return the elements this library uses as keyword -> str, int, float or list of them; empty ones are left out.

    PatientAge is in whole years, as `age.age_in_years` says.
    """
    header = {}
    for keyword in _USED_KEYWORDS:
        value = dataset.get(keyword)
        if value not in (None, "") and not isinstance(value, DicomSequence):
            header[keyword] = _plain(value)
    if (years := age_in_years(dataset)) is not None:
        header["PatientAge"] = years  # instead of the birth date that it may come from
    agents = dataset.get("ContrastBolusAgentSequence")
    if agents and "ContrastBolusAgent" not in header:
        header["ContrastBolusAgent"] = str(agents[0].get("CodeMeaning", "contrast agent"))
    return header


def frame_headers(dataset: pydicom.Dataset) -> list[dict[str, Any]] | None:
    """Return one header a frame of an enhanced multi-frame data set, or None for a classic one."""
    per_frame = dataset.get("PerFrameFunctionalGroupsSequence")
    if not per_frame:
        return None
    shared = dict(plain_header(dataset))
    shared.pop("InstanceNumber", None)  # it numbers the file, not the frame
    for group in dataset.get("SharedFunctionalGroupsSequence") or ():
        shared.update(_flattened(group))
    return [{**shared, "InstanceNumber": number, **_flattened(group)} for number, group in enumerate(per_frame, 1)]


def _flattened(functional_groups: pydicom.Dataset) -> dict[str, Any]:
    """Put the elements of all functional group macros into one dictionary under their classic names."""
    header: dict[str, Any] = {}
    for macro in functional_groups:
        if isinstance(macro.value, DicomSequence) and macro.value:
            for element in macro.value[0]:
                if not isinstance(element.value, DicomSequence) and element.value not in (None, ""):
                    keyword = _CLASSIC_NAMES.get(element.keyword, element.keyword)
                    if keyword in _USED_KEYWORDS:
                        header[keyword] = _plain(element.value)
    return header


def acquisition_of(header: Mapping[str, Any]) -> dict[str, Any]:
    """Return what tells how an image was made: keyword -> plain value, free of patient data."""
    return {keyword: header[keyword] for keyword in ACQUISITION_KEYWORDS if keyword in header}


def _plain(value: Any) -> Any:
    if isinstance(value, MultiValue | list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, int):  # also pydicom's IS
        return int(value)
    if isinstance(value, float | Decimal):  # also pydicom's DS
        return float(value)
    return str(value)
