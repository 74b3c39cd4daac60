"""Operating points, calibration and metrics on numbers that can be checked by hand."""

import numpy as np
import pytest

from BreastFusionLib.reading.calibration import fit_line
from BreastFusionLib.training.finish import FUSED, calibrate, held_out_metrics, operating_points
from BreastFusionLib.training.spec import EvaluationSpec, TrainingSpec


def test_operating_points_lie_between_the_scores_that_they_part():
    labels = [0, 0, 1, 0, 1, 1]
    scores = [0.1, 0.2, 0.3, 0.4, 0.7, 0.9]
    points = operating_points(labels, scores)
    # All three positives are found at .3; the next lower score is .2. Youden's is at .7 (2/3 + 1 - 1 = 2/3 each at
    # .7 and .3, the higher threshold counts).
    assert points["sensitivity_0.95"] == pytest.approx(0.25)
    assert points["youden"] == pytest.approx(0.55)


def test_ninety_five_per_cent_may_miss_one_of_twenty():
    scores = np.linspace(0.05, 0.95, 21)
    labels = np.ones(21, dtype=int)
    labels[1] = 0
    assert operating_points(labels, scores)["sensitivity_0.95"] == pytest.approx((scores[2] + scores[1]) / 2)


def test_a_threshold_may_be_below_every_score():
    points = operating_points([1, 0], [0.2, 0.8])
    assert 0 < points["sensitivity_0.95"] < 0.2


def test_calibration_is_fitted_on_validation_rows_and_on_present_sources_only():
    generator = np.random.default_rng(0)
    labels = generator.integers(0, 2, 200)
    margin = 3.0 * (labels - 0.5) + generator.normal(size=200)
    part = margin.copy()
    part[::3] = np.nan
    rows = list(range(100, 200))
    found = calibrate({FUSED: margin, "t1": part, "t2": np.full(200, np.nan)}, labels, rows, TrainingSpec())
    assert (found.slope, found.intercept) == fit_line(margin[100:], labels[100:], "platt")
    there = [row for row in rows if row % 3]
    assert found.parts == {"t1": fit_line(part[there], labels[there], "platt")}


def test_metrics_of_the_test_cases():
    labels, scores = np.array([0, 0, 1, 1]), np.array([0.1, 0.6, 0.5, 0.9])
    found = held_out_metrics(labels, scores, list("abcd"), 0.5, EvaluationSpec(bootstrap=20))
    assert found["auc"]["value"] == 0.75
    assert found["sensitivity"]["value"] == 1.0
    assert found["specificity"]["value"] == 0.5
    assert (found["n"], found["positives"]) == (4, 2)
    assert held_out_metrics(labels[:2], scores[:2], list("ab"), 0.5, EvaluationSpec()) == {"n": 2, "positives": 0}


def test_intervals_of_a_card_count_patients_where_they_have_several_cases():
    generator = np.random.default_rng(0)
    once = np.repeat([0, 1], 30)
    patients = np.arange(60)
    seen = 1 / (1 + np.exp(-generator.normal(once)))
    labels, scores, twice = (np.tile(values, 2) for values in (once, seen, patients))  # both breasts say the same
    measured = {
        name: held_out_metrics(*cases, 0.5, EvaluationSpec(bootstrap=20))
        for name, cases in {"one breast": (once, seen, patients), "both": (labels, scores, twice)}.items()
    }
    for rate in ("auc", "sensitivity", "specificity"):
        one, both = measured["one breast"][rate], measured["both"][rate]
        assert both["value"] == pytest.approx(one["value"])
        assert both["high"] - both["low"] > 0.95 * (one["high"] - one["low"]), rate
