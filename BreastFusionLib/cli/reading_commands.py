"""The command that reads one case: predict."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from rich.console import Console

from BreastFusionLib import DISCLAIMER
from BreastFusionLib.cli.output import DeviceOption, JsonOption, emit, messages, result_only_on_stdout, warn
from BreastFusionLib.errors import InputError, nearest_known

if TYPE_CHECKING:
    from BreastFusionLib.exam import Exam, Side
    from BreastFusionLib.lesion import Lesion

__all__ = ["predict"]

_SIDES: dict[str, Side] = {"L": "left", "R": "right", "left": "left", "right": "right"}


def predict(
    bundle: Annotated[Path, typer.Option(help="Model folder.")],
    exam: Annotated[Path, typer.Option(help="Exam folder or DICOM study.")],
    out: Annotated[Path, typer.Option(help="Where reading.json, maps and report go.")],
    lesion: Annotated[
        Path | None,
        typer.Option(
            help="Mask on the DCE grid; default: the exam folder's only one. Models of whole breasts need none."
        ),
    ] = None,
    segment: Annotated[str | None, typer.Option(help="Name or number of the segment in the mask.")] = None,
    side: Annotated[
        Literal["L", "R", "left", "right"] | None,
        typer.Option(
            help="Breast that is read by a model of whole breasts, or of the lesion, where images do not tell."
        ),
    ] = None,
    clinical: Annotated[Path | None, typer.Option(help="JSON file with the case's clinical columns.")] = None,
    resample: Annotated[
        bool, typer.Option("--resample", help="Take a mask on another grid of the same frame.")
    ] = False,
    device: DeviceOption = "auto",
    as_json: JsonOption = False,
) -> None:
    """Read one lesion or one breast: probability, what each source says, kinetics, maps, and a report."""
    from dataclasses import replace

    from BreastFusionLib.reading import Case, Reader, load_bundle
    from BreastFusionLib.reading.clinical import table_columns
    from BreastFusionLib.report import write_reading_page

    started = time.perf_counter()
    with result_only_on_stdout():
        loaded = load_bundle(bundle, device=device)
        seconds = {"load_bundle": time.perf_counter() - started}
        whole_breast = loaded.recipe.reads_whole_breasts and lesion is None
        begin = time.perf_counter()
        found, drawn = _exam_alone(exam) if whole_breast else _load_case(exam, lesion, segment, resample)
        seconds["read_files"] = time.perf_counter() - begin
        breast = None if side is None else _SIDES[side]
        if drawn is not None and breast is not None:
            drawn = drawn.on_side(breast)
        row = _clinical_row(clinical)
        _tell_unused(row, table_columns(loaded.recipe.inputs))
        case = Case(found, drawn, case_id=found.pseudonym, clinical=row, side=breast)
        reading = Reader(loaded).read(case)
        reading = replace(reading, seconds={**seconds, **reading.seconds})
        reading.write(out)
        write_reading_page(reading.to_mapping(), found, drawn, out)
    result = reading.to_mapping()
    emit(result, as_json, lambda: _tell(result, out))


def _tell(reading: Mapping[str, Any], out: Path) -> None:
    """Print a reading in words."""
    from BreastFusionLib.reading.recipe import SOURCE_WORDS

    console = Console(highlight=False, markup=False)
    console.print(reading["statement"], style="bold")
    for source, probability in reading["parts"].items():
        console.print(f"  {SOURCE_WORDS[source]} alone: {probability:.2f}")
    console.print(f"  {_sources_words(reading['sources'])}", soft_wrap=True)
    console.print(DISCLAIMER)
    messages.print(f"Report: {out / 'report.html'}")


def _sources_words(sources: Mapping[str, Any]) -> str:
    """Return which sources were used, with their weights where the model weighs them."""
    from BreastFusionLib.reading.recipe import SOURCE_WORDS
    from BreastFusionLib.report.reading_page import weights_words

    if sources["weights"]:
        return f"Sources used, with their weights: {weights_words(sources['weights'])}"
    return f"Sources used: {', '.join(SOURCE_WORDS[source] for source in sources['used'])}"


def _load_case(exam: Path, lesion: Path | None, segment: str | None, resample: bool) -> tuple[Exam, Lesion | None]:
    from BreastFusionLib.cli.lesion_commands import load
    from BreastFusionLib.exam import read_lesion_files

    if lesion is None:
        masks = read_lesion_files(exam) if exam.is_dir() else {}
        if len(masks) != 1:
            names = ", ".join(sorted(masks)) or "none"
            raise InputError(f"{exam} holds these lesions: {names}. Say which one with --lesion FILE.")
        lesion = next(iter(masks.values()))
    found, drawn = load(exam, lesion, segment, resample)
    _read_images(found)
    return found, drawn


def _exam_alone(exam: Path) -> tuple[Exam, None]:
    from BreastFusionLib.exam import read_exam

    found = read_exam(exam)
    _read_images(found)
    return found, None


def _read_images(exam: Exam) -> None:
    for series in (exam.get("dce"), exam.t1, exam.t2):
        for phase in series.phases if series is not None else ():
            _ = phase.image  # read now, so that the reading's own time is not the disk's


def _clinical_row(path: Path | None) -> dict[str, Any]:
    if path is None:
        return {}
    try:
        row = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f'{path} cannot be read as JSON ({error}): expected one object, e.g. {{"age": 52}}.') from None
    if not isinstance(row, dict):
        raise InputError(f'{path} holds {type(row).__name__}: expected one JSON object, e.g. {{"age": 52}}.')
    return row


def _tell_unused(row: Mapping[str, Any], known: Sequence[str]) -> None:
    """Say which columns the model does not look at: a mistyped name would otherwise be a missing value."""
    for name in row:
        if name not in known:
            hint = nearest_known(name, known) if known else "It has no clinical columns."
            warn(f"--clinical: the model has no column '{name}'. {hint}")
