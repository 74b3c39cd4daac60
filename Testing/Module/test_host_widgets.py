"""The host's Qt, .ui files and widgets do what those of the application do, where the panel relies on it."""

import ctk
import pytest
import qt
import slicer
import vtk
from host_fixtures import *  # noqa: F403
from host_parts import HOST_UI, add_volume

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


def test_who_is_shown_or_hidden_in_a_folded_section_is_so_when_it_opens(scene):
    """As CTK does: folding is no word about a child, and what happens meanwhile is remembered."""
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
