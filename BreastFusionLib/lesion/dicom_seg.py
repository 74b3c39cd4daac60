"""Reading one segment of a DICOM segmentation (PS3.3, A.51: Segmentation IOD), with pydicom alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import SimpleITK as sitk
from numpy.typing import NDArray
from pydicom.errors import InvalidDicomError

from BreastFusionLib.errors import InputError
from BreastFusionLib.exam.dicom_volume import read_dataset
from BreastFusionLib.exam.geometry import Grid, plane_axes
from BreastFusionLib.lesion.placing import place_on
from BreastFusionLib.lesion.segments import Segment, choose_segment

__all__ = ["find_dicom_seg", "read_dicom_seg"]

# Positions are decimal text and slice distances are differences of them: much rounder than a grid of its own, much
# finer than a missing slice.
EVEN_SPACING_TOLERANCE = 0.05


@dataclass(frozen=True)
class _Frame:
    """One slice of a segment: pixels [j, i], and its place as a grid of one slice."""

    pixels: NDArray[np.uint8]
    grid: Grid

    @property
    def image(self) -> sitk.Image:
        return self.grid.put_on(sitk.GetImageFromArray(self.pixels[np.newaxis]))


def find_dicom_seg(folder: Path) -> Path:
    """Return the only DICOM segmentation in a folder, at any depth.

    Raises:
        InputError: there is none, or more than one.
    """
    found = [path for path in sorted(folder.rglob("*")) if path.is_file() and _modality(path) == "SEG"]
    if len(found) != 1:
        names = ", ".join(str(path.relative_to(folder)) for path in found)
        raise InputError(
            f"{folder.name} holds {len(found) or 'no'} DICOM segmentation{'s' * (len(found) > 1)}"
            f"{': ' * bool(found)}{names}. Point to the file of one."
        )
    return found[0]


def _modality(path: Path) -> str:
    try:
        return str(pydicom.dcmread(path, specific_tags=["Modality"], stop_before_pixels=True).get("Modality", ""))
    except (InvalidDicomError, OSError):
        return ""


def read_dicom_seg(path: Path, segment: str | int | None = None, grid: Grid | None = None) -> sitk.Image:
    """Read one segment of a binary DICOM segmentation.

    Frames are placed by their Image Position and Image Orientation, never by their order. Frames without a voxel of
    the segment are usually left out of such files, so with a reference grid each frame goes to its slice there.

    Args:
        path: the file.
        segment: Segment Number or Segment Label; may be None when there is only one.
        grid: grid of the exam's DCE series.

    Returns:
        sitk.sitkUInt8, 1 inside: on `grid` when all frames lie on its slices, else on the frames' own grid.

    Raises:
        InputError: a damaged file, no binary segmentation, no such segment, or frames without an evenly spaced grid.
    """
    try:
        dataset = read_dataset(path)
    except Exception as error:  # pydicom raises whatever broken bytes lead to
        raise InputError(f"{path.name} is damaged or truncated ({error}). Copy or export the file again.") from error
    if dataset.get("Modality") != "SEG" or dataset.get("SegmentationType") != "BINARY":
        kind = dataset.get("SegmentationType") or dataset.get("Modality") or "DICOM object without modality"
        raise InputError(
            f"{path.name} is a DICOM file of kind {kind}: a binary DICOM segmentation is expected. "
            "Export the lesion as a binary segmentation or as NIfTI."
        )
    for keyword in ("SegmentSequence", "PerFrameFunctionalGroupsSequence", "PixelData"):
        if keyword not in dataset:
            raise _incomplete(path.name, keyword)
    known = [Segment(int(item.SegmentNumber), str(item.SegmentLabel)) for item in dataset.SegmentSequence]
    chosen = choose_segment(known, segment, path.name)
    where = f"{path.name}, segment {chosen}"
    frames = _frames(dataset, chosen.number, where)
    if grid is not None and (placed := place_on((frame.image for frame in frames), grid)) is not None:
        return placed
    return _stack(frames, where)


def _frames(dataset: pydicom.Dataset, number: int, where: str) -> list[_Frame]:
    """Return the frames of a segment."""
    shared = list(dataset.get("SharedFunctionalGroupsSequence", []))
    try:
        pixels = dataset.pixel_array.reshape(-1, dataset.Rows, dataset.Columns)
        each = list(zip(dataset.PerFrameFunctionalGroupsSequence, pixels, strict=True))
    except Exception as error:  # decoders raise whatever broken bytes lead to
        raise InputError(f"{where}: its pixels cannot be decoded ({error}). Copy or export the file again.") from error
    frames = []
    for own, image in each:
        groups = [own, *shared]
        if int(_macro(groups, "SegmentIdentificationSequence", where).ReferencedSegmentNumber) == number:
            frames.append(_Frame((image != 0).astype(np.uint8), _frame_grid(groups, image.shape, where)))
    if not frames:
        raise InputError(f"{where} has no frame: it is empty. Choose another segment with --segment.")
    return frames


def _macro(groups: Sequence[pydicom.Dataset], keyword: str, where: str) -> Any:
    """Return a functional group macro: the frame's own, else the one shared by all frames."""
    for group in groups:
        if keyword in group:
            return group[keyword].value[0]
    raise _incomplete(where, keyword)


