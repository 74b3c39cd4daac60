"""Settings from which a network is built: a bundle stores them, `build_network` turns them into modules."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from BreastFusionLib.errors import InputError

__all__ = ["EncoderSpec", "ModelSpec"]


@dataclass(frozen=True)
class EncoderSpec:
    """The image encoder.

    Attributes:
        name: a key of `models.encoders.ENCODERS`.
        weights: 'imagenet', 'none' (random, to be trained from scratch), or the path of a safetensors file (for
            training; a bundle holds its own).
        frozen: whether its weights stay as loaded (it then runs in eval mode, and its features can be cached).
        shared: one encoder for all sequences, or one for each.
    """

    name: str = "resnet50"
    weights: str = "imagenet"
    frozen: bool = True
    shared: bool = True

    def __post_init__(self) -> None:
        if self.frozen and self.weights == "none":
            raise InputError(
                "encoder: weights 'none' with frozen true would read images with a random encoder that never "
                "learns. Set frozen to false, or give weights ('imagenet' or a file)."
            )


@dataclass(frozen=True)
class ModelSpec:
    """The fused network.

    Attributes:
        encoder: the image encoder; None for a model without images.
        fusion: how sources are joined ('concat').
        hidden: widths of dense layers between the joined vector and the output; () for one linear layer.
        dropout: probability before each dense layer.
        auxiliary_heads: whether each source also gets a head of its own, trained on detached features.
        source_dropout: probability that a source is replaced by its neutral value in training.
    """

    encoder: EncoderSpec | None = EncoderSpec()
    fusion: Literal["concat"] = "concat"
    hidden: tuple[int, ...] = ()
    dropout: float = 0.0
    auxiliary_heads: bool = False
    source_dropout: float = 0.0

    def __post_init__(self) -> None:
        if any(width < 1 for width in self.hidden):
            raise InputError(f"model: widths of hidden layers must be at least 1, found {list(self.hidden)}.")
        for name in ("dropout", "source_dropout"):
            if not 0 <= getattr(self, name) < 1:
                raise InputError(f"model: {name} must lie in [0, 1), found {getattr(self, name):g}.")
