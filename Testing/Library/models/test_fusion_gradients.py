"""Where gradients stop, and which parameters belong to which part."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from BreastFusionLib.models import EncoderSpec, FusionNetwork, ModelSpec, NetworkOutput, build_network

FUSIONS = ("concat", "add", "multiply", "probability", "gated")
CHANNELS = {"dce": 3, "t2": 3}
VECTORS = {"clinical": 5}
SOURCES = (*CHANNELS, *VECTORS)


def network_of(fusion: str, shared: bool = False, channels: dict[str, int] = CHANNELS) -> FusionNetwork:
    torch.manual_seed(0)
    encoder = EncoderSpec("small", "none", frozen=False, shared=shared)
    towers = dict.fromkeys(SOURCES, (6,))
    spec = ModelSpec(encoder, fusion, towers, (3,), auxiliary_heads=True, single_logit=True)  # type: ignore[arg-type]
    return build_network(spec, channels, VECTORS, classes=2, load_weights=False).train()


def output_of(network: FusionNetwork) -> NetworkOutput:
    random = torch.Generator().manual_seed(1)
    images = {source: torch.randn(4, c, 16, 16, generator=random) for source, c in CHANNELS.items()}
    vectors = {source: torch.randn(4, width, generator=random) for source, width in VECTORS.items()}
    return network(images, vectors, {source: torch.ones(4, dtype=torch.bool) for source in SOURCES})


def trained_by(network: FusionNetwork, loss: Tensor) -> set[str]:
    """Names of the parts that a loss changes."""
    network.zero_grad()
    if loss.requires_grad:
        loss.backward()
    groups = {part: network.part_parameters(part) for part in network.parts} | {"fusion": network.fusion_parameters()}
    return {name for name, group in groups.items() if any(p.grad is not None and p.grad.any() for p in group)}


def loss_of(*logits: Tensor) -> Tensor:
    return torch.stack([nn.functional.cross_entropy(one, torch.tensor([0, 1, 0, 1])) for one in logits]).sum()


@pytest.mark.parametrize("fusion", FUSIONS)
@pytest.mark.parametrize("shared", [True, False])
def test_parts_and_fusion_hold_every_parameter_exactly_once(fusion: str, shared: bool) -> None:
    network = network_of(fusion, shared)
    assert network.parts == (("images", *SOURCES) if shared else SOURCES)
    found = [id(p) for part in network.parts for p in network.part_parameters(part)]
    found += [id(p) for p in network.fusion_parameters()]
    assert sorted(found) == sorted(id(p) for p in network.parameters())


def test_an_encoder_that_only_one_source_uses_belongs_to_it() -> None:
    network = network_of("concat", shared=True, channels={"dce": 3})
    assert network.parts == ("dce", "clinical")
    own = {id(p) for p in network.part_parameters("dce")}
    assert own >= {id(p) for p in network.encoders.parameters()}


@pytest.mark.parametrize("fusion", FUSIONS)
def test_auxiliary_what_sources_say_alone_changes_nothing_that_the_fused_output_depends_on(fusion: str) -> None:
    network = network_of(fusion)
    assert network.stop == "auxiliary"
    output = output_of(network)
    assert trained_by(network, loss_of(*output.parts.values())) == (set() if fusion == "probability" else set(SOURCES))
    touched = {id(p) for p in network.parameters() if p.grad is not None}
    assert touched <= {id(p) for p in network.part_heads.parameters()}
    assert trained_by(network, loss_of(output_of(network).logits)) == {*SOURCES, "fusion"}


@pytest.mark.parametrize("fusion", FUSIONS)
def test_nothing_every_loss_reaches_all_that_its_output_depends_on(fusion: str) -> None:
    network = network_of(fusion)
    network.stop = "nothing"
    for source in SOURCES:
        assert trained_by(network, loss_of(output_of(network).parts[source])) == {source}
    assert all(p.grad is not None for p in network.part_parameters("clinical"))
    assert trained_by(network, loss_of(output_of(network).logits)) == {*SOURCES, "fusion"}


@pytest.mark.parametrize("fusion", FUSIONS)
def test_fusion_the_fused_loss_trains_the_fusion_alone_and_each_source_its_own_part(fusion: str) -> None:
    network = network_of(fusion)
    network.stop = "fusion"
    assert trained_by(network, loss_of(output_of(network).logits)) == {"fusion"}
    for source in SOURCES:
        assert trained_by(network, loss_of(output_of(network).parts[source])) == {source}


def test_a_shared_encoder_learns_from_every_image_source_alone() -> None:
    network = network_of("concat", shared=True)
    network.stop = "fusion"
    for source in CHANNELS:
        assert trained_by(network, loss_of(output_of(network).parts[source])) == {"images", source}


@pytest.mark.parametrize("fusion", FUSIONS)
def test_where_gradients_stop_changes_no_output(fusion: str) -> None:
    network = network_of(fusion).eval()
    first = output_of(network)
    for stop in ("nothing", "fusion"):
        network.stop = stop
        assert torch.equal(output_of(network).logits, first.logits)
        assert all(torch.equal(output_of(network).parts[source], first.parts[source]) for source in SOURCES)
