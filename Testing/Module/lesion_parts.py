"""What the tests of section 2 do and read."""

from __future__ import annotations

import numpy as np
import SimpleITK as sitk
from BreastFusionPanel.bridge.exam_nodes import exam_of
from BreastFusionPanel.bridge.geometry import to_ras
from BreastFusionPanel.bridge.labelmaps import mask_of
from bridge_parts import pixels


def drawn(study, segment_id: str) -> sitk.Image:
    return mask_of(study.parameters.segmentation, segment_id, exam_of(study.parameters).dce.grid)


def cell(study, row: int, column: int) -> str:
    return study.ui.lesionTable.item(row, column).text().replace("\u00a0", " ")


def center_of(lesion) -> tuple[float, float, float]:
    """A voxel of the lesion near its middle, in LPS mm."""
    inside = np.argwhere(pixels(lesion.mask))[:, ::-1]
    nearest = inside[np.linalg.norm(inside - inside.mean(axis=0), axis=1).argmin()]
    return lesion.mask.TransformIndexToPhysicalPoint(nearest.tolist())


def paint(study, center_lps, radius_mm: float) -> None:
    study.ui.segmentEditor.paint_sphere(to_ras(center_lps), radius_mm)
