"""Image encoders: a patch becomes a feature map, and the map's mean or maximum over its cells a feature vector."""

from __future__ import annotations

import contextlib
import re
import sys
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
import torchvision
from torch import Tensor, nn

from BreastFusionLib.errors import InputError, nearest_known
from BreastFusionLib.models.settings import EncoderSpec, Pooling
from BreastFusionLib.models.small import small_body
from BreastFusionLib.models.weights import load_state, read_weights

__all__ = ["ENCODERS", "Architecture", "Encoder", "load_encoder", "to_fetch"]


@dataclass(frozen=True)
class Architecture:
    """How an encoder is built.

    Attributes:
        body: builds the layers up to global pooling, for 3 input channels, with torchvision's own names.
        width: channels of the feature map.
        first_cell_px: see `Encoder`.
        cell_px: see `Encoder`.
        head: prefix of torchvision's names behind the body, which a weights file may hold and nobody needs.
        pretrained: torchvision's entry with the address of ImageNet weights, None where there are none.
    """

    body: Callable[[], nn.Sequential]
    width: int
    first_cell_px: float
    cell_px: int
    head: str = ""
    pretrained: Any = None


class Encoder(nn.Module):
    """Slices to features: a body of convolutions, then the mean or the maximum over its map's cells.

    Attributes:
        width: length D of the feature vector, channels of the feature map.
        first_cell_px: pixel (row and column) in the middle of what the map's first cell sees. Cells that tile the
            patch have (cell size - 1) / 2; layers with an odd kernel and stride 2, as in a ResNet, look at even
            pixels, and the middle of its first cell is pixel 0, half a cell off.
        cell_px: pixels from one cell to the next, the product of the strides. A patch of 100 pixels is 4 cells of 32
            to a ResNet, not of 25.
        frozen: whether its weights stay as they are; it then always runs in eval mode.
        pooling: 'mean' or 'max' over the cells.
    """

    def __init__(
        self,
        body: nn.Sequential,
        width: int,
        first_cell_px: float,
        cell_px: int,
        frozen: bool,
        pooling: Pooling = "mean",
    ) -> None:
        """Take a body that maps (N, C, H, W) to (N, width, h, w)."""
        super().__init__()
        self.body = body
        self.width = width
        self.first_cell_px = first_cell_px
        self.cell_px = cell_px
        self.frozen = frozen
        self.pooling = pooling
        if frozen:
            self.requires_grad_(False).eval()

    def train(self, mode: bool = True) -> Encoder:
        """Set training mode, which a frozen encoder never enters: its batch statistics are frozen too."""
        super().train(mode and not self.frozen)
        return self

    def feature_map(self, images: Tensor) -> Tensor:
        """Map scaled patches (N, C, H, W) to the last feature map (N, D, h, w)."""
        # On a CPU, channels last saves a tenth of a ResNet50's reading and a quarter of the small network's training.
        return self.body(images.contiguous(memory_format=torch.channels_last))

    def forward(self, images: Tensor) -> Tensor:
        """Map scaled patches (N, C, H, W) to feature vectors (N, D)."""
        return self.pool(self.feature_map(images))

    def pool(self, maps: Tensor) -> Tensor:
        """Bring feature maps (N, D, h, w) to feature vectors (N, D)."""
        return maps.amax(dim=(2, 3)) if self.pooling == "max" else maps.mean(dim=(2, 3))


def load_encoder(spec: EncoderSpec, slices: int, load_weights: bool = True) -> Encoder:
    """Build an encoder and load the weights that its settings name.

    Weights made for three colour channels are taken for another number of slices by giving each slice the mean
    filter over the colours, scaled so that equal slices give the response of an equally grey picture.

    Args:
        spec: name, weights, frozen.
        slices: channels of the input.
        load_weights: False leaves weights random, for a caller that fills them next (a bundle).

    Raises:
        InputError: unknown name, weights that cannot be had or belong to another architecture.
    """
    if spec.name not in ENCODERS:
        raise InputError(f"There is no encoder '{spec.name}'. {nearest_known(spec.name, ENCODERS)}")
    architecture = ENCODERS[spec.name]
    body = architecture.body()
    name, first = _first_convolution(body)
    _set_channels(first, slices)
    if load_weights and spec.weights != "none":
        state, where = _state(spec, architecture)
        weight = state.get(f"{name}.weight")
        if weight is not None and weight.ndim == 4 and weight.shape[1] == 3 != slices:
            state[f"{name}.weight"] = weight.mean(dim=1, keepdim=True).repeat(1, slices, 1, 1) * (3 / slices)
        load_state(body, state, where)
    return Encoder(
        body, architecture.width, architecture.first_cell_px, architecture.cell_px, spec.frozen, spec.pooling
    )


