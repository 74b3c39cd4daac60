"""Widgets of a section follow the parameter node while they are bound, and nothing is left when they are released."""

import gc
from pathlib import Path
from types import SimpleNamespace

import pytest
import qt
import slicer
import vtk
from BreastFusionPanel.parameters import BreastFusionParameterNode
from BreastFusionPanel.section import Section
from BreastFusionPanel.widgets.widget_binding import WidgetBinding


@pytest.fixture
def node(scene):
    return scene.AddNewNodeByClass("vtkMRMLScriptedModuleNode", "study")


def test_a_released_widget_and_its_parameter_go_their_own_ways(node):
    parameters = BreastFusionParameterNode(node)
    box = qt.QCheckBox()
    binding = WidgetBinding(parameters, {"linkViews": box})
    box.click()
    assert parameters.linkViews is False
    binding.release()
    box.click()
    assert parameters.linkViews is False
    parameters.linkViews = True
    box.setChecked(False)
    assert parameters.linkViews is True


def test_a_study_that_is_no_longer_shown_is_forgotten_and_its_node_may_change(node):
    """Slicer's own binding crashes the application here."""
    seen = []
    node.AddObserver(vtk.vtkCommand.ModifiedEvent, lambda *_: seen.append(True))
    for _ in range(3):
        parameters, box = BreastFusionParameterNode(node), qt.QCheckBox()
        WidgetBinding(parameters, {"linkViews": box}).release()
    del parameters, box, node
    gc.collect()
    slicer.util.getNode("study").Modified()
    assert seen


def test_a_section_can_be_bound_to_one_study_after_another(scene, tmp_path, monkeypatch):
    (tmp_path / "Probe.ui").write_text(
        '<ui version="4.0"><widget class="qMRMLWidget" name="Probe"><layout class="QVBoxLayout" name="rows"><item>'
        '<widget class="QCheckBox" name="box"><property name="SlicerParameterName" stdset="0">'
        "<string>linkViews</string></property></widget></item></layout></widget></ui>",
        encoding="utf-8",
    )
    monkeypatch.setattr("BreastFusionPanel.section.UI_FOLDER", Path(tmp_path))
    context = SimpleNamespace(parameters=None)
    section = type("Probe", (Section,), {"UI": "Probe"})(context)
    first, second = (BreastFusionParameterNode(scene.AddNewNodeByClass("vtkMRMLScriptedModuleNode")) for _ in range(2))
    for study in (first, second):
        context.parameters = study
        section.connect_parameters()
    section.ui.box.click()
    assert (first.linkViews, second.linkViews) == (True, False)
    first.linkViews = False
    second.linkViews = True
    assert section.ui.box.checked is True
    section.disconnect_parameters()
    section.ui.box.click()
    assert second.linkViews is True
