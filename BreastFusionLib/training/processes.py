"""Training in several processes, one for each device: each batch is divided among them, gradients are added.

Lightning starts the processes and joins them. Gradients are then added once a batch, after all portions of a share,
instead of averaged while they arise (DistributedDataParallel): so uneven shares add up to the batch's own gradient,
parts that rest need no pretended gradient, and a process whose memory runs out can begin its share again.
"""

from __future__ import annotations

import atexit
import contextlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

import lightning
import torch
from lightning.pytorch.strategies import DDPStrategy
from torch import distributed, nn
from torch.utils.data import DataLoader, Dataset

from BreastFusionLib.cohort.disk import saying_disk_full
from BreastFusionLib.errors import InputError, reason_of
from BreastFusionLib.training.data import Batches, Key, loader
from BreastFusionLib.training.spec import TrainingSpec

__all__ = [
    "FirstFailed",
    "JoinedProcesses",
    "RunData",
    "Shares",
    "add_gradients",
    "first_before_others",
    "gather",
    "joined",
    "take_buffers",
    "waiting_for_first",
]

Item = TypeVar("Item")


# The others wait while the first process reads all cases with the fitted network.
_PATIENCE = timedelta(hours=6)


class FirstFailed(InputError):
    """What stopped the first process, as the others hear of it: it has been told already."""


class JoinedProcesses(DDPStrategy):
    """Lightning's strategy for processes, without its wrapper that averages gradients."""

    def __init__(self, start_method: Any) -> None:
        """Take how processes are started."""
        super().__init__(start_method=start_method, timeout=_PATIENCE)

    def setup_environment(self) -> None:
        """Join the processes, and part them when the program ends."""
        super().setup_environment()
        # A program that ends while Gloo's threads still run is aborted at the very end, often enough to be seen.
        # Lightning parts the processes by itself only where NCCL joins them.
        atexit.unregister(_part)  # of the trainer before this one
        atexit.register(_part)

    def save_checkpoint(self, checkpoint: dict[str, Any], filepath: Any, storage_options: Any = None) -> None:
        """Let the first process write; what hinders it is told to the others, who would wait for it else."""
        with waiting_for_first(), saying_disk_full(Path(filepath).parent):
            super().save_checkpoint(checkpoint, filepath, storage_options)

    def configure_ddp(self) -> None:
        """Begin with the first process's weights everywhere."""
        assert isinstance(self.model, nn.Module)
        for tensor in self.model.state_dict().values():
            distributed.broadcast(tensor, src=0)


def _part() -> None:
    if joined():
        distributed.destroy_process_group()


class Shares(Dataset[dict[str, Any]]):
    """This process's share of each batch, with `rows` and the number of `cases` in the whole batch."""

    def __init__(self, batches: Batches, rank: int, count: int) -> None:
        """Take the number of this process among `count`."""
        self._batches, self._rank, self._count = batches, rank, count

    def __getitem__(self, key: Key) -> dict[str, Any]:
        """Return the share of a batch; of a validation batch that is too small, its first case once more."""
        replay, rows = key
        mine = rows[self._rank :: self._count] or rows[:1]
        return {**self._batches[replay, mine], "rows": torch.tensor(mine), "cases": len(rows)}


class RunData(lightning.LightningDataModule):
    """Loaders of a run's splits; made in each process, where its number is known."""

    def __init__(self, batches: Batches, rows: Mapping[str, Sequence[int]], spec: TrainingSpec) -> None:
        """Take all batches and the rows of 'train' and 'validation'."""
        super().__init__()
        self._batches, self._rows, self._spec = batches, rows, spec

    def train_dataloader(self) -> DataLoader[dict[str, Any]]:
        """Return the training cases, shuffled and augmented."""
        return self._loader("train", shuffled=True)

    def val_dataloader(self) -> DataLoader[dict[str, Any]]:
        """Return the validation cases as they are."""
        return self._loader("validation", shuffled=False)

    def _loader(self, split: str, shuffled: bool) -> DataLoader[dict[str, Any]]:
        assert self.trainer is not None
        shares = Shares(self._batches, self.trainer.global_rank, self.trainer.world_size)
        pinned = self.trainer.strategy.root_device.type == "cuda"
        return loader(shares, self._rows[split], self._spec, shuffled, pinned)


def add_gradients(parameters: Iterable[nn.Parameter]) -> None:
    """Add up the gradients of all processes, in each; a gradient that none of them has stays absent."""
    if not joined():
        return
    trained = [parameter for parameter in parameters if parameter.requires_grad]
    gradients = [torch.zeros_like(p) if p.grad is None else p.grad for p in trained]
    there = trained[0].new_tensor([p.grad is not None for p in trained])
    total = torch.cat([*(gradient.flatten() for gradient in gradients), there])  # as one message
    distributed.all_reduce(total)
    *sums, counts = total.split([*(gradient.numel() for gradient in gradients), len(there)])
    for parameter, gradient, added, count in zip(trained, gradients, sums, counts.tolist(), strict=True):
        parameter.grad = gradient.copy_(added.view_as(gradient)) if count else None


def gather(item: Item) -> list[Item]:
    """Return what each process holds, in the order of their numbers; alone, a list of one."""
    if not joined():
        return [item]
    items: list[Any] = [None] * distributed.get_world_size()
    distributed.all_gather_object(items, item)
    return items


def take_buffers(network: nn.Module) -> None:
    """Take over the first process's buffers: batch norm has seen other cases in each process."""
    if joined():
        for buffer in network.buffers():
            distributed.broadcast(buffer, src=0)


@contextlib.contextmanager
def waiting_for_first() -> Iterator[None]:
    """Go on when the first process is through with what stands inside, which the others only wait for.

    Raises:
        InputError: it failed; in all processes (`FirstFailed` in the others), so that they still do the same.
    """
    try:
        yield
    except Exception as error:
        if not joined():
            raise
        reason = reason_of(error)
        gather(reason)
        raise InputError(reason) from error
    first = gather(None)[0]
    if first is not None:
        raise FirstFailed(first)


@contextlib.contextmanager
def first_before_others() -> Iterator[None]:
    """Let the first process do what leaves files, and then the others, who find them; see `waiting_for_first`."""
    if joined() and distributed.get_rank() > 0:
        with waiting_for_first():
            pass
        yield
    else:
        with waiting_for_first():
            yield


def joined() -> bool:
    """Tell whether this process trains with others."""
    return distributed.is_available() and distributed.is_initialized()
