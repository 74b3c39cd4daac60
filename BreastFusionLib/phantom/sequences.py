"""The three sequences: tissue signals, mixed plane by plane on each sequence's own grid."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from BreastFusionLib.exam.geometry import Grid
from BreastFusionLib.phantom.anatomy import Anatomy
from BreastFusionLib.phantom.enhancement import blood_course, slow_course
from BreastFusionLib.phantom.fields import Array, Lattice, PlaneSampler, edge
from BreastFusionLib.phantom.lesion import LesionShape, SampledLesion, sample_lesion
from BreastFusionLib.phantom.scanner import Protocol, RicianNoise, coil_sensitivity
from BreastFusionLib.phantom.structures import Balls, sample_balls
from BreastFusionLib.phantom.truth import Motion

__all__ = ["Scene", "render_dce", "render_t1", "render_t2"]


@dataclass(frozen=True)
class Scene:
    """All that lies in the scanner, in DCE space.

    Attributes:
        anatomy: the patient.
        vessels: superficial vessels.
        cysts: simple cysts.
        lesion: the lesion in its own frame.
        lesion_center_lps: where it lies, in mm.
    """

    anatomy: Anatomy
    vessels: Balls
    cysts: Balls
    lesion: LesionShape
    lesion_center_lps: tuple[float, float, float]


@dataclass(frozen=True)
class _Tissues:
    """One quantity (a signal, or an increase of it) in each tissue.

    `gland_texture` and `lesion_texture` say how uneven it is in fibroglandular tissue and in the lesion.
    """

    fat: float
    gland: float
    skin: float
    muscle: float
    bone: float
    lung: float
    blood: float
    liver: float
    vessel: float
    cyst: float
    lesion: float
    gland_texture: float = 0.0
    lesion_texture: float = 0.0


# In units of the phantom: 100 is fibroglandular tissue on DCE before contrast. The fat's signal is the protocol's.
_DCE = _Tissues(0, 100, 50, 112, 38, 10, 70, 135, 75, 60, 92, gland_texture=0.10, lesion_texture=0.1)
_SLOW_UPTAKE = _Tissues(1.5, 0, 38, 26, 9, 3, 0, 65, 0, 0, 0, gland_texture=0.55)
_FAST_UPTAKE = _Tissues(0, 0, 8, 10, 6, 2, 270, 20, 230, 0, 0)
_T1 = _Tissues(0, 43, 52, 46, 72, 7, 26, 55, 30, 22, 38, gland_texture=0.06, lesion_texture=0.1)
_T2 = _Tissues(0, 62, 40, 27, 24, 7, 16, 46, 75, 250, 72, gland_texture=0.14, lesion_texture=-0.4)


def render_dce(
    scene: Scene,
    grid: Grid,
    protocol: Protocol,
    times_s: NDArray[np.float64],
    lesion_course: NDArray[np.float64],
    background_percent: float,
    rng: np.random.Generator,
) -> tuple[list[sitk.Image], SampledLesion]:
    """Render all phases of the DCE series.

    Args:
        scene: what lies in the scanner.
        grid: of the series.
        protocol: fat's signal, gain and noise.
        times_s: (phase,), seconds after the first phase.
        lesion_course: (phase,), enhancement of the lesion relative to its signal before contrast.
        background_percent: enhancement of fibroglandular tissue in the last phase.
        rng: source of randomness.

    Returns:
        One image (int16) for each phase, and the lesion on the grid.
    """
    tissues = (
        replace(_DCE, fat=protocol.fat),
        replace(_SLOW_UPTAKE, gland=_DCE.gland * background_percent / 100),
        _FAST_UPTAKE,
    )
    planes = _Planes(scene, grid, Motion(), tissues, rng)
    noise = RicianNoise(rng, protocol.gain * protocol.noise, grid.size[0] * grid.size[1])
    volumes = np.empty((len(times_s), *grid.size[::-1]), np.int16)
    slow, fast = (course(times_s).astype(np.float32).tolist() for course in (slow_course, blood_course))
    buffer = np.empty(grid.size[1::-1], np.float32)
    for k in range(grid.size[2]):
        (base, rise, rush), coil = planes.mixed(k)
        coil *= np.float32(protocol.gain)
        for plane in (base, rise, rush):
            plane *= coil
        lesion = planes.lesion_on(k)
        for phase, volume in enumerate(volumes):
            signal = np.multiply(rise, slow[phase])
            signal += np.multiply(rush, fast[phase], out=buffer)
            signal += base
            if lesion is not None:
                window, share, pattern = lesion
                signal[window] += share * pattern * coil[window] * np.float32(_DCE.lesion * lesion_course[phase])
            noise.add(signal, volume[k])
    return [grid.put_on(sitk.GetImageFromArray(volume)) for volume in volumes], planes.lesion


def render_t1(scene: Scene, grid: Grid, motion: Motion, protocol: Protocol, rng: np.random.Generator) -> sitk.Image:
    """Render the T1-weighted series before contrast, without fat suppression (int16)."""
    return _render_static(scene, grid, motion, replace(_T1, fat=protocol.fat), protocol, rng)


def render_t2(
    scene: Scene, grid: Grid, motion: Motion, protocol: Protocol, brightness: float, rng: np.random.Generator
) -> sitk.Image:
    """Render the fat-suppressed T2-weighted series (int16); the lesion's signal grows with the latent `brightness`."""
    tissues = replace(_T2, fat=protocol.fat, lesion=_T2.lesion * float(np.exp(0.33 * brightness)))
    return _render_static(scene, grid, motion, tissues, protocol, rng)


