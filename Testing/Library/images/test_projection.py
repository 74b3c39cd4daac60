"""One breast seen through: what is subtracted, where it is cut, and where a bright voxel comes to lie."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given, settings
from hypothesis import strategies as st

from BreastFusionLib.errors import InputError
from BreastFusionLib.exam import Exam, Phase, Series, read_exam
from BreastFusionLib.exam.breast import Midline, brightest_phase, find_midline, sternum_y
from BreastFusionLib.exam.geometry import Grid, resample_onto
from BreastFusionLib.images import ProjectionSpec, project_breast
from BreastFusionLib.images.projection import breast_region
from BreastFusionLib.phantom import make_exam

pytestmark = pytest.mark.fast

AXIAL = Grid((80, 60, 24), (4.0, 3.0, 5.0), (-160.0, -100.0, -60.0))
# The same room, slices from side to side: i to posterior, j to inferior, k to the left.
SAGITTAL = Grid((60, 24, 80), (3.0, 5.0, 4.0), (-160.0, -100.0, 55.0), (0, 0, 1, 1, 0, 0, 0, -1, 0))
MIDLINE = Midline(x_mm=-2.0)  # halfway between the voxels 39 and 40 of AXIAL
WHOLE = ProjectionSpec(phase=1, clip_percent=0.0)


def series(*volumes: np.ndarray, grid: Grid = AXIAL, pixel_type: type = np.uint16) -> Series:
    images = [grid.put_on(sitk.GetImageFromArray(volume.astype(pixel_type))) for volume in volumes]
    phases = tuple(Phase(90.0 * number, image) for number, image in enumerate(images))
    return Series("dce", "ax dyn", "", "post", phases, grid)


def one_bright(point_lps: tuple[float, float, float], grid: Grid = AXIAL) -> Series:
    """Make a series in which nothing but the voxel at a point takes up contrast."""
    before, after = np.full(grid.size[::-1], 100), np.full(grid.size[::-1], 100)
    i, j, k = np.rint(grid.index(point_lps)).astype(int)
    after[k, j, i] += 500
    return series(before, after, grid=grid)


def test_a_subtraction_of_unsigned_integers_does_not_wrap() -> None:
    before, after = np.full(AXIAL.size[::-1], 1000), np.full(AXIAL.size[::-1], 400)  # 400 - 1000 is 64936 in 16 bits
    after[5, 6, 50] = 1007
    found = project_breast(series(before, after), "left", WHOLE, MIDLINE)
    assert found.maximum == found.columns["mip_maximum"] == 7.0


@pytest.mark.parametrize("grid", [AXIAL, SAGITTAL], ids=["axial", "sagittal"])
@pytest.mark.parametrize("axis", ["axial", "sagittal", "coronal"])
def test_a_bright_voxel_lies_at_its_place_in_the_picture_and_in_millimetres(axis: str, grid: Grid) -> None:
    point = (60.0, -70.0, 20.0)  # in the left breast
    spec = replace(WHOLE, axis=axis, size_px=240)
    found = project_breast(one_bright(point, grid), "left", spec, MIDLINE)
    row, column = np.unravel_index(found.patch.pixels[0].argmax(), (240, 240))
    lies_at = found.patch.grid.physical((column, row, 0))
    seen = {"axial": (0, 1), "sagittal": (1, 2), "coronal": (0, 2)}[axis]  # coordinates that the picture keeps
    assert lies_at[list(seen)] == pytest.approx(np.array(point)[list(seen)], abs=2.5)  # within its own voxel
    # Left half of the room: x from -2 to 158, y from -101.5 to 78.5, z from -62.5 to 57.5.
    x, y, z = (60 + 2) / 160, (-70 + 101.5) / 180, (57.5 - 20) / 120
    expected = {"axial": (y, x), "sagittal": (z, y), "coronal": (z, x)}[axis]
    assert ((row + 0.5) / 240, (column + 0.5) / 240) == pytest.approx(expected, abs=2.5 / 120)


def test_no_breast_is_mirrored() -> None:
    lateral = {"left": (120.0, -70.0, 0.0), "right": (-124.0, -70.0, 0.0)}
    columns = {}
    for side, point in lateral.items():
        pixels = project_breast(one_bright(point), side, WHOLE, MIDLINE).patch.pixels[0]
        columns[side] = pixels.argmax() % pixels.shape[1]
    assert (
        columns["right"] < 60 < 160 < columns["left"]
    )  # the armpits lie outside: right on the left, left on the right


def turned(grid: Grid, degrees: float) -> Grid:
    """Turn a grid about the body's axis and its own middle; the patient stays."""
    angle, middle = np.deg2rad(degrees), (np.asarray(grid.size) - 1) / 2
    turn = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
    direction = turn @ np.reshape(grid.direction, (3, 3))
    origin = grid.physical(middle) - direction @ (middle * grid.spacing_mm)
    return Grid(grid.size, grid.spacing_mm, tuple(origin.tolist()), tuple(direction.ravel().tolist()))


