"""Commands on a cohort: features, train, apply, evaluate."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from BreastFusionLib import DISCLAIMER
from BreastFusionLib.cli.output import (
    DeviceOption,
    JsonOption,
    emit,
    messages,
    progress_bar,
    progress_bars,
    result_only_on_stdout,
)

__all__ = ["apply", "evaluate", "features", "train"]

CohortOption = Annotated[Path, typer.Option("--cohort", help="Table of cases: cohort.csv or .parquet.")]
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

    inputs = load_recipe(recipe).inputs
    with progress_bar("cases") as progress:
        table = write_features(
            read_cohort(cohort), inputs, out, cache=cache, workers=workers, scheduler=scheduler, progress=progress
        )
    _tell_failures(table)
    messages.print(f"Features: {out}")


def train(
    recipe: Annotated[str, typer.Argument(help="Name or file of a recipe.")],
    cohort: CohortOption,
    out: Annotated[Path, typer.Option(help="Folder of the run; called again, it continues.")],
    set_: Annotated[list[str] | None, typer.Option("--set", help="Override, e.g. training.epochs=20.")] = None,
    device: DeviceOption = "auto",
    workers: WorkersOption = 1,
    scheduler: SchedulerOption = None,
    cache: CacheOption = None,
) -> None:
    """Train a recipe on a cohort; leaves a run with its bundle, predictions, log and curves."""
    from BreastFusionLib.cohort import read_cohort
    from BreastFusionLib.training import load_recipe
    from BreastFusionLib.training import train as train_recipe

    with progress_bars("cases", "encoder passes", "epochs") as (cases, passes, epochs):
        run = train_recipe(
            load_recipe(recipe, set_ or ()),
            read_cohort(cohort),
            out,
            cache=cache,
            workers=workers,
            scheduler=scheduler,
            progress=cases,
            encoder_progress=passes,
            epoch_progress=epochs,
            device=device,
        )
    messages.print(f"Bundle: {run.bundle}")


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

    with progress_bar("cases") as progress:
        table = apply_bundle(
            load_bundle(bundle, device=device),
            read_cohort(cohort),
            out,
            cache=cache,
            workers=workers,
            scheduler=scheduler,
            progress=progress,
        )
    _tell_failures(table)
    _tell_meaningless(table)
    messages.print(f"Predictions: {out}")


def evaluate(
    predictions: Annotated[list[Path], typer.Argument(help="Predictions tables, one a model.")],
    label_column: Annotated[str, typer.Option(help="Column with the truth, 0 or 1.")] = "label",
    score_column: Annotated[str, typer.Option(help="Column with the score.")] = "score",
    bootstrap: Annotated[int, typer.Option(min=0, help="Bootstrap replicates.")] = 5000,
    seed: Annotated[int, typer.Option(help="Seed of the bootstrap.")] = 0,
    out: Annotated[Path | None, typer.Option(help="Write an HTML report here.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Evaluate models and compare them: AUC with DeLong and bootstrap intervals, and the usual rates."""
    from BreastFusionLib.evaluation import evaluate_predictions

    with result_only_on_stdout():
        result = evaluate_predictions(
            predictions, label_column=label_column, score_column=score_column, bootstrap=bootstrap, seed=seed
        )
        if out is not None:
            from BreastFusionLib.report import write_evaluation_page

            messages.print(f"Report: {write_evaluation_page(result, out)}")
    emit(result, as_json, lambda: _print_evaluation(result))


def _print_evaluation(result: dict[str, Any]) -> None:
    def interval(value: dict[str, float | None]) -> str:
        text = f"{value['value']:.3f}"
        return text if value["low"] is None else f"{text} [{value['low']:.3f}-{value['high']:.3f}]"

    def p_value(p: float | None) -> str:
        return "-" if p is None else f"{p:.3g}"

    models = Table("model", "n", "positives", "AUC (DeLong)", "specificity at 95 % sensitivity", title="Models")
    for name, model in result["models"].items():
        models.add_row(
            name,
            str(model["n"]),
            str(model["positives"]),
            interval(model["auc_delong"]),
            interval(model["specificity_at_sensitivity"]["0.95"]),
        )
    console = Console()
    console.print(models)
    if result["comparisons"]:
        pairs = Table("a", "b", "AUC difference", "P (DeLong)", "P (bootstrap)", title="Comparisons")
        for pair in result["comparisons"]:
            pairs.add_row(
                pair["a"],
                pair["b"],
                f"{pair['delta_auc']:+.3f}",
                p_value(pair["p_delong"]),
                p_value(pair["p_bootstrap"]),
            )
        console.print(pairs)
    for note in result["notes"]:
        console.print(note, soft_wrap=True)
    console.print(DISCLAIMER)


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
        messages.print(f"[yellow]![/yellow] {NO_MEANING} ({count} of {len(table)} cases are no phantoms).")
