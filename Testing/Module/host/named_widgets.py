"""Widgets that Slicer's own Python files name and the panel does not use: a plain widget under each name."""

from __future__ import annotations

import sys
from types import ModuleType

from PySide6 import QtWidgets

CTK_NAMES = (
    "ctkColorPickerButton",
    "ctkDoubleRangeSlider",
    "ctkDoubleSlider",
    "ctkRangeSlider",
    "ctkRangeWidget",
    "ctkWidgetsUtils",
)
SLICER_NAMES = (
    "qMRMLCheckableNodeComboBox",
    "qMRMLRangeWidget",
    "qMRMLSegmentsTableView",
    "qMRMLSliderWidget",
    "qMRMLSpinBox",
    "qMRMLSubjectHierarchyComboBox",
    "qMRMLSubjectHierarchyTreeView",
    "qSlicerSimpleMarkupsWidget",
)
# Imported by name, as PythonQt makes a module of each module's widgets.
_modules = {
    "qSlicerSubjectHierarchyModuleWidgetsPythonQt": ("qMRMLSubjectHierarchyComboBox", "qMRMLSubjectHierarchyTreeView"),
    "qSlicerMarkupsModuleWidgetsPythonQt": ("qSlicerSimpleMarkupsWidget",),
}


def plain_widgets(names: tuple[str, ...]) -> dict[str, type]:
    """A class for each name."""
    return {name: type(name, (QtWidgets.QWidget,), {}) for name in names}


def provide_modules(widgets: dict[str, type]) -> None:
    """The modules of widgets that Slicer's files import from."""
    for module_name, names in _modules.items():
        module = sys.modules.setdefault(module_name, ModuleType(module_name))
        for name in names:
            setattr(module, name, widgets[name])
