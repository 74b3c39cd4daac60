"""How models differ on the same cases: every pair, with every test."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np

from BreastFusionLib.evaluation.bootstrap import Bootstrap
from BreastFusionLib.evaluation.calibration import are_probabilities
from BreastFusionLib.evaluation.delong import DeLong, PairedTest
from BreastFusionLib.evaluation.differences import (
    MarginTest,
    mcnemar_at,
    noninferiority,
    superiority,
    wilcoxon_signed_rank,
)
from BreastFusionLib.evaluation.multiple import holm
from BreastFusionLib.evaluation.parts.discrimination import nested
from BreastFusionLib.evaluation.parts.sample import Sample

__all__ = ["comparisons", "correct_for_number"]


def comparisons(sample: Sample, areas: DeLong, drawn: Bootstrap) -> list[dict[str, Any]]:
    """Return all pairs of models, the first minus the second, in the keys of `evaluate_predictions`."""
    pairs = itertools.combinations(range(len(sample.names)), 2)
    found = [_comparison(sample, areas, drawn, first, second) for first, second in pairs]
    correct_for_number(found)
    return found


def correct_for_number(found: list[dict[str, Any]]) -> None:
    """Add Holm's P values of all comparisons to them."""
    for name, corrected in (("p_delong", "p_holm"), ("p_bootstrap", "p_holm_bootstrap")):
        given = np.array([math.nan if one.get(name) is None else one[name] for one in found])
        for one, p in zip(found, holm(given), strict=True):
            one[corrected] = _number(p)


def _comparison(sample: Sample, areas: DeLong, drawn: Bootstrap, first: int, second: int) -> dict[str, Any]:
    test = areas.compare(first, second, sample.plan.level)
    delta = test.delta.to_mapping()
    resampled = drawn.compare("auc", first, second, sample.plan.level) if sample.plan.bootstrap else None
    result: dict[str, Any] = {
        "a": sample.names[first],
        "b": sample.names[second],
        "delta_auc": delta["value"],
        "low": delta["low"],
        "high": delta["high"],
        "z": _number(test.z),
        "p_delong": _number(test.p),
        "p_bootstrap": _number(resampled.p) if resampled else None,
        "differences": nested({key: _difference(drawn, key, first, second, sample) for key in drawn.values}),
    }
    if sample.patients is None:
        # Both count cases as independent; by patient the bootstrap's differences stand alone.
        result |= _case_tests(sample, first, second)
    if sample.plan.margin is not None:
        result["margin"] = _margin(test, sample.plan.margin, sample.plan.level)
    return result


def _difference(drawn: Bootstrap, metric: str, first: int, second: int, sample: Sample) -> dict[str, float | None]:
    test = drawn.compare(metric, first, second, sample.plan.level)
    return {**test.delta.to_mapping(), "p": _number(test.p)}


def _case_tests(sample: Sample, first: int, second: int) -> dict[str, Any]:
    """Return McNemar's tests at the thresholds, and Wilcoxon's of how far probabilities lie from the truth."""
    a, b = sample.scores[first], sample.scores[second]
    thresholds = sample.plan.threshold_of(sample.names[first]), sample.plan.threshold_of(sample.names[second])
    mcnemar = {}
    for word, among in (("accuracy", "all"), ("sensitivity", "positives"), ("specificity", "negatives")):
        test = mcnemar_at(sample.labels, a, b, thresholds, among)  # type: ignore[arg-type]
        mcnemar[word] = {"only_a_right": test.only_first, "only_b_right": test.only_second, "p": test.p_exact}
    if not (are_probabilities(a) and are_probabilities(b)):
        return {"mcnemar": mcnemar, "wilcoxon": None}
    ranks = wilcoxon_signed_rank(a, b, sample.labels)
    return {
        "mcnemar": mcnemar,
        "wilcoxon": {"n": ranks.n, "statistic": ranks.statistic, "median": _number(ranks.median), "p": ranks.p},
    }


def _margin(test: PairedTest, margin: float, level: float) -> dict[str, Any]:
    """Return whether either model is not worse than the other by the margin, and whether it is better at all.

    A difference without an interval has no verdict.
    """
    delta, error = test.delta.value, test.error if math.isfinite(test.delta.low) else math.nan
    return {
        "margin": margin,
        "a_not_worse": _claim(noninferiority(delta, error, margin, level)),
        "b_not_worse": _claim(noninferiority(-delta, error, margin, level)),
        "a_better": _claim(superiority(delta, error, level=level)),
        "b_better": _claim(superiority(-delta, error, level=level)),
    }


def _claim(test: MarginTest) -> dict[str, Any]:
    holds = bool(test.holds) if math.isfinite(test.p) else None
    return {"holds": holds, "p": _number(test.p), "bound": _number(test.bound), "limit": test.limit}


def _number(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
