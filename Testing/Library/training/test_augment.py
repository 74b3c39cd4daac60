"""Augmentation: exact where it can be, the same for all sequences, and replayable."""

import numpy as np
import torch

from BreastFusionLib.images.settings import AugmentationSpec
from BreastFusionLib.training.augment import Augmentation, apply_augmentation, draw_augmentation, stack_matrices

SPEC = AugmentationSpec()


def applied(augmentation: Augmentation, images: torch.Tensor) -> torch.Tensor:
    return apply_augmentation(images, stack_matrices([augmentation] * len(images)))


def test_flips_and_quarter_turns_move_pixels_and_change_none():
    images = torch.rand(2, 3, 9, 9, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(applied(Augmentation(), images), images)
    torch.testing.assert_close(applied(Augmentation(flip_horizontal=True), images), images.flip(-1))
    torch.testing.assert_close(applied(Augmentation(flip_vertical=True), images), images.flip(-2))
    turned = applied(Augmentation(rotation_degrees=90.0), images)
    assert any(torch.allclose(turned, torch.rot90(images, k, (2, 3)), atol=1e-5) for k in (1, 3))
    both = applied(Augmentation(True, True, 180.0), images)
    torch.testing.assert_close(both, images, atol=1e-5, rtol=0)


def test_a_small_turn_moves_a_point_by_angle_times_radius():
    images = torch.zeros(1, 1, 65, 65)
    images[0, 0, 32, 32 + 20] = 1.0
    found = applied(Augmentation(rotation_degrees=10.0), images)[0, 0]
    rows, columns = np.indices(found.shape)
    center = np.array([(rows * found.numpy()).sum(), (columns * found.numpy()).sum()]) / found.numpy().sum() - 32
    np.testing.assert_allclose(np.abs(center), [20 * np.sin(np.deg2rad(10)), 20 * np.cos(np.deg2rad(10))], atol=0.15)


def test_each_case_of_a_batch_has_its_own_change():
    images = torch.arange(9.0).reshape(1, 1, 3, 3).repeat(2, 1, 1, 1)
    found = apply_augmentation(images, stack_matrices([Augmentation(), Augmentation(flip_horizontal=True)]))
    torch.testing.assert_close(found[0], images[0])
    torch.testing.assert_close(found[1], images[1].flip(-1))


def test_a_draw_can_be_replayed_and_depends_on_seed_replay_and_case():
    first = draw_augmentation(SPEC, 0, 3, "case")
    assert draw_augmentation(SPEC, 0, 3, "case") == first
    others = {
        draw_augmentation(SPEC, 1, 3, "case"),
        draw_augmentation(SPEC, 0, 4, "case"),
        draw_augmentation(SPEC, 0, 3, "x"),
    }
    assert first not in others
    assert len(others) == 3


def test_draws_have_the_frequencies_that_the_recipe_says():
    draws = [draw_augmentation(SPEC, 0, 0, f"case {n}") for n in range(4000)]
    for name in ("flip_horizontal", "flip_vertical"):
        # 4 standard deviations of a share of 4,000 draws.
        assert abs(np.mean([getattr(draw, name) for draw in draws]) - 0.5) < 4 * 0.5 / np.sqrt(4000)
    angles = np.array([draw.rotation_degrees for draw in draws])
    assert np.abs(angles).max() <= 10
    assert abs(angles.std() - 10 / np.sqrt(3)) < 0.2
    assert draw_augmentation(AugmentationSpec(flip_horizontal=0, flip_vertical=1, rotation_degrees=0), 0, 0, "a") == (
        Augmentation(False, True, 0.0)
    )
