"""Section 'Lesion': outlines by click and by hand, their table, and numbers that are the library's."""

from __future__ import annotations

import time
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import SimpleITK as sitk

from BreastFusionLib.exam.geometry import Grid
from BreastFusionLib.exam.model import Exam, Phase
from BreastFusionLib.lesion import measure, measure_kinetics, segment_from_seed
from BreastFusionLib.phantom import make_exam


@pytest.fixture(scope="session")
def phantom_exam():
    """A small exam whose lesion enhances well above the usual threshold and washes out."""
    return make_exam(2, 3, small=True)


@pytest.fixture
def study(scene, phantom_exam):
    """Section 2 alone in a window, with the phantom's exam in the scene."""
    import qt
    import slicer
    from BreastFusionPanel.bridge.exam_nodes import add_exam
    from BreastFusionPanel.context import PanelContext
    from BreastFusionPanel.lesion.lesion_section import LesionSection
    from BreastFusionPanel.parameters import BreastFusionParameterNode

    node = scene.AddNewNodeByClass("vtkMRMLScriptedModuleNode")
    context = PanelContext(worker=None)
    section = LesionSection(context)
    context.parameters = BreastFusionParameterNode(node)
    section.connect_parameters()
    window = qt.QWidget()
    qt.QVBoxLayout(window).addWidget(section.widget)
    window.resize(400, 800)
    window.show()
    section.enter()
    told = SimpleNamespace(changed=[], selected=0, sentences=[])
    context.lesion_changed.connect(told.changed.append)
    context.message.connect(lambda text, details: told.sentences.append(text))
    list(add_exam(phantom_exam.exam, context.parameters))
    context.exam_changed.emit()
    slicer.app.processEvents()
    yield SimpleNamespace(
        context=context, parameters=context.parameters, section=section, ui=section.ui, told=told, window=window
    )
    section.exit()
    section.disconnect_parameters()
    section.cleanup()
    context.parameters = None
    window.close()
    window.deleteLater()


@pytest.fixture
def place_point(click, wait_until):
    """Presses '+ From click' and places the point, as a click into a view does."""
    import slicer
    from BreastFusionPanel.bridge.geometry import to_ras

    def place(study, point_lps) -> None:
        click(study.ui.fromClickButton)
        selection = slicer.app.applicationLogic().GetSelectionNode()
        node = slicer.mrmlScene.GetNodeByID(selection.GetActivePlaceNodeID())
        node.AddControlPointWorld(to_ras(point_lps))
        wait_until(lambda: not study.ui.fromClickButton.checked, what="the point to be taken")

    return place


def drawn(study, segment_id: str) -> sitk.Image:
    from BreastFusionPanel.bridge.exam_nodes import exam_of
    from BreastFusionPanel.bridge.labelmaps import mask_of

    return mask_of(study.parameters.segmentation, segment_id, exam_of(study.parameters).dce.grid)


def half_a_voxel_away(exam: Exam) -> Exam:
    """The same images on a grid whose voxels are others."""

    def moved(phase: Phase) -> Phase:
        image = sitk.Image(phase.image)
        image.SetOrigin(exam.dce.grid.physical((0.5, 0.5, 0.5)).tolist())
        return Phase(phase.time_s, image)

    phases = tuple(map(moved, exam.dce.phases))
    return replace(exam, series=(replace(exam.dce, phases=phases, grid=Grid.of(phases[0].image)),))


def pixels(image: sitk.Image) -> np.ndarray:
    return sitk.GetArrayFromImage(image)


def cell(study, row: int, column: int) -> str:
    return study.ui.lesionTable.item(row, column).text().replace("\u00a0", " ")


def center_of(lesion) -> tuple[float, float, float]:
    """A voxel of the lesion near its middle, in LPS mm."""
    inside = np.argwhere(pixels(lesion.mask))[:, ::-1]
    nearest = inside[np.linalg.norm(inside - inside.mean(axis=0), axis=1).argmin()]
    return lesion.mask.TransformIndexToPhysicalPoint(nearest.tolist())


