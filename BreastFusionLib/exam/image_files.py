"""Exams from NIfTI, NRRD and MetaImage files: roles and phases from the files' names."""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from BreastFusionLib.errors import InputError
from BreastFusionLib.exam.contrast import contrast_in_name
from BreastFusionLib.exam.formats import IMAGE_SUFFIXES, image_files_in, is_image_file, stem_of
from BreastFusionLib.exam.geometry import Grid, describe_difference
from BreastFusionLib.exam.model import Contrast, Exam, Phase, Role, Series, missing_phases
from BreastFusionLib.exam.nifti_file import refuse_damaged_nifti, write_packed_nifti
from BreastFusionLib.exam.pseudonyms import pseudonym_of
from BreastFusionLib.files import replacing

__all__ = ["load_image", "read_image", "read_image_exam", "read_image_grid", "write_image"]

_NO_IMAGE = re.compile(r"\bmask\b|\bseg(?:mentation)?s?\b|label|annotation|\bbox\b|\broi\b|\blesion\b")
_DERIVED = re.compile(r"\bsub\d*\b|subtract|\bmip\b|\bser\b|\bpe ?\d\b")
_ROLES: tuple[tuple[Role, re.Pattern[str]], ...] = (
    ("adc", re.compile(r"\badc\b")),
    ("dwi", re.compile(r"\bdwi\b|diffusion")),
    ("dce", re.compile(r"\bdce\d*\b|\bdyn\w*|\bphase")),
    ("t2", re.compile(r"\bt2")),
    ("t1", re.compile(r"\bt1")),
)
_PHASE_NUMBER = re.compile(
    r"\bpost ?(\d+)|\bph(?:ase)? ?(\d+)|\b(\d+)(?:st|nd|rd|th) pass|\bdce ?(\d+)|(?:^|\s)(\d{1,4})$"
)


@dataclass(frozen=True)
class _Named:
    """An image file and what its name says."""

    path: Path
    role: Role
    phase: int | None
    contrast: Contrast


def read_image_exam(path: Path, synthetic: bool | None = None) -> Exam:
    """Read an exam from one image file or from a folder of them.

    Names tell what they are: `dce_0`, `pre`, `post1`, `x_0002`, `1st pass` are phases of the DCE series; `t1`, `t2`,
    `dwi`, `adc` are those; masks and subtractions are left out. A 4-D image holds the phases along its last axis. A
    single file without such a name is taken as the first phase of a DCE series.

    Raises:
        InputError: no image; 2-D images; two files for one phase or role; phases on different grids.
    """
    files = [path] if path.is_file() else image_files_in(path)
    warnings = []
    left_out = [file.name for file in files if len(files) > 1 and _NO_IMAGE.search(_words(file))]
    if left_out:
        warnings.append(f"Left out as masks or annotations by their names: {', '.join(left_out)}.")
    named = [_named(file) for file in files if file.name not in left_out]
    if not named:
        raise InputError(f"{path} holds no images. Name them dce_0, dce_1, .., t1, t2 or pre, post1, .., t1, t2.")
    if len(named) == 1 and named[0].role == "other":
        named = [_Named(named[0].path, "dce", 0, "unknown")]
        warnings.append(f"{named[0].path.name} says nothing about its sequence: it is taken as a DCE series.")
    dynamic = _dynamic_series([one for one in named if one.role == "dce"], warnings)
    series = [] if dynamic is None else [dynamic]
    for role in ("t1", "t2"):
        of_role = [one for one in named if one.role == role]
        if len(of_role) > 1:
            names = " and ".join(one.path.name for one in of_role)
            raise InputError(f"{path}: {names} are both {role.upper()} by their names; keep one of them there.")
        series += [_single_series(one) for one in of_role]
    series += [_single_series(one) for one in named if one.role not in ("dce", "t1", "t2")]
    warnings += missing_phases(dynamic)
    folder_name = path.name if path.is_dir() else stem_of(path)
    return Exam(tuple(series), pseudonym_of(folder_name), tuple(warnings), bool(synthetic), str(path))


def _words(path: Path) -> str:
    """A file's name in lower case with every separator a space, and 'rightbreast'-like tails kept whole."""
    return " ".join(re.sub(r"[^a-z0-9]+", " ", stem_of(path).lower()).split())


def _named(path: Path) -> _Named:
    words = _words(path)
    contrast = contrast_in_name(words)
    if contrast == "unknown" and re.search(r"\bpost(?:contrast)?", words):
        contrast = "post"
    if _DERIVED.search(words):
        return _Named(path, "derived", None, contrast)
    role = next((role for role, pattern in _ROLES if pattern.search(words)), None)
    found = _PHASE_NUMBER.search(words)
    number = int(next(group for group in found.groups() if group)) if found else None
    if number is None and contrast != "unknown":
        number = 0 if contrast == "pre" else 1
    if role is None:
        role = "dce" if number is not None else "other"
    return _Named(path, role, number, contrast)


