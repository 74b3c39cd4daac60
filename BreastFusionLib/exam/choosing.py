"""Which of several series is an exam's T1 or T2: one rule for files and for the nodes of a scene."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from BreastFusionLib.exam.contrast import contrast_state
from BreastFusionLib.exam.geometry import Grid
from BreastFusionLib.exam.model import Role
from BreastFusionLib.exam.roles import EXPLICIT, SeriesRole

__all__ = ["may_be", "merit"]

_LATTICE_POINTS = 9  # along each axis: which share of a view is covered need not be known better


def may_be(role: Role, found: SeriesRole) -> bool:
    """Tell whether a series of one volume may be taken for a role.

    Args:
        role: 't1' or 't2'.
        found: what its name and its technique say that it is.
    """
    # A lone volume of the technique that dynamic series are made with is a T1-weighted volume.
    is_lone_gradient_echo = role == "t1" and found.role == "dce" and found.confidence < EXPLICIT
    return found.role == role or is_lone_gradient_echo


def merit(
    found: SeriesRole, header: Mapping[str, Any], grid: Grid, frame: Grid | None, number: float
) -> tuple[float, float, int, float, float]:
    """Return what the best series has most of.

    It covers the dynamic series' view, is sure what it is, was taken before contrast rather than after it, has the
    finer voxels, and came earlier: in this order.

    Args:
        found: what its name and its technique say that it is.
        header: plain header (see `contrast_state`).
        grid: of its volume.
        frame: of the dynamic series; None without one.
        number: of the series in its study.
    """
    before = {"pre": 2, "unknown": 1, "post": 0}[contrast_state(header)]
    return round(_covered(frame, grid), 1), found.confidence, before, -grid.voxel_volume_mm3, -number


def _covered(frame: Grid | None, grid: Grid) -> float:
    """Return the share of a field of view that a grid covers, by a coarse lattice of points."""
    if frame is None:
        return 1.0
    axes = [np.linspace(0, size - 1, _LATTICE_POINTS) for size in frame.size]
    points = frame.physical(np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3))
    return float(np.mean(grid.contains(points)))
