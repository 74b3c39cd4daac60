"""What a recipe's rules draw from where no cohort's table names the case: the same for an exam on whatever way it came.

Names will not do: a lesion is called one thing in a scene and another in a folder, and volumes that somebody dragged
into a scene come without any. The voxels before contrast are the same on all ways, and tell nobody who it is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import SimpleITK as sitk

from BreastFusionLib.exam.model import Exam

if TYPE_CHECKING:
    from BreastFusionLib.reading.model import Case
    from BreastFusionLib.reading.recipe import InputsSpec

__all__ = ["drawn_from"]


def drawn_from(case: Case, inputs: InputsSpec) -> str:
    """Return what the rules of a recipe draw from for a case.

    Args:
        case: with the whole volume of its first phase, unless `Case.drawn_from` says it already.
        inputs: without rules nothing is drawn, and no voxel is looked at.

    Returns:
        `Case.drawn_from` (the case's name in its cohort); else a text that is the same for the same exam and side,
        whatever the exam, its folder and the lesion are called and however the lesion is outlined.
    """
    if case.drawn_from is not None:
        return case.drawn_from
    return f"{_voxels_words(case.exam)}/{case.breast_side}" if inputs.clinical_rules else ""


def _voxels_words(exam: Exam) -> str:
    """Return number and sum of the voxels before contrast: neither cares in which order a program reads slices."""
    dce = exam.get("dce")
    if dce is None:
        return ""
    voxels = sitk.GetArrayViewFromImage(dce.phase(0).image)
    # Whole numbers add up exactly; of others, summed in another order, the last digits may differ.
    return f"{voxels.size} {np.sum(voxels, dtype=np.float64):.9g}"
