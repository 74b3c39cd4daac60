"""Training a recipe on a cohort, from the case table to the bundle; called again, it continues where it stopped."""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import shutil
import signal
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from BreastFusionLib import __version__
from BreastFusionLib.cohort.fingerprint import cohort_fingerprint
from BreastFusionLib.cohort.inputs import Progress, compute_inputs, covers
from BreastFusionLib.cohort.splits import split_by_patient
from BreastFusionLib.cohort.table import Cohort, require_two_classes, write_table
from BreastFusionLib.errors import InputError
from BreastFusionLib.files import sha256_of_bytes
from BreastFusionLib.reading.bundle import recipe_network
from BreastFusionLib.reading.cache import SavedInputs, load_inputs
from BreastFusionLib.reading.recipe import InputsSpec
from BreastFusionLib.reading.scalers import Scaler
from BreastFusionLib.reading.vectors import vector_names
from BreastFusionLib.training.recipe import Recipe, TrainingSpec
from BreastFusionLib.training.run import Run, begin_run

if TYPE_CHECKING:
    import torch

    from BreastFusionLib.models import FusionNetwork
    from BreastFusionLib.training.data import Batches

__all__ = ["train"]


def train(
    recipe: Recipe,
    cohort: Cohort,
    out: str | Path,
    cache: Path | None = None,
    workers: int = 1,
    scheduler: str | None = None,
    progress: Progress | None = None,
    encoder_progress: Progress | None = None,
    epoch_progress: Progress | None = None,
    device: str = "auto",
    prepare_as: InputsSpec | None = None,
) -> Run:
    """Train a recipe and leave a run.

    Args:
        recipe: what is trained.
        cohort: labelled cases; splits are drawn by patient unless the table has them.
        out: folder of the run. A run that was stopped (Ctrl-C, full disk, power) continues exactly; a finished one
            is returned as it is.
        cache, workers, scheduler, progress: see `compute_inputs`.
        encoder_progress: called as encoder_progress(passes done, passes in all) of a frozen encoder over the cases.
        epoch_progress: called as epoch_progress(epochs done, epochs at most).
        device: 'auto', 'cpu' or 'cuda'.
        prepare_as: a wider preparation that several recipes share (`cohort.covering`); None: the recipe's own.

    Raises:
        InputError: too few classes or patients, a folder with another run, a full disk, ..
    """
    cases = _labelled(cohort, recipe)
    inputs = prepare_as or recipe.inputs
    if not covers(inputs, recipe.inputs):
        raise InputError(f"The shared preparation lacks what recipe {recipe.name} needs. Build it with `covering`.")
    settings = {"recipe": recipe.resolved(), "cohort": cohort_fingerprint(cases.table), "version": __version__}
    run = begin_run(Path(out), settings)
    if run.finished:
        return run
    prepared = compute_inputs(cases, inputs, cache, workers, scheduler, progress)
    write_table(prepared[prepared["status"] == "failed"], run.folder / "failed.csv")
    table = cases.table.merge(prepared[prepared["status"] == "ok"][["case_id", "path"]], on="case_id")
    # The files' names are hashes of what they hold: a mask that changed since the first call must not slip in.
    begin_run(run.folder, {**settings, "inputs": sha256_of_bytes("".join(_keys(table)).encode())})
    for split in ("train", "validation"):
        require_two_classes(table.loc[table["split"] == split, "label"], f"The {split} split")
    _Training(run, recipe, table, device, encoder_progress, epoch_progress).complete()
    return run


def _labelled(cohort: Cohort, recipe: Recipe) -> Cohort:
    """Return the cohort's labelled cases with a split each."""
    table = cohort.table[cohort.table["label"].notna()]
    require_two_classes(table["label"], "The cohort")
    if table["split"].isna().all():
        spec = recipe.training
        table = table.assign(split=split_by_patient(table, spec.fractions, spec.split_seed))
    return dataclasses.replace(cohort, table=table)


