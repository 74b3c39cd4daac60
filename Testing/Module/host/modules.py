"""`slicer.modules`: the real logics of the wheel, under the names that the application gives their modules."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import slicer
import vtk

# Module name -> class of its logic in slicer-core.
_logics = {
    "Colors": "vtkSlicerColorLogic",
    "Units": "vtkSlicerUnitsLogic",
    "Terminologies": "vtkSlicerTerminologiesModuleLogic",
    "SubjectHierarchy": "vtkSlicerSubjectHierarchyModuleLogic",
    "Volumes": "vtkSlicerVolumesLogic",
    "Models": "vtkSlicerModelsLogic",
    "Transforms": "vtkSlicerTransformLogic",
    "Markups": "vtkSlicerMarkupsLogic",
    "Segmentations": "vtkSlicerSegmentationsModuleLogic",
    "SegmentEditor": "vtkSlicerSegmentEditorLogic",
    "Sequences": "vtkSlicerSequencesLogic",
    "Tables": "vtkSlicerTablesLogic",
    "Texts": "vtkSlicerTextsLogic",
    "Plots": "vtkSlicerPlotsLogic",
    "CropVolume": "vtkSlicerCropVolumeLogic",
    "Reformat": "vtkSlicerReformatLogic",
    "ViewControllers": "vtkSlicerViewControllersLogic",
}


class Module:
    """One module as `slicer.modules.<name>` gives it."""

    def __init__(self, name: str, logic: Any = None, path: str = "") -> None:
        self.name = name
        self.path = path
        self._logic = logic

    def logic(self) -> Any:
        return self._logic

    def widgetRepresentation(self) -> Any:
        return None


def make_modules(application_logic, scene) -> SimpleNamespace:
    """Starts the logics in the order that they need: the application logic first, then the scene."""
    modules = SimpleNamespace(application_logic=application_logic)
    for name, class_name in _logics.items():
        logic = getattr(slicer, class_name)()
        logic.SetMRMLApplicationLogic(application_logic)
        application_logic.SetModuleLogic(name, logic)
        setattr(modules, name.lower(), Module(name, logic))
    # The files of default colours and terminologies come with the application, not with the wheel.
    vtk.vtkObject.GlobalWarningDisplayOff()
    for name in _logics:
        getattr(modules, name.lower()).logic().SetMRMLScene(scene)
    vtk.vtkObject.GlobalWarningDisplayOn()
    application_logic.SetColorLogic(modules.colors.logic())
    _add_generic_colors(scene)
    return modules


def _add_generic_colors(scene) -> None:
    """The colour table that label maps and terminologies ask for; in the application it comes from a file."""
    colors = slicer.vtkMRMLColorTableNode()
    colors.SetTypeToRandom()
    colors.SetName("GenericColors")
    colors.SetSingletonTag("FileGenericColors.txt")
    colors.SetHideFromEditors(True)
    colors.SetSaveWithScene(False)
    scene.AddNode(colors)
