"""From nothing to a study's folder: page, tables and study.json tell the same, and nothing is measured twice."""

import csv
import dataclasses
import json
import re
from pathlib import Path

import pandas as pd
import pytest

from BreastFusionLib.phantom.truth import LATENTS
from BreastFusionLib.reading.cache import save_inputs
from BreastFusionLib.studies import finish_study, plan_study, run_study
from BreastFusionLib.studies.importance import study_importance

from .conftest import draw_inputs


@pytest.fixture
def truth(breasts):
    """The truth of these phantoms: the lesion lies on the left, age knows the label and nothing else does."""
    rows = []
    for number in range(30):
        latents = {f"latent_{latent.name}": 0.0 for latent in LATENTS} | {"latent_age": float(number % 2)}
        rows.append({"case_id": f"P{number:02d}.nii.gz", "dce_center_x_mm": 50.0, **latents})
    pd.DataFrame(rows).to_csv(breasts.parent / "truth.csv", index=False)


@pytest.mark.slow
def test_the_whole_study_lies_in_its_folder(tiny_plan, breasts, truth, tmp_path):
    out = tmp_path / "study"
    done = run_study(tiny_plan, breasts, out)
    content = finish_study(done)
    assert content == json.loads((out / "study.json").read_text())
    assert content["synthetic"] and content["size"] == "full" and not content["failures"]
    assert content["cases_failed"] == 2 and sum(split["cases"] for split in content["cases"].values()) == 60

    html = (out / "report.html").read_text()
    for words in ("Study tiny", "Research use only. Not a medical device.", "phantoms: computed, not scanned",
                  "Table 2. Models", "Table 3. Columns", "Against the ideal observer", "It is drawn."):  # fmt: skip
        assert words in html, words
    # These exams cannot be read, and so the cases stand there without their maps.
    assert re.search("Class activation maps.*<h3>Image</h3>.*<h3>Both</h3>.*Training", html, re.DOTALL)
    for link in ("evaluation/best_run/report.html", "evaluation/ensemble/report.html", "tables.md", "study.json"):
        assert f'href="{link}"' in html and (out / link).is_file(), link

    assert content["cohort"]["columns"] == ["all", "train", "validation", "test"] and content["cohort"]["n"][0] == 60
    truth, *_ = content["cohort"]["rows"]
    assert truth["cells"][0] == {"benign": 45, "malignant": 15} and "Table 1. The cases of each split" in html

    # The table is what the evaluation says, and that is what the predictions of the chosen run give.
    with (out / "table2.csv").open() as stream:
        table = {row["model"]: row for row in csv.DictReader(stream)}
    evaluation = json.loads((out / "evaluation" / "best_run" / "evaluation.json").read_text())
    for name, model in evaluation["models"].items():
        assert float(table[name]["best_run_auc"]) == model["auc"]["value"]
    few = [note for note in evaluation["notes"] if note.startswith("No intervals and no tests")]
    assert few and set(few) <= set(content["notes"])
    verdicts = {row["verdict"] for row in content["tables"]["calibration"]["rows"]}
    assert verdicts == {"too few cases to tell", "no slope"}  # three malignant patients are tested
    ideal = {row["model"]: row["ideal"]["value"] for row in content["tables"]["ideal"]["rows"]}
    assert ideal["Both"] == 1.0  # left breasts with an age of 1 are the malignant ones

    measured = (out / "importance" / "both.json").stat().st_mtime_ns
    study_importance(done)
    assert (out / "importance" / "both.json").stat().st_mtime_ns == measured


def test_a_file_that_is_called_truth_but_is_none_costs_the_ideal_observer_only(tiny_plan, breasts, tmp_path, caplog):
    (breasts.parent / "truth.csv").write_text("case_id,biopsy\nP01,benign\n")
    plan = plan_study("tiny", models=["columns"], runs=1, size="small")
    content = finish_study(run_study(plan, breasts, tmp_path / "study"))
    assert "ideal" not in content["tables"] and "table2" in content["tables"]
    assert "No ideal observer." in caplog.text and "is no truth of phantoms" in caplog.text


def test_the_small_size_is_said_in_every_title(tiny_plan, breasts, tmp_path):
    plan = plan_study("tiny", models=["columns"], runs=1, size="small", overrides=["training.epochs=2"])
    content = finish_study(run_study(plan, breasts, tmp_path / "study"))
    assert content["title"] == "Study tiny at the small size"
    assert "The caller set in all models, in place of what the small size has: training.epochs=2." in content["notes"]
    for file in ("table2", "table3", "runs"):
        assert content["tables"][file]["title"].endswith("(small size)"), file
    assert "The small size has one epoch." in content["notes"]
    assert "Not asked for, and so not here: Image, Both." in content["notes"]
    html = (tmp_path / "study" / "report.html").read_text()
    assert re.search("Class activation maps.*<h3>Columns</h3>", html, re.DOTALL)  # the last there is
    assert "ideal" not in content["tables"]  # no truth lies beside this cohort


def test_importance_leaves_out_a_case_without_any_source_and_says_so(tiny_plan, breasts, tmp_path, caplog):
    done = run_study(plan_study("tiny", models=["columns"], runs=1), breasts, tmp_path / "study")
    cases = done.cohort.table
    empty = cases.loc[(cases["split"] == "test") & (cases["case_id"] != "P07_left"), "case_id"].iloc[0]
    path = Path(done.prepared.set_index("case_id")["path"][empty])
    save_inputs(dataclasses.replace(draw_inputs(empty, 0), columns={"age": None, "side_of_birth": None}), path)
    found = study_importance(done)
    assert f"{empty}: none of the model's sources is there" in caplog.text
    (tmp_path / "study" / "importance" / "columns.json").unlink()
    others = dataclasses.replace(done.cohort, table=cases[cases["case_id"] != empty])
    assert study_importance(dataclasses.replace(done, cohort=others)) == found