class TestFromClick:
    def test_outline_is_what_the_library_grows_on_the_whole_exam(self, study, place_point, phantom_exam):
        seed = center_of(phantom_exam.lesion)
        study.parameters.enhancementPercent = 50.0
        place_point(study, seed)
        expected = segment_from_seed(phantom_exam.exam, seed, 50.0, 30.0)
        assert np.array_equal(pixels(drawn(study, study.parameters.selectedLesion)), pixels(expected))
        assert study.told.changed == [study.parameters.selectedLesion]

    def test_a_click_into_the_view_places_the_point(self, study, click, wait_until, phantom_exam):
        from BreastFusionPanel.bridge.geometry import to_ras
        from host.views import SliceRenderer

        position_ras = to_ras(center_of(phantom_exam.lesion))
        with SliceRenderer("Red") as view:
            view.logic.GetSliceNode().JumpSliceByCentering(*position_ras)
            click(study.ui.fromClickButton)
            view.pixels()
            view.click(position_ras)
            wait_until(lambda: study.parameters.selectedLesion, what="a lesion")
        assert pixels(drawn(study, study.parameters.selectedLesion)).sum() > 20

    def test_no_helper_is_left_behind(self, study, place_point, phantom_exam):
        import slicer

        place_point(study, center_of(phantom_exam.lesion))
        assert not slicer.util.getNodesByClass("vtkMRMLMarkupsFiducialNode")
        interaction = slicer.app.applicationLogic().GetInteractionNode()
        assert interaction.GetCurrentInteractionMode() == interaction.ViewTransform

    def test_a_second_click_on_the_button_disarms(self, study, click):
        import slicer

        click(study.ui.fromClickButton)
        assert study.ui.hintLabel.text == "Click into the lesion, in any slice view. Esc cancels."
        click(study.ui.fromClickButton)
        assert not slicer.util.getNodesByClass("vtkMRMLMarkupsFiducialNode")
        assert study.ui.hintLabel.text == "No lesion yet: click into one, or draw it."

    def test_escape_disarms(self, study, click):
        import qt
        from PySide6.QtTest import QTest

        click(study.ui.fromClickButton)
        study.window.activateWindow()
        # The Segment Editor has the key too, and Qt would give each of the two every other press.
        assert not study.ui.segmentEditor.shortcuts_installed
        QTest.keyClick(study.window, qt.Qt.Key_Escape)
        assert not study.ui.fromClickButton.checked
        assert study.ui.segmentEditor.shortcuts_installed

    def test_another_mouse_mode_disarms(self, study, click, wait_until):
        import slicer

        click(study.ui.fromClickButton)
        interaction = slicer.app.applicationLogic().GetInteractionNode()
        interaction.SetCurrentInteractionMode(interaction.ViewTransform)
        wait_until(lambda: not study.ui.fromClickButton.checked)

    def test_a_point_outside_is_a_sentence(self, study, place_point):
        place_point(study, (5000.0, 0.0, 0.0))
        assert "lies outside the DCE volume" in study.told.sentences[-1]
        assert not study.parameters.selectedLesion

    def test_settings_changed_before_there_is_a_lesion_say_nothing(self, study, wait_until):
        study.parameters.enhancementPercent = 90.0
        wait_until(lambda: not study.section.clicks._timer.isActive(), what="the settings to be taken")
        assert study.told.sentences == []

    def test_a_point_that_does_not_enhance_is_a_sentence(self, study, place_point, phantom_exam):
        study.parameters.enhancementPercent = 300.0
        place_point(study, center_of(phantom_exam.lesion))
        assert "less than the 300 % asked for" in study.told.sentences[-1]

    def test_the_outline_follows_threshold_and_radius(self, study, place_point, phantom_exam, wait_until):
        seed = center_of(phantom_exam.lesion)
        place_point(study, seed)
        segment_id = study.parameters.selectedLesion
        study.ui.radiusSpinBox.setValue(6.0)
        expected = pixels(segment_from_seed(phantom_exam.exam, seed, 70.0, 6.0))
        wait_until(lambda: np.array_equal(pixels(drawn(study, segment_id)), expected), what="the smaller outline")
        study.ui.enhancementSpinBox.setValue(40.0)
        expected = pixels(segment_from_seed(phantom_exam.exam, seed, 40.0, 6.0))
        wait_until(lambda: np.array_equal(pixels(drawn(study, segment_id)), expected), what="the larger outline")

    def test_an_edited_outline_follows_no_more_until_the_edit_is_undone(
        self, study, place_point, phantom_exam, wait_until, settle
    ):
        place_point(study, center_of(phantom_exam.lesion))
        segment_id = study.parameters.selectedLesion
        x, y, z = center_of(phantom_exam.lesion)
        paint(study, (x, y, z + 40.0), 5.0)
        painted = pixels(drawn(study, segment_id))
        study.ui.radiusSpinBox.setValue(6.0)
        settle(study)
        assert np.array_equal(pixels(drawn(study, segment_id)), painted)
        study.ui.segmentEditor.undo()
        settle(study)
        study.ui.radiusSpinBox.setValue(7.0)
        expected = pixels(segment_from_seed(phantom_exam.exam, center_of(phantom_exam.lesion), 70.0, 7.0))
        wait_until(lambda: np.array_equal(pixels(drawn(study, segment_id)), expected))


