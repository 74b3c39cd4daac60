"""Grids: the only place that knows how voxel indices and patient space belong together.

Conventions. Patient space is LPS in millimetres (x to the patient's left, y to posterior, z to superior).
An index is (i, j, k) = (column, row, slice) as in SimpleITK; NumPy arrays of an image are [k, j, i].
A voxel's index is its centre: the volume reaches from -0.5 to size - 0.5.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import SimpleITK as sitk
from numpy.typing import ArrayLike, NDArray

from BreastFusionLib.errors import InputError

__all__ = [
    "Box",
    "Grid",
    "bounding_box",
    "box_of",
    "crop",
    "describe_difference",
    "matrix_transform",
    "plane_axes",
    "resample_onto",
    "same_grid",
    "transform_matrix",
]

Interpolation = Literal["nearest", "linear", "bspline"]
_INTERPOLATORS = {"nearest": sitk.sitkNearestNeighbor, "linear": sitk.sitkLinear, "bspline": sitk.sitkBSpline}

# What the last digits of a grid must not decide: far below any voxel, far above rounding.
_ROUNDING_VOXELS = 1e-6
_ROUNDING_COSINE = 1e-15
# Two grids are the same when no voxel centre lies further apart than this share of the smallest spacing.
# Scanners write positions as decimal text, so equal grids differ in the last digits; 1 % of a voxel is far
# below what any measurement here resolves and far above rounding.
SAME_GRID_TOLERANCE_VOXELS = 0.01


@dataclass(frozen=True)
class Grid:
    """A regular 3-D sampling grid in patient space.

    Attributes:
        size: voxels along (i, j, k).
        spacing_mm: distance of neighbouring voxel centres along (i, j, k).
        origin_lps: centre of voxel (0, 0, 0) in mm.
        direction: 3 x 3 row-major; column c is the unit vector of index axis c in LPS.
    """

    size: tuple[int, int, int]
    spacing_mm: tuple[float, float, float]
    origin_lps: tuple[float, float, float] = (0.0, 0.0, 0.0)
    direction: tuple[float, ...] = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)

    def __post_init__(self) -> None:
        """Take cosines that are rounding for the zeros that they are."""
        # ITK inverts directions by an SVD that numbers like 1e-230 break: resampling then gives zeros without an error.
        if any(0 < abs(cosine) < _ROUNDING_COSINE for cosine in self.direction):
            cosines = tuple(0.0 if abs(cosine) < _ROUNDING_COSINE else cosine for cosine in self.direction)
            object.__setattr__(self, "direction", cosines)

    @classmethod
    def of(cls, image: sitk.Image) -> Grid:
        """Return the grid of a 3-D image."""
        if image.GetDimension() != 3:
            raise InputError(
                f"A {image.GetDimension()}-D image of size {'x'.join(map(str, image.GetSize()))} cannot be used: "
                "a volume with three dimensions is expected. Load the whole series instead of one slice."
            )
        return cls(image.GetSize(), image.GetSpacing(), image.GetOrigin(), image.GetDirection())

    @property
    def voxel_volume_mm3(self) -> float:
        """Volume of one voxel."""
        return float(np.prod(self.spacing_mm))

    @property
    def index_to_lps(self) -> NDArray[np.float64]:
        """4 x 4 matrix from homogeneous (i, j, k) to LPS millimetres."""
        matrix = np.eye(4)
        matrix[:3, :3] = np.reshape(self.direction, (3, 3)) * np.asarray(self.spacing_mm)
        matrix[:3, 3] = self.origin_lps
        return matrix

    def physical(self, index_ijk: ArrayLike) -> NDArray[np.float64]:
        """Map continuous indices (..., 3) to LPS millimetres (..., 3)."""
        matrix = self.index_to_lps
        return np.asarray(index_ijk, dtype=float) @ matrix[:3, :3].T + matrix[:3, 3]

    def index(self, point_lps: ArrayLike) -> NDArray[np.float64]:
        """Map LPS millimetres (..., 3) to continuous indices (..., 3)."""
        inverse = np.linalg.inv(self.index_to_lps)
        return np.asarray(point_lps, dtype=float) @ inverse[:3, :3].T + inverse[:3, 3]

    def contains(self, point_lps: ArrayLike) -> NDArray[np.bool_]:
        """Tell for points (..., 3) whether they lie inside the volume, its half voxel of border included."""
        index = self.index(point_lps)
        border = 0.5 + _ROUNDING_VOXELS
        return np.all((index >= -border) & (index <= np.asarray(self.size) - 1 + border), axis=-1)

    def above(self, coordinate: int, value_mm: float) -> NDArray[np.bool_]:
        """Tell for every voxel [k, j, i] whether its centre's x, y or z (`coordinate` 0, 1, 2) lies above a value."""
        k, j, i = np.ogrid[tuple(map(slice, self.size[::-1]))]
        a, b, c, at_first = self.index_to_lps[coordinate]
        above: NDArray[np.bool_] = a * i > value_mm - at_first - (b * j + c * k)  # no volume of floats
        return above

    def corners_ijk(self, border: float = 0.0) -> NDArray[np.float64]:
        """Return the indices (8, 3) of the corners: of the outermost voxels' centres, or `border` voxels further out.

        A border of 0.5 gives the corners of the volume itself.
        """
        ends = [(-border, n - 1 + border) for n in self.size]
        return np.stack(np.meshgrid(*ends, indexing="ij"), axis=-1).reshape(-1, 3).astype(float)

    def empty_image(self, pixel_type: int = sitk.sitkUInt8) -> sitk.Image:
        """Return an image of zeros on this grid."""
        image = sitk.Image(list(self.size), pixel_type)
        return self.put_on(image)

    def put_on(self, image: sitk.Image) -> sitk.Image:
        """Give `image` (of the same size) this grid's geometry, in place, and return it."""
        if tuple(image.GetSize()) != tuple(self.size):
            raise ValueError(f"image of size {image.GetSize()} cannot take a grid of size {self.size}")
        image.SetSpacing(self.spacing_mm)
        image.SetOrigin(self.origin_lps)
        image.SetDirection(self.direction)
        return image

    def cropped(self, box: Box) -> Grid:
        """Return the grid of a box of this grid; the box may reach outside."""
        return Grid(box.size, self.spacing_mm, tuple(self.physical(box.start).tolist()), self.direction)

    def describe(self) -> str:
        """Return size and spacing in words, e.g. '448x448x160 (0.759 x 0.759 x 1.1 mm)'."""
        spacing = " x ".join(f"{value:.4g}" for value in self.spacing_mm)
        return f"{'x'.join(map(str, self.size))} ({spacing} mm)"


