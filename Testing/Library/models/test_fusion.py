"""Fusion of any number of sources: operators, towers, logits, and what is shown of each source."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from BreastFusionLib.errors import InputError
from BreastFusionLib.models import EncoderSpec, FusionNetwork, Layers, ModelSpec, build_network, load_state
from BreastFusionLib.models.fusion.layers import dense_layers, output_width
from BreastFusionLib.models.fusion.operators import OPERATORS

WIDTHS = {"radiomics": 7, "kinetics": 3, "clinical": 5}
TOWERS: dict[str, Layers] = dict.fromkeys(WIDTHS, (6, 4))
EVERY_FUSION = ("concat", "add", "multiply", "probability", "gated")


def network_of(spec: ModelSpec, widths: dict[str, int] = WIDTHS, seed: int = 0) -> FusionNetwork:
    torch.manual_seed(seed)
    return build_network(spec, {}, widths, classes=2, load_weights=False).eval()


def spec_of(fusion: str, **more: object) -> ModelSpec:
    return ModelSpec(encoder=None, fusion=fusion, towers=TOWERS, **more)  # type: ignore[arg-type]


def vectors_of(
    widths: dict[str, int] = WIDTHS, n: int = 5, seed: int = 1
) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    random = torch.Generator().manual_seed(seed)
    vectors = {source: torch.randn(n, width, generator=random) for source, width in widths.items()}
    return vectors, {source: torch.ones(n, dtype=torch.bool) for source in widths}


def embedded(network: FusionNetwork, vectors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {source: network.towers[source](values) for source, values in vectors.items()}


def test_layers_are_written_as_they_are_read() -> None:
    layers = dense_layers(10, (1024, "drop", 512, "drop"), dropout=0.25)
    assert [type(layer).__name__ for layer in layers] == ["Linear", "ReLU", "Dropout", "Linear", "ReLU", "Dropout"]
    assert output_width(10, (1024, "drop", 512, "drop")) == 512
    assert output_width(10, ("drop",)) == output_width(10, ()) == 10


@pytest.mark.parametrize(
    ("fusion", "expected"),
    [("concat", [[1, 2, 3, 4, 5, 6]]), ("add", [[9, 12]]), ("multiply", [[15, 48]])],
)
def test_operators_join_three_sources(fusion: str, expected: list[list[float]]) -> None:
    values = [torch.tensor([[1.0, 2.0]]), torch.tensor([[3.0, 4.0]]), torch.tensor([[5.0, 6.0]])]
    assert OPERATORS[fusion](values).tolist() == expected


@pytest.mark.parametrize("fusion", ["add", "multiply", "gated"])
def test_sources_may_change_places_where_the_operator_is_symmetric(fusion: str) -> None:
    network = network_of(spec_of(fusion, head=(3,)))
    vectors, present = vectors_of()
    exchanged = network_of(spec_of(fusion, head=(3,)), dict(reversed(WIDTHS.items())), seed=9)
    exchanged.load_state_dict(network.state_dict())
    assert exchanged.sources == tuple(reversed(network.sources))
    torch.testing.assert_close(exchanged.fuse({}, vectors, present).logits, network.fuse({}, vectors, present).logits)


@pytest.mark.parametrize("fusion", ["concat", "add", "multiply"])
def test_the_head_sees_the_towers_outputs_joined(fusion: str) -> None:
    network = network_of(spec_of(fusion, head=(3,)))
    vectors, present = vectors_of()
    joined = OPERATORS[fusion](list(embedded(network, vectors).values()))
    assert joined.shape == (5, 12 if fusion == "concat" else 4)
    torch.testing.assert_close(network.fuse({}, vectors, present).logits, network.head(joined))


def test_probability_fusion_joins_each_source_s_own_probability() -> None:
    network = network_of(spec_of("probability", head=(16,), single_logit=True))
    vectors, present = vectors_of()
    output = network.fuse({}, vectors, present)
    assert list(output.parts) == list(WIDTHS)
    probabilities = torch.cat([torch.sigmoid(logits[:, 1:]) for logits in output.parts.values()], dim=1)
    torch.testing.assert_close(output.logits, network.head(probabilities))


def test_gated_fusion_adds_the_towers_outputs_with_the_weights_it_shows() -> None:
    network = network_of(spec_of("gated", head=(3,)))
    vectors, present = vectors_of()
    output = network.fuse({}, vectors, present)
    torch.testing.assert_close(torch.stack(list(output.weights.values())).sum(dim=0), torch.ones(5))
    assert len({round(weight, 4) for weight in output.weights["kinetics"].tolist()}) == 5  # each case has its own
    joined = sum(output.weights[source][:, None] * values for source, values in embedded(network, vectors).items())
    torch.testing.assert_close(output.logits, network.head(joined))


@pytest.mark.parametrize("fusion", ["concat", "add", "multiply", "gated"])
def test_with_one_source_every_operator_is_the_single_source_baseline(fusion: str) -> None:
    one = {"clinical": 5}
    vectors, present = vectors_of(one)
    network = network_of(spec_of(fusion, head=(3,)), one)
    joined = network.towers["clinical"](vectors["clinical"])
    torch.testing.assert_close(network.fuse({}, vectors, present).logits, network.head(joined))


@pytest.mark.parametrize("fusion", EVERY_FUSION)
@pytest.mark.parametrize("count", [1, 2, 6])
def test_any_number_of_sources_is_fused(fusion: str, count: int) -> None:
    widths = {f"source{number}": 2 + number for number in range(count)}
    spec = ModelSpec(encoder=None, fusion=fusion, towers=dict.fromkeys(widths, (4,)), auxiliary_heads=True)  # type: ignore[arg-type]
    output = network_of(spec, widths).fuse({}, *vectors_of(widths))
    assert output.logits.shape == (5, 2)
    assert list(output.parts) == list(widths)
    assert list(output.weights) == (list(widths) if fusion == "gated" else [])


def test_the_softmax_of_a_single_logit_is_its_sigmoid() -> None:
    network = network_of(spec_of("concat", single_logit=True, auxiliary_heads=True))
    vectors, present = vectors_of()
    output = network.fuse({}, vectors, present)
    for logits in (output.logits, *output.parts.values()):
        assert not logits[:, 0].any()
        torch.testing.assert_close(logits.softmax(dim=1)[:, 1], torch.sigmoid(logits[:, 1]))


def test_images_of_different_channels_each_have_an_encoder() -> None:
    scratch = EncoderSpec("small", "none", frozen=False, shared=False)
    network = build_network(ModelSpec(scratch), {"dce": 3, "mip": 1}, {}, classes=2, load_weights=False)
    channels = {name: next(encoder.parameters()).shape[1] for name, encoder in network.encoders.items()}
    assert channels == {"dce": 3, "mip": 1}
    shared = ModelSpec(EncoderSpec("small", "none", frozen=False))
    with pytest.raises(InputError, match=r"different channels \(dce 3, mip 1\)\. Set shared to false"):
        build_network(shared, {"dce": 3, "mip": 1}, {}, classes=2, load_weights=False)


def test_images_of_different_sizes_may_share_an_encoder() -> None:
    spec = ModelSpec(EncoderSpec("small", "none", frozen=False))
    network = build_network(spec, dict.fromkeys(("dce", "t1", "mip"), 1), {}, classes=2, load_weights=False).eval()
    sizes = {"dce": 16, "t1": 16, "mip": 32}
    images = {source: torch.rand(3, 1, size, size) for source, size in sizes.items()}
    present = {source: torch.ones(3, dtype=torch.bool) for source in sizes}
    features = {source: network.encode(source, one) for source, one in images.items()}
    alone = network.fuse(features, {}, present)
    torch.testing.assert_close(network(images, {}, present).logits, alone.logits)


@pytest.mark.parametrize("fusion", ["add", "multiply", "gated"])
def test_sources_of_different_lengths_are_refused_with_their_lengths(fusion: str) -> None:
    spec = ModelSpec(encoder=None, fusion=fusion, towers={"kinetics": (4,), "clinical": (4,)})  # type: ignore[arg-type]
    with pytest.raises(InputError, match=f"'{fusion}'.*radiomics 7, kinetics 4, clinical 4.*same width"):
        network_of(spec)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"head": (16, 0)}, "head: widths"),
        ({"towers": {"t1": (8, -1)}}, "towers, t1: widths"),
        ({"head": (16,), "dropout": 0.5}, "no layer drops anything"),
        ({"dropout": 1.0}, "dropout must lie"),
        ({"source_dropout": -0.1}, "source_dropout must lie"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        ModelSpec(**settings)  # type: ignore[arg-type]


def test_three_classes_do_not_fit_on_one_logit() -> None:
    with pytest.raises(InputError, match="the task has 3"):
        build_network(ModelSpec(encoder=None, single_logit=True), {}, WIDTHS, classes=3, load_weights=False)


def test_weights_of_another_architecture_are_refused_with_what_differs() -> None:
    state = network_of(spec_of("concat", head=(3,))).state_dict()
    with pytest.raises(InputError, match=r"1 of another shape \(head\.0\.weight is 3x12, not 3x4\)"):
        load_state(network_of(spec_of("add", head=(3,))), state, "weights.safetensors")
    with pytest.raises(InputError, match=r"6 missing \(gate\.scores\.radiomics\.weight,"):
        load_state(network_of(spec_of("gated", head=(3,))), state, "weights.safetensors")
