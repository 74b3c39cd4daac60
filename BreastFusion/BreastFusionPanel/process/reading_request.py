"""From a click to a request: a lesion of the scene becomes the smallest case that gives the same reading.

The Classify button and the console both go through `submit_reading`, and what it sends is what
`breastfusion predict` computes from files: one code path, equal numbers.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Generator, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from slicer.i18n import tr as _

from BreastFusionLib.errors import InputError
from BreastFusionLib.images import IntensityScale, measure_scale
from BreastFusionLib.images.settings import IntensitySpec
from BreastFusionLib.reading.model import Case
from BreastFusionLib.reading.portion import cut_case
from BreastFusionLib.reading.recipe import InputsSpec
from BreastFusionLib.service.transfer import write_case

from ..bridge.clinical_values import kept_clinical
from ..bridge.exam_nodes import exam_of
from ..bridge.geometry import pixels_of
from ..bridge.mapped_segments import mapped_by_reader, mapped_of
from ..bridge.segments import lesion_of
from .steps import Steps

if TYPE_CHECKING:
    from BreastFusionLib.reading.bundle import BundleHeader

    from ..parameters import BreastFusionParameterNode
    from .worker import Worker
    from .worker_request import Progress, Request, WorkerError

__all__ = ["ScaleCache", "case_of", "submit_reading", "warm_scales"]

ScaleKey = tuple[str, IntensitySpec]


class ScaleCache:
    """Intensity scales of the volumes in the scene, each measured once: the second click costs nothing.

    A scale belongs to the voxels of a node as they are now; voxels that change are measured anew.
    """

    def __init__(self) -> None:
        self._scales: dict[tuple[str, int, IntensitySpec], IntensityScale] = {}

    def known(self, parameters: BreastFusionParameterNode, inputs: InputsSpec) -> dict[ScaleKey, IntensityScale]:
        """Return what was measured already of what a model needs: (sequence, spec) -> scale."""
        keys = self._keys(parameters, inputs)
        return {wanted: self._scales[key] for wanted, (_node, key) in keys.items() if key in self._scales}

    def measure(self, parameters: BreastFusionParameterNode, inputs: InputsSpec) -> Iterator[str]:
        """Measure what is missing, one volume a step; yields after each, so that events can pass."""
        for (sequence, spec), (node, key) in self._keys(parameters, inputs).items():
            if key not in self._scales:
                try:
                    self._scales[key] = measure_scale(pixels_of(node), spec)
                except InputError as error:
                    raise InputError(f"{node.GetName()}: {error}") from error
                yield sequence

    @staticmethod
    def _keys(parameters: BreastFusionParameterNode, inputs: InputsSpec) -> dict[ScaleKey, tuple[Any, Any]]:
        nodes = {
            "dce": _dce_node(parameters, inputs),
            "t1": parameters.t1Volume,
            "t2": parameters.t2Volume,
        }
        present = [(sequence, nodes[sequence]) for sequence in inputs.sequences]
        return {
            (sequence, spec): (node, (node.GetID(), node.GetImageData().GetMTime(), spec))
            for sequence, node in present
            if node is not None and node.GetImageData() is not None
            for spec in _specs(inputs)
        }


def warm_scales(parameters: BreastFusionParameterNode, inputs: InputsSpec, scales: ScaleCache) -> Steps:
    """Measure the scales between events, before anybody clicks; call it when an exam or a bundle was chosen.

    Failures are left to the reading itself, which says them.

    Returns:
        The running steps: keep them, and `stop()` them when the scene is closed.
    """
    return Steps(scales.measure(parameters, inputs))


def case_of(parameters: BreastFusionParameterNode, segment_id: str, clinical: Mapping[str, Any] | None = None) -> Case:
    """Return what is classified: the exam, the lesion and the reader's own corrections. Nothing is copied yet.

    Args:
        parameters: the study.
        segment_id: the lesion.
        clinical: column -> value of the patient; None takes what the scene keeps with the exam.

    Raises:
        InputError: the exam or the lesion cannot be read; the sentence says what to do.
    """
    exam = exam_of(parameters)
    lesion = lesion_of(parameters, segment_id, exam)
    by_reader = mapped_by_reader(parameters, segment_id)
    mapped = {sequence: mapped_of(parameters, segment_id, sequence) for sequence in by_reader}
    return Case(
        exam,
        lesion,
        case_id=lesion.lesion_id,
        clinical=kept_clinical(parameters) if clinical is None else clinical,
        mapped={sequence: one for sequence, one in mapped.items() if one is not None},
        dce_phase=parameters.usedPhase if parameters.usedPhase >= 0 else None,
    )


def submit_reading(
    worker: Worker,
    parameters: BreastFusionParameterNode,
    segment_id: str,
    header: BundleHeader,
    device: str,
    on_finished: Callable[[Mapping[str, Any]], None] | None = None,
    on_error: Callable[[WorkerError], None] | None = None,
    on_progress: Callable[[Progress], None] | None = None,
    scales: ScaleCache | None = None,
    out: Path | None = None,
    clinical: Mapping[str, Any] | None = None,
) -> Request:
    """Have one lesion read, without ever blocking: this returns at once, the rest happens between events.

    Args:
        worker: the process that computes.
        parameters: the study.
        segment_id: the lesion.
        header: of the bundle.
        device: 'auto', 'cpu' or 'cuda'.
        on_finished: takes {"reading": mapping, "folder": folder of the reading, "seconds"}.
        on_error: takes what went wrong, in words.
        on_progress: takes stage, fraction and text.
        scales: kept by the caller, so that a second reading measures nothing again.
        out: folder of the reading; None takes the worker's private one, which the next reading may clear.
        clinical: as `case_of` takes it.

    Returns:
        The request: `cancel()` it, `wait()` for it. Once it has finished, `request.arguments["case"]` is the
        transfer folder for further requests of the same case ('stability').
    """
    folder = _fresh_folder(worker)
    arguments = {
        "case": str(folder / "case"),
        "bundle": str(header.folder),
        "device": device,
        "out": str(out or folder / "reading"),
    }
    steps = _write_case(parameters, segment_id, header.recipe.inputs, scales or ScaleCache(), arguments, clinical)
    return worker.request("read", steps, on_finished, on_error, on_progress)


def _write_case(
    parameters: BreastFusionParameterNode,
    segment_id: str,
    inputs: InputsSpec,
    scales: ScaleCache,
    arguments: dict[str, str],
    clinical: Mapping[str, Any] | None,
) -> Generator[str, None, dict[str, str]]:
    """Write the case's transfer folder step by step, and return what to send."""
    for _sequence in scales.measure(parameters, inputs):
        yield _("Measuring intensities")
    case = case_of(parameters, segment_id, clinical)
    yield _("Cutting the lesion's part of the exam")
    portion = cut_case(case, inputs, scales.known(parameters, inputs))
    yield _("Handing over to the reading process")
    write_case(portion, Path(arguments["case"]))
    return arguments


