"""The whole evaluation of several runs and folds: their mean is evaluated, and their spread stands beside it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from BreastFusionLib.evaluation import evaluate_predictions, read_predictions

RUNS = """case_id,run,fold,label,score
1,s1,f1,1,.9
2,s1,f1,0,.3
3,s1,f2,1,.8
4,s1,f2,0,.6
4,s2,f1,0,.2
3,s2,f1,1,.4
2,s2,f2,0,.5
1,s2,f2,1,.7
"""


def test_runs_are_put_side_by_side_and_their_mean_is_evaluated(write: Callable[[str, str], Path]) -> None:
    table = read_predictions(write("a.csv", RUNS))
    assert table.case_id is not None and table.case_id.tolist() == ["1", "2", "3", "4"]
    assert table.scores.tolist() == pytest.approx([0.8, 0.4, 0.6, 0.4])
    assert table.runs is not None and table.runs.names == ("s1", "s2")
    assert table.runs.scores[1].tolist() == [0.7, 0.5, 0.4, 0.2]
    assert table.runs.folds is not None and table.runs.folds[1].tolist() == ["f2", "f2", "f1", "f1"]
    assert "2 runs' mean score" in table.notes[0]


def test_the_spread_over_runs_stands_beside_the_ensemble(write: Callable[[str, str], Path]) -> None:
    found = evaluate_predictions([write("a.csv", RUNS)], bootstrap=0)["models"]["a"]["runs"]
    assert found["auc"] == {"s1": 1.0, "s2": 0.75}
    assert found["folds"]["s1"]["auc"] == {"f1": 1.0, "f2": 1.0}
    # Of folds, the mean over the folds is the run's figure: (1 + 1) / 2 in both.
    assert (found["spread"]["mean"]["value"], found["spread"]["median"], found["spread"]["runs"]) == (1.0, 1.0, 2)
    assert found["folds"]["s2"]["pooled"] == 0.75


def test_models_of_the_same_runs_and_folds_are_compared_over_them(write: Callable[[str, str], Path]) -> None:
    other = RUNS.replace(",.9\n", ",.1\n")
    paths = [write("a.csv", RUNS), write("b.csv", other)]
    found = evaluate_predictions(paths, bootstrap=0)["comparisons"][0]["runs"]
    assert (found["pairs"], found["n"], found["statistic"]) == (4, 1, 1.0)  # only s1, f1 differs: 1 against 0


def test_folds_of_one_cross_validation_give_their_mean_and_the_pooled_value(write: Callable[[str, str], Path]) -> None:
    one = "\n".join(line for line in RUNS.splitlines() if ",s2," not in line).replace("run,", "").replace("s1,", "")
    found = evaluate_predictions([write("a.csv", one)], bootstrap=0)["models"]["a"]["runs"]
    assert found["folds"]["all"]["spread"]["mean"]["value"] == 1.0 and found["spread"] is None


def test_a_cut_interval_over_folds_is_said(write: Callable[[str, str], Path]) -> None:
    # Twelve cases in three folds; the last fold's AUC is 1/2, the others' 1.
    rows = [f"{n},{n // 4},{n % 2},{score}" for n, score in enumerate([0.1, 0.9, 0.2, 0.8] * 2 + [0.1, 0.3, 0.4, 0.2])]
    result = evaluate_predictions([write("a.csv", "\n".join(["case_id,fold,label,score", *rows]))], bootstrap=0)
    spread = result["models"]["a"]["runs"]["folds"]["all"]["spread"]
    assert (spread["mean"]["high"], spread["cut"]) == (1.0, True)
    assert "a: The interval of the mean AUC over folds is cut: an AUC lies in [0, 1]." in result["notes"]
