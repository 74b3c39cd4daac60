"""Section 4, its model: what is missing, what is chosen, and why it cannot be read with."""

from __future__ import annotations

import shutil
from pathlib import Path

from BreastFusionPanel.bridge.exam_nodes import add_exam
from BreastFusionPanel.bridge.segments import add_lesion
from BreastFusionPanel.classify import model_choice
from BreastFusionPanel.classify.classify_section import ClassifySection
from BreastFusionPanel.process.worker_request import WorkerError
from BreastFusionPanel.setup import dependencies
from classify_fixtures import *  # noqa: F403
from classify_parts import READ, last, visible

# What is missing


def test_the_button_says_exactly_what_is_missing(section, phantom_exam, demo_bundle, dialogs, click):
    ui, parameters = section.ui, section.context.parameters
    assert not ui.classifyButton.isEnabled()
    assert ui.classifyButton.toolTip == "Load an exam first (section 1)."
    for _share in add_exam(phantom_exam.exam, parameters):
        pass
    section.context.exam_changed.emit()
    assert ui.classifyButton.toolTip == "Outline a lesion and select it first (section 2)."
    parameters.selectedLesion = add_lesion(parameters, phantom_exam.lesion.mask)
    section.context.lesion_selected.emit()
    assert ui.classifyButton.toolTip == "Choose a model, or import one from its folder."
    assert "No model is installed yet. Import one" in ui.bundleStatusLabel.text
    dialogs.answer(str(demo_bundle))
    click(ui.importBundleButton)
    assert ui.classifyButton.isEnabled()


def test_a_lesion_without_an_outline_is_not_offered_to_be_read(section, study, installed, second_lesion):
    study.parameters.selectedLesion = add_lesion(study.parameters, None)
    section.context.lesion_selected.emit()
    assert not section.ui.classifyButton.isEnabled()
    assert section.ui.classifyButton.toolTip == "Nothing is drawn yet: paint the selected lesion first (section 2)."
    study.parameters.selectedLesion = second_lesion
    section.context.lesion_selected.emit()
    assert section.ui.classifyButton.isEnabled()


def test_what_was_missing_is_no_longer_said_once_it_is_there(section, study, demo_bundle, dialogs, click):
    section.classify()
    assert last(section) == "Choose a model, or import one from its folder."
    dialogs.answer(str(demo_bundle))
    click(section.ui.importBundleButton)
    assert last(section) == ""


def test_the_shortcut_says_the_same_where_nobody_sees_a_tooltip(section, worker):
    section.classify()
    assert last(section) == "Load an exam first (section 1)."
    assert worker.requests == []


def test_every_button_that_cannot_be_pressed_says_why(section):
    for name in ("deleteBundleButton", "bundleCardButton", "classifyButton"):
        button = getattr(section.ui, name)
        assert not button.isEnabled()
        assert "first" in button.toolTip, name


# The model


def test_an_imported_model_is_chosen_loaded_and_remembered(section, worker, demo_bundle, dialogs, click):
    dialogs.answer(str(demo_bundle))
    click(section.ui.importBundleButton)
    assert section.ui.bundleComboBox.currentText == "tiny 1.0"
    assert section.context.settings.bundle_folder == str(section.model.header.folder)
    assert worker.open("load").arguments == {"bundle": str(section.model.header.folder), "device": "auto"}
    worker.tell("load", "weights", 0.5, "Reading weights")
    assert section.ui.bundleStatusLabel.text == "Reading weights"
    worker.finish("load", {"device": "cpu", "device_reason": "Runs on the CPU (cuda: none).", "seconds": 1})
    assert section.ui.bundleStatusLabel.text.startswith("Ready.")
    assert section.ui.deviceStatusLabel.text == "Runs on the CPU (cuda: none)."


def test_the_model_of_last_time_is_loaded_when_the_panel_is_opened(section, worker, demo_bundle, wait_until):
    header = section.model.installed.import_from(demo_bundle)
    section.context.settings.bundle_folder = str(header.folder)
    again = ClassifySection(section.context)
    assert worker.asked("load") == []
    again.enter()
    wait_until(lambda: worker.asked("load"), what="the model being loaded")
    assert again.model.header.folder == header.folder
    again.cleanup()


