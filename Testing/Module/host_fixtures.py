"""What the tests of the host start from."""

import pytest
import slicer
import vtk
from host_parts import HOST_UI, Parameters


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
