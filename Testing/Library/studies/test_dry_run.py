"""A dry run tells what would be trained and how long, trains nothing, and writes nothing but what it measured."""

import dataclasses
import json
import math

import pandas as pd
import pytest

from BreastFusionLib.errors import InputError
from BreastFusionLib.studies import estimate, measured, run_study
from BreastFusionLib.studies.estimates import run_seconds
from BreastFusionLib.studies.plan import plan_study
from BreastFusionLib.studies.timing import Timing

from .conftest import draw_inputs


@pytest.fixture
def drawn_cases(monkeypatch):
    """Cases are drawn instead of prepared; counts them."""
    prepared = []

    def prepare(case, inputs):
        prepared.append(case["case_id"])
        return draw_inputs(case["case_id"], case["label"])

    monkeypatch.setattr(measured, "load_case", lambda row, folder, columns: row)
    monkeypatch.setattr(measured, "prepare", prepare)
    return prepared


def files(folder):
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_nothing_is_written_but_what_was_measured_which_is_measured_once(tiny_plan, breasts, drawn_cases, tmp_path):
    before = files(breasts.parent)
    found = estimate(tiny_plan, breasts, tmp_path / "study")
    assert files(tmp_path / "study") == {"timings.json"} and files(breasts.parent) == before
    assert len(drawn_cases) == 4
    again = estimate(tiny_plan, breasts, tmp_path / "study")
    assert again == found and len(drawn_cases) == 4


def test_what_would_be_trained_is_counted(tiny_plan, breasts, drawn_cases, tmp_path):
    image, columns, both = estimate(tiny_plan, breasts, tmp_path / "study").models
    # age, and one dummy of the side of birth: 2 x 8 weights and 8 of bias, then 8 and 1.
    assert columns.parameters == columns.trained_parameters == 24 + 9
    assert both.parameters - image.parameters == 2 * 8
    assert (image.runs, image.finished, image.epochs) == (2, 0, 2)
    assert min(one.seconds for one in (image, columns, both)) > 0
    assert image.seconds > columns.seconds
    run_study(plan_study("tiny", models=["columns"], runs=1), breasts, tmp_path / "study")
    after = {one.key: one for one in estimate(tiny_plan, breasts, tmp_path / "study").models}
    assert after["columns"].finished == 1 and after["image"].finished == 0
    assert after["columns"].seconds == pytest.approx(columns.seconds / 2)


def test_seconds_are_those_of_the_steps_times_the_cases(tiny_plan, breasts, drawn_cases, tmp_path, monkeypatch):
    monkeypatch.setattr(measured, "time_network", lambda *_: Timing(0.1, 0.01, 0.5, 0.002, 7, 7))
    found = estimate(tiny_plan, breasts, tmp_path / "study", workers=2)
    train, validation, test = (found.cases[split] for split in ("train", "validation", "test"))
    assert train + validation + test == 60
    one_run = 2 * (0.1 * train + 0.01 * validation) + 0.01 * 60
    assert [model.seconds for model in found.models] == pytest.approx([2 * one_run] * 3)
    content = found.to_mapping()
    # Two models see two columns, shuffled 30 times each; eight cases at most are read by two models for their maps.
    importance = 2 * test * (0.01 + 61 * 0.002)
    maps = 2 * 8 * (2 * content["preparation_seconds"] / 60 + 0.01 + 0.1)
    assert content["seconds_after"] == pytest.approx(importance + maps)
    assert content["seconds"] == pytest.approx(content["preparation_seconds"] + 6 * one_run + importance + maps)
    assert json.loads(json.dumps(content))["models"][0]["key"] == "image"


def test_a_frozen_encoder_reads_each_case_once_and_once_for_each_replay():
    recipe = plan_study("wang2024", models=["dce"]).models[0].recipe
    timing = Timing(1.0, 0.1, 0.001, 0.0, 0, 0)
    seconds = run_seconds(recipe, {"train": 70, "validation": 10, "test": 20}, timing)
    assert seconds == pytest.approx(0.1 * (100 + 10 * 70) + 0.001 * 100 * 70 + 0.1 * 100)


def test_a_cohort_of_which_nothing_can_be_prepared_is_refused(tiny_plan, breasts, drawn_cases, tmp_path, monkeypatch):
    def broken(*_):
        raise InputError("It is broken.")

    monkeypatch.setattr(measured, "prepare", broken)
    with pytest.raises(InputError, match=r"None of the first cases can be prepared.* It is broken\."):
        estimate(tiny_plan, breasts, tmp_path / "study")
    assert not (tmp_path / "study").exists()


def test_columns_that_the_first_cases_do_not_know_are_timed_all_the_same(
    tiny_plan, breasts, drawn_cases, tmp_path, monkeypatch
):
    whole = estimate(tiny_plan, breasts, tmp_path / "whole")

    def prepare(case, inputs):
        return dataclasses.replace(draw_inputs(case["case_id"], case["label"]), columns={"age": math.nan})

    monkeypatch.setattr(measured, "prepare", prepare)
    found = estimate(tiny_plan, breasts, tmp_path / "study")
    assert [model.parameters for model in found.models] == [model.parameters for model in whole.models]


def test_a_table_without_a_column_is_refused_as_by_the_study_itself(tiny_plan, breasts, drawn_cases, tmp_path):
    pd.read_csv(breasts).drop(columns="age").to_csv(breasts, index=False)
    for begin in (estimate, run_study):
        with pytest.raises(InputError, match="table has no column 'age'"):
            begin(tiny_plan, breasts, tmp_path / "study")


def test_imagenet_weights_that_would_be_fetched_are_told(tiny_plan, breasts, drawn_cases, tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    weights = ["model.encoder.name=resnet18", "model.encoder.weights=imagenet"]
    *_, told = estimate(plan_study("tiny", ["image"], 1, weights), breasts, tmp_path / "study").notes
    assert "would be fetched: https://" in told and "resnet18" in told
    assert not any("fetched" in note for note in estimate(tiny_plan, breasts, tmp_path / "study").notes)
