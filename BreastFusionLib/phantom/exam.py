"""One phantom exam from a seed and a number."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from BreastFusionLib.errors import InputError
from BreastFusionLib.exam.geometry import Grid
from BreastFusionLib.exam.model import Contrast, Exam, Phase, Role, Series, Side
from BreastFusionLib.exam.pseudonyms import hashed_uid
from BreastFusionLib.lesion.model import Lesion
from BreastFusionLib.phantom.anatomy import Anatomy, Point, build_anatomy
from BreastFusionLib.phantom.clinical import clinical_row
from BreastFusionLib.phantom.enhancement import background_percent, lesion_course
from BreastFusionLib.phantom.fields import Array, Lattice
from BreastFusionLib.phantom.lesion import diameter_mm, draw_shape, lesion_mask
from BreastFusionLib.phantom.scanner import DIALECTS, Dialect, draw_grid, draw_phase_times
from BreastFusionLib.phantom.sequences import Scene, render_dce, render_t1, render_t2
from BreastFusionLib.phantom.structures import draw_cysts, draw_vessels
from BreastFusionLib.phantom.truth import Motion, Truth, draw_label, draw_latents

__all__ = ["PhantomExam", "exam_name", "make_exam"]

_SMALL_COARSENESS = 1.8


@dataclass(frozen=True)
class PhantomExam:
    """A synthetic exam with everything that is known about it.

    Attributes:
        exam: as `read_exam` would return it, `synthetic` being True.
        lesion: its one lesion, on the DCE grid.
        label: 1 malignant, 0 benign.
        clinical: columns of the cohort table, see `clinical.clinical_row`.
        truth: latents, likelihood ratios, motion.
        dialect: the scanner.
    """

    exam: Exam
    lesion: Lesion
    label: int
    clinical: Mapping[str, Any]
    truth: Truth
    dialect: Dialect


def exam_name(number: int) -> str:
    """Return the name of exam `number`, counted from 1: P0001, P0002, .."""
    return f"P{number:04d}"


def make_exam(seed: int, number: int, small: bool = False) -> PhantomExam:
    """Make exam `number` (counted from 1) of the phantom population `seed`.

    The result depends on the arguments only, not on which exams were made before or where.

    Args:
        seed: names the population, not negative.
        number: names the exam in it; odd and even neighbours are one benign and one malignant lesion.
        small: coarse voxels for tests and demonstrations; the lesion's latents are the same.

    Raises:
        InputError: there is no such population or exam.
    """
    if seed < 0 or number < 1:
        raise InputError(f"Exam {number} of seed {seed}: exams count from 1, and a seed is 0 or more. Give others.")
    seeds = np.random.SeedSequence([seed, number]).spawn(7)
    for_latents, for_anatomy, for_lesion, for_scanner, for_motion, for_images, for_clinical = map(
        np.random.default_rng, seeds
    )
    label = draw_label(seed, number)
    latents = draw_latents(for_latents, label)
    anatomy = build_anatomy(for_anatomy, _SMALL_COARSENESS if small else 1.0)
    vessels, cysts = draw_vessels(for_anatomy, anatomy), draw_cysts(for_anatomy, anatomy)
    diameter = diameter_mm(latents["size"])
    shape = draw_shape(for_lesion, diameter, latents["irregularity"], latents["heterogeneity"])
    side: Side = "left" if for_lesion.integers(2) else "right"
    center = _place_lesion(for_lesion, anatomy, side, shape.reach_mm)
    scene = Scene(anatomy, vessels, cysts, shape, center)

    dialect = DIALECTS[for_scanner.integers(len(DIALECTS))]
    grids = {sequence: draw_grid(for_scanner, sequence, small) for sequence in ("dce", "t1", "t2")}
    times_s, background = draw_phase_times(for_scanner), background_percent(for_scanner)
    motions = {"dce": Motion(), "t1": _draw_motion(for_motion), "t2": _draw_motion(for_motion)}
    course = lesion_course(latents["wash_in"], latents["wash_out"], times_s)
    protocols = dialect.protocols
    phases, sampled = render_dce(scene, grids["dce"], protocols["dce"], times_s, course, background, for_images)
    t1 = render_t1(scene, grids["t1"], motions["t1"], protocols["t1"], for_images)
    t2 = render_t2(scene, grids["t2"], motions["t2"], protocols["t2"], latents["t2_brightness"], for_images)

    series = (
        _series("dce", dialect, grids["dce"], "post", phases, times_s.tolist(), f"{seed}/{number}"),
        _series("t1", dialect, grids["t1"], "pre", [t1], [None], f"{seed}/{number}"),
        _series("t2", dialect, grids["t2"], "pre", [t2], [None], f"{seed}/{number}"),
    )
    truth = Truth(
        latents=latents,
        diameter_mm=diameter,
        density=anatomy.density,
        density_fraction=anatomy.density_fraction,
        background_percent=background,
        centers_lps={sequence: tuple(motion.apply(center).tolist()) for sequence, motion in motions.items()},
        motions=motions,
    )
    return PhantomExam(
        exam=Exam(series, pseudonym=exam_name(number), synthetic=True),
        lesion=Lesion(lesion_mask(sampled, grids["dce"]), "lesion", side),
        label=label,
        clinical=clinical_row(for_clinical, latents, anatomy.density, background),
        truth=truth,
        dialect=dialect,
    )


def _series(
    role: Role,
    dialect: Dialect,
    grid: Grid,
    contrast: Contrast,
    images: list[sitk.Image],
    times_s: list[float] | list[None],
    source: str,
) -> Series:
    names = dict.fromkeys(dialect.protocols[role].description.format(phase=n + 1) for n in range(len(images)))
    return Series(
        role=role,
        description="; ".join(names),
        reason="rendered as this role by the phantom",
        contrast=contrast,
        phases=tuple(Phase(time_s, image) for time_s, image in zip(times_s, images, strict=True)),
        grid=grid,
        acquisition=dialect.acquisition(role, grid),
        sources=(hashed_uid(f"phantom/{source}/{role}"),),
    )


def _draw_motion(rng: np.random.Generator) -> Motion:
    """Draw how the patient moved until another sequence: some millimetres and about a degree."""
    return Motion(tuple(rng.normal(0.0, 1.0, 3).tolist()), tuple(rng.normal(0.0, 1.5, 3).tolist()), (0.0, 0.0, 0.0))


def _place_lesion(rng: np.random.Generator, anatomy: Anatomy, side: Side, reach_mm: float) -> Point:
    """Choose a point in a breast, in or near fibroglandular tissue, with room to skin and muscle if there is any."""
    lattice = anatomy.gland
    points = lattice.grid.physical(rng.integers(lattice.grid.size, size=(6000, 3)))
    points = points[(points[:, 0] > 0) == (side == "left")]
    gland = _nearest(lattice, 0, points)
    depth, wall = _nearest(anatomy.body, 0, points), _nearest(anatomy.body, 1, points)
    room = np.minimum(np.minimum(depth, -wall), 60.0 - np.abs(points[:, 2])) - 0.75 * reach_mm
    suitable = np.flatnonzero((room > 4.0) & (gland > -2.0))
    chosen = suitable[0] if suitable.size else int(np.argmax(room))
    x, y, z = points[chosen].tolist()
    return x, y, z


def _nearest(lattice: Lattice, field: int, points_lps: NDArray[np.float64]) -> Array:
    i, j, k = np.rint(lattice.grid.index(points_lps)).astype(int).T
    return lattice.values[field, k, j, i]
