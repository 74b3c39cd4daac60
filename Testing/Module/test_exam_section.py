"""Section 1, Exam, driven by its real buttons: studies read by the child, phases corrected, fields filled in."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import qt
import slicer
from BreastFusionPanel.bridge.exam_nodes import add_exam
from BreastFusionPanel.bridge.geometry import add_volume, to_ras
from BreastFusionPanel.bridge.sequences import phases_of
from BreastFusionPanel.context import PanelContext
from BreastFusionPanel.exam import study_loading
from BreastFusionPanel.exam.exam_section import ExamSection
from BreastFusionPanel.exam.phase_table import PHASE, TIME, USE, VOLUME
from BreastFusionPanel.exam.time_words import seconds_of, time_text
from BreastFusionPanel.parameters import DceImage
from BreastFusionPanel.process.worker import Worker
from bridge_parts import make_exam, ramp, study

from BreastFusionLib.errors import InputError
from BreastFusionLib.exam import write_exam
from BreastFusionLib.phantom import make_exam as make_phantom


class Opened:
    """The section in a window 400 px wide, with the life that the panel gives it.

    Attributes:
        said: what stood in the message line, in order.
        changes: how often the section told the others that the exam changed.
    """

    def __init__(self) -> None:
        self.said: list[str] = []
        self.changes = 0
        self.context = PanelContext(Worker())
        self.context.message.connect(lambda text, _details: self.said.append(text))
        self.context.exam_changed.connect(self._count)
        self.section = ExamSection(self.context)
        self.ui = self.section.ui
        self.section.widget.resize(400, 600)
        self.section.widget.show()
        scene = slicer.mrmlScene
        self._tag = scene.AddObserver(scene.StartCloseEvent, lambda *_: self.show(None))
        self.show(study())
        self.section.enter()

    def show(self, parameters) -> None:
        self.section.disconnect_parameters()
        self.context.parameters = parameters
        self.section.connect_parameters()

    def close(self) -> None:
        slicer.mrmlScene.RemoveObserver(self._tag)
        self.show(None)
        self.section.cleanup()
        left = list(self.context.worker.folder.iterdir())
        self.context.worker.stop()
        self.section.widget.close()
        self.section.widget.deleteLater()
        assert not left, "however loading ended, no image is left on disk"

    @property
    def parameters(self):
        return self.context.parameters

    @property
    def is_loading(self) -> bool:
        return self.section.loading.is_busy

    def table(self) -> list[list[str]]:
        """What the phase table shows, with plain spaces."""
        table = self.ui.phaseTable
        return [
            [table.item(row, column).text().replace("\N{NO-BREAK SPACE}", " ") for column in range(4)]
            for row in range(table.rowCount)
        ]

    def notes(self) -> list[str]:
        return [self.ui.examNotesList.item(row).text() for row in range(self.ui.examNotesList.count)]

    def type_time(self, row: int, text: str) -> None:
        """Double-click a time and type another one."""
        self.ui.phaseTable.item(row, TIME).setText(text)
        qt.QApplication.processEvents()

    def _count(self) -> None:
        self.changes += 1


@pytest.fixture
def exam(scene):
    """The section with an empty study."""
    opened = Opened()
    yield opened
    opened.close()


@pytest.fixture
def loaded(exam):
    """The section with three phases at 0, 97.25 and 191.9 s and T1, no T2."""
    list(add_exam(make_exam(), exam.parameters))
    exam.changes = 0
    return exam


@pytest.fixture
def small_demo(monkeypatch):
    """A demo exam of coarse voxels: the way is the same."""
    monkeypatch.setitem(study_loading.DEMO_EXAM, "small", True)


@pytest.fixture(scope="session")
def duke_dicom() -> Path:
    """The DICOM files of one real patient; tests that need them skip where they are absent."""
    repository = Path(__file__).resolve().parents[2]
    data = Path(os.environ.get("BREASTFUSION_TEST_DATA", repository.parent / "shared" / "data"))
    folder = data / "duke_breast_mri_153" / "dicom"
    if not folder.is_dir():
        pytest.skip(f"no real data: {folder} is absent (set BREASTFUSION_TEST_DATA)")
    return folder


def shown_item(parameters) -> int:
    return parameters.dceBrowser.GetSelectedItemNumber()


def background_of_red():
    composites = slicer.util.getNodesByClass("vtkMRMLSliceCompositeNode")
    red = next(node for node in composites if node.GetLayoutName() == "Red")
    return slicer.mrmlScene.GetNodeByID(red.GetBackgroundVolumeID() or "")


# Times


@pytest.mark.parametrize(
    ("time_s", "text"), [(0.0, "0 s"), (97.25, "97 s"), (1371.0, "1 371 s"), (1e6, "1 000 000 s"), (None, "unknown")]
)
def test_times_are_written_as_radiologists_write_them(time_s, text):
    assert time_text(time_s) == text.replace(" ", "\N{NO-BREAK SPACE}")


@pytest.mark.parametrize(
    ("text", "time_s"),
    [
        ("1371", 1371.0),
        ("1 371 s", 1371.0),
        (time_text(1371.0), 1371.0),
        ("22,5", 22.5),
        (" ", None),
        ("unknown", None),
    ],
)
def test_times_are_read_as_users_type_them(text, time_s):
    assert seconds_of(text) == time_s


@pytest.mark.parametrize("text", ["soon", "1:30:00", "nan", "inf"])
def test_what_is_no_time_is_refused_in_a_sentence(text):
    with pytest.raises(InputError, match="is no time"):
        seconds_of(text)


# Studies


def test_the_demo_exam_is_loaded_by_its_button(exam, small_demo, click, wait_until):
    slicer.mrmlScene.AddNewNodeByClass("vtkMRMLCrosshairNode")
    click(exam.ui.loadDemoButton)
    assert exam.ui.loadDemoButton.text == "Cancel"
    assert not exam.ui.openStudyButton.isEnabled() and "wait, or cancel" in exam.ui.openStudyButton.toolTip
    assert exam.ui.progressWidget.isVisibleTo(exam.section.widget)
    wait_until(lambda: not exam.is_loading, 60, "the demo exam")

    expected = make_phantom(study_loading.DEMO_EXAM["seed"], study_loading.DEMO_EXAM["number"], small=True)
    rows = phases_of(exam.parameters.dceSequence)
    assert [row.time_s for row in rows] == [phase.time_s for phase in expected.exam.dce.phases]
    assert exam.parameters.t1Volume is not None and exam.parameters.t2Volume is not None
    assert exam.ui.t1Selector.currentNode() is exam.parameters.t1Volume
    assert exam.notes()[0] == "Synthetic exam: a phantom, no patient."
    assert "crosshair marks its lesion" in exam.said[-1] and "From click" in exam.said[-1]
    assert background_of_red() is exam.parameters.dceBrowser.GetProxyNode(exam.parameters.dceSequence)
    assert exam.ui.loadDemoButton.text == "Load demo exam" and exam.ui.openStudyButton.isEnabled()

    mask = expected.lesion.mask
    crosshair_ras = slicer.util.getNodesByClass("vtkMRMLCrosshairNode")[0].GetCrosshairRAS()
    index = mask.TransformPhysicalPointToIndex(to_ras(crosshair_ras))  # its own inverse
    assert mask[index] == 1, "the crosshair is inside the lesion"


def test_a_study_folder_is_read_in_the_child_process_and_the_next_one_is_looked_for_beside_it(
    exam, phantom_exam, tmp_path, dialogs, click, wait_until
):
    folder = tmp_path / "Prüfling"
    write_exam(phantom_exam.exam, folder)
    dialogs.answer(str(folder))
    click(exam.ui.openStudyButton)
    assert exam.ui.openStudyButton.text == "Cancel"
    wait_until(lambda: not exam.is_loading, 60, "the study")
    assert len(exam.table()) == len(phantom_exam.exam.dce.phases)
    pre = slicer.util.arrayFromVolume(exam.parameters.dceSequence.GetNthDataNode(0))
    import SimpleITK as sitk

    assert np.array_equal(pre, sitk.GetArrayViewFromImage(phantom_exam.exam.dce.phases[0].image))
    dialogs.answer("")
    click(exam.ui.openStudyButton)
    assert dialogs.asked[-1].text == str(tmp_path), "the dialog starts where the last study was"
    assert not exam.is_loading
    settings = slicer.app.userSettings()
    kept = [str(settings.value(key)) for key in settings.allKeys()]
    assert not any("Prüfling" in value for value in kept), "folders of studies are called after patients"


def test_the_real_patient_has_five_phases_with_their_times_and_t1_but_no_t2(
    exam, duke_dicom, dialogs, click, wait_until
):
    dialogs.answer(str(duke_dicom))
    click(exam.ui.openStudyButton)
    wait_until(lambda: not exam.is_loading, 120, "the patient")
    assert [row[TIME] for row in exam.table()] == ["0 s", "1 371 s", "1 493 s", "1 615 s", "1 737 s"]
    assert [row[PHASE] for row in exam.table()] == ["pre", "post 1", "post 2", "post 3", "post 4"]
    assert exam.parameters.t1Volume is not None and exam.parameters.t2Volume is None
    assert exam.ui.missingSequenceLabel.isVisibleTo(exam.section.widget)
    assert any("T1 was taken after contrast" in note for note in exam.notes())
    names = [node.GetName() for node in slicer.util.getNodesByClass("vtkMRMLVolumeNode")]
    assert not any("Breast_MRI_153" in name for name in names)


def test_a_folder_with_nothing_is_told_in_a_sentence(exam, tmp_path, dialogs, click, wait_until):
    dialogs.answer(str(tmp_path))
    click(exam.ui.openStudyButton)
    wait_until(lambda: not exam.is_loading, 60, "the answer")
    assert str(tmp_path) in exam.said[-1] and "Traceback" not in exam.said[-1]
    assert exam.parameters.dceSequence is None and exam.ui.openStudyButton.isEnabled()


def test_a_folder_without_dce_gives_its_t2_and_says_what_is_missing(
    exam, phantom_exam, tmp_path, dialogs, click, wait_until
):
    import SimpleITK as sitk

    sitk.WriteImage(phantom_exam.exam.t2.image, str(tmp_path / "t2.nii.gz"))
    dialogs.answer(str(tmp_path))
    click(exam.ui.openStudyButton)
    wait_until(lambda: not exam.is_loading, 60, "the study")
    assert exam.parameters.t2Volume is not None and exam.parameters.dceSequence is None
    assert "No DCE series" in exam.said[-1]


def test_reading_can_be_cancelled_and_begun_again(exam, small_demo, click, wait_until):
    before = slicer.mrmlScene.GetNumberOfNodesByClass("vtkMRMLVolumeNode")
    click(exam.ui.loadDemoButton)
    click(exam.ui.loadDemoButton)
    assert not exam.is_loading and exam.ui.loadDemoButton.text == "Load demo exam"
    assert slicer.mrmlScene.GetNumberOfNodesByClass("vtkMRMLVolumeNode") == before
    click(exam.ui.loadDemoButton)
    wait_until(lambda: not exam.is_loading, 60, "the demo exam")
    assert exam.parameters.dceSequence is not None


def test_adding_can_be_cancelled_and_leaves_the_scene_as_it_was(exam, small_demo, click, wait_until):
    click(exam.ui.loadDemoButton)
    wait_until(lambda: "Adding" in exam.ui.studyProgressLabel.text, 60, "the first volumes")
    click(exam.ui.loadDemoButton)
    assert not exam.is_loading and exam.parameters.dceSequence is None
    assert not slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode")


def test_closing_the_scene_while_a_study_is_read_ends_the_reading(exam, small_demo, click, wait_until):
    click(exam.ui.loadDemoButton)
    slicer.mrmlScene.Clear(0)
    assert not exam.is_loading
    exam.show(study())
    wait_until(lambda: not exam.context.worker.is_busy, 60, "an idle worker")
    assert exam.parameters.dceSequence is None and exam.ui.loadDemoButton.isEnabled()


# Phases


def test_the_phases_are_shown_with_their_times_and_the_one_that_is_used(loaded):
    assert loaded.table() == [
        ["pre", "0 s", "ax dyn pre", ""],
        ["post 1", "97 s", "ax dyn 1st pass", "○"],
        ["post 2", "192 s", "ax dyn 2nd pass", "● usual"],
    ]
    assert "97.2" in loaded.ui.phaseTable.item(1, TIME).toolTip()


def test_the_models_own_phase_is_the_default(loaded, demo_bundle):
    loaded.context.settings.bundle_folder = str(demo_bundle)
    loaded.context.bundle_changed.emit()
    assert [row[USE] for row in loaded.table()].count("● model") == 1


def test_another_phase_can_be_used_and_the_models_own_again(loaded):
    table = loaded.ui.phaseTable
    table.itemClicked.emit(table.item(1, USE))
    assert loaded.parameters.usedPhase == 1 and shown_item(loaded.parameters) == 1
    assert [row[USE] for row in loaded.table()] == ["", "●", "○ usual"]
    assert loaded.changes >= 1
    table.itemClicked.emit(table.item(0, USE))
    assert loaded.parameters.usedPhase == 1, "the phase before contrast is no choice"
    table.itemClicked.emit(table.item(2, USE))
    assert loaded.parameters.usedPhase == -1


def test_a_click_on_a_row_shows_that_phase(loaded):
    loaded.ui.phaseTable.selectRow(1)
    assert shown_item(loaded.parameters) == 1 and loaded.parameters.dceImage == DceImage.POST
    loaded.ui.phaseTable.selectRow(0)
    assert shown_item(loaded.parameters) == 0 and loaded.parameters.dceImage == DceImage.PRE
    assert loaded.ui.viewPreButton.checked


def test_a_phase_is_moved_and_its_choice_moves_along(loaded, click):
    loaded.ui.phaseTable.itemClicked.emit(loaded.ui.phaseTable.item(1, USE))
    loaded.ui.phaseTable.selectRow(1)
    click(loaded.ui.phaseDownButton)
    assert [row[VOLUME] for row in loaded.table()] == ["ax dyn pre", "ax dyn 2nd pass", "ax dyn 1st pass"]
    assert [row[TIME] for row in loaded.table()] == ["0 s", "97 s", "192 s"], "the order was wrong, not the clock"
    # The phase that was chosen is now where the model's own is.
    assert loaded.ui.phaseTable.selectionModel().selectedRows()[0].row() == 2 and [row[USE] for row in loaded.table()][
        2
    ].startswith("●")
    assert not loaded.ui.phaseDownButton.isEnabled() and "last phase" in loaded.ui.phaseDownButton.toolTip
    click(loaded.ui.phaseUpButton)
    assert [row[VOLUME] for row in loaded.table()] == ["ax dyn pre", "ax dyn 1st pass", "ax dyn 2nd pass"]
    assert loaded.changes >= 2


def test_another_phase_becomes_the_one_before_contrast(loaded, click):
    loaded.ui.phaseTable.selectRow(2)
    click(loaded.ui.setPreButton)
    assert [row[VOLUME] for row in loaded.table()] == ["ax dyn 2nd pass", "ax dyn pre", "ax dyn 1st pass"]
    assert [row[PHASE] for row in loaded.table()] == ["pre", "post 1", "post 2"]
    assert not loaded.ui.setPreButton.isEnabled() and "before contrast" in loaded.ui.setPreButton.toolTip


def test_a_time_is_typed_over(loaded):
    loaded.type_time(2, "1 371")
    assert phases_of(loaded.parameters.dceSequence)[2].time_s == 1371.0
    assert loaded.table()[2][TIME] == "1 371 s" and loaded.changes >= 1


@pytest.mark.parametrize("text", ["soon", "", "-5", "97.25"])
def test_a_time_that_cannot_be_is_refused_and_the_old_one_stays(loaded, text):
    loaded.type_time(2, text)
    assert loaded.said[-1] and "Traceback" not in loaded.said[-1] and "unexpected" not in loaded.said[-1]
    assert loaded.table()[2][TIME] == "192 s"


def test_other_parameters_may_change_while_a_time_is_being_typed(loaded):
    item = loaded.ui.phaseTable.item(2, TIME)
    loaded.parameters.mapOpacity = 0.7
    assert loaded.ui.phaseTable.item(2, TIME) is item, "its editor would be gone"


def test_the_time_of_the_pre_contrast_phase_cannot_be_typed(loaded):
    assert not loaded.ui.phaseTable.item(0, TIME).flags() & qt.Qt.ItemIsEditable


def test_unknown_times_are_told(exam):
    list(add_exam(make_exam(times_s=(0.0, None, None)), exam.parameters))
    assert [row[TIME] for row in exam.table()] == ["0 s", "unknown", "unknown"]
    assert any("time of 2 of 3 phases is unknown" in note for note in exam.notes())


def test_one_phase_only_is_told_and_nothing_can_be_subtracted(exam):
    list(add_exam(make_exam(times_s=(0.0,), description="ax dyn pre"), exam.parameters))
    assert any("One phase only" in note for note in exam.notes())
    assert not exam.ui.viewSubtractionButton.isEnabled()
    assert "one phase only" in exam.ui.viewSubtractionButton.toolTip


# Views


def test_the_subtraction_button_shows_the_used_phase_minus_the_pre_contrast_one(loaded, click):
    loaded.ui.phaseTable.itemClicked.emit(loaded.ui.phaseTable.item(1, USE))
    click(loaded.ui.viewSubtractionButton)
    items = [slicer.util.arrayFromVolume(loaded.parameters.dceSequence.GetNthDataNode(n)) for n in range(3)]
    shown = slicer.util.arrayFromVolume(background_of_red())
    assert np.array_equal(shown, items[1].astype(np.float32) - items[0])
    loaded.parameters.usedPhase = -1
    assert np.array_equal(slicer.util.arrayFromVolume(background_of_red()), items[2].astype(np.float32) - items[0])
    click(loaded.ui.viewPostButton)
    assert background_of_red() is loaded.parameters.dceBrowser.GetProxyNode(loaded.parameters.dceSequence)
    assert shown_item(loaded.parameters) == 2


def test_one_view_button_is_down_at_a_time(loaded, click):
    buttons = [getattr(loaded.ui, f"view{name}Button") for name in ("Pre", "Post", "Subtraction", "Mip")]
    for image, button in zip(DceImage, buttons, strict=True):
        click(button)
        assert loaded.parameters.dceImage == image
        assert [other.checked for other in buttons] == [other is button for other in buttons]


def test_linking_of_views_follows_the_check_box(loaded, click):
    click(loaded.ui.linkViewsCheckBox)
    assert loaded.parameters.linkViews is False


def test_without_an_exam_each_disabled_button_says_what_is_missing(exam):
    for name in ("viewPreButton", "viewPostButton", "viewSubtractionButton", "viewMipButton"):
        button = getattr(exam.ui, name)
        assert not button.isEnabled() and button.toolTip == "Choose a DCE series first"
    assert not exam.ui.fromVolumesButton.isEnabled() and "at least two volumes" in exam.ui.fromVolumesButton.toolTip


def test_everything_has_a_tooltip(loaded):
    ours = [widget for name, widget in vars(loaded.ui).items() if hasattr(widget, "toolTip") and "qt_" not in name]
    assert [widget.objectName for widget in ours if widget is not loaded.section.widget and not widget.toolTip] == []


def test_the_section_fits_into_a_panel_of_400_pixels(loaded):
    loaded.parameters.t1Volume = None
    qt.QApplication.processEvents()
    margins_px = 22
    assert loaded.section.widget.minimumSizeHint.width() <= 400 - margins_px


# Filling in


def named(name: str, seed: int = 0):
    return add_volume(ramp(seed), name)


def test_t1_and_t2_of_the_scene_are_filled_in_by_themselves(loaded, wait_until):
    loaded.parameters.t1Volume = None
    t2 = named("ax t2 tirm")
    wait_until(lambda: loaded.parameters.t2Volume is t2, 5, "T2")
    assert loaded.parameters.t1Volume is None, "what the user took out is not put back"


def test_filling_in_goes_on_after_the_scene_was_closed_but_not_while_another_module_is_open(exam, wait_until):
    slicer.mrmlScene.Clear(0)
    exam.show(study())
    exam.section.exit()
    t1 = named("ax t1 tse")
    for _turn in range(100):
        qt.QApplication.processEvents()
        qt.QThread.msleep(4)
    assert exam.parameters.t1Volume is None
    exam.section.enter()
    assert exam.parameters.t1Volume is t1
    t2 = named("ax t2 tirm")
    wait_until(lambda: exam.parameters.t2Volume is t2, 5, "T2")


def test_what_the_user_chose_is_never_overwritten(loaded, wait_until):
    chosen = loaded.parameters.t1Volume
    named("ax t1 tse second")
    t2 = named("ax t2 tirm")
    wait_until(lambda: loaded.parameters.t2Volume is t2, 5, "T2")
    assert loaded.parameters.t1Volume is chosen


def test_three_loaded_volumes_become_a_series_with_two_clicks(exam, click, wait_until):
    volumes = [named(name, number) for number, name in enumerate(["ax dyn 2nd pass", "ax dyn pre", "ax dyn 1st pass"])]
    wait_until(lambda: exam.ui.fromVolumesButton.checked, 5, "the list of volumes")
    assert "3 volumes of the scene look like phases" in exam.said[-1]
    assert exam.ui.volumesFrame.isVisibleTo(exam.section.widget)
    for row, time_s in enumerate(("0", "98", "190")):
        exam.ui.volumesTable.item(row, 1).setText(time_s)
    click(exam.ui.makeSeriesButton)
    assert [(row[TIME], row[VOLUME]) for row in exam.table()] == [
        ("0 s", "ax dyn pre"),
        ("98 s", "ax dyn 1st pass"),
        ("190 s", "ax dyn 2nd pass"),
    ]
    assert all(slicer.mrmlScene.IsNodePresent(volume) for volume in volumes)
    assert not exam.ui.volumesFrame.isVisibleTo(exam.section.widget)


def test_a_series_needs_two_ticked_volumes_and_all_their_times_or_none(exam, click, wait_until):
    for number, name in enumerate(["ax dyn pre", "ax dyn 1st pass"]):
        named(name, number)
    wait_until(lambda: exam.ui.fromVolumesButton.checked, 5, "the list of volumes")
    exam.ui.volumesTable.item(1, 0).setCheckState(qt.Qt.Unchecked)
    assert not exam.ui.makeSeriesButton.isEnabled() and "two volumes" in exam.ui.makeSeriesButton.toolTip
    exam.ui.volumesTable.item(1, 0).setCheckState(qt.Qt.Checked)
    exam.ui.volumesTable.item(0, 1).setText("0")
    click(exam.ui.makeSeriesButton)
    assert "1 of 2 ticked volumes have a time" in exam.said[-1] and exam.parameters.dceSequence is None


# The scene changes


def test_a_removed_volume_leaves_its_field(loaded):
    slicer.mrmlScene.RemoveNode(loaded.parameters.t1Volume)
    assert loaded.parameters.t1Volume is None
    assert loaded.ui.missingSequenceLabel.isVisibleTo(loaded.section.widget)
    assert loaded.changes >= 1


def test_a_removed_series_empties_the_table_and_takes_its_subtraction_along(loaded, click):
    click(loaded.ui.viewSubtractionButton)
    made = background_of_red()
    slicer.mrmlScene.RemoveNode(loaded.parameters.dceSequence)
    assert loaded.table() == [] and not loaded.ui.phaseTable.isVisibleTo(loaded.section.widget)
    assert not slicer.mrmlScene.IsNodePresent(made)
    assert not loaded.ui.viewPostButton.isEnabled() and loaded.changes >= 1


def test_closing_the_scene_empties_the_section(loaded):
    slicer.mrmlScene.Clear(0)
    assert loaded.table() == [] and loaded.notes() == []
    assert not loaded.ui.openStudyButton.isEnabled()
    loaded.show(study())
    assert loaded.ui.openStudyButton.isEnabled()


def test_entering_again_leaves_the_views_alone(loaded):
    other = named("something else")
    composites = slicer.util.getNodesByClass("vtkMRMLSliceCompositeNode")
    next(node for node in composites if node.GetLayoutName() == "Red").SetBackgroundVolumeID(other.GetID())
    loaded.section.exit()
    loaded.show(study())
    loaded.section.enter()
    assert background_of_red() is other
    assert loaded.changes == 0, "nobody is told of a change that was none"


def test_another_series_is_shown_and_the_phase_number_of_the_last_one_forgotten(loaded, choose):
    loaded.parameters.usedPhase = 1
    first = loaded.parameters.dceSequence
    list(add_exam(make_exam(t1=False), loaded.parameters))
    loaded.parameters.usedPhase = 1
    choose(loaded.ui.dceSelector, first)
    assert loaded.parameters.dceSequence is first and loaded.parameters.usedPhase == -1
    assert shown_item(loaded.parameters) == 2, "the phase that is used is shown"
    assert background_of_red() is loaded.parameters.dceBrowser.GetProxyNode(first)
