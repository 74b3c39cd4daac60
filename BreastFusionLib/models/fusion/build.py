"""From a recipe's model section to the network."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from BreastFusionLib.errors import InputError
from BreastFusionLib.models.encoders import Encoder, load_encoder
from BreastFusionLib.models.fusion.network import SHARED, FusionNetwork
from BreastFusionLib.models.settings import ModelSpec

__all__ = ["build_network"]


def build_network(
    model: ModelSpec,
    channels: Mapping[str, int],
    vector_sizes: Mapping[str, int],
    classes: int,
    load_weights: bool,
) -> FusionNetwork:
    """Build the network that a recipe describes.

    Args:
        model: encoder, towers, fusion and heads.
        channels: image source -> channels of its images, in the recipe's order.
        vector_sizes: vector source -> number of inputs, in the recipe's order.
        classes: number of classes.
        load_weights: whether the encoder's own weights are loaded; False when a bundle's or a checkpoint's
            weights are loaded into the network next.

    Raises:
        InputError: no source at all, images without an encoder, sources that cannot be joined or cannot share an
            encoder, or weights that cannot be had.
    """
    if not channels and not vector_sizes:
        raise InputError("The model has no source: give the recipe patches, radiomics, kinetics or clinical columns.")
    if model.single_logit and classes != 2:
        raise InputError(f"model: single_logit tells two classes apart, the task has {classes}. Set it to false.")
    encoders = _encoders(model, channels, load_weights) if channels else {}
    return FusionNetwork(encoders, tuple(channels), vector_sizes, classes, model)


def _encoders(model: ModelSpec, channels: Mapping[str, int], load_weights: bool) -> dict[str, Encoder]:
    if model.encoder is None:
        raise InputError(
            f"The recipe has images ({', '.join(channels)}) but no encoder: set model.encoder, or inputs.patch and "
            "inputs.projection to null."
        )
    wanted = dict(channels)
    if model.encoder.shared:
        if len(set(channels.values())) > 1:
            found = ", ".join(f"{source} {count}" for source, count in channels.items())
            raise InputError(
                f"model, encoder: one encoder cannot read images of different channels ({found}). Set shared to false."
            )
        wanted = {SHARED: next(iter(channels.values()))}
    # Weights in the memory layout of the images, so that no convolution rearranges them in every step.
    return {
        name: load_encoder(model.encoder, count, load_weights).to(memory_format=torch.channels_last)
        for name, count in wanted.items()
    }
