"""Cases worth looking at: the surest right and wrong decisions of a model."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["examples"]


def examples(
    labels: NDArray[np.int8],
    scores: NDArray[np.float64],
    threshold: float,
    case_id: NDArray[np.object_] | None,
    number: int,
) -> dict[str, list[dict[str, Any]]]:
    """Return the cases of each kind that a model is surest of: the highest scores called positive, the lowest others.

    Args:
        labels: (n,) of 0 and 1.
        scores: (n,).
        threshold: a score at or above it means positive.
        case_id: (n,) or None: cases are then named by their rows, from 1.
        number: how many of each kind.

    Returns:
        'true_positives', 'false_positives', 'false_negatives', 'true_negatives': case and score of each.
    """
    called, positive = scores >= threshold, labels == 1
    kinds = {
        "true_positives": (called & positive, -scores),
        "false_positives": (called & ~positive, -scores),
        "false_negatives": (~called & positive, scores),
        "true_negatives": (~called & ~positive, scores),
    }
    return {
        kind: [
            {"case_id": f"row {row + 1}" if case_id is None else str(case_id[row]), "score": float(scores[row])}
            for row in _first(chosen, order, number)
        ]
        for kind, (chosen, order) in kinds.items()
    }


def _first(chosen: NDArray[np.bool_], order: NDArray[np.float64], number: int) -> NDArray[np.intp]:
    rows = np.flatnonzero(chosen)
    return rows[np.argsort(order[rows], kind="stable")[:number]]
