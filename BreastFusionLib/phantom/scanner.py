"""What the scanner adds: its vendor's dialect, the grids of its protocols, coil sensitivity and noise."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from BreastFusionLib.exam.geometry import Grid
from BreastFusionLib.phantom.fields import Array

__all__ = ["DIALECTS", "Dialect", "Protocol", "RicianNoise", "coil_sensitivity", "draw_grid", "draw_phase_times"]


@dataclass(frozen=True)
class Protocol:
    """One sequence as a vendor calls and plays it.

    Attributes:
        description: SeriesDescription; of a DCE series with one series a phase, '{phase}' is its number.
        gain: signal units of the image per unit of the phantom (fibroglandular tissue before contrast is 100).
        noise: standard deviation of the noise in each channel, in units of the phantom.
        fat: signal of fat in units of the phantom; low with fat suppression.
        acquisition: DICOM keyword -> value.
    """

    description: str
    gain: float
    noise: float
    fat: float
    acquisition: Mapping[str, Any]


@dataclass(frozen=True)
class Dialect:
    """A site's scanner.

    Attributes:
        site: name in the cohort table.
        manufacturer: says that it is a phantom, and whom it imitates.
        model: ManufacturerModelName.
        field_strength_t: MagneticFieldStrength in tesla.
        phases: how the DCE phases are told apart in DICOM: a series for each phase; one series with
            TemporalPositionIdentifier and TriggerTime; or one series with nothing but AcquisitionTime.
        rescale_slope: image value per stored value in DICOM files.
        protocols: 'dce', 't1' and 't2'.
    """

    site: str
    manufacturer: str
    model: str
    field_strength_t: float
    phases: Literal["series", "temporal_position", "acquisition_time"]
    rescale_slope: float
    protocols: Mapping[str, Protocol]

    def acquisition(self, sequence: str, grid: Grid) -> dict[str, Any]:
        """Return the DICOM keywords of a sequence on a grid."""
        return {
            "Manufacturer": self.manufacturer,
            "ManufacturerModelName": self.model,
            "MagneticFieldStrength": self.field_strength_t,
            "ImagingFrequency": round(42.577 * self.field_strength_t, 3),
            "PixelSpacing": [grid.spacing_mm[1], grid.spacing_mm[0]],
            "SliceThickness": grid.spacing_mm[2],
            "ReconstructionDiameter": round(grid.size[0] * grid.spacing_mm[0], 1),
            **self.protocols[sequence].acquisition,
        }


def _gradient_echo(tr_ms: float, te_ms: float, flip_deg: float, options: str) -> dict[str, Any]:
    return {
        "ScanningSequence": "GR",
        "SequenceVariant": "SP",
        "ScanOptions": options,
        "MRAcquisitionType": "3D",
        "RepetitionTime": tr_ms,
        "EchoTime": te_ms,
        "FlipAngle": flip_deg,
        "EchoTrainLength": 1,
    }


def _spin_echo(tr_ms: float, te_ms: float, train: int, options: str) -> dict[str, Any]:
    return {
        "ScanningSequence": "SE",
        "SequenceVariant": "SK",
        "ScanOptions": options,
        "MRAcquisitionType": "2D",
        "RepetitionTime": tr_ms,
        "EchoTime": te_ms,
        "FlipAngle": 150.0,
        "EchoTrainLength": train,
    }


DIALECTS = (
    Dialect(
        "site_a",
        "BreastFusion phantom (Siemens-like)",
        "Phantom A",
        1.5,
        "series",
        1.0,
        {
            "dce": Protocol("t1_fl3d_tra_fs_dyn_{phase}", 1.3, 4.5, 17.0, _gradient_echo(4.6, 1.7, 10.0, "FS")),
            "t1": Protocol("t1_fl3d_tra_nonfs", 3.0, 2.0, 105.0, _gradient_echo(8.9, 4.8, 25.0, "")),
            "t2": Protocol("t2_tse_tra_fs", 3.5, 2.2, 18.0, _spin_echo(5200.0, 78.0, 13, "FS")),
        },
    ),
    Dialect(
        "site_b",
        "BreastFusion phantom (GE-like)",
        "Phantom B",
        3.0,
        "temporal_position",
        1.0,
        {
            "dce": Protocol("Ax VIBRANT Multiphase", 2.6, 3.2, 23.0, _gradient_echo(5.3, 2.5, 10.0, "FS\\ACC_GEMS")),
            "t1": Protocol("Ax T1 FSE", 6.0, 1.6, 98.0, _spin_echo(650.0, 9.0, 3, "")),
            "t2": Protocol("Ax T2 FSE FatSat", 7.0, 1.8, 22.0, _spin_echo(4600.0, 95.0, 17, "FS")),
        },
    ),
    Dialect(
        "site_c",
        "BreastFusion phantom (Philips-like)",
        "Phantom C",
        1.5,
        "acquisition_time",
        0.73,
        {
            "dce": Protocol("dyn_eTHRIVE", 1.8, 4.0, 14.0, _gradient_echo(6.9, 3.4, 10.0, "FS")),
            "t1": Protocol("T1W_TSE_tra", 4.2, 2.0, 110.0, _spin_echo(550.0, 8.0, 5, "")),
            "t2": Protocol("T2W_SPAIR_tra", 5.0, 2.4, 20.0, _spin_echo(4900.0, 85.0, 15, "FS")),
        },
    ),
)

# (size, spacing in mm) of a 1.5 T axial exam, and of the coarse one for tests and demonstrations: the same breasts,
# less of the thorax, and T1 and T2 fine enough that most lesions hold the 64 voxels that texture needs.
_GRIDS = {
    False: {
        "dce": ((448, 448, 160), (0.76, 0.76, 1.1)),
        "t1": ((320, 320, 40), (1.1, 1.1, 4.0)),
        "t2": ((384, 384, 45), (0.9, 0.9, 4.0)),
    },
    True: {
        "dce": ((160, 128, 64), (2.1, 2.1, 2.5)),
        "t1": ((192, 160, 54), (1.8, 1.8, 3.0)),
        "t2": ((208, 176, 56), (1.65, 1.65, 3.0)),
    },
}
_FRONT_MM = -132.0  # the first row of voxels, anterior of the nipples


def draw_grid(rng: np.random.Generator, sequence: str, small: bool) -> Grid:
    """Return a sequence's grid; those of T1 and T2 are slightly oblique and shifted, as planned by hand."""
    size, spacing = _GRIDS[small][sequence]
    reach = (np.asarray(size) - 1) * spacing
    middle = np.array([0.0, _FRONT_MM + reach[1] / 2, 0.0])
    if sequence == "dce":
        return Grid(size, spacing, tuple((middle - reach / 2).tolist()))
    turn = sitk.Euler3DTransform((0.0, 0.0, 0.0), *np.deg2rad(rng.uniform(-3.0, 3.0, 3)).tolist())
    matrix = np.reshape(turn.GetMatrix(), (3, 3))
    middle += rng.uniform(-4.0, 4.0, 3)
    return Grid(size, spacing, tuple((middle - matrix @ (reach / 2)).tolist()), tuple(matrix.ravel().tolist()))


