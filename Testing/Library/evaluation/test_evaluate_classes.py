"""The whole evaluation of three classes: one against the rest, guarded and compared as two are."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from BreastFusionLib.errors import InputError
from BreastFusionLib.evaluation import evaluate_predictions


def test_three_classes_are_evaluated_one_against_the_rest(
    write: Callable[[str, str], Path], three_classes: str
) -> None:
    result = evaluate_predictions([write("a.csv", three_classes)], bootstrap=0)
    assert result["classes"] == ["normal", "benign", "malignant"]
    model = result["models"]["a"]
    assert model["confusion"]["benign"] == {"normal": 0, "benign": 1, "malignant": 1}
    assert model["classes"]["normal"]["auc"]["value"] == 1.0
    areas = [model["classes"][name]["auc"]["value"] for name in result["classes"]]
    assert model["auc"]["value"] == pytest.approx(sum(areas) / 3)
    assert model["accuracy"]["value"] == pytest.approx(5 / 6)


def test_too_few_cases_of_a_class_get_a_sentence_instead_of_intervals(
    write: Callable[[str, str], Path], three_classes: str
) -> None:
    # A class named like an interval's end.
    odd = three_classes.replace("score_normal", "score_low").replace("normal,.", "low,.")
    result = evaluate_predictions([write("a.csv", odd)], bootstrap=20)
    model = result["models"]["a"]
    assert model["auc"]["low"] is None and model["classes"]["benign"]["auc"]["high"] is None
    assert model["confusion"]["low"]["low"] == 2
    assert "there are 2 of class low, 2 of class benign" in result["notes"][-1]


def test_numbers_of_classes_are_as_good_as_their_names(write: Callable[[str, str], Path], three_classes: str) -> None:
    numbered = three_classes.replace("normal,.", "0,.").replace("benign,.", "1,.").replace("malignant,.", "2,.")
    by_name = evaluate_predictions([write("a.csv", three_classes)], bootstrap=0)
    by_number = evaluate_predictions([write("b.csv", numbered)], bootstrap=0)
    assert by_number["models"]["b"] == by_name["models"]["a"]


def test_runs_of_several_classes_have_their_spread(write: Callable[[str, str], Path], three_classes: str) -> None:
    head, *rows = three_classes.splitlines()
    better = [row.replace("benign,.2,.3,.5", "benign,.2,.6,.2") for row in rows]
    text = "\n".join([f"run,{head}", *(f"a,{row}" for row in rows), *(f"b,{row}" for row in better)])
    runs = evaluate_predictions([write("a.csv", text)], bootstrap=0)["models"]["a"]["runs"]
    # In run a: 1 of normal, 7/8 of benign, 7.5/8 of malignant.
    assert runs["auc"] == pytest.approx({"a": 0.9375, "b": 1.0})
    assert runs["spread"]["sd"] == pytest.approx(0.0625 / 2**0.5)


def several_classes(path: Path, labels: np.ndarray, p: np.ndarray) -> Path:
    """Write a table of three classes."""
    table = pd.DataFrame(p, columns=["score_normal", "score_benign", "score_malignant"])
    table.assign(case_id=range(len(table)), label=labels).to_csv(path, index=False)
    return path


def test_several_classes_are_guarded_as_two_are(tmp_path: Path) -> None:
    labels = np.repeat([0, 1, 2], 20)
    noise = np.random.default_rng(0).dirichlet([1, 1, 1], 60)
    path = several_classes(tmp_path / "perfect.csv", labels, np.eye(3)[labels] * 0.7 + 0.1)
    result = evaluate_predictions([path], bootstrap=50)
    model = json.loads(json.dumps(result["models"]["perfect"], allow_nan=False))
    for one in (model["auc"], model["classes"]["benign"]["auc"], model["odelia"]["score"], model["weighted_kappa"]):
        assert one == {"value": 1.0, "low": None, "high": None}
    (note,) = result["notes"]
    assert note.startswith("perfect: no interval is given for the macro AUC, the AUC of class normal,")
    few = evaluate_predictions(
        [several_classes(tmp_path / f"{name}.csv", labels[::4], noise[rows]) for name, rows in
         (("a", slice(0, 60, 4)), ("b", slice(1, 60, 4)))],
        bootstrap=50,
    )  # fmt: skip
    assert few["models"]["a"]["auc"]["low"] is None and few["models"]["a"]["accuracy"]["low"] is None
    assert all(test["p_bootstrap"] is None and test["p_delong"] is None for test in few["comparisons"])
    (note,) = few["notes"]
    assert note.startswith(
        "No intervals and no tests are given: of cases there are 5 of class normal, 5 of class benign"
    )
    path = several_classes(tmp_path / "absent.csv", labels[:40], noise[:40])
    with pytest.raises(InputError, match="None of the 40 cases is of class malignant"):
        evaluate_predictions([path], bootstrap=50)


def test_macro_aucs_are_compared_by_bootstrap(tmp_path: Path) -> None:
    random, labels = np.random.default_rng(0), np.repeat([0, 1, 2], 20)
    paths = []
    for name, effect in (("a", 2.0), ("b", 0.3), ("c", 0.3)):
        p = np.exp(effect * np.eye(3)[labels] + random.normal(size=(60, 3)))
        paths.append(several_classes(tmp_path / f"{name}.csv", labels, p / p.sum(axis=1, keepdims=True)))
    result = evaluate_predictions(paths, bootstrap=400)
    macro = [test for test in result["comparisons"] if test["class"] is None]
    assert [(test["a"], test["b"]) for test in macro] == [("a", "b"), ("a", "c"), ("b", "c")]
    for test in macro:
        aucs = [result["models"][test[which]]["auc"]["value"] for which in "ab"]
        assert test["delta_auc"] == pytest.approx(aucs[0] - aucs[1]) and test["low"] < test["delta_auc"] < test["high"]
        assert test["differences"]["odelia"]["score"]["value"] == pytest.approx(
            result["models"][test["a"]]["odelia"]["score"]["value"]
            - result["models"][test["b"]]["odelia"]["score"]["value"]
        )
    assert macro[0]["p_bootstrap"] == pytest.approx(2 / 401) and macro[2]["p_bootstrap"] > 0.05
    # Corrected among the three macro AUCs; single classes among their nine.
    assert macro[0]["p_holm_bootstrap"] == pytest.approx(3 * 2 / 401)
    single = [test for test in result["comparisons"] if test["class"] is not None]
    assert len(single) == 9 and all(test["p_bootstrap"] is not None for test in single)
    lowest = min(single, key=lambda test: test["p_delong"])
    assert lowest["p_holm"] == pytest.approx(9 * lowest["p_delong"])
