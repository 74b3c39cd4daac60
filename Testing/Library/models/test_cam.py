from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from BreastFusionLib.models import FusionNetwork, ModelSpec, activation_maps, build_network
from BreastFusionLib.models.encoders import Encoder
from BreastFusionLib.models.settings import Pooling

IMAGES = ("dce", "t2")
VECTORS = {"kinetics": 2}
THERE = {source: torch.ones(1, dtype=torch.bool) for source in (*IMAGES, *VECTORS)}
WEIGHTS = torch.tensor(
    [
        [1.0, -2.0, 0.5, 0.0, 0.0, 0.0, 0.3, 0.3],  # class 0
        [-1.0, 2.0, 0.25, 0.0, -1.0, 0.0, 0.1, 0.2],  # class 1: dce channels, t2 channels, kinetics
    ]
)


def tiny_network(spec: ModelSpec | None = None, pooling: Pooling = "mean") -> FusionNetwork:
    """A network whose feature map is the image itself (three channels), with a linear head of known weights."""
    encoder = Encoder(nn.Sequential(nn.Identity()), width=3, first_cell_px=0.0, cell_px=1, frozen=True, pooling=pooling)
    network = FusionNetwork({"shared": encoder}, IMAGES, VECTORS, 2, spec or ModelSpec())
    if spec is None:
        network.head[-1].weight.data = WEIGHTS  # type: ignore[union-attr]
    return network.eval()


def case(seed: int = 0) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    random = torch.Generator().manual_seed(seed)
    images = {source: torch.rand(1, 3, 4, 5, generator=random) for source in IMAGES}
    return images, {"kinetics": torch.randn(1, 2, generator=random)}


def scaled(evidence: np.ndarray) -> np.ndarray:
    evidence = np.maximum(evidence, 0)
    return evidence / evidence.max()


@pytest.mark.parametrize("pooling", ["mean", "max"])
@pytest.mark.parametrize("target", [0, 1])
def test_for_a_linear_head_gradcam_is_the_classic_class_activation_map(target: int, pooling: Pooling) -> None:
    """Of a maximum too: its gradient is in one cell, and the mean over the cells as large for each channel."""
    images, vectors = case()
    found = activation_maps(tiny_network(pooling=pooling), images, vectors, THERE, target)
    expected = np.einsum("k,khw->hw", WEIGHTS[target, :3].numpy(), images["dce"][0].numpy())
    np.testing.assert_allclose(found["dce", "gradcam"], scaled(expected), atol=1e-6)
    assert found["dce", "gradcam"].shape == (4, 5)


def test_two_classes_that_share_a_logit_are_each_others_opposite() -> None:
    images, vectors = case()
    network = tiny_network(ModelSpec(single_logit=True))
    network.head[-1].weight.data = WEIGHTS[1:]  # type: ignore[union-attr]
    for target, sign in ((1, 1), (0, -1)):
        found = activation_maps(network, images, vectors, THERE, target)
        expected = np.einsum("k,khw->hw", sign * WEIGHTS[1, :3].numpy(), images["dce"][0].numpy())
        np.testing.assert_allclose(found["dce", "gradcam"], scaled(expected), atol=1e-6)


def test_for_a_linear_head_gradcam_plus_plus_weighs_positive_channels_by_2_plus_their_contribution() -> None:
    images, vectors = case()
    found = activation_maps(tiny_network(), images, vectors, THERE, target=1)
    pixels = images["dce"][0].numpy()
    # g = w / 20 in each of the 20 cells: alpha = 1 / (2 + w * mean(A)), weight = sum of alpha * relu(g).
    positive = np.maximum(WEIGHTS[1, :3].numpy(), 0)
    weights = positive / (2 + positive * pixels.mean(axis=(1, 2)))
    np.testing.assert_allclose(found["dce", "gradcam++"], scaled(np.einsum("k,khw->hw", weights, pixels)), atol=1e-6)


