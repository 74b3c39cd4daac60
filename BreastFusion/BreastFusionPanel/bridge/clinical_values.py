"""Clinical values of an exam (age, indication, ..): they are the patient's, and are kept with the exam's DCE series.

So all lesions of an exam share them, a saved scene has them, and another exam never gets them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import slicer

from .dicom_headers import age_years
from .facts import read_json, write_json
from .node_parts import fingerprints

if TYPE_CHECKING:
    from ..parameters import BreastFusionParameterNode

__all__ = ["clinical_of", "clinical_row", "hand_on_clinical", "keep_clinical"]

CLINICAL = "BreastFusion.clinical"
AGE = "age"  # what cohorts' tables call the patient's age in years


def clinical_of(parameters: BreastFusionParameterNode | None) -> dict[str, Any]:
    """Return what is known of the patient on screen: column -> number or word; what is not known is absent."""
    sequence = None if parameters is None else parameters.dceSequence
    if sequence is None:
        return {}
    known = {AGE: _age(sequence), **read_json(sequence, CLINICAL, {})}
    return {column: value for column, value in known.items() if value is not None}


def clinical_row(parameters: BreastFusionParameterNode | None, columns: Iterable[str]) -> dict[str, Any]:
    """Return these columns of the patient on screen, None where not known."""
    known = clinical_of(parameters)
    return {column: known.get(column) for column in columns}


def keep_clinical(sequence: slicer.vtkMRMLSequenceNode, values: Mapping[str, Any]) -> None:
    """Keep clinical values of an exam, beside those of other columns.

    Args:
        sequence: the exam's DCE series.
        values: column -> number or word; None: not known, whatever a header says.
    """
    write_json(sequence, CLINICAL, {**read_json(sequence, CLINICAL, {}), **values})


def hand_on_clinical(before: slicer.vtkMRMLSequenceNode | None, sequence: slicer.vtkMRMLSequenceNode) -> None:
    """Keep the values of one series with another that shows the same images: it was put together anew."""
    if before is not None and set(fingerprints(before)) & set(fingerprints(sequence)):
        keep_clinical(sequence, read_json(before, CLINICAL, {}))


def _age(sequence: slicer.vtkMRMLSequenceNode) -> int | None:
    """Return the age that the header of the DCE series tells, where Slicer's own DICOM module loaded it."""
    own = age_years(sequence)
    if own is None and sequence.GetNumberOfDataNodes():
        return age_years(sequence.GetNthDataNode(0))
    return own
