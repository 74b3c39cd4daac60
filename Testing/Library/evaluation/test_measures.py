"""Numbers read from ROC curves: by hand, by symmetry, against scikit-learn and against pROC's printed values."""

from __future__ import annotations

import itertools
from typing import Literal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics

from BreastFusionLib.evaluation import (
    auc,
    average_precision,
    closest_point,
    confusion,
    operating_point_intervals,
    partial_auc,
    roc_curve,
    sensitivity_at_specificity,
    specificity_at_sensitivity,
    youden_point,
)


@st.composite
def tables(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    """Labels with both classes, and scores on a coarse scale so that ties are common."""
    positives = draw(st.lists(st.integers(-4, 6), min_size=1, max_size=15))
    negatives = draw(st.lists(st.integers(-6, 4), min_size=1, max_size=15))
    labels = np.array([1] * len(positives) + [0] * len(negatives))
    order = draw(st.permutations(range(labels.size)))
    return labels[order], np.array(positives + negatives, dtype=float)[order]


def segment(x: np.ndarray, y: np.ndarray, start: float, end: float) -> float:
    """The area from start to end, between which the curve has no corner."""
    middle = (start + end) / 2
    after = int(np.argmax(x > middle))
    share = (middle - x[after - 1]) / (x[after] - x[after - 1])
    return float((end - start) * (y[after - 1] + share * (y[after] - y[after - 1])))


def test_sensitivity_at_a_specificity_by_hand() -> None:
    labels = [1, 0, 1, 0, 1, 1, 0, 0]
    scores = [8, 7, 6, 5, 4, 3, 2, 1]
    assert sensitivity_at_specificity(labels, scores, 1.0) == 0.25
    assert sensitivity_at_specificity(labels, scores, 0.75) == 0.5  # after one of four negatives, two of four positives
    assert sensitivity_at_specificity(labels, scores, 0.6) == 0.5  # on the way to the next negative
    assert sensitivity_at_specificity(labels, scores, 0.5) == 1.0
    # Tied cases of both classes: the curve runs (0, 0) -> (1/2, 1), specificity .8 lies at 2/5 of that.
    assert sensitivity_at_specificity([1, 1, 0, 0], [2, 2, 2, 1], 0.8) == pytest.approx(0.4)


@given(tables(), st.floats(0.01, 1))
def test_the_two_readings_mirror_each_other(table: tuple[np.ndarray, np.ndarray], share: float) -> None:
    labels, scores = table
    mirrored = specificity_at_sensitivity(1 - labels, -scores, share)
    assert sensitivity_at_specificity(labels, scores, share) == pytest.approx(mirrored, abs=1e-12)


@pytest.mark.parametrize("share", [0.0, 1.1, float("nan")])
def test_shares_outside_are_refused(share: float) -> None:
    with pytest.raises(ValueError, match=r"lies in \(0, 1\]"):
        sensitivity_at_specificity([0, 1], [0.1, 0.2], share)


def test_partial_area_by_hand() -> None:
    # One tie of everything: the curve is the diagonal.
    labels, scores = [1, 0, 1, 0], [0.5] * 4
    assert partial_auc(labels, scores, 0.8) == pytest.approx(0.2 * 0.2 / 2)
    assert partial_auc(labels, scores, 0.8, corrected=True) == pytest.approx(0.5)
    perfect = partial_auc([1, 0], [1, 0], 0.8, 0.9)
    assert perfect == pytest.approx(0.1)
    assert partial_auc([1, 0], [1, 0], 0.8, 0.9, corrected=True) == pytest.approx(1)
    assert np.isnan(partial_auc([0, 1], [1, 0], 0.8, corrected=True))  # below the chance line, as pROC says


@given(tables())
def test_the_whole_range_is_the_whole_area(table: tuple[np.ndarray, np.ndarray]) -> None:
    for focus in ("specificity", "sensitivity"):
        assert partial_auc(*table, 0.0, 1.0, focus) == pytest.approx(auc(*table), abs=1e-12)


@given(tables(), st.floats(0.05, 0.95))
def test_parts_add_up_and_are_those_of_the_points(table: tuple[np.ndarray, np.ndarray], cut: float) -> None:
    low, high = partial_auc(*table, 0.0, cut), partial_auc(*table, cut, 1.0)
    assert low + high == pytest.approx(auc(*table), abs=1e-12)
    labels, scores = table
    mirrored = partial_auc(1 - labels, -scores, cut, 1.0, focus="sensitivity")
    assert high == pytest.approx(mirrored, abs=1e-12)
    curve = roc_curve(*table)
    x, y = curve.false_positive_rate, curve.sensitivity
    grid = np.unique(np.concatenate((x[x <= 1 - cut], [1 - cut])))
    assert high == pytest.approx(sum(segment(x, y, a, b) for a, b in itertools.pairwise(grid)), abs=1e-9)


@given(tables())
def test_average_precision_is_scikit_learns(table: tuple[np.ndarray, np.ndarray]) -> None:
    assert average_precision(*table) == pytest.approx(metrics.average_precision_score(*table), abs=1e-12)


def test_average_precision_by_hand() -> None:
    # Positives at ranks 1 and 3: (1/1 + 2/3) / 2. All tied: the share of positives.
    assert average_precision([1, 0, 1, 0], [4, 3, 2, 1]) == pytest.approx((1 + 2 / 3) / 2)
    assert average_precision([1, 0, 0, 0], [1, 1, 1, 1]) == pytest.approx(0.25)


def test_best_points_by_hand() -> None:
    labels, scores = [1, 1, 0, 1, 0, 0], [6, 5, 4, 3, 2, 1]
    # After two positives: 2/3 and 1; after the third: 1 and 2/3. Equally good; the more sensitive one is taken.
    for point in (youden_point(labels, scores), closest_point(labels, scores)):
        assert (point.threshold, point.sensitivity, point.specificity) == pytest.approx((3, 1, 2 / 3))
    assert youden_point(labels, scores).youden == pytest.approx(2 / 3)


def test_the_two_rules_can_disagree() -> None:
    # Points (0, .5) and (.3, .79): indices .5 and .49, squared distances .25 and .1341.
    labels = [1] * 100 + [0] * 10
    scores = [9] * 50 + [7] * 29 + [5] * 21 + [8] * 3 + [4] * 7
    assert youden_point(labels, scores).threshold == 5
    scores = [9] * 50 + [7] * 29 + [1] * 21 + [8] * 3 + [4] * 7
    assert youden_point(labels, scores).threshold == 9
    assert closest_point(labels, scores).threshold == 7


@given(tables())
def test_best_points_are_the_best_of_all(table: tuple[np.ndarray, np.ndarray]) -> None:
    curve = roc_curve(*table)
    index = curve.sensitivity - curve.false_positive_rate
    distance = np.hypot(1 - curve.sensitivity, curve.false_positive_rate)
    best, closest = youden_point(*table), closest_point(*table)
    assert best.youden == pytest.approx(index.max(), abs=1e-12)
    assert np.hypot(1 - closest.sensitivity, 1 - closest.specificity) == pytest.approx(distance.min(), abs=1e-12)
    counts = confusion(*table, best.threshold)
    assert (counts.tp / counts.positives, counts.tn / counts.negatives) == pytest.approx(
        (best.sensitivity, best.specificity)
    )


@pytest.mark.parametrize("rule", ["youden", "closest"])
def test_best_points_have_intervals(rule: Literal["youden", "closest"]) -> None:
    random = np.random.default_rng(3)
    labels = np.array([0, 1] * 60)
    scores = random.normal(size=(2, 120)) + 1.5 * labels
    found = operating_point_intervals(labels, scores, rule, replicates=300)
    assert len(found) == 2
    for model, point in zip(scores, found, strict=True):
        single = (youden_point if rule == "youden" else closest_point)(labels, model)
        for name, estimate in point.items():
            assert estimate.value == getattr(single, name)
            assert estimate.low <= estimate.value <= estimate.high


def test_the_best_point_of_many_cases_is_not_beyond_what_integers_hold() -> None:
    labels = np.repeat([0, 1], 40_000)
    point = youden_point(labels, -labels + np.tile(np.linspace(0, 0.5, 40_000), 2))
    assert point.sensitivity + point.specificity - 1 == pytest.approx(0.0)  # upside down: nothing beats a guess
