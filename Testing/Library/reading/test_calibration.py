import numpy as np
import pytest

from BreastFusionLib.errors import InputError
from BreastFusionLib.reading.calibration import Calibration, fit_line, margins

pytestmark = pytest.mark.fast


def test_margin_of_two_classes_is_the_difference_of_logits():
    np.testing.assert_allclose(margins([[1.0, 3.5], [2.0, -1.0]], positive=1), [2.5, -3.0])
    np.testing.assert_allclose(margins([[1.0, 3.5]], positive=0), [-2.5])


def test_margin_of_three_classes_is_the_log_odds_of_the_softmax():
    logits = np.array([[0.2, -1.0, 1.7]])
    p = np.exp(logits)[0, 2] / np.exp(logits).sum()
    np.testing.assert_allclose(margins(logits, positive=2), [np.log(p / (1 - p))])


def test_probability_is_the_sigmoid_of_the_line():
    calibration = Calibration("platt", slope=2.0, intercept=-1.0, parts={"t1": (0.5, 0.0)})
    assert calibration.probability(0.5) == pytest.approx(0.5)
    assert calibration.probability(1.0) == pytest.approx(1 / (1 + np.exp(-1.0)))
    assert calibration.part_probability("t1", 2.0) == pytest.approx(1 / (1 + np.exp(-1.0)))
    assert calibration.part_probability("unfitted", 0.0) == pytest.approx(0.5)


def test_extreme_margins_neither_overflow_nor_leave_the_unit_interval():
    with np.errstate(all="raise"):
        np.testing.assert_array_equal(Calibration().probability([-1e6, 1e6]), [0.0, 1.0])


def test_platt_meets_the_smoothed_shares_of_two_groups():
    # At +1 three of four are positive, at -1 one of four. Platt's targets are (4+1)/(4+2) and 1/(4+2), so the
    # groups' shares are (3 * 5/6 + 1/6) / 4 = 2/3 and 1/3; a line through both has slope log 2, intercept 0.
    x = np.repeat([1.0, -1.0], 4)
    y = np.array([1, 1, 1, 0, 0, 0, 0, 1])
    np.testing.assert_allclose(fit_line(x, y, "platt"), (np.log(2.0), 0.0), atol=1e-6)
    # Moved margins move the intercept: 2/3 at 3, 1/3 at 1.
    np.testing.assert_allclose(fit_line(x + 2.0, y, "platt"), (np.log(2.0), -2 * np.log(2.0)), atol=1e-5)


def test_temperature_fits_the_slope_alone():
    x = np.repeat([3.0, -3.0], 4)
    y = np.array([1, 1, 1, 0, 0, 0, 0, 1])
    np.testing.assert_allclose(fit_line(x, y, "temperature"), (np.log(2.0) / 3.0, 0.0), atol=1e-6)
    assert fit_line(x, y, "none") == (1.0, 0.0)


def test_a_perfect_ranking_stays_finite_and_a_reversed_one_is_not_turned_round():
    x = np.linspace(-1, 1, 10)
    slope, _ = fit_line(x, (x > 0).astype(int))
    assert 1 < slope < 100
    slope, intercept = fit_line(x, (x < 0).astype(int))
    assert 0 < slope < 0.01
    assert abs(intercept) < 0.01


@pytest.mark.parametrize("margin", [0.0, 0.3, -700.0])
@pytest.mark.parametrize("rounding", [0.0, 1e-8])
def test_equal_margins_say_how_many_are_positive_and_nothing_of_others(margin, rounding):
    y = np.repeat([0, 1], [40, 10])
    x = margin * (1 + rounding * np.random.default_rng(0).normal(size=50))
    slope, intercept = fit_line(x, y)
    assert slope < 3
    p = Calibration("platt", slope, intercept).probability([margin, margin + 0.1])
    mean_target = (40 / 42 + 10 * 11 / 12) / 50  # Platt's, of 40 negative and 10 positive cases
    assert p[0] == pytest.approx(mean_target, abs=1e-4)
    assert p[1] < 0.3


def test_one_class_only_is_refused():
    with pytest.raises(InputError, match=r"both classes.*3 validation cases hold 0 positive"):
        fit_line([0.1, 0.2, 0.3], [0, 0, 0])
