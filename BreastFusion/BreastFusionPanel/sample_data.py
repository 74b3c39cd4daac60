"""The demo exam in the module Sample Data: computed here, so that it needs no network.

Imported whenever the application starts, and therefore nothing of ours at file scope.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import slicer
from slicer.i18n import tr as _

__all__ = ["DEMO_EXAM", "load", "register"]

DEMO_EXAM = {"seed": 7, "number": 62, "small": True}
"""A lesion with wash-out, in the voxels that the demo model was trained with: larger or smaller ones would be out of
its range. The exams on which demo models are trained are others (seed 2024)."""

CATEGORY = "BreastFusion"
ICONS = Path(__file__).resolve().parents[1] / "Resources" / "Icons"
LONGEST_S = 300.0


def register() -> None:
    """Offer the demo exam; asked twice, it is offered once."""
    from SampleData import SampleDataLogic

    SampleDataLogic.registerCustomSampleDataSource(
        category=CATEGORY,
        sampleName=_("Breast MRI (synthetic)"),
        # Sample Data wants an address and a file name of everything; with a loader of its own it uses neither.
        uris="",
        fileNames="",
        nodeNames="",
        customDownloader=_load_on_click,
        thumbnailFileName=str(ICONS / "DemoExam.png"),
    )


def _load_on_click(_source: Any = None) -> list[Any]:
    """The button's way: what goes wrong is shown, and not only in the Python console."""
    with slicer.util.tryWithErrorDisplay(_("The demo exam could not be made."), waitCursor=True):
        return load()


def load() -> list[Any]:
    """Make the demo exam and show it; the window stays alive meanwhile.

    Returns:
        The nodes of the DCE series, T1 and T2.

    Raises:
        InputError: it could not be made; the sentence says why.
    """
    from BreastFusion import BreastFusionLogic
    from BreastFusionLib.service.transfer import read_exam_arrays

    from .bridge.exam_nodes import add_exam
    from .display.views import show_exam
    from .process.worker import Worker

    parameters = BreastFusionLogic().getParameterNode()
    worker = Worker()
    try:
        made = worker.request("phantom", {**DEMO_EXAM, "out": str(worker.folder / "demo")}).wait(LONGEST_S)
        for _share in add_exam(read_exam_arrays(Path(made["exam"])), parameters, made["clinical"]):
            slicer.app.processEvents()
    finally:
        worker.stop()
    show_exam(parameters)
    return [parameters.dceSequence, parameters.t1Volume, parameters.t2Volume]
