"""What dense layers see of a source: its values, standardised where asked for, the neutral ones where it is absent."""

from __future__ import annotations

import torch
from torch import Tensor, distributed, nn

__all__ = ["SourceInput"]

# The least weight of the newest batch in the running statistics: plain averages over the first 20 batches, which then
# forget slowly, so that they follow an encoder that still learns.
_MOMENTUM = 0.05

# Added to a feature's variance before the root, so that channels which hardly ever fire are not blown up.
_EPSILON = 0.1


class SourceInput(nn.Module):
    """The values of one source.

    An image source follows the features that its encoder gives in training; a vector is standardised already, so its
    mean stays 0. Training and eval mode compute alike, whatever the batch: with batch statistics, probabilities jump
    between the two modes.

    Attributes:
        mean: (D,) the neutral values: what an absent source counts as.
        variance: (D,) about the mean.
        batches: how many batches were followed.
        standardise: whether values are brought to mean 0 and deviation 1.
    """

    mean: Tensor
    variance: Tensor
    batches: Tensor

    def __init__(self, width: int, standardise: bool) -> None:
        """Begin with mean 0 and variance 1.

        Args:
            width: number of values D.
            standardise: see the class.
        """
        super().__init__()
        self.standardise = standardise
        self.register_buffer("mean", torch.zeros(width))
        self.register_buffer("variance", torch.ones(width))
        self.register_buffer("batches", torch.tensor(0))

    def forward(self, values: Tensor, present: Tensor) -> Tensor:
        """Return what dense layers see.

        Args:
            values: (N, D); rows that are not present are not looked at.
            present: (N,) bool.
        """
        if self.standardise:
            values = (values - self.mean) * torch.rsqrt(self.variance + _EPSILON)
        return torch.where(present[:, None], values, self.absent())

    def absent(self) -> Tensor:
        """Return what dense layers see of an absent source, (D,)."""
        return torch.zeros_like(self.mean) if self.standardise else self.mean

    @torch.no_grad()
    def follow(self, values: Tensor) -> None:
        """Let mean and variance follow the values (N, D) of a batch, those of all processes that train together."""
        values = values.to(self.mean.dtype)
        count = _over_processes(values.new_tensor(len(values)))
        if count > 0:
            self.batches += 1
            share = max(1 / int(self.batches), _MOMENTUM)
            self.mean.lerp_(_over_processes(values.sum(dim=0)) / count, share)
            self.variance.lerp_(_over_processes((values - self.mean).square().sum(dim=0)) / count, share)


def _over_processes(total: Tensor) -> Tensor:
    """Add up a sum over the processes that train together; alone, it is the whole."""
    if distributed.is_available() and distributed.is_initialized():
        distributed.all_reduce(total)
    return total
