"""Batches in portions: as many cases at once as memory holds, fewer when it turns out to hold less."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Callable
from typing import TypeVar

import torch

from BreastFusionLib.errors import MemoryShortage

__all__ = ["Portions"]

Result = TypeVar("Result")

logger = logging.getLogger(__name__)


class Portions:
    """How many cases go through the network together.

    Attributes:
        size: at most; None for the whole batch.
    """

    def __init__(self, size: int | None = None) -> None:
        """Begin with a size."""
        self.size = size
        self._said = False

    def each(self, work: Callable[[slice], Result], count: int, undo: Callable[[], None]) -> list[Result]:
        """Call `work` with slices that cover `count` cases; with half as many at once when memory runs out.

        Args:
            work: does one portion.
            count: cases in the batch.
            undo: takes back what a portion that failed, and those before it in the batch, have done.

        Returns:
            What `work` returned for each portion.

        Raises:
            MemoryShortage: memory is too small for a single case.
        """
        while True:
            # Evenly: batch norm gets little from a remainder of one case, or nothing at all.
            portions = -(-count // min(self.size or count, count))
            starts = [count * portion // portions for portion in range(portions + 1)]
            size = -(-count // portions)
            try:
                return [work(slice(start, stop)) for start, stop in itertools.pairwise(starts)]
            except torch.cuda.OutOfMemoryError as error:
                if size == 1:
                    raise MemoryShortage(
                        "The graphics card's memory is too small for a single case in training. Close other programs "
                        "that use the card, choose a smaller encoder or patch, or train on the device 'cpu'."
                    ) from error
            # Outside the handler, which holds the failed portion's tensors by its traceback.
            undo()
            if torch.cuda.is_available():
                torch.cuda.empty_cache()
            self.size = -(-size // 2)
            self._say(size)

    def _say(self, size: int) -> None:
        if not self._said:
            logger.warning(
                "The graphics card's memory is too small for %d cases at once: batches now go through the network in "
                "smaller portions whose gradients are added. training.micro_batch chooses their size from the start.",
                size,
            )
        self._said = True
