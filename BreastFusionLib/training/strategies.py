"""Ways to optimise a network of parts and their fusion: which losses count, and where their gradients end.

An optimiser here (Adam, SGD) treats every number alone, and takes no step on numbers that got no gradient. So one
optimiser does what several would: separate ones, each on its own loss, are the sum of the losses with gradients
stopped between parts and fusion; a stage in which something rests is a loss that does not reach it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from BreastFusionLib.training.spec import TrainingSpec

__all__ = ["Stage", "fused_from", "stage_of"]


@dataclass(frozen=True)
class Stage:
    """What is trained, and on what, in an epoch.

    Attributes:
        stop: where the network stops gradients (`FusionNetwork.stop`): 'auxiliary' before the parts' heads,
            'nothing' nowhere, 'fusion' before the fusion.
        fused: whether the fused output's loss counts.
        parts: whether the parts' losses count.
        resting: whether the parts run as in a reading (no dropout, statistics as they are).
    """

    stop: Literal["auxiliary", "nothing", "fusion"]
    fused: bool = True
    parts: bool = True
    resting: bool = False


def stage_of(spec: TrainingSpec, epoch: int) -> Stage:
    """Return the stage of an epoch (counted from 0).

    'one_loss': the fused loss trains everything; heads of single sources learn beside it and change nothing else.
    'joint_losses': the sum of all losses trains everything (holste2021, supplement: three losses, one optimiser).
    'separate_optimisers': each part learns from its own loss, the fusion from the fused one (holste2021, supplement:
    three losses, three optimisers). 'staged': the parts alone for `part_epochs`, then the fusion on resting parts.
    """
    if spec.optimisation == "one_loss":
        return Stage("auxiliary")
    if spec.optimisation == "joint_losses":
        return Stage("nothing")
    if spec.optimisation == "separate_optimisers":
        return Stage("fusion")
    if epoch < spec.part_epochs:
        return Stage("fusion", fused=False)
    return Stage("fusion", parts=False, resting=True)


def fused_from(spec: TrainingSpec) -> int:
    """Return the first epoch in which the fused output is trained: from there on epochs compete to be the best."""
    return spec.part_epochs if spec.optimisation == "staged" else 0
