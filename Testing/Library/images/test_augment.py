"""Random changes: exact where they can be, as MONAI understands them, the same for all sequences, and replayable."""

import dataclasses

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from BreastFusionLib.images.augment import (
    KNOTS,
    Augmentation,
    AugmentationBatch,
    _sources,
    apply_augmentation,
    draw_augmentation,
    stack,
)
from BreastFusionLib.images.settings import AugmentationSpec

EVERYTHING = AugmentationSpec(
    rotation_degrees=20, scale_percent=20, elastic_percent=3, contrast_percent=30, blur_px=2, photometric=1
)
NOTHING = AugmentationSpec(flip_horizontal=0, flip_vertical=0, rotation_degrees=0)


def applied(augmentation: Augmentation, images: torch.Tensor) -> torch.Tensor:
    return apply_augmentation(images, stack([augmentation] * len(images)))


def noise(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


def smooth(*shape: int) -> torch.Tensor:
    """Images without structure finer than a few pixels, which survives interpolation."""
    filtered = gaussian_filter(noise(*shape).numpy(), [0] * (len(shape) - 2) + [3, 3])
    return torch.from_numpy(filtered / filtered.std())


def center_of_mass(image: torch.Tensor) -> np.ndarray:
    """(row, column) from the image's centre."""
    rows, columns = np.indices(image.shape)
    values = image.numpy()
    return np.array([(rows * values).sum(), (columns * values).sum()]) / values.sum() - (np.array(image.shape) - 1) / 2


def test_where_nothing_is_drawn_nothing_changes_and_the_result_is_a_copy():
    images = noise(2, 3, 9, 9)
    found = applied(draw_augmentation(NOTHING, 0, 0, "a"), images)
    assert torch.equal(found, images)
    found.zero_()
    assert images.any()


def test_flips_move_pixels_and_change_none():
    images = noise(2, 3, 16, 16)
    assert torch.equal(applied(Augmentation(flip_horizontal=True), images), images.flip(-1))
    assert torch.equal(applied(Augmentation(flip_vertical=True), images), images.flip(-2))
    odd = noise(2, 3, 25, 35)  # neither square nor a power of two: places are rounded
    torch.testing.assert_close(applied(Augmentation(True, True), odd), odd.flip(-1, -2), atol=1e-5, rtol=0)


def test_a_quarter_turn_moves_pixels_and_changes_none():
    images = noise(2, 3, 9, 9)
    turned = applied(Augmentation(rotation_degrees=90.0), images)
    torch.testing.assert_close(turned, torch.rot90(images, 1, (2, 3)), atol=1e-5, rtol=0)


def test_a_small_turn_moves_a_point_by_angle_times_radius():
    images = torch.zeros(1, 1, 65, 65)
    images[0, 0, 32, 32 + 20] = 1.0
    row, column = center_of_mass(applied(Augmentation(rotation_degrees=10.0), images)[0, 0])
    assert row == pytest.approx(-20 * np.sin(np.deg2rad(10)), abs=0.15)  # anticlockwise, rows go down
    assert column == pytest.approx(20 * np.cos(np.deg2rad(10)), abs=0.15)


def test_magnification_moves_a_point_outwards():
    images = torch.zeros(1, 1, 65, 65)
    images[0, 0, 32 - 10, 32 + 20] = 1.0
    found = center_of_mass(applied(Augmentation(magnification=1.2), images)[0, 0])
    np.testing.assert_allclose(found, [-12, 24], atol=0.1)


def test_a_turn_keeps_angles_in_an_image_that_is_not_square():
    images = torch.zeros(1, 1, 41, 81)
    images[0, 0, 20, 40 + 15] = 1.0
    row, column = center_of_mass(applied(Augmentation(rotation_degrees=90.0), images)[0, 0])
    np.testing.assert_allclose([row, column], [-15, 0], atol=1e-3)


def test_each_case_of_a_batch_has_its_own_change():
    images = noise(1, 1, 4, 4).repeat(3, 1, 1, 1)
    found = apply_augmentation(images, stack([Augmentation(), Augmentation(flip_horizontal=True), Augmentation()]))
    assert torch.equal(found[0], images[0])
    assert torch.equal(found[1], images[1].flip(-1))
    assert torch.equal(found[2], images[2])


@pytest.mark.parametrize("size", [64, 65])
def test_turns_magnification_and_flips_are_those_of_monai(size):
    """MONAI's Affine on one image with the same parameters: same geometry, within rounding of the interpolation."""
    from monai.transforms import Affine

    images = smooth(1, 2, size, size)
    for flip, degrees, magnification in ((False, 17.0, 1.0), (True, -9.0, 1.0), (False, 0.0, 0.8), (True, 12.0, 1.15)):
        # MONAI maps the result's (row, column) to the source's, as we do, by rotation then scaling.
        theirs, _ = Affine(
            rotate_params=np.deg2rad(degrees),
            scale_params=(1 / magnification, (-1 if flip else 1) / magnification),
            mode="bilinear",
            padding_mode="border",
        )(images[0])
        ours = applied(Augmentation(flip, False, -degrees, magnification), images)[0]
        inner = (slice(None), slice(2, -2), slice(2, -2))
        torch.testing.assert_close(ours[inner], torch.as_tensor(np.asarray(theirs))[inner], atol=2e-3, rtol=0)


@pytest.mark.filterwarnings("ignore:monai.networks.blocks.Warp")
def test_an_elastic_change_is_what_monai_makes_of_the_same_displacements():
    from monai.networks.blocks import Warp

    images = smooth(3, 2, 48, 48)
    batch = stack([draw_augmentation(dataclasses.replace(NOTHING, elastic_percent=3), 0, 0, name) for name in "abc"])
    still = stack([Augmentation()] * 3)
    displacement_px = (_sources(batch, 48, 48) - _sources(still, 48, 48)) * 48 / 2
    # In MONAI's order: rows, columns.
    theirs = Warp(mode="bilinear", padding_mode="border")(images, displacement_px.flip(1))
    assert displacement_px.abs().max() > 1
    torch.testing.assert_close(apply_augmentation(images, batch), theirs, atol=1e-3, rtol=0)


def test_an_elastic_field_has_mean_zero_the_deviation_that_was_asked_for_and_is_smooth():
    spec = dataclasses.replace(NOTHING, elastic_percent=5)
    batch = stack([draw_augmentation(spec, 0, replay, "case") for replay in range(500)])
    field = (_sources(batch, 40, 40) - _sources(stack([Augmentation()]), 40, 40)) * 100 / 2  # per cent of the side
    assert field.mean(dim=0).abs().max() < 4.5 * 5 / np.sqrt(500)  # 4.5 standard errors, 3,200 places
    torch.testing.assert_close(field.std(dim=0), torch.full((2, 40, 40), 5.0), atol=0.8, rtol=0)
    # From one pixel (2.5 %) to the next: no more than the gradient of a Gaussian field of this width.
    steps = torch.cat([field.diff(dim=2).flatten(), field.diff(dim=3).flatten()])
    assert steps.std() == pytest.approx(5 * 2 / 40 / (np.sqrt(2) / 3), rel=0.05)
    assert (steps > -2.5).float().mean() > 0.9999  # it does not fold


def test_the_same_change_at_another_size_is_the_same_on_the_patient():
    """Sequences differ in pixels, not in what they show: a field drawn once is looked up at each one's own places."""
    augmentation = dataclasses.replace(draw_augmentation(EVERYTHING, 0, 0, "case"), gain=1.0, blur_px=0.0)
    fine, coarse = _sources(stack([augmentation]), 96, 96), _sources(stack([augmentation]), 32, 32)
    torch.testing.assert_close(fine[:, :, 1::3, 1::3], coarse, atol=1e-5, rtol=0)

    rows, columns = np.indices((96, 96)) - 47.5
    picture = torch.from_numpy(np.exp(-((rows + 12) ** 2 + (columns - 15) ** 2) / 2 / 9**2)).float()[None, None]
    small = torch.nn.functional.avg_pool2d(picture, 3)
    found = [center_of_mass(applied(augmentation, one)[0, 0]) / one.shape[-1] for one in (picture, small)]
    np.testing.assert_allclose(found[0], found[1], atol=0.003)
    assert np.abs(found[0] - center_of_mass(picture[0, 0]) / 96).max() > 0.03


def test_all_slices_of_a_case_change_alike():
    images = noise(4, 1, 20, 20).repeat(1, 3, 1, 1)
    found = apply_augmentation(images, stack([draw_augmentation(EVERYTHING, 0, 0, str(case)) for case in range(4)]))
    torch.testing.assert_close(found[:, 1:], found[:, :1].expand(-1, 2, -1, -1))
    assert not torch.allclose(found[0], found[1], atol=0.05)


def test_a_gain_is_about_the_images_own_mean():
    image = torch.tensor([[0.0, 1.0], [2.0, 5.0]])[None, None]
    assert applied(Augmentation(gain=1.5), image).flatten().tolist() == [-1.0, 0.5, 2.0, 6.5]


def test_a_blurred_point_is_a_gaussian_and_a_blurred_plane_stays_flat():
    point = torch.zeros(1, 1, 41, 41)
    point[0, 0, 20, 20] = 1.0
    found = applied(Augmentation(blur_px=1.5), point)[0, 0]
    away = np.hypot(*(np.indices((41, 41)) - 20))
    expected = np.exp(-(away**2) / 2 / 1.5**2)
    np.testing.assert_allclose(found, expected / expected.sum(), atol=1e-6)
    flat = torch.full((1, 2, 9, 12), 0.7)
    torch.testing.assert_close(applied(Augmentation(blur_px=3.0), flat), flat)
    torch.testing.assert_close(applied(Augmentation(blur_px=1e-9), noise(1, 1, 8, 8)), noise(1, 1, 8, 8))


def test_a_missing_image_stays_missing():
    batch = stack([draw_augmentation(EVERYTHING, 0, 0, str(case)) for case in range(8)])
    assert len(batch.contrasted) and len(batch.blurred)
    assert not apply_augmentation(torch.zeros(8, 3, 16, 16), batch).any()


def test_a_draw_can_be_replayed_and_depends_on_seed_replay_and_case():
    first = draw_augmentation(EVERYTHING, 0, 3, "case")
    again = draw_augmentation(EVERYTHING, 0, 3, "case")
    assert again == first
    np.testing.assert_array_equal(again.elastic, first.elastic)
    others = [draw_augmentation(EVERYTHING, *which) for which in ((1, 3, "case"), (0, 4, "case"), (0, 3, "x"))]
    assert len({first, *others}) == 4
    assert not any(np.array_equal(first.elastic, other.elastic) for other in others)


def test_company_and_order_of_a_batch_do_not_matter():
    images, names = noise(6, 2, 24, 24), list("abcdef")
    drawn = [draw_augmentation(EVERYTHING, 0, 0, name) for name in names]
    together = apply_augmentation(images, stack(drawn))
    turned = apply_augmentation(images.flip(0), stack(drawn[::-1])).flip(0)
    alone = torch.cat([apply_augmentation(images[[row]], stack([drawn[row]])) for row in range(6)])
    torch.testing.assert_close(turned, together, atol=1e-6, rtol=1e-6)
    torch.testing.assert_close(alone, together, atol=1e-6, rtol=1e-6)


def test_switching_a_change_on_leaves_the_draws_of_the_others_as_they_were():
    plain, more = (draw_augmentation(spec, 0, 0, "case") for spec in (AugmentationSpec(), EVERYTHING))
    assert (plain.flip_horizontal, plain.flip_vertical) == (more.flip_horizontal, more.flip_vertical)
    assert more.rotation_degrees == pytest.approx(2 * plain.rotation_degrees)
    assert (plain.magnification, plain.gain, plain.blur_px, plain.elastic) == (1, 1, 0, None)


def test_draws_have_the_frequencies_that_the_recipe_says():
    spec = dataclasses.replace(EVERYTHING, elastic_percent=0, photometric=0.5)
    draws = [draw_augmentation(spec, 0, 0, f"case {n}") for n in range(4000)]
    error = 4 * 0.5 / np.sqrt(4000)  # 4 standard deviations of a share of 4,000 draws
    for name in ("flip_horizontal", "flip_vertical"):
        assert abs(np.mean([getattr(draw, name) for draw in draws]) - 0.5) < error
    for values, reach in (
        (np.array([draw.rotation_degrees for draw in draws]), 20),
        (np.array([draw.magnification - 1 for draw in draws]), 0.2),
        (np.array([draw.gain - 1 for draw in draws if draw.gain != 1]), 0.3),
        (np.array([2 * draw.blur_px - 2 for draw in draws if draw.blur_px]), 2),
    ):
        assert np.abs(values).max() <= reach
        assert values.std() == pytest.approx(reach / np.sqrt(3), rel=0.08)
        assert abs(values.mean()) < 0.1 * reach
    blurred, contrasted = (np.array([getattr(d, n) != o for d in draws]) for n, o in (("blur_px", 0), ("gain", 1)))
    assert not (blurred & contrasted).any()
    assert abs(blurred.mean() - 0.25) < error
    assert abs(contrasted.mean() - 0.25) < error
    only_blur = dataclasses.replace(spec, contrast_percent=0)
    assert abs(np.mean([draw_augmentation(only_blur, 0, 0, str(n)).blur_px > 0 for n in range(4000)]) - 0.5) < error


def test_precision_of_the_network_is_not_that_of_the_places():
    images, batch = smooth(2, 1, 64, 64), stack([draw_augmentation(EVERYTHING, 0, 0, name) for name in "ab"])
    exact = apply_augmentation(images, batch)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(apply_augmentation(images, batch), exact)


def test_a_batch_of_changes_moves_like_any_tuple_of_tensors():
    batch = stack([draw_augmentation(EVERYTHING, 0, 0, "a"), Augmentation()])
    moved = batch.to("cpu")
    assert isinstance(moved, AugmentationBatch)
    assert moved.elastic.shape == (2, 2, KNOTS, KNOTS)
    assert moved.still.tolist() == [1]
    assert stack([Augmentation()]).to("cpu").elastic is None
