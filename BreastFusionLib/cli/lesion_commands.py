"""Commands on a lesion: segment, map, kinetics."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import SimpleITK as sitk
import typer

from BreastFusionLib.cli.output import JsonOption, emit, result_only_on_stdout
from BreastFusionLib.errors import InputError
from BreastFusionLib.files import replacing

__all__ = ["kinetics", "map_", "segment"]

ExamArgument = Annotated[Path, typer.Argument(help="Exam folder or DICOM study.")]
MaskArgument = Annotated[Path, typer.Argument(help="Lesion on the DCE grid: NIfTI, NRRD, seg.nrrd or DICOM SEG.")]
SegmentOption = Annotated[str | None, typer.Option("--segment", help="Name or number of the segment in the mask.")]
ResampleOption = Annotated[bool, typer.Option("--resample", help="Take a mask on another grid of the same frame.")]


def load(exam: Path, mask: Path, segment: str | None, resample: bool) -> tuple[Any, Any]:
    """Return the exam and the checked lesion of a command's arguments."""
    from BreastFusionLib.exam import read_exam
    from BreastFusionLib.lesion import read_lesion

    found = read_exam(exam)
    return found, read_lesion(mask, found, segment, resample=resample)


def parse_point(text: str, option: str) -> tuple[float, float, float]:
    """Return the LPS point of an option 'X,Y,Z' in mm."""
    try:
        x, y, z = (float(part) for part in text.split(","))
    except ValueError:
        raise InputError(
            f"{option} {text}: three numbers in mm (LPS) are expected, e.g. {option} 62.5,-31,14."
        ) from None
    return x, y, z


def segment(
    exam: ExamArgument,
    seed: Annotated[str, typer.Option(help="A point in the lesion, X,Y,Z in mm (LPS).")],
    out: Annotated[Path, typer.Option(help="The mask, on the DCE grid.")],
    enhancement: Annotated[float, typer.Option(help="Least enhancement over the pre-contrast phase, per cent.")] = 70.0,
    radius: Annotated[float, typer.Option(help="Farthest voxel from the point, mm.")] = 30.0,
    as_json: JsonOption = False,
) -> None:
    """Outline a lesion from one point: region growing on percentage enhancement."""
    from BreastFusionLib.exam import read_exam
    from BreastFusionLib.exam.image_files import write_image
    from BreastFusionLib.lesion import make_lesion, measure, segment_from_seed

    with result_only_on_stdout():
        found = read_exam(exam)
        mask = segment_from_seed(found, parse_point(seed, "--seed"), enhancement_percent=enhancement, radius_mm=radius)
        lesion = make_lesion(mask, found)
        write_image(lesion.mask, out)
        measured = measure(lesion.mask)
    emit({**measured.to_mapping(), "side": lesion.side, "warnings": list(lesion.warnings)}, as_json)


def map_(
    exam: ExamArgument,
    mask: MaskArgument,
    to: Annotated[Literal["t1", "t2"], typer.Option(help="The sequence to map to.")],
    out: Annotated[Path, typer.Option(help="The mapped mask, on that sequence's grid; a transform goes beside it.")],
    registration: Annotated[Literal["none", "rigid"], typer.Option(help="By the headers, or refined.")] = "none",
    segment: SegmentOption = None,
    resample: ResampleOption = False,
    as_json: JsonOption = False,
) -> None:
    """Carry a lesion from the DCE grid to T1 or T2."""
    from BreastFusionLib.exam.image_files import write_image
    from BreastFusionLib.lesion import map_lesion

    with result_only_on_stdout():
        found, lesion = load(exam, mask, segment, resample)
        mapped = map_lesion(lesion, found, to, registration)
        write_image(mapped.mask, out)
        if mapped.transform is not None:
            with replacing(out.with_name(out.name.partition(".")[0] + "_transform.tfm")) as temporary:
                sitk.WriteTransform(mapped.transform, str(temporary))
    emit({**mapped.to_mapping(), "warnings": [*lesion.warnings, *mapped.warnings]}, as_json)


def kinetics(
    exam: ExamArgument,
    mask: MaskArgument,
    segment: SegmentOption = None,
    resample: ResampleOption = False,
    as_json: JsonOption = False,
) -> None:
    """Measure the time-intensity curve of a lesion, in the words of BI-RADS."""
    from BreastFusionLib.lesion import measure_kinetics

    with result_only_on_stdout():
        found, lesion = load(exam, mask, segment, resample)
        measured = measure_kinetics(found.dce, lesion.mask).to_mapping()
    emit({**measured, "warnings": [*lesion.warnings, *measured.get("warnings", ())]}, as_json)
