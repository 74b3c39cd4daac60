"""On what and with what a study was made."""

from __future__ import annotations

import os
import platform
from datetime import datetime, timezone
from pathlib import Path

from BreastFusionLib.reading.devices import choose_device
from BreastFusionLib.reading.versions import versions

__all__ = ["machine"]


def machine(device: str = "auto") -> dict[str, str]:
    """Return date, processor, device and versions, word -> value, without the machine's name.

    Args:
        device: as `choose_device` takes it.
    """
    found = versions(radiomics=False)
    return {
        "Date": datetime.now(timezone.utc).strftime("%Y-%m-%d"),
        "Processor": f"{_processor()}, {_cores()} cores",
        "Network": choose_device(device)[1],
        "System": f"{platform.system()} {platform.machine()}",
        **{f"Version of {name}": str(version) for name, version in found.items()},
    }


def _cores() -> int:
    # What this process may use, which in a container is less than the machine has.
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _processor() -> str:
    """Return the processor's name, where the system tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
