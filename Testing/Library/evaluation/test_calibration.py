"""Calibration: hand-computed bins and parts, identities, and what chance alone would show."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from scipy.special import expit, logit

from BreastFusionLib.errors import InputError
from BreastFusionLib.evaluation.calibration import (
    brier_parts,
    brier_score,
    calibration_error_by_chance,
    expected_calibration_error,
    reliability_curve,
)
from BreastFusionLib.evaluation.calibration_slope import calibration_line
from BreastFusionLib.evaluation.intervals import wilson

# Two bins of equal width: (.1, .3, .4) with one positive, (.6, .9) with two.
LABELS = [0, 0, 1, 1, 1]
PROBABILITIES = [0.1, 0.3, 0.4, 0.6, 0.9]


def simulated(n: int, seed: int, slope: float = 1.0, intercept: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Labels whose true log-odds are intercept + slope x logit(p), and p."""
    random = np.random.default_rng(seed)
    p = random.beta(1.0, 2.0, n)
    return (random.random(n) < expit(intercept + slope * logit(p))).astype(int), p


def test_error_by_hand_in_bins_of_equal_width_and_of_equal_mass() -> None:
    assert expected_calibration_error(LABELS, PROBABILITIES, bins=2) == pytest.approx((abs(0.8 - 1) + abs(1.5 - 2)) / 5)
    # Cut at the median, .4, which goes to the upper half: (.1, .3) against (.4, .6, .9).
    mass = expected_calibration_error(LABELS, PROBABILITIES, bins=2, binning="mass")
    assert mass == pytest.approx((abs(0.4 - 0) + abs(1.9 - 3)) / 5)


def test_error_of_equal_mass_does_not_depend_on_the_order_of_ties() -> None:
    labels, p = np.array([0, 1, 1, 0, 1, 0]), np.array([0.2, 0.2, 0.2, 0.2, 0.7, 0.7])
    order = [3, 5, 0, 2, 4, 1]
    assert expected_calibration_error(labels, p, 3, "mass") == pytest.approx(
        expected_calibration_error(labels[order], p[order], 3, "mass"), abs=1e-15
    )


def test_error_mirrors_with_labels_and_probabilities() -> None:
    labels, p = simulated(500, 3, slope=2)
    assert expected_calibration_error(1 - labels, 1 - p) == pytest.approx(expected_calibration_error(labels, p))


def test_curve_by_hand() -> None:
    low, high = reliability_curve(LABELS, PROBABILITIES, bins=2)
    assert (low.low, low.high, low.cases, high.low, high.high, high.cases) == (0, 0.5, 3, 0.5, 1, 2)
    assert (low.predicted, high.predicted) == pytest.approx((0.8 / 3, 0.75))
    assert (low.observed, high.observed) == (wilson(1, 3), wilson(2, 2))


def test_curve_leaves_empty_bins_out_and_holds_every_case() -> None:
    curve = reliability_curve([0, 1, 1], [0.0, 0.55, 1.0], bins=10)
    assert [(point.low, point.cases) for point in curve] == [(0.0, 1), (0.5, 1), (0.9, 1)]


def test_brier_parts_by_hand() -> None:
    parts = brier_parts(LABELS, PROBABILITIES, bins=2)
    assert parts.score == pytest.approx((0.01 + 0.09 + 0.36 + 0.16 + 0.01) / 5) == brier_score(LABELS, PROBABILITIES)
    assert parts.reliability == pytest.approx((3 * (0.8 / 3 - 1 / 3) ** 2 + 2 * 0.25**2) / 5)
    assert parts.resolution == pytest.approx((3 * (1 / 3 - 0.6) ** 2 + 2 * 0.4**2) / 5)
    assert parts.uncertainty == pytest.approx(0.24)
    assert parts.skill == pytest.approx(1 - 0.126 / 0.24)


@pytest.mark.parametrize("binning", ["width", "mass"])
@pytest.mark.parametrize("bins", [1, 2, 7, 10, 50])
def test_brier_parts_add_up_exactly(bins: int, binning: str) -> None:
    labels, p = simulated(300, 5)
    parts = brier_parts(labels, p, bins, binning)  # type: ignore[arg-type]
    assert parts.reliability - parts.resolution + parts.uncertainty + parts.within_bins == pytest.approx(
        parts.score, abs=1e-14
    )


def test_chance_by_hand_for_one_case_a_bin() -> None:
    # Each error is |p - label|: p with chance 1 - p, and 1 - p with chance p; its mean is 2 p (1 - p).
    found = calibration_error_by_chance([0.2, 0.7], bins=2, simulations=40_000)
    assert found.value == pytest.approx((2 * 0.2 * 0.8 + 2 * 0.7 * 0.3) / 2, abs=0.004)
    assert found.high == pytest.approx((0.8 + 0.7) / 2)  # both on the far side: a chance of .06


def test_chance_bounds_what_calibrated_models_show() -> None:
    below = []
    for seed in range(200):
        labels, p = simulated(200, seed)
        below.append(
            expected_calibration_error(labels, p) <= calibration_error_by_chance(p, simulations=300, seed=seed).high
        )
    assert np.mean(below) == pytest.approx(0.95, abs=3 * np.sqrt(0.95 * 0.05 / 200))


def test_chance_drawn_in_sums_is_the_chance_drawn_one_by_one() -> None:
    p = np.random.default_rng(0).beta(1, 2, 20_000)
    one_by_one = calibration_error_by_chance(p, simulations=2000)
    in_sums = calibration_error_by_chance(np.append(p, p[:1]), simulations=2000)
    assert (in_sums.value, in_sums.high) == pytest.approx((one_by_one.value, one_by_one.high), rel=0.03)


