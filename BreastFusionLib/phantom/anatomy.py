"""The patient: two hanging breasts, chest wall and thorax, as smooth fields in LPS millimetres.

The origin lies on the skin over the sternum; the breasts reach to negative y (anterior), as in an exam in prone
position read out in patient coordinates.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from BreastFusionLib.exam.geometry import Grid
from BreastFusionLib.phantom.fields import Array, Lattice, axes_lps, edge, fractal_noise, regrid

__all__ = ["BODY_FIELDS", "GLAND_FIELDS", "Anatomy", "Breast", "Point", "build_anatomy"]

Point = tuple[float, float, float]

# ACR classes by the share of the breast that is fibroglandular tissue; drawn as often as they occur in women who
# are screened (10, 40, 40 and 10 %).
_DENSITY_FRACTIONS = {"a": (0.04, 0.10), "b": (0.10, 0.25), "c": (0.25, 0.45), "d": (0.45, 0.65)}
_DENSITY_SHARES = (0.1, 0.4, 0.4, 0.1)

_TORSO_CENTER_LPS, _TORSO_RADII_MM = (0.0, 112.0, 0.0), (158.0, 112.0, 1.0)
_SKIN_MM = 1.9
_BODY_STEP_MM, _GLAND_STEP_MM = 3.0, 1.5
_FIELD_OF_VIEW_MM = ((-185.0, 185.0), (-145.0, 230.0), (-105.0, 105.0))  # holds every sequence's
_OUTSIDE_MM = -50.0


@dataclass(frozen=True)
class Breast:
    """One breast: half an ellipsoid that hangs from the chest.

    Attributes:
        center_lps: of the ellipsoid, on the chest.
        radii_mm: along x, y (projection) and z.
        nipple_lps: tip of the nipple.
    """

    center_lps: Point
    radii_mm: Point
    nipple_lps: Point


@dataclass(frozen=True)
class Anatomy:
    """The patient without lesion, vessels and contrast agent.

    Attributes:
        breasts: right and left one.
        skin_mm: thickness of the skin.
        body: fields on the coarse lattice, see `BODY_FIELDS`.
        gland: fields round the breasts on a finer lattice, see `GLAND_FIELDS`.
        density: ACR class.
        density_fraction: share of fibroglandular tissue in the breasts.
    """

    breasts: tuple[Breast, Breast]
    skin_mm: float
    body: Lattice
    gland: Lattice
    density: str
    density_fraction: float


# Fields of `Anatomy.body`: depth under the skin in mm; depth behind the front of the pectoral muscle in mm; a slow
# noise; and the shares of bone, lung, blood and liver behind the muscle (the rest there is muscle).
BODY_FIELDS = ("depth", "wall", "mottle", "bone", "lung", "blood", "liver")
# Fields of `Anatomy.gland`: fibroglandular tissue where over 0, fully where over 1; fibrous septa 0..1; a fine noise.
GLAND_FIELDS = ("gland", "septa", "texture")


def _draw_density(rng: np.random.Generator) -> tuple[str, float]:
    """Draw an ACR density class and the share of fibroglandular tissue."""
    density = str(rng.choice(list(_DENSITY_FRACTIONS), p=_DENSITY_SHARES))
    return density, float(rng.uniform(*_DENSITY_FRACTIONS[density]))


def _draw_breasts(rng: np.random.Generator) -> tuple[Breast, Breast]:
    """Draw the right and the left breast: alike, but not mirror images."""
    apart, across, projection = rng.uniform(76, 84), rng.uniform(62, 72), rng.uniform(72, 102)
    height = across * rng.uniform(1.0, 1.2)
    breasts = []
    for sign in (-1.0, 1.0):
        radii = np.array([across, projection + 20.0, height]) * rng.normal(1.0, 0.025, 3)
        center = np.array([sign * apart, 20.0, 0.0]) + rng.normal(0.0, 2.0, 3)
        tip = center + np.array([sign * rng.uniform(0, 8), -radii[1] - 3.5, rng.uniform(-8, 4)])
        breasts.append(Breast(*(tuple(v.tolist()) for v in (center, radii, tip))))
    return breasts[0], breasts[1]


def build_anatomy(rng: np.random.Generator, coarseness: float = 1.0) -> Anatomy:
    """Draw a patient.

    Args:
        rng: source of randomness.
        coarseness: factor on the lattices' spacing, over 1 for exams with large voxels.
    """
    breasts = _draw_breasts(rng)
    density, fraction = _draw_density(rng)
    body = _build_body(rng, breasts, coarseness)
    gland = _build_gland(rng, breasts, body, fraction, coarseness)
    return Anatomy(breasts, _SKIN_MM, body, gland, density, fraction)


def _lattice_grid(bounds: tuple[tuple[float, float], ...], step_mm: float) -> Grid:
    size = tuple(int(np.ceil((b - a) / step_mm)) + 1 for a, b in bounds)
    return Grid(size, (step_mm,) * 3, tuple(a for a, _ in bounds))  # type: ignore[arg-type]


def _ellipsoid_depth(x: Array, y: Array, z: Array | np.floating, center: Point, radii: Point) -> Array:
    """Return the depth under an ellipsoid's surface in mm (positive inside, exact to first order at the surface)."""
    squares = [np.square((v - np.float32(c)) / np.float32(r)) for v, c, r in zip((x, y, z), center, radii, strict=True)]
    steep = [square / np.float32(r**2) for square, r in zip(squares, radii, strict=True)]
    near, far = np.sqrt(squares[0] + squares[1] + squares[2]), np.sqrt(steep[0] + steep[1] + steep[2])
    return near * (1 - near) / np.maximum(far, np.float32(1e-6))


