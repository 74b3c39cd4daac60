"""The whole evaluation: its keys, its notes, and the table that holste2021 published."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from BreastFusionLib.evaluation import evaluate_predictions, evaluate_scores

INTERVALS = ("auc", "auc_delong", "sensitivity", "specificity", "ppv", "npv", "accuracy", "f1")

# Holste et al., ICCV Workshops 2021, table 2, 'Best Run': AUC [95 % CI], specificity at 95 % sensitivity.
PUBLISHED = {
    "image-only": (0.849, 0.834, 0.864, 0.301),
    "shallow-only": (0.807, 0.791, 0.823, 0.277),
    "probability-fusion": (0.888, 0.875, 0.899, 0.482),
    "110420_feature-fusion": (0.894, 0.882, 0.905, 0.465),
    "hidden-feature-fusion": (0.898, 0.885, 0.909, 0.491),
}


@pytest.fixture(scope="module")
def published(shared_data: Path) -> dict[str, Any]:
    folder = shared_data / "uw_breast_mri_fusion_preds"
    paths = [path for path in sorted(folder.glob("*.csv")) if "feature_imp" not in path.name]
    return evaluate_predictions(paths, label_column="y_true", score_column="y_prob")


def named(mapping: dict[str, Any], part: str) -> str:
    return next(name for name in mapping if part in name)


def test_the_published_table_comes_out(published: dict[str, Any]) -> None:
    for part, (auc, low, high, specificity) in PUBLISHED.items():
        model = published["models"][named(published["models"], part)]
        assert (model["n"], model["positives"]) == (4909, 1006)
        for estimate in (model["auc"], model["auc_delong"]):
            assert estimate["value"] == pytest.approx(auc, abs=0.0006)
            assert (estimate["low"], estimate["high"]) == pytest.approx((low, high), abs=0.0025)
        found = model["specificity_at_sensitivity"]["0.95"]
        assert found["value"] == pytest.approx(specificity, abs=0.0016)
        assert found["low"] < specificity < found["high"]


def test_the_published_p_values_hold(published: dict[str, Any]) -> None:
    learned = named(published["models"], "hidden-feature-fusion")
    tests = {frozenset((c["a"], c["b"])): c for c in published["comparisons"]}
    against_probability = tests[frozenset((learned, named(published["models"], "probability-fusion")))]
    against_feature = tests[frozenset((learned, named(published["models"], "110420_feature-fusion")))]
    assert against_probability["p_delong"] == pytest.approx(0.0039, abs=0.00005)
    assert 0.001 < against_probability["p_bootstrap"] < 0.008
    # Printed as .247 from 5,000 replicates, whose share of one half of that scatters by .006.
    assert against_feature["p_delong"] == pytest.approx(0.247, abs=0.01)
    assert against_feature["p_bootstrap"] == pytest.approx(0.247, abs=0.03)


def test_rows_without_case_ids_are_said(published: dict[str, Any]) -> None:
    assert any("row by row" in note for note in published["notes"])


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


def test_without_bootstrap_its_numbers_are_empty() -> None:
    result = evaluate_scores([0, 1, 0, 1], {"a": [0.1, 0.2, 0.3, 0.4], "b": [0.4, 0.3, 0.2, 0.1]}, bootstrap=0)
    assert result["models"]["a"]["auc"] == {"value": 0.75, "low": None, "high": None}
    assert result["comparisons"][0]["p_bootstrap"] is None


def test_a_single_positive_is_said_instead_of_an_interval() -> None:
    result = evaluate_scores([0, 0, 1], {"a": [0.1, 0.2, 0.3]}, bootstrap=20)
    assert result["models"]["a"]["auc_delong"] == {"value": 1.0, "low": None, "high": None}
    assert any("single positive" in note for note in result["notes"])


def test_patients_with_several_cases_are_said(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("case_id,patient_id,label,score\n1,A,1,.9\n2,A,0,.2\n3,B,1,.6\n4,C,0,.7\n")
    (note,) = evaluate_predictions([path], bootstrap=0)["notes"]
    assert note.startswith("4 cases come from 3 patients")
