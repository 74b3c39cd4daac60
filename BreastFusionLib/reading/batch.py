"""All lesions or breasts of many exams, one after the other: a folder a reading, a row a case, nothing done twice.

OUT/readings.csv                     one row a lesion or breast; written again whenever a call ends, also by Ctrl-C
OUT/<exam>-<hash>/<lesion or side>/  reading.json, maps and masks
         done.json beside each       what was read with which model: the same again is not read again
"""

from __future__ import annotations

import csv
import json
import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from BreastFusionLib.errors import InputError, reason_of
from BreastFusionLib.exam import read_exam, read_lesion_files
from BreastFusionLib.exam.exam_folder import LESIONS, exam_files, is_exam_folder
from BreastFusionLib.exam.formats import lesion_id_of, parts_of
from BreastFusionLib.exam.model import Exam, Side
from BreastFusionLib.files import replacing, sha256_of_bytes, sha256_of_file, write_json
from BreastFusionLib.lesion import read_lesion
from BreastFusionLib.reading import clinical as clinical_values
from BreastFusionLib.reading.model import Case
from BreastFusionLib.reading.reader import Reader
from BreastFusionLib.reading.reading_folder import READING
from BreastFusionLib.reading.versions import versions

if TYPE_CHECKING:
    from BreastFusionLib.reading.bundle import Bundle

__all__ = ["TABLE", "find_exams", "read_many", "table_columns"]

TABLE = "readings.csv"
DONE = "done.json"
BatchProgress = Callable[[int, int, str], None]
"""Called as progress(done, total, what is done next)."""

# Columns whose values stand in reading.json: name -> where.
_FROM_READING: dict[str, tuple[str, ...]] = {
    "case_id": ("case_id",),
    "side": ("side",),
    "probability": ("probability",),
    "class": ("class",),
    "threshold": ("threshold",),
    "statement": ("statement",),
    "in_distribution": ("in_distribution",),
    "volume_mm3": ("lesion", "volume_mm3"),
    "diameter_3d_mm": ("lesion", "diameter_3d_mm"),
    "diameter_inplane_mm": ("lesion", "diameter_inplane_mm"),
    "initial_percent": ("kinetics", "initial_percent"),
    "initial_rise": ("kinetics", "initial_rise"),
    "delayed_percent": ("kinetics", "delayed_percent"),
    "curve": ("kinetics", "curve"),
    "worst_curve": ("kinetics", "worst_curve"),
    "washout_share": ("kinetics", "washout_share"),
    "seconds": ("seconds", "total"),
    "device": ("device",),
    "bundle": ("bundle", "name"),
    "bundle_version": ("bundle", "version"),
    "breastfusion": ("versions", "breastfusion"),
    "torch": ("versions", "torch"),
    "radiomics_provider": ("versions", "radiomics", "provider"),
    "radiomics_version": ("versions", "radiomics", "version"),
    "disclaimer": ("disclaimer",),
}


@dataclass(frozen=True)
class _Task:
    """One case to read: its exam, its mask or its side, its row of clinical columns; neither when nothing is drawn."""

    exam: Path
    lesion: Path | None
    clinical: Mapping[str, Any]
    side: Side | None = None

    @property
    def name(self) -> str:
        """What tells it from the exam's other cases: the lesion's name, or the side."""
        return lesion_id_of(self.lesion) if self.lesion is not None else self.side or ""


