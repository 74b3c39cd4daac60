"""Stand-in for `slicer.packaging`: installs nothing, records what it was asked to install."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class Installs:
    """What was asked of `slicer.packaging`, and how it answers.

    Attributes:
        requested: lists of requirements in the order of asking.
        refuse: True: the user says no.
        error: text of the error with which an installation fails; empty for success.
        installed: called with the requirements on success, so that a test can make them appear.
    """

    requested: list[list[str]] = field(default_factory=list)
    refuse: bool = False
    error: str = ""

    def reset(self) -> None:
        self.__init__()


installs = Installs()


def load_requirements(path) -> list[str]:
    """The lines of a requirements file without comments."""
    lines = (line.split("#")[0].strip() for line in Path(path).read_text(encoding="utf-8").splitlines())
    return [line for line in lines if line]


def pip_ensure(requirements, requester: str = "", **options) -> None:
    """Asks, then installs what is missing.

    Raises:
        RuntimeError: the user refused, or the installation failed.
    """
    installs.requested.append([str(requirement) for requirement in requirements])
    if installs.refuse:
        raise RuntimeError("Installation was refused.")
    if installs.error:
        raise RuntimeError(installs.error)


def pip_install(requirements, **options) -> None:
    """Installs without asking."""
    pip_ensure(requirements if isinstance(requirements, (list, tuple)) else str(requirements).split())