@dataclass(frozen=True)
class Box:
    """An axis-parallel box of voxels: `start` is its first index (i, j, k), `size` its voxels along each axis."""

    start: tuple[int, int, int]
    size: tuple[int, int, int]

    @classmethod
    def holding(cls, index_ijk: ArrayLike) -> Box:
        """Return the smallest box whose voxel centres surround continuous indices (n, 3)."""
        index = np.asarray(index_ijk)
        first, last = np.floor(index.min(axis=0)).astype(int), np.ceil(index.max(axis=0)).astype(int)
        return cls(tuple(first.tolist()), tuple((last - first + 1).tolist()))

    @property
    def stop(self) -> tuple[int, int, int]:
        """The first index behind the box along each axis."""
        return tuple(s + n for s, n in zip(self.start, self.size, strict=True))  # type: ignore[return-value]

    @property
    def slices(self) -> tuple[slice, slice, slice]:
        """The box as a selection of a NumPy array [k, j, i]."""
        return tuple(slice(a, b) for a, b in zip(self.start[::-1], self.stop[::-1], strict=True))  # type: ignore[return-value]

    def grown(self, margin_voxels: int | tuple[int, int, int]) -> Box:
        """Return the box with a margin on every side, not clipped to any volume."""
        margin = (margin_voxels,) * 3 if isinstance(margin_voxels, int) else margin_voxels
        start = tuple(s - m for s, m in zip(self.start, margin, strict=True))
        size = tuple(n + 2 * m for n, m in zip(self.size, margin, strict=True))
        return Box(start, size)  # type: ignore[arg-type]

    def covering(self, other: Box) -> Box:
        """Return the smallest box that holds this one and another."""
        start = tuple(map(min, self.start, other.start))
        stop = tuple(map(max, self.stop, other.stop))
        return Box(start, tuple(b - a for a, b in zip(start, stop, strict=True)))  # type: ignore[arg-type]

    def clipped(self, size: tuple[int, int, int]) -> Box:
        """Return the part of the box inside a volume of `size` voxels (empty: a size of 0)."""
        start = tuple(min(max(s, 0), n) for s, n in zip(self.start, size, strict=True))
        stop = tuple(min(max(e, 0), n) for e, n in zip(self.stop, size, strict=True))
        return Box(start, tuple(b - a for a, b in zip(start, stop, strict=True)))  # type: ignore[arg-type]


def plane_axes(orientation: ArrayLike) -> NDArray[np.float64]:
    """Return orthonormal axes of a DICOM plane in LPS, as rows (3, 3): rightwards in the image, downwards, normal.

    Args:
        orientation: ImageOrientationPatient, 6 numbers; headers round them to few digits.
    """
    right, down = np.asarray(orientation, dtype=float).reshape(2, 3)
    right = right / np.linalg.norm(right)
    down = down - (down @ right) * right
    down = down / np.linalg.norm(down)
    return np.stack([right, down, np.cross(right, down)])


def same_grid(first: sitk.Image | Grid, second: sitk.Image | Grid) -> bool:
    """Tell whether two images sample the same points: equal size, and corners within 1 % of the smallest spacing."""
    return describe_difference(first, second) is None