@pytest.fixture
def settle(wait_until):
    """Lets the moment pass after which an outline counts as settled."""
    from BreastFusionPanel.lesion.lesion_watch import SETTLED_AFTER_MS

    def wait(study) -> None:
        end = time.monotonic() + SETTLED_AFTER_MS / 1000 + 0.1
        wait_until(lambda: time.monotonic() > end)

    return wait


def paint(study, center_lps, radius_mm: float) -> None:
    from BreastFusionPanel.bridge.geometry import to_ras

    study.ui.segmentEditor.paint_sphere(to_ras(center_lps), radius_mm)


class TestDrawing:
    def test_draw_adds_an_empty_lesion_and_takes_up_the_brush(self, study, click):
        click(study.ui.drawButton)
        assert study.ui.segmentEditor.activeEffect() == "Paint"
        assert study.ui.segmentEditor.currentSegmentID() == study.parameters.selectedLesion
        assert cell(study, 0, 2) == "–"
        assert study.ui.hintLabel.text == "Nothing is drawn yet: paint the lesion in a slice view."

    def test_a_stroke_is_measured_when_it_has_settled_and_told_once(self, study, click, settle, phantom_exam):
        click(study.ui.drawButton)
        segment_id = study.parameters.selectedLesion
        study.told.changed.clear()
        center = center_of(phantom_exam.lesion)
        paint(study, center, 5.0)
        paint(study, center, 8.0)
        assert study.told.changed == []
        settle(study)
        assert study.told.changed == [segment_id]
        size = measure(drawn(study, segment_id))
        assert cell(study, 0, 2) == f"{size.volume_mm3 / 1000:.2f} cm³"
        assert cell(study, 0, 3) == f"{size.diameter_3d_mm:.0f} mm"

    def test_measurements_equal_the_librarys_on_the_whole_volume(self, study, click, settle, phantom_exam):
        click(study.ui.drawButton)
        paint(study, center_of(phantom_exam.lesion), 7.0)
        settle(study)
        segment_id = study.parameters.selectedLesion
        mask, measures = drawn(study, segment_id), study.section.book[segment_id].measures
        whole = measure(mask)
        for name in ("volume_mm3", "voxels", "diameter_3d_mm", "diameter_inplane_mm", "components", "touches_border"):
            assert getattr(measures.measurements, name) == getattr(whole, name), name
        assert measures.measurements.center_lps == pytest.approx(whole.center_lps, abs=1e-9)
        assert measures.kinetics == measure_kinetics(phantom_exam.exam.dce, mask)
        worst, share = measures.kinetics.worst_curve, 100 * measures.kinetics.worst_curve_share
        told = f"{measures.kinetics.describe()}; most suspicious: {worst} in {share:.0f} % of the lesion"
        assert study.ui.kineticsLabel.text.replace("\u00a0", " ") == f"Time-intensity: {told}"

    def test_a_stroke_that_changes_nothing_is_not_told(self, study, click, settle, phantom_exam):
        click(study.ui.drawButton)
        paint(study, center_of(phantom_exam.lesion), 6.0)
        settle(study)
        study.told.changed.clear()
        paint(study, center_of(phantom_exam.lesion), 3.0)
        settle(study)
        assert study.told.changed == []

    def test_undo_brings_back_the_numbers(self, study, click, settle, phantom_exam):
        click(study.ui.drawButton)
        paint(study, center_of(phantom_exam.lesion), 6.0)
        settle(study)
        before = cell(study, 0, 2)
        paint(study, center_of(phantom_exam.lesion), 10.0)
        settle(study)
        assert cell(study, 0, 2) != before
        study.ui.segmentEditor.undo()
        settle(study)
        assert cell(study, 0, 2) == before

    def test_erasing_everything_is_no_error(self, study, click, settle, phantom_exam):
        from BreastFusionPanel.bridge.geometry import to_ras

        click(study.ui.drawButton)
        paint(study, center_of(phantom_exam.lesion), 6.0)
        settle(study)
        study.ui.segmentEditor.erase_sphere(to_ras(center_of(phantom_exam.lesion)), 20.0)
        settle(study)
        assert cell(study, 0, 2) == "–"
        assert not study.ui.plotButton.isVisibleTo(study.window)

    def test_what_is_odd_is_said(self, study, click, settle, phantom_exam):
        click(study.ui.drawButton)
        grid = phantom_exam.exam.dce.grid
        corner = grid.physical((0, 0, 0))
        paint(study, tuple(corner), 0.1)
        settle(study)
        said = study.ui.lesionWarningLabel.text
        assert "single voxel" in said
        assert "touches the border" in said
        assert "texture needs 64 and 3" in said

    def test_tools_never_change_another_lesion(self, study, click, settle, phantom_exam):
        center = center_of(phantom_exam.lesion)
        click(study.ui.drawButton)
        first = study.parameters.selectedLesion
        paint(study, center, 6.0)
        settle(study)
        before = pixels(drawn(study, first))
        click(study.ui.drawButton)
        paint(study, center, 4.0)
        settle(study)
        assert np.array_equal(pixels(drawn(study, first)), before)


