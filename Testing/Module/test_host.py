"""The host does what the application does, where the panel and its tests rely on it."""

import enum
from typing import Annotated

import ctk
import numpy as np
import pytest
import qt
import slicer
import vtk
from slicer.parameterNodeWrapper import Default, WithinRange, parameterNodeWrapper, parameterPack

HOST_UI = """<ui version="4.0"><widget class="qMRMLWidget" name="Root"><layout class="QVBoxLayout" name="rows">
<item><widget class="ctkCollapsibleButton" name="section"><property name="text"><string>Exam</string></property>
<layout class="QVBoxLayout" name="inner">
<item><widget class="qMRMLNodeComboBox" name="volumeBox">
  <property name="nodeTypes"><stringlist><string>vtkMRMLScalarVolumeNode</string></stringlist></property>
  <property name="noneEnabled"><bool>true</bool></property>
  <property name="SlicerParameterName" stdset="0"><string>volume</string></property></widget></item>
<item><widget class="ctkSliderWidget" name="opacitySlider">
  <property name="SlicerParameterName" stdset="0"><string>opacity</string></property></widget></item>
<item><widget class="QComboBox" name="kindBox">
  <property name="SlicerParameterName" stdset="0"><string>kind</string></property></widget></item>
<item><widget class="QCheckBox" name="linkBox">
  <property name="SlicerParameterName" stdset="0"><string>link</string></property></widget></item>
<item><widget class="QPushButton" name="hiddenButton"><property name="visible"><bool>false</bool></property>
  </widget></item>
</layout></widget></item></layout></widget>
<connections><connection><sender>Root</sender><signal>mrmlSceneChanged(vtkMRMLScene*)</signal>
<receiver>volumeBox</receiver><slot>setMRMLScene(vtkMRMLScene*)</slot></connection></connections></ui>"""


class Kind(enum.Enum):
    PRE = "pre"
    POST = "post"


@parameterPack
class Seed:
    x_mm: float
    radius_mm: Annotated[float, Default(30.0), WithinRange(5.0, 80.0)]


@parameterNodeWrapper
class Parameters:
    volume: slicer.vtkMRMLScalarVolumeNode
    opacity: Annotated[float, Default(0.4), WithinRange(0.0, 1.0)]
    kind: Annotated[Kind, Default(Kind.POST)]
    link: bool
    phase: Annotated[int, Default(-1)]
    names: list[str]
    times_s: dict[str, float]
    seed: Seed


@pytest.fixture
def node(scene):
    return scene.AddNewNodeByClass("vtkMRMLScriptedModuleNode")


@pytest.fixture
def parameters(node):
    yield Parameters(node)
    # What Slicer's own wrapper leaves behind would crash the tests that follow.
    node.RemoveObservers(vtk.vtkCommand.ModifiedEvent)


@pytest.fixture
def ui(scene, tmp_path):
    """The widgets of HOST_UI by name."""
    path = tmp_path / "host.ui"
    path.write_text(HOST_UI, encoding="utf-8")
    root = slicer.util.loadUI(str(path))
    root.setMRMLScene(scene)
    yield slicer.util.childWidgetVariables(root)
    root.deleteLater()


def add_volume(name, cube_value=0):
    """50 x 60 x 30 voxels of 1 mm; the voxels 15..34, 20..39, 10..19 (i, j, k) have the value of the cube."""
    voxels = np.zeros((30, 60, 50), np.int16)
    voxels[10:20, 20:40, 15:35] = cube_value
    return slicer.util.addVolumeFromArray(voxels, name=name)


def add_segmentation(volume, name="Lesion 1"):
    segmentation = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode")
    segmentation.CreateDefaultDisplayNodes()
    segmentation.SetReferenceImageGeometryParameterFromVolumeNode(volume)
    return segmentation, segmentation.GetSegmentation().AddEmptySegment("L1", name, (1.0, 0.0, 0.0))


# PythonQt


def test_properties_are_attributes_as_in_pythonqt(slicer_app):
    button = qt.QPushButton("Classify")
    button.checkable = True
    button.checked = True
    button.toolTip = "Read the lesion"
    assert (button.text, button.checked, button.isChecked()) == ("Classify", True, True)
    assert (button.toolTip, button.enabled, button.visible) == ("Read the lesion", True, False)
    box = qt.QComboBox()
    box.addItems(["pre", "post"])
    box.currentIndex = 1
    assert (box.currentText, box.count) == ("post", 2)
    assert slicer.app.applicationName == "Slicer"


