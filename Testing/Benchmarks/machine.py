"""On which machine a benchmark ran, in one line."""

from __future__ import annotations

import datetime
import os
import platform
from importlib.metadata import version
from pathlib import Path

__all__ = ["describe_machine"]


def describe_machine(*packages: str) -> str:
    """Return date, processor, cores, system, Python and the versions of `packages`."""
    versions = [f"{name} {version(name)}" for name in packages]
    machine = f"{datetime.date.today()}, {_processor()}, {os.cpu_count()} cores, {platform.system()}"
    return ", ".join([machine, f"Python {platform.python_version()}", *versions])


def _processor() -> str:
    """Return the processor's name where the system tells it."""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


if __name__ == "__main__":
    print(describe_machine())