def draw_phase_times(rng: np.random.Generator) -> NDArray[np.float64]:
    """Return the times of five phases in seconds after the first: before contrast, then about every 90 s."""
    first, apart = rng.uniform(90.0, 100.0), rng.uniform(85.0, 95.0)
    return np.round(np.array([0.0, first, first + apart, first + 2 * apart, first + 3 * apart]), 1)


def coil_sensitivity(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """Return a smooth receive field [k, j, i]: strongest at the breasts, weaker towards the back, uneven."""
    w, v, u = (
        np.linspace(-1, 1, n, dtype=np.float32).reshape([-1 if a == axis else 1 for a in range(3)])
        for axis, n in enumerate(shape)
    )
    c = rng.normal(0.0, 0.06, 7).astype(np.float32)
    exponent = -0.32 * v + c[0] * u + c[1] * v + c[2] * w + c[3] * u * v + c[4] * u * w
    return np.exp(exponent + c[5] * np.square(u) + (c[6] - 0.08) * np.square(w)).astype(np.float32)


class RicianNoise:
    """Noise of magnitude images: the length of a complex number with normal noise in both channels.

    Drawing two normal numbers for each of 160 million voxels would take longer than everything else together. So
    numbers come from a pool of half a million, read from a new random place for each plane and channel.
    """

    _POOL = 1 << 19

    def __init__(self, rng: np.random.Generator, sigma: float, plane_voxels: int) -> None:
        """Fill the pool; `sigma` is the standard deviation in each channel, in image units."""
        self._rng = rng
        pool = rng.standard_normal(self._POOL + plane_voxels, dtype=np.float32)
        pool *= np.float32(sigma)
        self._real, self._squared = pool, np.square(pool)

    def add(self, plane: Array, out: NDArray[np.int16]) -> None:
        """Write `plane` (2-D, image units, overwritten) with noise into `out`, rounded."""
        a, b = self._rng.integers(self._POOL, size=2)
        plane += self._real[a : a + plane.size].reshape(plane.shape)
        np.square(plane, out=plane)
        plane += self._squared[b : b + plane.size].reshape(plane.shape)
        np.sqrt(plane, out=plane)
        plane += np.float32(0.5)
        np.copyto(out, plane, casting="unsafe")
