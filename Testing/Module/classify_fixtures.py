"""What the tests of section 4 start from: the section alone, an exam with a lesion, an installed model."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
import qt
import SimpleITK as sitk
from BreastFusionPanel.bridge.exam_nodes import add_exam
from BreastFusionPanel.bridge.segments import add_lesion, replace_outline
from BreastFusionPanel.classify.bundles import InstalledBundles
from BreastFusionPanel.classify.classify_section import ClassifySection
from BreastFusionPanel.context import PanelContext
from classify_parts import READ
from fake_worker import FakeWorker

from BreastFusion import BreastFusionLogic


@pytest.fixture
def worker(scene, tmp_path) -> Iterator[FakeWorker]:
    folder = tmp_path / "worker"
    folder.mkdir()
    made = FakeWorker(folder)
    yield made
    made.stop()


@pytest.fixture
def section(scene, worker, models):
    """Section 4 in a window 400 px wide, with the scene's parameters; the other sections are not there."""
    context = PanelContext(worker)
    said = []
    context.message.connect(lambda text, details: said.append((text, details)))
    made = ClassifySection(context)
    made.said = said
    made.set_parameters = lambda parameters: _set_parameters(made, parameters)
    made.set_parameters(BreastFusionLogic().getParameterNode())
    made.widget.resize(400, 1000)
    made.widget.show()
    made.enter()
    qt.QApplication.processEvents()
    yield made
    made.disconnect_parameters()
    made.cleanup()
    made.widget.close()


@pytest.fixture
def study(section, phantom_exam):
    """The phantom with its lesion, selected; `parameters`, `segment_id`."""
    parameters = section.context.parameters
    for _share in add_exam(phantom_exam.exam, parameters):
        pass
    segment_id = add_lesion(parameters, phantom_exam.lesion.mask)
    parameters.selectedLesion = segment_id
    section.context.exam_changed.emit()
    section.context.lesion_selected.emit()
    return SimpleNamespace(parameters=parameters, segment_id=segment_id, mask=phantom_exam.lesion.mask)


@pytest.fixture
def installed(section, demo_bundle, worker) -> Path:
    """A model that was imported, chosen and loaded."""
    header = InstalledBundles(section.model.installed.root).import_from(demo_bundle)
    section.context.settings.bundle_folder = str(header.folder)
    section.model.refill()
    worker.finish("load", {"device": "cpu", "device_reason": "Runs on the CPU.", "seconds": 0.1})
    return header.folder


@pytest.fixture
def second_lesion(study):
    """Another lesion beside the first."""
    return add_lesion(study.parameters, sitk.BinaryDilate(study.mask, (1, 1, 1)))


@pytest.fixture
def begin(section, worker, click, wait_until):
    """Presses the button, and waits until the process has the case."""

    def press() -> None:
        click(section.ui.classifyButton)
        wait_until(lambda: worker.open(READ).is_prepared, what="the case being sent")

    return press


@pytest.fixture
def read(section, worker, begin, wait_until, readings):
    """Classifies to the end: presses the button and answers as the process would."""

    def classify(reading=None) -> None:
        begin()
        mapping = readings.with_meaning if reading is None else reading
        worker.finish(READ, {"reading": mapping, "folder": str(readings.folder), "seconds": 0.5})
        wait_until(lambda: section.run is None, what="the reading being kept")

    return classify


@pytest.fixture
def change_outline(section, study):
    """Paints over the outline, and tells as the lesion section does once the stroke has settled."""

    def change() -> None:
        replace_outline(study.parameters, study.segment_id, sitk.BinaryDilate(study.mask, (1, 1, 0)))
        section.context.lesion_changed.emit(study.segment_id)

    return change


def _set_parameters(section, parameters) -> None:
    """As `Panel.set_parameters` does."""
    section.disconnect_parameters()
    section.context.parameters = parameters
    section.connect_parameters()
