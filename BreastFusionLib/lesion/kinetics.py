"""How a lesion takes up contrast and gives it back, in the words of BI-RADS MRI.

Notation: S0 is the signal before contrast, S1 the signal at the *initial peak* (the post-contrast phase with the
highest lesion mean among those within 120 s of the first one), S2 the signal of the last phase.

- Initial rise: 100 (S1 - S0) / S0; slow below 50 %, medium 50 to 100 %, fast above 100 %.
- Delayed phase: 100 (S2 - S1) / S1; persistent above +10 %, wash-out below -10 %, plateau between.
  (Both: Morris et al., ACR BI-RADS Magnetic Resonance Imaging, in: ACR BI-RADS Atlas, 5th ed., 2013, 'Kinetic curve
  assessment'; the limits of 10 % are those of computer-aided evaluation, Wang et al., AJR 2009;193:826.)
- Signal enhancement ratio: SER = (S1 - S0) / (S2 - S0) (Esserman et al., Breast J 1999;5:13; Hylton et al.,
  Radiology 2012;263:663).
- Worst curve: the most suspicious type in the lesion (wash-out before plateau before persistent), voxel by voxel.

BI-RADS' slow, medium and fast mean the first two minutes. When the first phase after contrast was taken more than
180 s after the one before it, or no times are known, the rise is given in per cent without a word.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from BreastFusionLib.errors import InputError
from BreastFusionLib.exam.geometry import bounding_box, describe_difference
from BreastFusionLib.exam.model import Series
from BreastFusionLib.settings import to_mapping

__all__ = ["KINETIC_FEATURES", "KineticPhase", "Kinetics", "measure_kinetics"]

Curve = Literal["persistent", "plateau", "wash-out"]
Rise = Literal["slow", "medium", "fast"]

INITIAL_PERIOD_S = 120.0
LATEST_TIMED_FIRST_PHASE_S = 180.0
SLOW_BELOW_PERCENT = 50.0
FAST_ABOVE_PERCENT = 100.0
DELAYED_CHANGE_PERCENT = 10.0
# Noise and motion alone make such changes: curves within them say nothing of the tissue.
WEAK_PERCENT = 15.0
DARKER_PERCENT = 10.0
# A single noisy voxel is no curve: the worst curve must be seen in at least this share of the lesion.
WORST_CURVE_MIN_SHARE = 0.05

KINETIC_FEATURES: tuple[str, ...] = (
    "initial_percent",
    "delayed_percent",
    "peak_percent",
    "time_to_peak_s",
    "ser",
    "washout_share",
    "plateau_share",
    "persistent_share",
    "initial_percent_sd",
    "delayed_percent_sd",
)
"""The numbers a model uses, in the order of `Kinetics.vector`."""


@dataclass(frozen=True)
class KineticPhase:
    """One phase of the time-intensity curve.

    Attributes:
        time_s: seconds after the pre-contrast phase; None when unknown.
        mean: mean signal in the lesion, in the image's units.
        percent: enhancement against the pre-contrast phase, 100 (S - S0) / S0; None when S0 is not positive.
    """

    time_s: float | None
    mean: float
    percent: float | None


@dataclass(frozen=True)
class Kinetics:
    """The time-intensity curve of a lesion and what is read from it; None where undefined.

    Attributes:
        phases: the curve, the pre-contrast phase first.
        initial_percent: rise of the lesion mean to the initial peak, in per cent.
        initial_rise: 'slow', 'medium' or 'fast'; None when the rise cannot be timed.
        delayed_percent: change of the lesion mean from the initial peak to the last phase, in per cent; None when
            no phase was taken after the initial ones.
        curve: 'persistent', 'plateau' or 'wash-out', of the lesion mean.
        ser: signal enhancement ratio of the lesion mean.
        peak_percent: highest enhancement of the lesion mean in any phase, in per cent.
        time_to_peak_s: time of that phase after the pre-contrast one; None when the rise cannot be timed.
        washout_share: share (0..1) of voxels with wash-out; the same for plateau and persistent.
        plateau_share: see washout_share.
        persistent_share: see washout_share.
        worst_curve: most suspicious type that at least 5 % of the voxels show.
        worst_curve_share: share (0..1) of voxels that show it.
        initial_percent_sd: standard deviation over voxels of the initial rise, in per cent of the lesion mean S0.
        delayed_percent_sd: standard deviation over voxels of the delayed change, in per cent.
        voxels: number of voxels measured.
        warnings: sentences about what is undefined, and why.
    """

    phases: tuple[KineticPhase, ...]
    initial_percent: float | None
    initial_rise: Rise | None
    delayed_percent: float | None
    curve: Curve | None
    ser: float | None
    peak_percent: float | None
    time_to_peak_s: float | None
    washout_share: float | None
    plateau_share: float | None
    persistent_share: float | None
    worst_curve: Curve | None
    worst_curve_share: float | None
    initial_percent_sd: float | None
    delayed_percent_sd: float | None
    voxels: int
    warnings: tuple[str, ...] = ()

    def vector(self) -> dict[str, float]:
        """Return the numbers a model uses, in the order of `KINETIC_FEATURES`; NaN where undefined."""
        values = {name: getattr(self, name) for name in KINETIC_FEATURES}
        return {name: float("nan") if value is None else float(value) for name, value in values.items()}

    def to_mapping(self) -> dict[str, Any]:
        """Return everything in JSON's own types."""
        return to_mapping(self)

    def describe(self) -> str:
        """Return the curve in words: 'initial rise +193 %, timing unknown; delayed phase wash-out (-18 %)'."""
        word = self.initial_rise or "timing unknown"
        rise = "undefined" if self.initial_percent is None else f"{self.initial_percent:+.0f} %, {word}"
        delayed = "undefined" if self.delayed_percent is None else f"{self.curve} ({self.delayed_percent:+.0f} %)"
        return f"initial rise {rise}; delayed phase {delayed}"