@given(st.floats(-120, 120), st.sampled_from([AXIAL, SAGITTAL]), st.sampled_from([0.0, 10.0, -25.0]))
@settings(max_examples=30, deadline=None)
def test_every_voxel_belongs_to_the_breast_on_its_side_of_the_midline(x_mm: float, grid: Grid, degrees: float) -> None:
    grid = turned(grid, degrees)
    left, right = (breast_region(grid, side, Midline(x_mm=x_mm))[0] for side in ("left", "right"))
    assert (left != right).all()
    x = grid.physical(np.argwhere(left)[:, ::-1])[:, 0]
    assert x.min() > x_mm - 1e-9 and (grid.physical(np.argwhere(right)[:, ::-1])[:, 0] <= x_mm + 1e-9).all()


@pytest.mark.parametrize("grid", [AXIAL, SAGITTAL], ids=["axial", "sagittal"])
def test_turned_images_show_the_same_breast(grid: Grid) -> None:
    """At the volume's back, 80 mm from its middle, a cut across the axes would lie 14 mm away."""
    grid = turned(grid, 10.0)
    for x, y in ((-10.0, -95.0), (6.0, 65.0)):
        dce, own = one_bright((x, y, 0.0), grid), "left" if x > -2.0 else "right"
        seen = {side: project_breast(dce, side, WHOLE, MIDLINE) for side in ("left", "right")}
        assert [side for side, found in seen.items() if found.maximum == 500.0] == [own]
        row, column = np.unravel_index(seen[own].patch.pixels[0].argmax(), (224, 224))
        assert seen[own].patch.grid.physical((column, row, 0))[:2] == pytest.approx((x, y), abs=3.5)


def test_a_turned_phantom_has_the_same_midline_and_the_same_brightest_voxel() -> None:
    dce = make_exam(7, 1, small=True).exam.dce
    grid = turned(dce.grid, 10.0)
    phases = tuple(Phase(phase.time_s, resample_onto(phase.image, grid)) for phase in dce.phases)
    straight, oblique = dce, replace(dce, grid=grid, phases=phases)
    middles = [find_midline(Exam((one,), "")).x_mm for one in (straight, oblique)]
    assert middles[1] == pytest.approx(middles[0], abs=dce.grid.spacing_mm[0])
    for side in ("left", "right"):
        expected, found = (project_breast(one, side, WHOLE).maximum for one in (straight, oblique))
        assert found == pytest.approx(expected, rel=0.05)  # interpolated once


def test_the_share_that_is_clipped_is_exact() -> None:
    grid = Grid((100, 50, 4), (3.0, 3.0, 5.0), (-148.5, -100.0, 0.0))  # half of it is as many pixels as the picture
    before = np.zeros(grid.size[::-1])
    after = np.random.default_rng(0).permutation(before.size).reshape(before.shape)  # no two are equal
    dce = series(before, after, grid=grid, pixel_type=np.int32)
    found = project_breast(dce, "right", ProjectionSpec(phase=1, clip_percent=2.0, size_px=50), Midline(x_mm=0.0))
    rays = after[:, :, :50].max(axis=0)
    white = np.sort(rays, axis=None)[-51]  # 50 of the 2500 pixels are brighter
    expected = (np.minimum(rays, white) - rays.min()) / (white - rays.min())
    assert found.patch.pixels[0] == pytest.approx(expected, abs=1e-6)
    assert (found.patch.pixels == 1.0).sum() == 51 and found.patch.pixels.min() == 0.0
    assert found.maximum == rays.max()  # as it was before


def test_the_picture_covers_the_breast_and_keeps_its_size() -> None:
    found = project_breast(one_bright((60.0, -70.0, 20.0)), "left", WHOLE, MIDLINE)
    assert found.columns == {"mip_height_mm": 180.0, "mip_width_mm": 160.0, "mip_pixel_mm": 4.0, "mip_maximum": 500.0}
    grid = found.patch.grid
    assert grid.size == (224, 224, 1) and np.multiply(grid.size, grid.spacing_mm) == pytest.approx((160, 180, 120))
    corners = grid.physical(grid.corners_ijk(border=0.5))
    assert corners.min(axis=0) == pytest.approx((-2, -101.5, -62.5))
    assert corners.max(axis=0) == pytest.approx((158, 78.5, 57.5))
    assert found.patch.pixels.shape == (1, 224, 224) and found.patch.pixels.dtype == np.float32