def read_many(
    exams: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
    bundle: Bundle,
    out: str | os.PathLike[str],
    progress: BatchProgress | None = None,
    clinical: Mapping[str, Mapping[str, Any]] | None = None,
) -> list[dict[str, Any]]:
    """Read every lesion of many exams, or both breasts of each where the model reads whole breasts.

    An exam or a case that cannot be read is a row with status 'failed' and the reason, never the end. A case whose
    files, model and clinical row are as they were when this version read it is not read again, so that a second call
    continues where the first one stopped.

    Args:
        exams: exam folders, DICOM folders with a folder `lesions` in them, or folders that hold many of these.
        bundle: the model.
        out: one folder a reading, and the table `readings.csv`.
        progress: called before each case, and at the end.
        clinical: name of the exam's folder -> its clinical columns, for models that use some.

    Returns:
        The rows of the table: `table_columns(bundle)` -> value; None where there is none; 'folder' relative to `out`.

    Raises:
        InputError: there is no exam at all. KeyboardInterrupt passes through; the table then holds what is done.
    """
    target = Path(out)
    exams_found = find_exams(exams, target)
    tasks = _tasks(exams_found, clinical or {}, bundle.recipe.reads_whole_breasts)
    rows: list[dict[str, Any]] = []
    opened: tuple[Path, Exam] | None = None
    try:
        for number, task in enumerate(tasks):
            if progress is not None:
                progress(number, len(tasks), _words(task, exams_found))
            if opened is not None and opened[0] != task.exam:
                opened = None  # its volumes are not needed any more
            row, opened = _row(task, bundle, target, opened)
            rows.append(row)
    finally:
        _write_table(target / TABLE, rows, table_columns(bundle))
    if progress is not None:
        progress(len(tasks), len(tasks), "done")
    return rows


def find_exams(
    exams: str | os.PathLike[str] | Iterable[str | os.PathLike[str]], out: str | os.PathLike[str] | None = None
) -> list[Path]:
    """Return the folders of single exams; a folder that holds some is replaced by all folders in it, by name.

    What lies beside exams and is none is listed too, so that it becomes a row that says why and is not left out in
    silence; only hidden folders are passed over, and the one that receives the readings.

    Args:
        exams: as `read_many` takes them.
        out: folder of the readings.

    Raises:
        InputError: there is none.
    """
    given = [exams] if isinstance(exams, (str, os.PathLike)) else list(exams)
    found = []
    for path in map(Path, given):
        inside = sorted(path.iterdir()) if path.is_dir() and not _is_one(path) else []
        beside = [child for child in inside if child.is_dir() and not child.name.startswith(".")]
        is_many = any(map(_is_one, beside))
        found += [child for child in beside if _is_one(child) or not _holds(child, out)] if is_many else [path]
    if not found:
        raise InputError("No exam was given: give exam folders, or a folder that holds some.")
    return list(dict.fromkeys(found))


def _is_one(folder: Path) -> bool:
    return is_exam_folder(folder) or (folder / LESIONS).is_dir()


def _holds(folder: Path, out: str | os.PathLike[str] | None) -> bool:
    return out is not None and Path(out).resolve().is_relative_to(folder.resolve())


def table_columns(bundle: Bundle) -> list[str]:
    """Return the columns of `readings.csv` for a model."""
    sources, model = bundle.recipe.inputs.sources, bundle.recipe.model
    alone = [f"part_{source}" for source in sources if model.says_parts]
    weights = [f"weight_{source}" for source in sources if model.fusion == "gated"]
    columns = list(_FROM_READING)
    after = columns.index("class")
    first = ["case_id", "exam", "lesion", "side", "status", "reason", *columns[2:after]]
    return [*first, *columns[after:], *alone, *weights, "warnings", "folder"]


def _tasks(exams: Sequence[Path], clinical: Mapping[str, Mapping[str, Any]], whole_breasts: bool) -> list[_Task]:
    tasks = []
    for exam in exams:
        row = clinical.get(exam.name, {})
        if whole_breasts:
            tasks += [_Task(exam, None, row, "left"), _Task(exam, None, row, "right")]
            continue
        masks: list[Path | None] = [*read_lesion_files(exam).values()] if exam.is_dir() else []
        tasks += [_Task(exam, mask, row) for mask in masks or [None]]
    return tasks


