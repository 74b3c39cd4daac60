"""From prepared cases to probabilities; the one place where they become tensors."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from BreastFusionLib.errors import InputError, MemoryShortage
from BreastFusionLib.images.augment import apply_augmentation, draw_augmentation, stack
from BreastFusionLib.images.patches import Patch
from BreastFusionLib.reading.calibration import margins, mean_margin
from BreastFusionLib.reading.clinical import ColumnValue, is_known
from BreastFusionLib.reading.model import Scores
from BreastFusionLib.reading.recipe import ReadingRecipe, TestTimeSpec
from BreastFusionLib.reading.scalers import Scalers
from BreastFusionLib.reading.vectors import source_values

if TYPE_CHECKING:
    from BreastFusionLib.models import FusionNetwork, NetworkOutput
    from BreastFusionLib.reading.bundle import Bundle

__all__ = [
    "FUSED",
    "Encoded",
    "PreparedCase",
    "batch_tensors",
    "cases_together",
    "changed_copies",
    "encode",
    "image_tensors",
    "images_present",
    "output_margins",
    "running",
    "score",
    "score_batch",
    "score_encoded",
    "vector_tensors",
]

Tensors = dict[str, torch.Tensor]

FUSED = ""
"""Names the fused output among those of single sources."""


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
        """Measured source -> feature -> value."""

    @property
    def columns(self) -> Mapping[str, ColumnValue]:
        """Clinical column -> raw value."""


@dataclass(frozen=True)
class Encoded:
    """Cases on their way through the network, so that scoring and explaining encode the images once.

    Attributes:
        images: image source -> (N, C, H, W).
        vectors: vector source -> (N, F), standardised.
        present: source -> (N,) bool.
        maps: image source -> (N, D, h, w), the encoder's last feature maps; absent when no case has the source.
        features: image source -> (N, D), the maps pooled.
        copies: the same of each randomly changed copy, where the recipe has a score averaged over copies.
    """

    images: Tensors
    vectors: Tensors
    present: Tensors
    maps: Tensors
    features: Tensors
    copies: tuple[Tensors, ...] = ()


def batch_tensors(
    cases: Sequence[PreparedCase], scalers: Scalers, recipe: ReadingRecipe
) -> tuple[Tensors, Tensors, Tensors]:
    """Turn prepared cases into the tensors that a network takes, on the CPU.

    Args:
        cases: N prepared cases.
        scalers: vector source -> scaler or encoder fitted on the training cases.
        recipe: names the sources and their images' shapes.

    Returns:
        images: image source -> (N, channels, rows, columns) float32, zeros where a case lacks the source.
        vectors: vector source -> (N, F) float32, standardised, zeros where undefined; clinical columns imputed.
        present: source -> (N,) bool; a vector counts as present when any of its values is defined.
    """
    images, there = image_tensors(cases, recipe)
    vectors, known = vector_tensors(cases, scalers, recipe)
    return images, vectors, {**there, **known}


def image_tensors(cases: Sequence[PreparedCase], recipe: ReadingRecipe) -> tuple[Tensors, Tensors]:
    """Return the images of `batch_tensors`, and which of them are present."""
    images = {
        source: torch.from_numpy(np.stack([_pixels(case, source, shape) for case in cases]))
        for source, shape in recipe.inputs.image_shapes.items()
    }
    return images, images_present(cases, recipe)


def images_present(cases: Sequence[PreparedCase], recipe: ReadingRecipe) -> Tensors:
    """Return image source -> (N,) bool; no pixels are read for it."""
    return {s: torch.tensor([s in case.patches for case in cases]) for s in recipe.inputs.image_sources}


def vector_tensors(cases: Sequence[PreparedCase], scalers: Scalers, recipe: ReadingRecipe) -> tuple[Tensors, Tensors]:
    """Return the vectors of `batch_tensors`, and which of them are present."""
    vectors: Tensors = {}
    present: Tensors = {}
    for source in recipe.inputs.vector_sources:
        scaler, rows = scalers[source], [source_values(case, source) for case in cases]
        vectors[source] = torch.from_numpy(np.stack([scaler.standardise(row) for row in rows]))
        present[source] = torch.tensor([any(is_known(row[name]) for name in scaler.parts) for row in rows])
    return vectors, present


def changed_copies(images: Tensors, test_time: TestTimeSpec | None) -> Iterator[Tensors]:
    """Yield the images over which a score is averaged: randomly changed copies of all sources, on their device.

    Without test-time augmentation none. The same changes for every case, whatever its name: who reads a case under
    another name gets the same result.
    """
    if test_time is None or not images:
        return
    count, device = (next(iter(images.values())).shape[0], next(iter(images.values())).device)
    for copy in range(test_time.copies):
        drawn = draw_augmentation(test_time.augmentation, test_time.seed, copy, case_id="")
        changes = stack([drawn] * count).to(device)
        yield {source: apply_augmentation(pixels, changes) for source, pixels in images.items()}


def score(inputs: PreparedCase, bundle: Bundle) -> Scores:
    """Score one case."""
    return score_batch([inputs], bundle)[0]


def score_batch(cases: Sequence[PreparedCase], bundle: Bundle) -> list[Scores]:
    """Score cases, each exactly as if it came alone."""
    size = cases_together(bundle.device)
    groups = [cases[start : start + size] for start in range(0, len(cases), size)]
    return [scores for group in groups for scores in score_encoded(encode(group, bundle), bundle)]


def cases_together(device: str) -> int:
    """Return how many cases go through a network together, wherever their numbers must be those of a reading.

    One on a CPU: how a convolution rounds depends on the size of its batch, and larger ones are hardly faster.
    """
    return 1 if device == "cpu" else 16


def encode(cases: Sequence[PreparedCase], bundle: Bundle) -> Encoded:
    """Make tensors of cases, bring them to the bundle's device and run the image encoder.

    Raises:
        InputError: none of a case's sources is there.
        MemoryShortage: the graphics card's memory is too small.
    """
    recipe, network = bundle.recipe, bundle.network
    tensors = batch_tensors(cases, bundle.scalers, recipe)
    with running(bundle.device), torch.inference_mode():
        images, vectors, present = ({k: v.to(bundle.device) for k, v in part.items()} for part in tensors)
        for row, case in enumerate(cases):
            if not any(bool(there[row]) for there in tensors[2].values()):
                raise InputError(
                    f"Case '{case.case_id}': none of the model's sources ({', '.join(present)}) is there. "
                    "Choose a model that fits the exam, or add the missing sequences."
                )
        maps = {source: network.feature_map(source, images[source]) for source in images if present[source].any()}
        # Where nothing was encoded, the network takes its neutral value.
        neutral = {source: _neutral(network, source, len(cases)) for source in images if source not in maps}
        features = {source: network.pool(source, found) for source, found in maps.items()} | neutral
        copies = tuple(
            {source: network.encode(source, changed[source]) for source in maps} | neutral
            for changed in changed_copies(images, recipe.test_time)
        )
    return Encoded(images, vectors, present, maps, features, copies)


def score_encoded(encoded: Encoded, bundle: Bundle) -> list[Scores]:
    """Finish scoring: fusion, margins, calibration; over the copies where the recipe says so."""
    with running(bundle.device), torch.inference_mode():
        outputs = [
            bundle.network.fuse(features, encoded.vectors, encoded.present)
            for features in encoded.copies or (encoded.features,)
        ]
    metadata = bundle.metadata
    calibration, positive = metadata.calibration, metadata.positive_index
    found = output_margins(outputs, positive)
    margin = found.pop(FUSED)
    probability = calibration.probability(margin)
    parts = {source: calibration.part_probability(source, values) for source, values in found.items()}
    weights = {
        source: np.mean([output.weights[source].double().cpu().numpy() for output in outputs], axis=0)
        for source in outputs[0].weights
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
                weights={source: float(values[row]) for source, values in weights.items() if source in used},
            )
        )
    return results


def output_margins(outputs: Sequence[NetworkOutput], positive: int) -> dict[str, NDArray[np.float64]]:
    """Return the margins of N cases, of which the network saw one view or several.

    Args:
        outputs: one for each view.
        positive: column of the positive class.

    Returns:
        `FUSED` for the fused output, else the source that has its own -> (N,) log-odds of the mean probability.
    """
    logits = [{FUSED: output.logits, **output.parts} for output in outputs]
    views = {name: [margins(one[name].double().cpu().numpy(), positive) for one in logits] for name in logits[0]}
    return {name: mean_margin(found) if len(found) > 1 else found[0] for name, found in views.items()}


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
