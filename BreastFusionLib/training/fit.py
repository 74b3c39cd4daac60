"""Training a recipe on a cohort, from the case table to the bundle; called again, it continues where it stopped."""

from __future__ import annotations

import contextlib
import dataclasses
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from BreastFusionLib import __version__
from BreastFusionLib.cohort.fingerprint import cohort_fingerprint
from BreastFusionLib.cohort.inputs import Progress, compute_inputs
from BreastFusionLib.cohort.shared_inputs import covers
from BreastFusionLib.cohort.splits import require_drawn_classes, split_by_patient
from BreastFusionLib.cohort.table import Cohort, labelled_cases, require_two_classes, write_table
from BreastFusionLib.errors import InputError
from BreastFusionLib.files import sha256_of_bytes, sha256_of_file
from BreastFusionLib.reading.bundle import recipe_network
from BreastFusionLib.reading.cache import SavedInputs, load_inputs
from BreastFusionLib.reading.recipe import CLINICAL, InputsSpec
from BreastFusionLib.reading.scalers import Scalers, fit_scalers
from BreastFusionLib.reading.vectors import vector_names
from BreastFusionLib.training.alone import alone_in
from BreastFusionLib.training.leakage import refuse_label_in_inputs, refuse_same_images
from BreastFusionLib.training.recipe import Recipe
from BreastFusionLib.training.run import Run, begin_run

if TYPE_CHECKING:
    from BreastFusionLib.models import FusionNetwork
    from BreastFusionLib.training.data import Batches
    from BreastFusionLib.training.trainer import Devices

