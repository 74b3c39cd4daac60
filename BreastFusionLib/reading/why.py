"""At most three reasons for a result, each with a number that can be checked on the images.

Every number comes from a row of the reading's features; nothing is said that no row holds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from BreastFusionLib.reading.recipe import TaskSpec

__all__ = ["why"]

REASONS = 3
# A value in the middle half of the other class is no reason that a reader would accept.
REMARKABLE_PERCENTILE = 75.0

# End of a feature's name -> how a radiologist says it. Features that cannot be seen or measured on the images
# (a texture, a single intensity) are left out, however much the model makes of them.
_WORDS: dict[str, Callable[[float], str]] = {
    "washout_share": lambda v: f"wash-out in {100 * v:.0f} % of the lesion",
    "plateau_share": lambda v: f"plateau in {100 * v:.0f} % of the lesion",
    "persistent_share": lambda v: f"persistent enhancement in {100 * v:.0f} % of the lesion",
    "initial_percent": lambda v: f"initial rise {v:+.0f} %",
    "delayed_percent": lambda v: f"delayed phase {v:+.0f} %",
    "peak_percent": lambda v: f"peak enhancement {v:+.0f} %",
    "time_to_peak_s": lambda v: f"time to peak {v:.0f} s",
    "ser": lambda v: f"signal enhancement ratio {v:.2f}",
    "shape_Sphericity": lambda v: f"sphericity {v:.2f}",
    "shape_Maximum3DDiameter": lambda v: f"longest diameter {v:.0f} mm",
    "shape_VoxelVolume": lambda v: f"volume {v / 1000:.2f} cm³",
}


def why(features: Sequence[Mapping[str, Any]], task: TaskSpec, positive: bool) -> tuple[str, ...]:
    """Say in words what spoke most for the result.

    Args:
        features: rows of `explain.feature_rows` for the positive class, largest contribution first.
        task: the class names.
        positive: whether the result is the positive class.

    Returns:
        Up to three sentences, e.g. 'sphericity 0.60 (lower than 93 % of benign training lesions)'.
    """
    against = [name for name in task.classes if (name != task.positive) == positive]
    reasons: dict[str, str] = {}
    for row in features:
        quantity = _quantity(row)
        if quantity is None or quantity in reasons or row["value"] is None or len(against) != 1:
            continue
        percentile = row["class_percentiles"].get(against[0])
        supports = row["contribution"] > 0 if positive else row["contribution"] < 0
        if supports and percentile is not None and max(percentile, 100 - percentile) >= REMARKABLE_PERCENTILE:
            side = "higher" if percentile > 50 else "lower"
            share = f"{side} than {max(percentile, 100 - percentile):.0f} %"
            reasons[quantity] = f"{_words(quantity, row)} ({share} of {against[0]} training {task.unit}s)"
        if len(reasons) == REASONS:
            break
    return tuple(reasons.values())


def _quantity(row: Mapping[str, Any]) -> str | None:
    """Return what a row is about, if that can be seen, measured or asked; how the scanner was set is no reason."""
    if "origin" in row:
        return row["name"] if row["origin"] == "table" else None
    return next((end for end in _WORDS if row["name"] == end or row["name"].endswith(f"_{end}")), None)


def _words(quantity: str, row: Mapping[str, Any]) -> str:
    if "origin" not in row:
        return _WORDS[quantity](row["value"])
    value = row["value"] if isinstance(row["value"], str) else f"{row['value']:.4g}"
    return " ".join(filter(None, (row["title"], value, row["unit"])))
