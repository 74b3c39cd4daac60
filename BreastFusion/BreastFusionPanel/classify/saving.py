"""A reading on disk: a folder of its own that holds all that `reading.json` names, each file complete or not there."""

from __future__ import annotations

import re
from collections.abc import Generator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import slicer
from slicer.i18n import tr as _

from BreastFusionLib.errors import InputError
from BreastFusionLib.exam.geometry import Box, bounding_box
from BreastFusionLib.exam.image_files import write_image
from BreastFusionLib.exam.model import Exam, Series
from BreastFusionLib.exam.partial import PartialPhase
from BreastFusionLib.files import replacing, write_json, write_text
from BreastFusionLib.lesion import map_lesion
from BreastFusionLib.reading.portion import Portion
from BreastFusionLib.reading.recipe import InputsSpec
from BreastFusionLib.service.transfer import write_case

from ..bridge.geometry import image_of
from ..bridge.segments import mapped_of
from ..process.reading_request import case_of
from .features_csv import features_csv

if TYPE_CHECKING:
    import SimpleITK as sitk

    from BreastFusionLib.reading.model import Case

    from ..bridge.reading_nodes import StoredReading
    from ..parameters import BreastFusionParameterNode

__all__ = ["READING", "folder_name", "report_case", "save_reading", "write_lesion"]

READING = "reading.json"
# The page shows the slice with the lesion's largest section, and phases up to the second after contrast.
SLICES_AROUND = 2
PHASES_SHOWN = 3


def folder_name(pseudonym: str, lesion: str) -> str:
    """Return the name of a lesion's folder: <pseudonym>_<lesion>, of characters that every file system takes."""
    return re.sub(r"[^\w.+-]+", "-", f"{pseudonym}_{lesion}").strip(".-") or "reading"


def save_reading(
    parameters: BreastFusionParameterNode,
    segment_id: str,
    stored: StoredReading,
    folder: Path,
    inputs: InputsSpec | None = None,
) -> None:
    """Write everything of a reading but the page for the browser.

    Args:
        parameters: the study.
        segment_id: the lesion.
        stored: its reading, of the outline as it is now.
        folder: of this lesion; made where there is none.
        inputs: settings of the model, for the table; None where the model is not at hand.

    Raises:
        InputError: something cannot be written.
    """
    reading = stored.mapping
    try:
        for row in reading["maps"]:
            write_image(image_of(stored.map_nodes[row["sequence"], row["method"]]), folder / row["file"])
        for sequence, mask in _masks(parameters, segment_id, stored).items():
            write_image(mask, folder / reading["mapping"][sequence]["file"])
        write_text(folder / "features.csv", features_csv(reading, inputs))
        write_lesion(parameters.segmentation, segment_id, folder / "lesion.seg.nrrd")
        # Last of all: where it is, everything that it names is there too.
        write_json(folder / READING, reading)
    except OSError as error:
        raise InputError(
            _("{folder} cannot be written ({reason}). Choose another folder, or free some disk space.").format(
                folder=folder, reason=error.strerror or error
            )
        ) from error


def write_lesion(segmentation: Any, segment_id: str, path: Path) -> None:
    """Write one lesion as a segmentation file of Slicer's own, with its name, colour and terminology.

    Args:
        segmentation: vtkMRMLSegmentationNode.
        segment_id: the lesion.
        path: <name>.seg.nrrd.
    """
    alone = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", "BreastFusion lesion to save")
    storage = slicer.vtkMRMLSegmentationStorageNode()
    try:
        alone.SetHideFromEditors(True)
        alone.GetSegmentation().CopySegmentFromSegmentation(segmentation.GetSegmentation(), segment_id)
        # A file has no parent transform: it must lie where the lesion is seen.
        alone.SetAndObserveTransformNodeID(segmentation.GetTransformNodeID())
        alone.HardenTransform()
        with replacing(path) as temporary:
            storage.SetFileName(str(temporary))
            if not storage.WriteData(alone):
                raise InputError(_("The outline cannot be written to {path}.").format(path=path))
    finally:
        slicer.mrmlScene.RemoveNode(alone)


def report_case(parameters: BreastFusionParameterNode, segment_id: str, folder: Path) -> Generator[str, None, None]:
    """Write what the page shows of the exam to a transfer folder: whole slices round the lesion, few phases.

    Args:
        parameters: the study.
        segment_id: the lesion.
        folder: to write to.

    Yields:
        Words for the screen.
    """
    yield _("Cutting the slices for the report")
    case = case_of(parameters, segment_id)
    masks = {"dce": case.lesion.mask}
    for series in case.exam.series:
        if series.role in ("t1", "t2"):
            masks[series.role] = _mask(parameters, segment_id, case, series.role)
    exam = replace(case.exam, series=tuple(_slab(series, masks[series.role]) for series in _shown(case.exam)))
    yield _("Handing over to the reading process")
    write_case(Portion(replace(case, exam=exam), {}, InputsSpec()), folder)


def _shown(exam: Exam) -> tuple[Series, ...]:
    return tuple(series for series in exam.series if series.role in ("dce", "t1", "t2"))


def _slab(series: Series, mask: sitk.Image) -> Series:
    """Return a series of which only the whole slices round the lesion are at hand, and of DCE the first phases."""
    lesion = bounding_box(mask)
    size = series.grid.size
    start, stop = (lesion.start[2], lesion.stop[2]) if lesion is not None else (size[2] // 2, size[2] // 2 + 1)
    box = Box((0, 0, start), (size[0], size[1], stop - start)).grown(SLICES_AROUND).clipped(size)
    phases = [PartialPhase(phase.time_s, phase.part(box), box, series.grid) for phase in series.phases[:PHASES_SHOWN]]
    return replace(series, phases=tuple(phases))


def _masks(parameters: BreastFusionParameterNode, segment_id: str, stored: StoredReading) -> dict[str, sitk.Image]:
    """Return the lesion on the whole grid of every sequence that the reading names."""
    case = case_of(parameters, segment_id)
    return {sequence: _mask(parameters, segment_id, case, sequence) for sequence in stored.mapping["mapping"]}


def _mask(parameters: BreastFusionParameterNode, segment_id: str, case: Case, sequence: str) -> sitk.Image:
    if sequence == "dce":
        return case.lesion.mask
    shown = mapped_of(parameters, segment_id, sequence)
    return shown.mask if shown is not None else map_lesion(case.lesion, case.exam, sequence).mask