def _united(first: Array, second: Array, blend_mm: float) -> Array:
    """Return the depth under the union of two bodies, with a fillet where they meet."""
    overlap = np.clip(np.float32(blend_mm) - np.abs(first - second), 0.0, None)
    return np.maximum(first, second) + np.square(overlap) / np.float32(4 * blend_mm)


def _build_body(rng: np.random.Generator, breasts: tuple[Breast, Breast], coarseness: float) -> Lattice:
    grid = _lattice_grid(_FIELD_OF_VIEW_MM, _BODY_STEP_MM * coarseness)
    x, y, z = axes_lps(grid)
    coarse = _lattice_grid(_FIELD_OF_VIEW_MM, 8.0)
    lumps, mottle = (regrid(f, coarse, grid) for f in fractal_noise(rng, coarse, 4.0, 60.0, (1.0, 1.0, 1.0)))
    torso = _ellipsoid_depth(x, y, np.float32(0.0), _TORSO_CENTER_LPS, _TORSO_RADII_MM)
    depth = torso
    for breast in breasts:
        depth = _united(depth, _ellipsoid_depth(x, y, z, breast.center_lps, breast.radii_mm), 40.0)
    depth = depth + np.float32(1.2) * lumps
    for breast in breasts:
        depth = _united(depth, _ellipsoid_depth(x, y, z, breast.nipple_lps, (5.0, 7.0, 5.0)), 5.0)
    side = np.abs(x)
    # The pectoral muscle lies beside the sternum and thins out towards the armpit.
    pectoral = 3.0 + 11.0 * edge(side - 28.0, 24.0) * edge(125.0 - side, 60.0)
    wall = torso + np.float32(2.0) * lumps - (9.0 + 10.0 * edge(side - 40.0, 60.0))
    values = np.empty((len(BODY_FIELDS), *grid.size[::-1]), np.float32)
    for number, field in enumerate((depth, wall, mottle, *_thorax(x, y, z, wall - pectoral))):
        values[number] = field
    return Lattice(grid, values, (_OUTSIDE_MM, _OUTSIDE_MM, 0.0, 0.0, 0.0, 0.0, 0.0))


