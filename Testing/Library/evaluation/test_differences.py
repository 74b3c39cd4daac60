"""Paired tests without an ROC curve, margins, and several tests at once: by hand and as printed in papers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from BreastFusionLib.errors import InputError
from BreastFusionLib.evaluation import (
    delong_areas,
    holm,
    mcnemar,
    mcnemar_at,
    noninferiority,
    superiority,
    wilcoxon_signed_rank,
)


def test_mcnemar_by_hand() -> None:
    found = mcnemar(1, 7)
    assert found.p_exact == pytest.approx(2 * (1 + 8) / 2**8)
    assert found.statistic == pytest.approx(25 / 8)
    assert mcnemar(0, 0).p_exact == 1
    assert mcnemar(30, 30).p_corrected == 1


def test_mcnemar_as_in_rs_manual() -> None:
    # ?mcnemar.test, approval ratings (Agresti 1990, p. 350): discordant 150 and 86, chi-squared 16.818, p 4.115e-05.
    found = mcnemar(150, 86)
    assert found.statistic == pytest.approx(16.818, abs=5e-4)
    assert found.p_corrected == pytest.approx(4.115e-05, abs=5e-9)


@given(st.integers(0, 60), st.integers(0, 60))
def test_mcnemar_does_not_care_who_is_first(a: int, b: int) -> None:
    there, back = mcnemar(a, b), mcnemar(b, a)
    assert (there.p_exact, there.p_corrected) == pytest.approx((back.p_exact, back.p_corrected))
    assert 0 <= there.p_exact <= 1 and 0 <= there.p_corrected <= 1


def test_mcnemar_of_decisions() -> None:
    labels, first, second = [1, 1, 1, 0, 0], [0.9, 0.8, 0.2, 0.1, 0.6], [0.9, 0.3, 0.7, 0.6, 0.1]
    assert (mcnemar_at(labels, first, second).only_first, mcnemar_at(labels, first, second).only_second) == (2, 2)
    sensitivity = mcnemar_at(labels, first, second, among="positives", thresholds=(0.5, 0.75))
    assert (sensitivity.only_first, sensitivity.only_second) == (1, 0)
    specificity = mcnemar_at(labels, first, second, among="negatives")
    assert (specificity.only_first, specificity.only_second) == (1, 1)


# Hollander and Wolfe 1973, 29f, depression before and after (?wilcox.test in R): V = 40 of 45, one-sided p .01953.
BEFORE = [1.83, 0.50, 1.62, 2.48, 1.68, 1.88, 1.55, 3.06, 1.30]
AFTER = [0.878, 0.647, 0.598, 2.05, 1.06, 1.29, 1.06, 3.14, 1.29]


def test_wilcoxon_as_published() -> None:
    found = wilcoxon_signed_rank(BEFORE, AFTER)
    assert (found.n, found.statistic) == (9, 40)
    assert found.p == pytest.approx(2 * 0.01953, abs=2e-5)
    back = wilcoxon_signed_rank(AFTER, BEFORE)
    assert (back.statistic, back.p, back.median) == pytest.approx((45 - 40, found.p, -found.median))


def test_wilcoxon_by_hand_leaves_equal_pairs_out() -> None:
    # Three differences of one sign: 2 of the 8 sign patterns are as extreme.
    found = wilcoxon_signed_rank([1.0, 2, 4, 5], [0.0, 0, 1, 5])
    assert (found.n, found.statistic, found.p) == (3, 6, pytest.approx(0.25))
    assert wilcoxon_signed_rank([1, 2], [1, 2]).p == 1


def test_wilcoxon_with_labels_asks_whose_scores_are_closer_to_the_truth() -> None:
    labels = np.array([1, 0] * 20)
    sure = np.abs(labels - 0.1 - np.linspace(0, 0.05, 40))
    shifted = wilcoxon_signed_rank(sure, np.full(40, 0.5))
    closer = wilcoxon_signed_rank(sure, np.full(40, 0.5), labels)
    assert shifted.p > 0.5  # as often above as below
    assert closer.p < 1e-9 and closer.median < 0


def test_wilcoxon_of_unequal_lengths_is_refused() -> None:
    with pytest.raises(InputError, match="one finite value of each model"):
        wilcoxon_signed_rank([1, 2], [1, 2, 3])


def test_margins_by_hand() -> None:
    # Difference -.01 with standard error .01: the lower end is -.0296.
    assert noninferiority(-0.01, 0.01, margin=0.03).holds
    assert not noninferiority(-0.01, 0.01, margin=0.025).holds
    assert noninferiority(-0.01, 0.01, margin=0.03).p == pytest.approx(0.02275, abs=5e-6)  # two standard errors
    assert not superiority(0.01, 0.01).holds
    assert superiority(0.03, 0.01).holds
    assert superiority(0.03, 0.01, margin=0.01).p == pytest.approx(0.02275, abs=5e-6)


def test_superiority_agrees_with_the_two_sided_test() -> None:
    labels = np.array([0, 1] * 40)
    scores = np.random.default_rng(1).normal(size=(2, 80)) + np.array([[1.5], [0.5]]) * labels
    test = delong_areas(labels, scores).compare(0, 1)
    assert superiority(test.delta.value, test.error).p == pytest.approx(test.p / 2)
    assert superiority(test.delta.value, test.error).bound == pytest.approx(test.delta.low)


def test_a_margin_must_be_positive() -> None:
    with pytest.raises(InputError, match="above 0"):
        noninferiority(0.0, 0.01, margin=0)


def test_holm_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.7, 0.9]) == pytest.approx([1, 1])


def test_holm_leaves_out_tests_that_could_not_be_done() -> None:
    assert holm([0.01, float("nan"), 0.04]) == pytest.approx([0.02, float("nan"), 0.04], nan_ok=True)
    with pytest.raises(InputError, match=r"\[0, 1\]"):
        holm([0.5, 1.5])


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_holm_keeps_the_order_and_never_lowers(p: list[float]) -> None:
    corrected = holm(p)
    assert (corrected >= np.array(p)).all() and (corrected <= 1).all()
    order = np.argsort(p, kind="stable")
    assert (np.diff(corrected[order]) >= 0).all()


@pytest.mark.parametrize("error", [0.0, float("nan")])
def test_a_difference_of_unknown_scatter_proves_nothing(error: float) -> None:
    for test in (noninferiority(0.0, error, margin=0.05), superiority(0.5, error)):
        assert not test.holds
        assert np.isnan(test.p) and np.isnan(test.bound)
