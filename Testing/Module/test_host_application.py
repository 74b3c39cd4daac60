"""The host's application: settings, layouts, modules, packages, and a fresh start for every test."""

import pytest
import qt
import slicer
from host_fixtures import *  # noqa: F403
from host_parts import HOST_UI, Parameters, add_volume


def test_settings_are_kept_apart_from_those_of_the_person(scene):
    slicer.app.userSettings().setValue("BreastFusion/device", "cpu")
    assert slicer.app.userSettings().value("BreastFusion/device") == "cpu"
    assert slicer.app.userSettings().fileName().startswith(slicer.app.temporaryPath)
    assert qt.QSettings().fileName().startswith(slicer.app.temporaryPath)


def test_a_layout_of_ones_own_has_its_views(scene):
    manager = slicer.app.layoutManager()
    layout = manager.layoutLogic().GetLayoutNode()
    views = "".join(
        f'<item><view class="vtkMRMLSliceNode" singletontag="{name}">'
        '<property name="orientation" action="default">Axial</property></view></item>'
        for name in ("OwnDCE", "OwnT1")
    )
    if not layout.IsLayoutDescription(777):
        layout.AddLayoutDescription(777, f'<layout type="horizontal">{views}</layout>')
    manager.setLayout(777)
    assert sorted(manager.sliceViewNames()) == ["OwnDCE", "OwnT1"]
    volume = add_volume("dce")
    slicer.util.setSliceViewerLayers(background=volume, fit=True)
    assert manager.sliceWidget("OwnT1").sliceLogic().GetBackgroundLayer().GetVolumeNode() is volume


def test_a_module_is_taken_down_when_the_application_says_so(scene):
    from slicer.ScriptedLoadableModule import ScriptedLoadableModuleWidget

    taken_down = []

    class ProbeWidget(ScriptedLoadableModuleWidget):
        def cleanup(self):
            taken_down.append(self.moduleName)

    parent = slicer.qMRMLWidget()
    parent.setLayout(qt.QVBoxLayout())
    widget = ProbeWidget(parent)
    widget.setup()
    for _ in range(2):
        slicer.app.moduleManager().unload("Probe")
    assert taken_down == ["Probe"]


def test_packages_are_asked_for_and_never_installed(slicer_app, scene, tmp_path):
    path = tmp_path / "requirements.txt"
    path.write_text("torch>=2.2  # the network\n\n# nothing\n", encoding="utf-8")
    slicer.packaging.pip_ensure(slicer.packaging.load_requirements(path), requester="BreastFusion")
    assert slicer_app.installs.requested == [["torch>=2.2"]]
    slicer_app.installs.refuse = True
    with pytest.raises(RuntimeError, match="refused"):
        slicer.packaging.pip_ensure(["radiomics"])


def test_nodes_that_a_person_sees_have_an_item_in_the_subject_hierarchy(scene):
    hidden = slicer.vtkMRMLScalarVolumeNode()
    hidden.SetHideFromEditors(True)
    scene.AddNode(hidden)
    volume = add_volume("dce")
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(scene)
    item = hierarchy.GetItemByDataNode(volume)
    assert hierarchy.GetItemName(item) == "dce"
    assert hierarchy.GetItemByDataNode(hidden) == 0
    scene.RemoveNode(volume)
    assert hierarchy.GetItemName(item) == ""


def test_every_test_starts_as_the_application_does(slicer_app, scene):
    from slicer.ScriptedLoadableModule import ScriptedLoadableModuleLogic

    parameters = Parameters(ScriptedLoadableModuleLogic().getParameterNode())
    parameters.phase = 3
    slicer.app.layoutManager().setLayout(slicer.vtkMRMLLayoutNode.SlicerLayoutOneUpRedSliceView)
    slicer.util.setSliceViewerLayers(background=add_volume("dce"), foregroundOpacity=0.5)
    slicer.app.userSettings().setValue("BreastFusion/device", "cpu")
    slicer_app.reset()
    assert Parameters(ScriptedLoadableModuleLogic().getParameterNode()).phase == -1
    assert slicer.app.layoutManager().sliceViewNames() == ["Red", "Green", "Yellow"]
    red = slicer.app.layoutManager().sliceWidget("Red").mrmlSliceCompositeNode()
    assert (red.GetBackgroundVolumeID(), red.GetForegroundOpacity()) == (None, 0.0)
    assert not slicer.app.userSettings().contains("BreastFusion/device")


def test_twenty_scenes_leave_no_observers_behind(slicer_app, tmp_path):
    path = tmp_path / "host.ui"
    path.write_text(HOST_UI, encoding="utf-8")
    scene = slicer.mrmlScene

    def live_through_one():
        slicer_app.reset()
        root = slicer.util.loadUI(str(path))
        root.setMRMLScene(scene)
        parameters = Parameters(scene.AddNewNodeByClass("vtkMRMLScriptedModuleNode"))
        parameters.connectGui(root)
        add_volume("dce")
        root.deleteLater()
        qt.QApplication.sendPostedEvents(None, qt.QEvent.DeferredDelete)
        slicer_app.reset()

    def observer_count():
        return str(scene).count("vtkObserver (")

    live_through_one()
    before = observer_count(), scene.GetNumberOfNodes()
    for _ in range(20):
        live_through_one()
    assert (observer_count(), scene.GetNumberOfNodes()) == before
    assert not slicer_app.errors.take()
