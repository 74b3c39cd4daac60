"""What scripts and the Python console call: the same readings as the buttons, waited for.

    from BreastFusion import BreastFusionLogic
    rows = BreastFusionLogic().readExams("/data/exams", "/models/fusion", "/data/readings")

Each call has a process of its own, so that a long batch leaves the panel free.
"""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import slicer
from slicer.i18n import tr as _

from BreastFusionLib.errors import InputError, nearest_known
from BreastFusionLib.reading.bundle import read_bundle_header
from BreastFusionLib.reading.clinical import table_columns

from .bridge.segments import lesion_ids
from .process.reading_request import submit_reading
from .process.worker import Worker
from .process.worker_request import Progress
from .setup.exam_batch import submit_exams

if TYPE_CHECKING:
    from BreastFusionLib.reading.bundle import BundleHeader

    from .parameters import BreastFusionParameterNode

__all__ = ["parameters_of", "read_exams", "read_lesion"]

Tell = Callable[[str], Any]


def read_exams(
    exams: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
    bundle: str | os.PathLike[str],
    output_dir: str | os.PathLike[str],
    progress: Tell | None = print,
    device: str = "auto",
    clinical: Mapping[str, Mapping[str, Any]] | None = None,
) -> list[dict[str, Any]]:
    """Read all lesions of many exams; what was read before is not read again.

    Args:
        exams: a folder of exams, or a list of exams, each with its lesions.
        bundle: folder of the model.
        output_dir: one folder a reading, and the table readings.csv.
        progress: takes a line of text now and then; None for silence.
        device: 'auto', 'cpu' or 'cuda'.
        clinical: name of an exam's folder -> its clinical columns, e.g. {"P0001": {"age": 52}}.

    Returns:
        A row for each lesion; an exam that cannot be read is a row with the status 'failed' and the reason.

    Raises:
        InputError: there is no exam, or the model cannot be used.
        RuntimeError: the process that computes failed.
    """
    given = [exams] if isinstance(exams, (str, os.PathLike)) else exams
    folders = [Path(exam) for exam in given]
    if not folders:
        raise InputError(_("No exam was given: give a folder of exams, or a list of exams."))
    header = read_bundle_header(bundle)  # refused now, and not after a process was started
    for row in (clinical or {}).values():
        _warn_of_unused(row, header)
    tell = _printed(progress)
    with _worker() as worker:
        request = submit_exams(
            worker, folders, Path(bundle), device, Path(output_dir), on_progress=tell, clinical=clinical
        )
        return [dict(row) for row in request.wait()["rows"]]


def read_lesion(
    study: BreastFusionParameterNode | Sequence[slicer.vtkMRMLNode],
    bundle: str | os.PathLike[str],
    segment_id: str | None = None,
    output_dir: str | os.PathLike[str] | None = None,
    progress: Tell | None = print,
    device: str = "auto",
    clinical: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Read one lesion of the scene, as the button Classify does.

    Args:
        study: `BreastFusionLogic().getParameterNode()`, or the nodes as `parameters_of` takes them.
        bundle: folder of the model.
        segment_id: the lesion; None: the selected one, or the only one.
        output_dir: where reading.json, maps and outlines are written; None keeps no files.
        progress: takes a line of text now and then; None for silence.
        device: 'auto', 'cpu' or 'cuda'.
        clinical: the patient's clinical columns, e.g. {"age": 52}; None takes those that the panel keeps with the exam.

    Returns:
        The content of reading.json.

    Raises:
        InputError: exam, lesion or model cannot be used; the sentence says what to do.
        RuntimeError: the process that computes failed.
    """
    header = read_bundle_header(bundle)
    _warn_of_unused(clinical or {}, header)
    out = None if output_dir is None else Path(output_dir)
    is_nodes = isinstance(study, (tuple, list))
    with parameters_of(*study) if is_nodes else contextlib.nullcontext(study) as parameters, _worker() as worker:
        chosen = segment_id or _only_lesion(parameters)
        tell = _printed(progress)
        request = submit_reading(
            worker, parameters, chosen, header, device, on_progress=tell, out=out, clinical=clinical
        )
        return dict(request.wait()["reading"])


@contextlib.contextmanager
def parameters_of(
    dce_sequence: slicer.vtkMRMLSequenceNode,
    segmentation: slicer.vtkMRMLSegmentationNode,
    t1: slicer.vtkMRMLScalarVolumeNode | None = None,
    t2: slicer.vtkMRMLScalarVolumeNode | None = None,
) -> Iterator[BreastFusionParameterNode]:
    """Yield nodes as a study of their own, beside the one that the panel shows; the nodes themselves stay as they are.

    Args:
        dce_sequence: the DCE phases in time order.
        segmentation: the lesions, one segment each.
        t1: T1 apart from DCE.
        t2: T2.
    """
    from .parameters import BreastFusionParameterNode

    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScriptedModuleNode")
    node.SetSaveWithScene(False)
    try:
        parameters = BreastFusionParameterNode(node)
        parameters.dceSequence, parameters.segmentation = dce_sequence, segmentation
        parameters.t1Volume, parameters.t2Volume = t1, t2
        yield parameters
    finally:
        slicer.mrmlScene.RemoveNode(node)


def _only_lesion(parameters: BreastFusionParameterNode) -> str:
    known = lesion_ids(parameters)
    if parameters.selectedLesion in known:
        return parameters.selectedLesion
    if len(known) == 1:
        return known[0]
    if not known:
        raise InputError(_("There is no lesion in the scene: draw one, or place a point in it with 'From click'."))
    raise InputError(
        _("There are {count} lesions: say which one is read, by its segment ID ({ids}).").format(
            count=len(known), ids=", ".join(known)
        )
    )


def _warn_of_unused(row: Mapping[str, Any], header: BundleHeader) -> None:
    """Say which columns the model does not look at: a mistyped name would otherwise be a missing value."""
    known = table_columns(header.recipe.inputs)
    for name in row:
        if name not in known:
            hint = nearest_known(name, known) if known else _("It has no clinical columns.")
            unused = _("The model has no column '{name}'. {hint}").format(name=name, hint=hint)
            logging.getLogger(__name__).warning(unused)


@contextlib.contextmanager
def _worker() -> Iterator[Worker]:
    worker = Worker()
    try:
        yield worker
    finally:
        worker.stop()


def _printed(progress: Tell | None) -> Callable[[Progress], None] | None:
    if progress is None:
        return None
    last = [""]

    def tell(step: Progress) -> None:
        share = "" if step.fraction is None else f" ({step.fraction:.0%})"
        line = f"{step.text}{share}"
        if line != last[0]:
            last[0] = line
            progress(line)

    return tell
