"""How large a lesion is and where it lies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy
import SimpleITK as sitk
from numpy.typing import NDArray

from BreastFusionLib.errors import InputError
from BreastFusionLib.exam.geometry import Box, Grid, bounding_box
from BreastFusionLib.settings import to_mapping

__all__ = ["Measurements", "label_components", "measure", "volume_mm3"]


@dataclass(frozen=True)
class Measurements:
    """Measurements of a mask in millimetres.

    Attributes:
        volume_mm3: number of voxels times the volume of one.
        voxels: number of voxels.
        diameter_3d_mm: largest distance between two points of the surface.
        diameter_inplane_mm: largest distance between two points of the outline of any one slice.
        box: smallest box of voxels that holds the lesion.
        center_lps: mean position of the voxels in mm.
        components: number of separate parts; voxels that share a corner belong together.
        touches_border: whether a voxel lies on the border of the volume, so that the lesion may be cut off.
    """

    volume_mm3: float
    voxels: int
    diameter_3d_mm: float
    diameter_inplane_mm: float
    box: Box
    center_lps: tuple[float, float, float]
    components: int
    touches_border: bool

    def to_mapping(self) -> dict[str, Any]:
        """Return everything in JSON's own types."""
        return to_mapping(self)


def measure(mask: sitk.Image) -> Measurements:
    """Measure a lesion.

    Diameters run between the centres of the voxel faces that separate inside from outside, which are the vertices
    of a marching-cubes surface. A row of n voxels is thus n spacings long, as with a ruler on the screen, and the
    3-D diameter equals PyRadiomics' Maximum3DDiameter. A lesion of several parts is measured across all of them.

    Args:
        mask: 3-D, non-zero inside the lesion.

    Raises:
        InputError: the mask is empty or not 3-D.
    """
    grid = Grid.of(mask)
    box = bounding_box(mask)
    if box is None:
        raise InputError("The lesion's mask is empty: there is nothing to measure. Draw the lesion first.")
    inside = sitk.GetArrayViewFromImage(mask)[box.slices] != 0
    index_ijk = np.argwhere(inside)[:, ::-1] + box.start
    faces = _boundary_faces(inside)
    return Measurements(
        volume_mm3=len(index_ijk) * grid.voxel_volume_mm3,
        voxels=len(index_ijk),
        diameter_3d_mm=_diameter(np.concatenate(faces) * grid.spacing_mm),
        diameter_inplane_mm=_largest_section_diameter(np.concatenate(faces[:2]), grid.spacing_mm),
        box=box,
        center_lps=tuple(grid.physical(index_ijk.mean(axis=0)).tolist()),
        components=label_components(inside)[1],
        touches_border=min(box.start) == 0 or any(a == b for a, b in zip(box.stop, grid.size, strict=True)),
    )


def volume_mm3(mask: sitk.Image) -> float:
    """Return the number of a mask's non-zero voxels times the volume of one."""
    return np.count_nonzero(sitk.GetArrayViewFromImage(mask)) * Grid.of(mask).voxel_volume_mm3


def label_components(inside: NDArray[np.bool_]) -> tuple[NDArray[np.int32], int]:
    """Number the separate parts of a 3-D selection from 1; voxels that share a corner belong together."""
    return scipy.ndimage.label(inside, structure=np.ones((3, 3, 3)))


def _boundary_faces(inside: NDArray[np.bool_]) -> list[NDArray[np.float64]]:
    """Return centres (n, 3) of the faces between inside and outside, in voxels (i, j, k), by the axis they cut."""
    padded = np.pad(inside, 1)
    faces = []
    for axis in range(3):
        cut = np.argwhere(np.diff(padded, axis=2 - axis))[:, ::-1].astype(float)
        cut[:, axis] += 0.5
        faces.append(cut)
    return faces


def _largest_section_diameter(faces: NDArray[np.float64], spacing_mm: tuple[float, float, float]) -> float:
    sections = faces[np.argsort(faces[:, 2], kind="stable")]
    borders = np.flatnonzero(np.diff(sections[:, 2])) + 1
    return max(_diameter(section[:, :2] * spacing_mm[:2]) for section in np.split(sections, borders))


def _diameter(points_mm: NDArray[np.float64]) -> float:
    # The two points furthest apart are corners of the convex hull, which has few of them. Faces lie on all sides
    # of every voxel, so the hull is never flat.
    corners_mm = points_mm[scipy.spatial.ConvexHull(points_mm).vertices]
    return float(scipy.spatial.distance.pdist(corners_mm).max())
