"""Exams and cases as plain arrays in a private folder: how two processes of one machine hand them to each other.

    exam.json   the series without their pixels, and for each phase its file and where its voxels lie in the volume
    *.npy       voxels [k, j, i] of a phase, uncompressed: written and read at the speed of the disk's cache
    *.npz       a mask: the box that holds the lesion, and the whole grid
    case.json   the lesion or the side of a whole breast, the clinical row, what a reader changed, the intensity scales,
                what the case was cut for

Both programs run here (this module needs no PyTorch), nothing is pickled, and every number arrives as it was sent.
"""

from __future__ import annotations

import dataclasses
import json
import os
from collections import Counter
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk

from BreastFusionLib.errors import InputError
from BreastFusionLib.exam.geometry import Box, Grid, bounding_box, crop, matrix_transform, transform_matrix
from BreastFusionLib.exam.model import Exam, Phase, Series
from BreastFusionLib.exam.partial import PartialPhase
from BreastFusionLib.exam.plain import WITH_PIXELS, grid_of_entry, series_from_mapping, series_to_mapping
from BreastFusionLib.files import to_plain
from BreastFusionLib.images import IntensityScale, IntensitySpec
from BreastFusionLib.lesion.model import Lesion, MappedLesion
from BreastFusionLib.reading.model import Case
from BreastFusionLib.reading.portion import Portion
from BreastFusionLib.reading.recipe import InputsSpec
from BreastFusionLib.settings import from_mapping, to_mapping

__all__ = [
    "read_case",
    "read_exam_arrays",
    "read_mapped",
    "read_mask",
    "write_case",
    "write_exam_arrays",
    "write_mapped",
    "write_mask",
]

EXAM, CASE = "exam.json", "case.json"
Folder = str | os.PathLike[str]


def write_exam_arrays(exam: Exam, folder: Folder, progress: Callable[[int, int], None] | None = None) -> Path:
    """Write an exam, or the parts of one that are at hand.

    Args:
        exam: volumes that were not read yet are read now, one after the other.
        folder: is made.
        progress: called as progress(volumes written, volumes in all).

    Returns:
        The folder.
    """
    target = Path(folder)
    target.mkdir(parents=True, exist_ok=True)
    total = sum(len(series.phases) for series in exam.series if series.role in WITH_PIXELS)
    numbers: Counter[str] = Counter()
    entries = []
    for series in exam.series:
        phases = []
        for phase in series.phases if series.role in WITH_PIXELS else ():
            name = f"{series.role}_{numbers[series.role]}.npy"
            numbers[series.role] += 1
            phases.append({"time_s": phase.time_s, "file": name, "start": _write_phase(phase, target / name)})
            if progress is not None:
                progress(numbers.total(), total)
        entries.append(series_to_mapping(series, phases))
    content = {
        "pseudonym": exam.pseudonym,
        "synthetic": exam.synthetic,
        "warnings": exam.warnings,
        "folder": exam.folder,
        "age_years": exam.age_years,
        "series": entries,
    }
    _write_json(target / EXAM, content)
    return target


def read_exam_arrays(folder: Folder) -> Exam:
    """Read what `write_exam_arrays` wrote; voxels when an image is asked for."""
    source = Path(folder)
    content = _read_json(source / EXAM)
    return Exam(
        series=tuple(_series(entry, source) for entry in content["series"]),
        pseudonym=content["pseudonym"],
        warnings=tuple(content["warnings"]),
        synthetic=content["synthetic"],
        folder=content["folder"],
        age_years=content["age_years"],
    )


def write_case(portion: Portion, folder: Folder) -> Path:
    """Write a portion of a case (`reading.portion.cut_case`); return the folder."""
    target, case = write_exam_arrays(portion.case.exam, folder), portion.case
    content = {
        "case_id": case.case_id,
        "clinical": to_plain(dict(case.clinical)),
        "dce_phase": case.dce_phase,
        "side": case.side,
        "drawn_from": case.drawn_from,
        "lesion": None if case.lesion is None else _write_lesion(case.lesion, target),
        "mapped": [write_mapped(mapped, target) for mapped in case.mapped.values()],
        "scales": [
            {"sequence": sequence, "intensity": to_mapping(spec), "scale": vars(scale)}
            for (sequence, spec), scale in portion.scales.items()
        ],
        "inputs": to_mapping(portion.inputs),
    }
    _write_json(target / CASE, content)
    return target


