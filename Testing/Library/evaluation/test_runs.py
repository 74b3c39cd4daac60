"""Several runs: spread by hand, pools by hand, and Caruana's choice on cases where it is obvious."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit

from BreastFusionLib.errors import InputError
from BreastFusionLib.evaluation.roc import auc
from BreastFusionLib.evaluation.runs import ensemble, fold_aucs, greedy_ensemble, spread


def test_spread_by_hand() -> None:
    found = spread([0.8, 0.9, 0.7])
    assert (found.mean.value, found.sd, found.median) == pytest.approx((0.8, 0.1, 0.8))
    assert (found.lowest, found.highest, found.runs) == (0.7, 0.9, 3)
    # t of 2 degrees of freedom at .975 is 4.3027 (any table).
    assert found.mean.high - 0.8 == pytest.approx(4.3027 * 0.1 / np.sqrt(3), abs=1e-5)


def test_spread_over_folds_is_wider_by_what_they_share() -> None:
    seeds, folds = spread([0.8, 0.9, 0.7]), spread([0.8, 0.9, 0.7], test_share=0.5)
    ratio = (folds.mean.high - folds.mean.low) / (seeds.mean.high - seeds.mean.low)
    assert ratio == pytest.approx(np.sqrt((1 / 3 + 1 / 2) / (1 / 3)))


def test_one_run_has_no_spread() -> None:
    found = spread([0.8])
    assert found.mean.value == 0.8 and np.isnan(found.sd) and np.isnan(found.mean.low)
    with pytest.raises(InputError, match="one finite number a run"):
        spread([0.8, np.nan])


def test_the_interval_of_a_mean_auc_is_cut_where_no_auc_can_be() -> None:
    # Folds of AUC 1, 1, 1 and .5: without the cut the interval ends at .875 + 3.182 x .25 x sqrt(1/4 + 1/3) = 1.48.
    labels, scores = [1, 0, 1, 0, 1, 0, 1, 1, 0, 0], [9, 1, 9, 1, 9, 1, 5, 4, 6, 3]
    found = fold_aucs(labels, scores, [0, 0, 1, 1, 2, 2, 3, 3, 3, 3]).mean
    assert (found.mean.value, found.mean.high, found.cut) == (0.875, 1.0, True)
    assert found.mean.low == pytest.approx(0.875 - 3.1824 * 0.25 * np.sqrt(1 / 4 + 1 / 3), abs=1e-4)
    assert spread([0.1, 0.5, 0.1], bounds=(0.0, 1.0)).mean.low == 0.0
    inside = spread([0.8, 0.82, 0.81], bounds=(0.0, 1.0))
    assert inside == spread([0.8, 0.82, 0.81]) and not inside.cut


def test_runs_that_are_all_the_same_have_no_interval() -> None:
    found = spread([0.9, 0.9, 0.9])
    assert (found.mean.value, found.sd) == (pytest.approx(0.9), pytest.approx(0)) and np.isnan(found.mean.low)


def test_folds_by_hand() -> None:
    # Each fold ranks perfectly, but the second one's scores lie higher.
    found = fold_aucs([1, 0, 1, 0], [0.4, 0.1, 0.9, 0.6], ["a", "a", "b", "b"])
    assert found.folds == {"a": 1.0, "b": 1.0}
    assert (found.mean.mean.value, found.pooled) == (1.0, 0.75)


def test_a_fold_of_one_class_is_refused() -> None:
    with pytest.raises(InputError, match="fold 2: all 2 labels are 1"):
        fold_aucs([1, 0, 1, 1], [4, 3, 2, 1], [1, 1, 2, 2])


def test_pools_by_hand() -> None:
    p = [[0.9, 0.2], [0.5, 0.2]]
    assert ensemble(p) == pytest.approx([0.7, 0.2])
    # The mean of the log-odds ln 9 and 0 is ln 3.
    assert ensemble(p, "logit") == pytest.approx([0.75, 0.2])


def test_pool_of_two_classes_is_that_of_one_column() -> None:
    p = np.random.default_rng(0).random((4, 10))
    both = np.stack([1 - p, p], axis=-1)
    for average in ("probability", "logit"):
        assert ensemble(both, average)[:, 1] == pytest.approx(ensemble(p, average))  # type: ignore[arg-type]
        assert ensemble(1 - p, average) == pytest.approx(1 - ensemble(p, average))  # type: ignore[arg-type]


def test_certainty_does_not_break_the_logarithmic_pool() -> None:
    assert ensemble([[0.0, 1.0], [1.0, 1.0]], "logit") == pytest.approx([0.5, 1], abs=1e-6)


def test_pool_of_scores_that_are_no_probabilities_is_refused() -> None:
    with pytest.raises(InputError, match="probabilities in \\[0, 1\\]"):
        ensemble([[2.0, 0.1]])


def test_greedy_takes_two_models_that_mend_each_other() -> None:
    labels = np.array([1, 1, 0, 0])
    a, b, useless = [0.9, 0.4, 0.5, 0.1], [0.4, 0.9, 0.1, 0.5], [0.5, 0.5, 0.5, 0.5]
    found = greedy_ensemble(labels, [useless, a, b], ["validation"] * 4)
    assert found.chosen == (1, 2) and found.weights == (0, 0.5, 0.5)
    assert found.path == (0.75, 1.0)
    assert found([useless, a, b]) == pytest.approx([0.65, 0.65, 0.3, 0.3])


def test_greedy_takes_a_model_as_often_as_it_helps() -> None:
    labels = np.array([1, 1, 0, 0])
    # The second mends what the first gets wrong, but its own mistake must be outvoted two to one.
    first, second = [0.50, 0.90, 0.56, 0.10], [0.60, 0.10, 0.40, 0.95]
    found = greedy_ensemble(labels, [first, second], ["validation"] * 4)
    assert auc(labels, np.add(first, second)) < 1
    assert sorted(found.chosen) == [0, 0, 1] and found.path[-1] == 1


def test_greedy_is_never_worse_than_its_best_model_and_looks_at_validation_only() -> None:
    random = np.random.default_rng(3)
    labels = random.integers(0, 2, 300)
    scores = expit(random.normal(labels * np.linspace(0.2, 1, 7)[:, None], 1))
    split = np.repeat(["validation", "test"], 150)
    found = greedy_ensemble(labels, scores, split, rounds=30)
    assert found.path[-1] == pytest.approx(auc(labels[:150], found(scores)[:150]))
    assert found.path[-1] >= max(auc(labels[:150], one[:150]) for one in scores)
    assert sum(found.weights) == pytest.approx(1)
    scores[:, 150:] = 0
    assert greedy_ensemble(labels, scores, split, rounds=30) == found
    with pytest.raises(InputError, match="split 'validation'"):
        greedy_ensemble(labels, scores, ["test"] * 300)


def test_sorted_start_begins_with_the_best() -> None:
    labels, split = np.array([1, 1, 0, 0]), ["validation"] * 4
    scores = [[0.1, 0.2, 0.3, 0.4], [0.9, 0.8, 0.2, 0.1], [0.9, 0.4, 0.5, 0.1]]  # AUC 0, 1, .75
    assert greedy_ensemble(labels, scores, split, rounds=5).chosen == (1,)
    assert greedy_ensemble(labels, scores, split, rounds=5, start_with=2).chosen == (1, 2)
