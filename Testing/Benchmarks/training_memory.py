"""How much memory a training step takes: `python Testing/Benchmarks/training_memory.py --batch 16`, as JSON.

A process of its own for each batch size, because a process's largest memory only grows. *Activations* is what autograd
keeps from the forward pass for the backward pass, the images included, parameters not: counted tensor by tensor, so
the number holds on any device. *Peak* is what was taken in all: of the card, what tensors took; on a CPU the whole
process with its libraries.
"""

from __future__ import annotations

import argparse
import json
import resource
import tempfile
from pathlib import Path
from typing import Any

import lightning
import torch
from training_library import Work, make_work

from BreastFusionLib.training.recipe import load_recipe

__all__ = ["KeptForBackward", "take_memory"]


class KeptForBackward(lightning.Callback):
    """Adds up what the forward pass keeps for the backward pass.

    Attributes:
        most_bytes: in any portion of any batch.
    """

    def __init__(self) -> None:
        """Begin with nothing."""
        self.most_bytes = 0
        self._kept: dict[int, int] = {}

    def on_train_batch_start(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Begin to look."""
        self._known = {tensor.untyped_storage().data_ptr() for tensor in pl_module.state_dict().values()}
        self._hooks = torch.autograd.graph.saved_tensors_hooks(self._keep, lambda tensor: tensor)
        self._hooks.__enter__()

    def on_before_backward(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule, loss: torch.Tensor
    ) -> None:
        """Add up: from here on it only becomes less."""
        self.most_bytes = max(self.most_bytes, sum(self._kept.values()))
        self._kept.clear()

    def on_train_batch_end(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Look no more."""
        self._hooks.__exit__()

    def _keep(self, tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in self._known:
            self._kept[storage.data_ptr()] = storage.nbytes()  # once, whatever looks at it
        return tensor


def take_memory(work: Work) -> dict[str, float]:
    """Train for an epoch; return megabytes."""
    kept = KeptForBackward()
    work.train(kept, loaded=True)
    peak = peak_process_bytes() if work.device == "cpu" else torch.cuda.max_memory_allocated()
    return {"activations_mb": kept.most_bytes / 1e6, "peak_mb": peak / 1e6}


def peak_process_bytes() -> int:
    """Return the largest memory of this process so far."""
    status = Path("/proc/self/status")
    if status.is_file():  # Linux counts in `getrusage` what the parent had taken when it started this process
        return 1024 * next(int(line.split()[1]) for line in status.open() if line.startswith("VmHWM"))
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--portion", type=int, help="cases that go through the network at once")
    parser.add_argument("--set", nargs="*", default=[], metavar="section.key=value", help="of the recipe")
    options = parser.parse_args()
    changes = [
        "training.epochs=1",
        f"training.batch_size={options.batch}",
        f"training.micro_batch={options.portion or 'null'}",
    ]
    recipe = load_recipe("holste2021-learned", [*options.set, *changes])
    with tempfile.TemporaryDirectory() as folder:
        work = make_work(recipe, options.device, Path(folder), count=max(options.batch, 11), batches=2)
        print(json.dumps(take_memory(work)))


if __name__ == "__main__":
    main()
