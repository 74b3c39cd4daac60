"""The library's training step of holste2021's network, on made cases: what training.py and training_memory.py measure.

Everything that trains here is the library's own: packed inputs, loader, augmentation, Lightning module and trainer, in
one epoch without validation cases.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import lightning
import numpy as np
import torch
from lightning.fabric.utilities import move_data_to_device
from torch.utils.data import DataLoader
from torch.utils.flop_counter import FlopCounterMode

from BreastFusionLib.exam.geometry import Grid
from BreastFusionLib.images.patches import Patch
from BreastFusionLib.models import FusionNetwork
from BreastFusionLib.reading.bundle import recipe_network
from BreastFusionLib.reading.cache import SavedInputs, save_inputs
from BreastFusionLib.reading.scalers import Scalers, fit_scalers
from BreastFusionLib.training.data import Batches, CaseTensors
from BreastFusionLib.training.optimise import training_module
from BreastFusionLib.training.processes import RunData, Shares
from BreastFusionLib.training.recipe import Recipe
from BreastFusionLib.training.trainer import Devices, deterministic, make_trainer, quiet_lightning

__all__ = ["Seconds", "Stopwatch", "Work", "make_work", "now"]

SCANNERS = 11  # models among holste2021's cases: with them the columns become 33 inputs
POSITIVE = 1


class Seconds(NamedTuple):
    """Time on the clock, and processor time of all threads of this process."""

    clock: float
    processor: float

    def since(self, start: Seconds) -> Seconds:
        """Return the time from `start`."""
        return Seconds(self.clock - start.clock, self.processor - start.processor)


def now(device: str) -> Seconds:
    """Return the time at which everything that was asked of a device is done."""
    if device != "cpu":
        torch.cuda.synchronize()
    return Seconds(time.perf_counter(), time.process_time())


class Stopwatch(lightning.Callback):
    """Measures an epoch behind its first batches, which warm up.

    Attributes:
        seconds: of the other batches.
    """

    def __init__(self, warm_up: int, device: str) -> None:
        """Take the number of batches that do not count."""
        self._warm_up, self._device = warm_up, device

    def on_train_batch_end(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Start, or stop."""
        if batch_idx == self._warm_up - 1:
            self._start = now(self._device)
        elif trainer.is_last_batch:
            self.seconds = now(self._device).since(self._start)


@dataclass(frozen=True)
class Work:
    """What is trained, and where.

    Attributes:
        recipe: its batch size is that of a step.
        cases: made cases, packed.
        scalers: fitted on them.
        device: 'cpu' or 'cuda:<n>'.
        folder: for whatever is written.
        batches: in an epoch.
    """

    recipe: Recipe
    cases: CaseTensors
    scalers: Scalers
    device: str
    folder: Path
    batches: int

    @property
    def batch_size(self) -> int:
        """Images in a step."""
        return self.recipe.training.batch_size

    def network(self) -> FusionNetwork:
        """Return a new network with random weights."""
        return recipe_network(self.recipe.reading, self.scalers, load_weights=False)

    def train(self, callback: lightning.Callback, loaded: bool) -> lightning.Trainer:
        """Train a new network for one epoch.

        Args:
            callback: looks on.
            loaded: whether batches are loaded and augmented; else one random batch lies on the device.
        """
        spec = self.recipe.training
        module = training_module(self.network(), self.cases.labels.numpy(), POSITIVE, spec)
        with quiet_lightning(), deterministic():
            trainer = make_trainer(spec, Devices(self.device), callback, self.folder)
            if loaded:
                rows = {"train": self._rows(self.batches * self.batch_size), "validation": []}
                trainer.fit(module, datamodule=RunData(Batches(self.cases, spec, None), rows, spec))
            else:
                trainer.fit(module, DataLoader([self.random_batch()] * self.batches, batch_size=None))  # type: ignore[arg-type]
        return trainer

    def random_batch(self) -> dict[str, Any]:
        """Return a batch of random images on the device, with nothing left to do but the step."""
        batch = self._plain_batch(self.batch_size)
        batch["images"] = {source: torch.rand_like(images) for source, images in batch["images"].items()}
        return move_data_to_device(batch, self.device)

    def flop_per_image(self) -> float:
        """Return floating-point operations of forward and backward pass of one image, counted on the CPU."""
        batch = self._plain_batch(2)
        network = self.network().train()
        with FlopCounterMode(display=False) as counter:
            network(batch["images"], batch["vectors"], batch["present"]).logits.sum().backward()
        return counter.get_total_flops() / 2

    def _plain_batch(self, size: int) -> dict[str, Any]:
        return Shares(Batches(self.cases, self.recipe.training, None), 0, 1)[None, tuple(self._rows(size))]

    def _rows(self, count: int) -> list[int]:
        return [row % len(self.cases) for row in range(count)]


def make_work(recipe: Recipe, device: str, folder: Path, count: int, batches: int) -> Work:
    """Make `count` cases, packed in `folder`."""
    made = [_made_case(recipe, number) for number in range(count)]
    paths = [save_inputs(case, folder / "cache" / f"{case.case_id}.safetensors") for case in made]
    labels = np.arange(count) % 5 // 4  # one in five, as in holste2021
    scalers = fit_scalers(made, labels, recipe.inputs)
    cases = CaseTensors(paths, [case.case_id for case in made], labels, scalers, recipe.reading)
    cases.images([0])  # packs them
    return Work(recipe, cases, scalers, device, folder, batches)


def _made_case(recipe: Recipe, number: int) -> SavedInputs:
    generator = np.random.default_rng(number)
    shapes: Mapping[str, tuple[int, int, int]] = recipe.inputs.image_shapes
    patches = {
        source: Patch(generator.random(shape, dtype=np.float32), Grid((shape[2], shape[1], shape[0]), (1.0, 1.0, 1.0)))
        for source, shape in shapes.items()
    }
    columns: dict[str, float | str | None] = {}
    for column in recipe.inputs.clinical:
        levels: Sequence[str] = column.levels or [f"scanner {k}" for k in range(SCANNERS)]
        continuous = column.kind == "continuous"
        columns[column.name] = generator.random() if continuous else levels[number % len(levels)]
    return SavedInputs(f"case{number:05}", patches, {}, {}, columns=columns)
