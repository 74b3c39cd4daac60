"""Reads a study in the child process and puts it into the scene step by step, so that the window stays alive."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from slicer.i18n import tr as _

from BreastFusionLib.service.transfer import read_exam_arrays

from ..bridge.exam_nodes import add_exam
from ..process.steps import Steps
from ..sample_data import DEMO_EXAM
from ..signals import Signal

if TYPE_CHECKING:
    from ..context import PanelContext
    from ..process.worker_request import Progress, Request, WorkerError

__all__ = ["StudyLoading"]


class StudyLoading:
    """One study at a time, from the click to the nodes.

    Attributes:
        is_busy: a study is being read or added.
        what: 'study' or 'phantom' while busy, else ''.
        changed: it began or ended.
        progressed: (fraction or None, words for the screen).
    """

    def __init__(self, context: PanelContext) -> None:
        self.changed = Signal()
        self.progressed = Signal()
        self.what = ""
        self._context = context
        self._request: Request | None = None
        self._steps: Steps | None = None
        self._node: Any = None
        self._out: Path | None = None
        self._numbers = itertools.count(1)

    @property
    def is_busy(self) -> bool:
        """Whether a study is being read or added."""
        return bool(self.what)

    def open_folder(self, folder: str, on_added: Callable[[Mapping[str, Any]], None]) -> None:
        """Read a folder with DICOM files, an exam folder or image files, and add what it holds to the scene."""
        self._begin("study", {"folder": folder}, on_added)

    def load_demo(self, on_added: Callable[[Mapping[str, Any]], None]) -> None:
        """Make a phantom exam and add it to the scene."""
        self._begin("phantom", DEMO_EXAM, on_added)

    def cancel(self) -> None:
        """End it; the scene and the study stay as they were."""
        if self._request is not None:
            self._request.cancel()
        elif self._steps is not None:
            self._steps.stop()
            self._end()

    def _begin(self, action: str, arguments: Mapping[str, Any], on_added: Callable[[Mapping[str, Any]], None]) -> None:
        parameters = self._context.parameters
        if self.is_busy or parameters is None:
            return
        # First, because it may fail: then nothing has begun.
        self._out = self._context.worker.folder / f"exam-{next(self._numbers)}"
        self._node = parameters.parameterNode
        self.what = action
        self.changed.emit()
        self.progressed.emit(None, _("Starting"))
        self._request = self._context.worker.request(
            action,
            {**arguments, "out": str(self._out)},
            on_finished=lambda result: self._read(result, on_added),
            on_error=self._failed,
            on_progress=self._tell,
        )

    def _tell(self, progress: Progress) -> None:
        self.progressed.emit(progress.fraction, progress.text)

    def _read(self, result: Mapping[str, Any], on_added: Callable[[Mapping[str, Any]], None]) -> None:
        """The child process has read the exam: add it to the scene."""
        self._request = None
        if not self._is_same_study():
            self._end()
            return

        def added(_value: object) -> None:
            self._end()
            with self._context.guard():
                on_added(result)

        self._tell_added(0.0)
        self._steps = Steps(self._add(result), self._tell_added, added, self._could_not_add)

    def _add(self, result: Mapping[str, Any]) -> Iterator[float]:
        # Of a phantom it is known what a register would tell.
        yield from add_exam(read_exam_arrays(result["exam"]), self._context.parameters, result.get("clinical"))

    def _tell_added(self, fraction: float) -> None:
        self.progressed.emit(fraction, _("Adding volumes to the scene"))

    def _is_same_study(self) -> bool:
        parameters = self._context.parameters
        return parameters is not None and parameters.parameterNode is self._node

    def _failed(self, error: WorkerError) -> None:
        self._request = None
        self._end()
        self._context.say("" if error.kind == "cancelled" else error.text, error.details)

    def _could_not_add(self, error: Exception) -> None:
        self._end()
        self._context.say_error(error)

    def _end(self) -> None:
        if self._out is not None:
            # Nobody's images should lie about longer than they are needed, also when half of them were read.
            shutil.rmtree(self._out, ignore_errors=True)
        self._steps = self._node = self._out = None
        self.what = ""
        self.changed.emit()
