from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from BreastFusionLib.errors import InputError
from BreastFusionLib.models import (
    EncoderSpec,
    FusionNetwork,
    ModelSpec,
    build_network,
    load_state,
    read_weights,
    write_weights,
)
from BreastFusionLib.models.encoders import Encoder

SCRATCH = EncoderSpec("small", "none", frozen=False)
FROZEN = EncoderSpec("small", "weights.safetensors", frozen=True)
IMAGES = ("dce", "t1", "t2")
VECTORS = {"radiomics": 7, "kinetics": 3}


def network_of(spec: ModelSpec, images: tuple[str, ...] = IMAGES, seed: int = 0) -> FusionNetwork:
    torch.manual_seed(seed)
    return build_network(spec, dict.fromkeys(images, 3), VECTORS, classes=2, load_weights=False)


def batch_of(network: FusionNetwork, n: int = 4, seed: int = 1) -> tuple[dict, dict, dict]:
    random = torch.Generator().manual_seed(seed)
    images = {source: torch.randn(n, 3, 32, 32, generator=random) for source in network.image_sources}
    vectors = {source: torch.randn(n, size, generator=random) for source, size in network.vector_sizes.items()}
    return images, vectors, {source: torch.ones(n, dtype=torch.bool) for source in network.sources}


def absent(present: dict[str, Tensor], source: str, *rows: int) -> dict[str, Tensor]:
    changed = present[source].clone()
    changed[list(rows)] = False
    return {**present, source: changed}


def trained_parameters(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters() if parameter.requires_grad)


def test_wang2024_joins_6465_numbers_in_one_trained_layer() -> None:
    network = build_network(ModelSpec(), dict.fromkeys(IMAGES, 3), {"radiomics": 321}, classes=2, load_weights=False)
    assert [tuple(p.shape) for p in network.head.parameters()] == [(2, 6465), (2,)]
    assert trained_parameters(network) == 12_932
    assert len(network.encoders) == 1


def test_frozen_features_are_joined_raw_beside_the_vectors_in_the_order_of_the_sources() -> None:
    network = network_of(ModelSpec(FROZEN)).eval()
    images, vectors, present = batch_of(network)
    joined = torch.cat([network.encode(source, images[source]) for source in IMAGES] + list(vectors.values()), dim=1)
    output = network(images, vectors, present)
    torch.testing.assert_close(output.logits, network.head(joined))
    assert network.sources == ("dce", "t1", "t2", "radiomics", "kinetics")
    assert output.parts == {}


@pytest.mark.parametrize("shared", [True, False])
def test_forward_is_encode_then_fuse(shared: bool) -> None:
    network = network_of(ModelSpec(EncoderSpec("small", "none", frozen=False, shared=shared), auxiliary_heads=True))
    network.eval()
    images, vectors, present = batch_of(network)
    present = absent(present, "t1", 0, 2)
    features = {source: network.encode(source, images[source]) for source in IMAGES}
    separate, together = network.fuse(features, vectors, present), network(images, vectors, present)
    torch.testing.assert_close(together.logits, separate.logits, rtol=1e-4, atol=1e-5)
    for source in network.sources:
        torch.testing.assert_close(together.parts[source], separate.parts[source], rtol=1e-4, atol=1e-5)


def test_one_encoder_is_shared_or_each_source_has_its_own() -> None:
    alone = trained_parameters(network_of(ModelSpec(SCRATCH)).encoders)
    own = network_of(ModelSpec(EncoderSpec("small", "none", frozen=False, shared=False)))
    assert trained_parameters(own.encoders) == 3 * alone
    images, _, _ = batch_of(own)
    assert not torch.allclose(own.encode("dce", images["dce"]), own.encode("t1", images["dce"]))


def test_hidden_layers_have_the_widths_asked_for() -> None:
    network = network_of(ModelSpec(SCRATCH, head=("drop", 16, "drop", 8), dropout=0.5))
    assert [tuple(p.shape) for p in network.head.parameters() if p.ndim == 2] == [(16, 3 * 96 + 10), (8, 16), (2, 8)]


def test_a_model_of_vectors_needs_no_encoder() -> None:
    network = build_network(ModelSpec(encoder=None), {}, VECTORS, classes=3, load_weights=True).eval()
    _, vectors, present = batch_of(network)
    expected = network.head(torch.cat(list(vectors.values()), dim=1))
    torch.testing.assert_close(network({}, vectors, present).logits, expected)


