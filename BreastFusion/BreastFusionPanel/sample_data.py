"""The demo exam in the module Sample Data: computed here, so that it needs no network."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import slicer
from slicer.i18n import tr as _

from .exam.study_loading import DEMO_EXAM

__all__ = ["load", "register"]

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
        customDownloader=load,
        thumbnailFileName=str(ICONS / "DemoExam.png"),
    )


def load(_source: Any = None) -> list[Any]:
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
        for _share in add_exam(read_exam_arrays(Path(made["exam"])), parameters):
            slicer.app.processEvents()
    finally:
        worker.stop()
    show_exam(parameters)
    return [parameters.dceSequence, parameters.t1Volume, parameters.t2Volume]
