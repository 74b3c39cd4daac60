"""How long a network takes for a case on this machine: a few steps on random images of the right shape."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch

from BreastFusionLib.images.augment import apply_augmentation, draw_augmentation, stack
from BreastFusionLib.models import FusionNetwork, NetworkOutput
from BreastFusionLib.reading.bundle import recipe_network
from BreastFusionLib.reading.scalers import fit_scalers
from BreastFusionLib.reading.score import PreparedCase, batch_tensors
from BreastFusionLib.training.losses import case_losses, part_losses
from BreastFusionLib.training.recipe import Recipe

__all__ = ["Timing", "time_network"]

_STEPS = 3
# On a CPU the time of a case hardly depends on how many go through the network together.
_CPU_BATCH = 8
# How many batches are scored at once behind the encoder, where a case is small.
_MANY = 32


@dataclass(frozen=True)
class Timing:
    """Seconds for one case, and the size of a network.

    Attributes:
        training_s: a step of training, augmentation and encoder included.
        reading_s: scoring.
        fusing_s: a step of training behind the encoder alone.
        scoring_s: scoring behind the encoder, of many cases at once.
        parameters: of the network.
        trained_parameters: those that are not frozen.
    """

    training_s: float
    reading_s: float
    fusing_s: float
    scoring_s: float
    parameters: int
    trained_parameters: int


def time_network(recipe: Recipe, cases: Sequence[PreparedCase], device: str) -> Timing:
    """Measure a recipe's network.

    Args:
        recipe: whose network it is; no weights are read.
        cases: some prepared cases, from which its vectors are made.
        device: as PyTorch names it.
    """
    labels = np.arange(len(cases)) % 2
    scalers = fit_scalers(cases, labels, recipe.inputs)
    network = recipe_network(recipe.reading, scalers, load_weights=False).to(device).train()
    size = min(recipe.training.batch_size, _CPU_BATCH) if device == "cpu" else recipe.training.batch_size
    _, vectors, present = batch_tensors([cases[row % len(cases)] for row in range(size)], scalers, recipe.reading)
    images = {source: torch.rand(size, *shape) for source, shape in recipe.inputs.image_shapes.items()}
    images, vectors, present = ({k: v.to(device) for k, v in part.items()} for part in (images, vectors, present))
    step = _Step(network, recipe, images, vectors, present, device)
    parameters = list(network.parameters())
    with torch.enable_grad():
        training_s, fusing_s = _per_case(step.train, size, device), _per_case(step.fuse, size, device)
    network.eval()
    return Timing(
        training_s=training_s,
        reading_s=_per_case(step.read, size, device),
        fusing_s=fusing_s,
        scoring_s=_per_case(step.score, size * _MANY, device),
        parameters=sum(p.numel() for p in parameters),
        trained_parameters=sum(p.numel() for p in parameters if p.requires_grad),
    )


class _Step:
    """A network with a batch of random images: what training and reading do with it."""

    def __init__(
        self,
        network: FusionNetwork,
        recipe: Recipe,
        images: dict[str, torch.Tensor],
        vectors: dict[str, torch.Tensor],
        present: dict[str, torch.Tensor],
        device: str,
    ) -> None:
        self._network, self._recipe, self._device = network, recipe, device
        self._images, self._vectors, self._present = images, vectors, present
        count = len(next(iter(present.values())))
        self._labels = torch.arange(count, device=device) % 2
        trained = [parameter for parameter in network.parameters() if parameter.requires_grad]
        self._optimiser = torch.optim.Adam(trained, lr=1e-6)
        with torch.no_grad():
            self._features = {source: network.encode(source, one) for source, one in images.items()}
        behind = (self._features, vectors, present)
        self._many = [{source: torch.cat([one] * _MANY) for source, one in part.items()} for part in behind]

    def train(self) -> None:
        """Augment a batch and do a step on it, the encoder included."""
        spec, images = self._recipe.training.augmentation, self._images
        if spec is not None:
            drawn = [draw_augmentation(spec, 0, 0, str(number)) for number in range(len(self._labels))]
            changes = stack(drawn).to(self._device)
            images = {source: apply_augmentation(one, changes) for source, one in images.items()}
        with _precision(self._device):
            self._learn(self._network(images, self._vectors, self._present))

    def fuse(self) -> None:
        """Do a step behind the encoder."""
        with _precision(self._device):
            self._learn(self._network.fuse(self._features, self._vectors, self._present))

    @torch.inference_mode()
    def read(self) -> None:
        """Score a batch."""
        self._network(self._images, self._vectors, self._present)

    @torch.inference_mode()
    def score(self) -> None:
        """Score many batches together, behind the encoder."""
        self._network.fuse(*self._many)

    def _learn(self, output: NetworkOutput) -> None:
        loss = case_losses(output.logits, self._labels, None).sum()
        if self._recipe.training.optimisation != "one_loss":
            loss = loss + part_losses(output.parts, self._labels, self._present, None).sum()
        loss.backward()
        self._optimiser.step()
        self._optimiser.zero_grad()


@contextmanager
def _precision(device: str) -> Iterator[None]:
    """Compute as training does: in mixed precision on a graphics card."""
    with torch.autocast("cuda", torch.bfloat16, enabled=device.startswith("cuda")):
        yield


def _per_case(step: Callable[[], None], size: int, device: str) -> float:
    """Return the seconds of a step for one of its cases, the fastest of a few after one that warms up."""
    step()
    took = []
    for _ in range(_STEPS):
        _wait(device)
        start = time.perf_counter()
        step()
        _wait(device)
        took.append(time.perf_counter() - start)
    return min(took) / size


def _wait(device: str) -> None:
    if device.startswith("cuda"):
        torch.cuda.synchronize(device)
