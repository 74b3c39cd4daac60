"""Commands on data: info, exam, roles, radiomics."""

from __future__ import annotations

import platform
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from BreastFusionLib import __version__
from BreastFusionLib.cli.output import JsonOption, emit, messages, result_only_on_stdout
from BreastFusionLib.errors import InputError

__all__ = ["exam", "info", "radiomics", "roles"]


def info(as_json: JsonOption = False) -> None:
    """Tell versions, which devices really work, and who provides radiomics."""
    from BreastFusionLib.features.radiomics import provider
    from BreastFusionLib.reading.devices import list_devices

    with result_only_on_stdout():
        try:
            radiomics_provider: dict[str, Any] = dict(provider())
        except InputError as error:
            radiomics_provider = {"provider": None, "version": None, "reason": str(error)}
        result = {
            "version": __version__,
            "python": platform.python_version(),
            "devices": list_devices(),
            "radiomics": radiomics_provider,
        }
    emit(result, as_json)


def exam(
    folder: Annotated[Path, typer.Argument(help="DICOM study, exam folder, or NIfTI/NRRD file or folder.")],
    out: Annotated[Path | None, typer.Option(help="Write it as an exam folder here.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Read an exam: which series is what, its phases with their times, what is odd."""
    from BreastFusionLib.exam import read_exam, write_exam

    with result_only_on_stdout():
        found = read_exam(folder)
        if out is not None:
            write_exam(found, out)
    result = {
        "pseudonym": found.pseudonym,
        "synthetic": found.synthetic,
        "series": [
            {
                "role": series.role,
                "description": series.description,
                "reason": series.reason,
                "contrast": series.contrast,
                "size": series.grid.size,
                "spacing_mm": series.grid.spacing_mm,
                "phases": [{"time_s": phase.time_s, "slices": phase.slices} for phase in series.phases],
            }
            for series in found.series
        ],
        "warnings": list(found.warnings),
    }

    def words() -> None:
        table = Table("role", "description", "contrast", "grid", "phases (s)", "why", title=f"Exam {found.pseudonym}")
        for series in found.series:
            times = ", ".join("?" if p.time_s is None else f"{p.time_s:.0f}" for p in series.phases)
            table.add_row(
                series.role, series.description, series.contrast, series.grid.describe(), times, series.reason
            )
        Console(markup=False).print(table)
        if out is not None:
            messages.print(f"Exam folder: {out}")

    emit(result, as_json, words)


def roles(
    table: Annotated[Path, typer.Argument(help="CSV of series headers (SeriesDescription, ..), may be .csv.gz.")],
    out: Annotated[Path, typer.Option(help="The same table with columns role, confidence, reason.")],
) -> None:
    """Add to a table of series headers what each series is; same rows, same order."""
    import pandas as pd

    from BreastFusionLib.exam.roles import classify_table
    from BreastFusionLib.files import replacing

    if not table.is_file():
        raise InputError(f"{table} does not exist: give a CSV file with one row a series.")
    try:
        rows = pd.read_csv(table, dtype=str, keep_default_na=False)
    except (OSError, ValueError) as error:  # bad gzip, bad UTF-8, and pandas' own parser errors are these
        raise InputError(
            f"{table} cannot be read as a table ({str(error).strip()}). A .csv or .csv.gz in UTF-8 with a header line "
            "is expected: save it again as such."
        ) from error
    if "SeriesDescription" not in rows.columns:
        raise InputError(f"{table} has no column SeriesDescription; its columns are {', '.join(rows.columns)}.")
    found = classify_table({str(name): value for name, value in row.items()} for row in rows.to_dict("records"))
    rows["role"] = [item.role for item in found]
    rows["confidence"] = [item.confidence for item in found]
    rows["reason"] = [item.reason for item in found]
    with replacing(out) as temporary:
        rows.to_csv(temporary, index=False)
    messages.print(
        f"{len(rows)} series: " + ", ".join(f"{n} {role}" for role, n in rows["role"].value_counts().items())
    )


def radiomics(
    image: Annotated[Path, typer.Argument(help="NIfTI or NRRD volume.")],
    mask: Annotated[Path, typer.Argument(help="Mask on the same grid.")],
    label: Annotated[int | None, typer.Option(help="Value of the lesion in the mask; default: the only one.")] = None,
    settings: Annotated[Path | None, typer.Option(help="PyRadiomics parameter file.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Measure PyRadiomics' features of a lesion: PyRadiomics' own values, many times faster."""
    from BreastFusionLib.exam.image_files import read_image
    from BreastFusionLib.features.radiomics import extract, read_settings
    from BreastFusionLib.lesion import read_mask

    with result_only_on_stdout():
        wanted = read_settings(settings) if settings is not None else None
        volume, lesion = read_image(image), read_mask(mask, label)
        try:
            measured = extract(volume, lesion, wanted, label=1)
        except InputError as error:
            raise InputError(f"{mask.name} on {image.name}: {error}") from error
    result = {
        "features": measured.features,
        "undefined": list(measured.undefined),
        "settings": measured.settings,
        "versions": measured.versions,
        "seconds": measured.seconds,
        "warnings": list(measured.warnings),
    }

    def words() -> None:
        rows = Table("feature", "value", title=f"{len(measured.features)} features in {measured.seconds:.3f} s")
        for name, value in measured.features.items():
            rows.add_row(name, f"{value:.6g}")
        Console(markup=False).print(rows)

    emit(result, as_json, words)
