"""The truth of a phantom: its latent values, how much they tell, and how it moved between the sequences.

Every difference between a benign and a malignant lesion goes through a few latent values. They are drawn from
normal densities of unit variance that differ between the classes in their mean only, and everything that is
rendered is a monotone function of them. So the best possible decision is known in closed form: the sum of the
latents' log-likelihood ratios (Neyman and Pearson, 1933), and its area under the ROC curve is
Phi(d' / sqrt(2)) with d'^2 the sum of the squared separations (Green and Swets, 1966).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import sqrt

import numpy as np
import scipy
import SimpleITK as sitk
from numpy.typing import ArrayLike, NDArray

__all__ = [
    "LATENTS",
    "SOURCES",
    "Latent",
    "Motion",
    "Truth",
    "draw_label",
    "draw_latents",
    "ideal_auc",
    "log_likelihood_ratio",
]

SOURCES = ("shape_texture", "kinetics", "t2", "clinical")


@dataclass(frozen=True)
class Latent:
    """One latent value: normal with variance 1; mean 0 when benign, `separation` when malignant.

    Attributes:
        name: what it changes; its column in `truth.csv` is `latent_<name>`.
        source: the source of information that shows it, one of `SOURCES`.
        separation: mean of the malignant lesions (d').
    """

    name: str
    source: str
    separation: float

    def log_ratio(self, value: float) -> float:
        """Return log p(value | malignant) - log p(value | benign): d z - d^2 / 2 for means d and 0."""
        return self.separation * (value - self.separation / 2)


# Sizes of effect: each source alone reaches an area under the ROC curve of .75 to .85, all together .966.
LATENTS = (
    Latent("irregularity", "shape_texture", 1.10),
    Latent("heterogeneity", "shape_texture", 0.75),
    Latent("size", "shape_texture", 0.55),
    Latent("wash_in", "kinetics", 0.80),
    Latent("wash_out", "kinetics", 1.20),
    Latent("t2_brightness", "t2", -1.28),
    Latent("age", "clinical", 0.80),
    Latent("suspicion", "clinical", 0.47),
    Latent("lifetime_risk", "clinical", 0.22),
)


@dataclass(frozen=True)
class Motion:
    """How the patient lies in a sequence, compared with the DCE series: a rotation about a centre and a shift.

    Attributes:
        rotation_deg: about the x, y and z axis (as in SimpleITK's Euler3DTransform).
        translation_mm: along x, y and z (LPS).
        center_lps: the point that the rotation leaves in place.
    """

    rotation_deg: tuple[float, float, float] = (0.0, 0.0, 0.0)
    translation_mm: tuple[float, float, float] = (0.0, 0.0, 0.0)
    center_lps: tuple[float, float, float] = (0.0, 0.0, 0.0)

    @property
    def transform(self) -> sitk.Euler3DTransform:
        """Maps a point of DCE space to where the same tissue lies in the sequence's space."""
        return sitk.Euler3DTransform(self.center_lps, *np.deg2rad(self.rotation_deg).tolist(), self.translation_mm)

    @property
    def matrix(self) -> NDArray[np.float64]:
        """The rotation, (3, 3)."""
        return np.reshape(self.transform.GetMatrix(), (3, 3))

    def apply(self, point_lps: ArrayLike) -> NDArray[np.float64]:
        """Map points (..., 3) of DCE space to the sequence's space, in mm."""
        center = np.asarray(self.center_lps)
        return (np.asarray(point_lps, dtype=float) - center) @ self.matrix.T + center + np.asarray(self.translation_mm)


@dataclass(frozen=True)
class Truth:
    """What is known about a phantom beyond what its images show.

    Attributes:
        latents: name -> value, as in `LATENTS`.
        diameter_mm: of the sphere with the lesion's volume, before it is sampled on any grid.
        density: ACR class 'a' (almost entirely fat) to 'd' (extremely dense).
        density_fraction: share of the breast volume that is fibroglandular tissue.
        background_percent: enhancement of fibroglandular tissue in the last phase.
        centers_lps: sequence -> the lesion's centre in that sequence's space, in mm.
        motions: sequence -> motion against the DCE series.
    """

    latents: Mapping[str, float]
    diameter_mm: float
    density: str
    density_fraction: float
    background_percent: float
    centers_lps: Mapping[str, tuple[float, float, float]]
    motions: Mapping[str, Motion]

    @property
    def llr(self) -> dict[str, float]:
        """The ideal observer's log-likelihood ratio (natural logarithm): one a source, and 'all'."""
        values = {source: log_likelihood_ratio(self.latents, (source,)) for source in SOURCES}
        return {**values, "all": sum(values.values())}


def draw_label(seed: int, number: int) -> int:
    """Return the class of exam `number` (counted from 1): 1 malignant, 0 benign.

    Exams 1 and 2, 3 and 4, .. hold one of each in random order, so that small cohorts are balanced too.
    """
    pair, member = divmod(number - 1, 2)
    first = int(np.random.default_rng([seed, pair, 0xC01]).integers(2))
    return first ^ member


def draw_latents(rng: np.random.Generator, label: int) -> dict[str, float]:
    """Draw all latents of one lesion of class `label` (1 malignant)."""
    return {latent.name: float(rng.normal(latent.separation * label)) for latent in LATENTS}


def log_likelihood_ratio(latents: Mapping[str, float], sources: Iterable[str] = SOURCES) -> float:
    """Return log p(latents | malignant) - log p(latents | benign) over the latents of `sources`."""
    wanted = set(sources)
    return sum(latent.log_ratio(latents[latent.name]) for latent in LATENTS if latent.source in wanted)


def ideal_auc(sources: Iterable[str] = SOURCES) -> float:
    """Return the area under the ROC curve of the ideal observer who sees the latents of `sources`."""
    wanted = set(sources)
    separation = sqrt(sum(latent.separation**2 for latent in LATENTS if latent.source in wanted))
    return float(scipy.special.ndtr(separation / sqrt(2)))
