"""Training cases as tensors: vectors in memory, images mapped from packed files, batches fetched ahead."""

from __future__ import annotations

import functools
import logging
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import DataLoader, Dataset, Sampler

from BreastFusionLib.errors import InputError, first_few
from BreastFusionLib.images.augment import apply_augmentation, draw_augmentation, stack
from BreastFusionLib.reading.cache import load_inputs
from BreastFusionLib.reading.recipe import SOURCE_WORDS, ReadingRecipe
from BreastFusionLib.reading.scalers import Scalers
from BreastFusionLib.reading.score import images_present, vector_tensors
from BreastFusionLib.training.packed import PackedImages
from BreastFusionLib.training.spec import TrainingSpec

__all__ = ["Batches", "CaseTensors", "EpochBatches", "Key", "augmented", "fetched_ahead", "loader"]

logger = logging.getLogger(__name__)

Tensors = dict[str, torch.Tensor]
Key = tuple[int | None, tuple[int, ...]]
"""(replay, rows): which rows, and by which replay they are augmented (None: not at all)."""

FETCHED_AHEAD = 2


class CaseTensors:
    """All cases of a run, by row: vectors and presence as tensors, images on request.

    Attributes:
        case_ids: of each row.
        labels: (n,) int64.
        vectors: vector source -> (n, F).
        present: source -> (n,) bool.
    """

    def __init__(
        self,
        paths: Sequence[Path],
        case_ids: Sequence[str],
        labels: NDArray[np.int64],
        scalers: Scalers,
        recipe: ReadingRecipe,
        among: Sequence[Path] | None = None,
    ) -> None:
        """Read all cases once, but for their images.

        Args:
            paths: prepared inputs in the cache.
            case_ids, labels: of the same rows.
            scalers, recipe: as `batch_tensors` takes them.
            among: see `PackedImages`.
        """
        self.case_ids, self._paths, self._recipe, self._among = tuple(case_ids), tuple(paths), recipe, among
        self.labels = torch.from_numpy(np.asarray(labels, dtype=np.int64))
        cases = [load_inputs(path) for path in paths]
        self.vectors, known = vector_tensors(cases, scalers, recipe)
        self.present = {**images_present(cases, recipe), **known}

    def __len__(self) -> int:
        return len(self._paths)

    def require_sources(self, training_rows: Sequence[int]) -> None:
        """Refuse a source of which nothing can be learnt, and name in the log the cases of which nothing is known.

        Raises:
            InputError: no training case has a source.
        """
        absent = [SOURCE_WORDS[source] for source, there in self.present.items() if not there[training_rows].any()]
        if absent:
            raise InputError(
                f"None of the {len(training_rows)} training cases has {' or '.join(absent)}, so that nothing could be "
                "learnt of it. Take it out of the recipe's inputs, or train on cases that have it."
            )
        known = torch.stack(list(self.present.values())).any(dim=0)
        unknown = [name for name, there in zip(self.case_ids, known.tolist(), strict=True) if not there]
        if unknown:
            logger.warning(
                "%s: none of the recipe's sources is there (%d of %d cases). Their score is one and the same.",
                first_few(unknown),
                len(unknown),
                len(self),
            )

    def images(self, rows: Sequence[int]) -> Tensors:
        """Return image source -> (N, C, H, W) of some rows."""
        return self._packed.rows(rows)

    @functools.cached_property
    def _packed(self) -> PackedImages:
        return PackedImages(self._paths, self._recipe, self._among)


