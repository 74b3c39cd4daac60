"""Fitting a network to the training cases, epoch by epoch."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from BreastFusionLib.errors import MemoryShortage
from BreastFusionLib.models import FusionNetwork
from BreastFusionLib.training.data import Batches
from BreastFusionLib.training.keeper import Keeper
from BreastFusionLib.training.losses import class_weights
from BreastFusionLib.training.module import FusionModule
from BreastFusionLib.training.processes import RunData
from BreastFusionLib.training.spec import TrainingSpec
from BreastFusionLib.training.trainer import Devices, deterministic, make_trainer, plain_interrupt

__all__ = ["optimise", "training_module"]


def optimise(
    network: FusionNetwork,
    batches: Batches,
    rows: Mapping[str, Sequence[int]],
    labels: NDArray[np.int64],
    positive: int,
    spec: TrainingSpec,
    keeper: Keeper,
    devices: Devices,
) -> bool:
    """Train a network from its weights, or from the checkpoint that `keeper` has.

    Args:
        network: changed in place; the best weights are in the keeper's file.
        batches: of all cases.
        rows: 'train' and 'validation' -> rows.
        labels: (n,) class numbers of all cases.
        positive: number of the positive class.
        spec: how it is fitted.
        keeper: keeps every epoch.
        devices: what it runs on.

    Returns:
        Whether this process is the first of those that trained, which finishes the run.

    Raises:
        InputError: the loss is no number any more, too few cases for the processes, memory too small for one case, a
            damaged checkpoint, ..
    """
    devices.require_enough(rows["train"], spec)
    module = training_module(network, labels[rows["train"]], positive, spec)
    checkpoint = keeper.to_continue_from()
    trainer = make_trainer(spec, devices, keeper, keeper.folder)
    with plain_interrupt(), deterministic(), _saying_memory_short(spec, devices):
        trainer.fit(
            module,
            datamodule=RunData(batches, rows, spec),
            ckpt_path=checkpoint,
            weights_only=True,
        )
    return trainer.is_global_zero


@contextlib.contextmanager
def _saying_memory_short(spec: TrainingSpec, devices: Devices) -> Iterator[None]:
    """Say what to do when even portions leave no room for a batch of images, its changes, or what Adam remembers.

    Raises:
        MemoryShortage: in place of PyTorch's error; not in one of several processes, for which the others would wait.
    """
    try:
        yield
    except torch.cuda.OutOfMemoryError as error:
        if devices.processes > 1:
            raise
        raise MemoryShortage(
            f"The graphics card's memory is too small to hold and change a batch of {spec.batch_size} cases, however "
            "small the portions are in which it is learnt. Close other programs that use the card, lower "
            "training.batch_size in a new folder, or train on the device 'cpu'."
        ) from error


def training_module(
    network: FusionNetwork, labels: NDArray[np.int64], positive: int, spec: TrainingSpec
) -> FusionModule:
    """Make a network ready to be trained.

    Args:
        network: brought into training mode; its encoders are compiled where `spec` says so.
        labels: (n,) class numbers of the training cases.
        positive: number of the positive class.
        spec: how it is fitted.
    """
    # Lightning takes modes as they are, and features of a frozen encoder were computed in eval mode, in which
    # nothing is dropped and no neutral value learnt. The frozen encoder itself stays in eval mode.
    network.train()
    if spec.compile:
        for encoder in network.encoders.values():
            encoder.compile()
    return FusionModule(network, spec, class_weights(labels, spec), positive)