def measure_kinetics(dce: Series, mask: sitk.Image) -> Kinetics:
    """Measure the time-intensity curve of a lesion.

    Args:
        dce: DCE series with its phases in time order, the pre-contrast one first.
        mask: non-zero inside the lesion, on the grid of the series.

    Raises:
        InputError: fewer than two phases, a mask that is empty or on another grid, or voxels that are no numbers.
    """
    signal = _lesion_signal(dce, mask)
    times_s = _known_times(dce)
    means = signal.mean(axis=1)
    initial = _initial_peak(means, times_s)
    delayed_exists = len(means) - 1 > _last_initial(times_s, len(means))
    # A rise can be told slow or fast only when it is known when contrast came.
    timed = times_s is not None and times_s[1] <= LATEST_TIMED_FIRST_PHASE_S
    percents = [_ratio(100 * (mean - means[0]), means[0]) for mean in means]
    peak = 1 + int(np.argmax(means[1:]))
    delayed_percent = _ratio(100 * (means[-1] - means[initial]), means[initial]) if delayed_exists else None
    voxel_delayed = _voxel_delayed_percent(signal, initial) if delayed_exists else None
    shares = _curve_shares(voxel_delayed)
    worst = _worst_curve(shares)
    return Kinetics(
        phases=tuple(
            KineticPhase(None if times_s is None else times_s[i], float(means[i]), percents[i])
            for i in range(len(means))
        ),
        initial_percent=percents[initial],
        initial_rise=_rise_word(percents[initial]) if timed else None,
        delayed_percent=delayed_percent,
        curve=None if delayed_percent is None else _curve_word(delayed_percent),
        ser=_ratio(means[initial] - means[0], means[-1] - means[0]) if delayed_exists else None,
        peak_percent=percents[peak],
        time_to_peak_s=times_s[peak] if timed and times_s is not None else None,
        washout_share=shares.get("wash-out"),
        plateau_share=shares.get("plateau"),
        persistent_share=shares.get("persistent"),
        worst_curve=worst,
        worst_curve_share=shares[worst] if worst else None,
        initial_percent_sd=_ratio(100 * float((signal[initial] - signal[0]).std()), means[0]),
        delayed_percent_sd=None if voxel_delayed is None else float(voxel_delayed.std()),
        voxels=signal.shape[1],
        warnings=tuple(_warnings(means, times_s, delayed_exists)),
    )


def _lesion_signal(dce: Series, mask: sitk.Image) -> NDArray[np.float64]:
    """Return the signal of every lesion voxel, shape (phases, voxels)."""
    if len(dce.phases) < 2:
        raise InputError(
            f"The DCE series '{dce.description}' has {len(dce.phases)} phase: kinetics need one before contrast and "
            "at least one after it. Add the other phases, or use a model without kinetics."
        )
    difference = describe_difference(mask, dce.grid)
    if difference:
        raise InputError(
            f"The lesion's mask does not lie on the grid of the DCE series ({difference}): "
            "draw the lesion on the DCE series or pass --resample."
        )
    box = bounding_box(mask)
    if box is None:
        raise InputError("The lesion's mask is empty: there is nothing to measure. Draw the lesion first.")
    inside = sitk.GetArrayViewFromImage(mask)[box.slices] != 0
    signal = np.stack([sitk.GetArrayFromImage(phase.part(box))[inside] for phase in dce.phases], dtype=np.float64)
    broken = np.flatnonzero(~np.isfinite(signal).all(axis=1))
    if broken.size:
        raise InputError(
            f"Phase {broken[0]} of the DCE series holds NaN or infinite voxels inside the lesion: "
            "numbers are expected. Convert that phase again from its DICOM files."
        )
    return signal