def _row(
    task: _Task, bundle: Bundle, out: Path, opened: tuple[Path, Exam] | None
) -> tuple[dict[str, Any], tuple[Path, Exam] | None]:
    """Read a case, unless that was done; return its row, and the exam for its next case."""
    row: dict[str, Any] = dict.fromkeys(table_columns(bundle))
    row |= {"exam": str(task.exam), "lesion": "" if task.lesion is None else task.name, "side": task.side}
    try:
        if not task.name:
            read_exam(task.exam)  # what is no exam is said first
            raise InputError(
                f"{task.exam} holds no lesion: expected masks in its folder '{LESIONS}', e.g. {LESIONS}/L1.nii.gz."
            )
        folder = out / _folder_name(task.exam) / task.name
        done = _done(task, bundle)
        reading = _earlier(folder, done)
        if reading is None:
            if opened is None:
                opened = task.exam, read_exam(task.exam)
            reading = _read(task, opened[1], bundle, folder)
            write_json(folder / DONE, done)
        row |= {"status": "ok", "reason": "", "folder": folder.relative_to(out).as_posix(), **_values(reading)}
    except Exception as error:  # one broken exam must not end the others
        row |= {"status": "failed", "reason": reason_of(error)}
    return row, opened


def _read(task: _Task, exam: Exam, bundle: Bundle, folder: Path) -> dict[str, Any]:
    lesion = None if task.lesion is None else read_lesion(task.lesion, exam, lesion_id=task.name)
    # A reading that is being replaced counts as none, whatever happens now.
    (folder / DONE).unlink(missing_ok=True)
    case = Case(exam, lesion, f"{exam.pseudonym}/{task.name}", task.clinical, side=task.side)
    reading = Reader(bundle).read(case)
    reading.write(folder)
    return reading.to_mapping()


def _earlier(folder: Path, done: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the reading in a folder, when it is complete and of the same files, model and clinical row."""
    try:
        if json.loads((folder / DONE).read_text(encoding="utf-8")) != done:
            return None
        return json.loads((folder / READING).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def _done(task: _Task, bundle: Bundle) -> dict[str, Any]:
    """Return what a reading depends on: cheap to find out, different whenever the reading could be."""
    stats = [(str(path.relative_to(task.exam)), path.stat()) for path in exam_files(task.exam)]
    stamps = [(name, stat.st_size, stat.st_mtime_ns) for name, stat in stats]
    return {
        "exam": sha256_of_bytes(repr(stamps).encode()),
        "lesion": task.side if task.lesion is None else [sha256_of_file(part) for part in parts_of(task.lesion)],
        "clinical": sha256_of_bytes(repr(sorted(task.clinical.items())).encode()),
        "bundle": sha256_of_file(bundle.folder / "checksums.json"),
        "device": bundle.device,
        "versions": versions(radiomics=bundle.recipe.inputs.radiomics is not None),
        # Raised whenever the same clinical row comes to mean another thing, between two versions.
        **({"clinical_values": 2} if clinical_values.table_columns(bundle.recipe.inputs) else {}),
    }


def _values(reading: Mapping[str, Any]) -> dict[str, Any]:
    """Return a reading's columns."""
    values = {name: _at(reading, where) for name, where in _FROM_READING.items()}
    values |= {f"part_{source}": probability for source, probability in reading["parts"].items()}
    values |= {f"weight_{source}": weight for source, weight in reading["sources"]["weights"].items()}
    return {**values, "warnings": " | ".join(reading["warnings"])}


def _at(reading: Any, where: Sequence[str]) -> Any:
    for key in where:
        reading = reading.get(key) if isinstance(reading, Mapping) else None
    return reading


def _write_table(path: Path, rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> None:
    """Write the rows; numbers as Python writes them, with '.' and every digit."""
    with replacing(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        writer.writerows(rows)


def _words(task: _Task, exams: Sequence[Path]) -> str:
    # Folders may be called after patients, and progress ends up in logs.
    exam = f"exam {exams.index(task.exam) + 1} of {len(exams)}"
    return f"{exam}, {task.name}" if task.name else exam


def _folder_name(exam: Path) -> str:
    """Return a folder's name for an exam: two of one name differ, and any file system takes it."""
    plain = re.sub(r"[^\w.-]+", "-", exam.name).strip(".-") if is_exam_folder(exam) else "exam"
    return f"{plain or 'exam'}-{sha256_of_bytes(str(exam.resolve()).encode())[:6]}"
