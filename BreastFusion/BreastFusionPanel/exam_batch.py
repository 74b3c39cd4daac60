"""Having many exams read by the process that computes: the panel's batch and the console's call."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from slicer.i18n import tr as _

from BreastFusionLib.errors import InputError
from BreastFusionLib.exam.exam_folder import is_exam_folder

if TYPE_CHECKING:
    from .worker import Progress, Request, Worker, WorkerError

__all__ = ["exam_folders", "submit_exams", "summary"]


def exam_folders(folder: Any) -> tuple[Path, ...]:
    """Return the exams of a folder by name: its folders, or the folder itself when it is one exam.

    Whether each can be read is found out when it is read: one that cannot becomes a row that says why.

    Raises:
        InputError: there is no such folder, or nothing in it.
    """
    root = Path(folder)
    if not root.is_dir():
        raise InputError(
            _("{folder} is no folder: expected a folder that holds one folder an exam.").format(folder=root)
        )
    if is_exam_folder(root):
        return (root,)
    found = sorted(path for path in root.iterdir() if path.is_dir() and not path.name.startswith("."))
    if not found:
        raise InputError(
            _("{folder} holds no exams: expected one folder an exam, each with exam.json and its lesions.").format(
                folder=root
            )
        )
    return tuple(found)


def submit_exams(
    worker: Worker,
    exams: Sequence[Path],
    bundle: Path,
    device: str,
    out: Path,
    on_finished: Callable[[Mapping[str, Any]], None] | None = None,
    on_error: Callable[[WorkerError], None] | None = None,
    on_progress: Callable[[Progress], None] | None = None,
) -> Request:
    """Have all lesions of many exams read.

    Args:
        worker: the process that computes.
        exams: exam folders.
        bundle: folder of the model.
        device: 'auto', 'cpu' or 'cuda'.
        out: folder of the readings and their table; what it holds of an earlier call is not read again.
        on_finished: takes {"rows": a mapping a lesion, "table": path of the CSV file}.
        on_error: takes what went wrong.
        on_progress: takes how far it is.
    """
    # The process has a working directory of its own.
    arguments = {
        "exams": [str(exam.resolve()) for exam in exams],
        "bundle": str(bundle.resolve()),
        "device": device,
        "out": str(out.resolve()),
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
