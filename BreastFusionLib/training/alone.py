"""One program at a time in a folder of runs: two would overwrite each other's checkpoints."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from BreastFusionLib.errors import InputError

__all__ = ["alone_in"]


@contextlib.contextmanager
def alone_in(folder: Path, writes: bool = True) -> Iterator[None]:
    """Keep other programs from training into a folder; the system lets go of it when a program is killed.

    On Windows, and on file systems without locks, nothing is kept.

    Args:
        folder: which exists.
        writes: False locks nothing: a process that trains with others writes nothing.

    Raises:
        InputError: another program trains into it; in all processes that train together.
    """
    from BreastFusionLib.training.processes import waiting_for_first

    with contextlib.ExitStack() as held:
        with waiting_for_first():
            if writes:
                _lock(folder, held)
        yield


def _lock(folder: Path, held: contextlib.ExitStack) -> None:
    try:
        import fcntl
    except ImportError:
        return
    handle = os.open(folder, os.O_RDONLY)
    held.callback(os.close, handle)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise InputError(
            f"Another program is training into {folder}. Wait until it ends and give the same command again, or choose "
            "another folder."
        ) from error
    except OSError:  # a file system without locks
        pass
