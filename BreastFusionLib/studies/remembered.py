"""What a study wrote down in an earlier call."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from BreastFusionLib.errors import InputError

__all__ = ["remembered"]


def remembered(path: Path) -> dict[str, Any]:
    """Return the object in a JSON file of a study; an empty one where there is no such file.

    Raises:
        InputError: the file is damaged.
    """
    if not path.is_file():
        return {}
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except (TypeError, ValueError) as error:
        raise InputError(f"{path} is damaged ({error}). Restore it, or choose another folder.") from error