class _Training:
    """One run, step by step."""

    def __init__(
        self,
        run: Run,
        recipe: Recipe,
        table: pd.DataFrame,
        device: str,
        encoder_progress: Progress | None,
        epoch_progress: Progress | None,
    ) -> None:
        from BreastFusionLib.reading.devices import choose_device

        self.run, self.recipe, self.table = run, recipe, table.reset_index(drop=True)
        self.encoder_progress, self.epoch_progress = encoder_progress, epoch_progress
        self.device, _ = choose_device(device)
        self.labels: NDArray[np.int64] = self.table["label"].to_numpy(dtype=np.int64)
        self.rows = {split: np.flatnonzero(self.table["split"] == split).tolist() for split in _SPLITS}

    def complete(self) -> None:
        """Fit, calibrate, predict, write the bundle."""
        from BreastFusionLib.training.keeper import Keeper

        with _quiet_lightning():
            # Without their patches, which would fill the memory.
            training = [
                dataclasses.replace(load_inputs(self.table["path"][row]), patches={}) for row in self.rows["train"]
            ]
            scalers = _fit_scalers(training, self.labels[self.rows["train"]], self.recipe.inputs)
            contexts = [_context(case, self.recipe.inputs.sequences) for case in training]
            network = self._network()
            batches = self._batches(network, scalers)
            keeper = Keeper(self.run.folder, self.recipe.training.patience, self.epoch_progress)
            self._fit(network, batches, keeper)
            keeper.load_best(network)
        self._finish(network, batches, scalers, contexts)

    def _network(self) -> FusionNetwork:
        from lightning.pytorch import seed_everything

        seed_everything(self.recipe.training.seed, verbose=False)
        return recipe_network(self.recipe.reading, load_weights=True)

    def _batches(self, network: FusionNetwork, scalers: dict[str, Scaler]) -> Batches:
        from BreastFusionLib.training.data import Batches, CaseTensors
        from BreastFusionLib.training.frozen import frozen_features

        encoder, spec = self.recipe.model.encoder, self.recipe.training
        frozen = bool(self.recipe.inputs.image_sources) and encoder is not None and encoder.frozen
        paths, names = [Path(path) for path in self.table["path"]], self.table["case_id"].tolist()
        cases = CaseTensors(paths, names, self.labels, scalers, self.recipe.reading, keep_patches=not frozen)
        features = None
        if frozen:
            folder = self.run.folder / "features"
            network.to(self.device).eval()
            features = frozen_features(
                network, cases, self.rows["train"], spec, folder, self.device, self.encoder_progress
            )
        return Batches(cases, spec, features)

    def _fit(self, network: FusionNetwork, batches: Batches, keeper: Any) -> None:
        import lightning

        from BreastFusionLib.training.data import loader
        from BreastFusionLib.training.module import FusionModule

        spec, cuda = self.recipe.training, self.device.startswith("cuda")
        # Lightning takes modes as they are, and features of a frozen encoder were computed in eval mode, in which
        # nothing is dropped and no neutral value learnt. The frozen encoder itself stays in eval mode.
        network.train()
        module = FusionModule(network, spec, _class_weights(self.labels[self.rows["train"]], spec))
        trainer = lightning.Trainer(
            max_epochs=spec.epochs,
            accelerator="gpu" if cuda else "cpu",
            devices=[int(self.device.partition(":")[2] or 0)] if cuda else 1,
            precision=_precision() if cuda else "32-true",
            callbacks=[keeper],
            deterministic="warn",
            num_sanity_val_steps=0,
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            default_root_dir=self.run.folder,
        )
        with _plain_interrupt():
            trainer.fit(
                module,
                loader(batches, self.rows["train"], spec, shuffled=True),
                loader(batches, self.rows["validation"], spec, shuffled=False),
                ckpt_path=keeper.last if keeper.last.is_file() else None,
                weights_only=True,
            )

    def _finish(
        self, network: FusionNetwork, batches: Batches, scalers: dict[str, Scaler], contexts: list[dict[str, Any]]
    ) -> None:
        from BreastFusionLib.training import finish
        from BreastFusionLib.training.curves import draw_curves

        recipe, positive = self.recipe, self.recipe.task.classes.index(self.recipe.task.positive)
        labels = (self.labels == positive).astype(np.int64)
        found = finish.network_margins(network, batches, len(self.table), positive, self.device)
        calibration = finish.calibrate(found, labels, self.rows["validation"], recipe.training)
        scores = calibration.probability(found[finish.FUSED])
        points = finish.operating_points(labels[self.rows["validation"]], scores[self.rows["validation"]])
        finish.write_predictions(self.run, self.table, labels, scores)
        draw_curves(pd.read_csv(self.run.log), self.run.folder / "curves.svg")
        test = self.rows["test"]
        metrics = finish.held_out_metrics(labels[test], scores[test], points[finish.OPERATING_POINT], recipe.evaluation)
        record = finish.training_record(labels[self.rows["train"]], contexts, cohort_fingerprint(self.table))
        finish.write_model(self.run, recipe, network, scalers, record, calibration, points, metrics)
        shutil.rmtree(self.run.folder / "features", ignore_errors=True)


