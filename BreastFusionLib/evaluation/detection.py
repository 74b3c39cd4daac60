"""Detection: how many lesions a detector finds, and how many false alarms that costs (FROC)."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from BreastFusionLib.errors import InputError
from BreastFusionLib.evaluation.boxes import Criterion, ImageDetections, checked_image, match_boxes
from BreastFusionLib.evaluation.intervals import FEWEST_CASES, Estimate, percentile_interval
from BreastFusionLib.evaluation.resampling import Resamples, cluster_index

__all__ = ["Froc", "FrocPoints", "froc"]

Floats = NDArray[np.float64]

# The operating points of LUNA16, which others have kept.
FALSE_POSITIVES_PER_IMAGE = (0.125, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0)
SENSITIVITIES = (0.5, 0.7, 0.8, 0.9)


@dataclass(frozen=True)
class FrocPoints:
    """An FROC curve where it is read.

    Attributes:
        sensitivity: false positives per image -> the share of lesions found with no more of them.
        false_positives: sensitivity -> the false positives per image that it costs; NaN where it is never reached.
        mean_sensitivity: over the given false positives per image, the score of LUNA16.
        notes: sentences where intervals are missing (NaN).
    """

    sensitivity: dict[float, Estimate]
    false_positives: dict[float, Estimate]
    mean_sensitivity: Estimate
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Froc:
    """An FROC curve: steps from 'nothing is marked' to 'everything the detector offers'.

    Attributes:
        thresholds: (K,) falling; detections at or above one are marked; the first one is infinite.
        sensitivity: (K,) share of lesions found.
        false_positives: (K,) per image.
        lesions: how many there are.
        images: how many, those without a lesion included.
    """

    thresholds: Floats
    sensitivity: Floats
    false_positives: Floats
    lesions: int
    images: int
    _events: _Events

    def read(
        self,
        false_positives: Sequence[float] = FALSE_POSITIVES_PER_IMAGE,
        sensitivities: Sequence[float] = SENSITIVITIES,
        replicates: int = 2000,
        seed: int = 0,
        level: float = 0.95,
    ) -> FrocPoints:
        """Read the curve, with bootstrap intervals over patients (images, where no patients are named).

        The curve is read as steps, never between two thresholds: what is stated can be had. All images of a patient
        are drawn together. There are no intervals when fewer than `FEWEST_CASES` patients have a lesion, and none of a
        figure that is the same in every resample, as where a detector finds all lesions; notes say so.

        Args:
            false_positives: per image, where sensitivities are read.
            sensitivities: where false positives per image are read, in (0, 1].
            replicates: number of resamples; those with and those without a lesion are drawn separately. 0 for none.
            seed: of the resamples.
            level: confidence.

        Sources: Bunch et al., SPIE 1977;127:124-135 (FROC); Setio et al., Medical Image Analysis 2017;42:1-13 (mean
        sensitivity, bootstrap over images); Rutter, Academic Radiology 2000;7:413-419 (patients drawn whole).
        """
        few = self._events.too_few() if replicates else None
        # Row 0 are the images as they are, all others resamples.
        drawn = self._events.resamples(0 if few else replicates, seed)
        parts = [
            self._events.read(weights, false_positives, sensitivities)
            for weights in itertools.chain([self._events.once], drawn)
        ]
        found, cost = (np.array(rows) for rows in zip(*parts, strict=True))
        mean = found.mean(axis=1) if len(false_positives) else np.full(1, np.nan)
        points = FrocPoints(
            sensitivity={fp: _estimate(column, level) for fp, column in zip(false_positives, found.T, strict=True)},
            false_positives={
                wanted: _cost(column, level) for wanted, column in zip(sensitivities, cost.T, strict=True)
            },
            mean_sensitivity=_estimate(mean, level),
        )
        if not replicates:
            return points
        return replace(points, notes=(few,) if few else tuple(_unvaried(points)))


def froc(images: Sequence[ImageDetections], criterion: Criterion = "either", least_iou: float = 0.2) -> Froc:
    """Match detections with lesions and count.

    In each image detections are taken in falling order of score. One that hits lesions which nothing has found yet
    finds the one that it overlaps most; one that hits only lesions already found counts neither as right nor as
    wrong; all others are false positives.

    Args:
        images: every image that was looked at, the normal ones too.
        criterion: what hits a lesion: 'iou' an overlap of at least `least_iou`, 'center' the detection's centre
            inside the lesion's box, 'either' one of them.
        least_iou: intersection over union, in (0, 1].

    Raises:
        InputError: no lesion at all, boxes that are none, scores that do not fit the boxes.

    Sources: Bunch et al., SPIE 1977;127:124-135; for the criterion Ribli et al., Scientific Reports 2018;8:4165, and
    Wimmer et al., IEEE Transactions on Medical Imaging 2021 (IoU of .2 or the centre).
    """
    scores, unit, is_hit, lesions = [], [], [], []
    for number, image in enumerate(images):
        truth, boxes, given = checked_image(image, number)
        order = np.argsort(-given, kind="stable")
        counted, hit = match_boxes(truth, boxes[order], criterion, least_iou)
        scores.append(given[order][counted])
        is_hit.append(hit[counted])
        unit.append(np.full(int(counted.sum()), number))
        lesions.append(len(truth))
    if not sum(lesions):
        raise InputError(f"None of the {len(lesions)} images has a lesion, so that no sensitivity can be measured.")
    patients = [f"image {number}" if image.patient is None else image.patient for number, image in enumerate(images)]
    events = _Events(
        np.concatenate(scores), np.concatenate(unit), np.concatenate(is_hit), np.array(lesions), np.array(patients)
    )
    hits, false = events.cumulated(events.once)
    return Froc(
        thresholds=np.concatenate(([np.inf], events.thresholds)),
        sensitivity=hits / sum(lesions),
        false_positives=false / len(lesions),
        lesions=sum(lesions),
        images=len(lesions),
        _events=events,
    )


class _Events:
    """What counts of all images: found lesions and false positives in falling order of score, under any weighting."""

    def __init__(
        self,
        scores: Floats,
        image: NDArray[np.intp],
        is_hit: NDArray[np.bool_],
        lesions: NDArray[np.int64],
        patients: NDArray[np.str_],
    ) -> None:
        patient = cluster_index(patients, len(lesions))
        self._lesions = np.bincount(patient, weights=lesions)
        self._images = np.bincount(patient).astype(float)
        order = np.argsort(-scores, kind="stable")
        self._unit, self._is_hit = patient[image[order]], is_hit[order]
        ordered = scores[order]
        self._ends = np.append(np.flatnonzero(np.diff(ordered)), ordered.size - 1)[: ordered.size]
        self.thresholds = ordered[self._ends]

    @property
    def once(self) -> NDArray[np.int32]:
        """The weighting (patients,) in which everyone counts once."""
        return np.ones(self._images.size, dtype=np.int32)

    def resamples(self, replicates: int, seed: int) -> Iterator[NDArray[np.signedinteger]]:
        """Yield weightings (patients,)."""
        strata = tuple(s for s in (np.flatnonzero(self._lesions > 0), np.flatnonzero(self._lesions == 0)) if s.size)
        for block in Resamples(strata, None, replicates, seed, np.int32):
            yield from np.ascontiguousarray(block.T)

    def too_few(self) -> str | None:
        """Return a sentence when too few patients have a lesion for any interval, else None."""
        ill = int(np.count_nonzero(self._lesions))
        if ill >= FEWEST_CASES:
            return None
        return f"No intervals are given: {ill} patients with a lesion are too few ({FEWEST_CASES} are needed)."

    def cumulated(self, weights: NDArray[np.signedinteger]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return (found lesions, false positives), each (1 + thresholds,), at or above each threshold."""
        counts = weights[self._unit]
        marked = np.cumsum(counts, dtype=np.int64)[self._ends]
        hits = np.cumsum(counts * self._is_hit, dtype=np.int64)[self._ends]
        return np.concatenate(([0], hits)), np.concatenate(([0], marked - hits))

    def read(
        self, weights: NDArray[np.signedinteger], false_positives: Sequence[float], sensitivities: Sequence[float]
    ) -> tuple[Floats, Floats]:
        """Return the sensitivity at each of some false positives per image, and the reverse (NaN: never reached)."""
        hits, false = self.cumulated(weights)
        lesions, images = self._lesions @ weights, self._images @ weights
        last = np.searchsorted(false, np.asarray(false_positives) * images + 1e-9, side="right") - 1
        first = np.searchsorted(hits, np.asarray(sensitivities) * lesions - 1e-9, side="left")
        cost = np.append(false / images, np.nan)[first]
        return hits[last] / lesions, cost