@pytest.mark.parametrize(
    ("volume_mm3", "words"),
    [(68.4, "68 mm³"), (100.0, "0.10 cm³"), (3770.0, "3.77 cm³"), (99_900.0, "99.90 cm³"), (7_441_880.0, "7442 cm³")],
)
def test_a_volume_has_as_many_digits_as_can_be_read(scene, volume_mm3, words):
    from BreastFusionPanel.widgets.volume_words import volume_text

    assert volume_text(volume_mm3) == words.replace(" ", "\u00a0")


class TestTable:
    @pytest.fixture
    def two(self, study, click, settle, phantom_exam):
        """Two lesions, one within the other; the second one is selected."""
        ids = []
        for radius_mm in (8.0, 4.0):
            click(study.ui.drawButton)
            paint(study, center_of(phantom_exam.lesion), radius_mm)
            settle(study)
            ids.append(study.parameters.selectedLesion)
        return ids

    def test_each_lesion_has_its_own_numbers(self, study, two, phantom_exam):
        assert study.ui.lesionTable.rowCount == 2
        assert cell(study, 0, 2) != cell(study, 1, 2)
        for row, segment_id in enumerate(two):
            kinetics = study.section.book[segment_id].measures.kinetics
            assert kinetics == measure_kinetics(phantom_exam.exam.dce, drawn(study, segment_id))
            assert cell(study, row, 4) == kinetics.curve

    def test_choosing_a_row_selects_the_lesion_everywhere(self, study, two):
        from BreastFusionPanel.display.layouts import is_comparison

        study.ui.lesionTable.selectRow(0)
        assert study.parameters.selectedLesion == two[0]
        assert study.ui.segmentEditor.currentSegmentID() == two[0]
        assert is_comparison()

    def test_the_views_go_to_the_largest_section(self, study, two, phantom_exam):
        import slicer

        study.ui.lesionTable.selectRow(0)
        mask = pixels(drawn(study, two[0]))
        number = int(mask.sum(axis=(1, 2)).argmax())
        z = phantom_exam.exam.dce.grid.physical((0, 0, number))[2]
        node = slicer.mrmlScene.GetSingletonNode("Red", "vtkMRMLSliceNode")
        assert node.GetSliceOffset() == pytest.approx(z, abs=1e-3)

    def test_another_name_is_the_segments(self, study, two):
        study.ui.lesionTable.item(1, 0).setText("Behind the nipple")
        assert study.parameters.segmentation.GetSegmentation().GetSegment(two[1]).GetName() == "Behind the nipple"

    def test_a_name_is_never_empty(self, study, two):
        before = cell(study, 0, 0)
        study.ui.lesionTable.item(0, 0).setText("  ")
        assert cell(study, 0, 0) == before

    def test_the_side_comes_from_the_images_and_the_user_wins(self, study, two, choose, settle, phantom_exam):
        combo = study.ui.lesionTable.cellWidget(1, 1)
        assert combo.currentText == phantom_exam.lesion.side
        other = "left" if phantom_exam.lesion.side == "right" else "right"
        choose(combo, other)
        paint(study, center_of(phantom_exam.lesion), 5.0)
        settle(study)
        assert study.ui.lesionTable.cellWidget(1, 1).currentText == other

    def test_remove_takes_the_lesion_away_and_undo_brings_it_back(self, study, two, click, settle):
        before = pixels(drawn(study, two[1]))
        click(study.ui.lesionTable.cellWidget(1, 5))
        assert study.ui.lesionTable.rowCount == 1
        assert study.parameters.selectedLesion == two[0]
        study.ui.segmentEditor.undo()
        settle(study)
        assert study.ui.lesionTable.rowCount == 2
        assert np.array_equal(pixels(drawn(study, two[1])), before)

    def test_a_reading_is_not_lost_without_a_question(self, study, two, click, dialogs, tmp_path):
        from BreastFusionPanel.bridge.reading_nodes import reading_of, store_reading

        store_reading(study.parameters, two[1], {"maps": [], "features": [], "probability": 0.5}, tmp_path)
        remove = study.ui.lesionTable.cellWidget(1, 5)
        dialogs.answer(False)
        click(remove)
        assert study.ui.lesionTable.rowCount == 2
        assert "has a reading, which would be lost" in dialogs.asked[-1].text
        dialogs.answer(True)
        click(remove)
        assert study.ui.lesionTable.rowCount == 1
        assert reading_of(study.parameters, two[1]) is None

    def test_a_lesion_removed_elsewhere_is_told(self, study, two, settle):
        selected = []
        study.context.lesion_selected.connect(lambda: selected.append(study.parameters.selectedLesion))
        study.parameters.segmentation.GetSegmentation().RemoveSegment(two[1])
        settle(study)
        assert selected == [two[0]]
        assert study.ui.lesionTable.rowCount == 1

    def test_the_editors_own_keys_select_in_the_table(self, study, two):
        study.ui.segmentEditor.setCurrentSegmentID(two[0])
        assert study.parameters.selectedLesion == two[0]
        assert study.ui.lesionTable.currentRow() == 0

    def test_show_plot_shows_the_curve_of_the_selected_lesion(self, study, two, click):
        import slicer

        click(study.ui.plotButton)
        (view,) = slicer.util.getNodesByClass("vtkMRMLPlotViewNode")[-1:]
        chart = view.GetPlotChartNode()
        table = chart.GetNthPlotSeriesNode(0).GetTableNode()
        series = chart.GetNthPlotSeriesNode(0)
        kinetics = study.section.book[two[1]].measures.kinetics
        column = table.GetTable().GetColumnByName(series.GetYColumnName())
        shown = [column.GetVariantValue(row).ToDouble() for row in range(column.GetNumberOfValues())]
        assert shown == pytest.approx([phase.percent for phase in kinetics.phases], abs=1e-3)


