"""Radiomic features of a lesion: PyRadiomics' values, from the part of the image that they depend on.

`extract` gives what `RadiomicsFeatureExtractor.execute` gives on the whole image (1e-9 relative or better, any
settings), many times faster. How: everything is cropped first, to the lesion and what filters and interpolation reach
(`preparation`, `filters`); the mesh's diameters come from the few points that can be their ends (`mesh`); intensities
are discretised once (`classes`). `Testing/Benchmarks/radiomics.py` measures both side by side.

Van Griethuysen et al., Computational radiomics system to decode the radiographic phenotype, Cancer Research 2017.
"""

from __future__ import annotations

import functools
import time
import warnings as python_warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import SimpleITK as sitk

from BreastFusionLib.features.classes import intensity_features, shape_features
from BreastFusionLib.features.filters import derived_images
from BreastFusionLib.features.names import FEATURE_NAMES, MESH_FREE_FEATURES, TEXTURE_CLASSES, short_name
from BreastFusionLib.features.parameters import Parameters, feature_names, names_of, read_settings, resolve
from BreastFusionLib.features.preparation import PreparedLesion, prepare_lesion, require_finite
from BreastFusionLib.features.provider import load_provider, provider, quiet

__all__ = [
    "FEATURE_NAMES",
    "TEXTURE_CLASSES",
    "Radiomics",
    "extract",
    "feature_names",
    "provider",
    "read_settings",
]


@dataclass(frozen=True)
class Radiomics:
    """Radiomic features of one lesion on one image.

    Attributes:
        features: name -> value, in the order of `feature_names(settings)`; NaN where undefined.
        undefined: names of the features without a value.
        settings: the resolved parameter mapping.
        versions: which distribution provided `radiomics`, and the versions of what it computes with.
        seconds: time taken, without importing the provider.
        warnings: sentences on what is odd.
    """

    features: dict[str, float]
    undefined: tuple[str, ...] = ()
    settings: dict[str, Any] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0
    warnings: tuple[str, ...] = ()


def extract(
    image: sitk.Image, mask: sitk.Image, settings: Mapping[str, Any] | None = None, label: int | None = None
) -> Radiomics:
    """Measure the radiomic features of a lesion.

    A feature is undefined where PyRadiomics has no finite value for it. A lesion that PyRadiomics refuses (one voxel,
    or less than `minimumROIDimensions` and `minimumROISize` ask for) keeps its voxel volume and its first-order
    statistics but skewness and kurtosis; everything else is undefined. Values that PyRadiomics sets by convention
    (for a lesion of one intensity, or in one slice) are kept and named in a warning.

    Args:
        image: 3-D scalar image.
        mask: integers on the image's grid; the lesion is `label`.
        settings: a PyRadiomics parameter mapping (`read_settings`); None for its defaults: 107 features.
        label: value of the lesion in the mask; None: what the settings say, 1 by default.

    Raises:
        InputError: no provider of `radiomics`; unknown settings; mask on another grid or without the label; values
            that are not finite in the lesion; too many grey levels.
    """
    load_provider()
    started = time.perf_counter()
    parameters = resolve(settings)
    if label is not None:
        parameters = replace(parameters, setting={**parameters.setting, "label": int(label)})
    with quiet(), python_warnings.catch_warnings(), np.errstate(all="ignore"):
        python_warnings.simplefilter("ignore", RuntimeWarning)
        lesion = prepare_lesion(image, mask, parameters.setting)
        found = _measure(lesion, parameters)
    names = FEATURE_NAMES if settings is None else names_of(parameters)
    features = {name: found.get(name, np.nan) for name in names}
    features = {name: value if np.isfinite(value) else np.nan for name, value in features.items()}
    undefined = tuple(name for name, value in features.items() if np.isnan(value))
    return Radiomics(
        features=features,
        undefined=undefined,
        settings=parameters.to_mapping(),
        versions=_versions(),
        seconds=time.perf_counter() - started,
        warnings=tuple(_warnings(image, lesion, features, undefined)),
    )


def _measure(lesion: PreparedLesion, parameters: Parameters) -> dict[str, float]:
    """Return all features that have a value, by their short names."""
    wanted = parameters.features
    if lesion.too_small:
        wanted = {
            group: tuple(name for name in names if f"{group}_{name}" in MESH_FREE_FEATURES)
            for group, names in wanted.items()
        }
    found = {}
    for group in ("shape", "shape2D"):
        if wanted.get(group) and _has_shape(group, lesion, parameters.setting):
            for feature, value in shape_features(group, lesion.shape_mask, wanted[group], parameters.setting):
                found[short_name("original", group, feature)] = value
    groups = {group: names for group, names in wanted.items() if names and group not in ("shape", "shape2D")}
    label = parameters.setting["label"]
    for image, image_type, setting in derived_images(lesion.source, lesion.mask, lesion.box, parameters):
        require_finite(image, lesion.mask, label, f"is not finite any more when '{image_type}' is computed")
        for group, feature, value in intensity_features(image, lesion.mask, groups, setting):
            found[short_name(image_type, group, feature)] = value
    return found


def _has_shape(group: str, lesion: PreparedLesion, setting: Mapping[str, Any]) -> bool:
    """Tell whether a shape class can be measured: shape2D needs forced 2-D extraction and a lesion in one slice."""
    if group == "shape":
        return True
    slices_along = 2 - setting.get("force2Ddimension", 0)  # PyRadiomics counts (k, j, i)
    return setting.get("force2D", False) and lesion.shape_mask.GetSize()[slices_along] == 1


@functools.cache
def _versions() -> dict[str, str]:
    found = provider()
    return {
        "radiomics": f"{found['provider']} {found['version']}",
        "numpy": np.__version__,
        "SimpleITK": sitk.Version.VersionString(),
    }


def _warnings(
    image: sitk.Image, lesion: PreparedLesion, features: Mapping[str, float], undefined: tuple[str, ...]
) -> Iterator[str]:
    """Yield sentences on what a reader of the features should know."""
    if lesion.too_small:
        yield (f"The lesion is too small for shape and texture: {lesion.too_small}. Undefined: {_listed(undefined)}.")
        return
    if undefined:
        yield f"Features without a value for this lesion: {_listed(undefined)}."
    if 1 in lesion.shape_mask.GetSize() and "shape_Flatness" in features:
        yield (
            "The lesion is flat (one voxel thick): LeastAxisLength and Flatness are 0, and surface, volume and "
            "sphericity are those of a plate."
        )
    if features.get("firstorder_Range") == 0.0:
        yield (
            "All voxels of the lesion have the same intensity: skewness, kurtosis, correlation, MCC, Imc1, Imc2, "
            "coarseness, busyness, contrast and strength have PyRadiomics' conventional values and say nothing."
        )
    kind = sitk.GetArrayViewFromImage(image).dtype
    if kind.itemsize == 1 and "glcm_Contrast" in features:
        yield (
            f"The image has 8-bit voxels ({kind.name}): PyRadiomics finds grey levels in the image's own type, which "
            "overflows near its largest value. Texture is safe only with 16-bit or floating-point voxels."
        )


def _listed(names: tuple[str, ...], most: int = 12) -> str:
    """Return names as text; whole classes of features would fill a screen."""
    if len(names) <= most:
        return ", ".join(names)
    groups = dict.fromkeys(name.rsplit("_", 1)[0] for name in names)
    counts = {group: sum(name.rsplit("_", 1)[0] == group for name in names) for group in groups}
    return ", ".join(f"{group} ({count} features)" for group, count in counts.items())
