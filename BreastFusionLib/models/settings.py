"""Settings from which a network is built: a bundle stores them, `build_network` turns them into modules."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from BreastFusionLib.errors import InputError

__all__ = ["EncoderSpec", "Fusion", "Layers", "ModelSpec", "Pooling"]

Layers = tuple[int | Literal["drop"], ...]
"""Dense layers in order: a width is a linear layer and its rectification, 'drop' a dropout."""

Fusion = Literal["concat", "add", "multiply", "probability", "gated"]
"""How sources become one; see `ModelSpec`."""

Pooling = Literal["mean", "max"]
"""How a feature map becomes a vector; see `EncoderSpec`."""


@dataclass(frozen=True)
class EncoderSpec:
    """The image encoder.

    Attributes:
        name: a key of `models.encoders.ENCODERS`.
        weights: 'imagenet', 'none' (random, to be trained from scratch), or the path of a safetensors file (for
            training; a bundle holds its own).
        frozen: whether its weights stay as loaded (it then runs in eval mode, and its features can be cached).
        shared: one encoder for all image sources, or one for each.
        pooling: what becomes of the feature map's cells: 'mean' averages over them, 'max' takes each feature's highest.
            Where the finding is a few cells of a large image, its traces are lost in the mean, and a network from
            random weights begins to learn late or, beside columns that are quicker, never.
    """

    name: str = "resnet50"
    weights: str = "imagenet"
    frozen: bool = True
    shared: bool = True
    pooling: Pooling = "mean"

    def __post_init__(self) -> None:
        if self.frozen and self.weights == "none":
            raise InputError(
                "encoder: weights 'none' with frozen true would read images with a random encoder that never "
                "learns. Set frozen to false, or give weights ('imagenet' or a file)."
            )


@dataclass(frozen=True)
class ModelSpec:
    """The fused network: a tower for each source, an operator that joins them, a head on what is joined.

    In holste2021's names (section 2.4), probabilities P, learned features L and features as measured S are fused:
    [P,P] is 'probability', [L,S] 'concat' without a tower for S, [L,L] 'concat', L+L 'add', LxL 'multiply'.

    Attributes:
        encoder: the image encoder; None for a model without images.
        fusion: 'concat' puts the towers' outputs side by side; 'add' and 'multiply' do so element by element;
            'probability' gives every tower an output of its own and puts the probabilities side by side; 'gated' adds
            the outputs with weights from a softmax over the sources that are there. All but 'concat' and
            'probability' need towers of equal width.
        towers: source -> its dense layers behind the encoder, or on its vector; a source that is not named has none.
        head: dense layers between what is joined and the output; () for one linear layer.
        dropout: probability at each 'drop'.
        single_logit: two classes by one output z, the logits being (0, z), instead of one output a class.
        auxiliary_heads: whether each source also says alone what it knows, by one linear layer on its tower.
        standardise_features: whether an encoder's features are brought to mean 0 and deviation 1 by running
            statistics of training, like the vectors beside them. Features of an encoder in training have no scale of
            their own: as they come they vary so little that vectors win the first epochs.
        source_dropout: probability that a source is replaced by its neutral value in training.
    """

    encoder: EncoderSpec | None = EncoderSpec()
    fusion: Fusion = "concat"
    towers: dict[str, Layers] = field(default_factory=dict)
    head: Layers = ()
    dropout: float = 0.0
    single_logit: bool = False
    auxiliary_heads: bool = False
    standardise_features: bool = False
    source_dropout: float = 0.0

    def __post_init__(self) -> None:
        stacks = {"head": self.head, **{f"towers, {source}": layers for source, layers in self.towers.items()}}
        for name, layers in stacks.items():
            if any(layer != "drop" and layer < 1 for layer in layers):
                raise InputError(f"model, {name}: widths of layers must be at least 1, found {list(layers)}.")
        for name in ("dropout", "source_dropout"):
            if not 0 <= getattr(self, name) < 1:
                raise InputError(f"model: {name} must lie in [0, 1), found {getattr(self, name):g}.")
        if self.dropout > 0 and not any("drop" in layers for layers in stacks.values()):
            raise InputError(
                f"model: dropout is {self.dropout:g}, but no layer drops anything. Write 'drop' into head or towers "
                "where it is to act, e.g. head: [512, drop], or leave dropout out."
            )

    @property
    def says_parts(self) -> bool:
        """Whether the network says what each source knows alone."""
        return self.auxiliary_heads or self.fusion == "probability"
