"""The lesion: a star-shaped body whose surface and inner texture follow the latents, on any grid."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy
import SimpleITK as sitk
from numpy.typing import ArrayLike, NDArray

from BreastFusionLib.exam.geometry import Box, Grid
from BreastFusionLib.phantom.fields import Array, edge, fractal_noise

__all__ = ["LesionShape", "SampledLesion", "diameter_mm", "draw_shape", "lesion_mask", "sample_lesion"]

_TEXTURE_GRID = Grid((32, 32, 32), (2.0, 2.0, 2.0), (-31.0, -31.0, -31.0))
_LARGEST_RATIO = 2.0  # the surface is at most this many radii away from the centre


@dataclass(frozen=True)
class LesionShape:
    """A lesion in its own frame: a surface round its centre, and a texture.

    Attributes:
        radius_mm: of the sphere with (nearly) the same volume.
        waves: (n, 5): direction (3), frequency and phase of the smooth lobulation.
        spicules: (m, 4): direction (3) and sharpness of the narrow outgrowths.
        gain: height of the relief of waves and spicules, in logarithms of the distance from the centre.
        base: what is taken off so that the volume is that of the sphere, in the same unit.
        texture: noise on a small lattice round the centre (mean 0, variance 1).
        rim: share (0..1) of the texture that is a bright rim round a darker centre.
        heterogeneity: standard deviation of the enhancement inside the lesion, relative to its mean.
    """

    radius_mm: float
    waves: Array
    spicules: Array
    gain: float
    base: float
    texture: Array
    rim: float
    heterogeneity: float

    @property
    def reach_mm(self) -> float:
        """No point of the lesion is further from its centre."""
        return _LARGEST_RATIO * self.radius_mm


@dataclass(frozen=True)
class SampledLesion:
    """The lesion on a grid.

    Attributes:
        box: the part of the grid that holds it.
        share: part of each voxel (0..1) that is lesion, [k, j, i] of the box.
        pattern: enhancement relative to the lesion's mean, [k, j, i] of the box.
    """

    box: Box
    share: Array
    pattern: Array


def diameter_mm(size: float) -> float:
    """Return the diameter of the sphere with the lesion's volume: log-normal, median 14 mm when benign, 7 to 30."""
    return float(np.clip(14.0 * np.exp(0.28 * size), 7.0, 30.0))


def draw_shape(rng: np.random.Generator, diameter: float, irregularity: float, heterogeneity: float) -> LesionShape:
    """Draw a lesion's surface and texture.

    Args:
        rng: source of randomness.
        diameter: in mm, see `diameter_mm`.
        irregularity: latent; the height of the surface's relief grows with it.
        heterogeneity: latent; the contrast of the inner texture grows with it.
    """
    waves = np.column_stack([_directions(rng, 14), rng.uniform(1.5, 5.0, 14), rng.uniform(0.0, 2 * np.pi, 14)])
    spicules = np.column_stack([_directions(rng, 10), rng.uniform(20.0, 45.0, 10)])
    relief = _relief(_even_directions(1000), waves, spicules)
    gain = (0.03 + 0.085 * _softplus(irregularity)) / relief.std()
    return LesionShape(
        radius_mm=diameter / 2,
        waves=waves.astype(np.float32),
        spicules=spicules.astype(np.float32),
        gain=float(gain),
        base=float(np.log(np.mean(np.exp(3 * gain * relief))) / 3),
        texture=fractal_noise(rng, _TEXTURE_GRID, 3.0, 12.0, (1.0, 1.0, 1.0))[0],
        rim=float(rng.uniform(0.2, 0.8)),
        heterogeneity=0.04 + 0.2 * _softplus(heterogeneity),
    )


