"""Random changes of patches that can be replayed: drawn from (seed, replay, case), then applied deterministically.

Flips and rotation are one affine map, applied to a whole batch in one interpolation on whatever device it lies: the
usual libraries of transforms work case by case on the CPU.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from BreastFusionLib.images.settings import AugmentationSpec

__all__ = ["Augmentation", "apply_augmentation", "draw_augmentation"]


@dataclass(frozen=True)
class Augmentation:
    """One drawn change, the same for all sequences and slices of a case.

    Attributes:
        flip_horizontal: mirror columns.
        flip_vertical: mirror rows.
        rotation_degrees: about the patch's centre.
    """

    flip_horizontal: bool = False
    flip_vertical: bool = False
    rotation_degrees: float = 0.0

    @property
    def matrix(self) -> np.ndarray:
        """(2, 3) float32 map from output to input in normalised coordinates (x, y in -1..1), as PyTorch wants it."""
        angle = np.deg2rad(self.rotation_degrees)
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        mirror = np.diag([-1.0 if self.flip_horizontal else 1.0, -1.0 if self.flip_vertical else 1.0])
        return np.column_stack([turn @ mirror, np.zeros(2)]).astype(np.float32)


def draw_augmentation(spec: AugmentationSpec, seed: int, replay: int, case_id: str) -> Augmentation:
    """Draw the change of one case; it depends on nothing but the arguments (not on batches or the order of cases)."""
    digest = hashlib.sha256(f"{seed}/{replay}/{case_id}".encode()).digest()
    generator = np.random.default_rng(int.from_bytes(digest[:8], "little"))
    horizontal, vertical, turn = generator.random(3)
    return Augmentation(
        bool(horizontal < spec.flip_horizontal),
        bool(vertical < spec.flip_vertical),
        float((2 * turn - 1) * spec.rotation_degrees),
    )


def apply_augmentation(images: torch.Tensor, matrices: torch.Tensor) -> torch.Tensor:
    """Apply each case's change to its patch.

    Args:
        images: (N, C, S, S) square patches.
        matrices: (N, 2, 3) `Augmentation.matrix` of each, on the same device.

    Returns:
        (N, C, S, S), bilinear; what a rotation brings in at the corners repeats the border's pixels.
    """
    grid = torch.nn.functional.affine_grid(matrices, list(images.shape), align_corners=False)
    return torch.nn.functional.grid_sample(
        images, grid.to(images.dtype), mode="bilinear", padding_mode="border", align_corners=False
    )


def stack_matrices(augmentations: Sequence[Augmentation]) -> torch.Tensor:
    """Return (N, 2, 3) matrices of a batch."""
    return torch.from_numpy(np.stack([augmentation.matrix for augmentation in augmentations]))