class TestScene:
    def test_without_an_exam_the_buttons_say_what_is_missing(self, scene, study):
        study.parameters.dceSequence = None
        study.context.exam_changed.emit()
        assert not study.ui.drawButton.enabled
        assert study.ui.drawButton.toolTip == "Choose the DCE series in section 1 first"

    def test_scene_closed_while_a_click_is_waited_for(self, study, click):
        import slicer

        click(study.ui.fromClickButton)
        study.section.disconnect_parameters()
        study.context.parameters = None
        slicer.mrmlScene.Clear(0)
        study.section.connect_parameters()
        assert not study.ui.fromClickButton.checked
        assert not study.ui.fromClickButton.enabled

    def test_scene_closed_half_way_through_a_stroke(self, study, click, settle, phantom_exam):
        import slicer

        click(study.ui.drawButton)
        paint(study, center_of(phantom_exam.lesion), 6.0)
        study.section.disconnect_parameters()
        study.context.parameters = None
        slicer.mrmlScene.Clear(0)
        study.section.connect_parameters()
        settle(study)
        assert not study.ui.lesionTable.isVisibleTo(study.window)

    def test_segmentation_deleted_elsewhere(self, study, click, settle, phantom_exam):
        import slicer

        click(study.ui.drawButton)
        paint(study, center_of(phantom_exam.lesion), 6.0)
        settle(study)
        slicer.mrmlScene.RemoveNode(study.parameters.segmentation)
        settle(study)
        assert study.ui.hintLabel.text == "No lesion yet: click into one, or draw it."
        click(study.ui.drawButton)
        assert study.ui.lesionTable.rowCount == 1

    def test_another_grid_is_a_sentence_not_a_correction(self, study, click, settle, phantom_exam):
        from BreastFusionPanel.bridge.exam_nodes import add_exam

        click(study.ui.drawButton)
        paint(study, center_of(phantom_exam.lesion), 6.0)
        settle(study)
        lesions = study.parameters.segmentation
        list(add_exam(half_a_voxel_away(phantom_exam.exam), study.parameters))
        study.parameters.segmentation = lesions
        study.context.exam_changed.emit()
        assert "was not drawn on this image" in study.ui.lesionWarningLabel.text
        assert cell(study, 0, 2) == "–"

    def test_tools_never_change_another_lesion_in_the_next_scene_either(self, study):
        """Closing a scene keeps the editor's node and forgets its settings."""
        import slicer

        node = study.ui.segmentEditor.mrmlSegmentEditorNode()
        study.section.disconnect_parameters()
        study.context.parameters = None
        slicer.mrmlScene.Clear(0)
        assert study.ui.segmentEditor.mrmlSegmentEditorNode() is node
        study.section.enter()
        assert node.GetOverwriteMode() == node.OverwriteNone

    def test_somebody_elses_segmentation_is_not_taken_for_lesions(self, study):
        """The editor takes up what comes into a scene where it has nothing to edit."""
        import slicer

        foreign = slicer.vtkMRMLSegmentationNode()
        foreign.GetSegmentation().AddEmptySegment("liver", "Liver")
        slicer.mrmlScene.AddNode(foreign)
        assert study.ui.segmentEditor.currentSegmentID() == "liver"
        assert study.parameters.selectedLesion == ""
        assert study.told.sentences == []

    def test_no_tool_stays_on_the_lesions_of_the_study_before(self, study, click, phantom_exam):
        from BreastFusionPanel.bridge.exam_nodes import add_exam

        click(study.ui.drawButton)
        before = study.parameters.segmentation
        assert study.ui.segmentEditor.activeEffect() == "Paint"
        list(add_exam(phantom_exam.exam, study.parameters))
        study.context.exam_changed.emit()
        assert study.parameters.segmentation is not before
        assert not study.ui.segmentEditor.activeEffect()
        assert study.ui.segmentEditor.segmentationNode() is not before

    def test_a_panel_that_was_taken_down_leaves_no_keys(self, study, click):
        click(study.ui.fromClickButton)
        study.section.cleanup()
        assert not study.ui.segmentEditor.shortcuts_installed

    def test_left_module_has_no_tool_and_no_keys(self, study, click):
        click(study.ui.drawButton)
        assert study.ui.segmentEditor.shortcuts_installed
        study.section.exit()
        assert not study.ui.segmentEditor.activeEffect()
        assert not study.ui.segmentEditor.shortcuts_installed
        study.section.enter()
        assert study.ui.segmentEditor.shortcuts_installed