def literal_maps(
    network: FusionNetwork, images: Mapping[str, Tensor], vectors: Mapping[str, Tensor], target: int
) -> dict[str, np.ndarray]:
    """Both papers' equations word for word, with the derivatives of Y = exp(logit), in double precision."""
    maps = {source: network.feature_map(source, images[source]).detach().requires_grad_() for source in IMAGES}
    features = {source: value.mean(dim=(2, 3)) for source, value in maps.items()}
    score = network.fuse(features, vectors, THERE).logits[0, target]
    found = {}
    for source, a in maps.items():
        g = torch.autograd.grad(score, a, retain_graph=True)[0]
        y = torch.exp(score)
        alpha = (y * g**2) / (2 * y * g**2 + y * g**3 * a.sum(dim=(2, 3), keepdim=True))
        plus = (alpha * torch.relu(y * g)).sum(dim=(2, 3), keepdim=True)
        plain = g.mean(dim=(2, 3), keepdim=True)
        for method, weight in (("gradcam", plain), ("gradcam++", plus)):
            found[source, method] = scaled((weight * a).sum(dim=1)[0].detach().numpy())
    return found


def test_behind_hidden_layers_both_methods_follow_their_papers_equations() -> None:
    torch.manual_seed(4)
    network = tiny_network(ModelSpec(head=(16,))).double()
    images, vectors = ({source: value.double() for source, value in part.items()} for part in case(1))
    found = activation_maps(network, images, vectors, THERE, target=1)
    expected = literal_maps(network, images, vectors, target=1)
    assert set(found) == set(expected)
    for key, value in expected.items():
        np.testing.assert_allclose(found[key], value, atol=1e-5)


def test_without_evidence_for_the_class_the_map_is_zero_not_noise() -> None:
    images, vectors = case()
    found = activation_maps(tiny_network(), images, vectors, THERE, target=1)
    assert not found["t2", "gradcam"].any()  # its only weight for class 1 is negative
    assert not found["t2", "gradcam++"].any()


def test_a_source_that_is_absent_has_no_map_and_the_others_keep_theirs() -> None:
    images, vectors = case()
    network = tiny_network()
    some = activation_maps(network, images, vectors, {**THERE, "t2": torch.tensor([False])}, target=1)
    assert set(some) == {("dce", "gradcam"), ("dce", "gradcam++")}
    every = activation_maps(network, images, vectors, THERE, target=1)
    np.testing.assert_allclose(some["dce", "gradcam"], every["dce", "gradcam"], atol=1e-6)


def test_a_model_without_images_has_no_maps() -> None:
    network = build_network(ModelSpec(encoder=None), {}, VECTORS, 2, load_weights=True).eval()
    assert activation_maps(network, {}, {"kinetics": torch.zeros(1, 2)}, THERE, target=1) == {}


def test_a_map_of_an_image_just_encoded_is_the_same() -> None:
    images, vectors = case()
    network = tiny_network()
    maps = {source: network.feature_map(source, images[source]) for source in IMAGES}
    first = activation_maps(network, images, vectors, THERE, target=1)
    second = activation_maps(network, {}, vectors, THERE, 1, maps)
    assert set(first) == set(second)
    assert all(np.array_equal(first[key], second[key]) for key in first)


def test_maps_leave_the_network_as_it_was_and_need_eval_mode() -> None:
    images, vectors = case()
    network = tiny_network()
    with torch.inference_mode():
        activation_maps(network, images, vectors, THERE, target=1)
    assert all(parameter.grad is None for parameter in network.parameters())
    assert not any(buffer.any() for name, buffer in network.named_buffers() if name.endswith("batches"))
    with pytest.raises(ValueError, match="eval mode"):
        activation_maps(network.train(), images, vectors, THERE, target=1)


def test_maps_are_made_for_one_case_at_a_time() -> None:
    images, vectors = case()
    two = [
        {source: value.repeat(2, *[1] * (value.ndim - 1)) for source, value in part.items()}
        for part in (images, vectors)
    ]
    with pytest.raises(ValueError, match="one case at a time"):
        activation_maps(tiny_network(), *two, {source: torch.ones(2, dtype=torch.bool) for source in THERE}, target=1)
