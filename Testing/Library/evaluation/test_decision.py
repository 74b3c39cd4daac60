"""Decision curves: net benefit by hand, its identities, and bands that cover."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit

from BreastFusionLib.errors import InputError
from BreastFusionLib.evaluation.decision import decision_curves, net_benefit

LABELS = [1, 1, 0, 0, 0]
SCORES = [0.9, 0.3, 0.6, 0.2, 0.1]


def test_net_benefit_by_hand() -> None:
    # At .25: both positives and one negative act, and a needless action costs a third of a found positive.
    assert net_benefit(LABELS, SCORES, 0.25) == pytest.approx((2 - 1 / 3) / 5)
    assert net_benefit(LABELS, SCORES, 0.5) == pytest.approx((1 - 1) / 5)
    assert net_benefit(LABELS, SCORES, 0.9) == pytest.approx(1 / 5)  # at the threshold means act


def test_curves_are_the_net_benefit_at_every_threshold() -> None:
    random = np.random.default_rng(1)
    labels, p = random.integers(0, 2, 200), random.random(200).round(2)
    curves = decision_curves(labels, {"a": p, "all": np.ones(200)}, replicates=0)
    assert curves.models["a"].value == pytest.approx([net_benefit(labels, p, t) for t in curves.thresholds])
    assert curves.models["all"].value == pytest.approx(curves.treat_all.value)
    assert curves.prevalence == labels.mean()
    assert np.isnan(curves.models["a"].low).all()


def test_treating_all_is_0_at_the_prevalence() -> None:
    curves = decision_curves(LABELS, {"a": SCORES}, thresholds=[0.1, 0.4], replicates=0)
    assert curves.treat_all.value == pytest.approx([0.4 - 0.6 / 9, 0], abs=1e-15)
    assert curves.models["a"].value == pytest.approx([0.4 - 0.6 / 9, 1 / 5 - 1 / 5 * 2 / 3])
    assert curves.advantage["a"].value == pytest.approx([0, 1 / 15], abs=1e-15)


def test_useful_is_where_the_model_beats_both() -> None:
    curves = decision_curves(LABELS, {"a": SCORES}, thresholds=[0.05, 0.15, 0.25, 0.5, 0.7, 0.9, 0.95], replicates=0)
    # At .5 one right and one needless action cancel out; below .1 everyone acts; above .9 no one does.
    assert curves.useful("a") == ((0.15, 0.25), (0.7, 0.9))
    assert curves.useful("a", surely=True) == ()


def test_another_prevalence_is_that_of_repeated_negatives() -> None:
    labels, scores = np.array(LABELS), np.array(SCORES)
    often = np.concatenate([np.arange(5), np.repeat(np.flatnonzero(labels == 0), 5)])
    repeated = decision_curves(labels[often], {"a": scores[often]}, replicates=0)
    told = decision_curves(labels, {"a": scores}, prevalence=2 / 20, replicates=0)
    assert told.models["a"].value == pytest.approx(repeated.models["a"].value)
    assert told.treat_all.value == pytest.approx(repeated.treat_all.value)


def test_bands_agree_with_resampling_by_indices() -> None:
    random = np.random.default_rng(2)
    p = random.random(150)
    labels = (random.random(150) < p).astype(int)
    curves = decision_curves(labels, {"a": p}, thresholds=[0.2, 0.5, 0.7], replicates=4000, seed=1)
    drawn = np.array(
        [
            [net_benefit(labels[rows], p[rows], t) for t in (0.2, 0.5, 0.7)]
            for rows in random.integers(0, 150, (2000, 150))
        ]
    )
    low, high = np.quantile(drawn, [0.025, 0.975], axis=0)
    assert curves.models["a"].low == pytest.approx(low, abs=0.008)
    assert curves.models["a"].high == pytest.approx(high, abs=0.008)


def test_bands_cover() -> None:
    def study(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
        random = np.random.default_rng(seed)
        z = random.standard_normal(n)
        return (random.random(n) < expit(z - 1)).astype(int), expit(z - 1)

    truth = net_benefit(*study(2_000_000, 999), 0.3)
    hits = [
        curve.low[0] <= truth <= curve.high[0]
        for seed in range(300)
        for curve in [decision_curves(*_named(study(300, seed)), [0.3], replicates=300, seed=seed).models["a"]]
    ]
    assert np.mean(hits) == pytest.approx(0.95, abs=0.04)


def _named(study: tuple[np.ndarray, np.ndarray]) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    return study[0], {"a": study[1]}


def test_patients_are_drawn_whole() -> None:
    random = np.random.default_rng(3)
    p = random.random(100)
    labels = (random.random(100) < p).astype(int)
    alone = decision_curves(labels, {"a": p}, [0.3], replicates=2000).models["a"]
    # Each case four times over tells nothing new when the copies are one patient.
    four = decision_curves(np.tile(labels, 4), {"a": np.tile(p, 4)}, [0.3], np.tile(np.arange(100), 4), replicates=2000)
    assert four.models["a"].low == pytest.approx(alone.low, abs=1e-12)
    assert four.models["a"].high == pytest.approx(alone.high, abs=1e-12)
    naive = decision_curves(np.tile(labels, 4), {"a": np.tile(p, 4)}, [0.3], replicates=2000).models["a"]
    assert (naive.high[0] - naive.low[0]) / (alone.high[0] - alone.low[0]) == pytest.approx(0.5, abs=0.05)


def test_same_models_have_no_difference_in_any_resample() -> None:
    curves = decision_curves(LABELS, {"a": SCORES, "b": SCORES}, replicates=50)
    assert (curves.models["a"].low == curves.models["b"].low).all()


def test_bad_thresholds_and_scores_are_refused() -> None:
    for thresholds in ([0.0, 0.5], [0.5, 1.0], [0.5, 0.2], []):
        with pytest.raises(InputError, match="Thresholds of a decision curve"):
            decision_curves(LABELS, {"a": SCORES}, thresholds)
    with pytest.raises(InputError, match="prevalence"):
        decision_curves(LABELS, {"a": SCORES}, prevalence=20)
    with pytest.raises(InputError, match="reach from"):
        decision_curves(LABELS, {"a": [9, 3, 6, 2, 1]})
