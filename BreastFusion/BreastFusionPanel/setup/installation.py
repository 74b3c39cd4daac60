"""Installing what is missing, on the user's click, each package the way Slicer wants it.

PyTorch and torchvision through the extension PyTorch, which knows the graphics card; radiomics as the extension
SlicerRadiomics; the rest through `slicer.packaging`. What Slicer brings along is never replaced: pip is held by a
file of constraints, also where somebody else calls it.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.metadata
import inspect
import logging
import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import slicer
from slicer.i18n import tr as _

from .dependencies import Package, missing

__all__ = ["PROTECTED", "Outcome", "held_back", "install_missing"]

REQUIREMENTS = Path(__file__).resolve().parents[2] / "Resources" / "requirements.txt"
PROTECTED = ("numpy", "scipy", "SimpleITK", "vtk", "requests", "pydicom")
"""What Slicer itself runs on: replaced by pip, it may not start again."""

_BY_HAND = "slicer.util.pip_install('pyradiomics-cuda')"


@dataclass(frozen=True)
class Outcome:
    """What came of it.

    Attributes:
        refused: the user said no; nothing was done.
        sentences: what could not be installed, or is there after a restart only, and what to do about it.
    """

    refused: bool = False
    sentences: tuple[str, ...] = ()


def install_missing(consent: Callable[[str], bool]) -> Outcome:
    """Install everything that is missing; one failure does not stop the rest.

    Args:
        consent: shows a question and returns the answer; asked once, before anything is done.
    """
    wanted = missing()
    if wanted and not consent(_question(wanted)):
        return Outcome(refused=True)
    steps = []
    with held_back() as constraints:
        # The small packages first: a download of gigabytes that fails should not cost them.
        ways: dict[str, Callable[[Sequence[Package]], _Step]] = {
            "pip": lambda _wanted: _install_with_pip(constraints),
            "torch": _install_torch,
            "radiomics": _install_radiomics,
        }
        for way, install in ways.items():
            chosen = [package for package in wanted if package.way == way]
            if chosen:
                steps.append(_attempt(install, chosen))
    importlib.invalidate_caches()
    return Outcome(sentences=tuple(step.sentence for step in steps if step.sentence))


@contextlib.contextmanager
def held_back() -> Iterator[Path]:
    """Hold every pip that runs meanwhile to the present versions of what Slicer runs on; yields the constraints."""
    lines = []
    for name in PROTECTED:
        try:
            lines.append(f"{name}=={importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            # Built into Slicer, unknown to pip: a version that does not exist keeps pip from bringing its own.
            lines.append(f"{name}<0")
    earlier = os.environ.get("PIP_CONSTRAINT")
    with tempfile.TemporaryDirectory(prefix="BreastFusion-") as folder:
        path = Path(folder) / "constraints.txt"
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        # pip splits this variable at blanks, which a user's folder may have; an address has none.
        os.environ["PIP_CONSTRAINT"] = " ".join(filter(None, (earlier, path.as_uri())))
        try:
            yield path
        finally:
            if earlier is None:
                del os.environ["PIP_CONSTRAINT"]
            else:
                os.environ["PIP_CONSTRAINT"] = earlier


@dataclass(frozen=True)
class _Step:
    sentence: str = ""
    needs_restart: bool = False


def _attempt(install: Callable[[Sequence[Package]], _Step], wanted: Sequence[Package]) -> _Step:
    try:
        return install(wanted)
    except Exception as error:  # no internet, no disk, a package that does not build: each says it differently
        logging.getLogger(__name__).exception("Installation failed")
        return _Step(
            _("{names} could not be installed ({error}). Check the internet connection, and see the error log.").format(
                names=_names(wanted), error=error
            )
        )


def _install_with_pip(constraints: Path) -> _Step:
    packaging = _packaging()
    if packaging is None:
        slicer.util.pip_install([*_requirement_lines(), "-c", str(constraints)])
    else:
        # Slicer's installer compares with what is there, and shows progress and log.
        packaging.pip_ensure(
            packaging.load_requirements(REQUIREMENTS),
            constraints=str(constraints),
            prompt_install=False,  # the user was asked about everything at once
            requester="BreastFusion",
        )
    return _Step()


def _packaging() -> Any:
    """Return `slicer.packaging` where this Slicer has it (from 5.12 on)."""
    try:
        module = importlib.import_module("slicer.packaging")
    except ImportError:
        return None
    return module if hasattr(module, "pip_ensure") and hasattr(module, "load_requirements") else None


def _requirement_lines() -> list[str]:
    lines = (line.split("#")[0].strip() for line in REQUIREMENTS.read_text(encoding="utf-8").splitlines())
    return [line for line in lines if line]


def _install_torch(wanted: Sequence[Package]) -> _Step:
    try:
        module = importlib.import_module("PyTorchUtils")
    except ImportError:
        return _install_extension("PyTorch", _names(wanted))
    logic = module.PyTorchUtilsLogic()
    requirements = {"torch": "torchVersionRequirement", "torchvision": "torchvisionVersionRequirement"}
    arguments: dict[str, Any] = {requirements[package.module]: f">={package.least}" for package in wanted}
    arguments["askConfirmation"] = False
    # The extension's versions differ in what they take.
    known = inspect.signature(logic.installTorch).parameters
    logic.installTorch(**{name: value for name, value in arguments.items() if name in known})
    return _Step()


def _install_radiomics(wanted: Sequence[Package]) -> _Step:
    step = _install_extension("SlicerRadiomics", _names(wanted))
    if step.needs_restart:
        return step
    hint = _(
        "Kinetics and models without radiomics work. With a compiler on this machine, this line in the Python "
        "console may install another provider: {line}"
    ).format(line=_BY_HAND)
    return _Step(f"{step.sentence} {hint}")


def _install_extension(name: str, provides: str) -> _Step:
    """Install one of Slicer's extensions; it is there after a restart."""
    get_model = getattr(slicer.app, "extensionsManagerModel", None)
    model = get_model() if get_model is not None else None
    if model is None or not hasattr(model, "installExtensionFromServer"):
        return _Step(
            _("{provides}: install the extension {name} in Slicer's extensions manager.").format(
                provides=provides, name=name
            )
        )
    if not model.isExtensionInstalled(name):
        interactive = model.interactive
        model.interactive = False  # its own questions would come on top of ours
        try:
            done = model.installExtensionFromServer(name, False)
        finally:
            model.interactive = interactive
        if not done:
            return _Step(
                _(
                    "{provides}: the extension {name} could not be installed. It is not offered for this version of "
                    "Slicer on this system, or there is no internet connection."
                ).format(provides=provides, name=name)
            )
    return _Step(
        _("{provides}: the extension {name} is installed. Restart Slicer, then look here again.").format(
            provides=provides, name=name
        ),
        needs_restart=True,
    )


def _question(wanted: Sequence[Package]) -> str:
    return _(
        "BreastFusion needs packages that are not installed: {names}.\n\n"
        "They are fetched from the internet into Slicer's own Python (PyTorch takes some gigabytes and minutes; "
        "radiomics is Slicer's extension SlicerRadiomics). What Slicer itself runs on stays as it is: {protected}.\n\n"
        "Install them?"
    ).format(names=_names(wanted), protected=", ".join(PROTECTED))


def _names(wanted: Sequence[Package]) -> str:
    return ", ".join(package.name for package in wanted)
