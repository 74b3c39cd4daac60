"""AUC, ROC curve and DeLong: by hand, by brute force, by symmetry, and against R's pROC."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from BreastFusionLib.errors import InputError
from BreastFusionLib.evaluation import auc, delong_areas, roc_curve, specificity_at_sensitivity

# Scores with many ties; the values beside them were printed by pROC 1.18 in R 4.2.
TIED_POSITIVES = [
    -0.2,
    0.5,
    1.1,
    -0.4,
    1.0,
    0.8,
    0.9,
    1.9,
    -0.4,
    2.1,
    0.1,
    -0.3,
    0.1,
    1.1,
    0.9,
    0.5,
    -0.2,
    0.2,
    2.0,
    1.0,
]
TIED_NEGATIVES = [-0.6, -0.9, -0.2, -1.7, -0.5, -0.6, 1.2, 1.0, -0.1, -1.1, 0.9, 0.9, 0.7, 0.7, -0.4, 0.2, -0.2, 0.0,
                  1.3, 0.8, 0.8, 1.0, -2.3, -1.0, -0.9, 0.3, -0.1, 0.2, 0.8, -0.8, -1.2, -0.9, 1.8, 0.2, 0.0, -1.2,
                  -0.1, -1.0, -1.2, -0.7]  # fmt: skip

PROC_LOW, PROC_HIGH = 0.596979679802, 0.855520320198
PROC_SPECIFICITY = {0.05: 1.0, 0.5: 0.75, 0.72: 0.6, 0.93: 0.4175, 0.95: 0.4125, 1.0: 0.4}


@st.composite
def tables(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    """Labels with both classes, and scores on a coarse scale so that ties are common."""
    positives = draw(st.lists(st.integers(-4, 6), min_size=2, max_size=15))
    negatives = draw(st.lists(st.integers(-6, 4), min_size=2, max_size=15))
    labels = np.array([1] * len(positives) + [0] * len(negatives))
    order = draw(st.permutations(range(labels.size)))
    return labels[order], np.array(positives + negatives, dtype=float)[order]


def brute_force_auc(labels: np.ndarray, scores: np.ndarray) -> float:
    difference = scores[labels == 1][:, None] - scores[labels == 0][None, :]
    return float(((difference > 0) + 0.5 * (difference == 0)).mean())


def test_auc_by_hand() -> None:
    # Of the 2 x 3 pairs the positive wins 4, ties 1 and loses 1.
    assert auc([1, 1, 0, 0, 0], [0.9, 0.5, 0.1, 0.5, 0.6]) == pytest.approx(4.5 / 6, abs=1e-15)


def test_auc_of_constant_scores_is_one_half() -> None:
    assert auc([0, 1, 0, 1], [0.3] * 4) == 0.5


@given(tables())
def test_auc_is_the_share_of_pairs_in_the_right_order(table: tuple[np.ndarray, np.ndarray]) -> None:
    assert auc(*table) == pytest.approx(brute_force_auc(*table), abs=1e-12)


@given(tables())
def test_swapping_labels_or_signs_mirrors_the_auc(table: tuple[np.ndarray, np.ndarray]) -> None:
    labels, scores = table
    assert auc(1 - labels, scores) == pytest.approx(1 - auc(labels, scores), abs=1e-12)
    assert auc(labels, -scores) == pytest.approx(1 - auc(labels, scores), abs=1e-12)


@given(tables())
def test_a_monotone_transform_changes_nothing(table: tuple[np.ndarray, np.ndarray]) -> None:
    labels, scores = table
    bent = np.exp(scores) + 3
    before, after = delong_areas(labels, scores), delong_areas(labels, bent)
    assert before.auc == pytest.approx(after.auc, abs=1e-12)
    assert before.covariance == pytest.approx(after.covariance, abs=1e-12)
    assert specificity_at_sensitivity(labels, scores, 0.8) == specificity_at_sensitivity(labels, bent, 0.8)


@given(tables())
def test_the_area_under_the_curves_points_is_the_auc(table: tuple[np.ndarray, np.ndarray]) -> None:
    curve = roc_curve(*table)
    for x, y in ((curve.false_positive_rate, curve.sensitivity), curve.corners()):
        assert np.trapezoid(y, x) == pytest.approx(auc(*table), abs=1e-12)


def test_roc_curve_by_hand() -> None:
    curve = roc_curve([1, 0, 1, 0, 1], [0.9, 0.8, 0.5, 0.5, 0.1])
    assert curve.thresholds.tolist() == [np.inf, 0.9, 0.8, 0.5, 0.1]
    assert curve.true_positives.tolist() == [0, 1, 1, 2, 3]
    assert curve.false_positives.tolist() == [0, 0, 1, 2, 2]


def test_corners_leave_out_points_on_a_straight_line() -> None:
    x, y = roc_curve([1, 1, 1, 0, 0], [5, 4, 3, 2, 1]).corners()
    assert x.tolist() == [0, 0, 1]
    assert y.tolist() == [0, 1, 1]


def test_delong_by_hand() -> None:
    # Placements: positives outrank 1, 1/2 of the negatives, negatives are outranked by 1/2, 1 of the positives.
    found = delong_areas([1, 1, 0, 0], [4, 2, 3, 1])
    assert found.auc[0] == 0.75
    assert found.covariance[0, 0] == pytest.approx(0.125 / 2 + 0.125 / 2, abs=1e-15)


def test_delong_and_specificities_agree_with_proc_on_ties() -> None:
    labels = [1] * len(TIED_POSITIVES) + [0] * len(TIED_NEGATIVES)
    scores = TIED_POSITIVES + TIED_NEGATIVES
    interval = delong_areas(labels, scores).interval()
    assert (interval.low, interval.high) == pytest.approx((PROC_LOW, PROC_HIGH), abs=1e-9)
    for sensitivity, specificity in PROC_SPECIFICITY.items():
        assert specificity_at_sensitivity(labels, scores, sensitivity) == pytest.approx(specificity, abs=1e-12)


def test_covariance_of_two_models_is_that_of_their_pairs() -> None:
    random = np.random.default_rng(5)
    labels = random.permutation([1] * 30 + [0] * 50)
    scores = random.normal(size=(2, 80)) + labels
    found = delong_areas(labels, scores)
    wins = np.stack([s[labels == 1][:, None] > s[labels == 0][None, :] for s in scores]).astype(float)
    expected = np.cov(wins.mean(axis=2)) / 30 + np.cov(wins.mean(axis=1)) / 50
    assert found.covariance == pytest.approx(expected, abs=1e-12)
    test = found.compare(0, 1)
    back = found.compare(1, 0)
    assert (test.delta.value, test.z, test.p) == pytest.approx((-back.delta.value, -back.z, back.p))
    variance = expected[0, 0] + expected[1, 1] - 2 * expected[0, 1]
    assert test.z == pytest.approx((found.auc[0] - found.auc[1]) / np.sqrt(variance))


def test_a_model_does_not_differ_from_itself() -> None:
    labels, scores = [1, 1, 0, 0, 0], [3.0, 1, 2, 0, 1]
    test = delong_areas(labels, [scores, scores]).compare(0, 1)
    assert (test.delta.value, test.z, test.p) == (0, 0, 1)


def test_no_variance_means_no_test() -> None:
    test = delong_areas([1, 1, 0, 0], [[4, 3, 2, 1], [1, 1, 1, 1]]).compare(0, 1)
    assert np.isnan(test.z) and np.isnan(test.p)


def test_the_logit_interval_by_hand_and_mirrored() -> None:
    # AUC 3/4 with variance 1/8: log 3 +- 1.96 * sqrt(1/8) / (3/16).
    areas = delong_areas([1, 1, 0, 0], [4, 2, 3, 1])
    found = areas.logit_interval()
    half = 1.959963984540054 * np.sqrt(0.125) / (3 / 16)
    assert found.low == pytest.approx(1 / (1 + np.exp(half - np.log(3))))
    assert found.high == pytest.approx(1 / (1 + np.exp(-half - np.log(3))))
    mirrored = delong_areas([0, 0, 1, 1], [4, 2, 3, 1]).logit_interval()
    assert (1 - mirrored.high, 1 - mirrored.low) == pytest.approx((found.low, found.high))
    assert np.isnan(delong_areas([1, 1, 0, 0], [4, 3, 2, 1]).logit_interval().low)  # nothing to scale an AUC of 1 by


def test_a_million_cases_have_the_area_they_were_drawn_with() -> None:
    random = np.random.default_rng(0)
    labels = random.random(1_000_000) < 0.2
    scores = random.normal(size=labels.size) + labels
    found = delong_areas(labels, scores).interval()
    assert found.low < 0.76025 < found.high  # the AUC of unit normals one apart


def test_a_single_positive_has_an_auc_but_no_interval() -> None:
    interval = delong_areas([1, 0, 0, 0], [2, 1, 3, 0]).interval()
    assert interval.value == pytest.approx(2 / 3)
    assert np.isnan(interval.low) and np.isnan(interval.high)


@pytest.mark.parametrize(
    ("labels", "scores", "words"),
    [
        ([0, 1, 2], [0.1, 0.2, 0.3], "found 0, 1, 2"),
        ([1, 1, 1], [0.1, 0.2, 0.3], "all 3 labels are 1"),
        ([0, 1, 1], [0.1, np.nan, 0.3], "1 of 3 scores"),
        ([0, 1], [0.1, 0.2, 0.3], "2 labels"),
    ],
)
def test_bad_arrays_are_refused_with_words(labels: list, scores: list, words: str) -> None:
    with pytest.raises(InputError, match=words):
        auc(labels, scores)