@pytest.mark.parametrize("encoder", [FROZEN, SCRATCH], ids=["frozen", "scratch"])
@pytest.mark.parametrize("source", ["t2", "radiomics"])
def test_what_stands_in_an_absent_source_does_not_matter(encoder: EncoderSpec, source: str) -> None:
    network = network_of(ModelSpec(encoder, auxiliary_heads=True, standardise_features=True)).eval()
    images, vectors, present = batch_of(network)
    present = absent(present, source, 1)
    before = network(images, vectors, present).logits
    (images if source in images else vectors)[source][1] = float("nan")
    torch.testing.assert_close(network(images, vectors, present).logits, before)


def test_an_absent_image_source_is_its_mean_over_training_and_an_absent_vector_is_zero() -> None:
    network = network_of(ModelSpec(FROZEN)).train()
    images, vectors, present = batch_of(network)
    present = absent(present, "t2", 3)
    first = network.encode("t2", images["t2"])
    network(images, vectors, present)
    network.follow()
    torch.testing.assert_close(network.neutral("t2"), first[:3].mean(dim=0))
    others, vectors, everything = batch_of(network, seed=2)
    network(others, vectors, everything)
    network.follow()
    second = network.encode("t2", others["t2"])
    torch.testing.assert_close(network.neutral("t2"), (first[:3].mean(dim=0) + second.mean(dim=0)) / 2)
    assert not network.neutral("radiomics").any()

    network.eval()
    features = {source: network.encode(source, images[source]) for source in IMAGES}
    filled = {**features, "t2": network.neutral("t2").expand(4, -1)}
    none = {"t2": torch.zeros(4, dtype=torch.bool), "radiomics": torch.zeros(4, dtype=torch.bool)}
    missing = network.fuse(features, vectors, {**everything, **none})
    expected = network.head(torch.cat([*filled.values(), torch.zeros(4, 7), vectors["kinetics"]], dim=1))
    torch.testing.assert_close(missing.logits, expected)


def test_statistics_stay_as_they_are_in_eval_mode_and_when_a_source_is_absent_from_a_batch() -> None:
    network = network_of(ModelSpec(SCRATCH))
    images, vectors, present = batch_of(network)
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    network.eval()(images, vectors, present)
    network.follow()
    network.train()(images, vectors, present)
    network.forget()
    network.follow()
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())
    network(images, vectors, absent(present, "t1", 0, 1, 2, 3))
    network.follow()
    changed = {name for name, tensor in network.state_dict().items() if not torch.equal(tensor, before[name])}
    followed = [f"inputs.{source}.{name}" for source in ("dce", "t2") for name in ("mean", "variance", "batches")]
    assert changed == set(followed)


def test_statistics_do_not_depend_on_how_a_batch_is_divided() -> None:
    whole, divided = (network_of(ModelSpec(SCRATCH, standardise_features=True)).train() for _ in range(2))
    divided.load_state_dict(whole.state_dict())
    images, vectors, present = batch_of(whole)
    present = absent(present, "t1", 0)
    whole(images, vectors, present)
    for rows in (slice(0, 1), slice(1, 4)):
        divided(*({source: value[rows] for source, value in part.items()} for part in (images, vectors, present)))
    whole.follow()
    divided.follow()
    assert int(divided.get_buffer("inputs.t1.batches")) == 1
    for name, tensor in whole.state_dict().items():
        torch.testing.assert_close(divided.state_dict()[name], tensor)


def test_features_in_training_are_standardised_like_vectors() -> None:
    network = network_of(ModelSpec(SCRATCH, standardise_features=True)).train()
    _, vectors, present = batch_of(network, n=4000)
    scale = torch.linspace(1, 50, 96)
    features = {source: torch.randn(4000, 96) * scale + 7 for source in IMAGES}
    network.fuse(features, vectors, present)
    network.follow()
    seen: list[Tensor] = []
    network.head.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    network.eval().fuse(features, vectors, present)
    image_part = seen[0][:, : 3 * 96]
    torch.testing.assert_close(image_part.mean(dim=0), torch.zeros(288), atol=1e-3, rtol=0)
    torch.testing.assert_close(image_part.std(dim=0), torch.ones(288), atol=0.06, rtol=0)


def test_training_and_eval_mode_compute_the_same_function() -> None:
    network = network_of(ModelSpec(SCRATCH, auxiliary_heads=True, standardise_features=True))
    images, vectors, present = batch_of(network)
    training = network.train()(images, vectors, present).logits
    torch.testing.assert_close(network.eval()(images, vectors, present).logits, training)


def test_a_batch_of_one_case_trains() -> None:
    network = network_of(ModelSpec(SCRATCH)).train()
    output = network(*batch_of(network, n=1))
    output.logits.sum().backward()
    assert all(torch.isfinite(p.grad).all() for p in network.parameters() if p.grad is not None)


