"""Features of a frozen encoder, computed once: of every case as it is, and of replayed augmentations of it.

A frozen encoder gives the same features in every epoch, so a hundred epochs cost one pass for each replay. Each pass
is a file of its own; a run that was stopped continues with the passes that are missing.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from lightning.fabric.utilities import move_data_to_device
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from BreastFusionLib.cohort.disk import saying_disk_full
from BreastFusionLib.cohort.inputs import Progress
from BreastFusionLib.files import replacing
from BreastFusionLib.reading.score import cases_together, running
from BreastFusionLib.training.data import Batches, CaseTensors, augmented, fetched_ahead
from BreastFusionLib.training.spec import TrainingSpec

if TYPE_CHECKING:
    from BreastFusionLib.models import FusionNetwork

__all__ = ["frozen_features", "replays_of"]

CHUNK = 16

Tensors = dict[str, torch.Tensor]


def replays_of(spec: TrainingSpec) -> list[int]:
    """Return the replays that training will ask for."""
    if spec.augmentation is None:
        return []
    return list(range(min(spec.replays, spec.epochs) if spec.replays else spec.epochs))


def frozen_features(
    network: FusionNetwork,
    cases: CaseTensors,
    training_rows: Sequence[int],
    spec: TrainingSpec,
    folder: Path,
    device: str,
    progress: Progress | None = None,
) -> dict[int | None, Tensors]:
    """Return replay (None: not augmented) -> image source -> (n, D) float32 on the CPU, zeros where never needed.

    Args:
        network: in eval mode on `device`.
        cases: all n cases of the run.
        training_rows: those that are augmented.
        spec: augmentation, its replays, seed.
        folder: keeps one file a pass.
        device: where the encoder runs.
        progress: called as progress(passes done, passes in all).
    """
    patches = Batches(cases, spec, None)
    passes: list[int | None] = [None, *replays_of(spec)]
    found: dict[int | None, Tensors] = {}
    for done, replay in enumerate(passes, start=1):
        path = folder / ("plain.safetensors" if replay is None else f"replay_{replay:03d}.safetensors")
        # Absent, or cut short by a crash of the whole machine: computed.
        with contextlib.suppress(OSError, SafetensorError):
            found[replay] = load_file(path)
        if replay not in found:
            rows = range(len(cases)) if replay is None else training_rows
            found[replay] = _one_pass(network, patches, rows, len(cases), replay, device)
            with saying_disk_full(folder), replacing(path) as temporary:
                save_file(found[replay], temporary)
        if progress is not None:
            progress(done, len(passes))
    return found


@torch.inference_mode()
def _one_pass(
    network: FusionNetwork, patches: Batches, rows: Sequence[int], count: int, replay: int | None, device: str
) -> Tensors:
    found: Tensors = {}
    # A reading sees images as they are; how copies for training are rounded matters to nobody.
    size = cases_together(device) if replay is None else CHUNK
    keys = [(replay, tuple(rows[start : start + size])) for start in range(0, len(rows), size)]
    with running(device):
        for (_, chunk), batch in zip(keys, fetched_ahead(patches, keys, device.startswith("cuda")), strict=True):
            for source, images in augmented(move_data_to_device(batch, device))["images"].items():
                features = network.encode(source, images).float().cpu()
                found.setdefault(source, torch.zeros(count, features.shape[1]))[list(chunk)] = features
    return found
