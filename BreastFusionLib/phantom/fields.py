"""Smooth quantities sampled on a coarse lattice, and read out plane by plane on any grid.

A phantom's anatomy is smooth almost everywhere: what is sharp (skin, gland, muscle) are level sets of smooth
functions. So depths and noise are computed once on a coarse lattice, interpolated to the pixels of each sequence
plane by plane (a plane stays in the processor's cache), and only then compared with a threshold. That gives sharp
edges on every grid at a fraction of the cost of full-size volumes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy
import SimpleITK as sitk
from numpy.typing import NDArray

from BreastFusionLib.exam.geometry import Grid, resample_onto

__all__ = ["Array", "Lattice", "PlaneSampler", "axes_lps", "edge", "fractal_noise", "regrid"]

Array = NDArray[np.floating[Any]]  # float32 wherever it is large


def edge(depth_mm: Array, width_mm: float) -> Array:
    """Return the share (0..1) of a voxel `width_mm` wide that lies inside a surface at depth 0 (positive inside)."""
    share = depth_mm * np.float32(1.0 / width_mm)
    share += np.float32(0.5)
    return np.clip(share, 0.0, 1.0, out=share)


@dataclass(frozen=True)
class Lattice:
    """Fields on one coarse grid.

    Attributes:
        grid: the coarse grid.
        values: (field, k, j, i), float32.
        outside: the value of each field outside the grid.
    """

    grid: Grid
    values: Array
    outside: tuple[float, ...]

    def turned(self, target: Grid, to_lattice: sitk.Transform) -> Lattice:
        """Return the fields on a lattice of the same spacing with the axes of `target`, where `target` reaches.

        Args:
            target: the grid of a sequence.
            to_lattice: maps a point of the sequence's space to this lattice's space.
        """
        back = to_lattice.GetInverse()
        corners = self.grid.physical(self.grid.corners_ijk())
        reach = target.index([back.TransformPoint(corner) for corner in corners.tolist()])
        start = np.clip(reach.min(axis=0), 0, np.subtract(target.size, 1))
        stop = np.clip(reach.max(axis=0), 0, np.subtract(target.size, 1))
        size = np.ceil((stop - start) * target.spacing_mm / self.grid.spacing_mm).astype(int) + 2
        grid = Grid(tuple(size.tolist()), self.grid.spacing_mm, tuple(target.physical(start)), target.direction)
        images = [self.grid.put_on(sitk.GetImageFromArray(field)) for field in self.values]
        values = [
            sitk.GetArrayFromImage(resample_onto(image, grid, "linear", outside, to_lattice))
            for image, outside in zip(images, self.outside, strict=True)
        ]
        return Lattice(grid, np.stack(values), self.outside)


class PlaneSampler:
    """Reads the fields of a lattice on the planes of a grid with the same axes, by linear interpolation."""

    def __init__(self, lattice: Lattice, grid: Grid) -> None:
        """Prepare the weights of all columns and rows.

        Args:
            lattice: its axes must be those of `grid`.
            grid: where the fields are wanted.
        """
        self._values = lattice.values
        far = np.subtract(grid.size, 1)
        first, last = lattice.grid.index(grid.physical((0, 0, 0))), lattice.grid.index(grid.physical(far))
        axes = [np.linspace(a, b, n) for a, b, n in zip(first, last, grid.size, strict=True)]
        inside = [(u > -1e-6) & (u < n - 1 + 1e-6) for u, n in zip(axes, lattice.grid.size, strict=True)]
        columns, rows = (slice(*_span(mask)) for mask in inside[:2])
        self.window = (rows, columns)
        self._depth, self._covers = axes[2], inside[2]
        self._column, self._column_share = _split(axes[0][columns], lattice.grid.size[0])
        self._row, row_share = _split(axes[1][rows], lattice.grid.size[1])
        self._row_share = row_share[:, None]

    def plane(self, k: int) -> Array | None:
        """Return the fields (field, rows, columns) of `window` on plane `k`, or None where the lattice ends."""
        if not self._covers[k]:
            return None
        low, share = _split(self._depth[k : k + 1], self._values.shape[1])
        lower, upper = self._values[:, low[0]], self._values[:, low[0] + 1]
        # By indices and not as a product of matrices: BLAS would wake all cores for each of these small planes.
        across = _between(lower + share[0] * (upper - lower), self._column, self._column_share, axis=2)
        return _between(across, self._row, self._row_share, axis=1)


def _between(values: Array, low: NDArray[np.intp], share: Array, axis: int) -> Array:
    """Interpolate `values` along an axis between the places `low` and `low + 1`."""
    below = np.take(values, low, axis=axis)
    result = np.take(values, low + 1, axis=axis)
    result -= below
    result *= share
    result += below
    return result


def axes_lps(grid: Grid) -> tuple[Array, Array, Array]:
    """Return coordinates x (1, 1, i), y (1, j, 1) and z (k, 1, 1) in mm of a grid without rotation."""
    x, y, z = (
        (origin + spacing * np.arange(size)).astype(np.float32)
        for origin, spacing, size in zip(grid.origin_lps, grid.spacing_mm, grid.size, strict=True)
    )
    return x[None, None, :], y[None, :, None], z[:, None, None]


def regrid(field: Array, source: Grid, target: Grid) -> Array:
    """Interpolate a field [k, j, i] linearly between two grids with the same axes; its border goes on outside."""
    start, stop = source.index(target.physical((0, 0, 0))), source.index(target.physical(np.subtract(target.size, 1)))
    i, j, k = (
        _interpolation_matrix(np.linspace(a, b, n), m)
        for a, b, n, m in zip(start, stop, target.size, source.size, strict=True)
    )
    # Slices first: the fewest operations while the field is still small.
    return np.matmul(j, np.tensordot(k, field, axes=1)) @ i.T


def fractal_noise(
    rng: np.random.Generator, grid: Grid, exponent: float, coarsest_mm: float, stretch: tuple[float, float, float]
) -> tuple[Array, Array]:
    """Return two independent random fields [k, j, i] with a power-law spectrum, mean 0 and variance 1.

    Breast tissue is well described by a power spectrum 1 / f^b with b about 3 (Burgess, Jacobson, Judy 2001).

    Args:
        rng: source of randomness.
        grid: where the fields are wanted; they are periodic in its size rounded up to a fast one.
        exponent: b of the power spectrum.
        coarsest_mm: structures larger than this are not amplified further.
        stretch: factor by which structures are longer along (i, j, k).
    """
    shape = [scipy.fft.next_fast_len(n) for n in grid.size[::-1]]
    steps = [s / f for s, f in zip(grid.spacing_mm, stretch, strict=True)][::-1]
    squares = [np.square(scipy.fft.fftfreq(n, step)).astype(np.float32) for n, step in zip(shape, steps, strict=True)]
    square = squares[0][:, None, None] + squares[1][None, :, None] + squares[2][None, None, :]
    square += np.float32(coarsest_mm**-2)
    amplitude = np.power(square, np.float32(-exponent / 4), out=square)
    amplitude[0, 0, 0] = 0.0
    white = rng.standard_normal((*shape, 2), dtype=np.float32).view(np.complex64)[..., 0]
    # The transform of complex white noise has independent real and imaginary parts: two fields for the price of one.
    both = scipy.fft.ifftn(white * amplitude, overwrite_x=True)
    part = tuple(slice(n) for n in grid.size[::-1])
    first, second = both.real[part], both.imag[part]
    return first / first.std(), second / second.std()


def _span(mask: NDArray[np.bool_]) -> tuple[int, int]:
    where = np.flatnonzero(mask)
    return (int(where[0]), int(where[-1]) + 1) if where.size else (0, 0)


def _split(position: NDArray[np.float64], size: int) -> tuple[NDArray[np.intp], Array]:
    """Return the lower neighbour and the share of the upper one for positions between 0 and size - 1."""
    low = np.clip(np.floor(position).astype(np.intp), 0, size - 2)
    return low, np.clip(position - low, 0.0, 1.0).astype(np.float32)


def _interpolation_matrix(position: NDArray[np.float64], size: int) -> Array:
    low, share = _split(position, size)
    matrix = np.zeros((len(position), size), np.float32)
    rows = np.arange(len(position))
    matrix[rows, low] = 1 - share
    matrix[rows, low + 1] = share
    return matrix