def test_a_smaller_picture_steps_over_nothing() -> None:
    # 60 rows become 6: wherever the bright voxel lies, a tenth of its row is seen.
    spec = replace(WHOLE, size_px=6)
    background = series(np.zeros(AXIAL.size[::-1]), np.zeros(AXIAL.size[::-1]))
    assert not project_breast(background, "left", spec, MIDLINE).patch.pixels.any()  # flat: 0 everywhere
    for j in range(0, 60, 3):
        seen = project_breast(one_bright((60.0, -100.0 + 3 * j, 0.0)), "left", spec, MIDLINE).patch.pixels[0]
        assert seen.max() == 1.0 and abs(seen.max(axis=1).argmax() - (j + 0.5) / 10 + 0.5) <= 0.5


def test_the_midline_is_that_of_the_body_wherever_the_patient_lies() -> None:
    exam = make_exam(3, 2, small=True).exam
    shift = 34.0
    moved = tuple(_rolled(phase, exam.dce.grid, shift) for phase in exam.dce.phases)
    shifted = replace(exam.dce, phases=moved)
    here, there = find_midline(exam).x_mm, find_midline(Exam((shifted,), "")).x_mm
    assert there == pytest.approx(here + shift, abs=4.0)
    widths = {side: project_breast(shifted, side, WHOLE).columns["mip_width_mm"] for side in ("left", "right")}
    room = shifted.grid.size[0] * shifted.grid.spacing_mm[0]
    assert sum(widths.values()) == pytest.approx(room)
    assert (widths["right"] - widths["left"]) / 2 == pytest.approx(shift, abs=8.0)  # not the middle of the image


def _rolled(phase: Phase, grid: Grid, shift_mm: float) -> Phase:
    """Move the patient to her left within the same images."""
    voxels = round(shift_mm / grid.spacing_mm[0])
    pixels = np.roll(sitk.GetArrayFromImage(phase.image), voxels, axis=2)
    return Phase(phase.time_s, grid.put_on(sitk.GetImageFromArray(pixels)))


def test_a_phantoms_lesion_is_seen_on_its_side_where_its_mask_lies() -> None:
    made = make_exam(0, 1, small=True)
    found = project_breast(made.exam.dce, made.lesion.side, ProjectionSpec())
    k, j, i = np.argwhere(sitk.GetArrayViewFromImage(made.lesion.mask)).T
    middle = made.exam.dce.grid.physical((i.mean(), j.mean(), k.mean()))
    column, row, _ = found.patch.grid.index((*middle[:2], found.patch.grid.origin_lps[2]))
    around = found.patch.pixels[0, round(row) - 4 : round(row) + 5, round(column) - 4 : round(column) + 5]
    assert around.mean() > 5 * np.median(found.patch.pixels)


def test_the_chest_is_left_out_from_a_distance_behind_the_skin_between_the_breasts() -> None:
    made = make_exam(7, 1, small=True)
    spec, dce = replace(WHOLE, size_px=64), made.exam.dce
    whole, cut = (project_breast(dce, "left", replace(spec, behind_sternum_mm=mm)) for mm in (None, 40.0))
    skin_y, voxel_mm = sternum_y(dce.phase(0).image), dce.grid.spacing_mm[1]
    front, back = (cut.patch.grid.physical((0, row, 0))[1] for row in (-0.5, 63.5))
    assert back == pytest.approx(skin_y + 40, abs=voxel_mm)
    assert front == pytest.approx(whole.patch.grid.physical((0, -0.5, 0))[1])
    assert cut.columns["mip_height_mm"] == pytest.approx(back - front)
    assert cut.maximum < whole.maximum  # the heart's
    nobody = project_breast(one_bright((60.0, -70.0, 20.0)), "left", replace(spec, behind_sternum_mm=40.0), MIDLINE)
    assert "The sternum was not found" in nobody.warnings[-1]


