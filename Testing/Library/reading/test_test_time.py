"""Test-time augmentation: the mean probability over randomly changed copies, the same whoever asks."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from BreastFusionLib.errors import InputError
from BreastFusionLib.images.augment import apply_augmentation, draw_augmentation, stack
from BreastFusionLib.images.settings import AugmentationSpec
from BreastFusionLib.reading import Case, TestTimeSpec, load_bundle, prepare
from BreastFusionLib.reading.calibration import mean_margin
from BreastFusionLib.reading.recipe import ReadingRecipe
from BreastFusionLib.reading.score import batch_tensors, changed_copies, score, score_batch

pytestmark = pytest.mark.fast

NOTHING = AugmentationSpec(flip_horizontal=0, flip_vertical=0, rotation_degrees=0)
MUCH = AugmentationSpec(rotation_degrees=30, scale_percent=20, elastic_percent=3, contrast_percent=40, photometric=1)


@pytest.fixture(scope="module")
def bundle(bundle_folder):
    return load_bundle(bundle_folder)


def with_copies(bundle, augmentation: AugmentationSpec, copies: int = 3):
    return replace(bundle, recipe=replace(bundle.recipe, test_time=TestTimeSpec(copies, 7, augmentation)))


def test_the_mean_is_of_probabilities_and_survives_certainty():
    logit = lambda p: np.log(p / (1 - p))  # noqa: E731 - a formula
    np.testing.assert_allclose(mean_margin([[logit(0.2), 3.0], [logit(0.6), 3.0]]), [logit(0.4), 3.0], rtol=1e-12)
    np.testing.assert_allclose(mean_margin([[900.0, -900.0], [900.0, -900.0]]), [900.0, -900.0])
    assert mean_margin([[900.0], [-900.0]]) == pytest.approx([0.0])


def test_copies_that_change_nothing_change_nothing(inputs, bundle):
    plain, found = score(inputs, bundle), score(inputs, with_copies(bundle, NOTHING))
    assert found.probability == pytest.approx(plain.probability, abs=1e-12)
    assert found.logit == pytest.approx(plain.logit, abs=1e-12)
    assert found.parts == pytest.approx(dict(plain.parts), abs=1e-12)


def test_a_score_is_the_calibrated_mean_of_the_copies_probabilities(inputs, bundle):
    images, vectors, present = batch_tensors([inputs], bundle.scalers, bundle.recipe)
    probabilities = []
    for copy in range(3):
        changes = stack([draw_augmentation(MUCH, 7, copy, "")])
        changed = {source: apply_augmentation(pixels, changes) for source, pixels in images.items()}
        with torch.no_grad():
            logits = bundle.network(changed, vectors, present).logits.double()
        probabilities.append(float(torch.softmax(logits, dim=1)[0, 1]))
    mean = np.mean(probabilities)
    expected = bundle.metadata.calibration.probability(np.log(mean / (1 - mean)))
    found = score(inputs, with_copies(bundle, MUCH))
    assert found.probability == pytest.approx(float(expected), abs=1e-6)
    assert np.ptp(probabilities) > 1e-3
    assert abs(found.probability - score(inputs, bundle).probability) > 1e-4


def test_a_case_under_another_name_and_in_company_scores_the_same(inputs, make_exam, lesion, recipe, bundle):
    changing = with_copies(bundle, MUCH)
    without_t2 = prepare(Case(make_exam(("dce", "t1")), lesion, "C2", {"age": 52}), recipe.inputs)
    alone = score(inputs, changing)
    assert score(replace(inputs, case_id="another"), changing) == alone
    together = score_batch([without_t2, inputs], changing)
    assert together[1].probability == pytest.approx(alone.probability, abs=1e-6)
    assert together[0].sources_missing == ("t2",)


def test_all_sources_of_a_copy_change_alike_whatever_their_size():
    place = torch.linspace(-1, 1, 64)
    picture = torch.exp(-8 * ((place[:, None] - 0.3) ** 2 + (place + 0.2) ** 2))[None, None]
    images = {"dce": picture, "mip": torch.nn.functional.avg_pool2d(picture, 2)}
    turning = replace(MUCH, contrast_percent=0)
    copies = list(changed_copies(images, TestTimeSpec(4, 1, turning)))
    assert len(copies) == 4
    for copy in copies:
        torch.testing.assert_close(torch.nn.functional.avg_pool2d(copy["dce"], 2), copy["mip"], atol=0.02, rtol=0)
        assert not torch.allclose(copy["dce"], picture, atol=0.2)


def test_without_images_there_is_nothing_to_change():
    assert list(changed_copies({}, TestTimeSpec())) == []


def test_a_recipe_says_what_is_averaged(recipe_mapping):
    recipe_mapping["test_time"] = {"copies": 2, "augmentation": {"rotation_degrees": 20.0}}
    found = ReadingRecipe.from_mapping(recipe_mapping, "tiny").test_time
    assert found == TestTimeSpec(2, 0, AugmentationSpec(rotation_degrees=20.0))
    recipe_mapping["test_time"]["copies"] = 0
    with pytest.raises(InputError, match="test_time: copies must be 1 or more, found 0"):
        ReadingRecipe.from_mapping(recipe_mapping, "tiny")
