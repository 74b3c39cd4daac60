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
        self._noted: Tensor | float = 0.0

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
    def note(self, values: Tensor) -> None:
        """Note the values (N, D) of some cases of a training batch; until `follow`, nothing changes by them."""
        if self.training:
            exact = values.double()
            count = exact.new_full((1,), len(exact))
            self._noted = self._noted + torch.cat([exact.sum(dim=0), exact.square().sum(dim=0), count])

    @torch.no_grad()
    def follow(self) -> None:
        """Let mean and variance follow the batch that was noted, with what other processes noted of it.

        Sums, so that nothing depends on how a batch was divided into portions and over processes.
        """
        if isinstance(self._noted, float):
            return
        noted, self._noted = self._noted, 0.0
        if distributed.is_available() and distributed.is_initialized():
            distributed.all_reduce(noted)
        (total, squares), count = noted[:-1].chunk(2), noted[-1]
        # Without a question to the graphics card, for whose answer everything would wait.
        there = count > 0
        self.batches += there
        share = (1 / self.batches.clamp(min=1)).clamp(min=_MOMENTUM) * there
        count = count.clamp(min=1)
        self.mean.lerp_((total / count).to(self.mean.dtype), share.to(self.mean.dtype))
        mean = self.mean.double()
        spread = squares / count - 2 * mean * (total / count) + mean.square()
        self.variance.lerp_(spread.to(self.variance.dtype), share.to(self.variance.dtype))

    def forget(self) -> None:
        """Take back what was noted since the last batch."""
        self._noted = 0.0
