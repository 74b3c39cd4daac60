"""The command that runs a paper's whole set of experiments."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.console import Console
from rich.table import Table

from BreastFusionLib.cli.output import DeviceOption, JsonOption, emit, messages, result_only_on_stdout
from BreastFusionLib.cli.study_commands import (
    CacheOption,
    CohortOption,
    DevicesOption,
    NodesOption,
    SchedulerOption,
    WorkersOption,
    training_bars,
)

if TYPE_CHECKING:
    from BreastFusionLib.studies.dry_run import StudyEstimate

__all__ = ["EXAMPLES", "study"]

EXAMPLES = """Example:  breastfusion study holste2021 --cohort phantoms/breasts.csv --out study/ --size small --dry-run

breastfusion study wang2024 --cohort phantoms/cohort.csv --out study/ --size small

breastfusion study holste2021 --cohort breasts.csv --out study/ --models image,non-image,learned --seeds 3"""


def study(
    name: Annotated[str, typer.Argument(help="holste2021 or wang2024.")],
    cohort: CohortOption,
    out: Annotated[Path, typer.Option(help="Folder of the study; called again, it continues.")],
    models: Annotated[str | None, typer.Option(help="Some models only, separated by commas.")] = None,
    seeds: Annotated[int | None, typer.Option(min=1, help="Runs of each model; default: as many as the paper.")] = None,
    size: Annotated[Literal["full", "small"], typer.Option(help="As the paper, or for two CPU cores.")] = "full",
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="Override in all recipes, e.g. training.epochs=20.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be trained, and how long.")] = False,
    device: DeviceOption = "auto",
    devices: DevicesOption = 1,
    nodes: NodesOption = 1,
    workers: WorkersOption = 1,
    scheduler: SchedulerOption = None,
    cache: CacheOption = None,
    as_json: JsonOption = False,
) -> None:
    """Run a paper's whole set of experiments: train every model, compare them, write its tables and one report."""
    from BreastFusionLib.studies import estimate, finish_study, plan_study, run_study

    found, done = None, None
    with result_only_on_stdout():
        keys = () if models is None else tuple(key.strip() for key in models.split(","))
        plan = plan_study(name, keys, seeds, set_ or (), size)
        if dry_run:
            found = estimate(plan, cohort, out, workers, device, _say)
        else:
            with training_bars(device, devices, nodes, workers, scheduler, cache) as (how, _):
                runs = run_study(plan, cohort, out, _say, **how)
            done = finish_study(runs, device)
    if found is not None:
        emit(found.to_mapping(), as_json, lambda: _print(found))
    if done is not None:
        emit(done, as_json, lambda: messages.print(f"Report: {out / done['report']}"))
        for key, reason in done["failures"].items():
            messages.print(f"{key} failed: {reason}", style="bold red", markup=False)
        if done["failures"]:
            raise typer.Exit(1)


def _say(words: str) -> None:
    messages.print(words, markup=False)


def _print(found: StudyEstimate) -> None:
    """Print what would be trained, and how long it takes."""
    from BreastFusionLib.studies.clock import duration

    table = Table(title=f"Study {found.title}")
    table.add_column("Model")
    for word in ("Runs", "Done", "Parameters", "Epochs", "Time"):
        table.add_column(word, justify="right")
    for one in found.models:
        table.add_row(
            one.name,
            str(one.runs),
            str(one.finished),
            f"{one.parameters / 1e6:.1f} M" if one.parameters >= 1e5 else f"{one.parameters:,}",
            str(one.epochs),
            duration(one.seconds),
        )
    console = Console()
    console.print(table)
    counts = ", ".join(f"{number:,} {split}" for split, number in found.cases.items())
    console.print(f"Cases: {counts}. Preparing all of them: {duration(found.preparation_seconds)}.")
    console.print(f"Importance of columns, and maps: {duration(found.seconds_after)}.")
    console.print(f"At most {duration(found.seconds)} in all. {found.device}")
    for note in found.notes:
        console.print(note)
