"""A reading on disk: a folder of its own that holds all that `reading.json` names, each file complete or not there."""

from __future__ import annotations

import re
from collections.abc import Generator, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import slicer
from slicer.i18n import tr as _

from BreastFusionLib.errors import InputError
from BreastFusionLib.exam.geometry import Box, bounding_box
from BreastFusionLib.exam.image_files import write_image
from BreastFusionLib.exam.model import Series
from BreastFusionLib.exam.partial import PartialPhase
from BreastFusionLib.files import replacing, write_json, write_text
from BreastFusionLib.lesion import map_lesion
from BreastFusionLib.reading.portion import Portion
from BreastFusionLib.reading.reading_folder import READING, discard_reading, named_files
from BreastFusionLib.reading.recipe import PROJECTION, InputsSpec
from BreastFusionLib.service.transfer import write_case

from ..bridge.geometry import image_of
from ..bridge.labelmaps import segment_of
from ..bridge.mapped_segments import mapped_of
from ..bridge.reading_nodes import IMAGE
from ..process.reading_request import case_of
from .features_csv import features_csv

if TYPE_CHECKING:
    import SimpleITK as sitk

    from BreastFusionLib.reading.model import Case

    from ..bridge.reading_nodes import StoredReading
    from ..parameters import BreastFusionParameterNode

__all__ = ["folder_name", "report_case", "save_reading", "write_lesion"]

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
        InputError: something cannot be written, or the reading names files that are none of a reading.
    """
    reading = _as_called_now(stored.mapping, parameters, segment_id)
    masks = _masks(case_of(parameters, segment_id), parameters, segment_id, reading["mapping"])
    list(named_files(reading))  # refused before anything is touched
    try:
        discard_reading(folder)
        for row in reading["maps"]:
            write_image(image_of(stored.map_nodes[row["sequence"], row["method"]]), folder / row["file"])
        for sequence, row in reading["mapping"].items():
            write_image(masks[sequence], folder / row["file"])
        if reading.get("projection"):
            write_image(image_of(stored.map_nodes[PROJECTION, IMAGE]), folder / reading["projection"]["file"])
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


def report_case(
    parameters: BreastFusionParameterNode, segment_id: str, stored: StoredReading, folder: Path
) -> Generator[str, None, None]:
    """Return the steps that write what the page shows of the exam: whole slices round the lesion, few phases.

    What is written is what the scene holds at the call: nothing that changes between the steps comes onto the page.

    Args:
        parameters: the study.
        segment_id: the lesion.
        stored: its reading, of the outline as it is now.
        folder: transfer folder to write to.

    Returns:
        A generator of words for the screen.

    Raises:
        InputError: the exam or the lesion cannot be read.
    """
    case = case_of(parameters, segment_id)
    masks = _masks(case, parameters, segment_id, ("dce", *stored.mapping["mapping"]))
    return _write_report_case(case, masks, folder)


def _write_report_case(case: Case, masks: Mapping[str, sitk.Image], folder: Path) -> Generator[str, None, None]:
    yield _("Cutting the slices for the report")
    shown = [series for series in case.exam.series if series.role in masks]
    exam = replace(case.exam, series=tuple(_slab(series, masks[series.role]) for series in shown))
    yield _("Handing over to the reading process")
    write_case(Portion(replace(case, exam=exam), {}, InputsSpec()), folder)


def _slab(series: Series, mask: sitk.Image) -> Series:
    """Return a series of which only the whole slices round the lesion are at hand, and of DCE the first phases."""
    lesion = bounding_box(mask)
    size = series.grid.size
    start, stop = (lesion.start[2], lesion.stop[2]) if lesion is not None else (size[2] // 2, size[2] // 2 + 1)
    box = Box((0, 0, start), (size[0], size[1], stop - start)).grown(SLICES_AROUND).clipped(size)
    phases = [PartialPhase(phase.time_s, phase.part(box), box, series.grid) for phase in series.phases[:PHASES_SHOWN]]
    return replace(series, phases=tuple(phases))


def _as_called_now(
    reading: Mapping[str, Any], parameters: BreastFusionParameterNode, segment_id: str
) -> Mapping[str, Any]:
    """Return a reading under the present name of its lesion: names may have been exchanged since."""
    name = segment_of(parameters.segmentation, segment_id).GetName()
    return {**reading, "case_id": name, "lesion": {**reading["lesion"], "id": name}}


def _masks(
    case: Case, parameters: BreastFusionParameterNode, segment_id: str, sequences: Iterable[str]
) -> dict[str, sitk.Image]:
    """Return the lesion on the whole grid of these sequences, as the scene shows it."""
    masks = {}
    for sequence in sequences:
        shown = None if sequence == "dce" else mapped_of(parameters, segment_id, sequence)
        lesion = case.lesion if sequence == "dce" else shown or map_lesion(case.lesion, case.exam, sequence)
        masks[sequence] = lesion.mask
    return masks
