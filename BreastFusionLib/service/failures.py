"""What went wrong, as the other process is told: a kind, a sentence, and lines for the log that name no patient."""

from __future__ import annotations

import gc
import re
import sys
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from BreastFusionLib.cohort.disk import is_disk_full
from BreastFusionLib.errors import InputError, MemoryShortage

__all__ = ["describe", "release_memory"]

_FRAMES = 8
# PyTorch and ITK have no exception of their own for a computer's memory.
_OUT_OF_MEMORY_WORDS = ("can't allocate memory", "failed to allocate memory", "out of memory", "bad allocation")


def describe(error: Exception, arguments: Mapping[str, Any]) -> tuple[str, str, str]:
    """Return kind ('input', 'memory' or 'internal'), sentence and details of an error.

    Args:
        error: what was raised.
        arguments: of the request: paths among them, which may be called after patients, are left out of the details.
    """
    if isinstance(error, MemoryShortage):
        return "memory", str(error), ""
    if isinstance(error, InputError):
        return "input", str(error), ""
    message = " ".join(_without_paths(str(error), arguments).split())
    if isinstance(error, ImportError):
        package = (error.name or "a package").split(".")[0]
        how = "Install it, or install it again: see 'Batch and set-up'."
        return "input", f"The Python package '{package}' cannot be imported ({message}). {how}", _log(error, message)
    if is_disk_full(error):
        how = "Free some disk space and try again."
        return "input", f"The disk is full ({message}). {how}", _log(error, message)
    if type(error).__name__ == "OutOfMemoryError":  # PyTorch's; it need not be imported to know it
        how = "Close other programs that use the card, or choose the device 'cpu'."
        return "memory", f"The graphics card's memory is too small{_needed(message)}. {how}", ""
    if isinstance(error, MemoryError) or any(words in message.lower() for words in _OUT_OF_MEMORY_WORDS):
        how = "Close other programs and other studies, and try again."
        return "memory", f"The computer's memory is too small{_needed(message)}. {how}", ""
    text = f"Something unexpected went wrong ({type(error).__name__}: {message}). Copy the log and report it."
    return "internal", text, _log(error, message)


def release_memory() -> None:
    """Give back what a failed request left behind."""
    gc.collect()
    if "torch" in sys.modules and sys.modules["torch"].cuda.is_available():
        sys.modules["torch"].cuda.empty_cache()


def _needed(message: str) -> str:
    """Return what was asked for in vain, where the message says so."""
    found = re.search(r"allocate ([\d.]+) ?(\w+)", message)
    if found is None:
        return ""
    amount, unit = found.groups()
    if unit == "bytes":
        amount, unit = f"{float(amount) / 2**20:.0f}", "MiB"
    return f": {amount} {unit} more were needed"


def _log(error: Exception, message: str) -> str:
    frames = traceback.extract_tb(error.__traceback__)[-_FRAMES:]
    lines = [f"{Path(frame.filename).name}, line {frame.lineno}, in {frame.name}: {frame.line}" for frame in frames]
    return "\n".join([*lines, f"{type(error).__name__}: {message}"])


def _without_paths(text: str, arguments: Mapping[str, Any]) -> str:
    """Replace every path of a request by the name of its argument."""
    for name, value in arguments.items():
        for path in value if isinstance(value, list) else [value]:
            if isinstance(path, str) and len(path) > 3:
                text = text.replace(path, f"<{name}>")
    return text