def _thorax(x: Array, y: Array, z: Array, cage: Array) -> tuple[Array, Array, Array, Array]:
    """Return the shares of bone, lung, blood and liver, given the depth behind the front of the rib cage in mm."""
    step = float(z[1, 0, 0] - z[0, 0, 0])

    def organ(center: Point, radii: Point) -> Array:
        return edge(_ellipsoid_depth(x, y, z, center, radii), step)

    def column(center_x: float, center_y: float, radius_x: float, radius_y: float) -> Array:
        center, radii = (center_x, center_y, 0.0), (radius_x, radius_y, 1.0)
        return edge(_ellipsoid_depth(x, y, np.float32(0.0), center, radii), step)

    rib_cage = edge(cage, step) * edge(11.0 - cage, step)
    ribs = edge(7.0 * np.cos((z + 0.45 * np.abs(x)) * np.float32(2 * np.pi / 30.0)) + 0.5, step)
    sternum = edge(17.0 - np.abs(x), step)
    spine = column(0.0, 188.0, 25.0, 22.0)
    bone = np.maximum(rib_cage * np.maximum(ribs * edge(np.abs(x) - 26.0, step), sternum), spine)
    behind = edge(cage - 13.0, step)
    heart = organ((28.0, 92.0, -40.0), (60.0, 44.0, 75.0)) * behind
    chambers = np.maximum(organ((52.0, 98.0, -45.0), (26.0, 24.0, 58.0)), organ((4.0, 80.0, -35.0), (26.0, 22.0, 62.0)))
    blood = np.maximum(heart * chambers, column(28.0, 162.0, 11.0, 11.0))
    liver = organ((-70.0, 110.0, -130.0), (95.0, 85.0, 75.0)) * behind * (1 - heart)
    mediastinum = edge(24.0 - np.abs(x - 8.0), 12.0)
    lung = behind * (1 - np.maximum(np.maximum(mediastinum, heart), np.maximum(spine, blood))) * (1 - liver)
    return bone, lung, blood, liver


def _build_gland(
    rng: np.random.Generator, breasts: tuple[Breast, Breast], body: Lattice, fraction: float, coarseness: float
) -> Lattice:
    """Place fibroglandular tissue: a cone behind each nipple, ragged by noise, free of skin and muscle."""
    low, high = (
        np.array([np.add(b.center_lps, np.multiply(sign, b.radii_mm)) for b in breasts]) for sign in (-1.0, 1.0)
    )
    bounds = (
        (float(low[:, 0].min()), float(high[:, 0].max())),
        (float(low[:, 1].min()) - 4.0, 40.0),
        (float(low[:, 2].min()), float(high[:, 2].max())),
    )
    grid = _lattice_grid(bounds, _GLAND_STEP_MM * coarseness)
    x, y, z = axes_lps(grid)
    depth, wall = (regrid(body.values[n], body.grid, grid) for n in (0, 1))
    clumps, strands = fractal_noise(rng, grid, 3.6, 40.0, (1.0, 1.8, 1.0))
    cone = np.full(grid.size[::-1], -4.0, np.float32)
    for breast in breasts:
        # Behind the nipple, and further up and out, where most of the gland lies.
        sign = np.sign(breast.center_lps[0])
        middle = np.add(breast.center_lps, [4.0 * sign, -0.42 * breast.radii_mm[1], 5.0])
        reach = np.multiply(breast.radii_mm, (0.75, 0.62, 0.75))
        scaled = [(v - np.float32(m)) / np.float32(r) for v, m, r in zip((x, y, z), middle, reach, strict=True)]
        cone = np.maximum(cone, 1 - sum(np.square(v) for v in scaled))
    score = np.float32(1.6) * cone + clumps - np.float32(0.35) * np.abs(strands)
    for distance in (9.0 - depth, wall + 14.0, y - 18.0):
        score -= np.float32(0.3) * np.clip(distance, 0.0, None)
    breast_part = (depth > _SKIN_MM) & (wall < 0.0) & (cone > -1.5)
    threshold = np.quantile(score[breast_part], 1 - fraction)
    gland = (score - np.float32(threshold)) * np.float32(1.5) + np.float32(0.5)
    septa = np.clip(1 - np.abs(strands) * np.float32(7.0), 0.0, 1.0)
    septa *= edge(depth - 3.0, 4.0) * edge(-wall, 4.0)
    return Lattice(grid, np.stack([gland, septa, strands]), (_OUTSIDE_MM, 0.0, 0.0))
