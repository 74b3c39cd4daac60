"""Class activation maps: which cells of each source's feature map speak for a class."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from BreastFusionLib.models.fusion.network import FusionNetwork

__all__ = ["activation_maps"]


def activation_maps(
    network: FusionNetwork,
    images: Mapping[str, Tensor],
    vectors: Mapping[str, Tensor],
    present: Mapping[str, Tensor],
    target: int,
    maps: Mapping[str, Tensor] | None = None,
) -> dict[tuple[str, str], NDArray[np.float32]]:
    """Compute Grad-CAM and Grad-CAM++ of one case for every image source that is there.

    One forward pass, and one backward pass that ends at the feature maps. The class score is the fused logit of
    `target`, so a map shows where a source speaks for the class in the company of all others. Where two classes share
    a single logit z, the score of one is z and that of the other -z.

    Args:
        network: in eval mode.
        images: image source -> (1, C, H, W).
        vectors: vector source -> (1, F), standardised.
        present: source -> (1,) bool.
        target: index of the class.
        maps: image source -> (1, D, h, w) from `network.feature_map`, when the case was encoded just before; the
            images are then not looked at.

    Returns:
        (source, 'gradcam' | 'gradcam++') -> (h, w) of the encoder's cells, at most 1 where the evidence is
        strongest, and zero everywhere when nothing speaks for the class.

    Source: Selvaraju et al. 2017, equations 1 and 2; Chattopadhay et al. 2018, equations 10 and 19.
    """
    if network.training:
        raise ValueError("activation maps are read from a network in eval mode: call network.eval() first")
    with torch.inference_mode(False), torch.enable_grad():
        ends, features = {}, {}
        for source in network.image_sources:
            if bool(present[source].all()):
                encoded = network.feature_map(source, images[source]) if maps is None else maps[source]
                # Detached here, so that the backward pass ends at the map.
                ends[source] = encoded.detach().requires_grad_()
                features[source] = network.pool(source, ends[source])
            else:
                features[source] = network.neutral(source)[None]
        logits = network.fuse(features, vectors, present).logits
        if logits.shape[0] != 1:
            raise ValueError(f"activation maps are made for one case at a time, not {logits.shape[0]}")
        score = logits[0, target] - logits[0, 1 - target] if network.single_logit else logits[0, target]
        gradients = torch.autograd.grad(score, list(ends.values())) if ends else ()
    found = {}
    for source, gradient in zip(ends, gradients, strict=True):
        activations = ends[source].detach()[0].float()
        found[source, "gradcam"] = _weighted(activations, _gradcam_weights(gradient[0].float()))
        found[source, "gradcam++"] = _weighted(activations, _gradcam_plus_weights(activations, gradient[0].float()))
    return found


def _gradcam_weights(gradients: Tensor) -> Tensor:
    """Return one weight a channel: the mean gradient over the cells."""
    return gradients.mean(dim=(1, 2))


def _gradcam_plus_weights(activations: Tensor, gradients: Tensor) -> Tensor:
    """Return one weight a channel: positive gradients, each weighted by its coefficient alpha.

    For the score exp(logit), alpha = g^2 / (2 g^2 + g^3 sum(A)) with g the logit's gradient. That is
    1 / (2 + g sum(A)) where g is positive, the only place where it is used, and it neither overflows nor divides
    zero by zero. The factor exp(logit) common to all weights is lost when the map is scaled.
    """
    positive = gradients.clamp(min=0)
    # Activations can be negative behind SiLU or GELU; the coefficient is meant for sums of at least zero.
    total = activations.sum(dim=(1, 2), keepdim=True).clamp(min=0)
    return (positive / (2 + positive * total)).sum(dim=(1, 2))


def _weighted(activations: Tensor, weights: Tensor) -> NDArray[np.float32]:
    evidence = torch.einsum("k,khw->hw", weights, activations).clamp(min=0)
    highest = evidence.max()
    return (evidence / highest if highest > 0 else evidence).cpu().numpy()
