"""From prepared cases to probabilities; the one place where they become tensors."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
import torch

from BreastFusionLib.errors import InputError, MemoryShortage
from BreastFusionLib.images.patches import Patch
from BreastFusionLib.reading.calibration import margins
from BreastFusionLib.reading.model import Scores
from BreastFusionLib.reading.recipe import ReadingRecipe
from BreastFusionLib.reading.scalers import Scalers

if TYPE_CHECKING:
    from BreastFusionLib.models import FusionNetwork
    from BreastFusionLib.reading.bundle import Bundle

__all__ = ["Encoded", "PreparedCase", "batch_tensors", "encode", "running", "score", "score_batch", "score_encoded"]

Tensors = dict[str, torch.Tensor]

# Cases that go through the network together on a graphics card. A CPU gains nothing from more than one, and one
# at a time gives the very same numbers however many cases are asked for.
GPU_BATCH = 16


class PreparedCase(Protocol):
    """What becomes tensors: `CaseInputs`, or `SavedInputs` from the cache."""

    @property
    def case_id(self) -> str:
        """The case's name."""

    @property
    def patches(self) -> Mapping[str, Patch]:
        """Sequence -> patch."""

    @property
    def vectors(self) -> Mapping[str, Mapping[str, float]]:
        """Source -> feature -> value."""


@dataclass(frozen=True)
class Encoded:
    """Cases on their way through the network, so that scoring and explaining encode the images once.

    Attributes:
        images: image source -> (N, C, H, W).
        vectors: vector source -> (N, F), standardised.
        present: source -> (N,) bool.
        maps: image source -> (N, D, h, w), the encoder's last feature maps; absent when no case has the source.
        features: image source -> (N, D), the maps pooled.
    """

    images: Tensors
    vectors: Tensors
    present: Tensors
    maps: Tensors
    features: Tensors


def batch_tensors(
    cases: Sequence[PreparedCase], scalers: Scalers, recipe: ReadingRecipe
) -> tuple[Tensors, Tensors, Tensors]:
    """Turn prepared cases into the tensors that a network takes, on the CPU.

    Args:
        cases: N prepared cases.
        scalers: vector source -> scaler fitted on the training cases.
        recipe: names the sources and the patch's size.

    Returns:
        images: image source -> (N, slices, size_px, size_px) float32, zeros where a case lacks the sequence.
        vectors: vector source -> (N, F) float32, standardised, zeros where undefined.
        present: source -> (N,) bool; a vector counts as present when any of its values is defined.
    """
    images: Tensors = {}
    vectors: Tensors = {}
    present: Tensors = {}
    for source, shape in recipe.inputs.image_shapes.items():
        images[source] = torch.from_numpy(np.stack([_pixels(case, source, shape) for case in cases]))
        present[source] = torch.tensor([source in case.patches for case in cases])
    for source in recipe.inputs.vector_sources:
        rows = [case.vectors[source] for case in cases]
        vectors[source] = torch.from_numpy(np.stack([scalers[source].standardise(row) for row in rows]))
        present[source] = torch.tensor([bool(np.isfinite(list(row.values())).any()) for row in rows])
    return images, vectors, present


def score(inputs: PreparedCase, bundle: Bundle) -> Scores:
    """Score one case."""
    return score_batch([inputs], bundle)[0]


def score_batch(cases: Sequence[PreparedCase], bundle: Bundle) -> list[Scores]:
    """Score cases, each exactly as if it came alone."""
    size = 1 if bundle.device == "cpu" else GPU_BATCH
    groups = [cases[start : start + size] for start in range(0, len(cases), size)]
    return [scores for group in groups for scores in score_encoded(encode(group, bundle), bundle)]


def encode(cases: Sequence[PreparedCase], bundle: Bundle) -> Encoded:
    """Make tensors of cases, bring them to the bundle's device and run the image encoder.

    Raises:
        InputError: none of a case's sources is there.
        MemoryShortage: the graphics card's memory is too small.
    """
    from BreastFusionLib.models.encoders import pool

    tensors = batch_tensors(cases, bundle.scalers, bundle.recipe)
    with running(bundle.device), torch.inference_mode():
        images, vectors, present = ({k: v.to(bundle.device) for k, v in part.items()} for part in tensors)
        for row, case in enumerate(cases):
            if not any(bool(there[row]) for there in tensors[2].values()):
                raise InputError(
                    f"Case '{case.case_id}': none of the model's sources ({', '.join(present)}) is there. "
                    "Choose a model that fits the exam, or add the missing sequences."
                )
        network = bundle.network
        maps = {source: network.feature_map(source, images[source]) for source in images if present[source].any()}
        features = {
            # Where nothing was encoded, the network takes its neutral value.
            source: pool(maps[source]) if source in maps else _neutral(network, source, len(cases))
            for source in images
        }
    return Encoded(images, vectors, present, maps, features)


def score_encoded(encoded: Encoded, bundle: Bundle) -> list[Scores]:
    """Finish scoring: fusion, margins, calibration."""
    with running(bundle.device), torch.inference_mode():
        output = bundle.network.fuse(encoded.features, encoded.vectors, encoded.present)
    metadata = bundle.metadata
    calibration, positive = metadata.calibration, metadata.positive_index
    margin = margins(output.logits.double().cpu().numpy(), positive)
    probability = calibration.probability(margin)
    parts = {
        source: calibration.part_probability(source, margins(logits.double().cpu().numpy(), positive))
        for source, logits in output.parts.items()
    }
    present = {source: there.cpu().numpy() for source, there in encoded.present.items()}
    results = []
    for row in range(len(margin)):
        used = tuple(source for source, there in present.items() if there[row])
        results.append(
            Scores(
                probability=float(probability[row]),
                logit=float(margin[row]),
                parts={source: float(values[row]) for source, values in parts.items() if source in used},
                sources_used=used,
                sources_missing=tuple(source for source in present if source not in used),
            )
        )
    return results


@contextlib.contextmanager
def running(device: str) -> Iterator[None]:
    """Run a network so that the same case gives the same numbers, and say what to do when memory runs out."""
    try:
        # TF32 would cost three digits, and a benchmarked kernel may change from one call to the next.
        with torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=False):
            yield
    except torch.cuda.OutOfMemoryError as error:
        free, total = (value / 2**20 for value in torch.cuda.mem_get_info(device))
        raise MemoryShortage(
            f"The graphics card's memory is too small: {free:.0f} of {total:.0f} MB were free, and the model needed "
            "more. Close other programs that use the card, or choose the device 'cpu'."
        ) from error


def _neutral(network: FusionNetwork, source: str, count: int) -> torch.Tensor:
    return network.neutral(source).expand(count, -1)


def _pixels(case: PreparedCase, source: str, shape: tuple[int, int, int]) -> np.ndarray:
    if source not in case.patches:
        return np.zeros(shape, dtype=np.float32)
    pixels = case.patches[source].pixels
    if pixels.shape != shape:
        raise InputError(
            f"Case '{case.case_id}', {source}: the patch has shape {pixels.shape}, the model expects {shape}. "
            "Prepare the case with the model's own recipe."
        )
    return pixels.astype(np.float32, copy=False)
