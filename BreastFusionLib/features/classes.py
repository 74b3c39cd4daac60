"""PyRadiomics' feature classes with the same formulas and less work.

The values come from PyRadiomics' own classes and compiled matrices. Three things are done once, or in another order:
intensities are discretised once for all classes of an image (the classes do it each for themselves, with Python's
`min` over every voxel); the mesh is measured by `mesh.measure_mesh`; moments and the maximal correlation coefficient
use products instead of powers and loops.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from BreastFusionLib.errors import InputError
from BreastFusionLib.features.mesh import measure_mesh
from BreastFusionLib.features.provider import load_provider

__all__ = ["intensity_features", "shape_features"]

# A co-occurrence matrix of this many levels takes gigabytes and says nothing.
_MOST_LEVELS = 4096


@dataclass(frozen=True)
class _Levels:
    """Discretised intensities.

    Attributes:
        image: int (k, j, i), 1 .. Ng inside the lesion and 0 outside.
        present: the levels that occur, ascending.
    """

    image: NDArray[np.int_]
    present: NDArray[np.int_]


def shape_features(
    feature_class: str, mask: sitk.Image, features: tuple[str, ...], setting: Mapping[str, Any]
) -> Iterator[tuple[str, float]]:
    """Measure shape.

    Args:
        feature_class: 'shape' or 'shape2D'.
        mask: the lesion, cropped to its bounding box.
        features: names of the features.
        setting: PyRadiomics' settings; `label` is the lesion's value in the mask.

    Yields:
        Name and value of each feature.
    """
    known = load_provider().getFeatureClasses()[feature_class]
    adapted = _subclass(known, {"_initSegmentBasedCalculation": _init_shape} if feature_class == "shape" else {})
    yield from _execute(adapted(mask, mask, **setting), features)


def intensity_features(
    image: sitk.Image, mask: sitk.Image, features: Mapping[str, tuple[str, ...]], setting: Mapping[str, Any]
) -> Iterator[tuple[str, str, float]]:
    """Measure first-order statistics and texture.

    Args:
        image: the (filtered) image, cropped to the lesion's bounding box.
        mask: the lesion on the same grid.
        features: feature class -> names of its features.
        setting: PyRadiomics' settings; `label` is the lesion's value in the mask.

    Yields:
        Class, name and value of each feature.

    Raises:
        InputError: the settings divide the lesion's intensities into too many levels.
    """
    classes = load_provider().getFeatureClasses()
    levels = _discretise(image, mask, setting)

    def apply_binning(self: Any, matrix: NDArray[Any]) -> NDArray[np.int_]:
        self.coefficients["grayLevels"] = levels.present
        self.coefficients["Ng"] = int(levels.present[-1])
        return levels.image.copy()

    for name, wanted in features.items():
        adapted = _subclass(classes[name], {"_applyBinning": apply_binning, **_OVERRIDES.get(name, {})})
        for feature, value in _execute(adapted(image, mask, **setting), wanted):
            yield name, feature, value


def _discretise(image: sitk.Image, mask: sitk.Image, setting: Mapping[str, Any]) -> _Levels:
    inside = sitk.GetArrayViewFromImage(mask) == setting["label"]
    values = sitk.GetArrayViewFromImage(image)[inside]
    # PyRadiomics' edges depend on the extremes alone, so it need not see the other voxels.
    extremes = np.array([values.min(), values.max()])
    width, count = setting.get("binWidth", 25), setting.get("binCount")
    if count is None and (float(extremes[1]) - float(extremes[0])) / width > _MOST_LEVELS:
        raise InputError(
            f"The lesion's intensities reach from {extremes[0]:.6g} to {extremes[1]:.6g}: with binWidth {width} these "
            f"are more than {_MOST_LEVELS} grey levels, too many for any texture. Set a larger binWidth, or binCount, "
            "in the radiomics settings, or normalise the image."
        )
    edges = load_provider().imageoperations.getBinEdges(extremes, **setting)
    binned = np.zeros(inside.shape, dtype="int")
    binned[inside] = np.digitize(values, edges)
    return _Levels(binned, np.flatnonzero(np.bincount(binned[inside])))


def _subclass(known: type, overrides: Mapping[str, Any]) -> Any:
    # PyRadiomics' classes log under the name of their module; so must these, to stay silent with them.
    return type(known.__name__, (known,), {"__module__": known.__module__, **overrides})


def _execute(calculator: Any, features: tuple[str, ...]) -> Iterator[tuple[str, float]]:
    for feature in features:
        calculator.enableFeatureByName(feature)
    for feature, value in calculator.execute().items():
        yield feature, float(value)


def _init_shape(self: Any) -> None:
    """Do what RadiomicsShape does to prepare its features, the mesh apart."""
    self.pixelSpacing = np.array(self.inputMask.GetSpacing()[::-1])
    self.maskArray = np.pad(sitk.GetArrayViewFromImage(self.inputMask) == self.label, 1)
    self.labelledVoxelCoordinates = np.where(self.maskArray)
    mesh = measure_mesh(self.maskArray, self.pixelSpacing)
    self.SurfaceArea, self.Volume = mesh.area_mm2, mesh.volume_mm3
    self.diameters = (*mesh.diameters_2d_mm, mesh.diameter_3d_mm)

    points_mm = np.stack(self.labelledVoxelCoordinates, axis=1) * self.pixelSpacing
    points_mm -= points_mm.mean(axis=0)
    points_mm /= np.sqrt(len(points_mm))
    eigenvalues = np.linalg.eigvals(points_mm.T.copy() @ points_mm)
    # The same rounding of a flat lesion's smallest variance as PyRadiomics'.
    eigenvalues[(eigenvalues < 0) & (eigenvalues > -1e-10)] = 0
    self.eigenValues = np.sort(eigenvalues)


def _moment(values: NDArray[np.float64], moment: int = 1) -> NDArray[np.float64] | float:
    """Return the central moment of each row."""
    if moment == 1:
        return 0.0
    difference = values - np.nanmean(values, axis=1, keepdims=True)
    power = difference * difference
    for _ in range(moment - 2):
        power *= difference
    return np.nanmean(power, axis=1)


def _maximal_correlation(self: Any) -> NDArray[np.float64] | float:
    """Return the square root of the second eigenvalue of Q(i, j) = sum_k p(i, k) p(j, k) / (px(i) py(k))."""
    if self.P_glcm.shape[1] < 2:
        return 1.0
    p = np.moveaxis(self.P_glcm, -1, 1)  # (1, angles, levels, levels)
    px, py = (np.moveaxis(self.coefficients[name], -1, 1) for name in ("px", "py"))
    eps = self.coefficients["eps"]
    q = (p / (px * py + eps)) @ np.swapaxes(p, -1, -2)
    return np.nanmean(np.sqrt(np.sort(np.linalg.eigvals(q))[..., -2]), axis=1).real


_OVERRIDES: dict[str, dict[str, Any]] = {
    "firstorder": {"_moment": staticmethod(_moment)},
    "glcm": {"getMCCFeatureValue": _maximal_correlation},
}