def test_a_saved_scene_reopens_with_its_lesions_and_lets_them_grow(panel, phantom_exam, wait_until, tmp_path):
    """In the whole panel: section 3 follows."""
    import slicer
    from BreastFusionPanel.bridge.exam_nodes import add_exam
    from BreastFusionPanel.bridge.geometry import to_ras

    context, lesions, seed = panel.panel.context, panel.panel.lesion, center_of(phantom_exam.lesion)
    list(add_exam(phantom_exam.exam, context.parameters))
    context.exam_changed.emit()
    lesions.clicks.placement.placed.emit(to_ras(seed))
    lesions.ui.lesionTable.item(0, 0).setText("Behind the nipple")
    table = [lesions.ui.lesionTable.item(0, column).text() for column in (0, 2, 3, 4)]
    on_t1 = panel.panel.map.ui.t1SummaryLabel.text
    path = str(tmp_path / "scene.mrb")
    assert slicer.mrmlScene.WriteToMRB(path)
    slicer.mrmlScene.Clear(0)
    wait_until(lambda: not lesions.ui.lesionTable.isVisibleTo(panel.parent), what="the closed scene")
    assert slicer.mrmlScene.ReadFromMRB(path)
    wait_until(lambda: lesions.ui.lesionTable.rowCount == 1, what="the reopened scene")
    assert [lesions.ui.lesionTable.item(0, column).text() for column in (0, 2, 3, 4)] == table
    assert panel.panel.map.ui.t1SummaryLabel.text == on_t1
    lesions.ui.radiusSpinBox.setValue(8.0)
    smaller = measure(segment_from_seed(phantom_exam.exam, seed, 70.0, 8.0))
    wait_until(lambda: cell(lesions, 0, 2) == f"{smaller.volume_mm3 / 1000:.2f} cm³", what="the smaller lesion")


def test_lesions_removed_with_their_node_are_gone_in_every_section_and_view(panel, phantom_exam, wait_until):
    import slicer
    from BreastFusionPanel.bridge.exam_nodes import add_exam
    from BreastFusionPanel.bridge.segments import add_lesion

    parameters, sections = panel.panel.context.parameters, panel.panel
    list(add_exam(phantom_exam.exam, parameters))
    sections.lesion._take_up(add_lesion(parameters, phantom_exam.lesion.mask))
    assert "covered" in sections.map.ui.t1SummaryLabel.text
    plot = slicer.mrmlScene.GetSingletonNode("BreastFusionCurve", "vtkMRMLPlotViewNode")
    assert plot.GetPlotChartNode() is not None
    slicer.mrmlScene.RemoveNode(parameters.segmentation)
    wait_until(lambda: sections.map.ui.t1SummaryLabel.text == "–", 5, "section 3 to follow")
    assert not sections.lesion.ui.lesionTable.isVisibleTo(sections.lesion.widget)
    assert sections.map.ui.t1RefineButton.toolTip == "Outline a lesion in section 2 first"
    assert parameters.t1Segmentation.GetSegmentation().GetNumberOfSegments() == 0
    assert plot.GetPlotChartNode() is None
