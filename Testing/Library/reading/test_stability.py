"""The probability's range when the outline is moved by one voxel."""

from dataclasses import replace

import numpy as np
import pytest
import SimpleITK as sitk

from BreastFusionLib.exam.geometry import Grid
from BreastFusionLib.lesion import Lesion, edited_lesion, map_lesion
from BreastFusionLib.reading import Reader, cut_case, load_bundle, outline_range
from BreastFusionLib.reading.stability import move_outline, outline_step_mm

pytestmark = pytest.mark.fast

GRID = Grid((12, 11, 5), (0.8, 0.8, 2.0), (3.0, -4.0, 5.0))


def mask_of(pixels) -> sitk.Image:
    return GRID.put_on(sitk.GetImageFromArray(pixels.astype(np.uint8)))


def drawn(start=(3, 4, 1), size=(5, 4, 3)) -> sitk.Image:
    pixels = np.zeros(GRID.size[::-1])
    pixels[tuple(slice(a, a + n) for a, n in zip(start[::-1], size[::-1], strict=True))] = 1
    return mask_of(pixels)


def voxels(mask) -> int:
    return int(sitk.GetArrayViewFromImage(mask).sum())


def test_one_voxel_out_and_in_within_the_slices():
    # A rectangle of 5 x 4 on three slices: each side gains a row of its length, corners are farther than a voxel.
    out, inside = (move_outline(drawn(), 0.8, outwards) for outwards in (True, False))
    assert voxels(out) == 3 * (20 + 2 * 5 + 2 * 4)
    assert voxels(inside) == 3 * (3 * 2)
    slices = sitk.GetArrayViewFromImage(out).any(axis=(1, 2))
    assert slices.tolist() == [False, True, True, True, False]
    assert Grid.of(out) == GRID


def test_the_step_is_a_distance_and_not_a_number_of_voxels():
    # 1.2 mm reach the corners (1.13 mm) and not the second row (1.6 mm).
    assert voxels(move_outline(drawn(), 1.2, True)) == 3 * (7 * 6)
    assert outline_step_mm(Grid((4, 4, 4), (0.6, 0.9, 3.0))) == 0.9


def test_a_lesion_that_vanishes_stays_as_it_is():
    thin = drawn(size=(2, 2, 3))
    assert voxels(move_outline(thin, 0.8, False)) == voxels(thin)


def test_the_border_of_the_volume_is_no_outline():
    # Rows 0 to 3 along i reach the border: only the other end moves in, and nothing leaves the volume.
    mask = drawn(start=(0, 4, 0), size=(4, 4, 5))
    assert voxels(move_outline(mask, 0.8, False)) == 5 * (3 * 2)
    assert voxels(move_outline(mask, 0.8, True)) == 5 * (16 + 2 * 4 + 4)


@pytest.fixture(scope="module")
def bundle(bundle_folder):
    return load_bundle(bundle_folder)


def test_the_range_holds_the_probability_and_is_the_same_each_time(case, bundle):
    low, high = outline_range(case, bundle)
    assert 0 < low <= Reader(bundle).read(case).probability <= high < 1
    assert low < high
    assert outline_range(case, bundle) == (low, high)


@pytest.mark.parametrize("method", ["geometry", "edited", "rigid registration"])
def test_a_portion_has_the_range_of_the_whole_case(case, bundle, method):
    mapped = map_lesion(case.lesion, case.exam, "t1")
    if method == "edited":
        shifted = np.roll(sitk.GetArrayFromImage(mapped.mask), 4, axis=2)
        mapped = edited_lesion(case.lesion, case.exam, "t1", case.exam.t1.grid.put_on(sitk.GetImageFromArray(shifted)))
    elif method == "rigid registration":
        transform = sitk.Euler3DTransform((0.0, 0.0, 0.0), 0.0, 0.05, 0.0, (3.0, -2.0, 2.5))
        mapped = map_lesion(case.lesion, case.exam, "t1", transform=transform)
    assert mapped.method == method
    case = replace(case, mapped={"t1": mapped})
    portion = cut_case(case, bundle.recipe.inputs)
    assert outline_range(portion.case, bundle, portion.scales) == outline_range(case, bundle)


def test_a_moved_outline_is_mapped_as_the_drawn_one(case, bundle, monkeypatch):
    """With a recipe that registers, the one registration serves all three outlines."""
    import sys

    module = sys.modules["BreastFusionLib.lesion.mapping"]
    registered = []
    own = module.register_rigid
    monkeypatch.setattr(module, "register_rigid", lambda *given: registered.append(1) or own(*given))
    recipe = replace(bundle.recipe, inputs=replace(bundle.recipe.inputs, registration="rigid"))
    outline_range(case, replace(bundle, recipe=recipe))
    assert len(registered) == 2  # T1 and T2


def test_a_lesion_of_one_voxel_has_a_range(case, bundle):
    pixels = np.zeros(case.exam.dce.grid.size[::-1], np.uint8)
    pixels[15, 30, 32] = 1
    mask = case.exam.dce.grid.put_on(sitk.GetImageFromArray(pixels))
    low, high = outline_range(replace(case, lesion=Lesion(mask)), bundle)
    assert 0 <= low <= high <= 1


def test_a_score_without_meaning_has_no_range(synthetic_bundle_folder, make_exam, case):
    bundle = load_bundle(synthetic_bundle_folder)
    assert outline_range(replace(case, exam=make_exam(synthetic=False)), bundle) is None
    assert outline_range(case, bundle) is not None