def test_auxiliary_heads_learn_without_touching_the_encoder_or_the_fused_head() -> None:
    network = network_of(ModelSpec(SCRATCH, auxiliary_heads=True)).train()
    output = network(*batch_of(network))
    assert set(output.parts) == set(network.sources)
    torch.stack(list(output.parts.values())).square().sum().backward()
    assert all(parameter.grad is not None for parameter in network.part_heads.parameters())
    assert all(parameter.grad is None for parameter in [*network.encoders.parameters(), *network.head.parameters()])


def test_source_dropout_drops_the_share_asked_for_and_never_every_source() -> None:
    network = network_of(ModelSpec(encoder=None, source_dropout=0.5), images=()).train()
    vectors = {source: torch.ones(20_000, size) for source, size in VECTORS.items()}
    seen: list[Tensor] = []
    network.head.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    network({}, vectors, {source: torch.ones(20_000, dtype=torch.bool) for source in VECTORS})
    kept = torch.stack([seen[0][:, 0], seen[0][:, -1]], dim=1)
    assert kept.any(dim=1).all()
    # Of two sources each is dropped in half of the cases, but not in the quarter where both would be.
    torch.testing.assert_close(kept.mean(dim=0), torch.tensor([0.75, 0.75]), atol=0.02, rtol=0)
    network.eval()({}, vectors, {source: torch.ones(20_000, dtype=torch.bool) for source in VECTORS})
    assert seen[1].all()


def test_source_dropout_never_brings_back_an_absent_source() -> None:
    network = network_of(ModelSpec(encoder=None, source_dropout=0.9), images=()).train()
    vectors = {source: torch.ones(50, size) for source, size in VECTORS.items()}
    seen: list[Tensor] = []
    network.head.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    there = {"radiomics": torch.zeros(50, dtype=torch.bool), "kinetics": torch.ones(50, dtype=torch.bool)}
    network({}, vectors, there)
    assert not seen[0][:, :7].any()
    assert seen[0][:, 7:].all()


def test_a_network_learns_from_images_what_vectors_do_not_tell() -> None:
    network = network_of(ModelSpec(SCRATCH, standardise_features=True), images=("dce",)).train()
    random = torch.Generator().manual_seed(3)
    labels = torch.arange(64) % 2
    stripes = torch.zeros(32, 32)
    stripes[:, ::4] = 1.0
    # Class 1 has stripes along columns, class 0 along rows: equal brightness, another texture.
    images = torch.where(labels[:, None, None] == 1, stripes, stripes.T)[:, None].repeat(1, 3, 1, 1)
    images = images + 0.5 * torch.randn(images.shape, generator=random)
    vectors = {source: torch.randn(64, size, generator=random) for source, size in VECTORS.items()}
    present = {source: torch.ones(64, dtype=torch.bool) for source in network.sources}
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-3)
    for _ in range(25):
        loss = nn.functional.cross_entropy(network({"dce": images}, vectors, present).logits, labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    network.eval()
    assert nn.functional.cross_entropy(network({"dce": images}, vectors, present).logits, labels) < 0.2


def test_weights_survive_a_safetensors_file(tmp_path: Path) -> None:
    spec = ModelSpec(SCRATCH, head=(8,), auxiliary_heads=True)
    network = network_of(spec)
    network.train()(*batch_of(network))
    path = write_weights(network.state_dict(), tmp_path / "weights.safetensors")
    other = network_of(spec, seed=5)
    load_state(other, read_weights(path), "weights.safetensors")
    images, vectors, present = batch_of(network)
    present = absent(present, "dce", 0)
    first, second = (n.eval()(images, vectors, present) for n in (network, other))
    assert torch.equal(first.logits, second.logits)
    assert all(torch.equal(first.parts[source], second.parts[source]) for source in network.sources)


def test_a_frozen_encoder_keeps_its_batch_statistics_while_the_network_trains() -> None:
    network = build_network(ModelSpec(EncoderSpec("resnet18")), {"dce": 3}, {}, 2, load_weights=False).train()
    assert network.training
    assert not any(module.training for module in network.encoders["shared"].modules())
    assert isinstance(network.encoders["shared"], Encoder)
    assert trained_parameters(network) == 512 * 2 + 2


def test_recipes_that_make_no_network_are_refused() -> None:
    with pytest.raises(InputError, match="no source"):
        build_network(ModelSpec(), {}, {}, 2, load_weights=False)
    with pytest.raises(InputError, match="no encoder"):
        build_network(ModelSpec(encoder=None), {"dce": 3}, {}, 2, load_weights=False)
