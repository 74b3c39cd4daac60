"""The same image on both sides of a split is found, whatever was done to its intensities; different ones are not."""

import numpy as np
import pandas as pd
import pytest
from scipy.ndimage import gaussian_filter

from BreastFusionLib.cohort.leakage import (
    LEAST_PROJECTION_PX,
    image_signatures,
    refuse_near_duplicates,
    similarity_across,
)
from BreastFusionLib.errors import InputError
from BreastFusionLib.images import ProjectionSpec, project_breast
from BreastFusionLib.phantom import make_exam

SPLITS = ["train"] * 20 + ["test"] * 20


def images(count: int = 40, side: int = 64, seed: int = 0) -> np.ndarray:
    """Smooth random textures, each different, in three channels."""
    noise = np.random.default_rng(seed).normal(size=(count, 3, side, side)).astype(np.float32)
    return gaussian_filter(noise, (0, 0, 2, 2)) + 2


def found(pixels: np.ndarray) -> list[tuple[int, int]]:
    return [(row, other) for _, row, other in similarity_across({"dce": image_signatures(pixels)}, SPLITS)]


def test_different_images_are_none_of_each_others():
    assert found(images()) == []


@pytest.mark.parametrize(
    "change",
    [
        lambda x: x,
        lambda x: 3.5 * x - 20,
        lambda x: 1e-7 * x,
        lambda x: np.sign(x) * np.abs(x) ** 0.8,
        lambda x: x + np.random.default_rng(1).normal(0, 0.05 * x.std(), x.shape),
        lambda x: x[:, :, ::-1],
    ],
    ids=["copy", "rescaled", "in another unit", "gamma", "noise", "mirrored"],
)
def test_a_copy_is_found_whatever_was_done_to_it(change):
    pixels = images()
    pixels[33] = change(pixels[4])
    assert found(pixels) == [(4, 33)]


@pytest.mark.parametrize("side", [16, 40, 63, 64, 100])
def test_a_copy_is_found_whatever_its_size(side):
    pixels = images(side=side)
    assert found(pixels) == []
    pixels[33] = 2 * pixels[4] ** 0.8 - 1
    assert found(pixels) == [(4, 33)]


def test_breasts_of_two_patients_with_the_same_chest_are_not_the_same_image():
    """The left breasts of all phantoms lie before much the same heart; of eighty exams these are the most alike."""
    exams = [make_exam(7, number, small=True).exam.dce for number in (51, 2)]
    for size_px in (LEAST_PROJECTION_PX, 48, 63):
        seen = [project_breast(dce, "left", ProjectionSpec(size_px=size_px)).patch.pixels for dce in exams]
        assert similarity_across({"mip": image_signatures(np.stack(seen))}, ["train", "test"]) == []


def test_copies_within_a_split_are_no_leak():
    pixels = images()
    pixels[5] = pixels[4]
    assert found(pixels) == []


def test_all_sequences_count_that_both_cases_have():
    dce, t2 = image_signatures(images()), image_signatures(images(seed=1))
    dce[33] = dce[4]
    assert similarity_across({"dce": dce, "t2": t2}, SPLITS) == []  # the same DCE, another T2: half alike
    t2[33] = 0  # no T2 there
    assert [pair[1:] for pair in similarity_across({"dce": dce, "t2": t2}, SPLITS)] == [(4, 33)]


def test_images_without_structure_are_alike_in_nothing():
    assert not image_signatures(np.full((2, 1, 32, 32), 7.0)).any()
    assert found(np.zeros((40, 3, 32, 32))) == []


def test_the_refusal_names_the_pair():
    pixels = images()
    pixels[33] = 2 * pixels[4]
    table = pd.DataFrame({"case_id": [f"C{n}" for n in range(40)], "patient_id": range(40), "split": SPLITS})
    with pytest.raises(
        InputError, match=r"'C4' \(train\) and 'C33' \(test\) show the same image \(correlation 1\.000\)"
    ):
        refuse_near_duplicates(table, {"dce": image_signatures(pixels)})
    refuse_near_duplicates(table, {"dce": image_signatures(images())})


def test_the_same_outline_is_not_the_same_image():
    """Projections of breasts are alike in their outline, which is brighter than what tells them apart."""
    inside = images(side=224, seed=2)[:, 1:2]
    row, column = np.mgrid[:224, :224]
    outline = 20 * inside.std() * (np.hypot(row - 112, column - 112) < 90)
    breasts = outline + inside
    assert found(breasts) == []
    breasts[33] = 0.7 * breasts[4] + 3
    assert found(breasts) == [(4, 33)]
