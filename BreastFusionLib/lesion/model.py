"""What a lesion is: a mask on the DCE grid, with a name and a side."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import SimpleITK as sitk

from BreastFusionLib.exam.model import Side

__all__ = ["OTHER_SIDE", "Lesion", "MappedLesion"]

OTHER_SIDE = "The lesion lies in the"
"""How a sentence begins that tells of a lesion that is said to lie in the other breast."""


@dataclass(frozen=True)
class Lesion:
    """A lesion on the DCE grid.

    Attributes:
        mask: sitk.sitkUInt8, 1 inside, on the grid of the exam's DCE series.
        lesion_id: a name without patient data ('lesion', 'L1', ..).
        side: of the breast that holds it.
        warnings: what was noticed while it was read or checked (resampled, touches the border, ..).
    """

    mask: sitk.Image
    lesion_id: str = "lesion"
    side: Side = "unknown"
    warnings: tuple[str, ...] = ()

    def on_side(self, side: Side) -> Lesion:
        """Return the lesion in the breast that a person names, whose word counts more than the midline.

        Where the images say that it is the other one, that is a warning: the mask may be another patient's.
        """
        warnings = self.warnings
        if "unknown" not in (side, self.side) and side != self.side:
            warnings += (
                f"{OTHER_SIDE} {self.side} breast by the images, and is said to lie in the {side} one, which was "
                "believed. Check the side, and that mask and exam belong together.",
            )
        return replace(self, side=side, warnings=warnings)


@dataclass(frozen=True)
class MappedLesion:
    """The same lesion on another sequence's grid.

    Attributes:
        mask: sitk.sitkUInt8, 1 inside, on the target's grid.
        sequence: 't1' or 't2' (or 'dce' itself, with the mask as drawn).
        method: 'same grid', 'geometry' or 'rigid registration'; 'edited' when a person changed the outline there.
        source_volume_mm3: volume on the DCE grid.
        volume_mm3: volume on the target's grid.
        coverage: share (0..1) of the DCE mask inside the target's field of view.
        voxels: number of voxels on the target.
        slices: number of slices of the target that hold a part of it.
        texture_defined: False when it has fewer than 64 voxels or 3 slices, so that texture counts as missing.
        transform: maps points of the target's space to DCE space (SimpleITK's resampling convention), None when
            it is the identity.
        warnings: sentences.
    """

    mask: sitk.Image
    sequence: str
    method: str
    source_volume_mm3: float
    volume_mm3: float
    coverage: float
    voxels: int
    slices: int
    texture_defined: bool
    transform: sitk.Transform | None = None
    warnings: tuple[str, ...] = ()

    def to_mapping(self) -> dict[str, Any]:
        """Return everything that is told of it in JSON's own types: all but mask, sequence and transform."""
        return {
            "method": self.method,
            "source_volume_mm3": self.source_volume_mm3,
            "volume_mm3": self.volume_mm3,
            "coverage": self.coverage,
            "voxels": self.voxels,
            "slices": self.slices,
            "texture_defined": self.texture_defined,
            "warnings": list(self.warnings),
        }
