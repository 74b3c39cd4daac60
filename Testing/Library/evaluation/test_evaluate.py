"""The whole evaluation: its keys, its thresholds, its calibration and curves, and who the cases are."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from BreastFusionLib.errors import InputError
from BreastFusionLib.evaluation import evaluate_predictions, evaluate_scores

TwoModels = tuple[np.ndarray, dict[str, np.ndarray]]


INTERVALS = ("auc", "auc_delong", "sensitivity", "specificity", "ppv", "npv", "accuracy", "f1")


def test_every_key_is_there_and_json_takes_it() -> None:
    random = np.random.default_rng(0)
    labels = np.array([0, 1] * 40)
    scores = {"a": 1 / (1 + np.exp(-random.normal(size=80) - labels)), "b": random.normal(size=80)}
    result = json.loads(json.dumps(evaluate_scores(labels, scores, bootstrap=200), allow_nan=False))
    for name, model in result["models"].items():
        assert (model["n"], model["positives"]) == (80, 40)
        for estimate in (*(model[key] for key in INTERVALS), model["specificity_at_sensitivity"]["0.95"]):
            assert set(estimate) == {"value", "low", "high"}
            assert 0 <= estimate["low"] <= estimate["value"] <= estimate["high"] <= 1
        assert sum(model["confusion"].values()) == 80
        assert np.trapezoid(model["roc"]["sensitivity"], model["roc"]["false_positive_rate"]) == pytest.approx(
            model["auc"]["value"]
        )
        assert (model["brier"] is None) == (name == "b")
    (comparison,) = result["comparisons"]
    assert (comparison["a"], comparison["b"]) == ("a", "b")
    assert comparison["delta_auc"] == pytest.approx(
        result["models"]["a"]["auc"]["value"] - result["models"]["b"]["auc"]["value"]
    )
    assert comparison["low"] < comparison["delta_auc"] < comparison["high"]
    assert any(note.startswith("b: scores lie outside [0, 1]") for note in result["notes"])


def test_each_model_may_have_its_own_threshold() -> None:
    labels, scores = [0, 1, 0, 1], [0.1, 0.2, 0.3, 0.4]
    result = evaluate_scores(labels, {"a": scores, "b": scores}, bootstrap=0, threshold={"a": 0.2, "b": 0.35})
    assert result["models"]["a"]["confusion"] == {"tp": 2, "fp": 1, "fn": 0, "tn": 1}
    assert result["models"]["b"]["confusion"] == {"tp": 1, "fp": 0, "fn": 1, "tn": 2}


def test_calibration_is_told_beside_what_chance_gives() -> None:
    random = np.random.default_rng(1)
    p = random.random(3000)
    found = evaluate_scores(random.random(3000) < p, {"a": p}, bootstrap=0)["models"]["a"]["calibration"]
    assert found["slope"]["low"] < 1 < found["slope"]["high"]
    assert found["expected_calibration_error"] < found["expected_calibration_error_by_chance_95"]
    assert sum(one["cases"] for one in found["curve"]) == 3000


def test_demanded_calibration_of_scores_beyond_probabilities_is_refused(two_models: TwoModels) -> None:
    labels, scores = two_models
    scores["b"] = scores["b"] * 3
    with pytest.raises(InputError, match=r"^b: Calibration needs probabilities in \[0, 1\]"):
        evaluate_scores(labels, scores, bootstrap=0, calibration=True)
    quiet = evaluate_scores(labels, scores, bootstrap=0, calibration=False)
    assert quiet["notes"] == [] and quiet["models"]["a"]["brier"] is None


def test_decision_curves_say_where_a_model_is_useful(two_models: TwoModels) -> None:
    labels, scores = two_models
    curves = evaluate_scores(labels, scores, bootstrap=100, decision_range=(0.1, 0.5))["decision_curves"]
    assert curves["thresholds"][0] == pytest.approx(0.1) and curves["thresholds"][-1] == pytest.approx(0.5)
    assert curves["models"]["a"]["useful"]
    share = labels.mean()
    assert curves["treat_all"][0] == pytest.approx(share - (1 - share) * 0.1 / 0.9)


def test_subgroups_are_made_of_categories_and_bands_of_numbers(two_models: TwoModels) -> None:
    labels, scores = two_models
    facts = pd.DataFrame({"site": np.where(np.arange(80) % 4 < 2, "A", "B"), "age": 41.0 + np.arange(80) / 4})
    result = evaluate_scores(labels, scores, facts=facts, subgroup_columns=["site", "age"], bootstrap=0)
    site, age = result["subgroups"]
    assert [group["name"] for group in site["models"]["a"]["groups"]] == ["A", "B"]
    assert [group["name"] for group in age["models"]["a"]["groups"]] == ["40-49", "50-59", "60-69"]
    chosen = (facts["site"] == "A").to_numpy()
    alone = evaluate_scores(labels[chosen], {"a": scores["a"][chosen]}, bootstrap=0)["models"]["a"]["auc_delong"]
    assert site["models"]["a"]["groups"][0]["auc"] == pytest.approx(alone)
    with pytest.raises(InputError, match=r"no column 'sites'.*Did you mean 'site'"):
        evaluate_scores(labels, scores, facts=facts, subgroup_columns=["sites"], bootstrap=0)


def test_table_1_describes_the_cases_by_class() -> None:
    labels = np.array([0, 1] * 10)
    facts = pd.DataFrame(
        {"age": np.arange(40, 60), "site": ["A"] * 5 + ["B"] * 15, "file": [f"{n}.nii" for n in range(20)]}
    )
    table = evaluate_scores(labels, {"a": np.arange(20)}, facts=facts, bootstrap=0)["cohort"]
    assert table["n"] == [20, 10, 10]
    age, site = table["rows"]  # a name of a file describes nobody
    assert (age["column"], age["cells"][1]["median"], age["cells"][2]["median"]) == ("age", 49, 50)
    assert site["cells"][0] == {"A": 5, "B": 15}


def test_a_cohort_describes_the_cases(write: Callable[[str, str], Path], four_cases: str) -> None:
    a = write("a.csv", four_cases)
    cohort = write("cohort.csv", "case_id,label,age,exam\n10,0,71,x\n007,1,44,y\n8,0,52,z\n")
    result = evaluate_predictions([a], bootstrap=0, cohort=cohort, subgroup_columns=["age"])
    groups = result["subgroups"][0]["models"]["a"]["groups"]
    assert [(group["name"], group["n"]) for group in groups] == [
        ("40-49", 1), ("50-59", 1), ("70 and over", 1), ("unknown", 1),
    ]  # fmt: skip
    assert "cohort.csv does not describe 1 of the 4 cases." in result["notes"]


def test_the_surest_right_and_wrong_cases_are_named() -> None:
    labels, scores = [1, 1, 1, 0, 0, 0], [0.9, 0.8, 0.2, 0.7, 0.6, 0.1]
    result = evaluate_scores(labels, {"a": scores}, case_id=list("uvwxyz"), bootstrap=0, examples=2)
    found = result["models"]["a"]["examples"]
    assert [case["case_id"] for case in found["true_positives"]] == ["u", "v"]
    assert [case["case_id"] for case in found["false_positives"]] == ["x", "y"]
    assert [case["case_id"] for case in found["false_negatives"]] == ["w"]
    assert found["true_negatives"] == [{"case_id": "z", "score": 0.1}]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"level": 95}, "level of confidence lies between 0 and 1, not at 95"),
        ({"sensitivities": (95,)}, r"sensitivity to read the curve at lies in \(0, 1\]"),
        ({"margin": -0.1}, "margin is a difference in AUC"),
        ({"partial_auc": (0.9, 0.2)}, "runs from low to high"),
        ({"threshold": {"a": 0.5}}, "no threshold for the model b"),
    ],
)
def test_settings_out_of_range_are_refused(options: dict[str, Any], words: str, two_models: TwoModels) -> None:
    labels, scores = two_models
    with pytest.raises(InputError, match=words):
        evaluate_scores(labels, scores, bootstrap=0, **options)