def test_a_property_that_cannot_be_set_says_so(slicer_app):
    with pytest.raises(AttributeError, match=r"QComboBox\.count cannot be set"):
        qt.QComboBox().count = 3


def test_enumerations_have_their_short_names(slicer_app):
    label = qt.QLabel()
    label.setAlignment(qt.Qt.AlignRight | qt.Qt.AlignVCenter)
    label.setSizePolicy(qt.QSizePolicy.Expanding, qt.QSizePolicy.Fixed)
    assert label.alignment == qt.Qt.AlignRight | qt.Qt.AlignVCenter
    assert qt.QKeySequence("Ctrl+Return")[0].key() == qt.Qt.Key_Return


def test_an_error_in_a_slot_is_kept(slicer_app):
    button = qt.QPushButton()
    button.clicked.connect(lambda: 1 / 0)
    button.click()
    assert "ZeroDivisionError" in slicer_app.errors.take()[0]


def test_an_error_in_an_observer_is_kept(slicer_app, scene):
    volume = add_volume("dce")
    volume.AddObserver(vtk.vtkCommand.ModifiedEvent, lambda *_: [][0])
    volume.Modified()
    assert "IndexError" in slicer_app.errors.take()[0]


def test_the_wait_cursor_comes_and_goes(scene):
    with slicer.util.tryWithErrorDisplay("Classifying failed.", waitCursor=True):
        assert qt.QApplication.overrideCursor().shape() == qt.Qt.WaitCursor
    assert qt.QApplication.overrideCursor() is None


def test_a_question_is_answered_as_the_test_said_and_kept(dialogs, scene):
    dialogs.answer(True, False, "/exams/study 1")
    assert slicer.util.confirmYesNoDisplay("Delete the model?") is True
    assert slicer.util.confirmOkCancelDisplay("Really?") is False
    assert qt.QFileDialog.getExistingDirectory(None, "Open study folder", "/exams") == "/exams/study 1"
    assert [asked.text for asked in dialogs.asked] == ["Delete the model?", "Really?", "/exams"]


def test_a_question_that_no_test_foresaw_is_refused_and_is_an_error(slicer_app, dialogs, scene):
    assert slicer.util.confirmYesNoDisplay("Delete the model?") is False
    assert "Delete the model?" in slicer_app.errors.take()[0]


# .ui files


def test_a_ui_file_is_loaded_with_the_scene_handed_to_its_children(ui, scene):
    assert isinstance(ui.volumeBox, slicer.qMRMLNodeComboBox)
    assert isinstance(ui.section, ctk.ctkCollapsibleButton)
    assert ui.volumeBox.mrmlScene() is scene
    assert ui.opacitySlider.property("SlicerParameterName") == "opacity"
    assert ui.section.text == "Exam"


def test_an_unknown_widget_in_a_ui_file_is_refused_by_name(slicer_app, tmp_path):
    path = tmp_path / "odd.ui"
    path.write_text(HOST_UI.replace("ctkSliderWidget", "ctkThermometer"), encoding="utf-8")
    with pytest.raises(RuntimeError, match="no stand-in for ctkThermometer"):
        slicer.util.loadUI(str(path))


def test_a_section_hides_its_children_and_shows_again_only_what_was_shown(ui):
    ui.Root.show()
    ui.section.collapsed = True
    assert not ui.linkBox.isVisible()
    ui.section.click()
    assert ui.linkBox.isVisible()
    assert not ui.hiddenButton.isVisible()


# qMRMLNodeComboBox


def test_a_node_box_follows_the_scene(ui, scene):
    box = ui.volumeBox
    first, second = add_volume("dce"), add_volume("t2")
    assert [box.itemText(index) for index in range(box.count)] == ["None", "dce", "t2"]
    second.SetName("ax t2")
    assert box.itemText(2) == "ax t2"
    box.setCurrentNode(second)
    scene.RemoveNode(first)
    assert (box.currentNode(), box.currentText) == (second, "ax t2")
    scene.Clear(0)
    assert (box.currentNode(), box.nodeCount()) == (None, 0)


