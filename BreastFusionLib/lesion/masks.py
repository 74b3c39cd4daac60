"""From a file to a lesion: reading masks, and the checks that every lesion passes."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from BreastFusionLib.errors import InputError
from BreastFusionLib.exam.breast import side_of
from BreastFusionLib.exam.formats import lesion_id_of, looks_like_dicom
from BreastFusionLib.exam.geometry import Box, Grid, bounding_box, describe_difference, resample_onto
from BreastFusionLib.exam.model import Exam
from BreastFusionLib.exam.nifti_file import refuse_damaged_nifti
from BreastFusionLib.lesion.labels import binary_mask
from BreastFusionLib.lesion.measure import Measurements, label_components, measure, volume_mm3
from BreastFusionLib.lesion.model import Lesion
from BreastFusionLib.lesion.placing import place_on
from BreastFusionLib.lesion.slicer_seg import is_slicer_segmentation, slicer_segment

__all__ = ["make_lesion", "read_lesion", "read_mask", "shape_warnings"]


def read_lesion(
    path: str | os.PathLike[str],
    exam: Exam,
    segment: str | int | None = None,
    lesion_id: str | None = None,
    resample: bool = False,
) -> Lesion:
    """Read a lesion of an exam from a file and check it: `read_mask` and `make_lesion` in one.

    Args:
        path: see `read_mask`.
        exam: the exam in which it was drawn.
        segment: see `read_mask`.
        lesion_id: see `make_lesion`; None: the file's name without its suffixes.
        resample: see `make_lesion`.
    """
    path = Path(path)
    mask = read_mask(path, segment, exam.dce.grid)
    return make_lesion(mask, exam, lesion_id or lesion_id_of(path), resample, source=path.name)


def read_mask(path: str | os.PathLike[str], segment: str | int | None = None, grid: Grid | None = None) -> sitk.Image:
    """Read a mask from NIfTI, NRRD, 3D Slicer's seg.nrrd or DICOM SEG.

    Args:
        path: the file, or a folder that holds one DICOM SEG.
        segment: which one, when the file holds several: the label of a label image; the name, the ID or the place in
            the list (from 1) of a seg.nrrd; the Segment Label or Segment Number of a DICOM SEG.
        grid: grid of the exam's DCE series. seg.nrrd and DICOM SEG store only the part of the volume that holds
            something; with `grid` that part is put back where its voxels coincide with those of `grid`.

    Returns:
        sitk.sitkUInt8, 1 inside; on `grid` where the part could be put back, else on the file's own grid.

    Raises:
        InputError: a file that is absent, unreadable or cut off, not 3-D, without such a segment, or with values
            that are no labels.
    """
    path = Path(path)
    if not path.exists():
        raise InputError(f"{path} does not exist: the file of a lesion's mask is expected. Check the path.")
    if path.is_dir() or looks_like_dicom(path):
        from BreastFusionLib.lesion import dicom_seg  # pydicom takes .2 s to import

        return dicom_seg.read_dicom_seg(dicom_seg.find_dicom_seg(path) if path.is_dir() else path, segment, grid)
    image = _read_image(path)
    if is_slicer_segmentation(image):
        mask = slicer_segment(image, segment, path.name)
        return mask if grid is None else place_on([mask], grid) or mask
    return binary_mask(image, segment, path.name)


def make_lesion(
    mask: sitk.Image,
    exam: Exam,
    lesion_id: str = "lesion",
    resample: bool = False,
    source: str = "",
) -> Lesion:
    """Check a mask and make it a lesion of an exam.

    Args:
        mask: non-zero inside, on the grid of the exam's DCE series.
        exam: the exam in which it was drawn.
        lesion_id: a name without patient data.
        resample: take a mask on another grid of the same frame, by nearest neighbour; the change of its volume is
            among the lesion's warnings.
        source: the mask's file name, for messages.

    Raises:
        InputError: a mask that is empty, not 3-D, on another grid, outside the DCE volume, or with values that are
            no labels.
    """
    where = source or f"The mask of '{lesion_id}'"
    mask = binary_mask(mask, None, where)
    warnings = []
    grid = exam.dce.grid
    if describe_difference(mask, grid):
        if not resample:
            raise _other_grid(mask, exam, where)
        mask, warning = _resampled(mask, exam, where)
        warnings.append(warning)
    # From here on the grids are equal to the last digit, not only within the tolerance.
    mask = grid.put_on(mask)
    measured = measure(mask)
    warnings += shape_warnings(mask, measured)
    return Lesion(mask, lesion_id, side_of(measured.center_lps, exam), tuple(warnings))


def shape_warnings(mask: sitk.Image, measured: Measurements) -> tuple[str, ...]:
    """Say what is odd about a lesion's shape.

    Args:
        mask: non-zero inside.
        measured: `measure` of it.
    """
    warnings = []
    if measured.voxels == 1:
        warnings.append("The lesion is a single voxel: it has a place and a signal, but no shape and no texture.")
    if measured.touches_border:
        warnings.append("The lesion touches the border of the DCE volume: a part of it may be missing.")
    if measured.components > 1:
        largest = _largest_share(mask, measured.box)
        warnings.append(
            f"The lesion has {measured.components} separate parts, the largest with {100 * largest:.0f} % of its "
            "voxels: they are measured as one lesion."
        )
    return tuple(warnings)


def _read_image(path: Path) -> sitk.Image:
    refuse_damaged_nifti(path)  # else the missing end of a lesion would be read as outside
    try:
        image = sitk.ReadImage(str(path))
    except RuntimeError as error:
        raise InputError(
            f"{path.name} cannot be read as an image: a mask as NIfTI, NRRD, seg.nrrd or DICOM SEG is expected. "
            "Check that the file is complete."
        ) from error
    if image.GetDimension() == 4 and image.GetSize()[3] == 1:
        return image[..., 0]
    return image


def _other_grid(mask: sitk.Image, exam: Exam, where: str) -> InputError:
    own, dce = Grid.of(mask), exam.dce.grid
    if own.size == dce.size:
        found = f"{where} does not lie on the grid of the DCE series: {describe_difference(own, dce)}"
    else:
        found = f"{where} lies on a {_size(own)} grid, the DCE series on {_size(dce)}"
    return InputError(f"{found}: draw the lesion on the DCE series or pass --resample.")


def _size(grid: Grid) -> str:
    return "x".join(map(str, grid.size))


def _resampled(mask: sitk.Image, exam: Exam, where: str) -> tuple[sitk.Image, str]:
    """Return the mask on the DCE grid, and a sentence about what that changed."""
    on_dce = resample_onto(mask, exam.dce.grid, "nearest")
    if bounding_box(on_dce) is None:
        raise InputError(
            f"{where} lies outside the DCE series, or between its voxels: nothing of it is "
            "left on that grid. Check that mask and exam belong together."
        )
    before = volume_mm3(mask)
    after = volume_mm3(on_dce)
    change = round(100 * (after / before - 1), 1) + 0.0  # no "-0.0"
    return on_dce, (
        f"{where} was resampled onto the DCE grid by nearest neighbour: its volume changed from {before:.4g} to "
        f"{after:.4g} mm3 ({change:+.1f} %)."
    )


def _largest_share(mask: sitk.Image, box: Box) -> float:
    labels, _ = label_components(sitk.GetArrayViewFromImage(mask)[box.slices] != 0)
    voxels = np.bincount(labels.ravel())[1:]
    return float(voxels.max() / voxels.sum())
