"""Dense layers as a recipe writes them: towers on sources, the head on what is joined, and the outputs behind them."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from BreastFusionLib.models.settings import Layers

__all__ = ["Output", "dense_layers", "output_width"]


def dense_layers(width: int, layers: Layers, dropout: float) -> nn.Sequential:
    """Build dense layers.

    Args:
        width: length of their input.
        layers: a width is a linear layer and its rectification, 'drop' a dropout.
        dropout: its probability.

    Returns:
        (N, width) -> (N, `output_width(width, layers)`); without layers, the input itself.
    """
    modules: list[nn.Module] = []
    for layer in layers:
        if layer == "drop":
            modules.append(nn.Dropout(dropout))
        else:
            modules += [nn.Linear(width, layer), nn.ReLU()]
            width = layer
    return nn.Sequential(*modules)


def output_width(width: int, layers: Layers) -> int:
    """Return the length of what `dense_layers` gives for inputs of a length."""
    return next((layer for layer in reversed(layers) if layer != "drop"), width)


class Output(nn.Linear):
    """A linear layer to logits: one a class, or (0, z), whose softmax is (1 - sigmoid(z), sigmoid(z))."""

    def __init__(self, width: int, classes: int, single_logit: bool) -> None:
        """Take inputs of length `width`."""
        super().__init__(width, 1 if single_logit else classes)
        self.single_logit = single_logit

    def forward(self, values: Tensor) -> Tensor:
        """Map (N, width) to logits (N, K)."""
        logits = super().forward(values)
        return torch.cat([torch.zeros_like(logits), logits], dim=1) if self.single_logit else logits