def test_motion_is_taken_out_before_subtraction() -> None:
    made = make_exam(0, 2, small=True)
    before = made.exam.dce.phases[0].image
    turned = sitk.Euler3DTransform((0, 0, 0), 0, 0, 0, (0.0, 6.0, 0.0))
    after = sitk.Resample(before, before, turned, sitk.sitkLinear)  # nothing but a motion
    dce = replace(made.exam.dce, phases=(made.exam.dce.phases[0], Phase(90.0, after)))
    moved, aligned = (project_breast(dce, "left", replace(WHOLE, registration=how)) for how in ("none", "rigid"))
    front = slice(40, 140)  # rows of the skin, where a shift shows most
    left_over = [one.patch.pixels[0, front].mean() * one.maximum for one in (moved, aligned)]
    assert left_over[1] < 0.6 * left_over[0]


def test_the_peak_is_the_phase_with_the_strongest_enhancement() -> None:
    made = make_exam(0, 1, small=True)
    before, *after = made.exam.dce.phases
    reordered = replace(made.exam.dce, phases=(before, after[0], after[-1], after[1], after[2]))
    assert brightest_phase(made.exam.dce) == 4 and brightest_phase(reordered) == 2
    assert project_breast(reordered, "left", ProjectionSpec(phase=None)).phase == 2


def test_a_phase_that_is_not_there_is_said() -> None:
    found = project_breast(one_bright((60.0, -70.0, 20.0)), "left", ProjectionSpec(phase=3), MIDLINE)
    assert found.phase == 1 and "the model wants phase 3" in found.warnings[0]
    with pytest.raises(InputError, match="one phase only"):
        project_breast(series(np.zeros(AXIAL.size[::-1])), "left", WHOLE, MIDLINE)


def test_what_cannot_be_told_apart_is_refused() -> None:
    dce = one_bright((60.0, -70.0, 20.0))
    with pytest.raises(InputError, match="give its side, left or right"):
        project_breast(dce, "unknown", WHOLE, MIDLINE)
    with pytest.raises(InputError, match="show the left breast only, and the right one"):
        project_breast(dce, "right", WHOLE, Midline(side="left"))
    with pytest.raises(InputError, match="was not found on images 320 mm wide"):
        project_breast(dce, "right", WHOLE, Midline())
    with pytest.raises(InputError, match="the right breast is not in them"):
        project_breast(dce, "right", WHOLE, Midline(x_mm=-140.0))


def test_images_of_one_breast_are_taken_whole() -> None:
    dce = one_bright((60.0, -70.0, 20.0))
    said = project_breast(dce, "left", WHOLE, Midline(side="left"))
    assert said.columns["mip_width_mm"] == 320.0 and said.warnings == ()
    narrow = Grid((50, 60, 24), (4.0, 3.0, 5.0), (-100.0, -100.0, -60.0))
    guessed = project_breast(one_bright((0.0, -70.0, 20.0), narrow), "left", WHOLE, Midline())
    assert guessed.columns["mip_width_mm"] == 200.0 and "taken as the left one" in guessed.warnings[0]


def test_broken_voxels_are_refused() -> None:
    before, after = np.zeros(AXIAL.size[::-1]), np.zeros(AXIAL.size[::-1])
    after[3, 4, 50] = np.nan
    with pytest.raises(InputError, match="NaN or infinite"):
        project_breast(series(before, after, pixel_type=np.float32), "left", WHOLE, MIDLINE)


def test_a_real_patients_tumour_is_the_bright_spot_of_the_right_breast(duke_folder: Path) -> None:
    dce = read_exam(duke_folder / "dicom").dce
    right, left = (project_breast(dce, side, ProjectionSpec(phase=1)) for side in ("right", "left"))
    assert right.columns["mip_width_mm"] + left.columns["mip_width_mm"] == pytest.approx(340.0, abs=0.01)
    # The official box: columns 90-124, rows 47-82, counted from 1.
    first, last = (dce.grid.physical((c - 1, r - 1, 12)) for c, r in ((90, 47), (124, 82)))
    index = right.patch.grid.index([first, last])[:, :2]
    (c0, r0), (c1, r1) = np.rint(index).astype(int)
    inside = right.patch.pixels[0, r0:r1, c0:c1]
    assert inside.mean() > np.percentile(right.patch.pixels, 98)


def test_the_phase_before_contrast_cannot_be_chosen() -> None:
    # Subtracted from itself it would be a black image, and a model would read it like any other.
    with pytest.raises(InputError, match="phase 0 was chosen, the one before contrast"):
        project_breast(one_bright((60.0, -70.0, 20.0)), "left", WHOLE, MIDLINE, chosen_phase=0)