def _frame_grid(groups: Sequence[pydicom.Dataset], shape: tuple[int, ...], where: str) -> Grid:
    measures = _macro(groups, "PixelMeasuresSequence", where)
    axes = plane_axes(_macro(groups, "PlaneOrientationSequence", where).ImageOrientationPatient)
    row_distance, column_distance = (float(value) for value in measures.PixelSpacing)
    slice_distance = float(measures.get("SpacingBetweenSlices") or measures.get("SliceThickness") or 1.0)
    x, y, z = (float(value) for value in _macro(groups, "PlanePositionSequence", where).ImagePositionPatient)
    return Grid(
        size=(shape[1], shape[0], 1),
        spacing_mm=(column_distance, row_distance, slice_distance),
        origin_lps=(x, y, z),
        direction=tuple(axes.T.ravel().tolist()),
    )


def _stack(frames: Sequence[_Frame], where: str) -> sitk.Image:
    """Return the volume of frames that form an evenly spaced grid; slices left out of the file are empty."""
    first = frames[0].grid
    # The places of all frames in the first one's voxels: only the third axis may differ, by whole slices.
    offsets = np.array([first.index(frame.grid.origin_lps) for frame in frames])
    turned = any(not np.allclose(frame.grid.direction, first.direction, atol=1e-4) for frame in frames)
    if turned or np.abs(offsets[:, :2]).max() > EVEN_SPACING_TOLERANCE:
        raise _uneven(where, "they are turned or shifted against each other")
    distance_mm = offsets[:, 2] * first.spacing_mm[2]
    order = np.argsort(distance_mm)
    gaps_mm = np.diff(distance_mm[order])
    if np.any(gaps_mm < 1e-3):
        raise _uneven(where, "two of them lie at the same place")
    step_mm = _even_step(gaps_mm, first.spacing_mm[2])
    if step_mm is None:
        listed = ", ".join(f"{gap:.4g}" for gap in gaps_mm)
        raise _uneven(where, f"they lie {listed} mm apart")
    slices = np.rint((distance_mm - distance_mm.min()) / step_mm).astype(int)
    volume = np.zeros((slices.max() + 1, first.size[1], first.size[0]), np.uint8)
    for number, frame in zip(slices, frames, strict=True):
        volume[number] = frame.pixels
    lowest = frames[order[0]].grid
    size = (first.size[0], first.size[1], len(volume))
    spacing = (*first.spacing_mm[:2], step_mm)
    return Grid(size, spacing, lowest.origin_lps, first.direction).put_on(sitk.GetImageFromArray(volume))


def _even_step(gaps_mm: NDArray[np.float64], stated_mm: float) -> float | None:
    """Return the slice distance of which all gaps are multiples: the stated one, else the smallest gap."""
    if gaps_mm.size == 0:
        return stated_mm
    for step_mm in (stated_mm, float(gaps_mm.min())):
        steps = np.rint(gaps_mm / step_mm)
        if np.all(steps >= 1) and np.allclose(gaps_mm / step_mm, steps, rtol=0, atol=EVEN_SPACING_TOLERANCE):
            return float(gaps_mm.sum() / steps.sum())
    return None


def _incomplete(where: str, keyword: str) -> InputError:
    return InputError(f"{where}: the file lacks {keyword}, so its frames cannot be placed. Export it again.")


def _uneven(where: str, why: str) -> InputError:
    return InputError(
        f"{where}: its frames do not form an evenly spaced grid ({why}), and they do not all lie on slices of the "
        "exam's DCE series. Export the segmentation on the series it was drawn on."
    )
