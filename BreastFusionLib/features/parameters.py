"""PyRadiomics' parameters: reading a parameter file, checking it, and the names of the features it asks for.

A parameter mapping has the sections of a PyRadiomics parameter file, each of them optional: `setting` (binWidth,
normalize, resampledPixelSpacing, ..), `imageType` (image type -> settings of its own) and `featureClass` (class -> list
of features, or nothing for all). It is checked with PyRadiomics' own schema, so that whatever the installed version
knows is known here.
"""

from __future__ import annotations

import copy
import functools
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import SimpleITK as sitk

from BreastFusionLib.errors import InputError, nearest_known
from BreastFusionLib.features.names import FEATURE_CLASSES, FEATURE_NAMES, short_name
from BreastFusionLib.features.provider import load_provider, quiet
from BreastFusionLib.files import to_plain

__all__ = ["Parameters", "feature_names", "read_settings", "resolve"]

_SECTIONS = ("setting", "imageType", "featureClass", "voxelSetting")
# Whether mask and image share a grid is decided by exam.geometry. PyRadiomics would set this one for the whole process.
_IGNORED_SETTINGS = ("geometryTolerance", "correctMask")


@dataclass(frozen=True)
class Parameters:
    """A parameter mapping with everything it leaves open filled in as PyRadiomics does.

    Attributes:
        setting: all settings, PyRadiomics' defaults included.
        image_types: image type -> settings that hold for it alone, in the order of extraction.
        features: feature class -> names of its features, in the order of `FEATURE_CLASSES`.
    """

    setting: Mapping[str, Any]
    image_types: Mapping[str, Mapping[str, Any]]
    features: Mapping[str, tuple[str, ...]]

    def to_mapping(self) -> dict[str, Any]:
        """Return the mapping as a parameter file would hold it."""
        return to_plain({"setting": self.setting, "imageType": self.image_types, "featureClass": self.features})


