"""Comparisons of the whole evaluation: differences, tests and margins are those of its models."""

from __future__ import annotations

import numpy as np
import pytest

from BreastFusionLib.evaluation import evaluate_scores

TwoModels = tuple[np.ndarray, dict[str, np.ndarray]]


def test_swapped_labels_and_signs_give_the_same_areas_and_tests() -> None:
    random = np.random.default_rng(1)
    labels = random.integers(0, 2, 60)
    a, b = random.normal(size=60) + labels, random.normal(size=60).round(1)
    there = evaluate_scores(labels, {"a": a, "b": b}, bootstrap=0)
    back = evaluate_scores(1 - labels, {"a": -a, "b": -b}, bootstrap=0)
    for name in "ab":
        for end, value in there["models"][name]["auc_delong"].items():
            assert back["models"][name]["auc_delong"][end] == pytest.approx(value)
        assert back["models"][name]["sensitivity_at_specificity"]["0.9"]["value"] == pytest.approx(
            there["models"][name]["specificity_at_sensitivity"]["0.9"]["value"]
        )
    assert back["comparisons"][0]["p_delong"] == pytest.approx(there["comparisons"][0]["p_delong"])


def test_differences_of_every_metric_are_those_of_the_models(two_models: TwoModels) -> None:
    labels, scores = two_models
    result = evaluate_scores(labels, scores, bootstrap=300)
    (test,) = result["comparisons"]
    a, b = result["models"]["a"], result["models"]["b"]
    for metric in ("auc", "auprc", "partial_auc", "f1", "balanced_accuracy", "sensitivity", "specificity", "accuracy"):
        found = test["differences"][metric]
        assert found["value"] == pytest.approx(a[metric]["value"] - b[metric]["value"])
        assert found["low"] <= found["value"] <= found["high"] and 0 < found["p"] <= 1
    assert test["differences"]["auc"]["p"] == test["p_bootstrap"]
    at = "specificity_at_sensitivity"
    assert test["differences"][at]["0.95"]["value"] == pytest.approx(a[at]["0.95"]["value"] - b[at]["0.95"]["value"])


def test_models_of_different_thresholds_share_their_resamples(two_models: TwoModels) -> None:
    labels, scores = two_models
    same = evaluate_scores(labels, scores, bootstrap=200)["comparisons"][0]
    other = evaluate_scores(labels, scores, bootstrap=200, threshold={"a": 0.5, "b": 0.3})["comparisons"][0]
    assert other["differences"]["auc"] == same["differences"]["auc"]
    assert other["differences"]["sensitivity"] != same["differences"]["sensitivity"]


def test_holm_is_counted_over_all_pairs(two_models: TwoModels) -> None:
    labels, scores = two_models
    scores["c"] = scores["a"] * 0.5 + scores["b"] * 0.5
    found = evaluate_scores(labels, scores, bootstrap=100)["comparisons"]
    given = sorted(test["p_delong"] for test in found)
    assert sorted(test["p_holm"] for test in found)[0] == pytest.approx(min(1, 3 * given[0]))
    assert all(test["p_holm"] >= test["p_delong"] for test in found)


def test_a_margin_is_tested_in_both_directions(two_models: TwoModels) -> None:
    labels, scores = two_models
    test = evaluate_scores(labels, scores, bootstrap=0, margin=0.05)["comparisons"][0]
    margin = test["margin"]
    assert margin["a_not_worse"]["bound"] == pytest.approx(test["low"])
    assert margin["b_not_worse"]["bound"] == pytest.approx(-test["high"])
    assert margin["a_not_worse"]["holds"] == (test["low"] > -0.05)
    assert margin["a_better"]["p"] == pytest.approx(test["p_delong"] / 2)
    assert "margin" not in evaluate_scores(labels, scores, bootstrap=0)["comparisons"][0]


def test_too_few_cases_give_no_verdict_on_a_margin_either() -> None:
    labels = np.repeat([0, 1], [40, 4])
    noise = np.random.default_rng(0).normal(size=(2, 44))
    found = evaluate_scores(labels, {"a": labels + noise[0], "b": labels + noise[1]}, bootstrap=0, margin=0.05)
    for test in ("a_not_worse", "b_not_worse", "a_better", "b_better"):
        verdict = found["comparisons"][0]["margin"][test]
        assert (verdict["holds"], verdict["p"], verdict["bound"]) == (None, None, None)


def test_mcnemar_counts_the_cases_on_which_one_model_is_right() -> None:
    labels = [1, 1, 1, 1, 1, 0, 0, 0, 0, 0]
    a = [0.9, 0.9, 0.9, 0.9, 0.1, 0.1, 0.1, 0.1, 0.1, 0.9]
    b = [0.9, 0.1, 0.1, 0.9, 0.9, 0.1, 0.1, 0.1, 0.1, 0.1]
    found = evaluate_scores(labels, {"a": a, "b": b}, bootstrap=0)["comparisons"][0]["mcnemar"]
    assert (found["accuracy"]["only_a_right"], found["accuracy"]["only_b_right"]) == (2, 2)
    assert (found["sensitivity"]["only_a_right"], found["sensitivity"]["only_b_right"]) == (2, 1)
    assert found["specificity"]["p"] == 1.0
