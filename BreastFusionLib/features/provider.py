"""Whichever package provides `radiomics`: PyRadiomics itself, its fork pyradiomics-cuda, or Slicer's extension."""

from __future__ import annotations

import contextlib
import functools
import importlib
import importlib.metadata
import logging
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

from BreastFusionLib.errors import InputError

__all__ = ["load_provider", "provider", "quiet"]

_DISTRIBUTIONS = ("pyradiomics", "pyradiomics-cuda")
_NOISY_LOGGERS = ("radiomics", "pykwalify")


@functools.cache
def load_provider() -> ModuleType:
    """Import `radiomics` with its extractor and image operations, and return it.

    Raises:
        InputError: nothing provides it.
    """
    try:
        with quiet():
            module = importlib.import_module("radiomics")
            for part in ("featureextractor", "imageoperations"):
                importlib.import_module(f"radiomics.{part}")
    except ImportError as error:
        raise InputError(
            f"Radiomic features need a package that provides 'radiomics', and none can be imported ({error}). "
            "In Python install this package's extra 'radiomics' (pip install 'breastfusion[radiomics]'), in 3D Slicer "
            "the extension SlicerRadiomics; everything that needs no radiomics works without."
        ) from error
    return module


def provider() -> dict[str, str]:
    """Say which distribution provides `radiomics`.

    Returns:
        {"provider": 'pyradiomics', 'pyradiomics-cuda' or 'SlicerRadiomics', "version": its version}.

    Raises:
        InputError: nothing provides it.
    """
    module = load_provider()
    home = Path(str(module.__file__)).resolve()
    for name in _DISTRIBUTIONS:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            found = importlib.metadata.distribution(name)
            # An application may hold several providers; only the one that was imported counts.
            if Path(str(found.locate_file("radiomics/__init__.py"))).resolve() == home:
                return {"provider": name, "version": found.version}
    name = "SlicerRadiomics" if "SlicerRadiomics" in home.parts else "radiomics"
    return {"provider": name, "version": str(getattr(module, "__version__", "unknown"))}


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Silence what PyRadiomics logs about every call, and leave its loggers as they were."""
    loggers = [logging.getLogger(name) for name in _NOISY_LOGGERS]
    levels = [logger.level for logger in loggers]
    try:
        for logger in loggers:
            logger.setLevel(logging.CRITICAL + 1)
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
