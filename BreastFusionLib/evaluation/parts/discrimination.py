"""How well each model tells positive from negative cases, at all thresholds and at its own."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Generic, TypeVar

import numpy as np

from BreastFusionLib.evaluation.bootstrap import Bootstrap, bootstrap_metrics
from BreastFusionLib.evaluation.clustered import clustered_delong, clustered_rates
from BreastFusionLib.evaluation.delong import DeLong, delong_areas
from BreastFusionLib.evaluation.intervals import Estimate, too_few_at_share
from BreastFusionLib.evaluation.measures import (
    Metric,
    area,
    average_precision,
    counts_at,
    partial_area,
    sensitivity_at,
    specificity_at,
)
from BreastFusionLib.evaluation.operating_points import Rule, best_points
from BreastFusionLib.evaluation.parts.sample import Sample
from BreastFusionLib.evaluation.rates import confusion, confusion_rates, f1_score
from BreastFusionLib.evaluation.resampled import Resampled
from BreastFusionLib.evaluation.roc import Floats, RocCurve, roc_curve

__all__ = [
    "areas_of",
    "beyond_the_last_case",
    "discrimination",
    "nested",
    "resampled_metrics",
    "words_of_figures",
]

CURVE_POINTS = 500
# Bands and chosen points are looked at, not quoted to three digits: fewer replicates are enough for them.
SHAPE_REPLICATES = 1000
_RATES = np.linspace(0, 1, 41)[:-1]
_RULES: tuple[Rule, ...] = ("youden", "closest")
_RULE_WORDS = {"youden": "Youden's point", "closest": "the point closest to the corner"}
_POINTS = [f"{rule}/{name}" for rule in _RULES for name in ("threshold", "sensitivity", "specificity")]

Found = TypeVar("Found")


def areas_of(sample: Sample) -> DeLong:
    """Return all AUCs with DeLong's covariance, by patient where patients have several cases."""
    if sample.patients is None:
        return delong_areas(sample.labels, sample.scores)
    return clustered_delong(sample.labels, sample.scores, sample.patients)


def resampled_metrics(sample: Sample) -> Bootstrap:
    """Return every bootstrapped metric of every model; without replicates their values alone.

    Their names are 'auc', 'specificity_at_sensitivity/0.95' and so on; `nested` unfolds them.
    """
    plan, thresholds = sample.plan, [sample.plan.threshold_of(name) for name in sample.names]
    common: dict[str, Metric] = {
        "auc": area,
        "auprc": average_precision,
        "partial_auc": partial(partial_area, low=plan.partial_auc[0], high=plan.partial_auc[1], corrected=True),
        **{f"specificity_at_sensitivity/{at:g}": partial(specificity_at, sensitivity=at) for at in plan.sensitivities},
        **{f"sensitivity_at_specificity/{at:g}": partial(sensitivity_at, specificity=at) for at in plan.specificities},
    }
    # The same seed gives every group of models the same resamples, so that they stay paired.
    values: dict[str, Floats] = {}
    replicates: dict[str, Floats] = {}
    for threshold in dict.fromkeys(thresholds):
        chosen = [row for row, own in enumerate(thresholds) if own == threshold]
        metrics: dict[str, Metric] = {**common, **_at_threshold(threshold)}
        found = bootstrap_metrics(
            sample.labels, sample.scores[chosen], metrics, plan.bootstrap, plan.seed, sample.patients
        )
        for name in metrics:
            values.setdefault(name, np.empty(len(thresholds)))[chosen] = found.values[name]
            drawn = replicates.setdefault(name, np.empty((len(thresholds), plan.bootstrap)))
            drawn[chosen] = found.replicates[name]
    for name in beyond_the_last_case(sample):
        replicates[name][:] = np.nan  # no interval and no test
    return Bootstrap(values, replicates)


