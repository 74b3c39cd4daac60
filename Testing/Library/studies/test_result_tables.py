"""Tables of results, by hand: figures where they belong, the paper's beside them, signs and P values of differences."""

import dataclasses
from types import SimpleNamespace

import pandas as pd
import pytest

from BreastFusionLib.cohort.table import Cohort
from BreastFusionLib.evaluation.importance import ranked
from BreastFusionLib.studies.importance import importance_table
from BreastFusionLib.studies.result_tables import comparison_table, result_table, runs_table
from BreastFusionLib.studies.run import StudyRuns


def estimate(value, low=None, high=None, p=None):
    return {"value": value, "low": low, "high": high, "p": p}


def model(auc, rate):
    return {"n": 40, "positives": 10, "auc": estimate(auc, auc - 0.1, auc + 0.1),
            "specificity_at_sensitivity": {"0.95": estimate(rate, 0.1, 0.9)}}  # fmt: skip


def evaluation(**areas):
    names = list(areas)
    pairs = [(a, b) for i, a in enumerate(names) for b in names[i + 1 :]]
    return {
        "models": {name: model(auc, auc / 2) for name, auc in areas.items()},
        "comparisons": [
            {
                "a": a,
                "b": b,
                "delta_auc": areas[a] - areas[b],
                "low": -0.5,
                "high": 0.25,
                "p_delong": 0.5,
                "p_bootstrap": 0.04,
                "differences": {
                    "auc": estimate(areas[a] - areas[b], -0.4, 0.2, 0.04),
                    "specificity_at_sensitivity": {"0.95": estimate(0.1, -0.1, 0.3, 0.2)},
                },
            }
            for a, b in pairs
        ],
        "settings": {"level": 0.95, "bootstrap": 50, "by_patient": True},
    }


@pytest.fixture
def runs(tiny_plan, tmp_path):
    """Runs of a study of which nothing but a table of runs exists."""
    pd.DataFrame(
        {"seed": [0, 1], "epoch": [3, 1], "validation_loss": [0.5, 0.4], "validation_auc": [0.7, 0.8],
         "test_cases": 9, "test_auc": [0.6, 0.65], "best": [False, True]}
    ).to_csv(tmp_path / "runs.csv", index=False)  # fmt: skip
    found = {model.key: SimpleNamespace(table=tmp_path / "runs.csv") for model in tiny_plan.models}
    return StudyRuns(tiny_plan, tmp_path, tmp_path, Cohort(pd.DataFrame(), tmp_path), pd.DataFrame(), found)


def test_each_figure_stands_in_its_row_with_its_interval_and_the_papers_number(runs):
    evaluations = {
        "best_run": evaluation(Image=0.7, Columns=0.6, Both=0.8),
        "ensemble": evaluation(Image=0.75, Columns=0.6, Both=0.85),
    }
    table = result_table(runs.plan.study.tables[0], runs, evaluations)
    assert [row["model"] for row in table.rows] == ["Image", "Columns", "Both"]
    assert table.rows[2]["best_run_auc"] == estimate(0.8, 0.8 - 0.1, 0.8 + 0.1)
    assert table.rows[2]["ensemble_specificity_at_sensitivity_0.95"]["value"] == 0.425
    assert table.rows[0]["best_run_auc_paper"] == {"value": 0.7, "low": None, "high": None}
    headers = [column.header for column in table.columns]
    assert [row["inputs"] for row in table.rows] == ["MIP", "clinical data", "MIP, clinical data"]
    assert headers == ["Model", "Inputs", "AUC, best run", "Paper", "Specificity at 95 %, best run", "AUC, ensemble",
                       "Specificity at 95 %, ensemble"]  # fmt: skip
    assert table.caption.startswith("40 test cases, 10 of them malignant. Brackets: 95 % intervals of 50 resamples of "
                                    "patients. Each model was trained 2 times.")  # fmt: skip


def test_a_table_without_intervals_says_why_there_are_none(runs):
    few = evaluation(Image=0.7, Columns=0.6, Both=0.8)
    for found in few["models"].values():
        found["auc"] = estimate(found["auc"]["value"])
    caption = result_table(runs.plan.study.tables[0], runs, {"best_run": few, "ensemble": few}).caption
    assert "Without confidence intervals, for which these cases are too few." in caption and "Brackets" not in caption


def test_a_model_that_was_not_trained_has_no_row(runs):
    del runs.found["columns"]
    table = result_table(runs.plan.study.tables[0], runs, {"best_run": evaluation(Image=0.7, Both=0.8)})
    assert [row["model"] for row in table.rows] == ["Image", "Both"]
    assert [row["second"] for row in comparison_table(runs, {"best_run": evaluation(Image=0.7, Both=0.8)}).rows] == [
        "Image"
    ]


def test_differences_are_first_minus_second_whichever_way_round_they_were_computed(runs):
    table = comparison_table(runs, {"best_run": evaluation(Image=0.7, Columns=0.6, Both=0.8)})
    against_image, against_columns = table.rows
    assert (against_image["first"], against_image["second"]) == ("Both", "Image")
    # Computed as Image minus Both: -0.1 [-0.4, 0.2].
    assert against_image["best_run_auc"] == {"value": pytest.approx(0.1), "low": -0.2, "high": 0.4}
    assert against_image["best_run_auc_p"] == 0.04
    assert against_columns["best_run_specificity_at_sensitivity_0.95"] == {"value": -0.1, "low": -0.3, "high": 0.1}
    assert against_columns["best_run_specificity_at_sensitivity_0.95_p"] == 0.2


def test_a_paper_that_tests_by_delong_gets_its_p_values(runs):
    study = dataclasses.replace(runs.plan.study, test="delong")
    runs = dataclasses.replace(runs, plan=dataclasses.replace(runs.plan, study=study))
    row = comparison_table(runs, {"best_run": evaluation(Image=0.7, Columns=0.6, Both=0.8)}).rows[0]
    assert row["best_run_auc_p"] == 0.5 and row["best_run_auc"]["high"] == 0.5
    assert not any("specificity" in key for key in row)


def test_every_run_is_told_with_epochs_counted_as_in_its_log(runs):
    rows = runs_table(runs).rows
    assert [(row["model"], row["seed"], row["epoch"], row["chosen"]) for row in rows[:2]] == [
        ("Image", 0, 3, ""),
        ("Image", 1, 1, "yes"),
    ]


def test_importance_is_ranked_over_models_with_the_papers_numbers_beside(runs):
    losses = {
        "columns": ranked({"age": [4.0, 2.0, 3.0], "side_of_birth": [0.0, -1.0, 0.0]}),
        "both": ranked({"age": [0.5, 0.5, 0.5], "side_of_birth": [-2.0, -2.0, -2.0]}),
    }
    age, side = importance_table(runs, losses).rows
    assert (age["columns_rank"], age["columns_paper"]) == (1, {"value": 2.5, "rank": 1})
    assert age["columns_loss"] == {"value": 3.0, "low": 2.5, "high": 3.5}  # median and quartiles of 2, 3, 4
    assert (age["both_loss"]["value"], age["both_rank"], age["both_paper"]) == (0.5, 2, None)
    assert age["rank_product"] == side["rank_product"] == pytest.approx(2**0.5)
