"""What the tests of section 4 start from: the section alone, an exam with a lesion, an installed model."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
import SimpleITK as sitk
from fake_worker import FakeWorker


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
    import qt
    from BreastFusionPanel.classify.classify_section import ClassifySection
    from BreastFusionPanel.context import PanelContext

    from BreastFusion import BreastFusionLogic

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
    from BreastFusionPanel.bridge.exam_nodes import add_exam
    from BreastFusionPanel.bridge.segments import add_lesion

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
    from BreastFusionPanel.classify.bundles import InstalledBundles

    header = InstalledBundles(section.model.installed.root).import_from(demo_bundle)
    section.context.settings.bundle_folder = str(header.folder)
    section.model.refill()
    worker.finish("load", {"device": "cpu", "device_reason": "Runs on the CPU.", "seconds": 0.1})
    return header.folder


@pytest.fixture
def second_lesion(study):
    """Another lesion beside the first."""
    from BreastFusionPanel.bridge.segments import add_lesion

    return add_lesion(study.parameters, sitk.BinaryDilate(study.mask, (1, 1, 1)))


def _set_parameters(section, parameters) -> None:
    """As `Panel.set_parameters` does."""
    section.disconnect_parameters()
    section.context.parameters = parameters
    section.connect_parameters()
