"""Which packages there are, found without importing any of them: PyTorch must never enter the application."""

from __future__ import annotations

import contextlib
import importlib.metadata
import importlib.util
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from slicer.i18n import tr as _

__all__ = ["Package", "Status", "describe", "missing", "packages", "status", "statuses"]

Way = Literal["pip", "torch", "radiomics"]


@dataclass(frozen=True)
class Package:
    """A package that BreastFusion uses and Slicer does not bring along.

    Attributes:
        name: as the screen shows it.
        module: how it is imported.
        distributions: names under which it may be installed.
        least: the oldest version that will do; '' when any will.
        needed_for: words for the screen.
        way: how it is installed.
    """

    name: str
    module: str
    distributions: tuple[str, ...]
    least: str
    needed_for: str
    way: Way


@dataclass(frozen=True)
class Status:
    """What was found of a package.

    Attributes:
        package: which one.
        provider: the distribution that provides it; '' when it is missing.
        version: '' when it is missing, or does not tell.
        usable: present and new enough.
    """

    package: Package
    provider: str = ""
    version: str = ""
    usable: bool = False

    @property
    def words(self) -> str:
        """What the table shows."""
        if not self.provider:
            return _("missing")
        other = self.provider if len(self.package.distributions) > 1 else ""
        found = " ".join(filter(None, (other, self.version))) or _("installed")
        return found if self.usable else _("{found}, needs {least}").format(found=found, least=self.package.least)


def packages() -> tuple[Package, ...]:
    """Return all packages, in the order in which they are installed."""
    reading, report = _("any reading"), _("the HTML report")
    return (
        Package("PyTorch", "torch", ("torch",), "2.2", reading, "torch"),
        Package("torchvision", "torchvision", ("torchvision",), "0.17", reading, "torch"),
        Package("safetensors", "safetensors", ("safetensors",), "0.4", reading, "pip"),
        Package("matplotlib", "matplotlib", ("matplotlib",), "3.8", report, "pip"),
        Package("contourpy", "contourpy", ("contourpy",), "1.2", report, "pip"),
        Package("Pillow", "PIL", ("pillow",), "10", report, "pip"),
        Package(
            "radiomics", "radiomics", ("pyradiomics", "pyradiomics-cuda"), "", _("models with radiomics"), "radiomics"
        ),
    )


def statuses() -> tuple[Status, ...]:
    """Look for every package."""
    return tuple(status(package) for package in packages())


def missing() -> tuple[Package, ...]:
    """Return the packages that are not there, or too old."""
    return tuple(found.package for found in statuses() if not found.usable)


def status(package: Package) -> Status:
    """Look for one package, without importing it."""
    home = _home(package.module)
    if home is None:
        return Status(package)
    for name in package.distributions:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            found = importlib.metadata.distribution(name)
            # Several distributions may provide the same module; only the one that would be imported counts.
            if len(package.distributions) == 1 or _same(found.locate_file(f"{package.module}/__init__.py"), home):
                usable = _release(found.version) >= _release(package.least)
                return Status(package, name, found.version, usable)
    extension = next((part for part in home.parts if part == "SlicerRadiomics"), "")
    return Status(package, extension or package.module, "", True)


def describe(found: Sequence[Status]) -> str:
    """Return the state of everything as lines of text, to be pasted into a report of a problem."""
    return "\n".join(f"{one.package.name}: {one.words} ({one.package.needed_for})" for one in found)


def _home(module: str) -> Path | None:
    """Return the file that an import would run, or None."""
    try:
        spec = importlib.util.find_spec(module)
    except (ImportError, ValueError):
        return None
    return Path(spec.origin).resolve() if spec is not None and spec.origin else None


def _same(located: object, home: Path) -> bool:
    return Path(str(located)).resolve() == home


def _release(version: str) -> tuple[int, ...]:
    """Return the leading numbers of a version: '2.1.0+cu118' -> (2, 1, 0)."""
    leading = re.match(r"\d+(\.\d+)*", version)
    return tuple(map(int, leading.group().split("."))) if leading else ()