__all__ = ["inputs_fingerprint", "labelled", "refuse_impossible", "train", "weights_fingerprint"]


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
    prepared: pd.DataFrame | None = None,
    devices: int = 1,
    nodes: int = 1,
    strategy: str = "auto",
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
        prepared: what `compute_inputs` told of these cases, and maybe of others, so that several runs on a cohort
            look at its files once; who gives this has looked for leaks among all of them, as `ManyRuns` does: in a
            small part a column may follow the label by chance. None: both is done here.
        devices: graphics cards on each machine, or processes on a CPU; each batch is divided among them, and only
            the first process writes. With several, the program is started once more for each, so that it must do
            the same in all of them; they wait for each other, and what fails in the first fails in all.
        nodes, strategy: see `trainer.Devices`.

    Raises:
        InputError: too few classes or patients, a folder with another run, a full disk, training that diverged, ..
    """
    from BreastFusionLib.training.divergence import refuse_diverged
    from BreastFusionLib.training.trainer import Devices

    trained_on = Devices.chosen(device, devices, nodes, strategy)
    trained_on.precision(recipe.training)  # one that there is not is told before hours of preparation
    writes = trained_on.writes
    if not writes:
        progress = encoder_progress = epoch_progress = None
    cases = labelled(cohort, recipe)
    inputs = prepare_as or recipe.inputs
    if not covers(inputs, recipe.inputs):
        raise InputError(f"The shared preparation lacks what recipe {recipe.name} needs. Build it with `covering`.")
    alone = prepared is None
    if alone:
        refuse_label_in_inputs(cases.table, recipe)
    if writes and not (Path(out) / "run.json").is_file():
        _require_classes(cases.table)
        refuse_impossible(recipe)
    settings = {"recipe": recipe.resolved(), "cohort": cohort_fingerprint(cases.table), "version": __version__}
    run = begin_run(Path(out), settings, writes=writes)
    if run.finished:
        return run
    refuse_diverged(run.folder)
    if prepared is None:
        prepared = compute_inputs(cases, inputs, cache, workers, scheduler, progress)
    among = [Path(path) for path in prepared.loc[prepared["status"] == "ok", "path"]]
    table = _with_paths(cases.table, prepared, run, writes)
    # The files' names are hashes of what they hold: a mask that changed since the first call must not slip in, nor
    # other weights of a frozen encoder, whose features of the first call are kept.
    known = {"inputs": inputs_fingerprint(table), "encoder_weights": weights_fingerprint([recipe])}
    begin_run(run.folder, {**settings, **known}, writes=writes)
    _require_classes(table, failed=len(cases.table) - len(table))
    if alone:
        refuse_same_images(table, recipe, among)
    with alone_in(run.folder, writes):
        if not run.finished:  # by another program in the meantime
            _Training(run, recipe, table, among, trained_on, encoder_progress, epoch_progress).complete()
    return run


def _with_paths(table: pd.DataFrame, prepared: pd.DataFrame, run: Run, writes: bool) -> pd.DataFrame:
    """Return the cases that could be prepared, with their files in a column 'path'; the others go into failed.csv.

    By name: a table that was sorted anew in the meantime would give a frozen encoder's features, which are kept by row,
    to other cases, and one seed's scores to those of another seed.
    """
    from BreastFusionLib.training.processes import waiting_for_first

    prepared = prepared[prepared["case_id"].isin(table["case_id"])]
    with waiting_for_first():
        if writes:
            write_table(prepared[prepared["status"] == "failed"], run.folder / "failed.csv")
    found = table.merge(prepared[prepared["status"] == "ok"][["case_id", "path"]], on="case_id")
    if found.empty:
        raise InputError(
            f"None of the {len(table)} cases could be prepared. The first: {prepared['reason'].iloc[0]} Correct what "
            "is wrong, and call again."
        )
    return found.sort_values("case_id", ignore_index=True)


def _require_classes(table: pd.DataFrame, failed: int = 0) -> None:
    without = f", without the {failed} cases that could not be prepared," if failed else ""
    for split in ("train", "validation"):
        require_two_classes(table.loc[table["split"] == split, "label"], f"The {split} split{without}")


def refuse_impossible(recipe: Recipe) -> None:
    """Refuse, before hours of preparation, a network that cannot be built and weights that are not there.

    Raises:
        InputError: what is wrong with the recipe's model.
    """
    from BreastFusionLib.models import build_network

    model, inputs = recipe.model, recipe.inputs
    measured = {source: len(names) for source, names in vector_names(inputs).items()}
    if CLINICAL in inputs.vector_sources:
        if not any(isinstance(layer, int) for layer in model.towers.get(CLINICAL, ())) and model.fusion != "concat":
            return  # its width decides whether sources can be joined, and is known only once its encoder was fitted
        measured[CLINICAL] = len(inputs.clinical)
    build_network(model, inputs.channels, measured, len(recipe.task.classes), load_weights=True)


def labelled(cohort: Cohort, recipe: Recipe) -> Cohort:
    """Return the cohort's labelled cases with a split each.

    Raises:
        InputError: one class only, or so few patients that a drawn split lacks a class.
    """
    cohort = labelled_cases(cohort)
    table = cohort.table
    require_two_classes(table["label"], "The cohort")
    if table["split"].isna().all():
        spec = recipe.training
        table = table.assign(split=split_by_patient(table, spec.fractions, spec.split_seed))
        require_drawn_classes(table, spec.fractions, recipe.task.classes)
    return dataclasses.replace(cohort, table=table)


def inputs_fingerprint(prepared: pd.DataFrame) -> str:
    """Return a hash of what prepared cases hold: their files' names are hashes of it.

    Args:
        prepared: case_id and path of each case, in any order.
    """
    named = sorted(zip(prepared["case_id"], prepared["path"], strict=True))
    return sha256_of_bytes("".join(f"{case_id} {Path(path).stem}\n" for case_id, path in named).encode())


def weights_fingerprint(recipes: Iterable[Recipe]) -> dict[str, str]:
    """Return the files of weights from which encoders begin -> a hash of what they hold."""
    files = {recipe.model.encoder.weights for recipe in recipes if recipe.model.encoder is not None}
    return {file: sha256_of_file(file) for file in sorted(files) if Path(file).is_file()}


class _Training:
    """One run, step by step."""

    def __init__(
        self,
        run: Run,
        recipe: Recipe,
        table: pd.DataFrame,
        among: Sequence[Path],
        devices: Devices,
        encoder_progress: Progress | None,
        epoch_progress: Progress | None,
    ) -> None:
        self.run, self.recipe, self.table = run, recipe, table.reset_index(drop=True)
        self.encoder_progress, self.epoch_progress = encoder_progress, epoch_progress
        self.among, self.devices = among, devices
        self.positive = recipe.task.classes.index(recipe.task.positive)
        self.labels: NDArray[np.int64] = self.table["label"].to_numpy(dtype=np.int64)
        self.rows = {split: np.flatnonzero(self.table["split"] == split).tolist() for split in _SPLITS}

    def complete(self) -> None:
        """Fit, calibrate, predict, write the bundle."""
        import torch

        from BreastFusionLib.training.keeper import Keeper
        from BreastFusionLib.training.optimise import optimise
        from BreastFusionLib.training.processes import waiting_for_first
        from BreastFusionLib.training.trainer import quiet_lightning

        with quiet_lightning():
            # Without their patches, which would fill the memory.
            training = [
                dataclasses.replace(load_inputs(self.table["path"][row]), patches={}) for row in self.rows["train"]
            ]
            classes = len(self.recipe.task.classes)
            scalers = fit_scalers(training, self.labels[self.rows["train"]], self.recipe.inputs, classes)
            contexts = [_context(case, self.recipe.inputs.sequences) for case in training]
            network = self._network(scalers)
            batches = self._batches(network, scalers)
            spec, names = self.recipe.training, self.table["case_id"].tolist()
            keeper = Keeper(self.run.folder, spec, names, self.epoch_progress)
            first = optimise(network, batches, self.rows, self.labels, self.positive, spec, keeper, self.devices)
        # Compiled code rounds in another way than what a reading runs.
        with (
            waiting_for_first(),
            torch.compiler.set_stance("force_eager") if spec.compile else contextlib.nullcontext(),
        ):
            if first:
                keeper.load_best(network)
                self._finish(network, batches, scalers, contexts)

    def _network(self, scalers: Scalers) -> FusionNetwork:
        from lightning.pytorch import seed_everything

        seed_everything(self.recipe.training.seed, verbose=False)
        return recipe_network(self.recipe.reading, scalers, load_weights=True)

    def _batches(self, network: FusionNetwork, scalers: Scalers) -> Batches:
        from BreastFusionLib.training.data import Batches, CaseTensors
        from BreastFusionLib.training.frozen import frozen_features
        from BreastFusionLib.training.processes import first_before_others

        encoder, spec = self.recipe.model.encoder, self.recipe.training
        frozen = bool(self.recipe.inputs.image_sources) and encoder is not None and encoder.frozen
        paths, names = [Path(path) for path in self.table["path"]], self.table["case_id"].tolist()
        cases = CaseTensors(paths, names, self.labels, scalers, self.recipe.reading, self.among)
        cases.require_sources(self.rows["train"])
        features = None
        if frozen:
            folder = self.run.folder / "features"
            network.to(self.devices.name).eval()
            with first_before_others():
                features = frozen_features(
                    network, cases, self.rows["train"], spec, folder, self.devices.name, self.encoder_progress
                )
        return Batches(cases, spec, features)

    def _finish(
        self, network: FusionNetwork, batches: Batches, scalers: Scalers, contexts: list[dict[str, Any]]
    ) -> None:
        from BreastFusionLib.training import finish
        from BreastFusionLib.training.curves import draw_curves
        from BreastFusionLib.training.keeper import best_epoch

        recipe = self.recipe
        labels = (self.labels == self.positive).astype(np.int64)
        found = finish.network_margins(
            network, batches, len(self.table), self.positive, self.devices.name, recipe.reading.test_time
        )
        calibration = finish.calibrate(found, labels, self.rows["validation"], recipe.training)
        scores = calibration.probability(found[finish.FUSED])
        points = finish.operating_points(labels[self.rows["validation"]], scores[self.rows["validation"]])
        finish.write_predictions(self.run, self.table, labels, scores)
        log = pd.read_csv(self.run.log)
        kept = best_epoch(log, recipe.training)
        assert kept is not None  # the epochs are over
        draw_curves(log, kept, self.run.folder / "curves.svg")
        test, threshold = self.rows["test"], points[finish.OPERATING_POINT]
        patients = self.table["patient_id"].to_numpy(dtype=object)[test]
        metrics = finish.held_out_metrics(labels[test], scores[test], patients, threshold, recipe.evaluation)
        record = finish.training_record(labels[self.rows["train"]], contexts, cohort_fingerprint(self.table))
        finish.write_model(self.run, recipe, network, scalers, record, calibration, points, metrics)
        # A finished run is never continued, and its best epoch's weights are the bundle's.
        for name in ("features", "checkpoints"):
            shutil.rmtree(self.run.folder / name, ignore_errors=True)


_SPLITS = ("train", "validation", "test")


def _context(case: SavedInputs, sequences: tuple[str, ...]) -> dict[str, Any]:
    """Return how a case was taken, as far as the recipe's own sequences go."""
    by_sequence = {
        name: {s: value for s, value in case.context[name].items() if s in sequences}
        for name in ("contrast", "spacing_mm")
    }
    return {**case.context, **by_sequence}
