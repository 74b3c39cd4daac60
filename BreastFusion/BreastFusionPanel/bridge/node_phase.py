"""A phase of an exam whose pixels are those of a volume node."""

from __future__ import annotations

import numpy as np
import SimpleITK as sitk
import slicer

from BreastFusionLib.exam.geometry import Box, Grid, crop
from BreastFusionLib.exam.model import Phase

from .geometry import grid_of, image_of, pixels_of

__all__ = ["NodePhase"]


class NodePhase(Phase):
    """A phase whose pixels stay in their node until they are asked for; what is asked for is copied and no more."""

    def __init__(
        self, volume: slicer.vtkMRMLScalarVolumeNode, time_s: float | None = None, grid: Grid | None = None
    ) -> None:
        """Take a phase.

        Args:
            volume: a volume node, or the item of a sequence.
            time_s: seconds after the pre-contrast phase; None when unknown.
            grid: what its voxels lie on; None: as `grid_of` says.
        """
        self.grid = grid_of(volume) if grid is None else grid
        super().__init__(time_s, lambda: image_of(volume, grid=self.grid), self.grid.size[2])
        self.volume = volume

    def part(self, box: Box) -> sitk.Image:
        """Return what lies in `box`, which may reach outside (there it is 0)."""
        inside = box.clipped(self.grid.size)
        if 0 in inside.size:
            return crop(image_of(self.volume, Box((0, 0, 0), (1, 1, 1)), self.grid), box)
        image = image_of(self.volume, inside, self.grid)
        if inside == box:
            return image
        offset = tuple(a - b for a, b in zip(box.start, inside.start, strict=True))
        return crop(image, Box(offset, box.size))  # type: ignore[arg-type]

    def every(self, steps: tuple[int, int, int]) -> sitk.Image:
        """Return every n-th voxel along (i, j, k); only these are copied."""
        i, j, k = steps
        part = pixels_of(self.volume)[::k, ::j, ::i]
        spacing = tuple(mm * n for mm, n in zip(self.grid.spacing_mm, steps, strict=True))
        grid = Grid(part.shape[::-1], spacing, self.grid.origin_lps, self.grid.direction)  # type: ignore[arg-type]
        return grid.put_on(sitk.GetImageFromArray(np.ascontiguousarray(part)))
