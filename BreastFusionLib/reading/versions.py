"""Versions of everything that a reading's numbers depend on."""

from __future__ import annotations

import platform
from importlib import metadata
from typing import Any

import numpy as np
import scipy
import SimpleITK as sitk

import BreastFusionLib

__all__ = ["measuring_versions", "versions"]

_MEASURING = ("breastfusion", "numpy", "scipy", "SimpleITK", "radiomics")


def versions(radiomics: bool = True) -> dict[str, Any]:
    """Return versions by name; 'radiomics' is {"provider", "version"}, left out when it was not used."""
    from BreastFusionLib.features.radiomics import provider

    found: dict[str, Any] = {
        "breastfusion": BreastFusionLib.__version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "scipy": scipy.__version__,
        "SimpleITK": sitk.Version_VersionString(),
        "torch": _version_of("torch"),
    }
    return found | ({"radiomics": provider()} if radiomics else {})


def measuring_versions(radiomics: bool = True) -> dict[str, Any]:
    """Return those of `versions` that can change what is measured on an exam, whatever network looks at it then."""
    found = versions(radiomics)
    return {name: found[name] for name in _MEASURING if name in found}


def _version_of(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
