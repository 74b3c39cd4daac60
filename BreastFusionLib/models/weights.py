"""Weights on disk: safetensors written, safetensors or plain torchvision files read, differences named."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import safetensors.torch
import torch
from torch import Tensor, nn

from BreastFusionLib.errors import InputError, first_few
from BreastFusionLib.files import replacing

__all__ = ["load_state", "read_weights", "write_weights"]


def write_weights(state: Mapping[str, Tensor], path: str | os.PathLike[str]) -> Path:
    """Write a `state_dict`, or a part of one, as safetensors, whatever device and memory layout its tensors have."""
    plain = {name: tensor.detach().cpu().contiguous() for name, tensor in state.items()}
    with replacing(path) as temporary:
        safetensors.torch.save_file(plain, temporary)
    return Path(path)


def read_weights(path: str | os.PathLike[str]) -> dict[str, Tensor]:
    """Read a safetensors file, or a PyTorch file of tensors (.pth, .pt); nothing in it is executed.

    Raises:
        InputError: no such file, a damaged one, or one that holds more than named tensors.
    """
    file = Path(path)
    if not file.is_file():
        raise InputError(f"{file}: no such weights file. Give the path of a .safetensors (or torchvision .pth) file.")
    try:
        if file.suffix == ".safetensors":
            return safetensors.torch.load_file(file)
        state = torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:  # what a damaged file makes the two readers raise has no common class
        raise InputError(
            f"{file} cannot be read as weights: it is damaged, not downloaded completely, or holds more than "
            "tensors. Fetch it again, or save the bare state_dict as safetensors."
        ) from error
    if not isinstance(state, Mapping) or not all(isinstance(value, Tensor) for value in state.values()):
        raise InputError(f"{file} is not a mapping of names to tensors: save the bare state_dict as safetensors.")
    return dict(state)


def load_state(module: nn.Module, state: Mapping[str, Tensor], where: str) -> None:
    """Load every parameter and buffer of `module` from `state`.

    Args:
        module: the network to fill.
        state: name -> tensor.
        where: what the state was read from, for messages.

    Raises:
        InputError: names or shapes differ; the message says which.
    """
    wanted = module.state_dict()
    # Files older than PyTorch 0.4.1 lack these counters, which nothing computes with in eval mode.
    missing = [name for name in wanted if name not in state and not name.endswith("num_batches_tracked")]
    unexpected = [name for name in state if name not in wanted]
    reshaped = [
        f"{name} is {_shape(state[name])}, not {_shape(wanted[name])}"
        for name in wanted
        if name in state and state[name].shape != wanted[name].shape
    ]
    differences = [_few("missing", missing), _few("unexpected", unexpected), _few("of another shape", reshaped)]
    if any(differences):
        raise InputError(
            f"{where} holds weights of another network: {'; '.join(filter(None, differences))}. "
            "Choose the architecture that the file was made for, or a file for this one."
        )
    module.load_state_dict(state, strict=False)


def _few(what: str, items: list[str]) -> str:
    return f"{len(items)} {what} ({first_few(items)})" if items else ""


def _shape(tensor: Tensor) -> str:
    return "x".join(map(str, tensor.shape)) or "a number"