def read_case(folder: Folder) -> Portion:
    """Read what `write_case` wrote; voxels when an image is asked for."""
    source = Path(folder)
    content = _read_json(source / CASE)
    mapped = [read_mapped(entry) for entry in content["mapped"]]
    case = Case(
        exam=read_exam_arrays(source),
        lesion=None if content["lesion"] is None else _read_lesion(content["lesion"], source),
        case_id=content["case_id"],
        clinical=content["clinical"],
        mapped={one.sequence: one for one in mapped},
        dce_phase=content["dce_phase"],
        side=content["side"],
        drawn_from=content["drawn_from"],
    )
    scales = {
        (entry["sequence"], from_mapping(IntensitySpec, entry["intensity"], CASE)): IntensityScale(**entry["scale"])
        for entry in content["scales"]
    }
    return Portion(case, scales, from_mapping(InputsSpec, content["inputs"], f"{CASE}, inputs"))


def _write_lesion(lesion: Lesion, folder: Path) -> dict[str, Any]:
    write_mask(lesion.mask, folder / "lesion.npz")
    return {"lesion_id": lesion.lesion_id, "side": lesion.side, "warnings": lesion.warnings}


def _read_lesion(entry: Mapping[str, Any], folder: Path) -> Lesion:
    return Lesion(read_mask(folder / "lesion.npz"), entry["lesion_id"], entry["side"], tuple(entry["warnings"]))


def write_mapped(mapped: MappedLesion, folder: Folder) -> dict[str, Any]:
    """Write a mapped lesion's mask and return the rest: `read_mapped` makes a `MappedLesion` of it again.

    Returns:
        `MappedLesion.to_mapping()`, and 'sequence', 'mask' (a file) and 'transform' (4 x 4 on LPS mm, or None).
    """
    path = Path(folder) / f"mapped_{mapped.sequence}.npz"
    write_mask(mapped.mask, path)
    return {
        **mapped.to_mapping(),
        "sequence": mapped.sequence,
        "mask": str(path),
        "transform": None if mapped.transform is None else transform_matrix(mapped.transform).tolist(),
    }


def read_mapped(entry: Mapping[str, Any]) -> MappedLesion:
    """Return the mapped lesion that `write_mapped` wrote."""
    transform = entry["transform"]
    told = {field.name: entry[field.name] for field in dataclasses.fields(MappedLesion)}
    read = {
        "mask": read_mask(told["mask"]),
        "transform": None if transform is None else matrix_transform(transform),
        "warnings": tuple(told["warnings"]),
    }
    return MappedLesion(**(told | read))


def write_mask(mask: sitk.Image, path: Folder) -> Path:
    """Write a mask: only the box that holds something, and the whole grid."""
    grid = Grid.of(mask)
    box = bounding_box(mask) or Box((0, 0, 0), (1, 1, 1))
    with Path(path).open("wb") as file:
        np.savez(file, voxels=sitk.GetArrayFromImage(crop(mask, box)), start=box.start, **to_mapping(grid))
    return Path(path)


def read_mask(path: Folder) -> sitk.Image:
    """Read what `write_mask` wrote, on its whole grid."""
    try:
        with np.load(path, allow_pickle=False) as entry:
            grid = Grid(*(tuple(entry[name].tolist()) for name in ("size", "spacing_mm", "origin_lps", "direction")))
            box = Box(tuple(entry["start"].tolist()), entry["voxels"].shape[::-1])
            piece = grid.cropped(box).put_on(sitk.GetImageFromArray(entry["voxels"]))
    except (OSError, KeyError, ValueError) as error:
        raise InputError(f"{path} holds no mask ({error}). Send the lesion again.") from error
    return PartialPhase(None, piece, box, grid).image


def _write_phase(phase: Phase, path: Path) -> tuple[int, int, int]:
    """Write the voxels that are at hand, and return where they begin."""
    piece, start = (phase.piece, phase.box.start) if isinstance(phase, PartialPhase) else (phase.image, (0, 0, 0))
    np.save(path, sitk.GetArrayViewFromImage(piece), allow_pickle=False)
    return start


def _series(entry: Mapping[str, Any], folder: Path) -> Series:
    grid = grid_of_entry(entry)
    return series_from_mapping(entry, [_phase(item, folder, grid) for item in entry["phases"]])


def _phase(item: Mapping[str, Any], folder: Path, grid: Grid) -> Phase:
    path = folder / item["file"]
    size = _mapped_array(path).shape[::-1]
    box = Box(tuple(item["start"]), size)
    return PartialPhase(item["time_s"], partial(_read_piece, path, grid.cropped(box)), box, grid)


def _read_piece(path: Path, grid: Grid) -> sitk.Image:
    # The file is closed as soon as its voxels are copied: some systems delete no file that is open.
    return grid.put_on(sitk.GetImageFromArray(_mapped_array(path)))


def _mapped_array(path: Path) -> np.ndarray:
    try:
        return np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read as an array ({error}). Send the exam again.") from error


def _write_json(path: Path, content: Mapping[str, Any]) -> None:
    # Infinity is among the numbers of a scale; both ends are Python, which reads it back.
    path.write_text(json.dumps(content), encoding="utf-8")


def _read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read ({error}). Send the exam again.") from error
