"""A full disk, or a file larger than files may be, said in words."""

from __future__ import annotations

import contextlib
import errno
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

from BreastFusionLib.errors import InputError

__all__ = ["disk_words", "is_disk_full", "saying_disk_full"]

_FULL = (errno.ENOSPC, errno.EDQUOT)
# Writers in compiled code (safetensors, PyTorch, ITK, NumPy) have words instead of the system's number.
_FULL_WORDS = re.compile("No space left on device|Disk quota exceeded|os error 28|[0-9]+ requested and [0-9]+ written")
_LARGE_WORDS = re.compile("File too large|os error 27")


def is_disk_full(error: BaseException) -> bool:
    """Tell whether an exception means that the disk (or the quota) is full, or that a file grew beyond its limit."""
    return getattr(error, "errno", None) in _FULL or _FULL_WORDS.search(str(error)) is not None or _is_too_large(error)


def disk_words(error: BaseException, place: Path) -> str | None:
    """Say what could not be written for want of space, and what to do.

    Args:
        error: while writing.
        place: where something was written; the file itself is named where `files.replacing` wrote it.

    Returns:
        None for any other error.
    """
    if isinstance(error, InputError) or not is_disk_full(error):
        return None
    file = getattr(error, "unwritten", place)
    why = f"the disk is full ({free_mb(file)} MB free). Free some space"
    if _is_too_large(error):
        why = "files may not be that large here (ulimit -f, or the file system). Raise the limit"
    return (
        f"{file} could not be written: {why} and give the same command again: nothing that was written before is "
        "lost, and it continues where it stopped."
    )


@contextlib.contextmanager
def saying_disk_full(place: Path) -> Iterator[None]:
    """Turn a full disk inside the block into one sentence that says what could not be written, and what to do.

    Args:
        place: see `disk_words`.

    Raises:
        InputError: the disk is full; any other exception passes through.
    """
    try:
        yield
    except Exception as error:
        words = disk_words(error, place)
        if words is None:
            raise
        raise InputError(words) from error


def free_mb(place: Path) -> int:
    """Return the free space where a file or folder is, or will be, in MB."""
    existing = next(p for p in (place, *place.resolve().parents) if p.exists())
    return shutil.disk_usage(existing).free // 1_000_000


def _is_too_large(error: BaseException) -> bool:
    return getattr(error, "errno", None) == errno.EFBIG or _LARGE_WORDS.search(str(error)) is not None