def _estimate(values: Floats, level: float) -> Estimate:
    """Return the first of (1 + replicates,) values with the interval of the others."""
    return percentile_interval(float(values[0]), values[1:], level)


def _cost(values: Floats, level: float) -> Estimate:
    """Return the same of a cost; replicates that never reach the sensitivity cost more than any that do."""
    if values.size == 1:
        return Estimate(float(values[0]))
    replicates, tail = np.nan_to_num(values[1:], nan=np.inf), (1 - level) / 2
    # 'lower' and 'higher' pick replicates instead of mixing them, which infinities would not survive.
    low, high = np.quantile(replicates, tail, method="lower"), np.quantile(replicates, 1 - tail, method="higher")
    return Estimate(float(values[0]), float(low), float(high)) if low < high else Estimate(float(values[0]))


def _unvaried(points: FrocPoints) -> Iterator[str]:
    """Yield a sentence for each figure that has a value and no interval."""
    figures = {f"the sensitivity at {fp:g} false positives per image": e for fp, e in points.sensitivity.items()}
    figures |= {f"the false positives at {100 * s:g} % sensitivity": e for s, e in points.false_positives.items()}
    figures["the mean sensitivity"] = points.mean_sensitivity
    for words, estimate in figures.items():
        if np.isfinite(estimate.value) and np.isnan(estimate.low):
            yield f"No interval is given for {words}: it is the same in (nearly) every resample."
