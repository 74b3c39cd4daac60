"""The page of several classes says how macro AUCs differ, and keeps silent about intervals where there are none."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import numpy as np
import pandas as pd

from BreastFusionLib.evaluation import evaluate_predictions
from BreastFusionLib.report.evaluation_methods import methods_text
from BreastFusionLib.report.evaluation_page import write_evaluation_page


def page_of(folder: Path, cases_a_class: int) -> tuple[str, Path, str]:
    random, labels = np.random.default_rng(0), np.repeat([0, 1, 2], cases_a_class)
    for name, effect in (("a", 0.5), ("b", 2.0)):
        p = np.exp(effect * np.eye(3)[labels] + random.normal(size=(labels.size, 3)))
        p /= p.sum(axis=1, keepdims=True)
        table = pd.DataFrame(p, columns=["score_normal", "score_benign", "score_malignant"])
        table.assign(case_id=range(labels.size), label=labels).to_csv(folder / f"{name}.csv", index=False)
    result = evaluate_predictions([folder / "a.csv", folder / "b.csv"], bootstrap=100)
    out = write_evaluation_page(result, folder / "report")
    return re.sub(r"(<[^>]+>|\s)+", " ", out.read_text(encoding="utf-8")), out.parent, methods_text(result)


def test_the_difference_of_macro_aucs_is_on_the_page_and_in_its_table(tmp_path: Path) -> None:
    words, folder, methods = page_of(tmp_path, 20)
    assert "Brackets hold 95 % confidence intervals" in words
    assert "macro AUCs by the paired bootstrap" in methods
    with (folder / "tables" / "comparisons.csv").open() as file:
        rows = list(csv.DictReader(file))
    (macro,) = [row for row in rows if row["metric"] == "macro_auc"]
    assert macro["class"] == "" and float(macro["p_bootstrap"]) < 0.05 and macro["p_delong"] == ""
    assert [row["class"] for row in rows if row["metric"] == "auc_delong"] == ["normal", "benign", "malignant"]
    assert {"odelia.score", "weighted_kappa"} <= {row["metric"] for row in rows}


def test_nine_cases_of_a_class_are_told_instead_of_intervals(tmp_path: Path) -> None:
    words, _, _ = page_of(tmp_path, 9)
    assert "of cases there are 9 of class normal" in words and "Brackets hold" not in words