def test_chance_is_as_large_as_published_models_say(shared_data: Path) -> None:
    file = shared_data / "uw_breast_mri_fusion_preds" / "110320_shallow-only_ls0.1_seed4.csv"
    with file.open() as rows:
        p = np.array([float(row["y_prob"]) for row in csv.DictReader(rows)])
    few = np.random.default_rng(0).choice(p, 300, replace=False)
    assert calibration_error_by_chance(few).value == pytest.approx(0.056, abs=0.002)
    assert calibration_error_by_chance(p).value == pytest.approx(0.014, abs=0.001)


def test_line_of_four_groups_is_the_line_through_their_log_odds() -> None:
    # With two distinct probabilities the fitted line passes through both observed log-odds.
    p = np.repeat([0.2, 0.8], 10)
    labels = np.concatenate([np.repeat([1, 0], [3, 7]), np.repeat([1, 0], [6, 4])])
    line = calibration_line(labels, p)
    slope = (logit(0.6) - logit(0.3)) / (logit(0.8) - logit(0.2))
    assert line.slope.value == pytest.approx(slope)
    assert line.intercept.value == pytest.approx(logit(0.6) - slope * logit(0.8))
    # Its variance: the two groups' log-odds are independent, each 1 / (n p (1 - p)).
    variance = (1 / 2.4 + 1 / 2.1) / (logit(0.8) - logit(0.2)) ** 2
    assert line.slope.high - line.slope.low == pytest.approx(2 * 1.959964 * np.sqrt(variance), rel=1e-6)


def test_line_agrees_with_scikit_learn() -> None:
    from sklearn.linear_model import LogisticRegression

    labels, p = simulated(400, 8, slope=0.6, intercept=-0.5)
    line = calibration_line(labels, p)
    peer = LogisticRegression(C=1e10, tol=1e-10).fit(logit(p)[:, None], labels)
    assert (line.slope.value, line.intercept.value) == pytest.approx((peer.coef_[0, 0], peer.intercept_[0]), abs=1e-5)


def test_in_the_large_matches_the_mean_exactly() -> None:
    labels, p = simulated(400, 9, intercept=-1)
    shift = calibration_line(labels, p).in_the_large.value
    assert np.mean(expit(logit(p) + shift)) == pytest.approx(np.mean(labels), abs=1e-10)


def test_line_mirrors_with_labels_and_probabilities() -> None:
    labels, p = simulated(300, 10, slope=0.7, intercept=0.4)
    line, mirror = calibration_line(labels, p), calibration_line(1 - labels, 1 - p)
    assert mirror.slope.value == pytest.approx(line.slope.value)
    assert mirror.intercept.value == pytest.approx(-line.intercept.value)
    assert mirror.in_the_large.low == pytest.approx(-line.in_the_large.high)


def test_intervals_of_the_line_cover() -> None:
    hits = np.zeros(3)
    for seed in range(300):
        labels, p = simulated(400, seed, slope=0.7, intercept=-0.3)
        line = calibration_line(labels, p)
        hits += [
            line.slope.low <= 0.7 <= line.slope.high,
            line.intercept.low <= -0.3 <= line.intercept.high,
            calibration_line(*simulated(400, seed)).in_the_large.low <= 0,
        ]
    assert hits[:2] / 300 == pytest.approx([0.95, 0.95], abs=3 * np.sqrt(0.95 * 0.05 / 300))
    assert hits[2] / 300 == pytest.approx(0.975, abs=3 * np.sqrt(0.975 * 0.025 / 300))


def test_patients_with_several_cases_count_once() -> None:
    labels, p = simulated(500, 11)
    copies = np.arange(2000) % 500
    alone, four = calibration_line(labels, p), calibration_line(labels[copies], p[copies], patients=copies)
    for name in ("slope", "intercept", "in_the_large"):
        one, other = getattr(alone, name), getattr(four, name)
        assert other.value == pytest.approx(one.value, abs=1e-9)
        # The sandwich and the model's own variance agree where the model holds.
        assert other.high - other.low == pytest.approx(one.high - one.low, rel=0.1)
    bin_alone = reliability_curve(labels, p)[3].observed
    bin_four = reliability_curve(labels[copies], p[copies], patients=copies)[3].observed
    assert (bin_four.low, bin_four.high) == pytest.approx((bin_alone.low, bin_alone.high), abs=0.002)


def test_separated_and_constant_probabilities_have_no_slope_and_say_so() -> None:
    separated = calibration_line([0, 0, 1], [0.1, 0.2, 0.3])
    assert np.isnan(separated.slope.value) and "separate the classes" in separated.note
    constant = calibration_line([0, 1, 0, 0], [0.5] * 4)
    assert np.isnan(constant.slope.value) and "equal" in constant.note
    assert constant.in_the_large.value == pytest.approx(logit(0.25))


def test_certain_and_wrong_stays_finite() -> None:
    line = calibration_line([0, 1, 0, 1], [0.0, 1.0, 1.0, 0.3])
    assert np.isfinite([line.slope.value, line.intercept.value, line.in_the_large.value]).all()


def test_scores_outside_0_to_1_are_refused() -> None:
    for statistic in (brier_parts, expected_calibration_error, reliability_curve, calibration_line):
        with pytest.raises(InputError, match=r"reach from -1 to 2\. Calibrate"):
            statistic([0, 1], [-1.0, 2.0])


def test_classes_that_only_rounding_mixes_are_separated() -> None:
    p = np.array([0.4, 0.6, 0.4 - 1e-16, 0.2])  # .4 twice, computed in different orders
    line = calibration_line([0, 1, 1, 0], p)
    assert np.isnan(line.slope.value) and "separate the classes" in line.note
