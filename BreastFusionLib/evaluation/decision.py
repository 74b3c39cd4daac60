"""Decision curves: whether acting on a model's probability does more good than acting on everyone, or on no one.

Who acts above a threshold t says that one missed positive is as bad as (1 - t) / t needless actions. Net benefit
counts in that currency, per case: true positives / n - false positives / n x t / (1 - t).
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse

from BreastFusionLib.errors import InputError
from BreastFusionLib.evaluation.calibration import checked_probabilities
from BreastFusionLib.evaluation.resampling import Counts, Resamples, cluster_index

__all__ = ["DecisionCurve", "DecisionCurves", "decision_curves", "net_benefit"]

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class DecisionCurve:
    """Net benefit (K,) at K thresholds, with the band of its bootstrap replicates (NaN without any)."""

    value: Floats
    low: Floats
    high: Floats


@dataclass(frozen=True)
class DecisionCurves:
    """Net benefits of models and of the two decisions that need none; treating no one has net benefit 0.

    Attributes:
        thresholds: (K,) probabilities at and above which one would act.
        prevalence: share of positives that the curves hold for.
        treat_all: acting on everyone.
        models: name -> acting on the model.
        advantage: name -> the model over the better of treating all and none, with its own band.
    """

    thresholds: Floats
    prevalence: float
    treat_all: DecisionCurve
    models: dict[str, DecisionCurve]
    advantage: dict[str, DecisionCurve]

    def useful(self, model: str, surely: bool = False) -> tuple[tuple[float, float], ...]:
        """Return the ranges of thresholds, ends included, where a model beats treating all and treating none.

        Args:
            model: its name.
            surely: only where the band of its advantage lies above 0.
        """
        curve = self.advantage[model]
        better = (curve.low if surely else curve.value) > 1e-12
        turns = np.flatnonzero(np.diff(np.concatenate(([False], better, [False])).astype(int)))
        return tuple(
            (float(self.thresholds[first]), float(self.thresholds[end - 1]))
            for first, end in zip(turns[::2], turns[1::2], strict=True)
        )


def net_benefit(labels: ArrayLike, probabilities: ArrayLike, threshold: float) -> float:
    """Return the net benefit of acting when the probability is at or above a threshold in (0, 1).

    Source: Vickers and Elkin, Med Decis Making 2006;26:565-574.
    """
    _check_inside(np.array([threshold]), None)
    y, p = checked_probabilities(labels, probabilities)
    acted = p >= threshold
    return float((acted @ y - acted @ (1 - y) * threshold / (1 - threshold)) / y.size)


def decision_curves(
    labels: ArrayLike,
    models: Mapping[str, ArrayLike],
    thresholds: ArrayLike | None = None,
    patients: ArrayLike | None = None,
    prevalence: float | None = None,
    replicates: int = 1000,
    seed: int = 0,
    level: float = 0.95,
) -> DecisionCurves:
    """Return decision curves of models on the same cases, with pointwise bootstrap bands.

    Cases (patients, where given) are drawn with replacement whatever their label, because the share of positives is
    uncertain too; all models see the same resamples.

    Args:
        labels: (n,) of 0 and 1.
        models: name -> (n,) probabilities.
        thresholds: (K,) rising in (0, 1); by default .01, .02 .. .99. Name the range in which people would really
            decide: the curves mean nothing beyond it.
        patients: (n,) names; cases of one patient are drawn together.
        prevalence: share of positives where the model will be used, when it is not the cases' own (a case-control
            study); treated as known.
        replicates: number of resamples; 0 for no bands.
        seed: of the resamples.
        level: confidence of the bands.

    Raises:
        InputError: scores outside [0, 1]; thresholds or a prevalence outside (0, 1).

    Sources: Vickers and Elkin, Med Decis Making 2006;26:565-574 (curves); Vickers, Cronin, Elkin and Gonen, BMC Med
    Inform Decis Mak 2008;8:53 (bootstrap, and other prevalences).
    """
    cuts = np.arange(1, 100) / 100 if thresholds is None else np.asarray(thresholds, dtype=float)
    _check_inside(cuts, prevalence)
    names = list(models)
    y, p = checked_probabilities(labels, np.stack([np.asarray(models[name], dtype=float) for name in names]))
    cells = _Cells(y, p, cuts, patients)
    # Row 0 are the cases as they are, all others resamples.
    weightings = itertools.chain([np.ones((cells.units, 1), dtype=np.int32)], cells.resamples(replicates, seed))
    parts = [cells.benefit(weights, prevalence) for weights in weightings]
    ours, everyone = (np.concatenate(rows) for rows in zip(*parts, strict=True))
    gain = ours - np.maximum(everyone, 0)[:, None]
    return DecisionCurves(
        thresholds=cuts,
        prevalence=float(y.mean()) if prevalence is None else prevalence,
        treat_all=_banded(everyone, level),
        models={name: _banded(ours[:, m], level) for m, name in enumerate(names)},
        advantage={name: _banded(gain[:, m], level) for m, name in enumerate(names)},
    )


class _Cells:
    """Cases counted by label and by the thresholds between which each model puts them.

    A resample is a weight for each unit (case or patient); one sparse product gives the counts of all cells.
    """

    def __init__(self, y: Floats, p: Floats, cuts: Floats, patients: ArrayLike | None) -> None:
        n, self._models, self._cuts = y.size, p.shape[0], cuts
        unit = np.arange(n) if patients is None else cluster_index(patients, n)
        self.units = int(unit.max()) + 1
        passed = np.searchsorted(cuts, p, side="right")  # how many thresholds a case reaches: 0 .. K
        width = cuts.size + 1
        cell = (np.arange(self._models)[:, None] * 2 + y.astype(int)) * width + passed
        places = (cell.ravel(), np.broadcast_to(unit, cell.shape).ravel())
        shape = (self._models * 2 * width, self.units)
        self._counts = sparse.coo_matrix((np.ones(cell.size), places), shape=shape).tocsr()

    def resamples(self, replicates: int, seed: int) -> Resamples:
        """Return weightings (units, r), in blocks."""
        return Resamples((np.arange(self.units),), None, replicates, seed, np.int32)

    def benefit(self, weights: Counts, prevalence: float | None) -> tuple[Floats, Floats]:
        """Return net benefits of the models (r, models, K) and of treating all (r, K); weights are (units, r)."""
        counts = (self._counts @ weights).T.reshape(-1, self._models, 2, self._cuts.size + 1)
        # At threshold k act the cases that reach more than k thresholds.
        acted = np.cumsum(counts[..., ::-1], axis=-1)[..., ::-1]
        cases = acted[:, :1, :, :1]  # of each label, the same for all models
        with np.errstate(invalid="ignore"):  # a tiny resample may lack a label
            rates = acted[..., 1:] / cases
        share = cases[:, :, 1] / cases.sum(axis=2) if prevalence is None else np.full_like(cases[:, :, 1], prevalence)
        odds = self._cuts / (1 - self._cuts)
        gained = np.where(cases[:, :, 1] > 0, share * rates[:, :, 1], 0.0)
        lost = np.where(cases[:, :, 0] > 0, (1 - share) * rates[:, :, 0], 0.0)
        return gained - lost * odds, (share - (1 - share) * odds)[:, 0]


def _banded(rows: Floats, level: float) -> DecisionCurve:
    """Return row 0 of (1 + replicates, K) with the band of the others."""
    value, replicates = rows[0], rows[1:]
    if not len(replicates):
        none = np.full_like(value, np.nan)
        return DecisionCurve(value, none, none)
    tail = (1 - level) / 2
    low, high = np.quantile(replicates, [tail, 1 - tail], axis=0)
    return DecisionCurve(value, low, high)


def _check_inside(cuts: Floats, prevalence: float | None) -> None:
    if cuts.ndim != 1 or cuts.size == 0 or not ((cuts > 0) & (cuts < 1)).all() or (np.diff(cuts) <= 0).any():
        raise InputError("Thresholds of a decision curve are probabilities between 0 and 1, rising, at least one.")
    if prevalence is not None and not 0 < prevalence < 1:
        raise InputError(f"A prevalence lies between 0 and 1, not {prevalence}: give the share of positives.")
