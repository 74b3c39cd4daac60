"""A folder of phantom exams with its case table and its truth; a second call continues where the first stopped."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import multiprocessing
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import fields
from functools import partial
from pathlib import Path
from typing import Any

from BreastFusionLib.errors import InputError
from BreastFusionLib.exam import write_exam
from BreastFusionLib.exam.image_files import write_image
from BreastFusionLib.files import write_json, write_text
from BreastFusionLib.phantom.exam import PhantomExam, exam_name, make_exam
from BreastFusionLib.phantom.truth import Truth

__all__ = ["truth_row", "write_cohort"]

SCHEMA = "breastfusion.phantom/1"
_PARAMETERS, _COHORT, _BREASTS, _TRUTH = "phantom.json", "cohort.csv", "breasts.csv", "truth.csv"

Row = Mapping[str, Any]


def write_cohort(
    out: str | os.PathLike[str],
    exams: int,
    seed: int,
    small: bool = False,
    dicom: bool = False,
    progress: Callable[[int, int], None] | None = None,
    workers: int = 1,
) -> Path:
    """Write exams 1 to `exams` of the population `seed`, `cohort.csv`, `breasts.csv` and `truth.csv`.

    `cohort.csv` has one row a lesion; `breasts.csv` one a breast, of which half hold no lesion and a quarter a
    malignant one.

    Exams that are already there are kept, so that an interrupted call is continued, and a cohort enlarged, by
    calling again.

    Args:
        out: folder; is made.
        exams: number of exams, half of them with a malignant lesion.
        seed: of the population.
        small: coarse voxels, for tests and demonstrations.
        dicom: DICOM studies instead of exam folders.
        progress: called with (done, total) before the first and after each exam.
        workers: processes that make exams; the exams are the same for any number.

    Returns:
        The path of `cohort.csv`.

    Raises:
        InputError: the folder holds a cohort made with other parameters or by another version, or a larger one.
    """
    if exams < 1 or seed < 0:
        raise InputError(f"{exams} exams of seed {seed}: at least one exam and a seed of 0 or more are expected.")
    folder = Path(out)
    _claim(folder, {"schema": SCHEMA, "seed": seed, "small": small, "dicom": dicom})
    cohort, truth = _read_rows(folder / _COHORT), _read_rows(folder / _TRUTH)
    names = [exam_name(number) for number in range(1, exams + 1)]
    if more := set(cohort) - set(names):
        raise InputError(
            f"{folder} already holds {len(cohort)} exams, {exams} were asked for: ask for at least "
            f"{exams + len(more)}, or choose another folder."
        )
    missing = [
        number
        for number, name in enumerate(names, start=1)
        if not (name in cohort and name in truth and _is_there(folder, cohort[name]))
    ]
    make = partial(_make_and_write, folder, seed, small=small, dicom=dicom)
    done = exams - len(missing)
    if progress is not None:
        progress(done, exams)
    for case_row, known_row in _each(make, missing, workers):
        cohort[case_row["case_id"]], truth[known_row["case_id"]] = case_row, known_row
        # After each exam, so that whatever stops the work costs one exam at most.
        _write_rows(folder / _TRUTH, truth)
        _write_rows(folder / _COHORT, cohort)
        _write_rows(folder / _BREASTS, _breasts(cohort))
        done += 1
        if progress is not None:
            progress(done, exams)
    return folder / _COHORT


def _make_and_write(folder: Path, seed: int, number: int, small: bool, dicom: bool) -> tuple[Row, Row]:
    """Make exam `number` and write its files; return its rows of `cohort.csv` and `truth.csv`."""
    name, made = exam_name(number), make_exam(seed, number, small)
    return _write_files(folder, name, made, dicom), truth_row(name, made)


def _each(make: Callable[[int], tuple[Row, Row]], numbers: Sequence[int], workers: int) -> Iterator[tuple[Row, Row]]:
    """Map in this process, or over new ones: forked ones could inherit a lock that another thread holds."""
    if workers <= 1 or len(numbers) <= 1:
        yield from map(make, numbers)
        return
    pool = ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"))
    with _one_thread_a_process():
        try:
            for future in as_completed([pool.submit(make, number) for number in numbers]):
                yield future.result()
        finally:
            pool.shutdown(cancel_futures=True)


@contextlib.contextmanager
def _one_thread_a_process() -> Iterator[None]:
    """Let processes that start in here use one thread each; BLAS and ITK read this when they are loaded."""
    limits = {"OMP_NUM_THREADS": "1", "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS": "1"}
    before = {name: os.environ.get(name) for name in limits}
    os.environ.update(limits)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def truth_row(case_id: str, made: PhantomExam) -> dict[str, Any]:
    """Return an exam's row of `truth.csv`: label, latents, log-likelihood ratios, and what else is known."""
    truth = made.truth
    row: dict[str, Any] = {"case_id": case_id, "label": made.label}
    row |= {f"latent_{name}": value for name, value in truth.latents.items()}
    row |= {f"llr_{source}": value for source, value in truth.llr.items()}
    plain = {f.name for f in fields(Truth)} - {"latents", "centers_lps", "motions"}
    row |= {name: getattr(truth, name) for name in sorted(plain)}
    for sequence, center in truth.centers_lps.items():
        row |= {f"{sequence}_center_{axis}_mm": value for axis, value in zip("xyz", center, strict=True)}
    for sequence in ("t1", "t2"):
        motion = truth.motions[sequence]
        row |= {f"{sequence}_rotation_{axis}_deg": v for axis, v in zip("xyz", motion.rotation_deg, strict=True)}
        row |= {f"{sequence}_shift_{axis}_mm": v for axis, v in zip("xyz", motion.translation_mm, strict=True)}
    return row


