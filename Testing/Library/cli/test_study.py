"""`breastfusion study`: what it prints, and how it ends."""

import json

import pytest
from typer.testing import CliRunner

from BreastFusionLib import studies
from BreastFusionLib.cli.app import app


@pytest.fixture
def ends_with(monkeypatch):
    """Let a study end with some failures, without training."""

    def set_failures(failures):
        monkeypatch.setattr(studies, "run_study", lambda *args, **how: args, raising=False)
        content = {"report": "report.html", "failures": failures}
        monkeypatch.setattr(studies, "finish_study", lambda done, device: content, raising=False)

    return set_failures


def call(*arguments):
    return CliRunner().invoke(app, ["study", *arguments, "--cohort", "cohort.csv", "--out", "out"])


def test_a_study_ends_with_the_path_of_its_report(ends_with):
    ends_with({})
    result = call("wang2024")
    assert result.exit_code == 0 and "Report: out/report.html" in result.stderr


def test_a_model_that_failed_is_named_at_the_end_and_the_command_ends_with_1(ends_with):
    ends_with({"t2": "No case has T2."})
    result = call("wang2024", "--json")
    assert result.exit_code == 1
    assert "t2 failed: No case has T2." in result.stderr


def test_a_study_that_does_not_exist_is_told(ends_with):
    result = call("wang2023")
    assert "There is no study 'wang2023'. Did you mean 'wang2024'?" in str(result.exception)


def test_a_name_missing_between_commas_is_told_and_never_means_all_models(ends_with):
    ends_with({})
    assert "The study wang2024 has no model ''." in str(call("wang2024", "--models", ",").exception)
    assert call("wang2024", "--models", "t1, t2").exit_code == 0


def test_a_dry_run_prints_a_table_or_one_object(monkeypatch, capfd):
    from BreastFusionLib.studies.dry_run import ModelEstimate, StudyEstimate

    model = ModelEstimate("t1", "T1", "wang2024-t1", 1, 0, 23_512_130, 4_098, 100, 7200.0)
    found = StudyEstimate(
        "wang2024", (model,), {"train": 70, "test": 20}, 600.0, 1200.0, "Runs on the CPU.", ("At most.",)
    )
    monkeypatch.setattr(studies, "estimate", lambda *args: found, raising=False)
    call("wang2024", "--dry-run", "--json")
    told = json.loads(capfd.readouterr().out)  # nothing else was printed
    assert told["seconds"] == 9000.0 and told["models"][0]["trained_parameters"] == 4098
    words = call("wang2024", "--dry-run").stdout
    for expected in ("T1", "23.5 M", "2.0 h", "70 train, 20 test", "Preparing all of them: 10 min", "maps: 20 min",
                     "2.5 h in all"):  # fmt: skip
        assert expected in words, expected
