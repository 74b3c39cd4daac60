"""The fused network as a Lightning module: its loss, its optimiser, and everything random drawn from (seed, epoch)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import lightning
import torch
from torch.nn.functional import cross_entropy

from BreastFusionLib.training.augment import apply_augmentation
from BreastFusionLib.training.recipe import TrainingSpec

if TYPE_CHECKING:
    from BreastFusionLib.models import FusionNetwork, NetworkOutput

__all__ = ["FusionModule", "learning_rate"]

Batch = dict[str, Any]


def learning_rate(spec: TrainingSpec, epoch: int) -> float:
    """Return the learning rate of an epoch (counted from 0): multiplied by gamma at each milestone."""
    return spec.learning_rate * spec.gamma ** sum(epoch >= milestone for milestone in spec.milestones)


class FusionModule(lightning.LightningModule):
    """Trains a fusion network with cross-entropy; auxiliary heads learn beside it from detached features."""

    class_weights: torch.Tensor | None

    def __init__(self, network: FusionNetwork, spec: TrainingSpec, class_weights: torch.Tensor | None) -> None:
        """Take the network.

        Args:
            network: its parameters with `requires_grad` are trained.
            spec: optimiser, schedule, seed.
            class_weights: (K,) weights in the training loss, or None.
        """
        super().__init__()
        self.network = network
        self.spec = spec
        self.register_buffer("class_weights", class_weights, persistent=False)
        self.strict_loading = False  # checkpoints leave out what is frozen: it comes with the network

    def on_train_batch_start(self, batch: Batch, batch_idx: int) -> None:
        """Make an epoch independent of all before it, so that a continued run equals an uninterrupted one.

        At the first batch, because Lightning leaves out `on_train_epoch_start` in the epoch after a checkpoint.
        """
        if batch_idx == 0:
            torch.manual_seed(self.spec.seed * 100_003 + self.current_epoch)
            for group in self.trainer.optimizers[0].param_groups:
                group["lr"] = learning_rate(self.spec, self.current_epoch)

    def training_step(self, batch: Batch, _: int) -> torch.Tensor:
        """Return the loss: of the fused output, plus that of every auxiliary head."""
        output = self._output(batch)
        fused = cross_entropy(output.logits, batch["labels"], self.class_weights)
        self._log("train", fused, output.logits, batch["labels"])
        # Heads see detached features and share no weights, so their sum changes nothing but the heads.
        return fused + sum(self._part_losses(output, batch), torch.zeros_like(fused))

    def validation_step(self, batch: Batch, _: int) -> None:
        """Log loss and accuracy on validation cases."""
        output = self._output(batch)
        loss = cross_entropy(output.logits, batch["labels"], self.class_weights)
        self._log("validation", loss, output.logits, batch["labels"])

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Return the optimiser over what is not frozen."""
        spec, trained = self.spec, [p for p in self.network.parameters() if p.requires_grad]
        if spec.optimiser == "adam":
            return torch.optim.Adam(trained, lr=spec.learning_rate, weight_decay=spec.weight_decay)
        return torch.optim.SGD(trained, lr=spec.learning_rate, momentum=spec.momentum, weight_decay=spec.weight_decay)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Keep only what training changes."""
        checkpoint["state_dict"] = {f"network.{name}": tensor for name, tensor in self.trained_state().items()}

    def trained_state(self) -> dict[str, torch.Tensor]:
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
        images = batch["images"]
        if "matrices" in batch:
            images = {source: apply_augmentation(pixels, batch["matrices"]) for source, pixels in images.items()}
        return self.network(images, vectors, present)

    def _part_losses(self, output: NetworkOutput, batch: Batch) -> list[torch.Tensor]:
        """Return each auxiliary head's loss over the cases that have its source."""
        losses = []
        for source, logits in output.parts.items():
            there = batch["present"][source]
            if bool(there.any()):
                losses.append(cross_entropy(logits[there], batch["labels"][there], self.class_weights))
        return losses

    def _log(self, split: str, loss: torch.Tensor, logits: torch.Tensor, labels: torch.Tensor) -> None:
        accuracy = (logits.argmax(dim=1) == labels).float().mean()
        values = {f"{split}_loss": loss.detach(), f"{split}_accuracy": accuracy}
        self.log_dict(values, on_step=False, on_epoch=True, batch_size=len(labels))
