"""A lesion's surface in 3-D, and the lesion inside its breasts, rendered off screen with VTK.

The rendering runs in a process of its own: without a graphics library VTK ends the process instead of raising, and
in one process with PyTorch the order of imports would matter.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import SimpleITK as sitk

from BreastFusionLib.exam.geometry import bounding_box, crop

__all__ = ["SurfaceError", "SurfacePicture", "render_surfaces"]

_TIMEOUT_S = 120
_SKIN_STEP_MM = 2.5  # the skin is smooth: finer voxels would only cost time


class SurfaceError(RuntimeError):
    """This machine cannot render surfaces; the message says why."""


@dataclass(frozen=True)
class SurfacePicture:
    """A rendered surface.

    Attributes:
        png: the picture, on a dark ground.
        width_px: its width.
        mm_per_px: size of a pixel (parallel projection: the same everywhere).
    """

    png: bytes
    width_px: int
    mm_per_px: float


def render_surfaces(lesion: sitk.Image, breast: sitk.Image | None = None) -> dict[str, SurfacePicture]:
    """Render a lesion from the front, slightly from above and from the patient's left.

    Args:
        lesion: a mask with at least one voxel.
        breast: a mask of the breasts on any grid of the same patient, shown translucent round the lesion.

    Returns:
        'lesion' close up, and 'breast' when its mask is given.

    Raises:
        SurfaceError: VTK or a graphics library is missing.
    """
    box = bounding_box(lesion)
    if box is None:
        raise ValueError("the lesion's mask is empty")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        sitk.WriteImage(crop(lesion, box.grown(2)) != 0, folder / "lesion.nrrd")
        if breast is not None:
            coarser = [max(1, int(_SKIN_STEP_MM / spacing)) for spacing in breast.GetSpacing()]
            sitk.WriteImage(sitk.Shrink(breast, coarser) != 0, folder / "breast.nrrd")
        command = [sys.executable, "-m", "BreastFusionLib.report.render", str(folder)]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False)
        except subprocess.TimeoutExpired:
            raise SurfaceError(f"Rendering took longer than {_TIMEOUT_S} s on this machine.") from None
        if done.returncode:
            reason = (done.stderr.strip().splitlines() or ["the process ended without a word"])[-1]
            raise SurfaceError(
                f"VTK could not render on this machine ({reason}). Install a graphics library, e.g. libegl1 or "
                "libosmesa6 on Debian."
            )
        sizes = json.loads((folder / "pictures.json").read_text())
        return {
            picture: SurfacePicture((folder / f"{picture}.png").read_bytes(), size["width_px"], size["mm_per_px"])
            for picture, size in sizes.items()
        }
