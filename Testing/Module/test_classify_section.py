"""Section 4: a person chooses a model, classifies, cancels, and sees what belongs to the lesion on screen."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import SimpleITK as sitk
from classify_fixtures import *  # noqa: F403

READ, IDLE = "read", "Classify  (Ctrl+Enter)"


@pytest.fixture
def read(section, worker, click, wait_until, readings):
    """Classifies to the end: presses the button and answers as the process would."""

    def classify(reading=None) -> None:
        click(section.ui.classifyButton)
        wait_until(lambda: worker.open(READ).is_prepared, what="the case being sent")
        mapping = readings.with_meaning if reading is None else reading
        worker.finish(READ, {"reading": mapping, "folder": str(readings.folder), "seconds": 0.5})
        wait_until(lambda: section.run is None, what="the reading being kept")

    return classify


def last(section) -> str:
    """The sentence that was said last."""
    return section.said[-1][0] if section.said else ""


def visible(section, name: str) -> bool:
    return getattr(section.ui, name).isVisibleTo(section.widget)


def is_as_before(section) -> bool:
    """Nothing under way, nothing shown."""
    ui = section.ui
    shown = [name for name in ("progressWidget", "resultFrame", "evidenceWidget") if visible(section, name)]
    return section.run is None and ui.classifyButton.text == IDLE and ui.classifyButton.isEnabled() and not shown


# What is missing


def test_the_button_says_exactly_what_is_missing(section, phantom_exam, demo_bundle, dialogs, click):
    from BreastFusionPanel.bridge.exam_nodes import add_exam
    from BreastFusionPanel.bridge.segments import add_lesion

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
    from BreastFusionPanel.bridge.segments import add_lesion

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
    from BreastFusionPanel.classify.classify_section import ClassifySection

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


def test_a_fresh_process_gets_the_model_again(section, installed, worker):
    count = len(worker.asked("load"))
    worker.start_again()
    assert len(worker.asked("load")) == count + 1


def test_a_model_in_a_process_that_died_is_no_longer_ready(section, study, installed, worker):
    from BreastFusionPanel.process.worker_request import WorkerError

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
    from BreastFusionPanel.classify import model_choice
    from BreastFusionPanel.setup import dependencies

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


# Reading and cancelling


def test_while_it_runs_the_button_cancels_and_tells_how_far_it_is(section, study, installed, worker, click, wait_until):
    click(section.ui.classifyButton)
    assert section.ui.classifyButton.text == "Cancel"
    assert visible(section, "progressWidget")
    wait_until(lambda: worker.open(READ).is_prepared)
    worker.tell(READ, "radiomics", 0.35, "Measuring radiomic features")
    assert section.ui.progressLabel.text == "Measuring radiomic features"
    assert section.ui.progressBar.value == 350
    worker.tell(READ, "explain", None, "Drawing maps")
    assert section.ui.progressBar.maximum == 0  # busy, for how long nobody knows


@pytest.mark.parametrize("stage", ["at once", "sent", "half-way"])
def test_cancel_leaves_the_panel_as_before(section, study, installed, worker, click, wait_until, stage):
    assert is_as_before(section)
    click(section.ui.classifyButton)
    if stage != "at once":
        wait_until(lambda: worker.open(READ).is_prepared)
    if stage == "half-way":
        worker.tell(READ, "score", 0.8, "Asking the network")
    click(section.ui.classifyButton)
    assert is_as_before(section)
    assert last(section) == ""
    # The next reading finds the model in memory again.
    click(section.ui.classifyButton)
    assert len(worker.asked(READ)) == 2


def test_ctrl_enter_while_running_does_nothing(section, study, installed, worker):
    section.classify()
    section.classify()
    assert len(worker.asked(READ)) == 1
    assert section.ui.classifyButton.text == "Cancel"


@pytest.mark.parametrize("kind", ["input", "internal", "died"])
def test_a_failure_is_a_sentence_with_the_log_s_end(section, study, installed, worker, click, wait_until, kind):
    click(section.ui.classifyButton)
    wait_until(lambda: worker.open(READ).is_prepared)
    worker.fail(READ, kind, "It did not work: do something else.", "last line")
    assert section.said[-1] == ("It did not work: do something else.", "last line")
    assert is_as_before(section)
    assert not visible(section, "useCpuButton")


def test_out_of_memory_offers_the_cpu(section, study, installed, worker, click, wait_until):
    click(section.ui.classifyButton)
    wait_until(lambda: worker.open(READ).is_prepared)
    worker.fail(READ, "memory", "The graphics card has 4 GB, 6 GB were needed.")
    click(section.ui.useCpuButton)
    assert section.context.settings.device == "cpu"
    assert worker.asked("load")[-1].arguments["device"] == "cpu"
    wait_until(lambda: worker.open(READ).is_prepared)
    assert worker.open(READ).arguments["device"] == "cpu"
    assert not visible(section, "useCpuButton")


def test_a_lesion_deleted_while_it_is_read_has_no_result(section, study, installed, worker, read, click, wait_until):
    from BreastFusionPanel.bridge.segments import remove_lesion

    click(section.ui.classifyButton)
    wait_until(lambda: worker.open(READ).is_prepared)
    remove_lesion(study.parameters, study.segment_id)
    study.parameters.selectedLesion = ""
    section.context.lesion_selected.emit()
    assert "The lesion was deleted while it was being read" in last(section)
    assert section.run is None
    assert not visible(section, "resultFrame")


def test_a_scene_closed_while_it_is_read_takes_no_result(
    section, study, installed, worker, readings, click, wait_until
):
    import slicer

    from BreastFusion import BreastFusionLogic

    click(section.ui.classifyButton)
    wait_until(lambda: worker.open(READ).is_prepared)
    section.set_parameters(None)
    slicer.mrmlScene.Clear(0)
    assert "The scene was closed" in last(section)
    worker.finish(READ, {"reading": readings.with_meaning, "folder": str(readings.folder), "seconds": 1.0})
    section.set_parameters(BreastFusionLogic().getParameterNode())
    assert section.ui.classifyButton.toolTip == "Load an exam first (section 1)."
    assert slicer.util.getNodesByClass("vtkMRMLTextNode") == []


def test_an_outline_that_changed_while_it_was_read_has_no_result(section, study, installed, read, change_outline):
    section.ui.classifyButton.click()
    change_outline()
    assert "The outline or the exam changed during the reading" in last(section)
    assert is_as_before(section)


@pytest.mark.parametrize("end", ["cancel", "outline"])
def test_a_reading_that_is_just_being_kept_can_still_be_ended(
    section, study, installed, worker, readings, click, wait_until, change_outline, end
):
    import slicer
    from BreastFusionPanel.bridge.reading_nodes import reading_of

    click(section.ui.classifyButton)
    wait_until(lambda: worker.open(READ).is_prepared)
    worker.finish(READ, {"reading": readings.with_meaning, "folder": str(readings.folder), "seconds": 1.0})
    assert section.run is not None
    if end == "cancel":
        click(section.ui.classifyButton)
    else:
        change_outline()
    assert section.run is None
    for _turn in range(20):
        slicer.app.processEvents()
    assert reading_of(study.parameters, study.segment_id) is None
    assert worker.asked("stability") == []
    assert is_as_before(section)


# The result


def test_the_reading_is_shown_kept_and_told(section, study, installed, worker, read, readings):
    from BreastFusionPanel.bridge.reading_nodes import reading_of

    told = []
    section.context.reading_changed.connect(told.append)
    read()
    assert section.ui.numberLabel.text == f"{readings.with_meaning['probability']:.2f}"
    assert reading_of(study.parameters, study.segment_id).mapping == readings.with_meaning
    assert told == [study.segment_id]
    assert section.ui.classifyButton.text == IDLE
    assert section.ui.outlineLabel.text == "outline moved a little: …"
    worker.finish("stability", {"low": 0.412, "high": 0.588, "step_mm": 1.1})
    assert section.ui.outlineLabel.text == "outline moved a little: .41 to .59"


def test_a_demo_model_says_nothing_of_a_patient(section, study, installed, worker, read, readings):
    import qt

    read(readings.without)
    labels = section.ui.resultFrame.findChildren(qt.QLabel)
    words = " ".join(label.text for label in labels if label.isVisibleTo(section.widget))
    assert "its score has no meaning for this patient" in words
    for forbidden in ("threshold", "why", "alone", "outline moved", "Probability"):
        assert forbidden not in words
    assert not visible(section, "scaleLabel")
    assert worker.asked("stability") == []
    # What was measured of the patient is there as usual.
    assert section.ui.featureTableButton.isEnabled()
    assert visible(section, "mapsWidget")


def test_every_lesion_has_its_own_reading(section, study, installed, read, readings, second_lesion):
    read()
    study.parameters.selectedLesion = second_lesion
    section.context.lesion_selected.emit()
    assert not visible(section, "resultFrame")
    read({**readings.with_meaning, "probability": 0.125, "statement": "Probability of malignancy: 0.12"})
    assert section.ui.numberLabel.text == "0.12"
    study.parameters.selectedLesion = study.segment_id
    section.context.lesion_selected.emit()
    assert section.ui.numberLabel.text == f"{readings.with_meaning['probability']:.2f}"


def test_a_reading_of_an_older_outline_says_so_and_is_not_saved(section, study, installed, read, change_outline):
    read()
    assert not visible(section, "staleLabel")
    change_outline()
    assert visible(section, "staleLabel")
    assert not section.ui.saveReportButton.isEnabled()
    assert "classify again" in section.ui.saveReportButton.toolTip


def test_a_saved_scene_opens_with_its_reading(section, study, installed, read, worker, tmp_path):
    import slicer

    from BreastFusion import BreastFusionLogic

    read()
    worker.finish("stability", {"low": 0.412, "high": 0.588, "step_mm": 1.1})
    number, why = section.ui.numberLabel.text, section.ui.whyLabel.text
    assert slicer.util.saveScene(str(tmp_path / "study.mrb"))
    section.set_parameters(None)
    slicer.mrmlScene.Clear(0)
    slicer.util.loadScene(str(tmp_path / "study.mrb"))
    section.set_parameters(BreastFusionLogic().getParameterNode())
    assert (section.ui.numberLabel.text, section.ui.whyLabel.text) == (number, why)
    assert section.ui.outlineLabel.text == "outline moved a little: .41 to .59"
    assert not visible(section, "staleLabel")
    assert section.ui.saveReportButton.isEnabled()
    assert [visible(section, f"showMap{name}CheckBox") for name in ("Dce", "T1", "T2")] == [True, True, True]


def test_another_study_shows_nothing_of_the_last_one(section, study, installed, read):
    read()
    section.set_parameters(None)
    assert not visible(section, "resultFrame")
    assert not visible(section, "evidenceWidget")


# The evidence


def test_maps_lie_over_the_sequences_that_are_ticked(section, study, installed, read, click):
    from BreastFusionPanel.bridge.reading_nodes import reading_of
    from BreastFusionPanel.display import views

    views.show_comparison(study.parameters)
    read()
    nodes = reading_of(study.parameters, study.segment_id).map_nodes
    assert foregrounds() == {s: nodes[s, "gradcam++"].GetID() for s in ("dce", "t1", "t2")}
    click(section.ui.showMapT1CheckBox)
    assert study.parameters.showMapT1 is False
    assert set(foregrounds()) == {"dce", "t2"}
    section.ui.mapMethodComboBox.setCurrentIndex(0)
    assert foregrounds()["dce"] == nodes["dce", "gradcam"].GetID()
    assert section.ui.mapCellLabel.text.startswith("cells of ")
    assert section.ui.mapCellLabel.text.endswith(" mm")


def test_what_others_laid_over_the_images_stays_until_there_is_a_map(section, study, phantom_exam):
    import slicer
    from BreastFusionPanel.display import views

    views.show_comparison(study.parameters)
    composites = slicer.util.getNodesByClass("vtkMRMLSliceCompositeNode")
    for composite in composites:
        composite.SetForegroundVolumeID(study.parameters.t2Volume.GetID())
    section.refresh()
    assert {composite.GetForegroundVolumeID() for composite in composites} == {study.parameters.t2Volume.GetID()}


def test_only_maps_that_exist_have_a_box(section, study, installed, read, readings):
    without_t2 = [row for row in readings.with_meaning["maps"] if row["sequence"] != "t2"]
    read({**readings.with_meaning, "maps": without_t2})
    assert [visible(section, f"showMap{name}CheckBox") for name in ("Dce", "T1", "T2")] == [True, True, False]


def test_the_curve_is_shown_by_itself_and_again_on_its_button(section, study, installed, read, click):
    import slicer
    from BreastFusionPanel.display import views
    from BreastFusionPanel.display.layouts import CURVE_VIEW

    views.show_comparison(study.parameters)
    read()
    view = slicer.mrmlScene.GetSingletonNode(CURVE_VIEW, "vtkMRMLPlotViewNode")
    chart = slicer.mrmlScene.GetFirstNodeByClass("vtkMRMLPlotChartNode").GetID()
    assert view.GetPlotChartNodeID() == chart
    view.SetPlotChartNodeID(None)
    click(section.ui.showCurveButton)
    assert view.GetPlotChartNodeID() == chart


def test_the_feature_table_has_a_row_each_with_its_reference_range(section, study, installed, read, readings, click):
    read()
    assert not visible(section, "featureTable")
    click(section.ui.featureTableButton)
    table = section.ui.featureTable
    assert visible(section, "featureTable")
    assert table.rowCount == len(readings.with_meaning["features"])
    headings = " ".join(table.horizontalHeaderItem(column).text() for column in range(table.columnCount))
    assert "95 %" in headings


def test_the_log_is_folded_away_and_bounded(section, worker, click):
    import slicer

    worker.last_lines = tuple(f"line {number}" for number in range(1200))
    assert not visible(section, "logWidget")
    click(section.ui.showLogButton)
    lines = section.ui.logText.plainText.splitlines()
    assert (len(lines), lines[-1]) == (500, "line 1199")
    click(section.ui.copyLogButton)
    assert slicer.app.clipboard().text().splitlines() == lines


@pytest.fixture
def change_outline(section, study):
    """Paints over the outline, and tells as the lesion section does once the stroke has settled."""
    from BreastFusionPanel.bridge.segments import replace_outline

    def change() -> None:
        replace_outline(study.parameters, study.segment_id, sitk.BinaryDilate(study.mask, (1, 1, 0)))
        section.context.lesion_changed.emit(study.segment_id)

    return change


def foregrounds() -> dict[str, str]:
    """Sequence -> ID of the volume that lies over it in the comparison."""
    import slicer
    from BreastFusionPanel.display.layouts import COMPARED_VIEWS

    nodes = {node.GetLayoutName(): node for node in slicer.util.getNodesByClass("vtkMRMLSliceCompositeNode")}
    found = {
        sequence: nodes[name].GetForegroundVolumeID() for sequence, name in COMPARED_VIEWS.items() if name in nodes
    }
    return {sequence: node_id for sequence, node_id in found.items() if node_id}