def beyond_the_last_case(sample: Sample) -> dict[str, str]:
    """Return readings at a sensitivity or specificity for which there are too few cases, with a sentence for each."""
    labels, plan, patients = sample.labels, sample.plan, sample.patients
    units = "cases" if patients is None else "patients"
    positives, negatives = (
        int((labels == label).sum()) if patients is None else len(set(patients[labels == label])) for label in (1, 0)
    )
    sentences = {
        f"{read}_at_{at}/{share:g}": too_few_at_share(cases, share, f"the {read} at {100 * share:g} % {at}", units)
        for read, at, shares, cases in (
            ("specificity", "sensitivity", plan.sensitivities, positives),
            ("sensitivity", "specificity", plan.specificities, negatives),
        )
        for share in shares
    }
    return {name: sentence for name, sentence in sentences.items() if sentence is not None}


def discrimination(sample: Sample, areas: DeLong, drawn: Bootstrap) -> dict[str, dict[str, Any]]:
    """Return name -> what a model's cases say about it, in the keys of `evaluate_predictions`."""
    shape = _shape(sample)
    return {
        name: {
            "n": int(sample.labels.size),
            "positives": int(sample.labels.sum()),
            **_areas(areas, drawn, m, sample.plan.level),
            **nested({key: _estimate(drawn, key, m, sample) for key in drawn.values if key not in _FROM_COUNTS}),
            "operating_points": nested({key: _estimate(shape, key, m, sample) for key in _POINTS}),
            **_decisions(sample, m),
            **_curves(sample, m, None if areas.has_no_variance(m) else shape),
        }
        for m, name in enumerate(sample.names)
    }


def words_of_figures(sample: Sample) -> dict[tuple[str, ...], str]:
    """Return the keys of the figures of `discrimination` that have an interval by variance or resamples, with words."""
    area: dict[tuple[str, ...], str] = {("auc_delong",): "the AUC"}
    if not sample.plan.bootstrap:
        return area
    readings = {
        (f"{read}_at_{at}", f"{share:g}"): f"the {read} at {100 * share:g} % {at}"
        for read, at, shares in (
            ("specificity", "sensitivity", sample.plan.sensitivities),
            ("sensitivity", "specificity", sample.plan.specificities),
        )
        for share in shares
    }
    too_few = beyond_the_last_case(sample)
    return {
        **area,
        ("auprc",): "the average precision",
        ("partial_auc",): "the partial AUC",
        **{keys: word for keys, word in readings.items() if "/".join(keys) not in too_few},
        ("f1",): "F1",
        ("balanced_accuracy",): "the balanced accuracy",
        **{("operating_points", *point.split("/")): _RULE_WORDS[point.split("/")[0]] for point in _POINTS},
    }


def _areas(areas: DeLong, drawn: Bootstrap, m: int, level: float) -> dict[str, Any]:
    found = {
        "auc": drawn.interval("auc", m, level),
        "auc_delong": areas.interval(m, level),
        "auc_logit": areas.logit_interval(m, level),
    }
    if areas.has_no_variance(m):
        found = {key: Estimate(estimate.value) for key, estimate in found.items()}
    return {key: estimate.to_mapping() for key, estimate in found.items()}


def nested(flat: Mapping[str, Any]) -> dict[str, Any]:
    """Unfold names such as 'specificity_at_sensitivity/0.95' into mappings of mappings."""
    found: dict[str, Any] = {}
    for name, value in flat.items():
        outer, _, inner = name.partition("/")
        if inner:
            found.setdefault(outer, {})[inner] = value
        else:
            found[outer] = value
    return found


# Their intervals are Wilson's; resamples serve their paired differences only.
_FROM_COUNTS = ("auc", "sensitivity", "specificity", "accuracy")


def _at_threshold(threshold: float) -> dict[str, Metric]:
    """Return the metrics of decisions; the cases above the threshold are counted once for all of them."""
    counts = _Once(partial(counts_at, threshold=threshold))

    def sensitivity(sample: Resampled) -> Floats:
        return counts(sample)[0] / sample.positives

    def specificity(sample: Resampled) -> Floats:
        return 1.0 - counts(sample)[1] / sample.negatives

    def accuracy(sample: Resampled) -> Floats:
        tp, fp = counts(sample)
        return (tp + sample.negatives - fp) / (sample.positives + sample.negatives)

    def f1(sample: Resampled) -> Floats:
        return f1_score(*counts(sample), sample.positives)

    def balanced_accuracy(sample: Resampled) -> Floats:
        return (sensitivity(sample) + specificity(sample)) / 2

    return {
        "f1": f1,
        "balanced_accuracy": balanced_accuracy,
        "sensitivity": sensitivity,
        "specificity": specificity,
        "accuracy": accuracy,
    }