def _fresh_folder(worker: Worker) -> Path:
    """Return a new folder for one reading; those of earlier readings go, unless a request still needs them."""
    needed = {Path(str(request.arguments.get("case", ""))).parent for request in worker.open_requests}
    for old in worker.folder.glob("read-*"):
        if old not in needed:
            shutil.rmtree(old, ignore_errors=True)
    # Never a name that was used before: somebody may still ask about the case that had it.
    return Path(tempfile.mkdtemp(prefix="read-", dir=worker.folder))


def _dce_node(parameters: BreastFusionParameterNode, inputs: InputsSpec) -> Any:
    """Return the volume node of the phase that is read, as `prepare` chooses it."""
    sequence = parameters.dceSequence
    if sequence is None or sequence.GetNumberOfDataNodes() == 0:
        return None
    wanted = parameters.usedPhase if parameters.usedPhase >= 0 else inputs.dce_phase
    return sequence.GetNthDataNode(min(wanted, sequence.GetNumberOfDataNodes() - 1))


def _specs(inputs: InputsSpec) -> tuple[IntensitySpec, ...]:
    """Return every way in which a model scales intensities."""
    found = [inputs.patch.intensity] if inputs.patch is not None else []
    if inputs.radiomics is not None and inputs.radiomics.intensity is not None:
        found.append(inputs.radiomics.intensity)
    return tuple(dict.fromkeys(found))
