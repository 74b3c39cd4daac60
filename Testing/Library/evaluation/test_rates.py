"""Rates at a threshold, Wilson's interval, calibration: values worked out by hand or printed in papers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from BreastFusionLib.errors import InputError
from BreastFusionLib.evaluation import (
    Estimate,
    brier_score,
    confusion,
    confusion_rates,
    expected_calibration_error,
    mean_of_proportions,
    specificity_at_sensitivity,
    too_few_at_share,
    too_few_cases,
    wilson,
)
from BreastFusionLib.evaluation.rates import Confusion, f1_score


def test_confusion_by_hand_counts_a_score_at_the_threshold_as_positive() -> None:
    counts = confusion([1, 1, 1, 0, 0, 0, 0], [0.9, 0.5, 0.2, 0.7, 0.5, 0.4, 0.1], 0.5)
    assert counts == Confusion(tp=2, fp=2, fn=1, tn=2)


def test_rates_by_hand() -> None:
    found = confusion_rates(Confusion(tp=8, fp=3, fn=2, tn=27))
    values = {name: estimate.value for name, estimate in found.items()}
    expected = {"sensitivity": 0.8, "specificity": 0.9, "ppv": 8 / 11, "npv": 27 / 29, "accuracy": 35 / 40}
    assert values == pytest.approx({**expected, "balanced_accuracy": 0.85})
    assert f1_score(8, 3, 10) == pytest.approx(2 * 8 / (2 * 8 + 3 + 2))


def test_nothing_called_positive_has_no_ppv() -> None:
    ppv = confusion_rates(confusion([1, 0], [0.1, 0.2], 0.5))["ppv"]
    assert np.isnan(ppv.value)
    assert ppv.to_mapping() == {"value": None, "low": None, "high": None}


def test_wilson_as_published() -> None:
    # Newcombe, Stat Med 1998;17:857-872, table I, method 3: 81/263, 15/148, 0/20, 1/29.
    for successes, trials, low, high in ((81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0, 0.1611),
                                         (1, 29, 0.0061, 0.1718)):  # fmt: skip
        found = wilson(successes, trials)
        assert (found.low, found.high) == pytest.approx((low, high), abs=5e-5)


@given(st.integers(1, 500).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_holds_its_share_and_mirrors(counts: tuple[int, int]) -> None:
    successes, trials = counts
    found, mirrored = wilson(successes, trials), wilson(trials - successes, trials)
    assert 0 <= found.low <= found.value <= found.high <= 1
    assert (1 - mirrored.high, 1 - mirrored.low) == pytest.approx((found.low, found.high), abs=1e-12)


def test_a_mean_of_proportions_by_hand() -> None:
    # Distances below .3 and .4, above .03 and .04: halves of the long sides of 3-4-5 triangles.
    found = mean_of_proportions(Estimate(0.8, 0.5, 0.83), Estimate(0.9, 0.5, 0.94))
    assert (found.value, found.low, found.high) == pytest.approx((0.85, 0.6, 0.875))


def test_too_few_cases_are_said() -> None:
    assert too_few_cases(5, 5) is None
    assert "4 positive cases are too few (5 are needed)" in str(too_few_cases(4, 90))
    assert "4 positive and 2 negative patients" in str(too_few_cases(4, 2, "patients"))


def test_a_reading_beyond_the_last_case_is_said() -> None:
    wanted = "the specificity at 95 % sensitivity"
    assert too_few_at_share(20, 0.95, wanted) is None
    assert f"No interval is given for {wanted}: it would need 20 cases" in str(too_few_at_share(19, 0.95, wanted))


def test_specificity_at_a_sensitivity_by_hand() -> None:
    labels = [1, 0, 1, 0, 1, 1, 0, 0]
    scores = [8, 7, 6, 5, 4, 3, 2, 1]
    assert specificity_at_sensitivity(labels, scores, 0.5) == 0.75  # attained after one of four negatives
    assert specificity_at_sensitivity(labels, scores, 0.6) == 0.5  # on the way up to 3/4, after two negatives
    assert specificity_at_sensitivity(labels, scores, 1.0) == 0.5


def test_a_tie_of_both_classes_is_crossed_on_a_straight_line() -> None:
    # The curve runs (0, 0) -> (1/2, 1): sensitivity .8 lies at 4/5 of that.
    assert specificity_at_sensitivity([1, 1, 0, 0], [2, 2, 2, 1], 0.8) == pytest.approx(1 - 0.4)


def test_rounding_asks_for_no_positive_more() -> None:
    # .07 * 100 is 7.000000000000001 in binary; 7 of 100 positives are enough.
    labels = [1] * 7 + [0] + [1] * 93 + [0]
    assert specificity_at_sensitivity(labels, -np.arange(102.0), 0.07) == 1.0


def test_brier_and_calibration_error_by_hand() -> None:
    labels, probabilities = [1, 0, 1, 0], [0.9, 0.2, 0.6, 0.65]
    assert brier_score(labels, probabilities) == pytest.approx((0.01 + 0.04 + 0.16 + 0.4225) / 4)
    # Bins .9-1: |.9 - 1|, .2-.3: .2, .6-.7: |1.25 - 1|.
    assert expected_calibration_error(labels, probabilities) == pytest.approx((0.1 + 0.2 + 0.25) / 4)


def test_a_perfect_and_a_useless_forecast() -> None:
    assert brier_score([1, 0, 1], [1, 0, 1]) == 0
    assert expected_calibration_error([1, 0, 1], [1, 0, 1]) == 0
    assert expected_calibration_error([1, 0], [0, 1]) == 1


def test_calibration_of_scores_that_are_no_probabilities_is_refused() -> None:
    with pytest.raises(InputError, match=r"reach from -1 to 3.*Platt"):
        brier_score([1, 0], [3.0, -1.0])
