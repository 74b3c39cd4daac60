"""What a training run keeps after every epoch: log, best weights, and a checkpoint from which it continues exactly."""

from __future__ import annotations

import contextlib
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

import lightning
import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from BreastFusionLib.cohort.disk import saying_disk_full
from BreastFusionLib.cohort.inputs import Progress
from BreastFusionLib.cohort.table import write_table
from BreastFusionLib.errors import InputError
from BreastFusionLib.files import TEMPORARY, replacing
from BreastFusionLib.models.weights import read_weights, write_weights
from BreastFusionLib.training.divergence import stop_diverged
from BreastFusionLib.training.module import FusionModule, learning_rate
from BreastFusionLib.training.processes import waiting_for_first
from BreastFusionLib.training.spec import TrainingSpec
from BreastFusionLib.training.strategies import fused_from

__all__ = ["Keeper", "best_epoch", "goodness"]

Number = TypeVar("Number", float, NDArray[np.float64])

# Looking at a number makes the processor wait for the graphics card.
_LOOK_EVERY_BATCHES = 20


def best_epoch(log: pd.DataFrame, spec: TrainingSpec) -> int | None:
    """Return the epoch (counted from 0) that is kept: the best by `spec.monitor`, the first of several.

    Args:
        log: one row an epoch.
        spec: names the measure; epochs in which the fusion is not trained yet do not count.

    Returns:
        None while there is none.
    """
    first = fused_from(spec)
    if len(log) <= first:
        return None
    return first + int(goodness(log[spec.monitor].to_numpy()[first:], spec.monitor).argmax())


def goodness(value: Number, monitor: str) -> Number:
    """Return values of the measure `TrainingSpec.monitor` such that more is better."""
    return -value if monitor == "validation_loss" else value


class Keeper(lightning.Callback):
    """Writes everything in one step each; the checkpoint comes last, so that a crash repeats one epoch at most.

    In a run of several processes, the first one writes.
    """

    def __init__(
        self, folder: Path, spec: TrainingSpec, case_ids: Sequence[str], progress: Progress | None = None
    ) -> None:
        """Take where to keep things.

        Args:
            folder: of the run: `log.csv`, `checkpoints/last.ckpt`, `checkpoints/best.safetensors`.
            spec: which epoch is best, and how long training goes on without a better one.
            case_ids: of all rows.
            progress: called as progress(epochs done, epochs at most).
        """
        self.folder, self._spec, self._case_ids, self._progress = folder, spec, tuple(case_ids), progress
        self.rows: list[dict[str, float]] = []

    @property
    def last(self) -> Path:
        """The checkpoint to continue from."""
        return self.folder / "checkpoints" / "last.ckpt"

    @property
    def best(self) -> Path:
        """The weights of the best epoch."""
        return self.folder / "checkpoints" / "best.safetensors"

    def to_continue_from(self) -> Path | None:
        """Return the checkpoint, None where there is none yet.

        Raises:
            InputError: it is damaged.
        """
        if not self.last.is_file():
            return None
        try:
            with zipfile.ZipFile(self.last) as parts:
                whole = parts.testzip() is None
        except (zipfile.BadZipFile, EOFError):
            whole = False
        if not whole:
            raise _damaged(self.last)
        return self.last

    def state_dict(self) -> dict[str, Any]:
        """Return what the checkpoint keeps of this."""
        return {"rows": self.rows}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take it back."""
        self.rows = state_dict["rows"]

    def on_train_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Stop at once when the run that is continued had stopped already."""
        if trainer.is_global_zero:
            for left_behind in self.last.parent.glob(f"{TEMPORARY}*"):  # by a process that was killed while writing
                left_behind.unlink()
        trainer.should_stop = self._enough()

    def on_train_batch_end(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Stop when a loss is no number any more."""
        assert isinstance(pl_module, FusionModule)
        if trainer.is_last_batch or (batch_idx + 1) % _LOOK_EVERY_BATCHES == 0:
            self._require_numbers(trainer, pl_module, "train")

    def on_train_epoch_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Keep this epoch."""
        assert isinstance(pl_module, FusionModule)
        self._require_numbers(trainer, pl_module, "validation")
        epoch = trainer.current_epoch
        if not _are_numbers(pl_module):
            stop_diverged(self.folder, epoch, None, (), trainer.is_global_zero)
        rate = learning_rate(pl_module.spec, epoch)
        self.rows.append({"epoch": epoch, "learning_rate": rate, **pl_module.measures()})
        with waiting_for_first(), saying_disk_full(self.folder):
            if trainer.is_global_zero:
                self._write(trainer, pl_module)
        with saying_disk_full(self.folder), self._replacing_last(trainer) as path:
            trainer.save_checkpoint(path)
        trainer.should_stop = self._enough()
        if self._progress is not None and trainer.is_global_zero:
            total = trainer.max_epochs or len(self.rows)
            self._progress(total if trainer.should_stop else len(self.rows), total)

    def load_best(self, network: torch.nn.Module) -> None:
        """Put the best epoch's weights into the network.

        Raises:
            InputError: their file is damaged.
        """
        try:
            state = read_weights(self.best)
        except InputError as error:
            raise _damaged(self.best) from error
        network.load_state_dict(state, strict=False)

    def _write(self, trainer: lightning.Trainer, module: FusionModule) -> None:
        write_table(pd.DataFrame(self.rows), self.folder / "log.csv")
        if best_epoch(pd.DataFrame(self.rows), self._spec) == trainer.current_epoch:
            write_weights(module.trained_state(), self.best)

    def _replacing_last(self, trainer: lightning.Trainer) -> contextlib.AbstractContextManager[Path]:
        """Return where the checkpoint is written, which only the first process does while Lightning waits for all."""
        return replacing(self.last) if trainer.is_global_zero else contextlib.nullcontext(self.last)

    def _require_numbers(self, trainer: lightning.Trainer, module: FusionModule, split: str) -> None:
        found = module.records[split].first_not_finite()
        if found is not None:
            batch, rows = found
            names = [self._case_ids[row] for row in rows]
            place = batch if split == "train" else None
            stop_diverged(self.folder, trainer.current_epoch, place, names, trainer.is_global_zero)

    def _enough(self) -> bool:
        best = best_epoch(pd.DataFrame(self.rows), self._spec)
        return self._spec.patience is not None and best is not None and len(self.rows) - 1 - best >= self._spec.patience


def _are_numbers(module: FusionModule) -> bool:
    """Tell whether all weights are numbers: heads of single sources have no say in the loss of validation cases."""
    return bool(torch.stack([tensor.isfinite().all() for tensor in module.trained_state().values()]).all())


def _damaged(path: Path) -> InputError:
    """Say what to do about a file that a crash of the whole machine cut short."""
    return InputError(
        f"{path} is damaged or gone, so that the run cannot go on from there. Delete the folder {path.parent}, and it "
        "is trained from its first epoch."
    )
