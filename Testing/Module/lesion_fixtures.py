"""What the tests of section 2 start from: the section alone, with an exam whose lesion washes out."""

from __future__ import annotations

import time
from types import SimpleNamespace

import pytest
import qt
import slicer
from BreastFusionPanel.bridge.exam_nodes import add_exam
from BreastFusionPanel.bridge.geometry import to_ras
from BreastFusionPanel.context import PanelContext
from BreastFusionPanel.lesion.lesion_section import LesionSection
from BreastFusionPanel.lesion.lesion_watch import SETTLED_AFTER_MS
from BreastFusionPanel.parameters import BreastFusionParameterNode
from lesion_parts import center_of, paint

from BreastFusionLib.phantom import make_exam


@pytest.fixture(scope="session")
def phantom_exam():
    """A small exam whose lesion enhances well above the usual threshold and washes out."""
    return make_exam(2, 3, small=True)


@pytest.fixture
def study(scene, phantom_exam):
    """Section 2 alone in a window, with the phantom's exam in the scene."""
    node = scene.AddNewNodeByClass("vtkMRMLScriptedModuleNode")
    context = PanelContext(worker=None)
    section = LesionSection(context)
    context.parameters = BreastFusionParameterNode(node)
    section.connect_parameters()
    window = qt.QWidget()
    qt.QVBoxLayout(window).addWidget(section.widget)
    window.resize(400, 800)
    window.show()
    section.enter()
    told = SimpleNamespace(changed=[], sentences=[])
    context.lesion_changed.connect(told.changed.append)
    context.message.connect(lambda text, details: told.sentences.append(text))
    list(add_exam(phantom_exam.exam, context.parameters))
    context.exam_changed.emit()
    slicer.app.processEvents()
    yield SimpleNamespace(
        context=context, parameters=context.parameters, section=section, ui=section.ui, told=told, window=window
    )
    section.exit()
    section.disconnect_parameters()
    section.cleanup()
    context.parameters = None
    window.close()
    window.deleteLater()


@pytest.fixture
def place_point(click, wait_until):
    """Presses '+ From click' and places the point, as a click into a view does."""

    def place(study, point_lps) -> None:
        click(study.ui.fromClickButton)
        selection = slicer.app.applicationLogic().GetSelectionNode()
        node = slicer.mrmlScene.GetNodeByID(selection.GetActivePlaceNodeID())
        node.AddControlPointWorld(to_ras(point_lps))
        wait_until(lambda: not study.ui.fromClickButton.checked, what="the point to be taken")

    return place


@pytest.fixture
def settle(wait_until):
    """Lets the moment pass after which an outline counts as settled."""

    def wait() -> None:
        end = time.monotonic() + SETTLED_AFTER_MS / 1000 + 0.1
        wait_until(lambda: time.monotonic() > end)

    return wait


@pytest.fixture
def stroke(study, settle, phantom_exam):
    """Paints a ball round the middle of the phantom's lesion, and lets it settle."""

    def paint_it(radius_mm: float) -> None:
        paint(study, center_of(phantom_exam.lesion), radius_mm)
        settle()

    return paint_it