def test_a_node_box_tells_of_its_node_once_for_each_change(ui):
    told = []
    ui.volumeBox.currentNodeChanged.connect(told.append)
    volume = add_volume("dce")
    ui.volumeBox.setCurrentIndex(1)
    ui.volumeBox.setCurrentNodeID(volume.GetID())
    slicer.mrmlScene.RemoveNode(volume)
    assert told == [volume, None]


def test_a_node_box_without_none_takes_the_first_node(ui):
    ui.volumeBox.noneEnabled = False
    volume = add_volume("dce")
    assert ui.volumeBox.currentNode() is volume
    assert ui.volumeBox.currentNodeID == volume.GetID()


def test_a_node_box_offers_no_hidden_and_no_other_nodes(ui):
    hidden = add_volume("helper")
    hidden.SetHideFromEditors(True)
    labels = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLabelMapVolumeNode", "labels")
    shown = add_volume("dce")
    assert ui.volumeBox.nodes() == [labels, shown]
    ui.volumeBox.showChildNodeTypes = False
    assert ui.volumeBox.nodes() == [shown]


def test_a_deleted_node_box_observes_no_more(scene):
    box = slicer.qMRMLNodeComboBox()
    box.nodeTypes = ["vtkMRMLScalarVolumeNode"]
    box.setMRMLScene(scene)
    box.deleteLater()
    qt.QApplication.sendPostedEvents(None, qt.QEvent.DeferredDelete)
    add_volume("dce")  # an error of a widget that is gone would fail this test


# Parameter nodes


def test_parameters_have_their_defaults(parameters):
    assert (parameters.volume, parameters.opacity, parameters.kind) == (None, 0.4, Kind.POST)
    assert (parameters.link, parameters.phase, list(parameters.names)) == (False, -1, [])
    assert (parameters.seed.x_mm, parameters.seed.radius_mm) == (0.0, 30.0)


def test_parameters_are_kept_in_the_node(node, parameters):
    volume = add_volume("dce")
    parameters.volume = volume
    parameters.opacity = 0.7
    parameters.kind = Kind.PRE
    parameters.names = ["a"]
    parameters.names.append("b, c")
    parameters.times_s = {"pre": 0.0, "post": 1371.5}
    parameters.seed.radius_mm = 12.5
    again = Parameters(node)
    assert (again.volume, again.opacity, again.kind) == (volume, 0.7, Kind.PRE)
    assert list(again.names) == ["a", "b, c"]
    assert dict(again.times_s) == {"pre": 0.0, "post": 1371.5}
    assert again.seed.radius_mm == 12.5
    # The names that Slicer gives them: a scene saved there opens here.
    assert node.GetParameter("kind") == "PRE"
    assert node.GetParameter("names_len") == "2"
    assert node.GetParameter("seed.radius_mm") == "12.5"
    assert node.GetNodeReferenceID("volume") == volume.GetID()


def test_parameters_survive_a_saved_scene(node, parameters, scene, tmp_path):
    node.SetName("study")
    parameters.kind = Kind.PRE
    parameters.volume = add_volume("dce")
    assert slicer.util.saveScene(str(tmp_path / "Studie ä.mrb"))
    scene.Clear(0)
    slicer.util.loadScene(str(tmp_path / "Studie ä.mrb"))
    again = Parameters(scene.GetFirstNodeByName("study"))
    assert (again.kind, again.volume.GetName()) == (Kind.PRE, "dce")


def test_a_value_out_of_range_or_of_another_type_is_refused(parameters):
    with pytest.raises(ValueError, match=r"0\.0, 1\.0"):
        parameters.opacity = 1.5
    with pytest.raises(TypeError):
        parameters.phase = "2"
    with pytest.raises((TypeError, ValueError)):
        parameters.seed.radius_mm = 100.0
    assert (parameters.opacity, parameters.phase) == (0.4, -1)


def test_a_removed_node_is_no_parameter_any_more(parameters, scene):
    parameters.volume = add_volume("dce")
    scene.RemoveNode(parameters.volume)
    assert parameters.volume is None


