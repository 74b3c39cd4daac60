"""Volume nodes <-> SimpleITK images: the only place of the panel that knows both of their spaces.

Slicer works in RAS millimetres, the library in LPS; x and y change their sign, nothing else. The grid of a node is the
one in the world: its parent transforms are part of it, however many there are. What a grid cannot hold (shear, a
non-linear transform) is refused, because SimpleITK would take the one without a word and knows nothing of the other.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import SimpleITK as sitk
import slicer
import vtk
from numpy.typing import NDArray
from slicer.i18n import tr as _
from vtk.util.numpy_support import get_vtk_array_type, vtk_to_numpy

from BreastFusionLib.errors import InputError
from BreastFusionLib.exam.geometry import Box, Grid

from .slice_window import apply_window, tissue_range

__all__ = [
    "add_volume",
    "grid_from_matrix",
    "grid_of",
    "ijk_to_ras",
    "image_of",
    "local_matrix",
    "matrix_array",
    "pixels_of",
    "show_volume",
    "to_lps",
    "to_ras",
    "update_volume",
    "world_matrix",
]

RAS_TO_LPS = np.diag([-1.0, -1.0, 1.0, 1.0])
# Cosine between two axes of a volume, from which on they count as sheared. Headers round directions to four digits or
# more; a shear of 0.1 % moves a voxel of a whole breast's width by a third of a millimetre.
LARGEST_COSINE = 1e-3


def to_ras(point_lps: Sequence[float]) -> tuple[float, float, float]:
    """Return a point of patient space (mm) as Slicer has it."""
    x, y, z = point_lps
    return -x, -y, z


def to_lps(point_ras: Sequence[float]) -> tuple[float, float, float]:
    """Return a point of Slicer's world (mm) as the library has it."""
    return to_ras(point_ras)


def grid_of(volume: slicer.vtkMRMLScalarVolumeNode, placed_by: slicer.vtkMRMLTransformableNode | None = None) -> Grid:
    """Return the grid of a volume in the world.

    Args:
        volume: a scalar volume with pixels.
        placed_by: the node whose parent transforms place the volume; None: the volume itself. An item of a sequence is
            placed by the node that shows it.

    Raises:
        InputError: no pixels, a transform that is not linear, or axes that are not at right angles.
    """
    pixels = _image_data(volume)
    size, first = pixels.GetDimensions(), pixels.GetExtent()[::2]
    world = world_matrix(placed_by or volume)
    if not any(first) and np.array_equal(world, np.eye(4)):
        # Straight from the node's own numbers: what was put in comes out to the last bit.
        spacing, origin = volume.GetSpacing(), to_lps(volume.GetOrigin())
        direction = RAS_TO_LPS[:3, :3] @ _directions(volume)
        _refuse_shear(direction, volume.GetName())
        return Grid(size, spacing, origin, tuple((direction + 0.0).ravel().tolist()))
    return grid_from_matrix(world @ ijk_to_ras(volume), size, first, volume.GetName())