def describe_difference(first: sitk.Image | Grid, second: sitk.Image | Grid) -> str | None:
    """Say in words how two grids differ ('448x448x160 against 448x448x158'), or None when they are the same."""
    a = first if isinstance(first, Grid) else Grid.of(first)
    b = second if isinstance(second, Grid) else Grid.of(second)
    if tuple(a.size) != tuple(b.size):
        return f"{'x'.join(map(str, a.size))} against {'x'.join(map(str, b.size))} voxels"
    # The largest distance of two voxel centres is always at a corner, because both maps are affine.
    corners = a.corners_ijk()
    distance_mm = float(np.linalg.norm(a.physical(corners) - b.physical(corners), axis=1).max())
    if distance_mm > SAME_GRID_TOLERANCE_VOXELS * min(*a.spacing_mm, *b.spacing_mm):
        return f"the same size, but voxels up to {distance_mm:.3g} mm apart"
    return None


def resample_onto(
    image: sitk.Image,
    grid: sitk.Image | Grid,
    interpolation: Interpolation = "linear",
    outside: float = 0.0,
    transform: sitk.Transform | None = None,
) -> sitk.Image:
    """Sample `image` at the voxel centres of `grid`, through physical space.

    Args:
        image: any 3-D image.
        grid: the grid of the result.
        interpolation: 'nearest' for masks; 'linear' or 'bspline' for intensities.
        outside: value where the grid reaches outside the image.
        transform: maps a point of the result's space to the image's space (SimpleITK's convention); identity
            when None.

    Returns:
        An image of the input's pixel type on `grid`.
    """
    target = grid if isinstance(grid, Grid) else Grid.of(grid)
    filter_ = sitk.ResampleImageFilter()
    filter_.SetSize(target.size)
    filter_.SetOutputSpacing(target.spacing_mm)
    filter_.SetOutputOrigin(target.origin_lps)
    filter_.SetOutputDirection(target.direction)
    filter_.SetInterpolator(_INTERPOLATORS[interpolation])
    filter_.SetDefaultPixelValue(outside)
    filter_.SetTransform(transform if transform is not None else sitk.Transform(3, sitk.sitkIdentity))
    return filter_.Execute(image)


def transform_matrix(transform: sitk.Transform) -> NDArray[np.float64]:
    """Return a linear transform as a 4 x 4 matrix on homogeneous LPS millimetres."""
    matrix = np.eye(4)
    matrix[:3, 3] = transform.TransformPoint((0.0, 0.0, 0.0))
    for axis in range(3):
        matrix[:3, axis] = np.subtract(transform.TransformPoint(np.eye(3)[axis].tolist()), matrix[:3, 3])
    return matrix


def matrix_transform(matrix: ArrayLike) -> sitk.AffineTransform:
    """Return the transform of a 4 x 4 matrix on homogeneous LPS millimetres."""
    values = np.asarray(matrix, dtype=float)
    return sitk.AffineTransform(values[:3, :3].ravel().tolist(), values[:3, 3].tolist())


def bounding_box(mask: sitk.Image, label: int | None = None) -> Box | None:
    """Return the smallest box that holds every voxel with `label` (None: not 0), or None when there is none."""
    voxels = sitk.GetArrayViewFromImage(mask)
    return box_of(voxels if label is None else voxels == label)


def box_of(voxels: NDArray[np.generic]) -> Box | None:
    """Return the smallest box that holds every voxel [k, j, i] that is not 0, or None when there is none."""
    start, size = [0, 0, 0], [0, 0, 0]
    for axis in (0, 1, 2):  # k, j, i; each axis looks only at what the ones before left, which is soon very little
        occupied = np.flatnonzero(voxels.any(axis=tuple(other for other in (0, 1, 2) if other != axis)))
        if occupied.size == 0:
            return None
        first, last = int(occupied[0]), int(occupied[-1])
        start[2 - axis], size[2 - axis] = first, last - first + 1
        voxels = voxels[(slice(None),) * axis + (slice(first, last + 1),)]
    return Box(tuple(start), tuple(size))  # type: ignore[arg-type]


def crop(image: sitk.Image, box: Box, outside: float = 0.0) -> sitk.Image:
    """Cut `box` out of `image`, keeping the physical place of every voxel; what lies outside is `outside`."""
    inside = box.clipped(image.GetSize())
    if 0 in inside.size:
        return Grid.of(image).cropped(box).put_on(sitk.Image(list(box.size), image.GetPixelID()) + outside)
    part = sitk.RegionOfInterest(image, inside.size, inside.start)
    if inside == box:
        return part
    before = [a - b for a, b in zip(inside.start, box.start, strict=True)]
    behind = [b - a for a, b in zip(inside.stop, box.stop, strict=True)]
    padded = sitk.ConstantPad(part, before, behind, outside)
    # A pad filter keeps negative start indices; copying the pixels resets them to zero.
    return Grid.of(image).cropped(box).put_on(sitk.GetImageFromArray(sitk.GetArrayViewFromImage(padded)))
