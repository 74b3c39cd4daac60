"""Gated fusion: how much each source counts in a case, as numbers that a reading can show."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

__all__ = ["Gate"]


class Gate(nn.Module):
    """Weights over the sources that are there: a softmax over one learned score a source.

    A source's score is linear in its own vector, so that an unclear one can step back, and what an absent one would
    have said cannot matter. Source: mixtures of experts (Jacobs et al., Neural Computation 1991;3:79-87), with a
    score from each expert's own features.
    """

    def __init__(self, widths: Mapping[str, int]) -> None:
        """Take sources with the lengths of their vectors."""
        super().__init__()
        self.scores = nn.ModuleDict({source: nn.Linear(width, 1) for source, width in widths.items()})

    def forward(self, values: Mapping[str, Tensor], present: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return each source's weight.

        Args:
            values: source -> (N, D).
            present: source -> (N,) bool.

        Returns:
            source -> (N,), 0 where the source is absent, 1 in sum. A case without any source weighs all of them.
        """
        scores = torch.cat([score(values[source]) for source, score in self.scores.items()], dim=1)
        there = torch.stack([present[source] for source in self.scores], dim=1)
        counted = there | ~there.any(dim=1, keepdim=True)
        weights = scores.masked_fill(~counted, -torch.inf).softmax(dim=1)
        return dict(zip(self.scores, weights.unbind(dim=1), strict=True))