def grid_from_matrix(
    ijk_to_ras_matrix: NDArray[np.float64], size: Sequence[int], first_ijk: Sequence[int], name: str
) -> Grid:
    """Return the grid of voxels in memory.

    Args:
        ijk_to_ras_matrix: 4 x 4, from indices to the world (RAS mm).
        size: voxels along (i, j, k).
        first_ijk: index of the first voxel in memory.
        name: of what is there, for messages.

    Raises:
        InputError: axes that are not at right angles, or of no length.
    """
    matrix = RAS_TO_LPS @ ijk_to_ras_matrix
    spacing = np.linalg.norm(matrix[:3, :3], axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        direction = matrix[:3, :3] / spacing
    _refuse_shear(direction, name)
    origin = (matrix @ [*first_ijk, 1.0])[:3]
    return Grid(tuple(size), tuple(spacing.tolist()), tuple(origin.tolist()), tuple(direction.ravel().tolist()))  # type: ignore[arg-type]


def image_of(volume: slicer.vtkMRMLScalarVolumeNode, box: Box | None = None, grid: Grid | None = None) -> sitk.Image:
    """Return a volume, or a part of it, as an image with the same pixel type; only that part is copied.

    Args:
        volume: a scalar volume with pixels.
        box: voxels, all of them inside the volume; None: the whole.
        grid: of the whole volume, when it is known; None: as `grid_of` says.

    Raises:
        InputError: as `grid_of`, or a pixel type that SimpleITK does not have.
    """
    grid = grid_of(volume) if grid is None else grid
    box = Box((0, 0, 0), grid.size) if box is None else box
    part = pixels_of(volume)[box.slices]
    return grid.cropped(box).put_on(sitk.GetImageFromArray(np.ascontiguousarray(part)))


def pixels_of(volume: slicer.vtkMRMLScalarVolumeNode) -> NDArray[np.generic]:
    """Return a view [k, j, i] of a volume's pixels: no copy.

    Raises:
        InputError: no pixels, several numbers a voxel, or a pixel type that neither NumPy nor SimpleITK has.
    """
    image = _image_data(volume)
    scalars = image.GetPointData().GetScalars()
    if scalars.GetNumberOfComponents() != 1:
        raise InputError(
            _(
                "The volume '{name}' holds {count} numbers a voxel (a colour or vector image): a scalar volume is "
                "expected. Choose the series as the scanner took it."
            ).format(name=volume.GetName(), count=scalars.GetNumberOfComponents())
        )
    if scalars.GetDataType() == vtk.VTK_BIT:
        raise InputError(
            _(
                "The volume '{name}' has pixels of one bit, which cannot be read: convert it to 8 bits with the "
                "module 'Cast Scalar Volume'."
            ).format(name=volume.GetName())
        )
    return vtk_to_numpy(scalars).reshape(image.GetDimensions()[::-1])


def add_volume(image: sitk.Image, name: str) -> slicer.vtkMRMLScalarVolumeNode:
    """Add a volume node to the scene, with a window that suits breast tissue.

    Args:
        image: 3-D, one number a voxel; copied once.
        name: of the node.
    """
    volume = slicer.vtkMRMLScalarVolumeNode()
    volume.SetName(name)
    update_volume(volume, image)
    show_volume(volume)
    return volume


def show_volume(volume: slicer.vtkMRMLScalarVolumeNode) -> None:
    """Put a volume node that is complete into the scene, with a window that suits breast tissue."""
    display = slicer.vtkMRMLScalarVolumeDisplayNode()
    display.AutoWindowLevelOff()  # before it gets pixels: it would read all of them, for .2 s
    slicer.mrmlScene.AddNode(display)
    display.SetDefaultColorMap()
    volume.SetAndObserveDisplayNodeID(display.GetID())
    slicer.mrmlScene.AddNode(volume)
    apply_window(volume, *tissue_range(pixels_of(volume)))


def update_volume(volume: slicer.vtkMRMLScalarVolumeNode, image: sitk.Image) -> None:
    """Give a volume node the pixels and the grid of an image; a transform that the node is under is taken into account.

    Args:
        volume: not necessarily in a scene.
        image: 3-D, one number a voxel; copied once.

    Raises:
        InputError: the node is under a transform that is not linear or makes its grid sheared.
    """
    grid = Grid.of(image)
    local = None if volume.GetParentTransformNode() is None else local_matrix(grid, volume)
    source = sitk.GetArrayViewFromImage(image)
    pixels = vtk.vtkImageData()
    pixels.SetDimensions(grid.size)
    pixels.AllocateScalars(get_vtk_array_type(source.dtype), 1)
    vtk_to_numpy(pixels.GetPointData().GetScalars()).reshape(source.shape)[...] = source
    before = volume.StartModify()
    try:
        if local is None:
            direction = RAS_TO_LPS[:3, :3] @ np.reshape(grid.direction, (3, 3)) + 0.0
            volume.SetIJKToRASDirections(*direction.ravel().tolist())
            volume.SetSpacing(grid.spacing_mm)
            volume.SetOrigin(to_ras(grid.origin_lps))
        else:
            volume.SetIJKToRASMatrix(slicer.util.vtkMatrixFromArray(local))
        volume.SetAndObserveImageData(pixels)
    finally:
        volume.EndModify(before)


def world_matrix(node: slicer.vtkMRMLTransformableNode) -> NDArray[np.float64]:
    """Return the 4 x 4 matrix (RAS mm) from a node's own space to the world, through all of its parents.

    Raises:
        InputError: one of them is not linear.
    """
    parent = node.GetParentTransformNode()
    if parent is None:
        return np.eye(4)
    if not parent.IsTransformToWorldLinear():
        raise InputError(
            _(
                "'{name}' is under the transform '{transform}', which is not linear: harden the transform first "
                "(Transforms module, 'Harden transform')."
            ).format(name=node.GetName(), transform=parent.GetName())
        )
    return matrix_array(parent.GetMatrixTransformToWorld)


def local_matrix(grid: Grid, node: slicer.vtkMRMLTransformableNode) -> NDArray[np.float64]:
    """Return the matrix from indices to a node's own space (RAS mm) with which it lies on a grid of the world."""
    return np.linalg.solve(world_matrix(node), RAS_TO_LPS @ grid.index_to_lps) + 0.0


def _image_data(volume: slicer.vtkMRMLScalarVolumeNode) -> vtk.vtkImageData:
    image = volume.GetImageData()
    if image is None or image.GetNumberOfPoints() == 0 or image.GetPointData().GetScalars() is None:
        raise InputError(
            _("The volume '{name}' holds no pixels: its file was not loaded. Load the series again.").format(
                name=volume.GetName()
            )
        )
    return image


def matrix_array(getter: Callable[[vtk.vtkMatrix4x4], object]) -> NDArray[np.float64]:
    """Return what a getter of VTK writes into a 4 x 4 matrix."""
    matrix = vtk.vtkMatrix4x4()
    getter(matrix)
    return slicer.util.arrayFromVTKMatrix(matrix)


def ijk_to_ras(volume: slicer.vtkMRMLVolumeNode) -> NDArray[np.float64]:
    """Return the 4 x 4 matrix from voxel indices to a volume's own space (RAS mm), parent transforms left out."""
    return matrix_array(volume.GetIJKToRASMatrix)


def _directions(volume: slicer.vtkMRMLScalarVolumeNode) -> NDArray[np.float64]:
    """Return the directions of the index axes in RAS, as columns."""
    return matrix_array(volume.GetIJKToRASDirectionMatrix)[:3, :3]


def _refuse_shear(direction: NDArray[np.float64], name: str) -> None:
    cosines = direction.T @ direction - np.eye(3)
    if not np.isfinite(cosines).all() or np.abs(np.diag(cosines)).max() > LARGEST_COSINE:
        raise InputError(
            _(
                "The volume '{name}' has a voxel without extent in one direction: its geometry is damaged. Load the "
                "series again."
            ).format(name=name)
        )
    if np.abs(cosines).max() > LARGEST_COSINE:
        raise InputError(
            _(
                "The axes of '{name}' are not at right angles (gantry tilt, or a transform that shears): resample it "
                "first (module 'Resample Scalar/Vector/DWI Volume')."
            ).format(name=name)
        )
