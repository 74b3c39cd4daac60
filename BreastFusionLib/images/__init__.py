"""Images as a network sees them: intensities that compare between scanners, patches round a lesion.

scale = measure_scale(volume, spec.intensity)       # on the whole volume, once
patch = extract_patch(volume, mask, spec, scale)    # pixels (slices, size_px, size_px), and where they lie
"""

from BreastFusionLib.images.intensity import IntensityScale, measure_scale
from BreastFusionLib.images.patches import Patch, extract_patch, patch_reach
from BreastFusionLib.images.settings import AugmentationSpec, IntensitySpec, PatchSpec, ProjectionSpec

__all__ = [
    "AugmentationSpec",
    "IntensityScale",
    "IntensitySpec",
    "Patch",
    "PatchSpec",
    "ProjectionSpec",
    "extract_patch",
    "measure_scale",
    "patch_reach",
]
