"""The host's parameter nodes keep what Slicer's keep, in Slicer's own words."""

import pytest
import qt
import slicer
from host_fixtures import *  # noqa: F403
from host_parts import Kind, Parameters, add_volume


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
