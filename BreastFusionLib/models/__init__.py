"""Networks that fuse image and vector sources, and the maps that show where they looked.

    network = build_network(spec, channels, vector_sizes, classes=2, load_weights=True)
    output = network(images, vectors, present)                            # logits, each source's own, weights
    maps = activation_maps(network, images, vectors, present, target=1)   # Grad-CAM, Grad-CAM++

Everything but the settings needs torch, which is imported when one of these names is first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from BreastFusionLib.models.settings import EncoderSpec, Layers, ModelSpec

if TYPE_CHECKING:
    from BreastFusionLib.models.cam import activation_maps
    from BreastFusionLib.models.encoders import ENCODERS, load_encoder, to_fetch
    from BreastFusionLib.models.fusion.build import build_network
    from BreastFusionLib.models.fusion.network import FusionNetwork, NetworkOutput
    from BreastFusionLib.models.weights import load_state, read_weights, write_weights

__all__ = [
    "ENCODERS",
    "EncoderSpec",
    "FusionNetwork",
    "Layers",
    "ModelSpec",
    "NetworkOutput",
    "activation_maps",
    "build_network",
    "load_encoder",
    "load_state",
    "read_weights",
    "to_fetch",
    "write_weights",
]

_MODULES = {
    "ENCODERS": "encoders",
    "FusionNetwork": "fusion.network",
    "NetworkOutput": "fusion.network",
    "activation_maps": "cam",
    "build_network": "fusion.build",
    "load_encoder": "encoders",
    "load_state": "weights",
    "read_weights": "weights",
    "to_fetch": "encoders",
    "write_weights": "weights",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)
