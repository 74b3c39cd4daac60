"""A phase of which only a box of voxels is at hand: enough for what looks nowhere else, and quick to send about."""

from __future__ import annotations

from collections.abc import Callable

import SimpleITK as sitk

from BreastFusionLib.exam.geometry import Box, Grid, crop
from BreastFusionLib.exam.model import Phase

__all__ = ["PartialPhase"]


class PartialPhase(Phase):
    """A phase that knows its whole grid, but only the voxels inside a box of it; the others are 0.

    Voxels keep their index and their place, so that whatever looks only inside the box computes the very same numbers
    as on the whole volume.
    """

    def __init__(
        self, time_s: float | None, piece: sitk.Image | Callable[[], sitk.Image], box: Box, grid: Grid
    ) -> None:
        """Take a piece of a phase.

        Args:
            time_s: see `Phase`.
            piece: the voxels inside the box, or a function that reads them.
            box: where they lie in the volume; inside it.
            grid: of the whole volume.
        """
        super().__init__(time_s, self._placed, grid.size[2])
        self._kept = Phase(time_s, piece)
        self.box = box
        self.grid = grid

    @property
    def piece(self) -> sitk.Image:
        """The voxels inside the box."""
        return self._kept.image

    def part(self, box: Box) -> sitk.Image:
        """Return the voxels inside a box.

        Raises:
            ValueError: it reaches outside what is at hand.
        """
        if box.clipped(self.grid.size) != box or box.covering(self.box) != self.box:
            raise ValueError(f"voxels of {box} were asked for, only those of {self.box} are at hand")
        start = tuple(a - b for a, b in zip(box.start, self.box.start, strict=True))
        return crop(self.piece, Box(start, box.size))  # type: ignore[arg-type]

    def _placed(self) -> sitk.Image:
        """Return the whole volume."""
        piece = self._kept.read()  # not kept beside the whole
        if self.box.size == self.grid.size:
            return piece
        whole = self.grid.empty_image(piece.GetPixelID())
        (i, j, k), (i_end, j_end, k_end) = self.box.start, self.box.stop
        whole[i:i_end, j:j_end, k:k_end] = piece
        return whole