def test_a_damaged_folder_is_refused_with_its_sentence(section, worker, demo_bundle, dialogs, click, tmp_path):
    damaged = Path(shutil.copytree(demo_bundle, tmp_path / "damaged"))
    (damaged / "weights.safetensors").write_bytes(b"cut off")
    dialogs.answer(str(damaged))
    click(section.ui.importBundleButton)
    assert "was changed or damaged" in last(section)
    assert section.ui.bundleComboBox.count == 0
    assert worker.requests == []


def test_deleting_asks_once_and_only_then_deletes(section, installed, dialogs, click):
    dialogs.answer(False)
    click(section.ui.deleteBundleButton)
    assert installed.is_dir()
    dialogs.answer(True)
    click(section.ui.deleteBundleButton)
    assert not installed.exists()
    assert [asked.kind for asked in dialogs.asked] == ["question", "question"]
    assert section.ui.bundleComboBox.count == 0
    assert not section.ui.deleteBundleButton.isEnabled()


def test_the_card_opens_and_closes_in_place(section, installed, click):
    click(section.ui.bundleCardButton)
    assert visible(section, "bundleCardBrowser")
    assert "0.900 [0.800 to 1.000]" in section.ui.bundleCardBrowser.plainText
    click(section.ui.bundleCardButton)
    assert not visible(section, "bundleCardBrowser")


def test_a_model_that_cannot_be_loaded_says_why_on_the_button_too(section, study, installed, worker, choose):
    choose(section.ui.deviceComboBox, "graphics card")
    assert worker.open("load").arguments["device"] == "cuda"
    worker.fail("load", "input", "No graphics card can be used (cuda: none). Choose the device 'cpu' or 'auto'.")
    assert section.ui.classifyButton.toolTip.startswith("No graphics card can be used")
    assert not section.ui.classifyButton.isEnabled()
    assert section.ui.bundleStatusLabel.text == section.ui.classifyButton.toolTip
    choose(section.ui.deviceComboBox, "CPU")
    assert section.ui.classifyButton.isEnabled()
    assert section.context.settings.device == "cpu"


def test_an_answer_about_a_model_that_is_no_longer_chosen_is_not_heard(section, installed, worker, choose):
    choose(section.ui.deviceComboBox, "graphics card")
    older = worker.open("load")
    choose(section.ui.deviceComboBox, "CPU")
    older.finish({"device_reason": "Runs on a card."})
    assert section.ui.deviceStatusLabel.text == ""
    assert not section.model.is_ready


def test_a_fresh_process_gets_the_model_again(installed, worker):
    count = len(worker.asked("load"))
    worker.start_again()
    assert len(worker.asked("load")) == count + 1


def test_a_model_in_a_process_that_died_is_no_longer_ready(section, study, installed, worker):
    worker.crashed.emit(WorkerError("died", "The process ended."))
    assert section.ui.bundleStatusLabel.text == "Loaded with the first reading."
    assert section.ui.classifyButton.isEnabled()


def test_a_model_that_somebody_changed_meanwhile_is_not_read_with(section, study, installed, worker, click):
    (installed / "weights.safetensors").write_bytes(b"other")
    click(section.ui.classifyButton)
    assert "was changed or damaged" in last(section)
    assert worker.asked(READ) == []
    assert not section.ui.classifyButton.isEnabled()


def test_a_model_that_was_removed_meanwhile_has_a_sentence(section, study, installed, worker, click):
    shutil.rmtree(installed)
    click(section.ui.classifyButton)
    assert "is no folder" in last(section)
    assert worker.asked(READ) == []


def test_packages_that_are_missing_are_named_until_they_are_installed(section, study, installed, worker, monkeypatch):
    lacking = [package for package in dependencies.packages() if package.module in ("torch", "radiomics", "matplotlib")]
    monkeypatch.setattr(model_choice, "missing_packages", lambda: lacking)
    section.context.environment_changed.emit()
    button = section.ui.classifyButton
    # The report's packages are no reason not to read.
    assert button.toolTip == "PyTorch, radiomics must be installed first: open 'Batch and set-up' below."
    assert not button.isEnabled()
    lacking.clear()
    section.context.environment_changed.emit()
    assert button.isEnabled()
    assert worker.open("load")
