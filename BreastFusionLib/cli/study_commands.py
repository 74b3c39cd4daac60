"""Commands on a cohort: features, train, apply."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from BreastFusionLib.cli.output import DeviceOption, messages, progress_bar, progress_bars, warn

if TYPE_CHECKING:
    from BreastFusionLib.cohort.inputs import Progress
    from BreastFusionLib.training.many import How

__all__ = [
    "CacheOption",
    "CohortOption",
    "DevicesOption",
    "NodesOption",
    "SchedulerOption",
    "WorkersOption",
    "apply",
    "features",
    "train",
    "training_bars",
]

CohortOption = Annotated[Path, typer.Option("--cohort", help="Table of cases: cohort.csv or .parquet.")]
DevicesOption = Annotated[
    int, typer.Option(min=1, help="Graphics cards (on a CPU, processes) that each batch is divided among.")
]
NodesOption = Annotated[
    int, typer.Option(min=1, help="Machines with as many devices each; give the same command on all of them.")
]
WorkersOption = Annotated[int, typer.Option(min=1, help="Local processes.")]
SchedulerOption = Annotated[str | None, typer.Option(help="Address of a Dask scheduler instead.")]
CacheOption = Annotated[Path | None, typer.Option(help="Folder of prepared inputs; default: beside the cohort.")]


def features(
    cohort: Annotated[Path, typer.Argument(help="Table of cases: cohort.csv or .parquet.")],
    recipe: Annotated[str, typer.Option(help="Name or file of the recipe whose inputs are computed.")],
    out: Annotated[Path, typer.Option(help="FEATURES.parquet or .csv.")],
    workers: WorkersOption = 1,
    scheduler: SchedulerOption = None,
    cache: CacheOption = None,
) -> None:
    """Compute the inputs of every case; a broken case is a row with its reason, a second call continues."""
    from BreastFusionLib.cohort import read_cohort, write_features
    from BreastFusionLib.training import load_recipe

    wanted = load_recipe(recipe)
    cases = read_cohort(cohort, wanted.task.classes)
    with progress_bar("cases") as progress:
        table = write_features(
            cases, wanted.inputs, out, cache=cache, workers=workers, scheduler=scheduler, progress=progress
        )
    _tell_failures(table)
    messages.print(f"Features: {out}")


def train(
    recipe: Annotated[str, typer.Argument(help="Name or file of a recipe.")],
    cohort: CohortOption,
    out: Annotated[Path, typer.Option(help="Folder of the run; called again, it continues.")],
    set_: Annotated[list[str] | None, typer.Option("--set", help="Override, e.g. training.epochs=20.")] = None,
    seeds: Annotated[int | None, typer.Option(min=1, help="Runs from this many seeds, a folder each.")] = None,
    device: DeviceOption = "auto",
    devices: DevicesOption = 1,
    nodes: NodesOption = 1,
    workers: WorkersOption = 1,
    scheduler: SchedulerOption = None,
    cache: CacheOption = None,
) -> None:
    """Train a recipe on a cohort; leaves a run with its bundle, predictions, log and curves."""
    from BreastFusionLib.cohort import read_cohort
    from BreastFusionLib.training import Run, load_recipe, train_seeds
    from BreastFusionLib.training import train as train_recipe

    wanted = load_recipe(recipe, set_ or ())
    cases = read_cohort(cohort, wanted.task.classes)
    with training_bars(device, devices, nodes, workers, scheduler, cache) as (how, runs):
        if seeds is None:
            finished = Run(out).finished
            told = f"Bundle: {train_recipe(wanted, cases, out, **how).bundle}"
            if finished:  # returned as it is, before anything is looked at that takes long
                told = (
                    f"{out} was finished before, so that nothing was trained, and whether images, masks or clinical "
                    f"columns have changed since was not looked at. If they have, train into a new folder.\n{told}"
                )
        else:
            found = train_seeds(wanted, cases, out, seeds, run_progress=runs, **how)
            told = f"Runs: {found.table}\nPredictions: {found.predictions}\nTogether: {found.ensemble}\n"
            told += f"Best bundle: {found.best.bundle}"
    messages.print(told)


@contextlib.contextmanager
def training_bars(
    device: Literal["auto", "cpu", "cuda"],
    devices: int,
    nodes: int,
    workers: int,
    scheduler: str | None,
    cache: Path | None,
) -> Iterator[tuple[How, Progress]]:
    """Show the bars of training; yields what `train` takes, and what moves the bar of runs where there are several.

    With several devices the command runs once for each: in all but the first it says nothing, and ends here.
    """
    from BreastFusionLib.training.processes import FirstFailed
    from BreastFusionLib.training.trainer import Devices

    chosen = Devices.chosen(device, devices, nodes)
    with contextlib.ExitStack() as stack:
        if not chosen.writes:
            stack.callback(logging.disable, logging.root.manager.disable)
            logging.disable(logging.WARNING)
        runs, cases, passes, epochs = stack.enter_context(progress_bars("runs", "cases", "encoder passes", "epochs"))
        how: How = {
            "cache": cache,
            "workers": workers,
            "scheduler": scheduler,
            "progress": cases,
            "encoder_progress": passes,
            "epoch_progress": epochs,
            "device": device,
            "devices": devices,
            "nodes": nodes,
        }
        try:
            yield how, runs
        except (FirstFailed, KeyboardInterrupt) as error:
            if chosen.writes:
                raise
            raise typer.Exit(1) from error
    if not chosen.writes:
        raise typer.Exit


def apply(
    bundle: Annotated[Path, typer.Option(help="Model folder.")],
    cohort: CohortOption,
    out: Annotated[Path, typer.Option(help="PREDICTIONS.csv.")],
    device: DeviceOption = "auto",
    workers: WorkersOption = 1,
    scheduler: SchedulerOption = None,
    cache: CacheOption = None,
) -> None:
    """Score every case of a cohort with a bundle."""
    from BreastFusionLib.cohort import apply_bundle, read_cohort
    from BreastFusionLib.reading import load_bundle

    model = load_bundle(bundle, device=device)
    cases = read_cohort(cohort, model.recipe.task.classes)
    with progress_bar("cases") as progress:
        table = apply_bundle(
            model,
            cases,
            out,
            cache=cache,
            workers=workers,
            scheduler=scheduler,
            progress=progress,
        )
    _tell_failures(table)
    _tell_meaningless(table)
    messages.print(f"Predictions: {out}")


def _tell_failures(table: Any) -> None:
    """Say how many cases failed; the log has named each with its reason."""
    failed = int((table["status"] != "ok").sum())
    if failed:
        messages.print(f"{failed} of {len(table)} cases failed; the others are done.")


def _tell_meaningless(table: Any) -> None:
    """Say of how many scores nothing follows: a table has no other place for it."""
    from BreastFusionLib.reading.reader import NO_MEANING

    count = int((table["reason"] == NO_MEANING).sum())
    if count:
        warn(f"{NO_MEANING} ({count} of {len(table)} cases are no phantoms).")
