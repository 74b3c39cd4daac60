"""The fused network as a Lightning module: a step of its optimiser, and everything random drawn from (seed, epoch)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import lightning
import torch
from torch import Tensor

from BreastFusionLib.training.data import augmented
from BreastFusionLib.training.losses import case_losses, part_losses
from BreastFusionLib.training.portions import Portions
from BreastFusionLib.training.processes import add_gradients, take_buffers
from BreastFusionLib.training.record import EpochRecord
from BreastFusionLib.training.spec import TrainingSpec
from BreastFusionLib.training.strategies import Stage, stage_of

if TYPE_CHECKING:
    from BreastFusionLib.models import FusionNetwork, NetworkOutput

__all__ = ["FusionModule", "learning_rate"]

Batch = dict[str, Any]


def learning_rate(spec: TrainingSpec, epoch: int) -> float:
    """Return the learning rate of an epoch (counted from 0): multiplied by gamma at each milestone."""
    return spec.learning_rate * spec.gamma ** sum(epoch >= milestone for milestone in spec.milestones)


class FusionModule(lightning.LightningModule):
    """Trains a fusion network, stage by stage, each batch in as many portions as memory needs.

    Attributes:
        records: 'train' and 'validation' -> what the network said in this epoch.
    """

    class_weights: Tensor | None

    def __init__(self, network: FusionNetwork, spec: TrainingSpec, class_weights: Tensor | None, positive: int) -> None:
        """Take the network.

        Args:
            network: its parameters with `requires_grad` are trained.
            spec: losses, optimiser, schedule, seed.
            class_weights: (K,) weights in the loss, or None.
            positive: number of the positive class.
        """
        super().__init__()
        self.network, self.spec, self.positive = network, spec, positive
        self.register_buffer("class_weights", class_weights, persistent=False)
        self.records = {split: EpochRecord() for split in ("train", "validation")}
        self.portions = Portions(spec.micro_batch)
        self.automatic_optimization = False  # a batch may take several backward passes
        self.strict_loading = False  # checkpoints leave out what is frozen: it comes with the network

    @property
    def stage(self) -> Stage:
        """What is trained in this epoch."""
        return stage_of(self.spec, self.current_epoch)

    def on_train_batch_start(self, batch: Batch, batch_idx: int) -> None:
        """Make an epoch independent of all before it, so that a continued run equals an uninterrupted one.

        At the first batch, because Lightning leaves out `on_train_epoch_start` in the epoch after a checkpoint.
        """
        if batch_idx == 0:
            # Another stream in each process: they drop different things.
            torch.manual_seed(self.spec.seed * 100_003 + self.current_epoch + 10_000_019 * self.trainer.global_rank)
            for group in self.trainer.optimizers[0].param_groups:
                group["lr"] = learning_rate(self.spec, self.current_epoch)
            self.network.stop = self.stage.stop
            for part in (self.network.encoders, self.network.inputs, self.network.towers):
                part.train(not self.stage.resting)
            self.records["train"] = EpochRecord()

    def training_step(self, batch: Batch, batch_idx: int) -> None:
        """Do one step on the sum of the losses of a batch, divided by its number of cases."""
        batch = augmented(batch)
        optimiser = self.optimizers()
        assert not isinstance(optimiser, list)

        def learn(rows: slice) -> tuple[Tensor, Tensor]:
            part = _rows(batch, rows)
            output = self._output(part)
            losses = self._losses(output, part)
            self.manual_backward(losses.sum() / batch["cases"])
            return output.logits.detach(), losses.detach()

        def forget() -> None:
            optimiser.zero_grad()
            self.network.forget()

        found = self.portions.each(learn, len(batch["rows"]), forget)
        self._keep("train", batch, batch_idx, found)
        add_gradients(self.network.parameters())
        self.network.follow()
        optimiser.step()
        optimiser.zero_grad()

    def on_validation_start(self) -> None:
        """Begin a new record, with one network in all processes."""
        self.records["validation"] = EpochRecord()
        take_buffers(self.network)

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Note what is said of validation cases."""

        def look(rows: slice) -> tuple[Tensor, Tensor]:
            part = _rows(batch, rows)
            logits = self._output(part).logits
            return logits, case_losses(logits, part["labels"], self.class_weights)

        self._keep("validation", batch, batch_idx, self.portions.each(look, len(batch["rows"]), lambda: None))

    def measures(self) -> dict[str, float]:
        """Return loss, accuracy and AUC of training and validation cases in this epoch, as the log names them."""
        return {
            f"{split}_{name}": value
            for split, record in self.records.items()
            for name, value in record.measures(self.class_weights, self.positive).items()
        }

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Return the optimiser over what is not frozen."""
        spec, trained = self.spec, [p for p in self.network.parameters() if p.requires_grad]
        if spec.optimiser == "adam":
            return torch.optim.Adam(trained, lr=spec.learning_rate, weight_decay=spec.weight_decay)
        return torch.optim.SGD(trained, lr=spec.learning_rate, momentum=spec.momentum, weight_decay=spec.weight_decay)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Keep only what training changes, and how large portions may be."""
        checkpoint["state_dict"] = {f"network.{name}": tensor for name, tensor in self.trained_state().items()}
        checkpoint["portions"] = self.portions.size

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Go on with portions of the same size: sums of other portions differ in the last digit."""
        self.portions.size = checkpoint["portions"]

    def trained_state(self) -> dict[str, Tensor]:
        """Return parameters that are trained and all buffers beside them, by their names in the network."""
        frozen = {name for name, parameter in self.network.named_parameters() if not parameter.requires_grad}
        frozen_modules = {name.rpartition(".")[0] for name in frozen}
        return {
            name: tensor
            for name, tensor in self.network.state_dict().items()
            if name not in frozen and name.rpartition(".")[0] not in frozen_modules
        }

    def _output(self, batch: Batch) -> NetworkOutput:
        vectors, present = batch["vectors"], batch["present"]
        if "features" in batch:
            return self.network.fuse(batch["features"], vectors, present)
        return self.network(batch["images"], vectors, present)

    def _losses(self, output: NetworkOutput, batch: Batch) -> Tensor:
        """Return what is trained on, of each case (n,)."""
        labels, weights, smoothing = batch["labels"], self.class_weights, self.spec.label_smoothing
        losses = torch.zeros(len(labels), device=labels.device)
        if self.stage.fused:
            losses = losses + case_losses(output.logits, labels, weights, smoothing)
        if self.stage.parts:
            losses = losses + part_losses(output.parts, labels, batch["present"], weights, smoothing)
        return losses

    def _keep(self, split: str, batch: Batch, batch_idx: int, found: list[tuple[Tensor, Tensor]]) -> None:
        logits, losses = (torch.cat(parts) for parts in zip(*found, strict=True))
        self.records[split].add(batch_idx, batch["rows"], batch["labels"], logits, losses)


def _rows(batch: Batch, rows: slice) -> Batch:
    """Return some rows of a batch."""
    return {
        name: _rows(value, rows) if isinstance(value, dict) else value[rows] if isinstance(value, Tensor) else value
        for name, value in batch.items()
    }
