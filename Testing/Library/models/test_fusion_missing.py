"""A missing source is normal: its neutral value stands for it, and gated fusion leaves it out."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from BreastFusionLib.models import EncoderSpec, FusionNetwork, ModelSpec, build_network

IMAGES = {"dce": 3, "t2": 3}
VECTORS = {"clinical": 5}
TOWERS = dict.fromkeys((*IMAGES, *VECTORS), (6, "drop", 4))
FUSIONS = ("concat", "add", "multiply", "probability", "gated")


def network_of(fusion: str, **more: object) -> FusionNetwork:
    torch.manual_seed(0)
    encoder = EncoderSpec("small", "none", frozen=False)
    spec = ModelSpec(encoder, fusion, TOWERS, (3,), 0.5, standardise_features=True, **more)  # type: ignore[arg-type]
    network = build_network(spec, IMAGES, VECTORS, classes=2, load_weights=False)
    network.train()(*case(seed=7))
    network.follow()  # so that neutral values are no longer zero
    return network.eval()


def case(n: int = 3, seed: int = 1) -> tuple[dict[str, Tensor], dict[str, Tensor], dict[str, Tensor]]:
    random = torch.Generator().manual_seed(seed)
    images = {source: torch.randn(n, channels, 16, 16, generator=random) for source, channels in IMAGES.items()}
    vectors = {source: torch.randn(n, width, generator=random) for source, width in VECTORS.items()}
    return images, vectors, {source: torch.ones(n, dtype=torch.bool) for source in TOWERS}


@pytest.mark.parametrize("fusion", FUSIONS)
def test_what_stands_in_an_absent_source_does_not_matter(fusion: str) -> None:
    network = network_of(fusion)
    images, vectors, present = case()
    present["t2"] = torch.tensor([True, False, True])
    before = network(images, vectors, present)
    images["t2"][1] = float("nan")
    after = network(images, vectors, present)
    torch.testing.assert_close(after.logits, before.logits)
    for source, weights in before.weights.items():
        torch.testing.assert_close(after.weights[source], weights)


@pytest.mark.parametrize("fusion", ["concat", "add", "multiply", "probability"])
def test_an_absent_source_counts_as_a_case_with_its_mean(fusion: str) -> None:
    network = network_of(fusion)
    images, vectors, present = case()
    features = {source: network.encode(source, images[source]) for source in IMAGES}
    average = {**features, "t2": network.neutral("t2").expand(3, -1)}
    assert network.neutral("t2").any()
    without = {**present, "t2": torch.zeros(3, dtype=torch.bool)}
    found = network.fuse(features, vectors, without).logits
    torch.testing.assert_close(found, network.fuse(average, vectors, present).logits)
    assert not torch.allclose(found, network.fuse(features, vectors, present).logits)


def test_gated_weights_are_those_of_the_sources_that_are_there() -> None:
    network = network_of("gated")
    images, vectors, present = case()
    every = network(images, vectors, present).weights
    some = network(images, vectors, {**present, "t2": torch.tensor([False, True, True])}).weights
    assert some["t2"][0].item() == 0
    torch.testing.assert_close(torch.stack(list(some.values())).sum(dim=0), torch.ones(3))
    # The others keep their proportions: a softmax over fewer scores.
    torch.testing.assert_close(some["dce"][0] / some["clinical"][0], every["dce"][0] / every["clinical"][0])
    torch.testing.assert_close(some["dce"][1:], every["dce"][1:])


def test_a_gated_case_reads_as_if_its_absent_source_had_never_been_in_the_model() -> None:
    network = network_of("gated")
    images, vectors, present = case()
    without = network(images, vectors, {**present, "t2": torch.zeros(3, dtype=torch.bool)})
    smaller = ModelSpec(
        EncoderSpec("small", "none", frozen=False), "gated", TOWERS, (3,), 0.5, standardise_features=True
    )
    other = build_network(smaller, {"dce": 3}, VECTORS, classes=2, load_weights=False).eval()
    other.load_state_dict({name: network.state_dict()[name] for name in other.state_dict()})
    torch.testing.assert_close(other(images, vectors, present).logits, without.logits)


@pytest.mark.parametrize("fusion", FUSIONS)
def test_a_case_without_any_source_gives_finite_numbers_and_gradients(fusion: str) -> None:
    network = network_of(fusion).train()
    images, vectors, present = case()
    nothing = {source: torch.tensor([False, True, True]) for source in present}
    output = network(images, vectors, nothing)
    output.logits.square().sum().backward()
    assert torch.isfinite(output.logits).all()
    assert all(torch.isfinite(p.grad).all() for p in network.parameters() if p.grad is not None)


def test_source_dropout_replaces_a_tower_s_output_by_that_of_the_neutral_value() -> None:
    network = network_of("concat", source_dropout=0.5)
    images, vectors, present = case(n=64)
    features = {source: network.encode(source, images[source]).detach() for source in IMAGES}
    seen: list[Tensor] = []
    network.head.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].detach()))
    for module in network.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    network.train().fuse(features, vectors, present)
    network.eval().fuse(features, vectors, present)
    neutral = network.towers["clinical"](torch.zeros(1, 5))
    dropped = (seen[0][:, 8:] != seen[1][:, 8:]).any(dim=1)
    assert 10 < int(dropped.sum()) < 54
    torch.testing.assert_close(seen[0][dropped, 8:], neutral.expand(int(dropped.sum()), -1))
