"""Lightning's trainer as a run wants it: quiet, on the devices asked for, and stopped by Ctrl-C like any program."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import threading
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightning
import torch
from lightning.pytorch.utilities import rank_zero_only

from BreastFusionLib.errors import InputError, nearest_known
from BreastFusionLib.reading.devices import choose_device
from BreastFusionLib.training.processes import JoinedProcesses, joined
from BreastFusionLib.training.spec import TrainingSpec

__all__ = ["START_METHODS", "Devices", "deterministic", "make_trainer", "plain_interrupt", "quiet_lightning"]

START_METHODS: Mapping[str, Any] = {
    "auto": "popen",
    "ddp": "popen",
    "ddp_spawn": "spawn",
    "ddp_fork": "fork",
    "ddp_notebook": "fork",
}
"""Lightning's names of strategies -> how the processes are started."""

_WORKSPACE = "CUBLAS_WORKSPACE_CONFIG"


@dataclass(frozen=True)
class Devices:
    """What a run is trained on.

    Attributes:
        name: 'cpu' or 'cuda:<n>', as `choose_device` says.
        count: devices on each machine; on a CPU, processes.
        nodes: machines; the same command is given on each, with MASTER_ADDR, MASTER_PORT and NODE_RANK set, or by
            torchrun or SLURM.
        strategy: a key of `START_METHODS`: 'ddp' starts the program once more for each device; the others need no
            program that can be started again ('ddp_notebook', 'ddp_fork': no graphics card may be in use before;
            'ddp_spawn': tells no progress).
    """

    name: str
    count: int = 1
    nodes: int = 1
    strategy: str = "auto"

    def __post_init__(self) -> None:
        if self.strategy not in START_METHODS:
            raise InputError(f"There is no strategy '{self.strategy}'. {nearest_known(self.strategy, START_METHODS)}")
        if min(self.count, self.nodes) < 1:
            raise InputError(f"At least one device on one node is needed, found {self.count} on {self.nodes}.")
        found = torch.cuda.device_count() if self.cuda else self.count
        if self.count > found:
            raise InputError(f"{self.count} graphics cards were asked for, this machine has {found}.")
        if self.processes == 1 and joined():
            raise InputError("This program trains over several processes: all of its runs need the same devices.")

    @classmethod
    def chosen(cls, device: str = "auto", devices: int = 1, nodes: int = 1, strategy: str = "auto") -> Devices:
        """Return what the arguments of `train` with these names mean.

        Raises:
            InputError: an unknown strategy, or more devices than there are.
        """
        return cls(choose_device(device)[0], devices, nodes, strategy)

    @property
    def writes(self) -> bool:
        """Whether this process writes and tells: it trains alone, or is the first of those that train together."""
        # Before they are joined, the first process of every machine holds itself for the first of all.
        first = getattr(rank_zero_only, "rank", 0) == 0 and (joined() or int(os.environ.get("NODE_RANK", 0)) == 0)
        return self.processes == 1 or first

    @property
    def cuda(self) -> bool:
        """Whether they are graphics cards."""
        return self.name.startswith("cuda")

    @property
    def processes(self) -> int:
        """How many processes train together."""
        return self.count * self.nodes

    def precision(self, spec: TrainingSpec) -> Any:
        """Return the precision as Lightning names it.

        Raises:
            InputError: half precision on a CPU.
        """
        if spec.precision == "16" and not self.cuda:
            raise InputError("training.precision 16 needs a graphics card. Choose 'auto', '32' or 'bf16' on a CPU.")
        if spec.precision == "auto":
            wanted = "32"
            if self.cuda:  # the mixed precision that the card is made for
                wanted = "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "16"
        else:
            wanted = spec.precision
        return {"32": "32-true", "bf16": "bf16-mixed", "16": "16-mixed"}[wanted]

    def require_enough(self, training_rows: Sequence[int], spec: TrainingSpec) -> None:
        """Make sure that every process has a share of every training batch.

        Raises:
            InputError: more processes than cases in a batch.
        """
        batches = -(-len(training_rows) // spec.batch_size)
        smallest = len(training_rows) // batches
        if smallest < self.processes:
            raise InputError(
                f"{self.processes} processes cannot share batches of {smallest} cases. Train on fewer devices, or "
                "raise training.batch_size."
            )


def make_trainer(spec: TrainingSpec, devices: Devices, callback: lightning.Callback, folder: Path) -> lightning.Trainer:
    """Return a trainer.

    Args:
        spec: epochs and precision.
        devices: what it runs on.
        callback: keeps what is to be kept.
        folder: of the run.
    """
    count: Any = devices.count
    if devices.cuda and devices.count == 1:
        count = [int(devices.name.partition(":")[2] or 0)]
    return lightning.Trainer(
        max_epochs=spec.epochs,
        accelerator="gpu" if devices.cuda else "cpu",
        devices=count,
        num_nodes=devices.nodes,
        strategy=JoinedProcesses(start_method=START_METHODS[devices.strategy]) if devices.processes > 1 else "auto",
        use_distributed_sampler=False,  # batches are divided, not cases
        precision=devices.precision(spec),
        callbacks=[callback],
        num_sanity_val_steps=0,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        default_root_dir=folder,
    )


@contextlib.contextmanager
def deterministic() -> Iterator[None]:
    """Compute in the same way every time, as far as PyTorch can; afterwards what was chosen before holds again."""
    cudnn: Any = torch.backends.cudnn
    memory: Any = torch.utils.deterministic
    chosen = torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()
    benchmark, filled, workspace = cudnn.benchmark, memory.fill_uninitialized_memory, os.environ.get(_WORKSPACE)
    try:
        torch.use_deterministic_algorithms(True, warn_only=True)
        cudnn.benchmark = False
        # Memory that is about to be written anyway would be filled before, a help against code that reads it: 6 % of a
        # ResNet50's step on a CPU.
        memory.fill_uninitialized_memory = False
        os.environ[_WORKSPACE] = ":4096:8"  # the size with which cuBLAS adds in the same order
        yield
    finally:
        torch.use_deterministic_algorithms(chosen[0], warn_only=chosen[1])
        cudnn.benchmark, memory.fill_uninitialized_memory = benchmark, filled
        os.environ.pop(_WORKSPACE)
        if workspace is not None:
            os.environ[_WORKSPACE] = workspace


@contextlib.contextmanager
def quiet_lightning() -> Iterator[None]:
    """Keep Lightning's banners and its advice on worker processes from the user, who did not ask."""
    loggers = [logging.getLogger(name) for name in ("lightning.pytorch", "lightning.fabric")]
    levels = [logger.level for logger in loggers]
    try:
        for logger in loggers:
            logger.setLevel(logging.ERROR)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module=r"lightning\..*")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


@contextlib.contextmanager
def plain_interrupt() -> Iterator[None]:
    """Let Ctrl-C arrive as KeyboardInterrupt: Lightning turns it into an exit and switches the signal off."""
    in_main = threading.current_thread() is threading.main_thread()
    handler = signal.getsignal(signal.SIGINT) if in_main else None
    try:
        yield
    except SystemExit as stop:
        if isinstance(stop.__context__, KeyboardInterrupt):
            raise KeyboardInterrupt from stop
        raise
    finally:
        if in_main:
            signal.signal(signal.SIGINT, handler)