class Batches(Dataset[dict[str, Any]]):
    """Batches by key (replay, rows): features of a frozen encoder, else patches and how to augment them."""

    def __init__(self, cases: CaseTensors, spec: TrainingSpec, features: Mapping[int | None, Tensors] | None) -> None:
        """Take the cases.

        Args:
            cases: all cases of the run.
            spec: seed and augmentation.
            features: replay (None: not augmented) -> image source -> (n, D), for a frozen encoder.
        """
        self._cases, self._spec, self._features = cases, spec, features

    def __getitem__(self, key: Key) -> dict[str, Any]:
        """Return a batch: labels, vectors, present, and either features or images (see `augmented`)."""
        replay, rows = key
        index = torch.as_tensor(rows)
        batch: dict[str, Any] = {
            "labels": self._cases.labels[index],
            "vectors": {source: values[index] for source, values in self._cases.vectors.items()},
            "present": {source: there[index] for source, there in self._cases.present.items()},
        }
        if self._features is not None:
            batch["features"] = {source: values[index] for source, values in self._features[replay].items()}
            return batch
        batch["images"] = self._cases.images(rows)
        if replay is not None and self._spec.augmentation is not None:
            names = [self._cases.case_ids[row] for row in rows]
            drawn = [draw_augmentation(self._spec.augmentation, self._spec.seed, replay, name) for name in names]
            batch["augmentation"] = stack(drawn)
        return batch

    def images(self, rows: Sequence[int]) -> Tensors:
        """Return image source -> (N, C, H, W) of some rows as they are, also where batches hold features."""
        return self._cases.images(rows)


def augmented(batch: Mapping[str, Any]) -> dict[str, Any]:
    """Return a batch, on whichever device it lies, with its images changed as its `augmentation` says, if any."""
    changed = dict(batch)
    changes = changed.pop("augmentation", None)
    if changes is not None:
        changed["images"] = {source: apply_augmentation(one, changes) for source, one in batch["images"].items()}
    return changed


class EpochBatches(Sampler[Key]):
    """Keys of one epoch's batches; the order is drawn from (seed, epoch) alone, so that a run can be continued."""

    def __init__(self, rows: Sequence[int], spec: TrainingSpec, shuffled: bool) -> None:
        """Take the rows of one split; `shuffled` (and augmented) for training, in order for evaluation."""
        self._rows, self._spec, self._shuffled, self._epoch = tuple(rows), spec, shuffled, 0

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch; Lightning calls this before each one."""
        self._epoch = epoch

    def __len__(self) -> int:
        return -(-len(self._rows) // self._spec.batch_size)

    def __iter__(self) -> Iterator[Key]:
        rows, replay = np.asarray(self._rows), None
        if self._shuffled:
            rows = np.random.default_rng((self._spec.seed, self._epoch)).permutation(rows)
            replay = replay_of(self._epoch, self._spec)
        for part in np.array_split(rows, len(self)):
            yield replay, tuple(part.tolist())


def replay_of(epoch: int, spec: TrainingSpec) -> int | None:
    """Return which replay of the augmentation an epoch sees; None without augmentation."""
    if spec.augmentation is None:
        return None
    return epoch % spec.replays if spec.replays else epoch


class FetchingAhead(DataLoader[dict[str, Any]]):
    """A loader whose next batches are put together while the network works on this one.

    By a thread: pixels are copied outside Python's lock, so that processes would only add a second copy, through a
    shared memory that is 64 MB in a container.
    """

    def __iter__(self) -> Iterator[dict[str, Any]]:  # type: ignore[override]
        """Yield the batches in their order."""
        batches = super().__iter__()
        ahead: deque[Future[dict[str, Any]]] = deque()
        with ThreadPoolExecutor(1, "batches") as thread:
            for _ in range(len(self)):
                ahead.append(thread.submit(next, batches))
                if len(ahead) > FETCHED_AHEAD:
                    yield ahead.popleft().result()
            while len(ahead) > 1:
                yield ahead.popleft().result()
            last = [batch.result() for batch in ahead]
        # Lightning counts batches and asks for no more: what is left of this is cleared away in passing, and Ctrl-C
        # that came while a thread had to end there would be lost.
        yield from last


def loader(
    batches: Dataset[dict[str, Any]], rows: Sequence[int], spec: TrainingSpec, shuffled: bool, pinned: bool = False
) -> DataLoader[dict[str, Any]]:
    """Return a loader over some rows; see `EpochBatches` and `fetched_ahead`."""
    return fetched_ahead(batches, EpochBatches(rows, spec, shuffled), pinned)


def fetched_ahead(
    batches: Dataset[dict[str, Any]], keys: Sampler[Key] | Sequence[Key], pinned: bool = False
) -> DataLoader[dict[str, Any]]:
    """Return a loader over the batches of some keys; `pinned` in memory from which a graphics card copies by itself."""
    return FetchingAhead(batches, batch_size=None, sampler=keys, pin_memory=pinned)