def _known_times(dce: Series) -> list[float] | None:
    times = [phase.time_s for phase in dce.phases]
    known = [time for time in times if time is not None]
    return known if len(known) == len(times) else None


def _last_initial(times_s: Sequence[float] | None, phases: int) -> int:
    """Return the number of the last phase that counts as initial; without times only the first post-contrast one."""
    if times_s is None:
        return 1
    return max(i for i in range(1, phases) if times_s[i] <= times_s[1] + INITIAL_PERIOD_S)


def _initial_peak(means: NDArray[np.float64], times_s: Sequence[float] | None) -> int:
    return 1 + int(np.argmax(means[1 : _last_initial(times_s, len(means)) + 1]))


def _ratio(numerator: float, denominator: float) -> float | None:
    """Divide; None where the denominator is not positive, so that the ratio has no meaning."""
    return float(numerator / denominator) if denominator > 0 else None


def _rise_word(percent: float | None) -> Rise | None:
    if percent is None:
        return None
    if percent < SLOW_BELOW_PERCENT:
        return "slow"
    return "fast" if percent > FAST_ABOVE_PERCENT else "medium"


def _curve_word(percent: float) -> Curve:
    if percent < -DELAYED_CHANGE_PERCENT:
        return "wash-out"
    return "persistent" if percent > DELAYED_CHANGE_PERCENT else "plateau"


def _voxel_delayed_percent(signal: NDArray[np.float64], initial: int) -> NDArray[np.float64] | None:
    """Return the delayed change of each voxel in per cent; None when no voxel has a positive initial signal."""
    # From the same phase for all voxels: choosing each voxel's own peak would count noise as wash-out.
    defined = signal[:, signal[initial] > 0]
    return 100 * (defined[-1] / defined[initial] - 1) if defined.size else None


def _curve_shares(percent: NDArray[np.float64] | None) -> dict[Curve, float]:
    """Return the share of voxels with each type, most suspicious first; empty when undefined."""
    if percent is None:
        return {}
    washout = float((percent < -DELAYED_CHANGE_PERCENT).mean())
    persistent = float((percent > DELAYED_CHANGE_PERCENT).mean())
    plateau = float((np.abs(percent) <= DELAYED_CHANGE_PERCENT).mean())
    return {"wash-out": washout, "plateau": plateau, "persistent": persistent}


def _worst_curve(shares: dict[Curve, float]) -> Curve | None:
    return next((curve for curve, share in shares.items() if share >= WORST_CURVE_MIN_SHARE), None)


def _odd_enhancement(percents: NDArray[np.float64]) -> list[str]:
    """Return what is said when a curve looks like that of other tissue, or of phases in the wrong order."""
    if percents.min() < -DARKER_PERCENT:
        return [
            f"After contrast the lesion is darker than before it (down to {percents.min():+.0f} %): check which phase "
            "is the one before contrast."
        ]
    if percents.max() < WEAK_PERCENT:
        return [
            f"The lesion hardly enhances (at most {percents.max():+.0f} %), so its curve says little: check its "
            "outline and the order of the phases."
        ]
    return []


def _warnings(means: NDArray[np.float64], times_s: Sequence[float] | None, delayed_exists: bool) -> list[str]:
    warnings = []
    if times_s is None:
        warnings.append(
            "The times of the DCE phases are unknown: only their order was used, and the timing of the initial rise "
            "is unknown."
        )
    elif times_s[1] > LATEST_TIMED_FIRST_PHASE_S:
        warnings.append(
            f"The first phase after contrast comes {times_s[1]:.0f} s after the one before it, so the timing of the "
            "initial rise is unknown and it is given without slow, medium or fast."
        )
    if not delayed_exists:
        warnings.append(
            f"No phase was taken later than {INITIAL_PERIOD_S:.0f} s after the first post-contrast one: the delayed "
            "phase (persistent, plateau, wash-out) is undefined."
        )
    if means[0] <= 0:
        warnings.append("The lesion's signal before contrast is not positive: enhancement in per cent is undefined.")
    else:
        warnings += _odd_enhancement(100 * (means[1:] / means[0] - 1))
    return warnings
