"""The bootstrap: the same numbers as resampling cases one by one, reproducible, fast."""

from __future__ import annotations

import time

import numpy as np
import pytest

from BreastFusionLib.evaluation import auc, bootstrap_p_value, bootstrap_roc, delong_areas, specificity_at_sensitivity
from BreastFusionLib.evaluation.bootstrap import _resamples, bootstrap_confusion


def table(seed: int, positives: int, negatives: int, decimals: int = 1) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    labels = np.array([1] * positives + [0] * negatives)
    return labels, (random.normal(size=(2, labels.size)) + labels).round(decimals)


def test_replicates_equal_resampling_the_cases() -> None:
    labels, scores = table(1, 12, 30)
    found = bootstrap_roc(labels, scores, (0.5, 0.9, 0.95), replicates=40, seed=3)
    (positive, negative), *rest = _resamples(12, 30, 40, 3)
    assert not rest
    assert (positive.sum(axis=0) == 12).all() and (negative.sum(axis=0) == 30).all()
    for replicate in range(40):
        counts = np.concatenate([positive[:, replicate], negative[:, replicate]])
        y, s = np.repeat(labels, counts), np.repeat(scores, counts, axis=1)
        for model in range(2):
            assert found.auc[model, replicate] == pytest.approx(auc(y, s[model]), abs=1e-12)
            for sensitivity, values in found.specificity.items():
                expected = specificity_at_sensitivity(y, s[model], sensitivity)
                assert values[model, replicate] == pytest.approx(expected, abs=1e-12)


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


@pytest.mark.slow
def test_five_thousand_replicates_of_five_large_models_take_seconds() -> None:
    labels, _ = table(5, 1006, 3903)
    scores = np.random.default_rng(0).normal(size=(5, labels.size)) + labels
    started = time.process_time()
    bootstrap_roc(labels, scores, replicates=5000)
    assert time.process_time() - started < 5  # .5 s on two idle cores; the bound only catches a lost vectorisation