def test_widgets_and_parameters_follow_each_other(ui, parameters):
    volume = add_volume("dce")
    parameters.connectGui(ui.Root)
    assert (ui.opacitySlider.value, ui.opacitySlider.maximum, ui.kindBox.currentText) == (0.4, 1.0, "POST")
    ui.opacitySlider.setValue(0.25)
    ui.kindBox.setCurrentIndex(0)
    ui.linkBox.click()
    ui.volumeBox.setCurrentNode(volume)
    assert (parameters.opacity, parameters.kind, parameters.link) == (0.25, Kind.PRE, True)
    assert parameters.volume is volume
    parameters.opacity = 0.9
    parameters.volume = None
    assert (ui.opacitySlider.value, ui.volumeBox.currentNode()) == (0.9, None)


def test_widgets_are_disconnected_by_the_tag_of_their_connection(ui, parameters):
    tag = parameters.connectParametersToGui({"opacity": ui.opacitySlider})
    parameters.disconnectGui(tag)
    ui.opacitySlider.setValue(0.1)
    parameters.phase = 2
    assert (parameters.opacity, ui.opacitySlider.value) == (0.4, 0.1)


def test_a_pair_of_type_and_widget_that_slicer_cannot_bind_is_refused(parameters):
    with pytest.raises(RuntimeError, match="Unable to create GUI connector"):
        parameters.connectParametersToGui({"link": qt.QRadioButton()})


# The application


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


# Segment editor


@pytest.fixture
def editor(scene):
    volume = add_volume("dce", cube_value=1000)
    segmentation, segment_id = add_segmentation(volume)
    widget = slicer.qMRMLSegmentEditorWidget()
    widget.setMRMLSegmentEditorNode(scene.AddNewNodeByClass("vtkMRMLSegmentEditorNode"))
    widget.setMRMLScene(scene)
    widget.setSegmentationNode(segmentation)
    widget.setSourceVolumeNode(volume)
    widget.setCurrentSegmentID(segment_id)
    yield widget
    widget.setSegmentationNode(None)
    widget.setSourceVolumeNode(None)
    widget.deleteLater()


def voxels_of(editor):
    mask = slicer.util.arrayFromSegmentBinaryLabelmap(editor.segmentationNode(), "L1", editor.sourceVolumeNode())
    return np.zeros((30, 60, 50), bool) if mask is None else mask.astype(bool)


def ball(center_ijk, radius):
    k, j, i = np.mgrid[:30, :60, :50]
    return (i - center_ijk[0]) ** 2 + (j - center_ijk[1]) ** 2 + (k - center_ijk[2]) ** 2 <= radius**2


def test_threshold_equals_numpy(editor):
    editor.threshold(500, 2000)
    assert np.array_equal(voxels_of(editor), slicer.util.arrayFromVolume(editor.sourceVolumeNode()) >= 500)


def test_strokes_equal_numpy_and_are_undone(editor):
    editor.paint_sphere((20, 30, 15), 6.0)
    editor.paint_sphere((28, 30, 15), 4.0)
    painted = ball((20, 30, 15), 6) | ball((28, 30, 15), 4)
    assert np.array_equal(voxels_of(editor), painted)
    editor.erase_sphere((20, 30, 15), 3.0)
    assert np.array_equal(voxels_of(editor), painted & ~ball((20, 30, 15), 3))
    editor.undo()
    assert np.array_equal(voxels_of(editor), painted)
    editor.undo()
    assert np.array_equal(voxels_of(editor), ball((20, 30, 15), 6))
    editor.redo()
    assert np.array_equal(voxels_of(editor), painted)


# Pictures


@pytest.fixture
def red_view(scene):
    from host.views import SliceRenderer

    with SliceRenderer("Red", 400, 300) as view:
        yield view


def test_the_slice_shows_the_volume_where_it_is(red_view):
    slicer.util.setSliceViewerLayers(background=add_volume("dce", cube_value=1000), fit=True)
    red_view.fit()
    pixels = red_view.pixels()
    x, y = red_view.display_position((25.0, 30.0, 15.0))
    assert pixels.shape == (300, 400, 3)
    assert pixels[299 - y, x].tolist() == [255, 255, 255]
    x, y = red_view.display_position((5.0, 5.0, 15.0))
    assert pixels[299 - y, x].tolist() == [0, 0, 0]


