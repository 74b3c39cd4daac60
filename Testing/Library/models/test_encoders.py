from __future__ import annotations

import urllib.error
from pathlib import Path

import numpy as np
import pytest
import torch
import torchvision
from torch import nn

from BreastFusionLib.errors import InputError
from BreastFusionLib.models import ENCODERS, EncoderSpec, load_encoder, to_fetch, write_weights
from BreastFusionLib.models.encoders import Encoder
from BreastFusionLib.models.settings import Pooling

CACHED_NAMES = {
    "resnet18": "resnet18-f37072fd.pth",
    "densenet121": "densenet121-a639ec97.pth",
    "efficientnet_b0": "efficientnet_b0_rwightman-7f5810bc.pth",
}


def scratch(name: str, slices: int = 3) -> Encoder:
    return load_encoder(EncoderSpec(name, "none", frozen=False), slices)


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty PyTorch cache; whoever wants to download into it finds no network."""

    def no_network(*_: object, **__: object) -> None:
        raise urllib.error.URLError("no route to host")

    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr(torch.hub, "download_url_to_file", no_network)
    folder = tmp_path / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    return folder


def without_head(name: str) -> nn.Module:
    torch.manual_seed(1)
    network = torchvision.models.get_model(name)
    for head in ("fc", "classifier"):
        if hasattr(network, head):
            setattr(network, head, nn.Identity())
    return network.eval()


@pytest.mark.parametrize("pooling", ["mean", "max"])
@pytest.mark.parametrize("name", sorted(ENCODERS))
def test_a_feature_vector_is_the_mean_or_the_maximum_of_the_feature_map(name: str, pooling: Pooling) -> None:
    encoder = load_encoder(EncoderSpec(name, "none", frozen=False, pooling=pooling), 3).eval()
    images = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        maps = encoder.feature_map(images)
        features = encoder(images)
    assert maps.shape[:2] == (2, encoder.width)
    torch.testing.assert_close(features, maps.mean(dim=(2, 3)) if pooling == "mean" else maps.amax(dim=(2, 3)))


@pytest.mark.parametrize("name", ["small", "resnet18", "densenet121", "convnext_tiny"])
def test_the_cells_of_the_map_lie_where_the_encoder_says(name: str) -> None:
    """With all weights positive, a cell's gradient is spread evenly round the middle of what it sees."""
    encoder = scratch(name).eval()
    for name_inside, module in list(encoder.named_modules()):
        if isinstance(module, (nn.GroupNorm, nn.LayerNorm)):  # they couple places or channels
            parent, _, child = name_inside.rpartition(".")
            setattr(encoder.get_submodule(parent), child, nn.Identity())
        if isinstance(module, nn.Conv2d):
            nn.init.constant_(module.weight, 1 / module.weight[0].numel())
    cell, size_px = {"small": (6, 96)}.get(name, (6, 384))
    rows = []
    # Max pooling passes the gradient to one pixel of three by three at random: average over some pictures.
    for seed in range(2 if name in ("resnet18", "densenet121") else 1):
        images = torch.rand(1, 3, size_px, size_px, generator=torch.Generator().manual_seed(seed)).requires_grad_()
        gradient = torch.autograd.grad(encoder.feature_map(images)[0, :, cell, cell].sum(), images)[0].abs()
        share = gradient.sum(dim=(0, 1, 3)) / gradient.sum()
        rows.append(float((share * torch.arange(size_px)).sum()))
    stride_px = size_px / encoder.feature_map(images.detach()).shape[-1]
    assert np.mean(rows) == pytest.approx(encoder.first_cell_px + cell * stride_px, abs=1.0)


@pytest.mark.parametrize("name", sorted(CACHED_NAMES))
def test_imagenet_weights_in_the_cache_give_torchvisions_own_features(cache: Path, name: str) -> None:
    torch.manual_seed(1)
    network = torchvision.models.get_model(name).eval()
    state = network.state_dict()
    if name == "densenet121":  # torchvision's file still has names of its first version
        state = {
            key.replace(f".{part}{number}.", f".{part}.{number}.") if "denselayer" in key else key: tensor
            for key, tensor in state.items()
            for part, number in [next(((p, n) for p in ("norm", "conv") for n in "12" if f".{p}{n}." in key), ("", ""))]
        }
    torch.save(state, cache / CACHED_NAMES[name])
    encoder = load_encoder(EncoderSpec(name, "imagenet"), 3)
    images = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        torch.testing.assert_close(encoder(images), without_head(name)(images), rtol=1e-4, atol=1e-5)


