"""DICOM headers of volumes that Slicer's own DICOM module loaded; nothing for volumes that came from elsewhere."""

from __future__ import annotations

import re
from typing import Any

import slicer

from BreastFusionLib.exam.age import age_in_years

__all__ = ["ACQUISITION", "age_years", "header_of", "instance_uids", "name_header"]

# What tells how a series was made, when it was taken and whose it is, as the library names it.
ACQUISITION = {
    "MagneticFieldStrength": "0018,0087",
    "Manufacturer": "0008,0070",
    "ManufacturerModelName": "0008,1090",
    "RepetitionTime": "0018,0080",
    "EchoTime": "0018,0081",
    "FlipAngle": "0018,1314",
    "ScanningSequence": "0018,0020",
    "SliceThickness": "0018,0050",
    "ContrastBolusAgent": "0018,0010",
    "Laterality": "0020,0060",
    "ImageLaterality": "0020,0062",
    "ImageType": "0008,0008",
}
TAGS = ACQUISITION | {
    "Modality": "0008,0060",
    "PatientID": "0010,0020",
    "SeriesDescription": "0008,103e",
    "ProtocolName": "0018,1030",
    "StudyInstanceUID": "0020,000d",
    "SeriesInstanceUID": "0020,000e",
    "SeriesNumber": "0020,0011",
    "AcquisitionDate": "0008,0022",
    "AcquisitionTime": "0008,0032",
    "ContentDate": "0008,0023",
    "ContentTime": "0008,0033",
    "TriggerTime": "0018,1060",
    "TemporalPositionIdentifier": "0020,0100",
    "AcquisitionNumber": "0020,0012",
}
NUMBERS = {
    *("MagneticFieldStrength", "RepetitionTime", "EchoTime", "FlipAngle", "SliceThickness", "SeriesNumber"),
    *("TriggerTime", "TemporalPositionIdentifier", "AcquisitionNumber"),
}
INSTANCES = "DICOM.instanceUIDs"
# What tells the age; nothing of it is kept but that.
AGE_TAGS = {
    "PatientAge": "0010,1010",
    "PatientBirthDate": "0010,0030",
    "StudyDate": "0008,0020",
    "PatientIdentityRemoved": "0012,0062",
    "LongitudinalTemporalInformationModified": "0028,0303",
}

_NUMBERED = re.compile(r"\s*(\d+)(?:\.0+)?\s*[:_-]\s*(?=\D)(.*?)(?:-\d{3,})?\s*")
_ELAPSED = re.compile(r"(?:^|[\W_])tt ?= ?(\d+(?:\.\d+)?) ?s", re.IGNORECASE)


def header_of(node: slicer.vtkMRMLNode) -> dict[str, Any]:
    """Return the header of a volume's first image: DICOM keyword -> number or text; empty without one."""
    database = getattr(slicer, "dicomDatabase", None)
    instances = instance_uids(node)
    if database is None or not instances:
        return {}
    texts = {keyword: database.instanceValue(instances[0], tag) for keyword, tag in TAGS.items()}
    return {keyword: _value(keyword, text) for keyword, text in texts.items() if text}


def age_years(node: slicer.vtkMRMLNode) -> int | None:
    """Return the patient's age at the exam as the library reads it from a header; None where no header tells it."""
    database, instances = getattr(slicer, "dicomDatabase", None), instance_uids(node)
    if database is None or not instances:
        return None
    return age_in_years({keyword: database.instanceValue(instances[0], tag) for keyword, tag in AGE_TAGS.items()})


def instance_uids(node: slicer.vtkMRMLNode) -> list[str]:
    """Return the images that a volume was loaded from, by their UIDs; none for one that came from elsewhere."""
    return (node.GetAttribute(INSTANCES) or "").split()


def name_header(name: str) -> dict[str, Any]:
    """Return what a node's name says, in place of a header.

    Slicer writes '4: ax dyn 1st pass', archives '4.000000-ax dyn 1st pass-83574': number and description of the
    series. Other names count by their last number, so that 10 comes after 9.

    >>> name_header("12.000000-ax dyn 3rd pass-17715")
    {'SeriesDescription': 'ax dyn 3rd pass', 'SeriesNumber': 12.0}
    """
    numbered = _NUMBERED.fullmatch(name)
    numbers = re.findall(r"\d+", name)
    header: dict[str, Any] = {"SeriesDescription": numbered[2] if numbered else name}
    if numbered or numbers:
        header["SeriesNumber"] = float(numbered[1] if numbered else numbers[-1])
    if elapsed := _ELAPSED.search(name):
        header["TriggerTime"] = 1000 * float(elapsed[1])  # ms
    return header


def _value(keyword: str, text: str) -> Any:
    if keyword in NUMBERS:
        try:
            return float(text.split("\\")[0])
        except ValueError:
            return text
    return text.split("\\") if keyword in ("ImageType", "ScanningSequence") else text
