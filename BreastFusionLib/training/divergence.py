"""Training whose loss is no number any more: it stops, keeps the last good epoch, and says where whenever asked."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from BreastFusionLib.cohort.disk import saying_disk_full
from BreastFusionLib.errors import InputError, first_few
from BreastFusionLib.files import write_json

__all__ = ["has_diverged", "refuse_diverged", "stop_diverged"]

_FILE = "diverged.json"


def stop_diverged(folder: Path, epoch: int, batch: int | None, case_ids: Sequence[str], writes: bool) -> NoReturn:
    """Leave a note in a run's folder and stop.

    Args:
        folder: of the run.
        epoch: counted from 0, as in log.csv.
        batch: of the epoch, counted from 0; None for the validation cases behind it.
        case_ids: those whose loss is no number; none where the weights are none, though no case's loss shows it.
        writes: whether this process writes.

    Raises:
        InputError: always.
    """
    from BreastFusionLib.training.processes import FirstFailed, waiting_for_first

    where = "on validation cases" if batch is None else f"in batch {batch}"
    kept = f"The weights and the log of epoch {epoch - 1} and before are kept" if epoch else "Nothing was learnt yet"
    what, look = f", {where} (counted from 0): the loss of {first_few(case_ids)} is not a number", ""
    if case_ids:
        look = "Look at these cases' inputs; if they are in order, lower"
    else:
        what, look = " (counted from 0): weights at its end are not numbers", "Lower"
    message = (
        f"Training diverged in epoch {epoch}{what}. {kept} in {folder.name}. {look} training.learning_rate or set "
        "training.precision to 32. Then train into a new folder."
    )
    note = {"epoch": epoch, "batch": batch, "case_ids": list(case_ids), "message": message}
    with waiting_for_first(), saying_disk_full(folder):
        if writes:
            write_json(folder / _FILE, note)
    raise InputError(message) if writes else FirstFailed(message)


def has_diverged(folder: Path) -> bool:
    """Tell whether the run in a folder has diverged."""
    return (folder / _FILE).is_file()


def refuse_diverged(folder: Path) -> None:
    """Say the same again for a run that diverged: going on would end there once more, or begin from no numbers.

    Raises:
        InputError: the run has diverged.
    """
    if has_diverged(folder):
        raise InputError(json.loads((folder / _FILE).read_text(encoding="utf-8"))["message"])
