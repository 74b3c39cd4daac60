"""Writing files so that nothing is ever half written, and naming content by its hash."""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

__all__ = [
    "TEMPORARY",
    "remove_unused",
    "replacing",
    "sha256_of_bytes",
    "sha256_of_file",
    "to_plain",
    "write_json",
    "write_text",
]

TEMPORARY = ".writing-"  # how the name of a file begins that is not yet complete


@contextlib.contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a temporary path beside `path` (same suffixes); on success it replaces `path`, else it is removed.

    A reader never sees half a file, and a crash, a full disk or Ctrl-C leaves the previous file as it was. What is
    raised inside bears the path as `unwritten`: writers' own errors name no file, or the temporary one.
    """
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    # SimpleITK and others choose the format by the name's end, so the suffixes must survive.
    handle, name = tempfile.mkstemp(prefix=TEMPORARY, suffix="".join(target.suffixes), dir=target.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        os.chmod(temporary, 0o666 & ~_umask())
        os.replace(temporary, target)
    except Exception as error:
        error.unwritten = target  # type: ignore[attr-defined]
        raise
    finally:
        temporary.unlink(missing_ok=True)


def remove_unused(folder: str | os.PathLike[str], pattern: str = f"{TEMPORARY}*", days: float = 1.0) -> None:
    """Remove files of a folder to which nobody has written, or given a new time, for some days.

    By default temporary files, which only a process that was killed leaves behind: one that writes does so more than
    once a day. A file that another process removes first, or that the system keeps because it is open, is passed over.
    """
    oldest = time.time() - days * 86400
    for path in Path(folder).glob(pattern):
        with contextlib.suppress(OSError):
            if path.is_file() and path.stat().st_mtime < oldest:
                path.unlink()


def _umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current


def write_text(path: str | os.PathLike[str], text: str) -> Path:
    """Write UTF-8 text through a temporary file."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")
    return Path(path)


def write_json(path: str | os.PathLike[str], content: Any) -> Path:
    """Write strict JSON (NaN and infinity become null) through a temporary file."""
    return write_text(path, json.dumps(to_plain(content), indent=2, allow_nan=False, ensure_ascii=False) + "\n")


def to_plain(value: Any) -> Any:
    """Return `value` in JSON's own types: NumPy scalars and arrays unpacked, paths as text, NaN as None."""
    if isinstance(value, dict):
        return {str(key): to_plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [to_plain(item) for item in value]
    if hasattr(value, "tolist"):  # NumPy scalars and arrays, without importing NumPy here
        return to_plain(value.tolist())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    return value


def sha256_of_bytes(content: bytes) -> str:
    """Return the SHA-256 of `content` in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def sha256_of_file(path: str | os.PathLike[str]) -> str:
    """Return the SHA-256 of a file's content in hexadecimal, read in pieces."""
    digest = hashlib.sha256()
    with Path(path).open("rb") as stream:
        while piece := stream.read(1 << 20):
            digest.update(piece)
    return digest.hexdigest()
