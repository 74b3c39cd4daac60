"""Having many exams read by the process that computes: the panel's batch and the console's call."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from slicer.i18n import tr as _

if TYPE_CHECKING:
    from ..process.worker import Worker
    from ..process.worker_request import Progress, Request, WorkerError

__all__ = ["submit_exams", "summary"]


def submit_exams(
    worker: Worker,
    exams: Sequence[Path],
    bundle: Path,
    device: str,
    out: Path,
    on_finished: Callable[[Mapping[str, Any]], None] | None = None,
    on_error: Callable[[WorkerError], None] | None = None,
    on_progress: Callable[[Progress], None] | None = None,
    clinical: Mapping[str, Mapping[str, Any]] | None = None,
) -> Request:
    """Have all lesions of many exams read.

    Args:
        worker: the process that computes.
        exams: exams, or folders that hold some, as `BreastFusionLib.reading.batch.find_exams` takes them.
        bundle: folder of the model.
        device: 'auto', 'cpu' or 'cuda'.
        out: folder of the readings and their table; what it holds of an earlier call is not read again.
        on_finished: takes {"rows": a mapping a lesion, "table": path of the CSV file}.
        on_error: takes what went wrong.
        on_progress: takes how far it is.
        clinical: name of an exam's folder -> its clinical columns.
    """
    # The process has a working directory of its own.
    arguments = {
        "exams": [str(exam.resolve()) for exam in exams],
        "bundle": str(bundle.resolve()),
        "device": device,
        "out": str(out.resolve()),
        "clinical": clinical or {},
    }
    return worker.request("exams", arguments, on_finished, on_error, on_progress)


def summary(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return in a sentence what came of a batch."""
    failed = [row for row in rows if row.get("status") == "failed"]
    read = _("{count} of {all} read").format(count=len(rows) - len(failed), all=len(rows))
    if not failed:
        return _("{read}.").format(read=read)
    return _("{read}; {count} failed, the first one: {reason}").format(
        read=read, count=len(failed), reason=failed[0].get("reason", "")
    )