def read_settings(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Read and check a PyRadiomics parameter file (YAML or JSON).

    Returns:
        Its content, for `extract(settings=..)` or a recipe.

    Raises:
        InputError: it cannot be read, or holds something that PyRadiomics does not know or take.
    """
    from pykwalify.core import Core  # PyRadiomics reads its files with it; YAML is no dependency of this floor

    file = Path(path)
    if not file.is_file():
        raise InputError(f"{file}: there is no such PyRadiomics parameter file.")
    load_provider()
    try:
        with quiet():
            content = Core(source_file=str(file), schema_data={"type": "any"}).source
    except Exception as error:  # the YAML parser's and pykwalify's own exceptions share no other base
        raise InputError(
            f"{file}: cannot be read as a PyRadiomics parameter file (YAML, named .yaml, .yml or .json): {error}"
        ) from error
    content = to_plain(content)
    resolve(content, where=str(file))
    return content


def resolve(settings: Mapping[str, Any] | None, where: str = "radiomics settings") -> Parameters:
    """Check a parameter mapping and fill in PyRadiomics' defaults.

    Args:
        settings: a parameter mapping; None for PyRadiomics' defaults.
        where: what the mapping is, for messages.

    Raises:
        InputError: unknown names (with the nearest known one) or values of another type.
    """
    if settings is not None and not isinstance(settings, Mapping):
        raise InputError(f"{where}: expected the sections {', '.join(_SECTIONS[:3])}, found {settings!r}.")
    return _resolve(json.dumps(to_plain(dict(settings or {}))), where)


@functools.lru_cache(maxsize=32)
def _resolve(settings_json: str, where: str) -> Parameters:
    """Do the work of `resolve`; validation takes longer than the features of a small lesion."""
    radiomics = load_provider()
    settings = {name: section or {} for name, section in json.loads(settings_json).items()}
    _check_names(settings, where)
    for name in _IGNORED_SETTINGS:
        settings.get("setting", {}).pop(name, None)
    settings = {name: section for name, section in settings.items() if section and name != "voxelSetting"}
    try:
        with quiet():
            # An empty mapping stands for the defaults too, but is refused by some versions.
            extractor = radiomics.featureextractor.RadiomicsFeatureExtractor(*([settings] if settings else []))
    except Exception as error:  # SchemaError, or whatever PyRadiomics' validation functions raise
        reason = " ".join(str(getattr(error, "msg", error)).split())
        raise InputError(f"{where}: PyRadiomics does not take these parameters: {reason}") from error
    classes = {name: known.getFeatureNames() for name, known in radiomics.getFeatureClasses().items()}
    wanted = extractor.enabledFeatures
    return Parameters(
        setting={name: value for name, value in extractor.settings.items() if name != "additionalInfo"},
        image_types={name: dict(own or {}) for name, own in extractor.enabledImagetypes.items()},
        features={
            name: tuple(wanted[name] or (feature for feature, deprecated in classes[name].items() if not deprecated))
            for name in (*FEATURE_CLASSES, *sorted(set(classes) - set(FEATURE_CLASSES)))
            if name in wanted
        },
    )


def _check_names(settings: Mapping[str, Any], where: str) -> None:
    """Raise with the nearest known name where PyRadiomics' schema would only say that a name is unknown."""
    radiomics = load_provider()
    _check(settings, _SECTIONS, where, "section")
    for name, section in settings.items():
        if not isinstance(section, Mapping):
            raise InputError(f"{where}, {name}: expected a mapping, found {section!r}.")
    known_settings = _schema_settings() | set(_IGNORED_SETTINGS)
    _check(settings.get("setting", {}), known_settings, f"{where}, setting", "setting")
    _check(settings.get("imageType", {}), radiomics.getImageTypes(), f"{where}, imageType", "image type")
    for image_type, own in settings.get("imageType", {}).items():
        _check(own or {}, known_settings, f"{where}, imageType, {image_type}", "setting")
    classes = radiomics.getFeatureClasses()
    _check(settings.get("featureClass", {}), classes, f"{where}, featureClass", "feature class")
    for name, features in settings.get("featureClass", {}).items():
        if isinstance(features, list):
            _check(features, classes[name].getFeatureNames(), f"{where}, featureClass, {name}", "feature")


def _check(names: Any, known: Any, where: str, kind: str) -> None:
    for name in names:
        if name not in known:
            raise InputError(f"{where}: unknown {kind} '{name}'. {nearest_known(str(name), known)}")


@functools.cache
def _schema_settings() -> frozenset[str]:
    """Return the names of all settings in the installed PyRadiomics' schema."""
    from pykwalify.core import Core

    schema_file, _ = load_provider().getParameterValidationFiles()
    with quiet():
        schema = Core(source_data={}, schema_files=[schema_file]).schema
    return frozenset(schema["mapping"]["setting"]["mapping"])


def feature_names(settings: Mapping[str, Any] | None = None) -> tuple[str, ...]:
    """Return the names of the features that `extract` gives for `settings`, in its order.

    Shape comes first, then the other classes for each image type; 'glcm_Contrast' on the unfiltered image is
    'wavelet-LLH_glcm_Contrast' on a filtered one.

    Args:
        settings: a parameter mapping; None for the 107 features of PyRadiomics' defaults.

    Raises:
        InputError: as `resolve`; and, except for the defaults, nothing provides `radiomics`.
    """
    return FEATURE_NAMES if settings is None else names_of(resolve(settings))


def names_of(parameters: Parameters) -> tuple[str, ...]:
    """Return the names of the features that resolved parameters ask for."""
    shapes = [name for name in ("shape", "shape2D") if name in parameters.features]
    if not parameters.setting.get("force2D", False):
        shapes = [name for name in shapes if name != "shape2D"]
    groups = [("original", name) for name in shapes]
    for image_type in _derived_image_names(parameters):
        groups += [(image_type, name) for name in parameters.features if name not in ("shape", "shape2D")]
    return tuple(
        short_name(image_type, name, feature) for image_type, name in groups for feature in parameters.features[name]
    )


def _derived_image_names(parameters: Parameters) -> list[str]:
    """Ask PyRadiomics' filters for the names of their results, by running them on a tiny image."""
    operations = load_provider().imageoperations
    # Voxels of a metre: large enough for any sigma in mm.
    image = sitk.GetImageFromArray(sitk.GetArrayFromImage(sitk.GaussianSource(sitk.sitkFloat64, [8, 8, 8])))
    image.SetSpacing((1000.0, 1000.0, 1000.0))
    mask = sitk.Cast(image >= 0, sitk.sitkUInt32)
    names = []
    with quiet():
        for image_type, own in parameters.image_types.items():
            settings = {**copy.deepcopy(dict(parameters.setting)), **own, "label": 1}
            generate = getattr(operations, f"get{image_type}Image")
            names += [name for _, name, _ in generate(image, mask, **settings)]
    return names
