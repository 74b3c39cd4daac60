"""What pixels cannot hold of a series, kept as attributes of its node: they survive a saved scene.

None of it names a patient: descriptions are free of patient data when they come from the library, and UIDs are hashed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import slicer

from BreastFusionLib.exam.contrast import contrast_state
from BreastFusionLib.exam.model import Contrast, Exam, Series
from BreastFusionLib.exam.pseudonyms import pseudonym_of
from BreastFusionLib.files import to_plain

from .dicom_headers import ACQUISITION as ACQUISITION_TAGS
from .dicom_headers import age_years, header_of

__all__ = [
    "DESCRIPTION",
    "REASON",
    "SOURCES",
    "WARNINGS",
    "acquisition_of",
    "age_of",
    "contrast_of",
    "description_of",
    "is_other_patient",
    "is_synthetic",
    "pseudonym_in",
    "read_json",
    "write_age",
    "write_exam_facts",
    "write_json",
    "write_series_facts",
]

DESCRIPTION = "BreastFusion.description"
CONTRAST = "BreastFusion.contrast"
ACQUISITION = "BreastFusion.acquisition"
REASON = "BreastFusion.reason"
SOURCES = "BreastFusion.sources"
PSEUDONYM = "BreastFusion.pseudonym"
SYNTHETIC = "BreastFusion.synthetic"
WARNINGS = "BreastFusion.warnings"
AGE_YEARS = "BreastFusion.ageYears"


def write_series_facts(node: slicer.vtkMRMLNode, series: Series) -> None:
    """Keep what is known of a series with its node."""
    node.SetAttribute(DESCRIPTION, series.description)
    node.SetAttribute(CONTRAST, series.contrast)
    node.SetAttribute(REASON, series.reason)
    write_json(node, ACQUISITION, dict(series.acquisition))
    write_json(node, SOURCES, series.sources)


def write_exam_facts(node: slicer.vtkMRMLNode, exam: Exam) -> None:
    """Keep what is known of the whole exam with the node of one of its series."""
    node.SetAttribute(PSEUDONYM, exam.pseudonym)
    node.SetAttribute(SYNTHETIC, "1" if exam.synthetic else "0")
    write_json(node, WARNINGS, exam.warnings)
    write_age(node, exam.age_years)


def write_age(node: slicer.vtkMRMLNode, years: int | None) -> None:
    """Keep the patient's age, as the images tell it, with the node of a series; None: they do not."""
    if years is not None:
        node.SetAttribute(AGE_YEARS, str(years))


def description_of(node: slicer.vtkMRMLNode) -> str:
    """Return the scanner's name of a series; a node that came from elsewhere has only its own name."""
    return node.GetAttribute(DESCRIPTION) or node.GetName() or ""


def contrast_of(node: slicer.vtkMRMLNode) -> Contrast:
    """Return whether a series was taken before or after contrast: as it was read, else as name and header say."""
    known = node.GetAttribute(CONTRAST)
    if known in ("pre", "post"):
        return known  # type: ignore[return-value]
    return contrast_state({**acquisition_of(node), "SeriesDescription": description_of(node)})


def acquisition_of(node: slicer.vtkMRMLNode) -> Mapping[str, Any]:
    """Return how a series was acquired: DICOM keyword -> value; as it was read, else from Slicer's DICOM database."""
    if node.GetAttribute(ACQUISITION) is not None:
        return read_json(node, ACQUISITION, {})
    header = header_of(node)
    return {keyword: header[keyword] for keyword in ACQUISITION_TAGS if keyword in header}


def age_of(node: slicer.vtkMRMLNode) -> int | None:
    """Return the patient's age in years as the images tell it: as it was read, else from Slicer's DICOM database."""
    known = node.GetAttribute(AGE_YEARS) or ""
    years = int(known) if known.isdecimal() else age_years(node)
    if years is None and node.IsA("vtkMRMLSequenceNode") and node.GetNumberOfDataNodes():
        return age_of(node.GetNthDataNode(0))
    return years


def is_synthetic(*nodes: slicer.vtkMRMLNode | None) -> bool:
    """Tell whether all of these images are a phantom's; None stands for none. One of a patient is a patient's exam."""
    return all(node.GetAttribute(SYNTHETIC) == "1" for node in nodes if node is not None)


def pseudonym_in(node: slicer.vtkMRMLNode) -> str:
    """Return the patient's pseudonym; '' when nothing tells whose images these are."""
    patient_id = str(header_of(node).get("PatientID", "")).strip()
    known = node.GetAttribute(PSEUDONYM) or (pseudonym_of(patient_id) if patient_id else "")
    if not known and node.IsA("vtkMRMLSequenceNode") and node.GetNumberOfDataNodes():
        return pseudonym_in(node.GetNthDataNode(0))
    return known


def is_other_patient(one: slicer.vtkMRMLNode, other: slicer.vtkMRMLNode) -> bool:
    """Tell whether two nodes are known to show different patients."""
    return len({pseudonym_in(one), pseudonym_in(other)} - {""}) == 2


def read_json(node: slicer.vtkMRMLNode, attribute: str, default: Any) -> Any:
    """Return what an attribute holds, or the default when it is absent, not JSON or of another kind."""
    try:
        value = json.loads(node.GetAttribute(attribute) or "null")
    except ValueError:
        return default
    return value if isinstance(value, type(default)) else default


def write_json(node: slicer.vtkMRMLNode, attribute: str, value: Any) -> None:
    """Keep a value in an attribute; characters beyond ASCII are escaped, so that every storage keeps them."""
    node.SetAttribute(attribute, json.dumps(to_plain(value)))
