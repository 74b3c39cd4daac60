"""Body mask, midline and side on two drawn breasts, wherever the scanner put its origin."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import SimpleITK as sitk

from BreastFusionLib.exam import Exam, Phase, Series
from BreastFusionLib.exam.breast import breast_mask, midline_x, side_of
from BreastFusionLib.exam.geometry import Grid
from BreastFusionLib.phantom import make_exam

pytestmark = pytest.mark.fast

SHIFT_X = 37.0  # the patient lies this far to her left of the scanner's centre


def chest(x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
    """Inside of two hemispherical breasts of 65 mm radius on a chest wall at y = 0, tops 160 mm apart."""
    breasts = np.zeros(x.shape, bool)
    for side in (-80.0, 80.0):
        breasts |= (x - SHIFT_X - side) ** 2 + y**2 + z**2 < 65.0**2
    return breasts | ((y > -5) & (y < 60) & (np.abs(x - SHIFT_X) < 160))


def draw(grid: Grid) -> sitk.Image:
    """Bright fat with dark glands, Rician noise in the air."""
    index = np.stack(np.meshgrid(*map(np.arange, grid.size), indexing="ij"), axis=-1)
    x, y, z = np.moveaxis(grid.physical(index).transpose(2, 1, 0, 3), -1, 0)
    rng = np.random.default_rng(0)
    signal = np.where(chest(x, y, z), 60.0 + 40 * (np.sin(x / 7) * np.sin(z / 9) > 0), 0.0)
    noisy = np.hypot(signal + rng.normal(0, 6, signal.shape), rng.normal(0, 6, signal.shape))
    return grid.put_on(sitk.GetImageFromArray(noisy.astype(np.float32)))


AXIAL = Grid((90, 50, 30), (4.0, 3.0, 5.0), (-140.0, -85.0, -70.0))
SAGITTAL = Grid((50, 30, 90), (3.0, 5.0, 4.0), (-140.0, -85.0, 75.0), (0, 0, 1, 1, 0, 0, 0, -1, 0))
ONE_BREAST = Grid((36, 50, 30), (4.0, 3.0, 5.0), (-140.0, -85.0, -70.0))


def exam_of(grid: Grid, **acquisition: str) -> Exam:
    phase = Phase(0.0, draw(grid))
    return Exam((Series("dce", "ax dyn", "", "post", (phase,), grid, acquisition),), "P")


@pytest.mark.parametrize("grid", [AXIAL, SAGITTAL], ids=["axial", "sagittal"])
def test_the_mask_is_the_body(grid: Grid) -> None:
    image = draw(grid)
    index = np.stack(np.meshgrid(*map(np.arange, grid.size), indexing="ij"), axis=-1)
    truth = chest(*np.moveaxis(grid.physical(index).transpose(2, 1, 0, 3), -1, 0))
    mask = breast_mask(image)
    assert mask.GetPixelID() == sitk.sitkUInt8 and Grid.of(mask) == grid
    found = sitk.GetArrayFromImage(mask).astype(bool)
    assert 2 * (found & truth).sum() / (found.sum() + truth.sum()) > 0.95


@pytest.mark.parametrize("scale", [1.0, 1e-4, 300.0])
@pytest.mark.parametrize("grid", [AXIAL, SAGITTAL], ids=["axial", "sagittal"])
def test_the_midline_lies_between_the_breasts(grid: Grid, scale: float) -> None:
    assert midline_x(draw(grid) * scale) == pytest.approx(SHIFT_X, abs=4)


@pytest.mark.parametrize("number", [84, 126])
def test_dark_fat_belongs_to_the_breast(number: int) -> None:
    """With suppressed fat one threshold may lie between fat and glands; the phantom's sternum lies at x = 0."""
    assert midline_x(make_exam(7, number, small=True).exam.dce.phases[0].image) == pytest.approx(0.0, abs=8)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_voxels_without_a_value_hide_no_breast(value: float) -> None:
    image = draw(AXIAL)
    for index in ((0, 0, 0), (89, 49, 29), (20, 25, 15)):
        image[index] = value  # as resampling leaves them beyond the border, and one within a breast
    assert midline_x(image) == midline_x(draw(AXIAL))


def test_side_by_the_midline_not_by_the_sign_of_x() -> None:
    exam = exam_of(AXIAL)
    assert side_of((SHIFT_X + 30, -40.0, 0.0), exam) == "left"
    assert side_of((SHIFT_X - 30, -40.0, 0.0), exam) == "right"  # x is positive there
    assert side_of((SHIFT_X, -40.0, 0.0), exam) == "unknown"


def test_one_breast_has_no_midline_and_no_side() -> None:
    assert midline_x(draw(ONE_BREAST)) is None
    assert side_of((-80.0, -40.0, 0.0), exam_of(ONE_BREAST)) == "unknown"


def test_dicom_laterality_is_believed() -> None:
    assert side_of((-80.0, -40.0, 0.0), exam_of(ONE_BREAST, Laterality="R")) == "right"
    assert side_of((-80.0, -40.0, 0.0), exam_of(ONE_BREAST, ImageLaterality="l")) == "left"
    assert side_of((-80.0, -40.0, 0.0), exam_of(ONE_BREAST, Laterality="B")) == "unknown"


def test_a_laterality_names_no_breast_of_images_that_show_both() -> None:
    for point_x, side in ((SHIFT_X + 30, "left"), (SHIFT_X - 30, "right")):
        assert side_of((point_x, -40.0, 0.0), exam_of(AXIAL, Laterality="R")) == side


def test_a_t2_of_one_breast_names_no_breast_of_a_dce_of_both() -> None:
    both, one = exam_of(AXIAL), exam_of(ONE_BREAST, Laterality="R").series[0]
    exam = replace(both, series=(*both.series, replace(one, role="t2", contrast="pre")))
    assert side_of((SHIFT_X + 30, -40.0, 0.0), exam) == "left"
    # The DCE of one breast says nothing, and the T2 what both show.
    exam = replace(exam, series=(exam_of(ONE_BREAST).series[0], exam.series[1]))
    assert side_of((-80.0, -40.0, 0.0), exam) == "right"


def test_an_empty_image_has_neither_body_nor_midline() -> None:
    image = AXIAL.empty_image(sitk.sitkInt16)
    assert not sitk.GetArrayFromImage(breast_mask(image)).any()
    assert midline_x(image) is None
