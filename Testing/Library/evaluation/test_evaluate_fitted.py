"""What the whole evaluation fits on validation rows: ensembles and calibrations."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from BreastFusionLib.errors import InputError
from BreastFusionLib.evaluation import evaluate_predictions
from BreastFusionLib.evaluation.parts.together import EnsembleRule

SPLIT = """case_id,label,score,split
1,1,{},validation
2,0,.4,validation
3,1,.6,validation
4,0,.3,validation
5,1,{},test
6,0,.2,test
"""


def test_the_mean_of_models_is_a_model_of_its_own(write: Callable[[str, str], Path]) -> None:
    paths = [write(f"{n}.csv", SPLIT.format(s, s)) for n, s in (("a", 0.9), ("b", 0.1))]
    result = evaluate_predictions(paths, bootstrap=0, ensemble="mean")
    assert list(result["models"]) == ["a", "b", "ensemble"]
    assert result["models"]["ensemble"]["examples"]["true_positives"] == [{"case_id": "5", "score": 0.5}]
    assert "ensemble: the mean of the models' probabilities." in result["notes"]


@pytest.mark.parametrize("rule", ["mean", "greedy"])
def test_an_ensemble_is_of_the_cases_that_all_models_have(
    rule: EnsembleRule, write: Callable[[str, str], Path]
) -> None:
    whole = write("a.csv", SPLIT.format(0.9, 0.9) + "7,0,.1,test\n8,1,.5,validation\n")
    part = write("b.csv", SPLIT.format(0.1, 0.7))
    result = evaluate_predictions([whole, part], bootstrap=0, ensemble=rule, intersect=True)
    assert [model["n"] for model in result["models"].values()] == [2, 2, 2]
    assert "a: 1 cases that others lack are left out (7)." in result["notes"]
    assert ("a, validation: 1 cases that others lack are left out (8)." in result["notes"]) == (rule == "greedy")


@pytest.mark.parametrize("rule", ["mean", "greedy"])
def test_an_ensemble_names_the_models_that_give_no_probabilities(
    rule: EnsembleRule, write: Callable[[str, str], Path]
) -> None:
    paths = [write(f"{n}.csv", SPLIT.format(s, s)) for n, s in (("a", 0.9), ("b", 3.5))]
    with pytest.raises(InputError, match=r"scores of b are none.*--recalibrate platt"):
        evaluate_predictions(paths, bootstrap=0, ensemble=rule)
    result = evaluate_predictions(paths, bootstrap=0, ensemble=rule, recalibrate="platt")
    assert result["models"]["ensemble"]["brier"] is not None


def test_a_greedy_ensemble_is_chosen_on_validation_rows(write: Callable[[str, str], Path]) -> None:
    paths = [write(f"{n}.csv", SPLIT.format(v, t)) for n, v, t in (("a", 0.9, 0.1), ("b", 0.1, 0.9))]
    result = evaluate_predictions(paths, bootstrap=0, ensemble="greedy")
    # On the validation rows a is perfect and b is not; what they do on the test rows does not matter.
    assert "ensemble: chosen greedily on 4 validation cases: 100 % a." in result["notes"]
    assert result["models"]["ensemble"]["auc"] == result["models"]["a"]["auc"]


def test_an_ensemble_needs_several_models_and_validation_rows(
    write: Callable[[str, str], Path], four_cases: str
) -> None:
    paths = [write("a.csv", four_cases), write("b.csv", four_cases)]
    with pytest.raises(InputError, match="give two or more tables"):
        evaluate_predictions(paths[:1], bootstrap=0, ensemble="mean")
    with pytest.raises(InputError, match="rows of split 'validation'"):
        evaluate_predictions(paths, bootstrap=0, ensemble="greedy")


def test_calibration_is_fitted_on_validation_rows(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    log_odds = random.normal(0, 2, 4000)
    table = pd.DataFrame({
        "case_id": np.arange(4000),
        "label": (random.random(4000) < 1 / (1 + np.exp(-log_odds))).astype(int),
        "score": 1 / (1 + np.exp(-(3 * log_odds + 1))),  # three times too sure, and too high
        "split": np.where(np.arange(4000) < 2000, "validation", "test"),
    })  # fmt: skip
    table.to_csv(tmp_path / "a.csv", index=False)
    raw = evaluate_predictions([tmp_path / "a.csv"], bootstrap=0)["models"]["a"]
    result = evaluate_predictions([tmp_path / "a.csv"], bootstrap=0, recalibrate="platt")
    fitted = result["models"]["a"]
    assert raw["calibration"]["slope"]["value"] == pytest.approx(1 / 3, abs=0.03)
    assert fitted["calibration"]["slope"]["value"] == pytest.approx(1, abs=0.1)
    assert fitted["brier"] < raw["brier"] and fitted["auc"] == raw["auc"]
    assert "calibrated (platt) on 2000 validation cases" in " ".join(result["notes"])
    sets = fitted["prediction_sets"]
    assert sets["coverage"]["low"] < 0.9 < sets["coverage"]["high"] and sets["validation_cases"] == 2000


def test_calibration_without_validation_rows_is_refused(write: Callable[[str, str], Path], four_cases: str) -> None:
    with pytest.raises(InputError, match="rows of split 'validation'"):
        evaluate_predictions([write("a.csv", four_cases)], bootstrap=0, recalibrate="platt")
