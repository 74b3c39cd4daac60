"""A full disk, said in words."""

from __future__ import annotations

import contextlib
import errno
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

from BreastFusionLib.errors import InputError

__all__ = ["is_disk_full", "saying_disk_full"]

_NUMBERS = (errno.ENOSPC, errno.EDQUOT)
# Writers in compiled code (safetensors, PyTorch, ITK, NumPy) have words instead of the system's number.
_WORDS = re.compile("No space left on device|Disk quota exceeded|os error 28|[0-9]+ requested and [0-9]+ written")


def is_disk_full(error: BaseException) -> bool:
    """Tell whether an exception means that the disk (or the quota) is full."""
    return getattr(error, "errno", None) in _NUMBERS or _WORDS.search(str(error)) is not None


@contextlib.contextmanager
def saying_disk_full(folder: Path) -> Iterator[None]:
    """Turn a full disk inside the block into one sentence that says what to do.

    Raises:
        InputError: the disk is full; any other exception passes through.
    """
    try:
        yield
    except Exception as error:
        if isinstance(error, InputError) or not is_disk_full(error):
            raise
        raise InputError(
            f"The disk that holds {folder} is full ({free_mb(folder)} MB free). Free some space and give the same "
            "command again: it continues where it stopped."
        ) from error


def free_mb(folder: Path) -> int:
    """Return the free space where `folder` is, or will be, in MB."""
    existing = next(p for p in (folder, *folder.resolve().parents) if p.exists())
    return shutil.disk_usage(existing).free // 1_000_000