def _render_static(
    scene: Scene, grid: Grid, motion: Motion, tissues: _Tissues, protocol: Protocol, rng: np.random.Generator
) -> sitk.Image:
    # A thick slice shows the mean of what lies in it: thinner planes are mixed and averaged.
    cuts = max(1, int(grid.spacing_mm[2] / 2.0))
    planes = _Planes(scene, _cut(grid, cuts), motion, (tissues,), rng)
    noise = RicianNoise(rng, protocol.gain * protocol.noise, grid.size[0] * grid.size[1])
    volume = np.empty(grid.size[::-1], np.int16)
    for k in range(grid.size[2]):
        signal = np.zeros(grid.size[1::-1], np.float32)
        for part in range(k * cuts, (k + 1) * cuts):
            (mixed,), coil = planes.mixed(part)
            mixed *= coil
            signal += mixed
        signal *= np.float32(protocol.gain / cuts)
        noise.add(signal, volume[k])
    return grid.put_on(sitk.GetImageFromArray(volume))


def _cut(grid: Grid, cuts: int) -> Grid:
    """Return the grid with every slice cut into `cuts` thinner ones."""
    (columns, rows, slices), (dx, dy, dz) = grid.size, grid.spacing_mm
    origin = grid.physical((0, 0, 0.5 / cuts - 0.5))
    return Grid((columns, rows, slices * cuts), (dx, dy, dz / cuts), tuple(origin.tolist()), grid.direction)


class _Planes:
    """The scene on one grid, plane by plane."""

    def __init__(
        self, scene: Scene, grid: Grid, motion: Motion, tissues: Sequence[_Tissues], rng: np.random.Generator
    ) -> None:
        self._tissues, self._width_mm, self._skin_mm = tissues, grid.spacing_mm[0], scene.anatomy.skin_mm
        body, gland = _composed(scene.anatomy.body, tissues), scene.anatomy.gland
        if motion != Motion() or grid.direction != body.grid.direction:
            to_dce = motion.transform.GetInverse()
            body, gland = body.turned(grid, to_dce), gland.turned(grid, to_dce)
        coil = coil_sensitivity(rng, body.values.shape[1:])
        with_coil = Lattice(body.grid, np.concatenate([body.values, coil[None]]), (*body.outside, 1.0))
        self._body, self._gland = PlaneSampler(with_coil, grid), PlaneSampler(gland, grid)
        rotation, shift = motion.matrix, motion.apply((0.0, 0.0, 0.0))
        self._vessels = sample_balls(scene.vessels, shift, rotation, grid)
        self._cysts = sample_balls(scene.cysts, shift, rotation, grid)
        self.lesion = sample_lesion(scene.lesion, motion.apply(scene.lesion_center_lps), rotation, grid)

    def lesion_on(self, k: int) -> tuple[tuple[slice, slice], Array, Array] | None:
        """Return window, share and pattern of the lesion on plane `k`, or None."""
        first, rows, columns = self.lesion.box.slices
        if not first.start <= k < first.stop:
            return None
        return (rows, columns), self.lesion.share[k - first.start], self.lesion.pattern[k - first.start]

    def mixed(self, k: int) -> tuple[list[Array], Array]:
        """Return one plane for each of the quantities, and the coil's sensitivity there."""
        fields = self._body.plane(k)
        assert fields is not None, "the body's lattice covers every field of view"
        depth, wall_depth, mottle, *interiors, coil = fields
        inside, wall = edge(depth, self._width_mm), edge(wall_depth, self._width_mm)
        skin = edge(self._skin_mm - depth, self._width_mm)
        gland = self._gland.plane(k)
        small = [(self._vessels.plane(k), "vessel"), (self._cysts.plane(k), "cyst")]
        lesion = self.lesion_on(k)
        planes = []
        for tissue, interior in zip(self._tissues, interiors, strict=True):
            plane = np.multiply(mottle, np.float32(0.07 * tissue.fat))
            plane += np.float32(tissue.fat)
            if gland is not None:
                _mix_gland(plane[self._gland.window], gland, tissue)
            interior -= plane
            interior *= wall
            plane += interior
            plane += skin * (np.float32(tissue.skin) - plane)
            plane *= inside
            for (where, share), name in small:
                _mix_small(plane, where, share * (1 - wall.flat[where]) * inside.flat[where], getattr(tissue, name))
            if lesion is not None:
                window, share, pattern = lesion
                value = np.float32(tissue.lesion) * (1 + np.float32(tissue.lesion_texture) * (pattern - 1))
                plane[window] += share * (value - plane[window])
            planes.append(plane)
        return planes, coil


def _composed(body: Lattice, tissues: Sequence[_Tissues]) -> Lattice:
    """Replace the shares of the thorax's tissues by one field for each quantity."""
    depth, wall, mottle, bone, lung, blood, liver = body.values
    interiors = []
    for tissue in tissues:
        interior = np.float32(tissue.muscle) * (1 + np.float32(0.06) * mottle)
        for share, value in ((bone, tissue.bone), (lung, tissue.lung), (liver, tissue.liver), (blood, tissue.blood)):
            interior += share * (np.float32(value) - interior)
        interiors.append(interior)
    return Lattice(body.grid, np.stack([depth, wall, mottle, *interiors]), body.outside[:3] + (0.0,) * len(tissues))


def _mix_gland(plane: Array, gland: Array, tissue: _Tissues) -> None:
    amount, septa, texture = gland
    amount = np.maximum(np.clip(amount, 0.0, 1.0), np.float32(0.35) * septa)
    value = np.float32(tissue.gland) * np.maximum(1 + np.float32(tissue.gland_texture) * texture, 0)
    plane += amount * (value - plane)


def _mix_small(plane: Array, where: NDArray[np.intp], share: Array, value: float) -> None:
    flat = plane.reshape(-1)
    flat[where] += share * (np.float32(value) - flat[where])
