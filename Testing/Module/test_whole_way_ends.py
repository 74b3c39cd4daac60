"""What people do in the middle of the whole way ends it cleanly: closing the scene, cancelling, deleting nodes."""

from __future__ import annotations

import pytest
import slicer
from classify_parts import IDLE
from whole_panel import assert_nothing_is_left

pytestmark = [pytest.mark.slow, pytest.mark.installed]


# The scene is closed


def read_a_study(person) -> None:
    person.begin_demo_exam()


def add_it_to_the_scene(person) -> None:
    label = person.panel.exam.ui.studyProgressLabel
    person.begin_demo_exam()
    person.wait(lambda: label.text.startswith("Adding"), "the first volumes")


def wait_for_a_click(person) -> None:
    person.load_demo_exam()
    person.press(person.panel.lesion.ui.fromClickButton)


def register(person) -> None:
    person.load_demo_exam()
    person.outline_by_click()
    person.press(person.panel.map.ui.t2RefineButton)
    person.wait(lambda: person.panel.map.ui.t2SummaryLabel.text.startswith("Registering"), "the registration")


def cut_the_lesion(person) -> None:
    person.begin_to_classify()
    person.wait(lambda: person.panel.classify.run.text.startswith("Cutting"), "the case being cut")


def compute(person) -> None:
    person.begin_to_classify()
    person.wait(lambda: person.panel.classify.run.fraction is not None, "the process reading")


def ask_for_the_outlines_range(person) -> None:
    person.begin_to_classify()
    person.wait(lambda: person.panel.classify.run is None, "the reading")
    assert person.process.is_busy


WITH_MODEL = (cut_the_lesion, compute, ask_for_the_outlines_range)


WITHOUT_MODEL = (wait_for_a_click, add_it_to_the_scene, read_a_study, register)


def test_the_scene_can_be_closed_while_a_report_is_made(person, demo_bundle, dialogs, reports):
    person.get_ready(demo_bundle)
    person.classify()
    dialogs.answer(str(reports))
    person.press(person.panel.classify.ui.saveReportButton)
    slicer.mrmlScene.Clear(0)
    assert_nothing_is_left(person)
    person.wait(person.is_idle, "an idle process")
    (folder,) = reports.iterdir()
    assert (folder / "reading.json").is_file() and person.message.startswith(f"Saved in {folder}")


@pytest.mark.parametrize("stage", [*WITH_MODEL, *WITHOUT_MODEL])
def test_the_scene_can_be_closed_at_any_stage(person, demo_bundle, stage):
    if stage in WITH_MODEL:
        person.get_ready(demo_bundle)
    stage(person)
    slicer.mrmlScene.Clear(0)
    assert_nothing_is_left(person)
    person.wait(person.is_idle, "an idle process")
    assert_nothing_is_left(person)
    person.load_demo_exam()
    person.outline_by_click()


# Cancel


def test_cancel_in_every_stage_leaves_everything_as_it_was_and_the_next_click_works(person, demo_bundle):
    exam, mapping, classify = person.panel.exam.ui, person.panel.map.ui, person.panel.classify
    cancelled = person.as_soon_as(exam.studyProgressLabel, "Making", exam.loadDemoButton.click)
    person.begin_demo_exam()
    person.wait(lambda: cancelled() and person.is_idle(), "the study being cancelled")
    assert_nothing_is_left(person)

    person.load_demo_exam()
    person.outline_by_click()
    by_geometry = mapping.t2SummaryLabel.text
    cancelled = person.as_soon_as(mapping.t2SummaryLabel, "Registering", mapping.t2RefineButton.click)
    person.press(mapping.t2RefineButton)
    person.wait(lambda: cancelled() and person.is_idle(), "the registration being cancelled")
    assert mapping.t2SummaryLabel.text == by_geometry and "by geometry" in by_geometry

    person.import_model(demo_bundle)
    button = classify.ui.classifyButton
    for stage in ("Cutting the lesion", "Measuring radiomic features", "Asking the model"):
        cancelled = person.as_soon_as(classify.ui.progressLabel, stage, button.click)
        person.begin_to_classify()
        person.wait(lambda: cancelled() and classify.run is None, stage)  # noqa: B023
        assert button.text == IDLE and person.message == "" and person.result is None, stage
    person.classify()
    assert person.sees(classify.ui.resultFrame)


# A node is deleted


@pytest.mark.parametrize("stage", [cut_the_lesion, compute])
@pytest.mark.parametrize("field", ["segmentation", "dceSequence", "t1Volume"])
def test_a_node_deleted_while_a_lesion_is_read_ends_the_reading_with_a_sentence(person, demo_bundle, field, stage):
    person.get_ready(demo_bundle)
    stage(person)
    slicer.mrmlScene.RemoveNode(getattr(person.parameters, field))
    person.wait(person.is_idle, "an idle process")
    assert person.panel.classify.run is None
    gone = "lesion was deleted" if field == "segmentation" else "outline or the exam changed"
    assert gone in person.message and "Traceback" not in person.message + person.panel.messages.details
    assert not person.sees(person.panel.classify.ui.resultFrame)
    button = person.panel.classify.ui.classifyButton
    missing = {"segmentation": "Outline a lesion", "dceSequence": "Load an exam first", "t1Volume": "Read the selected"}
    assert button.text == IDLE and missing[field] in button.toolTip
    if field == "t1Volume":
        person.classify()
        assert any(warning.startswith("T1 missing") for warning in person.result.mapping["warnings"])
