"""The bootstrap: the same numbers as resampling cases one by one, reproducible, fast."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from BreastFusionLib.evaluation import (
    auc,
    average_precision,
    bootstrap_metrics,
    bootstrap_p_value,
    bootstrap_roc,
    case_resamples,
    cluster_resamples,
    clustered_delong,
    delong_areas,
    each_replicate,
    measures,
    partial_auc,
    sensitivity_at_specificity,
    specificity_at_sensitivity,
)
from BreastFusionLib.evaluation.bootstrap import bootstrap_confusion
from BreastFusionLib.evaluation.rates import confusion, confusion_rates, f1_score


def table(seed: int, positives: int, negatives: int, decimals: int = 1) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    labels = np.array([1] * positives + [0] * negatives)
    return labels, (random.normal(size=(2, labels.size)) + labels).round(decimals)


def one_by_one(labels: np.ndarray, scores: np.ndarray, counts: np.ndarray) -> dict[str, float]:
    """Every metric of a table in which each case is repeated as often as it was drawn."""
    y, s = np.repeat(labels, counts), np.repeat(scores, counts)
    decided = confusion(y, s, 0.6)
    return {
        "auc": auc(y, s),
        "specificity": specificity_at_sensitivity(y, s, 0.9),
        "sensitivity": sensitivity_at_specificity(y, s, 0.8),
        "partial": partial_auc(y, s, 0.7, 0.95, focus="sensitivity"),
        "precision": average_precision(y, s),
        "balanced": confusion_rates(decided)["balanced_accuracy"].value,
        "f1": float(f1_score(decided.tp, decided.fp, decided.positives)),
        "brier": float(np.mean((s - y) ** 2)),
    }


METRICS: dict[str, measures.Metric] = {
    "auc": measures.area,
    "specificity": partial(measures.specificity_at, sensitivity=0.9),
    "sensitivity": partial(measures.sensitivity_at, specificity=0.8),
    "partial": partial(measures.partial_area, low=0.7, high=0.95, focus="sensitivity"),
    "precision": measures.average_precision,
    "balanced": partial(measures.balanced_accuracy_at, threshold=0.6),
    "f1": partial(measures.f1_at, threshold=0.6),
    "brier": each_replicate(lambda y, s, sample_weight: float(np.average((s - y) ** 2, weights=sample_weight))),
}


@pytest.mark.parametrize("with_patients", [False, True])
@pytest.mark.parametrize("decimals", [0, 1, 6])
def test_replicates_equal_resampling_the_cases(with_patients: bool, decimals: int) -> None:
    labels, scores = table(1, 12, 30, decimals)
    patients = np.arange(labels.size) // 3 if with_patients else None
    resamples = cluster_resamples(labels, patients, 40, 3) if with_patients else case_resamples(labels, 40, 3)
    (counts,) = resamples
    assert with_patients or ((counts[:12].sum(axis=0) == 12).all() and (counts[12:].sum(axis=0) == 30).all())
    found = bootstrap_metrics(labels, scores, METRICS, replicates=40, seed=3, clusters=patients)
    for model in range(2):
        expected = one_by_one(labels, scores[model], np.ones(42, dtype=int))
        assert {name: found.values[name][model] for name in METRICS} == pytest.approx(expected, abs=1e-12)
        for replicate in range(40):
            expected = one_by_one(labels, scores[model], counts[:, replicate])
            replicates = {name: found.replicates[name][model, replicate] for name in METRICS}
            assert replicates == pytest.approx(expected, abs=1e-12)


def test_patients_are_drawn_with_all_their_cases() -> None:
    labels = [1, 0, 0, 1, 0, 0]
    (counts,) = cluster_resamples(labels, ["a", "a", "b", "c", "c", "d"], 200)
    assert (counts[0] == counts[1]).all() and (counts[3] == counts[4]).all()
    # Two patients with a positive, two without: each pair fills its own two places.
    assert (counts[0] + counts[3] == 2).all() and (counts[2] + counts[5] == 2).all()
    assert set(counts[0]) == {0, 1, 2}


def test_the_spread_over_patients_is_obuchowskis_standard_error() -> None:
    random = np.random.default_rng(4)
    patients = np.repeat(np.arange(150), 3)
    labels = (random.random(150) < 0.3).astype(int)[patients] | (random.random(450) < 0.1)
    scores = labels + random.normal(size=150)[patients] + 0.5 * random.normal(size=450)
    spread = bootstrap_metrics(labels, scores, {"auc": measures.area}, 4000, clusters=patients).replicates["auc"].std()
    expected = float(np.sqrt(clustered_delong(labels, scores, patients).covariance[0, 0]))
    assert spread == pytest.approx(expected, rel=0.06)
    assert expected > 1.2 * float(np.sqrt(delong_areas(labels, scores).covariance[0, 0]))


def test_a_resample_without_negatives_has_no_value_and_is_left_out() -> None:
    found = bootstrap_metrics([1, 1, 0, 1], [4.0, 3, 2, 1], {"auc": measures.area}, 200, clusters=[1, 2, 2, 3])
    missing = np.isnan(found.replicates["auc"])
    assert 0 < missing.sum() < 200
    interval = found.interval("auc")
    assert 0 <= interval.low <= interval.value <= interval.high <= 1


def test_threads_change_nothing() -> None:
    labels, scores = table(6, 300, 500)
    one, four = (
        bootstrap_metrics(labels, scores, {"auc": measures.area}, 5000, threads=n).replicates["auc"] for n in (1, 4)
    )
    assert (one == four).all()


def test_an_error_in_a_metric_is_not_lost() -> None:
    with pytest.raises(ZeroDivisionError):
        bootstrap_metrics([0, 1], [0.0, 1.0], {"bad": each_replicate(lambda *_, sample_weight: 1 / 0)}, 3)


def test_compare_by_hand() -> None:
    labels, scores = table(7, 30, 40)
    found = bootstrap_metrics(labels, scores, {"auc": measures.area}, 500)
    test, back = found.compare("auc", 0, 1), found.compare("auc", 1, 0)
    differences = found.replicates["auc"][0] - found.replicates["auc"][1]
    assert test.delta.value == pytest.approx(auc(labels, scores[0]) - auc(labels, scores[1]))
    assert (test.delta.low, test.delta.high) == pytest.approx(tuple(np.quantile(differences, [0.025, 0.975])))
    assert test.z == pytest.approx(test.delta.value / np.std(differences, ddof=1))
    assert test.p == bootstrap_p_value(differences)
    assert (back.delta.value, back.z, back.p, back.p_normal) == pytest.approx(
        (-test.delta.value, -test.z, test.p, test.p_normal)
    )


def test_a_model_does_not_differ_from_itself() -> None:
    labels, scores = table(8, 10, 10)
    test = bootstrap_metrics(labels, np.stack([scores[0], scores[0]]), {"auc": measures.area}, 50).compare("auc", 0, 1)
    assert (test.delta.value, test.p, test.z, test.p_normal) == (0, 1, 0, 1)


def test_the_spread_is_delongs_standard_error() -> None:
    labels, scores = table(2, 150, 250, decimals=6)
    spread = bootstrap_roc(labels, scores, replicates=4000).auc.std(axis=1)
    assert spread == pytest.approx(np.sqrt(np.diag(delong_areas(labels, scores).covariance)), rel=0.05)


def test_models_share_their_resamples() -> None:
    labels, scores = table(3, 20, 20)
    found = bootstrap_roc(labels, np.stack([scores[0], np.exp(scores[0])]), replicates=100)
    assert (found.auc[0] == found.auc[1]).all()


def test_the_same_seed_gives_the_same_replicates() -> None:
    labels, scores = table(4, 20, 20)
    first, again, other = (bootstrap_roc(labels, scores, replicates=50, seed=seed).auc for seed in (7, 7, 8))
    assert (first == again).all()
    assert (first != other).any()


def test_p_value_by_hand() -> None:
    assert bootstrap_p_value(np.array([1.0, 2.0, 3.0, -1.0])) == pytest.approx(2 * 2 / 5)
    assert bootstrap_p_value(np.ones(999)) == pytest.approx(2 / 1000)
    assert bootstrap_p_value(np.zeros(10)) == 1.0


def test_counts_at_a_threshold_are_binomial() -> None:
    tp, fp = bootstrap_confusion(30, 0, 40, 100, replicates=20_000)
    assert (tp.mean(), tp.var()) == pytest.approx((30, 40 * 0.75 * 0.25), rel=0.05)
    assert (fp == 0).all()
