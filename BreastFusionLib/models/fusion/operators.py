"""The operators that make one vector of the vectors of all sources, however many there are.

Source: Holste et al. 2021, sections 2.4 and 2.5.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor

from BreastFusionLib.errors import InputError

__all__ = ["OPERATORS", "joined_width"]


def _side_by_side(values: Sequence[Tensor]) -> Tensor:
    return torch.cat(list(values), dim=1)


def _sum(values: Sequence[Tensor]) -> Tensor:
    return functools.reduce(torch.add, values)


def _product(values: Sequence[Tensor]) -> Tensor:
    return functools.reduce(torch.mul, values)


OPERATORS: Mapping[str, Callable[[Sequence[Tensor]], Tensor]] = {
    "concat": _side_by_side,
    "add": _sum,
    "multiply": _product,
    "probability": _side_by_side,  # of probabilities
    "gated": _sum,  # of vectors that the gate has weighted
}
"""How a recipe names them -> sources' (N, D) to one (N, `joined_width`)."""


def joined_width(fusion: str, widths: Mapping[str, int]) -> int:
    """Return the length of what an operator gives.

    Args:
        fusion: a key of `OPERATORS`.
        widths: source -> length of what it gives to the operator.

    Raises:
        InputError: lengths that cannot be joined element by element.
    """
    if OPERATORS[fusion] is _side_by_side:
        return sum(widths.values())
    if len(set(widths.values())) > 1:
        found = ", ".join(f"{source} {width}" for source, width in widths.items())
        raise InputError(
            f"model: fusion '{fusion}' joins sources element by element, but their lengths differ ({found}). End "
            "every source's tower with the same width, e.g. towers: {clinical: [512], ..}, or choose 'concat'."
        )
    return next(iter(widths.values()))
