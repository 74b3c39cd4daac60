"""Rigid registration of two series of one exam: what the patient moved between them.

Mattes' mutual information (Mattes et al., IEEE Trans Med Imaging 2003;22:120-128) over an Euler transform, coarse to
fine, starting from the headers' geometry. Both images are first cut to the region of interest and brought to about
2 mm voxels, so that a full-size exam takes a few seconds, and the result is kept only when it is clearly better.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk

from BreastFusionLib.errors import InputError
from BreastFusionLib.exam.geometry import Box, Grid, crop

__all__ = ["RigidRegistration", "register_rigid"]

VOXEL_MM = 2.0  # finest sampling; motion is found well below one voxel, because many voxels vote
MOST_VOXELS = 300_000  # of the fixed region: larger regions are sampled more coarsely, to stay within seconds
NOISE_SMOOTHING_MM = 1.0
SHRINK_FACTORS = (2, 1)
SMOOTHING_MM = (2.0, 0.0)
HISTOGRAM_BINS = 32
SEARCH_MM = 25.0  # how far outside the fixed region the moving image may be needed
# Beyond this the patient was repositioned rather than moved, or the optimiser was lost.
LARGEST_SHIFT_MM = 20.0
LARGEST_TURN_DEG = 15.0
# Skin, coil sensitivity and fat suppression differ between sequences, and six free parameters always gain a little on
# them: 2 to 6 % on a patient who had not moved (Duke 153, where the optimum lies 8 mm from the truth), while 2 mm of
# true motion in phantoms gained 25 % and more. What gains less than this share is kept by geometry.
SMALLEST_GAIN_SHARE = 0.1
SMALLEST_GAIN = 0.02  # two unrelated images gain less
_MIN_VOXELS = 4  # along each axis, after shrinking


@dataclass(frozen=True)
class RigidRegistration:
    """The result of a rigid registration.

    Attributes:
        transform: maps points of the fixed image's space to the moving image's space (SimpleITK's resampling
            convention); the identity when it was not accepted.
        metric_before: negative mutual information with the headers' geometry (lower is better).
        metric_after: the same after optimisation.
        accepted: whether the metric improved clearly, by a plausible motion.
    """

    transform: sitk.Transform
    metric_before: float
    metric_after: float
    accepted: bool


def register_rigid(fixed: sitk.Image, moving: sitk.Image, fixed_region: Box | None = None) -> RigidRegistration:
    """Find the small rigid motion between two images of one patient.

    Args:
        fixed: 3-D image whose points are to be mapped.
        moving: 3-D image in the same frame of reference; another sequence, grid and contrast are expected.
        fixed_region: part of the fixed image that must fit, such as the surroundings of a lesion; all when None.

    Returns:
        The transform and the metric before and after. Equal input gives equal output to the last bit.

    Raises:
        InputError: the region lies outside the moving image, or is too thin to register.
    """
    region = (fixed_region or Box((0, 0, 0), fixed.GetSize())).clipped(fixed.GetSize())
    if 0 in region.size:
        raise InputError("The region to register lies outside the fixed image: choose one inside it.")
    volume_mm3 = float(np.prod(region.size)) * Grid.of(fixed).voxel_volume_mm3
    voxel_mm = max(VOXEL_MM, float(np.cbrt(volume_mm3 / MOST_VOXELS)))
    still = _prepared(crop(fixed, region), voxel_mm)
    other = _prepared(_surroundings(moving, Grid.of(still)), voxel_mm)
    motion = sitk.Euler3DTransform()
    motion.SetCenter(Grid.of(still).physical((np.asarray(still.GetSize()) - 1) / 2).tolist())
    method = _method()
    method.SetInitialTransform(motion, inPlace=True)
    try:
        with _one_thread():
            before = method.MetricEvaluate(still, other)
            method.Execute(still, other)
            # The optimiser's own value is of its last level and step; compare like with like.
            after = method.MetricEvaluate(still, other)
    except RuntimeError as error:
        raise InputError(
            "Registration failed: the images hardly overlap or hold no structure there. Map by geometry instead "
            "(registration none)."
        ) from error
    accepted = before - after > max(SMALLEST_GAIN, SMALLEST_GAIN_SHARE * abs(before)) and _is_plausible(motion)
    return RigidRegistration(motion if accepted else sitk.Euler3DTransform(), before, after, accepted)


@contextlib.contextmanager
def _one_thread() -> Iterator[None]:
    """Let ITK sum in one thread: several add in any order, and the result's last digits differ from run to run."""
    usual = sitk.ProcessObject.GetGlobalDefaultNumberOfThreads()
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
    try:
        yield
    finally:
        sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(usual)


def _method() -> sitk.ImageRegistrationMethod:
    method = sitk.ImageRegistrationMethod()
    method.SetMetricAsMattesMutualInformation(HISTOGRAM_BINS)
    method.SetMetricSamplingStrategy(method.NONE)  # every voxel: no random numbers
    method.SetInterpolator(sitk.sitkLinear)
    method.SetOptimizerAsRegularStepGradientDescent(
        learningRate=1.0, minStep=0.005, numberOfIterations=100, relaxationFactor=0.6, gradientMagnitudeTolerance=1e-8
    )
    method.SetOptimizerScalesFromPhysicalShift()
    method.SetShrinkFactorsPerLevel(SHRINK_FACTORS)
    method.SetSmoothingSigmasPerLevel(SMOOTHING_MM)
    method.SetSmoothingSigmasAreSpecifiedInPhysicalUnits(True)
    return method


def _surroundings(moving: sitk.Image, fixed: Grid) -> sitk.Image:
    """Cut the moving image to where the fixed region may come to lie."""
    index = Grid.of(moving).index(fixed.physical(fixed.corners_ijk(border=0.5)))
    margin = SEARCH_MM / np.asarray(moving.GetSpacing())
    box = Box.holding(np.concatenate([index - margin, index + margin])).clipped(moving.GetSize())
    if 0 in box.size:
        raise InputError("The region to register lies outside the moving image: map by geometry and check the overlap.")
    return crop(moving, box)


def _prepared(image: sitk.Image, voxel_mm: float) -> sitk.Image:
    """Bring an image to voxels of about `voxel_mm` by averaging whole ones, and smooth the noise that is left."""
    shrink = [max(1, round(voxel_mm / spacing)) for spacing in image.GetSpacing()]
    shrink = [min(s, max(1, n // _MIN_VOXELS)) for s, n in zip(shrink, image.GetSize(), strict=True)]
    if min(image.GetSize()) < _MIN_VOXELS:
        raise InputError(
            f"A region of {'x'.join(map(str, image.GetSize()))} voxels is too thin to register: choose a larger one, "
            "or map by geometry (registration none)."
        )
    coarse = sitk.BinShrink(sitk.Cast(image, sitk.sitkFloat32), shrink)
    return sitk.SmoothingRecursiveGaussian(coarse, NOISE_SMOOTHING_MM)


def _is_plausible(transform: sitk.Euler3DTransform) -> bool:
    *angles, x, y, z = transform.GetParameters()
    shift_mm = float(np.linalg.norm((x, y, z)))
    return shift_mm <= LARGEST_SHIFT_MM and float(np.abs(np.rad2deg(angles)).max()) <= LARGEST_TURN_DEG
