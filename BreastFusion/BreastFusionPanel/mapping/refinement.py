"""Having a lesion mapped by registration, in the child process."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Generator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from slicer.i18n import tr as _

from BreastFusionLib.reading.model import Case
from BreastFusionLib.reading.portion import cut_case
from BreastFusionLib.reading.recipe import InputsSpec
from BreastFusionLib.service.transfer import write_case

from ..bridge.exam_nodes import exam_of
from ..bridge.segments import lesion_of

if TYPE_CHECKING:
    from ..parameters import BreastFusionParameterNode
    from ..process.worker import Worker
    from ..process.worker_request import Progress, Request, WorkerError

__all__ = ["submit_refinement"]


def submit_refinement(
    worker: Worker,
    parameters: BreastFusionParameterNode,
    segment_id: str,
    sequence: str,
    on_finished: Callable[[Mapping[str, Any]], None],
    on_error: Callable[[WorkerError], None],
    on_progress: Callable[[Progress], None],
) -> Request:
    """Have a lesion mapped by rigid registration; returns at once, and leaves nothing on disk at its end.

    Args:
        worker: the process that computes.
        parameters: the study.
        segment_id: the lesion.
        sequence: 't1' or 't2'.
        on_finished: takes what the library's `read_mapped` reads, as long as it is called.
        on_error: takes what went wrong, in words.
        on_progress: takes stage, fraction and text.
    """
    folder = Path(tempfile.mkdtemp(prefix="map-", dir=worker.folder))

    def finished(result: Mapping[str, Any]) -> None:
        try:
            on_finished(result)
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def failed(error: WorkerError) -> None:
        shutil.rmtree(folder, ignore_errors=True)
        on_error(error)

    return worker.request("map", _written(parameters, segment_id, sequence, folder), finished, failed, on_progress)


def _written(
    parameters: BreastFusionParameterNode, segment_id: str, sequence: str, folder: Path
) -> Generator[str, None, dict[str, str]]:
    """Write what registration looks at, and return what to send."""
    yield _("Handing over the images")
    exam = exam_of(parameters)
    inputs = InputsSpec(sequences=("dce", sequence), registration="rigid", patch=None)
    portion = cut_case(Case(exam, lesion_of(parameters, segment_id, exam)), inputs)
    yield _("Handing over the images")
    write_case(portion, folder / "case")
    return {"case": str(folder / "case"), "to": sequence, "registration": "rigid", "out": str(folder / "mapped")}
