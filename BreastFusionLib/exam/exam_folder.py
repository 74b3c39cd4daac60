"""Exam folders: `exam.json` beside `dce_0.nii.gz`, `dce_1.nii.gz`, .., `t1.nii.gz`, `t2.nii.gz`, `lesions/<id>.nii.gz`.

`exam.json` holds what NIfTI cannot: roles and why, phase times, contrast, how the images were made, and the exact
geometry (NIfTI keeps single precision); the patient's age in years where headers tell it. Nothing in it names a
patient.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
from collections import Counter
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import SimpleITK as sitk

from BreastFusionLib.errors import InputError
from BreastFusionLib.exam.age import coarsened
from BreastFusionLib.exam.formats import image_files_in, lesion_id_of
from BreastFusionLib.exam.geometry import describe_difference
from BreastFusionLib.exam.image_files import load_image, read_image_grid, write_image
from BreastFusionLib.exam.model import Exam, Phase, Series
from BreastFusionLib.exam.plain import WITH_PIXELS, grid_of_entry, series_from_mapping, series_to_mapping
from BreastFusionLib.files import write_json

__all__ = ["EXAM_FILE", "exam_files", "is_exam_folder", "read_exam_folder", "read_lesion_files", "write_exam"]

EXAM_FILE = "exam.json"
SCHEMA = "breastfusion.exam/1"
LESIONS = "lesions"


def is_exam_folder(path: Path) -> bool:
    """Tell whether a folder is an exam folder."""
    return (path / EXAM_FILE).is_file()


def exam_files(exam: Path) -> list[Path]:
    """Return the files of an exam's images, in a fixed order: a folder's without its lesions, or the one file."""
    if not exam.is_dir():
        return [exam]
    return sorted(path for path in exam.rglob("*") if path.is_file() and path.parent.name != LESIONS)


def write_exam(exam: Exam, folder: str | os.PathLike[str], lesions: Mapping[str, sitk.Image] | None = None) -> Path:
    """Write an exam folder, all of it or nothing.

    Args:
        exam: pixels that were not read yet are read now.
        folder: is made; an exam folder that is already there is replaced, but keeps lesions that have no new mask.
        lesions: lesion id -> mask.

    Returns:
        The folder.

    Raises:
        InputError: the folder holds something else, or a lesion id is no file name.
    """
    target = Path(folder)
    if target.exists() and not is_exam_folder(target) and any(target.iterdir()):
        raise InputError(f"{target} is not empty and holds no exam: choose another folder for the exam.")
    for lesion_id in lesions or {}:
        if not re.fullmatch(r"[\w.-]+", lesion_id) or lesion_id.startswith("."):
            raise InputError(f"'{lesion_id}' cannot name a lesion: use letters, digits, '-' and '_'.")
    target.parent.mkdir(parents=True, exist_ok=True)
    # The temporary folder lies beside the target, so that taking its place is a mere change of name.
    temporary = _new_folder(target, "writing")
    try:
        _write_into(temporary, exam, lesions or {}, target / LESIONS)
        _take_place(temporary, target)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return target


def _write_into(folder: Path, exam: Exam, lesions: Mapping[str, sitk.Image], old_lesions: Path) -> None:
    numbers: Counter[str] = Counter()
    entries = []
    for series in exam.series:
        files = []
        if series.role in WITH_PIXELS:
            for phase in series.phases:
                number = numbers[series.role]
                numbers[series.role] += 1
                numbered = series.role == "dce" or number > 0
                name = f"{series.role}_{number}.nii.gz" if numbered else f"{series.role}.nii.gz"
                write_image(phase.image, folder / name)
                files.append({"file": name, "time_s": phase.time_s})
        entries.append(series_to_mapping(series, files))
    if old_lesions.is_dir():
        shutil.copytree(old_lesions, folder / LESIONS)
    for lesion_id, mask in lesions.items():
        (folder / LESIONS).mkdir(exist_ok=True)
        write_image(mask, folder / LESIONS / f"{lesion_id}.nii.gz")
    content = {
        "schema": SCHEMA,
        "pseudonym": exam.pseudonym,
        "synthetic": exam.synthetic,
        "warnings": list(exam.warnings),
        **({} if exam.age_years is None else {"age_years": exam.age_years}),
        "series": entries,
    }
    write_json(folder / EXAM_FILE, content)


def _new_folder(beside: Path, purpose: str) -> Path:
    folder = beside.with_name(f".{purpose}-{secrets.token_hex(4)}")
    folder.mkdir()
    return folder


def _take_place(temporary: Path, target: Path) -> None:
    if not target.exists():
        temporary.rename(target)
        return
    old = _new_folder(target, "replaced")
    try:
        target.rename(old / target.name)
        temporary.rename(target)
    except OSError:
        if not target.exists() and (old / target.name).exists():
            (old / target.name).rename(target)
        raise
    finally:
        shutil.rmtree(old, ignore_errors=True)


def read_exam_folder(folder: Path, synthetic: bool | None = None) -> Exam:
    """Read an exam folder; pixels are read when an image is asked for.

    Args:
        folder: holds exam.json.
        synthetic: overrides what exam.json says.

    Raises:
        InputError: exam.json is damaged, of a newer schema, or names files that are missing or on another grid.
    """
    path = folder / EXAM_FILE
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        schema = content["schema"]
        if schema != SCHEMA:
            raise InputError(f"{path} has the schema '{schema}', this version reads '{SCHEMA}': update BreastFusion.")
        series = tuple(_series(entry, folder) for entry in content["series"])
        age_years = content.get("age_years")
        return Exam(
            series=series,
            pseudonym=content["pseudonym"],
            warnings=tuple(content["warnings"]),
            synthetic=content["synthetic"] if synthetic is None else synthetic,
            folder=str(folder),
            age_years=None if age_years is None else coarsened(int(age_years)),
        )
    except (KeyError, TypeError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(
            f"{path} is damaged ({type(error).__name__}: {error}). Write the exam folder again."
        ) from error


def _series(entry: Mapping[str, Any], folder: Path) -> Series:
    grid = grid_of_entry(entry)
    phases = []
    for item in entry["phases"]:
        path = folder / item["file"]
        if not path.is_file():
            raise InputError(f"{path} is missing, although {EXAM_FILE} names it. Write or copy the exam folder again.")
        found, _, _ = read_image_grid(path)
        if difference := describe_difference(found, grid):
            raise InputError(f"{path} does not fit {EXAM_FILE} ({difference}). Write the exam folder again.")
        phases.append(Phase(item["time_s"], partial(load_image, path, grid), grid.size[2]))
    return series_from_mapping(entry, phases)


def read_lesion_files(folder: str | os.PathLike[str]) -> dict[str, Path]:
    """Return the lesion masks of an exam folder: lesion id -> file, by id."""
    lesions = Path(folder) / LESIONS
    if not lesions.is_dir():
        return {}
    return {lesion_id_of(path): path for path in image_files_in(lesions)}
