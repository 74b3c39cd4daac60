"""Pictures of what a person sees: slice views, plots and the panel, off screen at any size, as RGB arrays.

    with SliceRenderer("Red", 600, 400) as view:
        pixels = view.pixels()                      # (400, 600, 3) uint8, first row on top
        view.click(position_ras)                    # the mouse, through Slicer's own interactor style
    pixels = plot_pixels(chart_node, 600, 300)
    pixels = widget_pixels(panel.parent, 400, dark=True)
    write_png(pixels, "view.png")

Slices are put together by Slicer's slice logic; outlines, markups, crosshair, rulers and orientation markers are drawn
by its displayable managers. The window round them (corner texts, colour bar of the view's name) is not there.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import slicer
import vtk
from vtk.util.numpy_support import vtk_to_numpy

from .plots import plot_window
from .widget_pictures import widget_pixels

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["SliceRenderer", "plot_pixels", "widget_pixels", "write_png"]

_managers = (
    "vtkMRMLVolumeGlyphSliceDisplayableManager",
    "vtkMRMLModelSliceDisplayableManager",
    "vtkMRMLSegmentationsDisplayableManager2D",
    "vtkMRMLMarkupsDisplayableManager",
    "vtkMRMLCrosshairDisplayableManager",
    "vtkMRMLOrientationMarkerDisplayableManager",
    "vtkMRMLRulerDisplayableManager",
)


class SliceRenderer:
    """Draws one slice view of the layout; `close` (or leaving the `with` block) takes everything down.

    Attributes:
        logic: the view's vtkMRMLSliceLogic.
        window: the vtkRenderWindow.
        interactor: takes synthetic mouse events.
    """

    def __init__(self, view_name: str, width_px: int = 400, height_px: int = 400) -> None:
        """Takes the view of that layout name ('Red', ..)."""
        self.logic = slicer.app.layoutManager().sliceWidget(view_name).sliceLogic()
        self._node = self.logic.GetSliceNode()
        self._mapper = vtk.vtkImageMapper()
        self._mapper.SetColorWindow(255)
        self._mapper.SetColorLevel(127.5)
        self._image = vtk.vtkActor2D()
        self._image.SetMapper(self._mapper)
        self._image.GetProperty().SetDisplayLocationToBackground()
        self._renderer = vtk.vtkRenderer()
        self._renderer.SetBackground(0, 0, 0)
        self.window = vtk.vtkRenderWindow()
        self.window.SetOffScreenRendering(True)
        self.window.SetMultiSamples(0)  # the same pixels on every machine
        self.window.SetSize(width_px, height_px)
        self.window.AddRenderer(self._renderer)
        self._start_interaction()
        self._start_managers()
        self.resize(width_px, height_px)

    def __enter__(self) -> SliceRenderer:
        return self

    def __exit__(self, *_) -> None:
        self.close()

    def resize(self, width_px: int, height_px: int) -> None:
        """Another size; the field of view keeps its scale, as when a window is pulled larger."""
        self.window.SetSize(width_px, height_px)
        self.logic.ResizeSliceNode(width_px, height_px)
        self._node.UpdateMatrices()

    def fit(self) -> None:
        """Shows the whole background volume."""
        self.logic.FitSliceToBackground()

    def pixels(self) -> NDArray[np.uint8]:
        """(height, width, 3), first row on top."""
        self.logic.UpdatePipeline()
        self._show_image_where_there_is_one()
        self.window.Render()
        return _grab(self.window)

    def display_position(self, position_ras: Sequence[float]) -> tuple[int, int]:
        """Pixel (x, y) of a point, y upwards as VTK counts; the point's depth is dropped."""
        to_ras = vtk.vtkMatrix4x4()
        vtk.vtkMatrix4x4.Invert(self._node.GetXYToRAS(), to_ras)
        x, y, *_ = to_ras.MultiplyPoint((*position_ras, 1.0))
        return round(x), round(y)

    def click(self, position_ras: Sequence[float]) -> None:
        """A left click at a point in the slice shown."""
        self._mouse(position_ras)
        self.interactor.InvokeEvent(vtk.vtkCommand.MouseMoveEvent)
        self.interactor.InvokeEvent(vtk.vtkCommand.LeftButtonPressEvent)
        self.interactor.InvokeEvent(vtk.vtkCommand.LeftButtonReleaseEvent)
        slicer.app.processEvents()

    def close(self) -> None:
        """Lets go of the scene; must be called before another scene is made."""
        self._group.SetMRMLDisplayableNode(None)
        self._group.SetRenderer(None)
        self._style.SetDisplayableManagers(None)
        self._style.SetInteractor(None)
        self._mapper.RemoveAllInputs()
        self.window.RemoveRenderer(self._renderer)
        self.window.Finalize()

    def _start_interaction(self) -> None:
        self.interactor = vtk.vtkGenericRenderWindowInteractor()
        self.interactor.SetRenderWindow(self.window)
        self.interactor.SetInteractorStyle(vtk.vtkInteractorStyleUser())  # VTK's own would move a camera
        self._style = slicer.vtkMRMLSliceViewInteractorStyle()
        self._style.SetSliceLogic(self.logic)
        self._style.SetInteractor(self.interactor)

    def _start_managers(self) -> None:
        factory = slicer.vtkMRMLSliceViewDisplayableManagerFactory.GetInstance()
        factory.SetMRMLApplicationLogic(slicer.app.applicationLogic())
        for name in _managers:
            if not factory.IsDisplayableManagerRegistered(name):
                factory.RegisterDisplayableManager(name)
        self._group = factory.InstantiateDisplayableManagers(self._renderer)
        self._group.UnRegister(None)  # the factory hands over its reference
        self._group.SetMRMLDisplayableNode(self._node)
        self._style.SetDisplayableManagers(self._group)

    def _mouse(self, position_ras: Sequence[float]) -> None:
        self.interactor.SetEventInformation(*self.display_position(position_ras), 0, 0, "\0", 0, None)
        self.interactor.SetSize(*self.window.GetSize())

    def _show_image_where_there_is_one(self) -> None:
        connection = self.logic.GetImageDataConnection()  # another one when layers come or go, none without any
        self._renderer.RemoveViewProp(self._image)
        if connection is not None:
            self._mapper.SetInputConnection(connection)
            self._renderer.AddViewProp(self._image)


def plot_pixels(chart_node: Any, width_px: int, height_px: int, dark: bool = False) -> NDArray[np.uint8]:
    """A plot chart node as a picture, (height, width, 3)."""
    window = plot_window(chart_node, width_px, height_px, dark)
    pixels = _grab(window)
    window.Finalize()
    return pixels


def write_png(pixels: NDArray[np.uint8], path: str | Path) -> None:
    """Writes a picture of (height, width, 3) bytes."""
    from PySide6 import QtGui

    rows = np.ascontiguousarray(pixels)
    height, width, _ = rows.shape
    image = QtGui.QImage(rows.data, width, height, 3 * width, QtGui.QImage.Format.Format_RGB888)
    if not image.save(str(path)):
        raise OSError(f"The picture could not be written: {path}")


def _grab(window: vtk.vtkRenderWindow) -> NDArray[np.uint8]:
    grabber = vtk.vtkWindowToImageFilter()
    grabber.SetInput(window)
    grabber.ReadFrontBufferOff()
    grabber.Update()
    image = grabber.GetOutput()
    width, height, _ = image.GetDimensions()
    return vtk_to_numpy(image.GetPointData().GetScalars()).reshape(height, width, 3)[::-1].copy()