def sample_lesion(shape: LesionShape, center_lps: ArrayLike, rotation: ArrayLike, grid: Grid) -> SampledLesion:
    """Sample a lesion on a grid.

    Args:
        shape: the lesion in its own frame.
        center_lps: its centre in the grid's space, in mm.
        rotation: (3, 3), from the lesion's frame to the grid's space.
        grid: where it is wanted.
    """
    middle, half = grid.index(center_lps), shape.reach_mm / np.asarray(grid.spacing_mm) + 1
    box = Box.holding([middle - half, middle + half]).clipped(grid.size)
    if 0 in box.size:
        empty = np.zeros(box.size[::-1], np.float32)
        return SampledLesion(box, empty, empty)
    index = np.moveaxis(np.indices(box.size[::-1])[::-1], 0, -1) + np.asarray(box.start)
    offset = ((grid.physical(index) - np.asarray(center_lps)) @ np.asarray(rotation)).astype(np.float32)
    distance = np.maximum(np.linalg.norm(offset, axis=-1), np.float32(1e-3))
    relief = _relief(offset / distance[..., None], shape.waves, shape.spicules)
    ratio = np.minimum(np.exp(shape.gain * relief - shape.base), _LARGEST_RATIO)
    surface = np.float32(shape.radius_mm) * ratio
    share = edge(surface - distance, float(np.cbrt(grid.voxel_volume_mm3)))
    return SampledLesion(box, share, _pattern(shape, offset, distance / surface, share))


def lesion_mask(lesion: SampledLesion, grid: Grid) -> sitk.Image:
    """Return the voxels of which at least half is lesion, in one connected piece, as a mask on `grid`."""
    pieces, _ = scipy.ndimage.label(lesion.share >= 0.5, np.ones((3, 3, 3)))
    sizes = np.bincount(pieces.ravel())
    sizes[0] = 0
    mask = np.zeros(grid.size[::-1], np.uint8)
    mask[lesion.box.slices] = pieces == sizes.argmax()
    return grid.put_on(sitk.GetImageFromArray(mask))


def _softplus(latent: float) -> float:
    """Return a positive, monotone function of a latent that is linear for large and vanishes for small values."""
    return float(np.logaddexp(0.0, 1.4 * latent) / 1.4)


def _directions(rng: np.random.Generator, number: int) -> NDArray[np.float64]:
    vectors = rng.standard_normal((number, 3))
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def _even_directions(number: int) -> NDArray[np.float64]:
    """Return directions spread evenly over the sphere (Fibonacci lattice)."""
    step = np.arange(number) + 0.5
    z, turn = 1 - 2 * step / number, step * np.pi * (3 - np.sqrt(5))
    radius = np.sqrt(1 - z * z)
    return np.column_stack([radius * np.cos(turn), radius * np.sin(turn), z])


def _relief(direction: NDArray, waves: NDArray, spicules: NDArray) -> NDArray:
    """Return the height of the surface's relief in directions (..., 3): lobulation, and spicules on top."""
    height = np.zeros(direction.shape[:-1], direction.dtype)
    for *axis, frequency, phase in waves.tolist():
        height += np.cos(direction @ np.asarray(axis, direction.dtype) * frequency + phase)
    for *axis, sharpness in spicules.tolist():
        height += 6.0 * np.exp(sharpness * (direction @ np.asarray(axis, direction.dtype) - 1.0))
    return height


def _pattern(shape: LesionShape, offset: Array, depth: Array, share: Array) -> Array:
    """Return the relative enhancement inside: noise and a rim, with mean 1 and the shape's heterogeneity."""
    where = np.moveaxis((offset - _TEXTURE_GRID.origin_lps) / _TEXTURE_GRID.spacing_mm, -1, 0)[::-1]
    noise = scipy.ndimage.map_coordinates(shape.texture, where, order=1, mode="grid-wrap", output=np.float32)
    rim = np.minimum(depth, 1.0) ** 3
    mixture = (1 - shape.rim) * _standardised(noise, share) + shape.rim * _standardised(rim, share)
    pattern = np.maximum(1 + shape.heterogeneity * _standardised(mixture, share), np.float32(0.05))
    return pattern / np.average(pattern, weights=share)


def _standardised(field: Array, weights: Array) -> Array:
    mean = np.average(field, weights=weights)
    return (field - mean) / np.sqrt(np.average(np.square(field - mean), weights=weights))
