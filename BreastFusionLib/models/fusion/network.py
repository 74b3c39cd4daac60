"""The fused network: a tower for each source, an operator that joins them, one decision and one for each source."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn

from BreastFusionLib.models.encoders import Encoder
from BreastFusionLib.models.fusion.gating import Gate
from BreastFusionLib.models.fusion.inputs import SourceInput
from BreastFusionLib.models.fusion.layers import Output, dense_layers, output_width
from BreastFusionLib.models.fusion.operators import OPERATORS, joined_width
from BreastFusionLib.models.settings import ModelSpec

__all__ = ["SHARED", "FusionNetwork", "NetworkOutput", "Stop"]

SHARED = "shared"
"""Name of the encoder that all image sources go through."""

_IMAGES = "images"

Stop = Literal["auxiliary", "nothing", "fusion"]
"""Where gradients stop; see `FusionNetwork`."""


class NetworkOutput(NamedTuple):
    """What the network says.

    Attributes:
        logits: (N, K) of the fused sources; probabilities are their softmax.
        parts: source -> (N, K) logits of that source alone; empty where the model says no parts. Rows where the
            source is absent are those of its neutral value and mean nothing.
        weights: source -> (N,) its weight in gated fusion, 0 where it is absent, 1 in sum; else empty.
    """

    logits: Tensor
    parts: dict[str, Tensor]
    weights: dict[str, Tensor]


class FusionNetwork(nn.Module):
    """Image and vector sources, any number of them in a fixed order, to K classes.

    An absent source enters its tower with its neutral value: the running training mean of an image source's features,
    zero for a vector (the training mean of what is standardised, the base level of what is dummy-coded).

    Attributes:
        image_sources: sources that go through an encoder.
        vector_sizes: source -> length of its standardised vector.
        sources: all of them, in the order in which they are joined.
        single_logit: whether two classes share one output z, see `ModelSpec`.
        parts: names of disjoint parts, one a source and 'images' for an encoder that several share; see
            `part_parameters`.
        stop: where gradients stop. 'auxiliary': what the sources say alone leaves everything that the fused output
            depends on as it is (part heads learn from detached values; with probability fusion, whose outputs are
            fused themselves, nothing does). 'nothing': nowhere. 'fusion': the fused output leaves the sources' parts
            as they are, and trains `fusion_parameters` alone.
    """

    stop: Stop

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
            spec: towers, operator, head.

        Raises:
            InputError: sources that the operator cannot join.
        """
        super().__init__()
        self.encoders = nn.ModuleDict(encoders)
        self.image_sources = tuple(image_sources)
        self.vector_sizes = dict(vector_sizes)
        self.sources = (*self.image_sources, *self.vector_sizes)
        self.stop = "auxiliary"
        self.source_dropout = spec.source_dropout
        self.fusion = spec.fusion
        self.single_logit = spec.single_logit

        widths = {source: self._encoder(source).width for source in self.image_sources} | self.vector_sizes
        layers = {source: spec.towers.get(source, ()) for source in widths}
        embedded = {source: output_width(width, layers[source]) for source, width in widths.items()}
        joined = dict.fromkeys(widths, classes - 1) if spec.fusion == "probability" else embedded
        width = joined_width(spec.fusion, joined)
        self.inputs = nn.ModuleDict(
            {
                source: SourceInput(width, spec.standardise_features and source in self.image_sources)
                for source, width in widths.items()
            }
        )
        self.towers = nn.ModuleDict(
            {source: dense_layers(width, layers[source], spec.dropout) for source, width in widths.items()}
        )
        self.head = nn.Sequential(
            *dense_layers(width, spec.head, spec.dropout),
            Output(output_width(width, spec.head), classes, spec.single_logit),
        )
        self.part_heads = nn.ModuleDict(
            {source: Output(embedded[source], classes, spec.single_logit) for source in widths if spec.says_parts}
        )
        self.gate = Gate(joined) if spec.fusion == "gated" else None

    def feature_map(self, source: str, images: Tensor) -> Tensor:
        """Map a source's images (N, C, H, W) to the encoder's last feature map (N, D, h, w)."""
        return self._encoder(source).feature_map(images)

    def pool(self, source: str, maps: Tensor) -> Tensor:
        """Bring a source's feature maps (N, D, h, w) to features (N, D)."""
        return self._encoder(source).pool(maps)

    def first_cell_px(self, source: str) -> float:
        """Return the pixel (row and column) in the middle of what the first cell of a source's map sees."""
        return self._encoder(source).first_cell_px

    def cell_px(self, source: str) -> int:
        """Return the pixels from one cell of a source's map to the next."""
        return self._encoder(source).cell_px

    def encode(self, source: str, images: Tensor) -> Tensor:
        """Map a source's scaled images (N, C, H, W) to features (N, D)."""
        return self._encoder(source)(images)

    def neutral(self, source: str) -> Tensor:
        """Return the values (D,) that stand for a source where it is absent."""
        return self._input(source).mean

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
        for source in self.image_sources:
            self._input(source).note(features[source][present[source]])
        embedded = {
            source: self.towers[source](self._input(source)(values[source], present[source])) for source in self.sources
        }
        parts = {source: self._alone(source, embedded[source]) for source in self.part_heads}
        if self.training and self.source_dropout > 0:
            present = self._dropped(present)
            embedded = {
                source: torch.where(present[source][:, None], found, self._absent(source))
                for source, found in embedded.items()
            }
        joined, weights = self._joined(embedded, present)
        return NetworkOutput(self.head(joined), parts, weights)

    def follow(self) -> None:
        """End a batch in training: neutral values and scales follow what the encoders gave in it."""
        for source in self.image_sources:
            self._input(source).follow()

    def forget(self) -> None:
        """Take back what was seen of a batch, to begin it again."""
        for source in self.image_sources:
            self._input(source).forget()

    def forward(
        self, images: Mapping[str, Tensor], vectors: Mapping[str, Tensor], present: Mapping[str, Tensor]
    ) -> NetworkOutput:
        """Decide from scaled images and standardised vectors.

        Args:
            images: image source -> (N, C, H, W); rows of absent sources are not looked at.
            vectors: vector source -> (N, F), standardised.
            present: source -> (N,) bool.
        """
        return self.fuse(self._encode_present(images, present), vectors, present)

    @property
    def parts(self) -> tuple[str, ...]:
        """Names of the network's parts; see the class."""
        return ((_IMAGES,) if self._encoder_is_common() else ()) + self.sources

    def part_parameters(self, part: str) -> Iterator[nn.Parameter]:
        """Give the parameters of one part: a source's encoder (where it has its own), tower and part head.

        Args:
            part: one of `parts`. Together with `fusion_parameters`, they hold every parameter exactly once.
        """
        if part == _IMAGES:
            yield from self.encoders[SHARED].parameters()
            return
        if part in self.image_sources and not self._encoder_is_common():
            yield from self._encoder(part).parameters()
        yield from self.towers[part].parameters()
        if part in self.part_heads:
            yield from self.part_heads[part].parameters()

    def fusion_parameters(self) -> Iterator[nn.Parameter]:
        """Give the parameters behind the towers: the gate's and the head's."""
        if self.gate is not None:
            yield from self.gate.parameters()
        yield from self.head.parameters()

    def _encoder(self, source: str) -> Encoder:
        return self.encoders[SHARED if SHARED in self.encoders else source]  # type: ignore[return-value]

    def _encoder_is_common(self) -> bool:
        return SHARED in self.encoders and len(self.image_sources) > 1

    def _input(self, source: str) -> SourceInput:
        return self.inputs[source]  # type: ignore[return-value]

    def _encode_present(self, images: Mapping[str, Tensor], present: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Encode the rows that are there; images of one size with a shared encoder go through it as one batch.

        One batch, so that an encoder with batch norm sees all sequences in each step, as it does in eval mode.
        """
        features = {}
        for sources in self._encoded_together(images):
            rows = [images[source][present[source]] for source in sources]
            counts = [len(r) for r in rows]
            encoder = self._encoder(sources[0])
            found = encoder(torch.cat(rows)) if any(counts) else rows[0].new_zeros((0, encoder.width))
            for source, part in zip(sources, found.split(counts), strict=True):
                empty = part.new_zeros((len(present[source]), encoder.width))
                features[source] = empty.index_put((present[source],), part)
        return features

    def _encoded_together(self, images: Mapping[str, Tensor]) -> list[list[str]]:
        """Return the image sources in groups that go through their encoder as one batch."""
        groups: dict[object, list[str]] = {}
        for source in self.image_sources:
            encoder = SHARED if SHARED in self.encoders else source
            groups.setdefault((encoder, images[source].shape[1:]), []).append(source)
        return list(groups.values())

    def _absent(self, source: str) -> Tensor:
        """Return what the tower of an absent source gives, (1, D)."""
        return self.towers[source](self._input(source).absent()[None])

    def _alone(self, source: str, embedded: Tensor) -> Tensor:
        """Return what a source says alone (N, K)."""
        if self.stop != "auxiliary":
            return self.part_heads[source](embedded)
        logits = self.part_heads[source](embedded.detach())
        return logits.detach() if self.fusion == "probability" else logits

    def _joined(
        self, embedded: Mapping[str, Tensor], present: Mapping[str, Tensor]
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Return what the head sees (N, D), and the weights of gated fusion."""
        values = dict(embedded)
        if self.fusion == "probability":
            # Of all classes but the first, whose probability is what the others leave.
            values = {source: self.part_heads[source](v).softmax(dim=1)[:, 1:] for source, v in values.items()}
        if self.stop == "fusion":
            values = {source: v.detach() for source, v in values.items()}
        weights: dict[str, Tensor] = {}
        if self.gate is not None:
            weights = self.gate(values, present)
            values = {source: weights[source][:, None] * v for source, v in values.items()}
        return OPERATORS[self.fusion](list(values.values())), weights

    def _dropped(self, present: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Drop sources at random; a case that would lose all of its sources keeps them."""
        there = torch.stack([present[source] for source in self.sources], dim=1)
        kept = there & (torch.rand(there.shape, device=there.device) >= self.source_dropout)
        kept = torch.where(kept.any(dim=1, keepdim=True), kept, there)
        return dict(zip(self.sources, kept.unbind(dim=1), strict=True))
