"""Intervals of the whole evaluation: none where there can be none, and over patients where they have several cases."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from BreastFusionLib.evaluation import evaluate_predictions, evaluate_scores

TwoModels = tuple[np.ndarray, dict[str, np.ndarray]]


def test_without_bootstrap_its_numbers_are_empty() -> None:
    result = evaluate_scores([0, 1, 0, 1], {"a": [0.1, 0.2, 0.3, 0.4], "b": [0.4, 0.3, 0.2, 0.1]}, bootstrap=0)
    assert result["models"]["a"]["auc"] == {"value": 0.75, "low": None, "high": None}
    assert result["comparisons"][0]["p_bootstrap"] is None


def test_too_few_cases_get_a_sentence_instead_of_intervals() -> None:
    result = evaluate_scores([0, 0, 0, 0, 0, 1, 1], {"a": range(7), "b": range(7, 0, -1)}, bootstrap=20)
    model, (comparison,) = result["models"]["a"], result["comparisons"]
    assert model["auc_delong"] == model["auc"] == {"value": 1.0, "low": None, "high": None}
    assert model["sensitivity"] == {"value": 1.0, "low": None, "high": None}
    assert comparison["delta_auc"] == 1.0 and comparison["p_delong"] is None and comparison["p_holm"] is None
    assert any("2 positive cases are too few (5 are needed)" in note for note in result["notes"])


def test_scores_that_separate_all_cases_or_none_have_no_interval_of_anything_read_from_the_curve() -> None:
    labels = np.array([0, 1] * 30)
    scores = {"perfect": labels * 0.5 + 0.2, "constant": np.full(60, 0.3)}
    result = json.loads(json.dumps(evaluate_scores(labels, scores, bootstrap=50, margin=0.1), allow_nan=False))
    for name, area in (("perfect", 1.0), ("constant", 0.5)):
        model = result["models"][name]
        found = [model[key] for key in ("auc", "auc_delong", "auc_logit", "auprc", "partial_auc")]
        found += [model["balanced_accuracy"], model["f1"]]
        found += [*model["specificity_at_sensitivity"].values(), *model["sensitivity_at_specificity"].values()]
        found += [end for point in model["operating_points"].values() for end in point.values()]
        assert model["auc"]["value"] == model["auprc"]["value"] == area
        assert all(one["value"] is not None and one["low"] is None and one["high"] is None for one in found)
        assert "band" not in model["roc"] and model["sensitivity"]["low"] is not None
        (note,) = [note for note in result["notes"] if note.startswith(f"{name}: ")]
        for words in ("the AUC, the average precision", "the specificity at 95 % sensitivity", "and the point closest"):
            assert words in note
    (test,) = result["comparisons"]
    # A difference without variance cannot be tested.
    assert test["delta_auc"] == 0.5 and test["low"] is None and test["margin"]["a_not_worse"]["holds"] is None
    assert test["p_delong"] is None and test["p_bootstrap"] is None and test["differences"]["auc"]["low"] is None


def test_a_single_figure_that_does_not_vary_is_named() -> None:
    random = np.random.default_rng(0)
    labels = np.array([0, 1] * 30)
    scores = {"low": 0.1 + 0.1 * labels + 0.05 * random.random(60) * 3}  # nothing reaches .5
    result = evaluate_scores(labels, scores, bootstrap=100)
    assert result["models"]["low"]["f1"] == {"value": 0.0, "low": None, "high": None}
    (note,) = result["notes"]
    assert note.startswith("low: no interval is given for F1 and the balanced accuracy. Every resample")
    assert result["models"]["low"]["auc"]["low"] is not None and "band" in result["models"]["low"]["roc"]


def test_a_reading_beyond_the_last_case_has_no_interval_and_a_note() -> None:
    random = np.random.default_rng(2)
    labels = np.array([1] * 15 + [0] * 60)
    scores = {name: random.normal(size=75) + labels for name in ("a", "b")}
    result = evaluate_scores(labels, scores, bootstrap=100)
    read = result["models"]["a"]["specificity_at_sensitivity"]
    assert read["0.95"]["value"] is not None and read["0.95"]["low"] is None
    assert read["0.9"]["low"] is not None  # a tenth of 15 positives is more than one
    assert result["comparisons"][0]["differences"]["specificity_at_sensitivity"]["0.95"]["p"] is None
    assert result["models"]["a"]["sensitivity_at_specificity"]["0.95"]["low"] is not None
    (note,) = [note for note in result["notes"] if "at 95 % sensitivity" in note]
    assert note == (
        "No interval is given for the specificity at 95 % sensitivity: "
        "it would need 20 cases of that class, and there are 15."
    )


def test_patients_with_several_cases_are_counted_as_patients(write: Callable[[str, str], Path]) -> None:
    path = write("a.csv", "case_id,patient_id,label,score\n1,A,1,.9\n2,A,0,.2\n3,B,1,.6\n4,C,0,.7\n")
    result = evaluate_predictions([path], bootstrap=0)
    assert result["settings"]["by_patient"]
    several, both, few, _ = result["notes"]
    assert several.startswith("4 cases come from 3 patients: intervals and tests count patients")
    assert both.startswith("1 patient has positive and negative cases (A)")
    assert "2 positive and 2 negative patients are too few" in few


def test_each_case_twice_gives_the_intervals_of_each_case_once() -> None:
    random = np.random.default_rng(3)
    labels = np.array([0, 1] * 40)
    scores = 1 / (1 + np.exp(-random.normal(size=80) - labels))
    once = evaluate_scores(labels, {"a": scores}, bootstrap=0)["models"]["a"]
    doubled = {"a": np.repeat(scores, 2)}
    patients = np.repeat(np.arange(80), 2)
    twice = evaluate_scores(np.repeat(labels, 2), doubled, patients=patients, bootstrap=0)["models"]["a"]
    naive = evaluate_scores(np.repeat(labels, 2), doubled, bootstrap=0)["models"]["a"]
    for key in ("auc_delong", "sensitivity", "specificity"):
        width = {name: found[key]["high"] - found[key]["low"] for name, found in
                 (("once", once), ("twice", twice), ("naive", naive))}  # fmt: skip
        assert width["twice"] == pytest.approx(width["once"], rel=0.02)
        assert width["naive"] < 0.75 * width["once"]


def test_every_part_counts_patients_where_they_have_several_cases() -> None:
    random = np.random.default_rng(6)
    p = random.random(200)
    labels, site = (random.random(200) < p).astype(int), np.repeat(["A", "B"], 100)
    copies = np.arange(800) % 200
    facts = pd.DataFrame({"site": site[copies]})
    naive, right = (
        evaluate_scores(
            labels[copies], {"m": p[copies]}, patients=who, facts=facts, subgroup_columns=["site"], bootstrap=20
        )
        for who in (np.arange(800), copies)
    )

    def widths(found: dict[str, Any]) -> np.ndarray:
        model = found["models"]["m"]
        estimates = (
            model["auc_delong"],
            model["calibration"]["slope"],
            model["calibration"]["curve"][4]["observed"],
            found["subgroups"][0]["models"]["m"]["groups"][0]["auc"],
        )
        return np.array([one["high"] - one["low"] for one in estimates])

    # Four copies of each case halve a naive interval, and tell nothing.
    assert widths(right) / widths(naive) == pytest.approx(np.full(4, 2.0), rel=0.1)


def test_chance_level_of_the_calibration_error_is_said_to_count_cases(two_models: TwoModels) -> None:
    labels, scores = two_models
    one, several = (
        evaluate_scores(labels, scores, patients=np.arange(80) // cases, bootstrap=0)["notes"] for cases in (1, 2)
    )
    assert not any("calibration error" in note for note in one)
    assert sum("is that of as many independent cases" in note for note in several) == 1