def _claim(folder: Path, parameters: Mapping[str, Any]) -> None:
    """Record what the folder's exams are made with, or refuse when it was something else."""
    path = folder / _PARAMETERS
    if not path.exists():
        if (folder / _COHORT).exists():
            raise InputError(f"{folder} holds a {_COHORT} that is no phantom cohort: choose another folder.")
        write_json(path, parameters)
        return
    try:
        found = dict(json.loads(path.read_text(encoding="utf-8")))
    except (TypeError, ValueError) as error:
        raise InputError(f"{path} is damaged ({error}): choose another folder.") from error
    different = [name for name in parameters if found.get(name) != parameters[name]]
    if different:
        has = ", ".join(f"{name} {found.get(name)}" for name in different)
        wants = ", ".join(f"{name} {parameters[name]}" for name in different)
        raise InputError(f"{folder} holds phantoms with {has}; asked for were {wants}. Choose another folder.")


def _is_there(folder: Path, row: Row) -> bool:
    return (folder / row["exam"]).is_dir() and (folder / row["lesion"]).is_file()


def _write_files(folder: Path, name: str, made: PhantomExam, dicom: bool) -> dict[str, Any]:
    """Write one exam and its lesion; return its row of `cohort.csv`."""
    exam = Path("exams") / name
    if dicom:
        from BreastFusionLib.phantom.dicom import write_dicom_study  # pydicom is loaded only when it writes

        lesion = Path("lesions") / f"{name}.nii.gz"
        write_dicom_study(made, folder / exam)
        write_image(made.lesion.mask, folder / lesion)
    else:
        lesion = exam / "lesions" / "lesion.nii.gz"
        write_exam(made.exam, folder / exam, {"lesion": made.lesion.mask})
    return {
        "case_id": name,
        "patient_id": f"PHANTOM_{name[1:]}",
        "exam": exam.as_posix(),
        "lesion": lesion.as_posix(),
        "side": made.lesion.side,
        "label": made.label,
        "site": made.dialect.site,
        **made.clinical,
    }


def _breasts(cohort: Mapping[str, Row]) -> dict[str, Row]:
    """Return two rows for each exam: the breast with the lesion has its label, the other one is benign."""
    rows: dict[str, Row] = {}
    for name, row in cohort.items():
        shared = {column: value for column, value in row.items() if column != "lesion"}
        for side in ("left", "right"):
            case_id, label = f"{name}_{side}", row["label"] if side == row["side"] else 0
            rows[case_id] = {**shared, "case_id": case_id, "side": side, "label": label}
    return rows


def _read_rows(path: Path) -> dict[str, Row]:
    if not path.is_file():
        return {}
    with path.open(encoding="utf-8", newline="") as stream:
        table = csv.DictReader(stream)
        if "case_id" not in (table.fieldnames or ()):
            raise InputError(f"{path} has no column 'case_id', so it is no table of phantoms: choose another folder.")
        return {row["case_id"]: row for row in table}


def _write_rows(path: Path, rows: Mapping[str, Row]) -> None:
    ordered = [rows[name] for name in sorted(rows, key=lambda name: (len(name.partition("_")[0]), name))]
    # Rows that are already there may come from a version whose phantoms have other columns.
    for row in ordered:
        if different := row.keys() ^ ordered[-1].keys():
            raise InputError(
                f"{path} was written by another version of BreastFusion (different columns: "
                f"{', '.join(sorted(map(str, different)))}): make the cohort in another folder."
            )
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(ordered[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(ordered)
    write_text(path, text.getvalue())
