"""The training loss against numbers on paper."""

import numpy as np
import pytest
import torch

from BreastFusionLib.training.losses import case_losses, class_weights, part_losses
from BreastFusionLib.training.spec import TrainingSpec

# Logits of two cases with probabilities .8 and .5 of the second class.
LOGITS = torch.log(torch.tensor([[0.2, 0.8], [0.5, 0.5]]))
LABELS = torch.tensor([1, 0])


def test_without_weights_it_is_minus_the_logarithm_of_the_labels_probability():
    torch.testing.assert_close(case_losses(LOGITS, LABELS, None), -torch.log(torch.tensor([0.8, 0.5])))


def test_a_class_weight_multiplies_its_cases_and_divides_nothing():
    found = case_losses(LOGITS, LABELS, torch.tensor([1.0, 4.0]))
    torch.testing.assert_close(found, torch.tensor([-4 * np.log(0.8), -np.log(0.5)], dtype=torch.float32))


def test_smoothed_and_weighted_it_is_binary_cross_entropy_with_a_positive_weight():
    # holste2021: the label y becomes y (1 - s) + s / 2, a positive counts w times.
    s, w = 0.1, 4.0
    y, p = np.array([1 - s / 2, s / 2]), np.array([0.8, 0.5])
    expected = -(w * y * np.log(p) + (1 - y) * np.log(1 - p))
    found = case_losses(LOGITS, LABELS, torch.tensor([1.0, w]), smoothing=s)
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_parts_of_a_case_add_up_and_a_source_that_it_lacks_adds_nothing():
    present = {"mip": torch.tensor([True, True]), "clinical": torch.tensor([False, True])}
    found = part_losses({"mip": LOGITS, "clinical": LOGITS}, LABELS, present, None)
    torch.testing.assert_close(found, torch.tensor([-np.log(0.8), -2 * np.log(0.5)], dtype=torch.float32))


def test_an_absent_source_gives_no_gradient():
    logits = LOGITS.clone().requires_grad_()
    part_losses({"mip": logits}, LABELS, {"mip": torch.tensor([False, True])}, None).sum().backward()
    assert logits.grad is not None
    assert not logits.grad[0].any()
    assert logits.grad[1].any()


@pytest.mark.parametrize("portions", [(3, 4), (1, 6), (2, 2, 3)])
def test_portions_of_a_batch_add_up_to_its_gradient(portions):
    generator = torch.Generator().manual_seed(0)
    weights, labels = torch.tensor([0.5, 2.0]), torch.tensor([0, 0, 1, 0, 1, 0, 0])
    values = torch.randn(7, 2, generator=generator, dtype=torch.float32)
    whole, divided = (values.clone().requires_grad_() for _ in range(2))
    (case_losses(whole, labels, weights, 0.1).sum() / 7).backward()
    for logits, part in zip(divided.split(portions), labels.split(portions), strict=True):
        (case_losses(logits, part, weights, 0.1).sum() / 7).backward(retain_graph=True)
    torch.testing.assert_close(divided.grad, whole.grad)


def test_balanced_weights_are_one_on_average_and_have_the_ratio_of_the_classes():
    labels = np.array([0, 0, 0, 0, 1])
    weights = class_weights(labels, TrainingSpec(class_weights="balanced"))
    np.testing.assert_allclose(weights, [5 / 8, 4 * 5 / 8])
    assert weights[labels].mean() == 1
    assert class_weights(labels, TrainingSpec()) is None