_SPLITS = ("train", "validation", "test")


def _keys(table: pd.DataFrame) -> list[str]:
    return [
        f"{case_id} {Path(path).stem}\n" for case_id, path in sorted(zip(table["case_id"], table["path"], strict=True))
    ]


def _fit_scalers(training: list[SavedInputs], labels: NDArray[np.int64], inputs: InputsSpec) -> dict[str, Scaler]:
    """Fit the scalers on training cases, and on these only."""
    return {
        source: Scaler.fit(names, [[case.vectors[source][name] for name in names] for case in training], labels)
        for source, names in vector_names(inputs).items()
    }


def _context(case: SavedInputs, sequences: tuple[str, ...]) -> dict[str, Any]:
    """Return how a case was taken, as far as the recipe's own sequences go."""
    by_sequence = {
        name: {s: value for s, value in case.context[name].items() if s in sequences}
        for name in ("contrast", "spacing_mm")
    }
    return {**case.context, **by_sequence}


def _class_weights(labels: NDArray[np.int64], spec: TrainingSpec) -> torch.Tensor | None:
    """Return weights by inverse frequency, 1 on average over the training cases."""
    import torch

    if spec.class_weights == "none":
        return None
    counts = np.bincount(labels)
    return torch.tensor(len(labels) / (len(counts) * counts), dtype=torch.float32)


def _precision() -> Any:
    """Return the mixed precision that the graphics card is made for."""
    import torch

    return "bf16-mixed" if torch.cuda.is_bf16_supported(including_emulation=False) else "16-mixed"


@contextlib.contextmanager
def _quiet_lightning() -> Iterator[None]:
    """Keep Lightning's banners and its advice on worker processes from the user, who did not ask."""
    loggers = [logging.getLogger(name) for name in ("lightning.pytorch", "lightning.fabric")]
    levels = [logger.level for logger in loggers]
    try:
        for logger in loggers:
            logger.setLevel(logging.ERROR)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module=r"lightning\..*")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


@contextlib.contextmanager
def _plain_interrupt() -> Iterator[None]:
    """Let Ctrl-C arrive as KeyboardInterrupt: Lightning turns it into an exit and switches the signal off."""
    in_main = threading.current_thread() is threading.main_thread()
    handler = signal.getsignal(signal.SIGINT) if in_main else None
    try:
        yield
    except SystemExit as stop:
        if isinstance(stop.__context__, KeyboardInterrupt):
            raise KeyboardInterrupt from stop
        raise
    finally:
        if in_main:
            signal.signal(signal.SIGINT, handler)