def to_fetch(spec: EncoderSpec) -> str | None:
    """Return the address of weights that `load_encoder` would fetch first; None where it needs none or has them."""
    architecture = ENCODERS.get(spec.name)
    if spec.weights != "imagenet" or architecture is None or architecture.pretrained is None:
        return None
    return None if _cached(architecture.pretrained).exists() else str(architecture.pretrained.url)


def _cached(pretrained: Any) -> Path:
    """Return where PyTorch's cache has a file of ImageNet weights."""
    return Path(torch.hub.get_dir()) / "checkpoints" / Path(pretrained.url).name


def _state(spec: EncoderSpec, architecture: Architecture) -> tuple[dict[str, Tensor], str]:
    """Return the body's weights under today's names, and what they were read from."""
    if spec.weights == "imagenet":
        state, where = _imagenet_state(spec.name, architecture.pretrained), f"The ImageNet file of {spec.name}"
    else:
        state, where = read_weights(spec.weights), spec.weights
    if architecture.head:
        state = {name: tensor for name, tensor in state.items() if not name.startswith(architecture.head)}
    # torchvision's DenseNet file still has the names 'norm.1', 'conv.2' of its first version.
    return {re.sub(r"(denselayer\d+\.(?:norm|conv))\.(\d)", r"\1\2", name): t for name, t in state.items()}, where


def _imagenet_state(name: str, pretrained: Any) -> dict[str, Tensor]:
    """Read ImageNet weights from PyTorch's cache, where torchvision's loader puts them if they are not there yet."""
    if pretrained is None:
        raise InputError(
            f"There are no ImageNet weights for the encoder '{name}': set weights to 'none' with frozen false to "
            "train it from scratch, or to a file."
        )
    file = _cached(pretrained)
    if not file.exists():
        try:
            # The loader announces its download on stdout, which belongs to machine-readable results.
            with contextlib.redirect_stdout(sys.stderr):
                return pretrained.get_state_dict(progress=sys.stderr.isatty(), check_hash=True, weights_only=True)
        except (OSError, RuntimeError) as error:  # no network, no space, a wrong checksum
            raise InputError(
                f"The ImageNet weights of {name} are not on this machine and cannot be fetched ({error}). Fetch "
                f"{pretrained.url} elsewhere and put it at {file} (or set TORCH_HOME to the folder of a cache that "
                "has it). The recipe wants them; a random encoder in their place would read images blindly."
            ) from error
    return read_weights(file)


def _first_convolution(body: nn.Module) -> tuple[str, nn.Conv2d]:
    return next((name, module) for name, module in body.named_modules() if isinstance(module, nn.Conv2d))


def _set_channels(first: nn.Conv2d, channels: int) -> None:
    if channels != first.in_channels:
        first.in_channels = channels
        first.weight = nn.Parameter(first.weight.new_empty(first.out_channels, channels, *first.kernel_size))
        first.reset_parameters()


def _resnet_body(builder: Callable[[], nn.Module]) -> nn.Sequential:
    layers = OrderedDict(builder().named_children())
    del layers["avgpool"], layers["fc"]
    return nn.Sequential(layers)


def _features_body(builder: Callable[[], nn.Module]) -> nn.Sequential:
    return nn.Sequential(OrderedDict(features=builder().get_submodule("features")))


def _densenet_body(builder: Callable[[], nn.Module]) -> nn.Sequential:
    # torchvision applies this rectification in forward(), between features and pooling.
    return nn.Sequential(OrderedDict(features=builder().get_submodule("features"), relu=nn.ReLU(inplace=True)))


TORCHVISION_CELL_PX = 32  # five halvings, in each of the networks below


def _torchvision(
    body: Callable[..., nn.Sequential], name: str, width: int, first_cell_px: float, head: str
) -> Architecture:
    build = partial(body, partial(torchvision.models.get_model, name))
    pretrained = torchvision.models.get_model_weights(name).IMAGENET1K_V1
    return Architecture(build, width, first_cell_px, TORCHVISION_CELL_PX, head, pretrained)


# Parameters of the body: small 0.3, resnet18 11.2, resnet34 21.3, resnet50 23.5, densenet121 7.0,
# efficientnet_b0 4.0, convnext_tiny 27.8 million. ImageNet weights are torchvision's first version, IMAGENET1K_V1.
ENCODERS: Mapping[str, Architecture] = {
    "small": Architecture(small_body, 96, 3.5, 8),
    "resnet18": _torchvision(_resnet_body, "resnet18", 512, 0.0, "fc."),
    "resnet34": _torchvision(_resnet_body, "resnet34", 512, 0.0, "fc."),
    "resnet50": _torchvision(_resnet_body, "resnet50", 2048, 0.0, "fc."),
    "densenet121": _torchvision(_densenet_body, "densenet121", 1024, 14.0, "classifier."),
    "efficientnet_b0": _torchvision(_features_body, "efficientnet_b0", 1280, 0.0, "classifier."),
    "convnext_tiny": _torchvision(_features_body, "convnext_tiny", 768, 15.5, "classifier."),
}
