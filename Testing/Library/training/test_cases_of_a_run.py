"""Cases that are broken or lack sources, in training and where its bundle is applied."""

import dataclasses

import numpy as np
import pandas as pd
import pytest

from BreastFusionLib.cohort import apply_bundle, inputs, read_cohort
from BreastFusionLib.errors import InputError
from BreastFusionLib.reading import load_bundle
from BreastFusionLib.reading.cache import save_inputs
from BreastFusionLib.training import train
from BreastFusionLib.training.fit import labelled


def without(draw_inputs, *sources, of=None):
    """Stand in for `prepare_to_cache`: cases, all or those named, without image sources and clinical values."""

    def prepare(task):
        drawn = draw_inputs(task.row["case_id"], float(task.row["age"]))
        if of is None or drawn.case_id in of:
            patches = {source: patch for source, patch in drawn.patches.items() if source not in sources}
            drawn = dataclasses.replace(drawn, patches=patches)
        return save_inputs(drawn, task.cache / f"{drawn.case_id}.safetensors")

    return prepare


def test_a_broken_case_is_listed_and_the_rest_goes_on(cohort, tmp_path, tiny_recipe):
    (cohort.folder / "c05.nii.gz").write_text("broken")
    (cohort.folder / "c06.nii.gz").unlink()
    run = train(tiny_recipe(), read_cohort(cohort.folder / "cohort.csv"), tmp_path / "run", device="cpu")
    failed = pd.read_csv(run.folder / "failed.csv").set_index("case_id")
    assert failed.loc["c05", "reason"] == "The exam of c05 is broken."
    assert "c06.nii.gz does not exist" in failed.loc["c06", "reason"]
    assert set(cohort.table["case_id"]) - set(pd.read_csv(run.predictions)["case_id"]) == {"c05", "c06"}


def test_when_no_case_can_be_prepared_the_first_reason_is_said(cohort, tmp_path, tiny_recipe):
    for exam in cohort.folder.glob("c??.nii.gz"):
        exam.write_text("broken")
    words = r"None of the 40 cases could be prepared\. The first: The exam of c00 is broken"
    with pytest.raises(InputError, match=words):
        train(tiny_recipe(), cohort, tmp_path / "run")


def test_a_split_whose_cases_could_not_be_prepared_is_not_said_to_lack_labels(cohort, tmp_path, tiny_recipe):
    cases = labelled(cohort, tiny_recipe()).table
    lost = cases.loc[cases["split"] == "validation", "case_id"]
    for case_id in lost:
        (cohort.folder / f"{case_id}.nii.gz").write_text("broken")
    words = rf"The validation split, without the {len(lost)} cases that could not be prepared, has no case with a label"
    with pytest.raises(InputError, match=words):
        train(tiny_recipe(), cohort, tmp_path / "run")


def test_a_source_that_no_training_case_has_is_refused(cohort, tmp_path, tiny_recipe, draw_inputs, monkeypatch):
    monkeypatch.setattr(inputs, "prepare_to_cache", without(draw_inputs, "t1"))
    with pytest.raises(InputError, match=r"None of the 28 training cases has T1, so .* Take it out of the recipe's"):
        train(tiny_recipe(), cohort, tmp_path / "run", device="cpu")


def test_sources_that_scored_cases_lack_are_told_once(cohort, tmp_path, tiny_recipe, draw_inputs, monkeypatch, caplog):
    run = train(tiny_recipe({"epochs": 1}), cohort, tmp_path / "run", device="cpu")
    caplog.clear()
    monkeypatch.setattr(inputs, "prepare_to_cache", without(draw_inputs, "t1"))
    apply_bundle(load_bundle(run.bundle), cohort, tmp_path / "applied.csv", cache=tmp_path / "cache")
    said = [record.getMessage() for record in caplog.records if "missing" in record.getMessage()]
    assert said == ["T1 missing: the model used its neutral value. This holds for 40 of 40 cases."]


def test_a_case_with_no_source_at_all_is_told_and_fails_alone(
    cohort, tmp_path, tiny_recipe, draw_inputs, monkeypatch, caplog
):
    recipe = tiny_recipe({"epochs": 1}).changed({"inputs.sequences": ["dce"], "inputs.clinical": []})
    monkeypatch.setattr(inputs, "prepare_to_cache", without(draw_inputs, "dce", of=("c05", "c06")))
    run = train(recipe, cohort, tmp_path / "run", device="cpu")
    assert "c05, c06: none of the recipe's sources is there (2 of 40 cases)" in caplog.text
    table = apply_bundle(load_bundle(run.bundle), cohort, tmp_path / "applied.csv").set_index("case_id")
    assert table.index[table["status"] == "failed"].tolist() == ["c05", "c06"]
    assert "none of the model's sources (dce) is there" in table.loc["c05", "reason"]
    assert len(pd.read_csv(tmp_path / "applied.csv")) == 38


def test_applying_the_bundle_to_its_cohort_repeats_its_predictions(cohort, tmp_path, tiny_recipe):
    run = train(tiny_recipe(), cohort, tmp_path / "run", device="cpu")
    (cohort.folder / "c05.nii.gz").write_text("broken")
    table = apply_bundle(load_bundle(run.bundle), cohort, tmp_path / "applied.csv")
    assert table.set_index("case_id").loc["c05", ["status", "reason"]].tolist() == [
        "failed",
        "The exam of c05 is broken.",
    ]
    trained = pd.read_csv(run.predictions).set_index("case_id").drop(index="c05")
    applied = pd.read_csv(tmp_path / "applied.csv").set_index("case_id")
    assert applied.index.tolist() == trained.index.tolist()
    np.testing.assert_allclose(applied["score"], trained["score"], rtol=0, atol=1e-6)
    assert applied["label"].tolist() == trained["label"].tolist()


def test_scores_of_patients_by_a_model_of_phantoms_are_said_to_have_no_meaning(
    cohort, tmp_path, tiny_recipe, draw_inputs, monkeypatch
):
    run = train(tiny_recipe(), cohort, tmp_path / "run", device="cpu")

    def prepare_patient(task):
        drawn = draw_inputs(task.row["case_id"], float(task.row["age"]))
        context = {**drawn.context, "synthetic": task.row["case_id"] != "c03"}
        return save_inputs(dataclasses.replace(drawn, context=context), task.cache / f"{drawn.case_id}.safetensors")

    monkeypatch.setattr(inputs, "prepare_to_cache", prepare_patient)
    table = apply_bundle(load_bundle(run.bundle), cohort, tmp_path / "applied.csv").set_index("case_id")
    assert table.loc["c03", "reason"] == "Demo model: its score has no meaning for this patient"
    assert (table.drop(index="c03")["reason"] == "").all()
