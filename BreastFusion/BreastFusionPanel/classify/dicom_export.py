"""The outline as a DICOM segmentation, through the application's own exporter, where it has one."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from typing import Any

import slicer
from slicer.i18n import tr as _

from BreastFusionLib.errors import InputError
from BreastFusionLib.files import TEMPORARY

from ..bridge.dicom_headers import instance_uids

__all__ = ["export_lesion", "export_problem"]

PLUGIN = "DICOMSegmentationPlugin"  # in Slicer's core since 5.12, before that in the extension QuantitativeReporting


def export_problem(segmentation: Any) -> str:
    """Return what an export needs and does not find, with what to do; empty when it can be done.

    Args:
        segmentation: vtkMRMLSegmentationNode of the lesions, or None.
    """
    if segmentation is None or segmentation.GetSegmentation().GetNumberOfSegments() == 0:
        return _("Outline a lesion first.")
    if _exporter_class() is None:
        return _(
            "This application has no exporter for DICOM segmentations: take 3D Slicer 5.12 or newer, or install the "
            "extension QuantitativeReporting."
        )
    # A DICOM segmentation names the very images that it was drawn on.
    uids = _instance_uids(segmentation)
    if not uids:
        return _(
            "The DCE series does not come from the application's DICOM database, so the segmentation could not name "
            "its images: load the study with the module DICOM."
        )
    database = getattr(slicer, "dicomDatabase", None)
    if database is None or not all(database.fileForInstance(uid) for uid in uids):
        return _("Images of the DCE series are no longer in the application's DICOM database: import the study again.")
    return ""


def export_lesion(segmentation: Any, segment_id: str, path: Path) -> None:
    """Write one lesion as a DICOM segmentation.

    Args:
        segmentation: vtkMRMLSegmentationNode.
        segment_id: the lesion.
        path: of the file; replaced in one step when it is complete.

    Raises:
        InputError: the exporter refuses; the sentence says why.
    """
    problem = export_problem(segmentation)
    if problem:
        raise InputError(problem)
    exporter_class = _exporter_class()
    exporter = exporter_class(segmentation)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=TEMPORARY, dir=path.parent) as folder:
            exporter.export(
                folder, path.name, {"SeriesDescription": _("Lesion outlined on DCE-MRI")}, segmentIDs=[segment_id]
            )
            os.replace(Path(folder) / path.name, path)
    except (ValueError, RuntimeError, OSError) as error:
        raise InputError(_("The application's DICOM exporter refused: {error}").format(error=error)) from error
    finally:
        exporter.cleanup()


def _exporter_class() -> Any:
    plugin = getattr(slicer.modules, "dicomPlugins", {}).get(PLUGIN)
    return getattr(sys.modules.get(plugin.__module__), "DICOMSegmentationExporter", None) if plugin else None


def _instance_uids(segmentation: Any) -> list[str]:
    """Return the images on which the lesions were drawn, by their UIDs."""
    reference = segmentation.GetNodeReference(segmentation.GetReferenceImageGeometryReferenceRole())
    return [] if reference is None else instance_uids(reference)
