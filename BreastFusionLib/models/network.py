"""The fused network: encoded images and standardised vectors, joined, to one decision and one for each source."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from BreastFusionLib.errors import InputError
from BreastFusionLib.models.encoders import Encoder, load_encoder
from BreastFusionLib.models.settings import ModelSpec

__all__ = ["FusionNetwork", "NetworkOutput", "build_network"]

_SHARED = "shared"

# The least weight of the newest batch in the running statistics: plain averages over the first 20 batches, which then
# forget slowly, so that they follow an encoder that still learns.
_MOMENTUM = 0.05

# Added to a feature's variance before the root, so that channels which hardly ever fire are not blown up.
_EPSILON = 0.1


class NetworkOutput(NamedTuple):
    """What the network says.

    Attributes:
        logits: (N, K) of the fused sources; probabilities are their softmax.
        parts: source -> (N, K) logits of that source alone; empty without auxiliary heads. Rows where the source
            is absent are those of its neutral value and mean nothing.
    """

    logits: Tensor
    parts: dict[str, Tensor]


class FusionNetwork(nn.Module):
    """Image and vector sources, concatenated in a fixed order, to K classes.

    wang2024 is a frozen ResNet50 for all three sequences and one linear layer: 3 x 2048 + 321 = 6465 inputs, 12,932
    trained parameters, features as they come. Features of an encoder in training are standardised like the vectors
    beside them, with running training statistics: they have no scale of their own, and unscaled they vary so little
    that vectors win the first epochs. Training and eval mode standardise alike, whatever the batch (with batch
    statistics, probabilities jump between the two modes).

    An absent source enters with its neutral value `neutral_<source>`: the running training mean of an image source's
    features, zero (the training mean) for standardised vectors.

    Attributes:
        image_sources: sources that go through an encoder.
        vector_sizes: source -> length of its standardised vector.
        sources: all of them, in the order in which they are concatenated.
    """

    batches_seen: Tensor

    def __init__(
        self,
        encoders: Mapping[str, Encoder],
        image_sources: Sequence[str],
        vector_sizes: Mapping[str, int],
        classes: int,
        spec: ModelSpec,
    ) -> None:
        """Join encoders and dense layers.

        Args:
            encoders: {'shared': one for all image sources}, or one for each source by name.
            image_sources: their order.
            vector_sizes: vector sources in their order, with lengths.
            classes: number of classes K.
            spec: hidden layers, dropout, auxiliary heads.
        """
        super().__init__()
        self.encoders = nn.ModuleDict(encoders)
        self.image_sources = tuple(image_sources)
        self.vector_sizes = dict(vector_sizes)
        self.sources = (*self.image_sources, *self.vector_sizes)
        self.source_dropout = spec.source_dropout
        widths = {source: self._encoder(source).width for source in self.image_sources} | self.vector_sizes
        for source, width in widths.items():
            self.register_buffer(f"neutral_{source}", torch.zeros(width))
        for source in self.image_sources:
            self.register_buffer(f"variance_{source}", torch.ones(widths[source]))
        self.register_buffer("batches_seen", torch.zeros(len(self.image_sources), dtype=torch.long))
        self.head = _dense(sum(widths.values()), spec.hidden, classes, spec.dropout)
        wanted = self.sources if spec.auxiliary_heads else ()
        self.auxiliary = nn.ModuleDict({source: nn.Linear(widths[source], classes) for source in wanted})

    def feature_map(self, source: str, images: Tensor) -> Tensor:
        """Map a source's patches (N, C, H, W) to the encoder's last feature map (N, D, h, w)."""
        return self._encoder(source).feature_map(images)

    def first_cell_px(self, source: str) -> float:
        """Return the pixel (row and column) in the middle of what the first cell of a source's map sees."""
        return self._encoder(source).first_cell_px

    def cell_px(self, source: str) -> int:
        """Return the pixels from one cell of a source's map to the next."""
        return self._encoder(source).cell_px

    def encode(self, source: str, images: Tensor) -> Tensor:
        """Map a source's scaled patches (N, C, H, W) to features (N, D)."""
        return self._encoder(source)(images)

    def fuse(
        self, features: Mapping[str, Tensor], vectors: Mapping[str, Tensor], present: Mapping[str, Tensor]
    ) -> NetworkOutput:
        """Decide from features.

        Args:
            features: image source -> (N, D) from `encode`; rows of absent sources are not looked at.
            vectors: vector source -> (N, F), standardised.
            present: source -> (N,) bool.
        """
        values = {**features, **vectors}
        if self.training:
            self._follow(features, present)
        parts = {
            source: head(self._input(source, values[source], present[source]).detach())
            for source, head in self.auxiliary.items()
        }
        kept = self._dropped(present) if self.training and self.source_dropout > 0 else present
        joined = torch.cat([self._input(source, values[source], kept[source]) for source in self.sources], dim=1)
        return NetworkOutput(self.head(joined), parts)

    def forward(
        self, images: Mapping[str, Tensor], vectors: Mapping[str, Tensor], present: Mapping[str, Tensor]
    ) -> NetworkOutput:
        """Decide from scaled patches and standardised vectors.

        Args:
            images: image source -> (N, C, H, W); rows of absent sources are not looked at.
            vectors: vector source -> (N, F), standardised.
            present: source -> (N,) bool.
        """
        return self.fuse(self._encode_present(images, present), vectors, present)

    def _encoder(self, source: str) -> Encoder:
        return self.encoders[_SHARED if _SHARED in self.encoders else source]  # type: ignore[return-value]

    def _encode_present(self, images: Mapping[str, Tensor], present: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Encode the rows that are there; sources with a shared encoder go through it as one batch.

        One batch, so that an encoder with batch norm sees all sequences in each step, as it does in eval mode.
        """
        features = {}
        for name in self.encoders:
            sources = self.image_sources if name == _SHARED else (name,)
            rows = [images[source][present[source]] for source in sources]
            counts = [len(r) for r in rows]
            encoder = self._encoder(sources[0])
            found = encoder(torch.cat(rows)) if any(counts) else rows[0].new_zeros((0, encoder.width))
            for source, part in zip(sources, found.split(counts), strict=True):
                empty = part.new_zeros((len(present[source]), encoder.width))
                features[source] = empty.index_put((present[source],), part)
        return features

    def _input(self, source: str, values: Tensor, present: Tensor) -> Tensor:
        """Return what the dense layers see of a source: its values or the neutral ones, standardised where due."""
        neutral = self.get_buffer(f"neutral_{source}")
        filled = torch.where(present[:, None], values, neutral)
        if source not in self.image_sources or self._encoder(source).frozen:
            return filled
        return (filled - neutral) * torch.rsqrt(self.get_buffer(f"variance_{source}") + _EPSILON)

    def _dropped(self, present: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Drop sources at random; a case that would lose all of its sources keeps them."""
        there = torch.stack([present[source] for source in self.sources], dim=1)
        kept = there & (torch.rand(there.shape, device=there.device) >= self.source_dropout)
        kept = torch.where(kept.any(dim=1, keepdim=True), kept, there)
        return dict(zip(self.sources, kept.unbind(dim=1), strict=True))

    @torch.no_grad()
    def _follow(self, features: Mapping[str, Tensor], present: Mapping[str, Tensor]) -> None:
        """Let the running mean and variance of every image source follow its features in this batch."""
        for number, source in enumerate(self.image_sources):
            rows = features[source][present[source]].float()
            if len(rows):
                self.batches_seen[number] += 1
                share = max(1 / int(self.batches_seen[number]), _MOMENTUM)
                mean, variance = self.get_buffer(f"neutral_{source}"), self.get_buffer(f"variance_{source}")
                mean.lerp_(rows.mean(dim=0), share)
                variance.lerp_((rows - mean).square().mean(dim=0), share)


def build_network(
    model: ModelSpec,
    image_sources: Sequence[str],
    vector_sizes: Mapping[str, int],
    slices: int,
    classes: int,
    load_weights: bool,
) -> FusionNetwork:
    """Build the network that a recipe describes.

    Args:
        model: encoder, fusion and heads.
        image_sources: sequences that go through an encoder, in the recipe's order.
        vector_sizes: vector source -> number of features, in the recipe's order.
        slices: channels of each patch.
        classes: number of classes.
        load_weights: whether the encoder's own weights are loaded; False when a bundle's or a checkpoint's
            weights are loaded into the network next.

    Raises:
        InputError: no source at all, images without an encoder, or weights that cannot be had.
    """
    if not image_sources and not vector_sizes:
        raise InputError("The model has no source: give the recipe patches, radiomics, kinetics or clinical columns.")
    encoders: dict[str, Encoder] = {}
    if image_sources:
        if model.encoder is None:
            raise InputError("The recipe has image patches but no encoder: set model.encoder, or inputs.patch to null.")
        names = (_SHARED,) if model.encoder.shared else tuple(image_sources)
        encoders = {name: load_encoder(model.encoder, slices, load_weights) for name in names}
    return FusionNetwork(encoders, image_sources, vector_sizes, classes, model)


def _dense(width: int, hidden: Sequence[int], classes: int, dropout: float) -> nn.Sequential:
    layers: list[nn.Module] = []
    for units in hidden:
        layers += [nn.Dropout(dropout), nn.Linear(width, units), nn.ReLU()]
        width = units
    return nn.Sequential(*layers, nn.Dropout(dropout), nn.Linear(width, classes))
