"""Tags of segments: short texts that are saved with the segmentation."""

from __future__ import annotations

import json
from typing import Any

import slicer
import vtk

__all__ = ["SIDE", "SIDE_BY", "TERMINOLOGY", "read_json_tag", "read_tag", "side_by_user", "write_json_tag", "write_tag"]

TERMINOLOGY = "TerminologyEntry"
"""Slicer's own tag for what a segment is (`vtkSegment.GetTerminologyEntryTagName()`)."""

SIDE, SIDE_BY = "BreastFusion.side", "BreastFusion.sideBy"
"""The breast that a lesion is in, and who says so: 'user' or 'images'."""


def read_tag(segment: slicer.vtkSegment, name: str) -> str:
    """Return the content of a tag; '' when there is none."""
    value = vtk.reference("")
    return str(value) if segment.GetTag(name, value) else ""


def write_tag(segment: slicer.vtkSegment, name: str, value: str) -> None:
    """Set a tag; observers hear of a segment that changed only when it did."""
    if read_tag(segment, name) != value:
        segment.SetTag(name, value)


def side_by_user(segment: slicer.vtkSegment) -> str:
    """Return the side that the user chose for a lesion; '' when the images tell it."""
    return read_tag(segment, SIDE) if read_tag(segment, SIDE_BY) == "user" else ""


def read_json_tag(segment: slicer.vtkSegment, name: str) -> dict[str, Any]:
    """Return the mapping that a tag holds; an empty one when there is none."""
    try:
        value = json.loads(read_tag(segment, name) or "{}")
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def write_json_tag(segment: slicer.vtkSegment, name: str, value: dict[str, Any]) -> None:
    """Keep a mapping in a tag; Slicer's files end a tag at '|', so that sign is escaped."""
    write_tag(segment, name, json.dumps(value).replace("|", "\\u007c"))