def test_imagenet_weights_that_cannot_be_fetched_say_which_file_to_put_where(
    cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(InputError) as caught:
        load_encoder(EncoderSpec("resnet18", "imagenet"), 3)
    message = str(caught.value)
    assert "https://download.pytorch.org/models/resnet18-f37072fd.pth" in message
    assert str(cache / "resnet18-f37072fd.pth") in message
    assert "no route to host" in message
    assert capsys.readouterr().out == ""  # stdout belongs to results


def test_a_half_downloaded_imagenet_file_is_refused(cache: Path) -> None:
    (cache / CACHED_NAMES["resnet18"]).write_bytes(b"PK\x03\x04 and no more")
    with pytest.raises(InputError, match=r"resnet18-f37072fd\.pth cannot be read as weights"):
        load_encoder(EncoderSpec("resnet18", "imagenet"), 3)


def test_weights_that_would_be_fetched_are_told_by_their_address(cache: Path) -> None:
    wanted = EncoderSpec("resnet18", "imagenet")
    address = to_fetch(wanted)
    assert address is not None and address.startswith("https://") and "resnet18" in address
    (cache / Path(address).name).touch()
    assert to_fetch(wanted) is None
    assert to_fetch(EncoderSpec("resnet50", "mine.safetensors")) is None
    assert to_fetch(EncoderSpec("small", "imagenet")) is None  # there are none, which `load_encoder` says


def test_the_small_encoder_has_no_imagenet_weights() -> None:
    with pytest.raises(InputError, match="no ImageNet weights for the encoder 'small'"):
        load_encoder(EncoderSpec("small", "imagenet"), 3)


def test_a_frozen_encoder_without_weights_is_refused() -> None:
    with pytest.raises(InputError, match="random encoder that never learns"):
        EncoderSpec("resnet18", "none", frozen=True)


def test_an_unknown_name_is_refused_with_the_nearest_one() -> None:
    with pytest.raises(InputError, match="Did you mean 'resnet50'"):
        load_encoder(EncoderSpec("resnet-50"), 3)


def test_weights_from_a_file_are_the_files(tmp_path: Path) -> None:
    torch.manual_seed(2)
    source = scratch("small")
    path = write_weights(source.body.state_dict(), tmp_path / "small.safetensors")
    encoder = load_encoder(EncoderSpec("small", str(path)), 3)
    assert all(torch.equal(a, b) for a, b in zip(encoder.parameters(), source.parameters(), strict=True))


def test_weights_of_another_architecture_are_refused(tmp_path: Path) -> None:
    path = write_weights(scratch("resnet18").body.state_dict(), tmp_path / "resnet18.safetensors")
    with pytest.raises(InputError, match=r"resnet18\.safetensors holds weights of another network: 80 missing"):
        load_encoder(EncoderSpec("resnet34", str(path)), 3)


@pytest.mark.parametrize("slices", [1, 5])
@pytest.mark.parametrize("name", ["small", "resnet18", "densenet121"])
def test_equal_slices_give_the_response_of_a_grey_picture(tmp_path: Path, name: str, slices: int) -> None:
    path = write_weights(scratch(name).body.state_dict(), tmp_path / "weights.safetensors")
    grey = torch.randn(2, 1, 64, 64)
    with torch.no_grad():
        expected = load_encoder(EncoderSpec(name, str(path)), 3)(grey.repeat(1, 3, 1, 1))
        found = load_encoder(EncoderSpec(name, str(path)), slices)(grey.repeat(1, slices, 1, 1))
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("slices", [1, 5])
def test_weights_for_the_same_number_of_slices_are_taken_as_they_are(tmp_path: Path, slices: int) -> None:
    source = scratch("small", slices)
    path = write_weights(source.body.state_dict(), tmp_path / "weights.safetensors")
    encoder = load_encoder(EncoderSpec("small", str(path)), slices)
    assert torch.equal(encoder.body.stem.weight, source.body.stem.weight)  # type: ignore[union-attr]


def test_a_frozen_encoder_never_changes() -> None:
    encoder = load_encoder(EncoderSpec("resnet18", frozen=True), 3, load_weights=False)
    before = {name: tensor.clone() for name, tensor in encoder.state_dict().items()}
    nn.ModuleList([encoder]).train()
    encoder(torch.randn(4, 3, 32, 32))
    assert not any(module.training for module in encoder.modules())
    assert not any(parameter.requires_grad for parameter in encoder.parameters())
    assert all(torch.equal(tensor, before[name]) for name, tensor in encoder.state_dict().items())


def test_the_small_encoder_sees_a_64_pixel_patch_as_8_by_8_cells_with_two_hundred_thousand_parameters() -> None:
    encoder = scratch("small")
    assert encoder.feature_map(torch.zeros(1, 3, 64, 64)).shape == (1, 96, 8, 8)
    assert encoder.feature_map(torch.zeros(1, 3, 50, 63)).shape == (1, 96, 6, 7)
    assert sum(parameter.numel() for parameter in encoder.parameters()) == 278_400
