"""Small round things that a coarse lattice cannot hold: vessels (chains of balls) and cysts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from BreastFusionLib.exam.geometry import Grid
from BreastFusionLib.phantom.anatomy import Anatomy, Breast
from BreastFusionLib.phantom.fields import Array

__all__ = ["Balls", "SparseShare", "draw_cysts", "draw_vessels", "sample_balls"]


@dataclass(frozen=True)
class Balls:
    """Balls in DCE space: centres (n, 3) and radii (n,), in mm."""

    centers_lps: NDArray[np.float64]
    radii_mm: NDArray[np.float64]


class SparseShare:
    """The part of each voxel that lies in one of many small balls, for the few voxels where it is not 0."""

    def __init__(self, flat_index: NDArray[np.intp], share: Array, grid: Grid) -> None:
        """Take flat indices into [k, j, i] in any order, several times the same one allowed, and their shares."""
        order = np.argsort(flat_index, kind="stable")
        flat_index, share = flat_index[order], share[order]
        first = np.flatnonzero(np.diff(flat_index, prepend=-1))
        self._index = flat_index[first]
        self._share = np.maximum.reduceat(share, first) if first.size else share
        self._voxels = grid.size[0] * grid.size[1]
        self._starts = np.searchsorted(self._index, np.arange(grid.size[2] + 1) * self._voxels)

    def plane(self, k: int) -> tuple[NDArray[np.intp], Array]:
        """Return flat indices into plane `k`, and the share of each."""
        part = slice(self._starts[k], self._starts[k + 1])
        return self._index[part] - k * self._voxels, self._share[part]


def draw_vessels(rng: np.random.Generator, anatomy: Anatomy) -> Balls:
    """Draw the superficial vessels of both breasts, which run under the skin from the chest towards the nipple."""
    tubes = []
    for breast in anatomy.breasts:
        for _ in range(int(rng.integers(5, 10))):
            trunk = _draw_tube(rng, breast, rng.uniform(0, 2 * np.pi), rng.uniform(1.2, 1.5), rng.uniform(0.7, 1.3))
            tubes.append(trunk)
    return Balls(np.concatenate([t.centers_lps for t in tubes]), np.concatenate([t.radii_mm for t in tubes]))


def draw_cysts(rng: np.random.Generator, anatomy: Anatomy) -> Balls:
    """Draw simple cysts of 2 to 9 mm diameter in fibroglandular tissue, none in most breasts."""
    number = int(rng.poisson(1.2))
    inside = np.argwhere(anatomy.gland.values[0] > 1.0)
    if number == 0 or len(inside) == 0:
        return Balls(np.zeros((0, 3)), np.zeros(0))
    chosen = inside[rng.integers(len(inside), size=number)][:, ::-1]
    return Balls(anatomy.gland.grid.physical(chosen), rng.uniform(1.0, 4.5, number))


def sample_balls(balls: Balls, shift: ArrayLike, rotation: ArrayLike, grid: Grid) -> SparseShare:
    """Sample balls on a grid; a point p of DCE space lies at rotation @ p + shift in the grid's space."""
    index, shares = [], []
    centers = grid.index(balls.centers_lps @ np.asarray(rotation).T + np.asarray(shift))
    spacing = np.asarray(grid.spacing_mm)
    width = float(np.cbrt(grid.voxel_volume_mm3))
    # Balls of about one size share one block of neighbours.
    largest_mm = np.ceil(balls.radii_mm / 0.75) * 0.75
    for radius_mm in np.unique(largest_mm):
        chosen = largest_mm == radius_mm
        half = np.ceil((radius_mm + 0.5 * width) / spacing).astype(int)
        block = np.stack(np.meshgrid(*[np.arange(-h, h + 1) for h in half], indexing="ij"), -1).reshape(-1, 3)
        nearest = np.rint(centers[chosen]).astype(int)
        fraction = (nearest - centers[chosen]).astype(np.float32)
        offset = (block[None] + fraction[:, None]) * spacing.astype(np.float32)
        distance = np.sqrt(np.square(offset).sum(-1))
        radius = balls.radii_mm[chosen, None].astype(np.float32)
        share = np.clip((radius - distance) / np.float32(width) + np.float32(0.5), 0.0, 1.0)
        # A ball thinner than a voxel never fills it.
        share *= np.minimum(1.0, 2 * radius / width) ** 2
        voxel = nearest[:, None] + block[None]
        keep = (share > 0) & np.all((voxel >= 0) & (voxel < grid.size), axis=-1)
        i, j, k = voxel[keep].T
        index.append((k * grid.size[1] + j) * grid.size[0] + i)
        shares.append(share[keep].astype(np.float32))
    if not index:
        return SparseShare(np.zeros(0, np.intp), np.zeros(0, np.float32), grid)
    return SparseShare(np.concatenate(index), np.concatenate(shares), grid)


def _draw_tube(rng: np.random.Generator, breast: Breast, azimuth: float, colatitude: float, radius_mm: float) -> Balls:
    """Draw one tapering vessel: a winding path on a shell a little under the skin."""
    along = np.linspace(0.0, 1.0, 180)
    wave = sum(rng.normal(0, 0.16 / n) * np.sin(np.pi * n * along + rng.uniform(0, 2 * np.pi)) for n in range(1, 6))
    turn = azimuth + rng.normal(0, 0.5) * along + wave
    polar = colatitude + (rng.uniform(0.25, 0.7) - colatitude) * along
    shell = 0.9 - rng.uniform(0.0, 0.08) - 0.03 * np.sin(np.pi * rng.uniform(1, 3) * along)
    direction = np.stack([np.sin(polar) * np.cos(turn), -np.cos(polar), np.sin(polar) * np.sin(turn)], axis=-1)
    points = np.asarray(breast.center_lps) + shell[:, None] * direction * np.asarray(breast.radii_mm)
    return Balls(points, radius_mm * (1 - 0.55 * along))
