"""The door for exams on disk: whatever the path is, an `Exam` comes out."""

from __future__ import annotations

import os
from pathlib import Path

from BreastFusionLib.errors import InputError
from BreastFusionLib.exam.exam_folder import EXAM_FILE, is_exam_folder, read_exam_folder
from BreastFusionLib.exam.formats import IMAGE_SUFFIXES, image_files_in, is_image_file, looks_like_dicom
from BreastFusionLib.exam.image_files import read_image_exam
from BreastFusionLib.exam.model import Exam

__all__ = ["read_exam"]


def read_exam(path: str | os.PathLike[str], synthetic: bool | None = None) -> Exam:
    """Read an exam; only headers now, pixels when an image is asked for.

    Args:
        path: an exam folder (with exam.json), a folder of DICOM files (any depth, any names), a NIfTI, NRRD or
            MetaImage file or a folder of them, or one multi-frame DICOM file.
        synthetic: whether it is a phantom; None takes what the files say.

    Returns:
        The exam, with sentences in `warnings` about what was left out or is odd.

    Raises:
        InputError: nothing there that can be read as one exam; the message says what was found and what to do.
    """
    where = Path(path)
    if not where.exists():
        raise InputError(f"{where} does not exist. Give the folder of an exam, or an image file.")
    if where.name == EXAM_FILE:
        where = where.parent
    if where.is_file():
        if is_image_file(where):
            return read_image_exam(where, synthetic)
        if looks_like_dicom(where):
            return _read_dicom(where, synthetic)
        raise InputError(f"{where} is neither DICOM nor one of {', '.join(IMAGE_SUFFIXES)}. Give an exam's folder.")
    if is_exam_folder(where):
        return read_exam_folder(where, synthetic)
    files = [file for file in where.rglob("*") if file.is_file()]
    if not files:
        raise InputError(f"{where} is empty: no file in it or below it. Give the folder that holds the exam's images.")
    if any(looks_like_dicom(file) for file in files):
        return _read_dicom(where, synthetic)
    if image_files_in(where):
        return read_image_exam(where, synthetic)
    raise InputError(
        f"{where} holds {len(files)} files, but no DICOM, NIfTI or NRRD image (for example {files[0].name}). "
        "Give the folder that holds the exam's images."
    )


def _read_dicom(where: Path, synthetic: bool | None) -> Exam:
    from BreastFusionLib.exam.dicom_exam import read_dicom_exam  # pydicom takes .2 s to import

    return read_dicom_exam(where, synthetic)
