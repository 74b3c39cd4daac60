"""The training loss: cross-entropy of each case, weighted by its class, with smoothed labels.

A batch's loss is sum(w_i l_i) / N over its N cases, never divided by the sum of the weights: so portions of a batch,
wherever they are computed, add up to the whole batch's loss and gradient exactly.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import cross_entropy

from BreastFusionLib.training.spec import TrainingSpec

__all__ = ["case_losses", "class_weights", "part_losses"]


def class_weights(labels: NDArray[np.int64], spec: TrainingSpec) -> Tensor | None:
    """Return (K,) float32 weights of the classes in the loss by inverse frequency, or None where all are 1.

    Args:
        labels: (n,) class numbers of the training cases, over which the weights are 1 on average. Of two classes, the
            positive one counts negatives / positives times as much as the other.
        spec: says whether classes are weighted.
    """
    if spec.class_weights == "none":
        return None
    counts = np.bincount(labels)
    return torch.tensor(len(labels) / (len(counts) * counts), dtype=torch.float32)


def case_losses(logits: Tensor, labels: Tensor, weights: Tensor | None, smoothing: float = 0.0) -> Tensor:
    """Return the weighted cross-entropy of each case.

    With two classes, label smoothing s and weights (1, w) this is the binary cross-entropy with positive weight w of
    the label y (1 - s) + s / 2, as holste2021's author code has it.

    Args:
        logits: (N, K).
        labels: (N,) class numbers.
        weights: (K,) of the classes, None for ones.
        smoothing: share of each label that is spread evenly over all classes (Szegedy et al. 2016, section 7).

    Returns:
        (N,) float32, whatever the precision of the logits.
    """
    return cross_entropy(logits.float(), labels, weights, reduction="none", label_smoothing=smoothing)


def part_losses(
    parts: Mapping[str, Tensor],
    labels: Tensor,
    present: Mapping[str, Tensor],
    weights: Tensor | None,
    smoothing: float = 0.0,
) -> Tensor:
    """Return the sum of the parts' losses of each case; a source that a case lacks adds nothing.

    Args:
        parts: source -> (N, K) logits of that source alone.
        present: source -> (N,) bool.
        labels, weights, smoothing: see `case_losses`.

    Returns:
        (N,) float32.
    """
    total = torch.zeros(len(labels), device=labels.device)
    for source, logits in parts.items():
        total = total + case_losses(logits, labels, weights, smoothing).where(present[source], 0.0)
    return total
