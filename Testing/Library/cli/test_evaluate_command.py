"""`breastfusion evaluate` as a user gives it: its options, its files, and its sentences for bad tables."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two models on 80 cases, good.csv without the last four; cohort.csv describes them."""
    folder = tmp_path_factory.mktemp("tables")
    random = np.random.default_rng(0)
    labels = np.array([0, 1] * 40)
    cases = pd.DataFrame(
        {"case_id": [f"c{n:02}" for n in range(80)], "patient_id": np.arange(80) // 2, "label": labels}
    )
    for name, effect, last in (("poor", 0.5, 80), ("good", 2.5, 76)):
        score = 1 / (1 + np.exp(-random.normal(size=80) - effect * (labels - 0.5)))
        cases.assign(score=score)[:last].to_csv(folder / f"{name}.csv", index=False)
    cases.assign(age=random.normal(55, 9, 80).round(), site=["A", "B"] * 40).to_csv(folder / "cohort.csv", index=False)
    return folder


def test_options_reach_the_evaluation(as_json: Callable[..., dict[str, Any]], tables: Path) -> None:
    result = as_json(
        "evaluate", tables / "poor.csv", tables / "good.csv", "--intersect", "--name", "Poor", "--name", "Good",
        "--cohort", tables / "cohort.csv", "--subgroup", "site", "--subgroup", "age", "--threshold", "Poor=0.4",
        "--threshold", "Good=0.6", "--at-sensitivity", 0.8, "--margin", 0.05, "--bootstrap", 200, "--level", 0.9,
        "--independent", "--no-calibration", "--decision-range", "0.1,0.5",
    )  # fmt: skip
    good = result["models"]["Good"]
    assert (good["n"], good["threshold"], result["models"]["Poor"]["threshold"]) == (76, 0.6, 0.4)
    assert list(good["specificity_at_sensitivity"]) == ["0.8"] and good["calibration"] is None
    assert [one["column"] for one in result["subgroups"]] == ["site", "age"]
    assert result["comparisons"][0]["margin"]["margin"] == 0.05
    assert (result["settings"]["level"], result["settings"]["by_patient"]) == (0.9, False)
    assert result["flow"]["Poor"]["dropped"] == [{"rows": 4, "why": "not in every table"}]


def test_patients_are_counted_by_default(as_json: Callable[..., dict[str, Any]], tables: Path) -> None:
    result = as_json("evaluate", tables / "good.csv", "--bootstrap", 100)
    assert result["settings"]["by_patient"]
    assert any("76 cases come from 38 patients" in note for note in result["notes"])
    assert "mcnemar" not in json.dumps(result)


def test_a_report_is_page_tables_and_figures(breastfusion: Callable[..., Any], tables: Path, tmp_path: Path) -> None:
    done = breastfusion(
        "evaluate", tables / "good.csv", "--cohort", tables / "cohort.csv", "--bootstrap", 50,
        "--out", tmp_path / "out", "--json",
    )  # fmt: skip
    assert f"Report: {tmp_path / 'out' / 'report.html'}" in done.stderr
    assert json.loads(done.stdout) == json.loads((tmp_path / "out" / "evaluation.json").read_text())
    assert (
        (tmp_path / "out" / "methods.txt").read_text().startswith("Statistical analysis. The model good was evaluated")
    )
    assert (tmp_path / "out" / "tables" / "models.csv").is_file()
    assert (tmp_path / "out" / "figures" / "roc.pdf").is_file()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["poor.csv", "good.csv"], "4 cases are only in poor"),
        (["good.csv", "--calibration", "--score-column", "patient_id"], "good: Calibration needs probabilities in"),
        (["good.csv", "--recalibrate", "platt"], "rows of split 'validation'"),
        (["good.csv", "--subgroup", "scanner"], "no column 'scanner'"),
        (["good.csv", "--threshold", "much"], "--threshold much: expected a number"),
        (["good.csv", "--threshold", "nan"], "A threshold is a number that scores are compared with, not nan"),
        (["good.csv", "--threshold", "good=.3", "--threshold", "god=.3"], "no model 'god' that the threshold could be"),
        (["good.csv", "--readings", "readings"], "--readings is for the report: say with --out where that goes"),
        (["good.csv", "--partial-auc", "0.9"], "--partial-auc 0.9: expected two numbers"),
        (["good.csv", "--name", "a", "--name", "b"], "2 names (a, b) for 1 tables"),
        (["good.csv", "--level", "95"], "lies between 0 and 1, not at 95"),
        (["good.csv", "--readings", "nowhere", "--out", "out"], "nowhere is no folder"),
    ],
)
def test_what_cannot_be_evaluated_is_said(
    breastfusion: Callable[..., Any], tables: Path, arguments: list[str], words: str
) -> None:
    done = breastfusion("evaluate", *arguments, "--bootstrap", 0, code=1, cwd=tables)
    assert words in " ".join(done.stderr.split())
    assert done.stdout == ""


def test_what_a_run_leaves_behind_is_in_its_report(
    breastfusion: Callable[..., Any], run: Path, cohort: Path, tmp_path: Path
) -> None:
    breastfusion(
        "importance", "--bundle", run / "bundle", "--cohort", cohort, "--out", run / "importance.csv", "--shuffles", 3,
        "--device", "cpu",
    )  # fmt: skip
    try:
        breastfusion("evaluate", run / "predictions.csv", "--cohort", cohort, "--bootstrap", 0, "--out", tmp_path)
    finally:
        (run / "importance.csv").unlink()
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    for heading in ("Training", "Importance", "Example cases"):
        assert f"<h2>{heading}</h2>" in page
    assert "These exams are phantoms" in page  # the lesions themselves are shown
    features = json.loads((tmp_path / "evaluation.json").read_text())["importance"]["models"]["predictions"]
    assert {"radiomics", "kinetics", "dce image"} <= {one["name"] for one in features}
