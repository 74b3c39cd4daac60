"""Commands that need no data: phantom, demo."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from BreastFusionLib.cli.output import messages, progress_bar

__all__ = ["demo", "phantom"]


def phantom(
    out: Annotated[Path, typer.Argument(help="Folder of the cohort.")],
    exams: Annotated[int, typer.Option(min=1, help="Number of exams.")],
    seed: Annotated[int, typer.Option(help="The same seed gives the same exams.")] = 0,
    small: Annotated[bool, typer.Option("--small", help="Small volumes, for tests and the demo.")] = False,
    dicom: Annotated[bool, typer.Option("--dicom", help="Write DICOM studies instead of exam folders.")] = False,
    workers: Annotated[int, typer.Option(min=1, help="Local processes.")] = 1,
) -> None:
    """Make synthetic exams with a known truth: images, lesions, cohort.csv, truth.csv."""
    from BreastFusionLib.phantom import write_cohort

    with progress_bar("phantom exams") as progress:
        cohort = write_cohort(out, exams, seed, small=small, dicom=dicom, progress=progress, workers=workers)
    messages.print(f"Synthetic cohort: {cohort}")


def demo(
    out: Annotated[Path, typer.Option(help="Where everything goes; called again, it continues.")] = Path("demo"),
) -> None:
    """Run everything on a phantom cohort, up to an HTML report: a few minutes on two cores."""
    from BreastFusionLib.cli.demo import run_demo

    report = run_demo(out)
    messages.print(f"\nDone. Open the report: {report.resolve()}", style="bold green")
