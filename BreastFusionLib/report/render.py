"""The process that renders surfaces: `python -m BreastFusionLib.report.render FOLDER`, called by `surface`.

FOLDER holds lesion.nrrd and perhaps breast.nrrd; it gets lesion.png, breast.png and pictures.json.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk

from BreastFusionLib.exam.geometry import Grid, resample_onto

__all__ = ["main", "surface_of"]

_SIZE_PX = (900, 680)
_LESION, _SKIN, _BACKGROUND = (0.9, 0.45, 0.1), (0.82, 0.88, 0.96), (0.06, 0.08, 0.11)
# Where the camera stands, seen from the lesion (LPS): in front, a little above and on the patient's left.
_TOWARDS_CAMERA = (0.55, -0.95, 0.45)


def main(folder: Path) -> None:
    """Render what the folder holds."""
    if not os.environ.get("DISPLAY"):
        # Without a screen VTK would first try X and complain.
        os.environ.setdefault("VTK_DEFAULT_OPENGL_WINDOW", "vtkEGLRenderWindow")
    lesion = sitk.ReadImage(folder / "lesion.nrrd")
    close = surface_of(lesion, step_mm=max(0.25, min(lesion.GetSpacing()) / 2), smoothing_mm=0.6)
    pictures = {"lesion": _render(folder / "lesion.png", [(close, _LESION, 1.0)])}
    if (folder / "breast.nrrd").exists():
        skin = surface_of(sitk.ReadImage(folder / "breast.nrrd"), step_mm=2.5, smoothing_mm=4.0)
        parts = [(close, _LESION, 1.0), (skin, _SKIN, 0.3)]
        pictures["breast"] = _render(folder / "breast.png", parts)
    (folder / "pictures.json").write_text(json.dumps(pictures))


def surface_of(mask: sitk.Image, step_mm: float, smoothing_mm: float) -> Any:
    """Return the surface of a mask in LPS millimetres as vtkPolyData.

    The zero level of the signed distance, sampled evenly: slices thicker than pixels then leave no stairs.

    Args:
        mask: any grid.
        step_mm: even spacing at which the surface is sampled.
        smoothing_mm: standard deviation of a Gaussian that takes off the voxels' edges.
    """
    import vtk
    from vtk.util.numpy_support import numpy_to_vtk, vtk_to_numpy

    padded = sitk.ConstantPad(mask, [2] * 3, [2] * 3)
    # Maurer's distance is 0 at the centres of the outermost voxels inside; for the complement at those outside.
    # Their mean is 0 half-way between, so that the surface encloses the mask's volume.
    distance = (_signed_distance(padded) - _signed_distance(padded == 0)) / 2
    grid = Grid.of(distance)
    size = np.maximum(2, np.ceil(np.asarray(grid.size) * grid.spacing_mm / step_mm)).astype(int)
    even = Grid(tuple(size.tolist()), (step_mm,) * 3, grid.origin_lps, grid.direction)
    smooth = sitk.SmoothingRecursiveGaussian(resample_onto(distance, even, outside=-1e3), smoothing_mm)
    values = sitk.GetArrayFromImage(smooth)
    image = vtk.vtkImageData()
    image.SetDimensions(*values.shape[::-1])
    image.GetPointData().SetScalars(numpy_to_vtk(values.ravel(), deep=True))
    contour = vtk.vtkFlyingEdges3D()
    contour.SetInputData(image)
    contour.SetValue(0, 0.0)
    normals = vtk.vtkPolyDataNormals()
    normals.SetInputConnection(contour.GetOutputPort())
    normals.SplittingOff()
    contour.Update()
    points = vtk_to_numpy(contour.GetOutput().GetPoints().GetData())
    contour.GetOutput().GetPoints().SetData(numpy_to_vtk(even.physical(points), deep=True))
    normals.SetInputData(contour.GetOutput())
    normals.AutoOrientNormalsOn()
    normals.Update()
    return normals.GetOutput()


def _signed_distance(mask: sitk.Image) -> sitk.Image:
    return sitk.SignedMaurerDistanceMap(mask, insideIsPositive=True, squaredDistance=False, useImageSpacing=True)


def _render(path: Path, parts: list[tuple[Any, tuple[float, float, float], float]]) -> dict[str, float]:
    """Render surfaces (each with colour and opacity) to a PNG and return its width and pixel size."""
    import vtk

    renderer = vtk.vtkRenderer()
    renderer.SetBackground(*_BACKGROUND)
    kit = vtk.vtkLightKit()
    kit.AddLightsToRenderer(renderer)
    for surface, color, opacity in parts:
        mapper = vtk.vtkPolyDataMapper()
        mapper.SetInputData(surface)
        mapper.ScalarVisibilityOff()
        actor = vtk.vtkActor()
        actor.SetMapper(mapper)
        look = actor.GetProperty()
        look.SetColor(*color)
        look.SetOpacity(opacity)
        look.SetInterpolationToPhong()
        look.SetBackfaceCulling(True)
        look.SetSpecular(0.25)
        look.SetSpecularPower(20)
        renderer.AddActor(actor)
    camera = renderer.GetActiveCamera()
    bounds = np.reshape(renderer.ComputeVisiblePropBounds(), (3, 2))
    center = bounds.mean(axis=1)
    camera.SetFocalPoint(*center)
    camera.SetPosition(*(center + 1000 * np.asarray(_TOWARDS_CAMERA)))
    camera.SetViewUp(0, 0, 1)
    camera.ParallelProjectionOn()
    renderer.ResetCamera()
    camera.Zoom(1.35)
    window = vtk.vtkRenderWindow()
    window.SetOffScreenRendering(1)
    window.SetMultiSamples(4)
    window.SetSize(*_SIZE_PX)
    window.AddRenderer(renderer)
    window.Render()
    grabber = vtk.vtkWindowToImageFilter()
    grabber.SetInput(window)
    grabber.ReadFrontBufferOff()
    writer = vtk.vtkPNGWriter()
    writer.SetFileName(str(path))
    writer.SetInputConnection(grabber.GetOutputPort())
    writer.Write()
    return {"width_px": _SIZE_PX[0], "mm_per_px": 2 * camera.GetParallelScale() / _SIZE_PX[1]}


if __name__ == "__main__":
    main(Path(sys.argv[1]))
