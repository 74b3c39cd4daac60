"""Training cases as tensors: vectors in memory, patches in memory while they are few, else read when needed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import DataLoader, Dataset, Sampler

from BreastFusionLib.reading.cache import load_inputs
from BreastFusionLib.reading.recipe import ReadingRecipe
from BreastFusionLib.reading.scalers import Scalers
from BreastFusionLib.reading.score import batch_tensors
from BreastFusionLib.training.augment import draw_augmentation, stack_matrices
from BreastFusionLib.training.recipe import TrainingSpec

__all__ = ["Batches", "CaseTensors", "EpochBatches", "Key", "loader"]

Tensors = dict[str, torch.Tensor]
Key = tuple[int | None, tuple[int, ...]]
"""(replay, rows): which rows, and by which replay they are augmented (None: not at all)."""

PATCHES_IN_MEMORY_BYTES = 2 << 30
CHUNK = 16


class CaseTensors:
    """All cases of a run, by row: vectors and presence as tensors, patches on request.

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
        keep_patches: bool = True,
    ) -> None:
        """Read all cases once.

        Args:
            paths: prepared inputs in the cache.
            case_ids, labels: of the same rows.
            scalers, recipe: as `batch_tensors` takes them.
            keep_patches: whether patches may stay in memory (they do up to 2 GB in all).
        """
        self.case_ids, self._paths = tuple(case_ids), tuple(paths)
        self.labels = torch.from_numpy(np.asarray(labels, dtype=np.int64))
        self._scalers, self._recipe = scalers, recipe
        self._patches: Tensors | None = None
        kept, vectors, present = [], [], []
        keep = keep_patches and self._patch_bytes() * len(self._paths) <= PATCHES_IN_MEMORY_BYTES
        for start in range(0, len(self._paths), CHUNK):
            images, *rest = self._read(range(start, min(start + CHUNK, len(self._paths))))
            vectors.append(rest[0])
            present.append(rest[1])
            if keep:
                kept.append(images)
        self.vectors, self.present = _joined(vectors), _joined(present)
        if keep:
            self._patches = _joined(kept)

    def __len__(self) -> int:
        return len(self._paths)

    def patches(self, rows: Sequence[int]) -> Tensors:
        """Return image source -> (N, C, S, S) of some rows."""
        if self._patches is None:
            return self._read(rows)[0]
        index = torch.as_tensor(rows)
        return {source: pixels[index] for source, pixels in self._patches.items()}

    def _read(self, rows: Sequence[int]) -> tuple[Tensors, Tensors, Tensors]:
        return batch_tensors([load_inputs(self._paths[row]) for row in rows], self._scalers, self._recipe)

    def _patch_bytes(self) -> int:
        patch = self._recipe.inputs.patch
        return 0 if patch is None else 4 * patch.slices * patch.size_px**2 * len(self._recipe.inputs.image_sources)


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
        """Return a batch: labels, vectors, present, and either features or images with `matrices`."""
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
        batch["images"] = self._cases.patches(rows)
        if replay is not None and self._spec.augmentation is not None:
            names = [self._cases.case_ids[row] for row in rows]
            drawn = [draw_augmentation(self._spec.augmentation, self._spec.seed, replay, name) for name in names]
            batch["matrices"] = stack_matrices(drawn)
        return batch


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


def loader(batches: Batches, rows: Sequence[int], spec: TrainingSpec, shuffled: bool) -> DataLoader[dict[str, Any]]:
    """Return a loader over some rows; in this process, because the tensors are in memory already."""
    return DataLoader(batches, batch_size=None, sampler=EpochBatches(rows, spec, shuffled))


def _joined(parts: Sequence[Tensors]) -> Tensors:
    return {source: torch.cat([part[source] for part in parts]) for source in parts[0]} if parts else {}
