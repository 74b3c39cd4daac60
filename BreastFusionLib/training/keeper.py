"""What a training run keeps after every epoch: log, best weights, and a checkpoint from which it continues exactly."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import lightning
import pandas as pd
import torch

from BreastFusionLib.cohort.disk import saying_disk_full
from BreastFusionLib.cohort.inputs import Progress
from BreastFusionLib.cohort.table import write_table
from BreastFusionLib.errors import InputError
from BreastFusionLib.files import replacing
from BreastFusionLib.models.weights import read_weights, write_weights
from BreastFusionLib.training.module import FusionModule, learning_rate

__all__ = ["Keeper"]


class Keeper(lightning.Callback):
    """Writes everything in one step each; the checkpoint comes last, so that a crash repeats one epoch at most."""

    def __init__(self, folder: Path, patience: int | None, progress: Progress | None = None) -> None:
        """Take where to keep things.

        Args:
            folder: of the run: `log.csv`, `checkpoints/last.ckpt`, `checkpoints/best.safetensors`.
            patience: epochs without a lower validation loss after which training stops.
            progress: called as progress(epochs done, epochs at most).
        """
        self._folder, self._patience, self._progress = folder, patience, progress
        self.rows: list[dict[str, float]] = []

    @property
    def last(self) -> Path:
        """The checkpoint to continue from."""
        return self._folder / "checkpoints" / "last.ckpt"

    @property
    def best(self) -> Path:
        """The weights of the epoch with the lowest validation loss."""
        return self._folder / "checkpoints" / "best.safetensors"

    @property
    def best_epoch(self) -> int:
        """The epoch (counted from 0) with the lowest validation loss; the first of several."""
        return min(range(len(self.rows)), key=lambda epoch: self.rows[epoch]["validation_loss"])

    def state_dict(self) -> dict[str, Any]:
        """Return what the checkpoint keeps of this."""
        return {"rows": self.rows}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take it back."""
        self.rows = state_dict["rows"]

    def on_train_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Stop at once when the run that is continued had stopped already."""
        trainer.should_stop = self._enough()

    def on_train_epoch_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Keep this epoch."""
        assert isinstance(pl_module, FusionModule)
        epoch = trainer.current_epoch
        names = ("train_loss", "train_accuracy", "validation_loss", "validation_accuracy")
        measured = {name: float(trainer.callback_metrics[name]) for name in names}
        if not math.isfinite(measured["train_loss"] + measured["validation_loss"]):
            raise InputError(
                f"Training diverged in epoch {epoch}: the loss is not a number any more. Lower "
                "training.learning_rate, and train into a new folder."
            )
        self.rows.append({"epoch": epoch, "learning_rate": learning_rate(pl_module.spec, epoch), **measured})
        with saying_disk_full(self._folder):
            write_table(pd.DataFrame(self.rows), self._folder / "log.csv")
            if self.best_epoch == epoch:
                write_weights(pl_module.trained_state(), self.best)
            with replacing(self.last) as temporary:
                trainer.save_checkpoint(temporary)
        trainer.should_stop = self._enough()
        if self._progress is not None:
            total = trainer.max_epochs or len(self.rows)
            self._progress(total if trainer.should_stop else len(self.rows), total)

    def load_best(self, network: torch.nn.Module) -> None:
        """Put the best epoch's weights into the network."""
        network.load_state_dict(read_weights(self.best), strict=False)

    def _enough(self) -> bool:
        return self._patience is not None and bool(self.rows) and len(self.rows) - 1 - self.best_epoch >= self._patience
