"""Clinical values of an exam (age, indication, ..): they are the patient's, and are kept with the exam's DCE series.

So all lesions of an exam share them, a saved scene has them, and another exam never gets them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import slicer

from BreastFusionLib.exam.age import AGE

from .facts import age_of, read_json, write_age, write_json
from .node_parts import fingerprints

if TYPE_CHECKING:
    from ..parameters import BreastFusionParameterNode

__all__ = ["clinical_of", "clinical_row", "hand_on_clinical", "keep_clinical", "kept_clinical", "told_by_images"]

CLINICAL = "BreastFusion.clinical"


def clinical_of(parameters: BreastFusionParameterNode | None) -> dict[str, Any]:
    """Return what is known of the patient on screen: column -> number or word; what is not known is absent."""
    known = {**told_by_images(parameters), **kept_clinical(parameters)}
    return {column: value for column, value in known.items() if value is not None}


def kept_clinical(parameters: BreastFusionParameterNode | None) -> dict[str, Any]:
    """Return what somebody said of the patient on screen: column -> value, None for what is said not to be known."""
    sequence = None if parameters is None else parameters.dceSequence
    return {} if sequence is None else read_json(sequence, CLINICAL, {})


def told_by_images(parameters: BreastFusionParameterNode | None) -> dict[str, Any]:
    """Return what the images tell of the patient on screen and nobody said otherwise: the age."""
    sequence = None if parameters is None else parameters.dceSequence
    years = None if sequence is None else age_of(sequence)
    return {} if years is None or AGE in kept_clinical(parameters) else {AGE: years}


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
        write_age(sequence, age_of(before))
