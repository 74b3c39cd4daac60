"""Section 4 with the process that really computes: the library's own numbers, and cancelling at any moment."""

from __future__ import annotations

import math

import pytest
from classify_fixtures import *  # noqa: F403

pytestmark = [pytest.mark.slow, pytest.mark.installed]

START_S = 60.0


@pytest.fixture
def worker(process):
    """The real one, instead of the one that answers by hand."""
    return process


@pytest.fixture
def ready(section, study, demo_bundle, dialogs, click, wait_until, choose):
    """A model was imported and is warm."""
    choose(section.ui.deviceComboBox, "CPU")
    dialogs.answer(str(demo_bundle))
    click(section.ui.importBundleButton)
    wait_until(lambda: section.model.is_ready or section.model.problem, START_S, "the model")
    assert section.model.problem == ""
    return section


@pytest.fixture
def classified(ready, click, wait_until):
    click(ready.ui.classifyButton)
    wait_until(lambda: ready.run is None, START_S, "the reading")
    return ready


def test_the_panel_gives_the_library_s_numbers(classified, study, readings):
    from BreastFusionPanel.bridge.reading_nodes import reading_of

    ours, theirs = reading_of(study.parameters, study.segment_id).mapping, readings.with_meaning
    assert ours["probability"] == pytest.approx(theirs["probability"], abs=1e-6)
    assert ours["parts"] == pytest.approx(theirs["parts"], abs=1e-6)
    values = {(row["source"], row["name"]): row["value"] for row in theirs["features"]}
    assert len(ours["features"]) == len(values)
    for row in ours["features"]:
        expected = values[row["source"], row["name"]]
        if expected is None:
            assert row["value"] is None
        else:
            assert math.isclose(row["value"], expected, rel_tol=1e-6, abs_tol=1e-9), row["name"]
    assert ours["warnings"] == theirs["warnings"]
    assert {row["file"] for row in ours["maps"]} == {row["file"] for row in theirs["maps"]}


def test_result_outline_range_and_report_come_with_three_clicks(classified, tmp_path, dialogs, click, wait_until):
    ui = classified.ui
    assert ui.numberLabel.text.startswith("0.")
    assert ui.deviceStatusLabel.text == "Runs on the CPU."
    wait_until(lambda: " to " in ui.outlineLabel.text, START_S, "the outline's range")
    low, high = ui.outlineLabel.text.removeprefix("outline moved a little: ").split(" to ")
    assert 0.0 <= float(low) <= float(ui.numberLabel.text) + 0.005 <= float(high) + 0.01 <= 1.02
    dialogs.answer(str(tmp_path))
    click(ui.saveReportButton)
    wait_until(lambda: ui.saveReportButton.isEnabled(), START_S, "the report")
    (folder,) = [path for path in tmp_path.iterdir() if (path / "reading.json").exists()]
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert ui.numberLabel.text in page
    assert "Research use only. Not a medical device." in page
    assert sum(path.suffix == ".gz" for path in folder.iterdir()) == 9


def test_a_model_of_phantoms_says_nothing_of_a_patient(ready, study, click, wait_until):
    import qt

    # What the bridge notes of a phantom, taken away: the exam counts as a patient's.
    study.parameters.dceSequence.RemoveAttribute("BreastFusion.synthetic")
    ready.context.exam_changed.emit()
    click(ready.ui.classifyButton)
    wait_until(lambda: ready.run is None, START_S, "the reading")
    labels = ready.ui.resultFrame.findChildren(qt.QLabel)
    words = " ".join(label.text for label in labels if label.isVisibleTo(ready.widget))
    assert "Demo model: its score has no meaning for this patient" in words
    for forbidden in ("threshold", "why", "alone", "outline moved", "Probability", "%"):
        assert forbidden not in words
    assert not ready.context.worker.is_busy
    click(ready.ui.featureTableButton)
    assert ready.ui.featureTable.rowCount > 0
    assert ready.ui.mapsWidget.isVisibleTo(ready.widget)


STAGES = (
    "Cutting the lesion",
    "Handing over",
    "Measuring the lesion",
    "Measuring radiomic features",
    "Asking the model",
)


def test_cancel_in_every_stage_and_classify_again(ready, click, wait_until, monkeypatch):
    ui, shown = ready.ui, ready._show_run

    for stage in STAGES:
        seen = []

        def press_cancel_at(stage=stage, seen=seen) -> None:
            shown()
            if ready.run is not None and ready.run.text.startswith(stage) and not seen:
                seen.append(stage)
                ui.classifyButton.click()

        monkeypatch.setattr(ready, "_show_run", press_cancel_at)
        ui.classifyButton.click()
        wait_until(lambda: ready.run is None, START_S, stage)
        assert seen == [stage]
        assert not ui.resultFrame.isVisibleTo(ready.widget)
        assert ready.said[-1] == ("", "")
        wait_until(lambda: ready.model.is_ready, START_S, "the model in a fresh process")
    click(ui.classifyButton)
    wait_until(lambda: ready.run is None, START_S, "the reading")
    assert ui.resultFrame.isVisibleTo(ready.widget)
