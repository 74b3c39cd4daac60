"""What a reading's folder holds, and how an earlier reading leaves it: whole, so that two are never mixed."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from BreastFusionLib.errors import InputError

__all__ = ["PAGE", "READING", "discard_reading", "named_files"]

READING = "reading.json"
PAGE = "report.html"


def named_files(reading: Mapping[str, Any]) -> Iterator[str]:
    """Yield the names of the files that a reading names beside itself: maps, the lesion on each sequence, a projection.

    Raises:
        InputError: one of them is no plain name: a reading may come with a scene from anywhere, and must not lead out
            of its folder.
    """
    projection = reading.get("projection")
    for row in (*reading["maps"], *reading["mapping"].values(), *([projection] if projection else ())):
        name = row["file"]
        if not isinstance(name, str) or not name.endswith(".nii.gz") or {*name} & {*"/\\:"} or name.startswith("."):
            raise InputError(f"The reading names the file {name!r}, which is none of a reading. Classify again.")
        yield name


def discard_reading(folder: str | os.PathLike[str]) -> None:
    """Remove a reading from its folder, `reading.json` first: whatever happens next, there is none any more.

    What belongs to no reading stays, and a folder without one is no error.

    Raises:
        OSError: a file cannot be removed.
    """
    file = Path(folder) / READING
    try:
        names = list(named_files(json.loads(file.read_text(encoding="utf-8"))))
    except (OSError, ValueError, LookupError, TypeError, AttributeError):  # none, or nobody knows what it named
        names = []
    for name in (READING, PAGE, *names):
        (file.parent / name).unlink(missing_ok=True)
