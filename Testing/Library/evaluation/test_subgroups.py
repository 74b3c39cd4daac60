"""Subgroups: the same figures as of the cases alone, and a sentence instead of an interval for small ones."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from BreastFusionLib.errors import InputError
from BreastFusionLib.evaluation.delong import delong_areas
from BreastFusionLib.evaluation.intervals import wilson
from BreastFusionLib.evaluation.subgroups import age_bands, subgroup_metrics


def study(n: int = 400, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    labels = np.tile([0, 1], n // 2)
    return labels, labels + random.standard_normal(n)


def test_a_subgroup_has_the_figures_of_its_cases_alone() -> None:
    labels, scores = study()
    site = np.repeat(["A", "B"], [300, 100])
    whole, (split,) = subgroup_metrics(labels, scores, {"site": site}, threshold=0.5)
    assert [(group.name, group.n, group.positives) for group in split.groups] == [("A", 300, 150), ("B", 100, 50)]
    inside = site == "B"
    assert split.groups[1].auc == delong_areas(labels[inside], scores[inside]).interval()
    found = int((scores[inside & (labels == 1)] >= 0.5).sum())
    assert split.groups[1].rates["sensitivity"] == wilson(found, 50)
    assert (whole.name, whole.n, whole.auc) == ("all", 400, delong_areas(labels, scores).interval())


def test_a_small_subgroup_has_a_sentence_instead_of_intervals() -> None:
    labels, scores = study()
    labels[391:] = 0
    site = np.repeat(["large", "small"], [382, 18])
    _, (split,) = subgroup_metrics(labels, scores, {"site": site})
    large, small = split.groups
    assert large.note == "" and np.isfinite(large.auc.low)
    assert small.note == "small: 4 positive and 14 negative cases are too few for an interval (at least 10 of each)."
    assert np.isfinite(small.auc.value) and np.isnan(small.auc.low)
    assert all(np.isnan(rate.low) for rate in small.rates.values())
    assert np.isnan(split.p)


def test_a_subgroup_of_one_class_says_so() -> None:
    labels, scores = study(40)
    _, (split,) = subgroup_metrics(labels, scores, {"density": np.where(labels == 1, "d", "a")})
    assert [group.note for group in split.groups] == [
        "a: none of the 20 cases is positive, so that there is no AUC.",
        "d: none of the 20 cases is negative, so that there is no AUC.",
    ]
    only_negative = split.groups[0].rates
    assert only_negative["specificity"].value == np.mean(scores[labels == 0] < 0.5)
    assert np.isnan(only_negative["sensitivity"].value) and np.isnan(only_negative["specificity"].low)


def test_perfect_subgroups_get_no_interval_of_width_0() -> None:
    labels, scores = np.repeat([0, 1], 20), np.arange(40.0)
    whole, _ = subgroup_metrics(labels, scores, {})
    assert whole.auc.value == 1 and np.isnan(whole.auc.low) and "separate all cases" in whole.note


def test_missing_entries_are_a_subgroup_and_come_last() -> None:
    labels, scores = study(60)
    column = pd.Series(["9", "10", None, "", np.nan, pd.NA] * 10, dtype=object)
    _, (split,) = subgroup_metrics(labels, scores, {"scanner": column})
    assert [(group.name, group.n) for group in split.groups] == [("9", 10), ("10", 10), ("unknown", 40)]


def test_numbers_with_gaps_keep_their_names() -> None:
    labels, scores = study(40)
    _, (split,) = subgroup_metrics(labels, scores, {"density": np.tile([1.0, 2.0, np.nan, 2.5], 10)})
    assert [group.name for group in split.groups] == ["1", "2", "2.5", "unknown"]


def test_patients_with_several_cases_count_once() -> None:
    labels, scores = study(120)
    copies, site = np.arange(480) % 120, np.tile(np.repeat(["A", "B"], 60), 4)
    alone, (alone_by_site,) = subgroup_metrics(labels, scores, {"site": site[:120]})
    four, (four_by_site,) = subgroup_metrics(labels[copies], scores[copies], {"site": site}, patients=copies)
    assert four.auc.low == pytest.approx(alone.auc.low, abs=1e-9)
    assert four.rates["sensitivity"].low == pytest.approx(alone.rates["sensitivity"].low, abs=0.002)
    assert four_by_site.p == pytest.approx(alone_by_site.p)
    few = (labels == 0) | (np.cumsum(labels) <= 9)  # nine positive patients, 36 positive cases
    small, _ = subgroup_metrics(
        labels[copies][few[copies]], scores[copies][few[copies]], {}, patients=copies[few[copies]]
    )
    assert small.note.startswith("all: 9 positive and 60 negative patients are too few")


def test_equal_subgroups_differ_by_chance_only() -> None:
    small_p = [
        subgroup_metrics(*study(300, seed), {"site": np.repeat(["A", "B", "C"], 100)})[1][0].p < 0.05
        for seed in range(400)
    ]
    assert np.mean(small_p) == pytest.approx(0.05, abs=0.035)


def test_q_of_two_subgroups_is_the_square_of_z() -> None:
    labels, scores = study()
    scores[200:] = np.random.default_rng(1).standard_normal(200)
    halves = [delong_areas(labels[part], scores[part]) for part in (slice(200), slice(200, None))]
    z = (halves[0].auc[0] - halves[1].auc[0]) / np.sqrt(halves[0].covariance[0, 0] + halves[1].covariance[0, 0])
    _, (split,) = subgroup_metrics(labels, scores, {"half": np.repeat(["first", "second"], 200)})
    assert split.q == pytest.approx(z**2)
    assert split.p < 1e-4


def test_age_bands() -> None:
    bands = age_bands([39.9, 40, 49.9, 50, 69, 70, 101, np.nan])
    assert list(bands) == ["0-39", "40-49", "40-49", "50-59", "60-69", "70 and over", "70 and over", "unknown"]
    assert list(age_bands([20, 55], edges=(50,))) == ["0-49", "50 and over"]


def test_a_column_of_another_length_is_refused() -> None:
    with pytest.raises(InputError, match=r"'site' has shape \(3,\); 4 entries"):
        subgroup_metrics([0, 1, 0, 1], [1, 2, 3, 4], {"site": ["a", "b", "c"]})