def test_an_outline_appears_where_the_segment_ends(red_view):
    volume = add_volume("dce")
    slicer.util.setSliceViewerLayers(background=volume, fit=True)
    red_view.fit()
    segmentation, segment_id = add_segmentation(volume)
    cube = slicer.util.arrayFromVolume(volume) * 0
    cube[10:20, 20:40, 15:35] = 1
    slicer.util.updateSegmentBinaryLabelmapFromArray(cube, segmentation, segment_id, volume)
    segmentation.GetDisplayNode().SetVisibility2DFill(False)
    red = red_view.pixels()[..., 0] > 100
    rows, columns = np.nonzero(red)
    left, bottom = red_view.display_position((34.5, 19.5, 15.0))  # voxel borders; R is on the left
    right, top = red_view.display_position((14.5, 39.5, 15.0))
    assert abs(columns.min() - min(left, right)) <= 2
    assert abs(columns.max() - max(left, right)) <= 2
    assert abs((299 - rows.max()) - min(bottom, top)) <= 2
    assert abs((299 - rows.min()) - max(bottom, top)) <= 2
    assert not red[rows.min() + 5 : rows.max() - 5, columns.min() + 5 : columns.max() - 5].any()


def test_a_click_places_a_point_where_the_mouse_is(red_view):
    slicer.util.setSliceViewerLayers(background=add_volume("dce"), fit=True)
    red_view.fit()
    points = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLMarkupsFiducialNode")
    points.CreateDefaultDisplayNodes()
    selection = slicer.app.applicationLogic().GetSelectionNode()
    selection.SetReferenceActivePlaceNodeClassName("vtkMRMLMarkupsFiducialNode")
    selection.SetReferenceActivePlaceNodeID(points.GetID())
    interaction = slicer.app.applicationLogic().GetInteractionNode()
    interaction.SetPlaceModePersistence(0)
    interaction.SetCurrentInteractionMode(interaction.Place)
    red_view.click((20.0, 33.0, 0.0))
    assert points.GetNumberOfControlPoints() == 1
    assert np.allclose(tuple(points.GetNthControlPointPositionWorld(0))[:2], (20.0, 33.0), atol=0.2)
    assert interaction.GetCurrentInteractionMode() == interaction.ViewTransform


def test_a_plot_shows_the_line_in_its_colour(scene):
    from host.views import plot_pixels

    chart = slicer.util.plot(np.array([[0.0, 1.0], [60.0, 3.0], [120.0, 2.0]]), xColumnIndex=0, show=False)
    series = chart.GetNthPlotSeriesNode(0)
    series.SetColor(1.0, 0.0, 0.0)
    series.SetLineWidth(3)
    chart.SetLegendVisibility(False)
    pixels = plot_pixels(chart, 400, 200).astype(int)
    red = (pixels[..., 0] > 200) & (pixels[..., 1] < 80)
    rows, columns = np.nonzero(red)
    # It peaks at the second of three points, in the middle of the axis.
    assert 180 < columns[rows.argmin()] < 240
    assert columns.max() - columns.min() > 300


def test_a_widget_is_drawn_at_its_width_in_light_and_dark(ui):
    from host.views import widget_pixels

    light, dark = widget_pixels(ui.Root, 400), widget_pixels(ui.Root, 400, dark=True)
    assert light.shape == dark.shape
    assert light.shape[1] == 400
    assert np.median(light) > 200
    assert np.median(dark) < 80


def test_hundreds_of_scenes_leave_no_observers_behind(slicer_app, tmp_path):
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


def test_who_is_shown_or_hidden_in_a_folded_section_is_so_when_it_opens(scene):
    """As CTK does: folding is no word about a child, and what happens meanwhile is remembered."""
    import ctk
    import qt

    section = ctk.ctkCollapsibleButton()
    layout = qt.QVBoxLayout(section)
    children = {
        name: qt.QLabel(name) for name in ("left alone", "hidden before", "hidden meanwhile", "shown meanwhile")
    }
    for child in children.values():
        layout.addWidget(child)
    section.show()
    for name in ("hidden before", "shown meanwhile"):
        children[name].setVisible(False)
    section.setCollapsed(True)
    children["hidden meanwhile"].setVisible(False)
    children["shown meanwhile"].setVisible(True)
    assert not any(child.isVisible() for child in children.values())
    section.setCollapsed(False)
    assert [name for name, child in children.items() if child.isVisible()] == ["left alone", "shown meanwhile"]
    section.close()