def _dynamic_series(files: list[_Named], warnings: list[str]) -> Series | None:
    if not files:
        return None
    ordered = sorted(files, key=lambda one: (one.phase or 0, one.path.name))
    for first, second in itertools.pairwise(ordered):
        if (first.phase or 0) == (second.phase or 0):
            raise InputError(
                f"{first.path.name} and {second.path.name} are both phase {first.phase or 0} of the DCE series "
                "by their names. Name the phases dce_0, dce_1, .. and keep one patient in a folder."
            )
    phases: list[Phase] = []
    grid: Grid | None = None
    for one in ordered:
        its_grid, count, step_s = read_image_grid(one.path)
        if grid is None:
            grid = its_grid
        elif difference := describe_difference(its_grid, grid):
            raise InputError(
                f"{one.path.name} lies on another grid than {ordered[0].path.name} ({difference}): all phases of a DCE "
                "series need the same grid. Resample it, or name it t1 or t2 if it is no phase."
            )
        for volume in range(count):
            time = 0.0 if not phases else (None if step_s is None else volume * step_s)
            phases.append(Phase(time, partial(load_image, one.path, grid, volume), grid.size[2]))
    assert grid is not None
    if len(phases) > 1 and phases[1].time_s is None:
        warnings.append(
            "The files do not tell when the DCE phases were taken: rates and times of enhancement are unknown."
        )
    return Series(
        role="dce",
        description="; ".join(stem_of(one.path) for one in ordered),
        reason="By the files' names.",
        contrast="post" if len(phases) > 1 else ordered[0].contrast,
        phases=tuple(phases),
        grid=grid,
    )


def _single_series(one: _Named) -> Series:
    grid, count, _ = read_image_grid(one.path)
    if count > 1 and one.role in ("t1", "t2"):
        raise InputError(f"{one.path.name} holds {count} volumes, but one T1 or T2 volume is expected: split it.")
    phases = tuple(Phase(None, partial(load_image, one.path, grid, volume), grid.size[2]) for volume in range(count))
    return Series(one.role, stem_of(one.path), "By the file's name.", one.contrast, phases, grid)


def read_image_grid(path: Path) -> tuple[Grid, int, float | None]:
    """Read an image file's header.

    Returns:
        The grid of one volume, the number of volumes, and the seconds between them where the file tells (a step of
        exactly 0 or 1 is what writers put when they do not know).

    Raises:
        InputError: an unreadable file, or an image that is no scalar volume.
    """
    reader = sitk.ImageFileReader()
    reader.SetFileName(str(path))
    try:
        reader.ReadImageInformation()
    except RuntimeError as error:
        raise InputError(
            f"{path.name} cannot be read as an image: it is damaged or of another format ({path})."
        ) from error
    size, spacing = reader.GetSize(), reader.GetSpacing()
    volumes = int(size[3]) if len(size) == 4 else 1
    if len(size) not in (3, 4) or min(size[:3]) < 2:
        raise InputError(
            f"{path.name} is an image of {'x'.join(map(str, size))} pixels (2-D), but a volume is expected. Give the "
            f"whole volume instead of one slice ({path})."
        )
    if reader.GetNumberOfComponents() != 1:
        raise InputError(
            f"{path.name} holds {reader.GetNumberOfComponents()} values a voxel (colours or vectors), but one "
            f"intensity is expected. Save every phase as a file of its own ({path})."
        )
    origin, direction = reader.GetOrigin()[:3], np.reshape(reader.GetDirection(), (len(size), len(size)))[:3, :3]
    grid = Grid(tuple(size[:3]), tuple(spacing[:3]), tuple(origin), tuple(direction.ravel().tolist()))
    step_s = float(spacing[3]) if volumes > 1 and spacing[3] > 0 and spacing[3] != 1 else None
    return grid, volumes, step_s


def read_image(path: Path) -> sitk.Image:
    """Read one scalar volume from an image file.

    Raises:
        InputError: no such file, not a 3-D image, unreadable pixels, or voxels that are NaN or infinite.
    """
    if not path.is_file():
        raise InputError(f"{path} does not exist: a NIfTI, NRRD or MetaImage file is expected. Check the path.")
    grid, volumes, _ = read_image_grid(path)
    if volumes > 1:
        raise InputError(f"{path.name} holds {volumes} volumes, but one is expected: split it ({path}).")
    return load_image(path, grid)


def write_image(image: sitk.Image, path: Path) -> None:
    """Write an image compressed and in one step; the name's end says in which format.

    Raises:
        InputError: a name that is no image's.
        OSError: the file is not whole, most often for a full disk, about which ITK's NIfTI writer is silent.
    """
    if path.is_dir() or not is_image_file(path):
        raise InputError(f"{path} cannot name an image: give a file that ends with one of {', '.join(IMAGE_SUFFIXES)}.")
    with replacing(path) as temporary:
        try:
            if path.name.lower().endswith(".nii.gz"):
                write_packed_nifti(image, temporary)
            else:
                sitk.WriteImage(image, str(temporary), useCompression=True)
                refuse_damaged_nifti(temporary)
        except (RuntimeError, InputError) as error:
            raise OSError(f"{path} could not be written whole: the disk may be full. Free some space there") from error


def load_image(path: Path, grid: Grid, volume: int = 0) -> sitk.Image:
    """Read the pixels of an image file.

    Args:
        path: the file.
        grid: what its header says (exact, where the format rounds).
        volume: which volume of a 4-D image, from 0.

    Raises:
        InputError: unreadable pixels, or voxels that are NaN or infinite.
    """
    refuse_damaged_nifti(path)
    try:
        image = sitk.ReadImage(str(path))
    except RuntimeError as error:
        raise InputError(
            f"The pixels of {path.name} cannot be read: the file is damaged or truncated ({path})."
        ) from error
    if image.GetDimension() == 4:
        image = image[:, :, :, volume]
    pixels = sitk.GetArrayViewFromImage(image)
    if np.issubdtype(pixels.dtype, np.floating):
        bad = int(pixels.size - np.count_nonzero(np.isfinite(pixels)))
        if bad:
            raise InputError(
                f"{path.name} has {bad} voxels that are NaN or infinite, but every voxel needs a number. Repair the "
                f"file, for example with 0 outside the field of view ({path})."
            )
    return grid.put_on(image)
