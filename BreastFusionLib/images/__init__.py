"""Images as a network sees them: intensities that compare between scanners, patches round a lesion, whole breasts.

scale = measure_scale(volume, spec.intensity)       # on the whole volume, once
patch = extract_patch(volume, mask, spec, scale)    # pixels (slices, size_px, size_px), and where they lie
mip = project_breast(dce, side, projection_spec)    # pixels (1, size_px, size_px) of a whole breast

Random changes of whole batches (`apply_augmentation`) need torch, which is imported when they are first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from BreastFusionLib.images.intensity import IntensityScale, measure_scale
from BreastFusionLib.images.patches import Patch, extract_patch, patch_reach
from BreastFusionLib.images.projection import Projection, project_breast, projected_phases, subtraction
from BreastFusionLib.images.settings import AugmentationSpec, IntensitySpec, PatchSpec, ProjectionSpec

if TYPE_CHECKING:
    from BreastFusionLib.images.augment import (
        Augmentation,
        AugmentationBatch,
        apply_augmentation,
        draw_augmentation,
        stack,
    )

__all__ = [
    "Augmentation",
    "AugmentationBatch",
    "AugmentationSpec",
    "IntensityScale",
    "IntensitySpec",
    "Patch",
    "PatchSpec",
    "Projection",
    "ProjectionSpec",
    "apply_augmentation",
    "draw_augmentation",
    "extract_patch",
    "measure_scale",
    "patch_reach",
    "project_breast",
    "projected_phases",
    "stack",
    "subtraction",
]

_NEED_TORCH = ("Augmentation", "AugmentationBatch", "apply_augmentation", "draw_augmentation", "stack")


def __getattr__(name: str) -> Any:
    if name not in _NEED_TORCH:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.augment"), name)
