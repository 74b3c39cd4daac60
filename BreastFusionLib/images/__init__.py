"""Images as a network sees them: intensities that compare between scanners, patches round a lesion, whole breasts.

scale = measure_scale(volume, spec.intensity)       # on the whole volume, once
patch = extract_patch(volume, mask, spec, scale)    # pixels (slices, size_px, size_px), and where they lie
mip = project_breast(dce, side, projection_spec)    # pixels (1, size_px, size_px) of a whole breast
"""

from BreastFusionLib.images.intensity import IntensityScale, measure_scale
from BreastFusionLib.images.patches import Patch, extract_patch, patch_reach
from BreastFusionLib.images.projection import Projection, project_breast, projected_phases, subtraction
from BreastFusionLib.images.settings import AugmentationSpec, IntensitySpec, PatchSpec, ProjectionSpec

__all__ = [
    "AugmentationSpec",
    "IntensityScale",
    "IntensitySpec",
    "Patch",
    "PatchSpec",
    "Projection",
    "ProjectionSpec",
    "extract_patch",
    "measure_scale",
    "patch_reach",
    "project_breast",
    "projected_phases",
    "subtraction",
]
