"""The window in which an MR volume is shown: chosen from its own values, because MR has no units of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import slicer

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["apply_window", "enhancement_range", "tissue_range"]

# So many values tell a percentile well enough, and a volume of 30 million takes milliseconds.
_SAMPLES = 200_000

# Share of the brightest tissue's signal below which there is only air's noise.
_AIR = 0.05


def tissue_range(values: NDArray[np.generic]) -> tuple[float, float]:
    """Return (black, white) that leave air black and let breast tissue use the whole range.

    Air is half of a breast MRI, and a few voxels of skin next to the coil outshine everything: white is what few
    voxels of tissue exceed, and tissue is what is brighter than air's noise.

    Args:
        values: any shape, scanner units.
    """
    sample = _sample(values)
    if sample.size == 0:
        return 0.0, 1.0
    darkest, brightest = float(sample.min()), float(np.percentile(sample, 99.0))
    black = darkest + _AIR * (brightest - darkest)
    tissue = sample[sample > black]
    return _apart(black, float(np.percentile(tissue, 99.5)) if tissue.size else black)


def enhancement_range(values: NDArray[np.generic]) -> tuple[float, float]:
    """Return (black, white) of a subtraction: black is no enhancement, white what few voxels exceed."""
    sample = _sample(values)
    gain = sample[sample > 0]
    return _apart(0.0, float(np.percentile(gain, 99.7)) if gain.size else 1.0)


def apply_window(volume: Any, black: float, white: float) -> None:
    """Show a volume node in this window from now on, whatever its next image holds."""
    volume.CreateDefaultDisplayNodes()
    display = volume.GetDisplayNode()
    with slicer.util.NodeModify(display):
        display.AutoWindowLevelOff()
        display.SetWindowLevel(white - black, (white + black) / 2)


def _sample(values: NDArray[np.generic]) -> NDArray[np.float64]:
    flat = np.asarray(values).reshape(-1)
    # An odd stride: an even one would keep to the same columns of an image whose width is a power of two.
    stride = max(1, flat.size // _SAMPLES) | 1
    sample = flat[::stride].astype(np.float64)
    return sample[np.isfinite(sample)]


def _apart(black: float, white: float) -> tuple[float, float]:
    return (black, white) if white > black else (black, black + 1.0)