class _Once(Generic[Found]):
    """A function of a block of replicates that several metrics need: computed once for each block, thread by thread."""

    def __init__(self, compute: Callable[[Resampled], Found]) -> None:
        self._compute, self._last = compute, threading.local()

    def __call__(self, sample: Resampled) -> Found:
        if getattr(self._last, "sample", None) is not sample:
            self._last.sample, self._last.found = sample, self._compute(sample)
        found: Found = self._last.found
        return found


def _estimate(drawn: Bootstrap, metric: str, model: int, sample: Sample) -> dict[str, float | None]:
    return drawn.interval(metric, model, sample.plan.level).to_mapping()


def _decisions(sample: Sample, m: int) -> dict[str, Any]:
    """Return the confusion matrix at the threshold and its rates."""
    y, s, level = sample.labels, sample.scores[m], sample.plan.level
    threshold = sample.plan.threshold_of(sample.names[m])
    counts = confusion(y, s, threshold)
    rates: Mapping[str, Estimate] = (
        confusion_rates(counts, level)
        if sample.patients is None
        else clustered_rates(y, s, threshold, sample.patients, level)
    )
    return {
        "threshold": threshold,
        "confusion": {"tp": counts.tp, "fp": counts.fp, "fn": counts.fn, "tn": counts.tn},
        **{key: rate.to_mapping() for key, rate in rates.items() if key != "balanced_accuracy"},
    }


def _shape(sample: Sample) -> Bootstrap:
    """Return the sensitivity at each of `_RATES`, and the fields of the best points, of every model."""
    metrics: dict[str, Metric] = {f"{at:g}": partial(sensitivity_at, specificity=1 - at) for at in _RATES}
    for rule in _RULES:
        best = _Once(partial(best_points, rule=rule))
        for field, name in enumerate(("threshold", "sensitivity", "specificity")):
            metrics[f"{rule}/{name}"] = partial(_field, best, field)
    replicates = min(sample.plan.bootstrap, SHAPE_REPLICATES)
    return bootstrap_metrics(sample.labels, sample.scores, metrics, replicates, sample.plan.seed, sample.patients)


def _field(best: _Once[tuple[Floats, Floats, Floats]], field: int, sample: Resampled) -> Floats:
    return best(sample)[field]


def _curves(sample: Sample, m: int, shape: Bootstrap | None) -> dict[str, Any]:
    """Return the corners of the ROC curve, its pointwise band (None: it has none), and the precision-recall curve."""
    curve = roc_curve(sample.labels, sample.scores[m])
    x, sensitivity = _thinned(*curve.corners())
    roc: dict[str, Any] = {"false_positive_rate": x.tolist(), "sensitivity": sensitivity.tolist()}
    if shape is not None and sample.plan.bootstrap:
        tail = (1 - sample.plan.level) / 2
        # A band may have no width at places, as at its right end: there it is no interval to be quoted.
        low, high = np.nanquantile([shape.replicates[f"{at:g}"][m] for at in _RATES], [tail, 1 - tail], axis=1)
        rates = [*_RATES.tolist(), 1.0]
        roc["band"] = {"false_positive_rate": rates, "low": [*low.tolist(), 1.0], "high": [*high.tolist(), 1.0]}
    recall, precision = _thinned(*_precision_recall(curve))
    return {"roc": roc, "precision_recall": {"recall": recall.tolist(), "precision": precision.tolist()}}


def _precision_recall(curve: RocCurve) -> tuple[Floats, Floats]:
    """Return recall and precision at each threshold that calls something positive."""
    tp, fp = curve.true_positives[1:], curve.false_positives[1:]
    return tp / tp[-1], tp / (tp + fp)


def _thinned(x: Floats, y: Floats) -> tuple[Floats, Floats]:
    """Return at most so many points, evenly chosen: a step of .2 % of the curve is less than a line's width."""
    kept = np.unique(np.linspace(0, x.size - 1, min(x.size, CURVE_POINTS)).round().astype(int))
    return x[kept], y[kept]
