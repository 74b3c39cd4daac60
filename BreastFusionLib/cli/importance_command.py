"""The command that measures which sources and columns a bundle needs."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Annotated

import typer

from BreastFusionLib.cli.output import DeviceOption, messages, progress_bar
from BreastFusionLib.cli.study_commands import CacheOption, CohortOption, SchedulerOption, WorkersOption

__all__ = ["importance"]


def importance(
    bundle: Annotated[Path, typer.Option(help="Model folder.")],
    cohort: CohortOption,
    out: Annotated[Path, typer.Option(help="IMPORTANCE.csv; beside a run's predictions.csv, `evaluate` shows it.")],
    split: Annotated[str, typer.Option(help="Cases of this split are used.")] = "test",
    category: Annotated[
        list[str] | None,
        typer.Option(help="Clinical category that stands in several columns (density for density_b, density_c, ..)."),
    ] = None,
    shuffles: Annotated[int, typer.Option(min=1, help="How often each is shuffled.")] = 30,
    seed: Annotated[int, typer.Option(help="Seed of the shuffles.")] = 0,
    device: DeviceOption = "auto",
    workers: WorkersOption = 1,
    scheduler: SchedulerOption = None,
    cache: CacheOption = None,
) -> None:
    """Measure how much of its AUC a bundle loses when a source or a clinical column is shuffled between cases."""
    from BreastFusionLib.cohort import bundle_importance, read_cohort
    from BreastFusionLib.files import replacing
    from BreastFusionLib.reading import load_bundle

    model = load_bundle(bundle, device=device)
    cases = read_cohort(cohort, model.recipe.task.classes)
    with progress_bar("cases") as progress:
        found = bundle_importance(
            model,
            cases,
            split=split,
            categories=category or (),
            shuffles=shuffles,
            seed=seed,
            cache=cache,
            workers=workers,
            scheduler=scheduler,
            progress=progress,
        )
    with replacing(out) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("feature", "importance", "shuffle"))
        for one in found:
            writer.writerows((one.name, loss, number) for number, loss in enumerate(one.losses, start=1))
    for one in found:
        messages.print(f"{one.name}: {one.median:+.2f} % of the AUC [{one.low:+.2f}, {one.high:+.2f}]")
    messages.print(f"Importance: {out}")
