"""What the network said of each case in an epoch: the log's numbers, and where numbers ended."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from BreastFusionLib.evaluation import auc
from BreastFusionLib.reading.calibration import margins
from BreastFusionLib.training.losses import case_losses
from BreastFusionLib.training.processes import gather

__all__ = ["EpochRecord"]


class _Said(NamedTuple):
    """One entry a case: number of the batch (n,), row (n,), label (n,), logits (n, K), the loss trained on (n,)."""

    batches: Tensor
    rows: Tensor
    labels: Tensor
    logits: Tensor
    losses: Tensor

    @classmethod
    def joined(cls, parts: Sequence[_Said]) -> _Said:
        return cls(*(torch.cat(tensors) for tensors in zip(*parts, strict=True)))


class EpochRecord:
    """Batch by batch, on the device; nothing waits for numbers until they are asked for."""

    def __init__(self) -> None:
        """Begin empty."""
        self._parts: list[_Said] = []

    def add(self, batch: int, rows: Tensor, labels: Tensor, logits: Tensor, losses: Tensor) -> None:
        """Add the cases of a batch, with the losses that were trained on."""
        self._parts.append(_Said(torch.full_like(rows, batch), rows, labels, logits.detach(), losses.detach()))

    def measures(self, weights: Tensor | None, positive: int) -> dict[str, float]:
        """Return loss (without smoothing), accuracy and AUC of the fused output over the cases of all processes.

        Args:
            weights: (K,) of the classes in the loss, or None.
            positive: number of the positive class.
        """
        own = _Said(*(tensor.cpu() for tensor in _Said.joined(self._parts)))
        said = _Said.joined(gather(own))
        # By row, and each once: the numbers do not depend on which process computed them.
        first = torch.from_numpy(np.unique(said.rows.numpy(), return_index=True)[1])
        logits, labels = said.logits[first].float(), said.labels[first]
        losses = case_losses(logits, labels, None if weights is None else weights.cpu())
        area = math.nan
        if logits.isfinite().all():
            area = auc((labels == positive).numpy(), margins(logits.double().numpy(), positive))
        accuracy = (logits.argmax(dim=1) == labels).double().mean()
        return {"loss": float(losses.double().mean()), "accuracy": float(accuracy), "auc": area}

    def first_not_finite(self) -> tuple[int, list[int]] | None:
        """Return the first batch of any process in which a loss is not a number, and its rows; None if all are."""
        found = [bad for bad in gather(self._own_not_finite()) if bad is not None]
        batch = min((number for number, _ in found), default=0)
        return (batch, sorted(row for number, rows in found if number == batch for row in rows)) if found else None

    def _own_not_finite(self) -> tuple[int, list[int]] | None:
        if not self._parts:
            return None
        said = _Said.joined(self._parts)
        bad = ~said.losses.isfinite()
        if not bad.any():
            return None
        batch = said.batches[bad].min()
        return int(batch), said.rows[bad & (said.batches == batch)].tolist()
