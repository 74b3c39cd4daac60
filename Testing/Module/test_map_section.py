"""Section 'Map to T1 and T2': where a lesion lies on the other sequences, with the library's own numbers."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import SimpleITK as sitk
from bridge_parts import move

from BreastFusionLib.exam.geometry import Grid
from BreastFusionLib.exam.model import Phase
from BreastFusionLib.lesion import map_lesion
from BreastFusionLib.phantom import make_exam


@pytest.fixture(scope="session")
def phantom_exam():
    """A small exam whose T2 was taken after the patient had moved."""
    return make_exam(2, 3, small=True)


@pytest.fixture
def worker(slicer_app):
    """The process that computes; whatever came of a registration, no image is left in its folder."""
    from BreastFusionPanel.process.worker import Worker

    worker = Worker()
    yield worker
    left = list(worker.folder.iterdir())
    worker.stop()
    assert not left


@pytest.fixture
def open_study(scene, worker):
    """Section 3 alone in a window; call it with an exam."""
    import qt
    from BreastFusionPanel.bridge.exam_nodes import add_exam
    from BreastFusionPanel.context import PanelContext
    from BreastFusionPanel.mapping.map_section import MapSection
    from BreastFusionPanel.parameters import BreastFusionParameterNode

    context = PanelContext(worker=worker)
    section = MapSection(context)
    window = qt.QWidget()
    qt.QVBoxLayout(window).addWidget(section.widget)
    window.resize(400, 300)
    window.show()
    told = SimpleNamespace(mapped=[], sentences=[])
    context.mapping_changed.connect(told.mapped.append)
    context.message.connect(lambda text, details: told.sentences.append(text))

    def opened(exam):
        context.parameters = BreastFusionParameterNode(scene.AddNewNodeByClass("vtkMRMLScriptedModuleNode"))
        section.connect_parameters()
        list(add_exam(exam, context.parameters))
        context.exam_changed.emit()
        return SimpleNamespace(
            context=context, parameters=context.parameters, section=section, ui=section.ui, told=told
        )

    yield opened
    section.disconnect_parameters()
    section.cleanup()
    context.parameters = None
    window.close()
    window.deleteLater()


@pytest.fixture
def study(open_study, phantom_exam):
    return open_study(phantom_exam.exam)


def outline(study, mask: sitk.Image) -> str:
    """Adds a lesion and tells of it, as section 2 does."""
    from BreastFusionPanel.bridge.segments import add_lesion

    segment_id = add_lesion(study.parameters, mask)
    study.parameters.selectedLesion = segment_id
    study.context.lesion_changed.emit(segment_id)
    study.context.lesion_selected.emit()
    return segment_id


def mapped(study, segment_id: str, sequence: str):
    from BreastFusionPanel.bridge.mapped_segments import mapped_of

    return mapped_of(study.parameters, segment_id, sequence)


def library_says(study, segment_id: str, sequence: str, registration: str = "none"):
    from BreastFusionPanel.bridge.exam_nodes import exam_of
    from BreastFusionPanel.bridge.segments import lesion_of

    exam = exam_of(study.parameters)
    return map_lesion(lesion_of(study.parameters, segment_id, exam), exam, sequence, registration)


def assert_same(found, expected) -> None:
    assert np.array_equal(sitk.GetArrayViewFromImage(found.mask), sitk.GetArrayViewFromImage(expected.mask))
    assert found.to_mapping() == expected.to_mapping()


def without(exam, *roles: str):
    return replace(exam, series=tuple(series for series in exam.series if series.role not in roles))


class TestByGeometry:
    @pytest.mark.parametrize("sequence", ["t1", "t2"])
    def test_a_lesion_is_mapped_as_the_library_maps_it(self, study, phantom_exam, sequence):
        segment_id = outline(study, phantom_exam.lesion.mask)
        assert_same(mapped(study, segment_id, sequence), library_says(study, segment_id, sequence))
        assert study.told.mapped == [segment_id]

    def test_coverage_volume_and_its_change_are_shown(self, study, phantom_exam):
        segment_id = outline(study, phantom_exam.lesion.mask)
        expected = library_says(study, segment_id, "t1")
        change = 100 * (expected.volume_mm3 / expected.source_volume_mm3 - 1)
        shown = study.ui.t1SummaryLabel.text.replace("\u00a0", " ")
        assert shown == f"covered 100 %, {expected.volume_mm3 / 1000:.2f} cm³ ({change:+.1f} %), by geometry"

    @pytest.mark.parametrize(
        ("coverage", "words"), [(1.0, "100 %"), (0.9999, "99 %"), (0.6667, "67 %"), (0.004, "0 %")]
    )
    def test_coverage_is_rounded_as_in_the_librarys_sentences_and_only_all_of_it_is_100(self, study, coverage, words):
        from BreastFusionPanel.mapping.map_row import summary

        mapped = SimpleNamespace(coverage=coverage, volume_mm3=500.0, source_volume_mm3=500.0, method="geometry")
        assert summary(mapped).replace("\u00a0", " ").startswith(f"covered {words},")

    def test_another_outline_is_mapped_anew_and_the_same_one_is_not(self, study, phantom_exam):
        from BreastFusionPanel.bridge.segments import replace_outline

        segment_id = outline(study, phantom_exam.lesion.mask)
        study.context.lesion_changed.emit(segment_id)
        assert study.told.mapped == [segment_id]
        replace_outline(study.parameters, segment_id, sitk.BinaryErode(phantom_exam.lesion.mask))
        study.context.lesion_changed.emit(segment_id)
        assert study.told.mapped == [segment_id, segment_id]
        assert_same(mapped(study, segment_id, "t1"), library_says(study, segment_id, "t1"))

    def test_each_lesion_has_its_own_place(self, study, phantom_exam):
        first = outline(study, phantom_exam.lesion.mask)
        second = outline(study, sitk.BinaryDilate(phantom_exam.lesion.mask, (2, 2, 2)))
        shown_second = study.ui.t1SummaryLabel.text
        study.parameters.selectedLesion = first
        study.context.lesion_selected.emit()
        assert study.ui.t1SummaryLabel.text != shown_second
        assert mapped(study, second, "t1").voxels > mapped(study, first, "t1").voxels

    def test_transforms_of_nodes_are_followed(self, study, phantom_exam):
        segment_id = outline(study, phantom_exam.lesion.mask)
        before = mapped(study, segment_id, "t1").mask
        move(study.parameters.t1Volume, (4.0, 0.0, 0.0))
        study.context.exam_changed.emit()
        after = mapped(study, segment_id, "t1")
        assert_same(after, library_says(study, segment_id, "t1"))
        assert not np.array_equal(sitk.GetArrayViewFromImage(before), sitk.GetArrayViewFromImage(after.mask))

    def test_another_name_is_followed_and_a_lesion_that_is_gone_is_gone_everywhere(self, study, phantom_exam):
        segment_id = outline(study, phantom_exam.lesion.mask)
        lesions, on_t1 = (
            node.GetSegmentation() for node in (study.parameters.segmentation, study.parameters.t1Segmentation)
        )
        lesions.GetSegment(segment_id).SetName("Behind the nipple")
        study.context.lesion_selected.emit()
        assert on_t1.GetSegment(segment_id).GetName() == "Behind the nipple"
        lesions.RemoveSegment(segment_id)
        study.parameters.selectedLesion = ""
        study.context.lesion_selected.emit()
        assert on_t1.GetNumberOfSegments() == 0
        assert study.ui.t1SummaryLabel.text == "–"


class TestWhatIsMissing:
    def test_a_missing_sequence_is_a_dash_with_its_reason(self, open_study, phantom_exam):
        study = open_study(without(phantom_exam.exam, "t2"))
        outline(study, phantom_exam.lesion.mask)
        assert study.ui.t2SummaryLabel.text == "–"
        assert study.ui.t2SummaryLabel.toolTip == "This exam has no T2; the reading will say so"
        assert not study.ui.t2RefineButton.isEnabled()
        assert "covered" in study.ui.t1SummaryLabel.text

    def test_without_a_lesion_the_button_says_what_is_missing(self, study):
        assert not study.ui.t1RefineButton.isEnabled()
        assert study.ui.t1RefineButton.toolTip == "Outline a lesion in section 2 first"

    def test_without_an_exam_nothing_is_promised(self, study):
        study.parameters.dceSequence = None
        study.context.exam_changed.emit()
        assert study.ui.t1RefineButton.toolTip == "Choose the DCE series in section 1 first"

    def test_a_lesion_outside_the_field_of_view_is_the_librarys_sentence(self, open_study, phantom_exam):
        t1 = phantom_exam.exam.t1
        image = sitk.Image(t1.image)
        image.SetOrigin((2000.0, 0.0, 0.0))
        moved = replace(t1, phases=(Phase(None, image),), grid=Grid.of(image))
        exam = without(phantom_exam.exam, "t1")
        study = open_study(replace(exam, series=(*exam.series, moved)))
        outline(study, phantom_exam.lesion.mask)
        assert study.ui.t1SummaryLabel.text == "–"
        assert "outside the field of view of the T1 series" in study.ui.t1WarningLabel.text
        assert "covered" in study.ui.t2SummaryLabel.text

    def test_an_empty_lesion_is_no_error(self, study):
        outline(study, None)
        assert study.ui.t1SummaryLabel.text == "–"
        assert not study.ui.t1WarningLabel.text
        assert study.told.sentences == []

    def test_a_small_lesion_says_that_its_texture_is_missing(self, study, phantom_exam):
        mask = sitk.Image(phantom_exam.lesion.mask) * 0
        index = np.argwhere(sitk.GetArrayViewFromImage(phantom_exam.lesion.mask))[0][::-1]
        mask[index.tolist()] = 1
        outline(study, mask)
        assert "texture counts as missing" in study.ui.t1WarningLabel.text

    def test_another_series_is_mapped_to_anew(self, study, phantom_exam):
        segment_id = outline(study, phantom_exam.lesion.mask)
        study.parameters.t2Volume, study.parameters.t1Volume = None, study.parameters.t2Volume
        study.context.exam_changed.emit()
        assert_same(mapped(study, segment_id, "t1"), library_says(study, segment_id, "t1"))
        assert study.ui.t2SummaryLabel.text == "–"


class TestByRegistration:
    @pytest.fixture
    def lesion(self, study, phantom_exam) -> str:
        return outline(study, phantom_exam.lesion.mask)

    def refined(self, study, click, wait_until, sequence: str) -> None:
        button = getattr(study.ui, f"{sequence}RefineButton")
        click(button)
        assert button.text == "Cancel"
        wait_until(lambda: button.text != "Cancel", 60, "the registration")

    def test_a_registered_lesion_equals_the_librarys_and_can_be_taken_back(self, study, lesion, click, wait_until):
        expected = library_says(study, lesion, "t2", "rigid")
        self.refined(study, click, wait_until, "t2")
        found = mapped(study, lesion, "t2")
        assert_same(found, expected)
        assert found.method == "rigid registration"
        assert "by registration" in study.ui.t2SummaryLabel.text
        points = [(0.0, 0.0, 0.0), (50.0, -20.0, 10.0)]
        assert np.allclose(
            [found.transform.TransformPoint(point) for point in points],
            [expected.transform.TransformPoint(point) for point in points],
            atol=1e-9,
        )
        assert study.ui.t2RefineButton.text == "Back to geometry"
        click(study.ui.t2RefineButton)
        assert_same(mapped(study, lesion, "t2"), library_says(study, lesion, "t2"))

    def test_it_is_kept_until_the_outline_changes(self, study, lesion, click, wait_until, phantom_exam):
        from BreastFusionPanel.bridge.segments import replace_outline

        self.refined(study, click, wait_until, "t2")
        study.context.exam_changed.emit()
        assert mapped(study, lesion, "t2").method == "rigid registration"
        replace_outline(study.parameters, lesion, sitk.BinaryErode(phantom_exam.lesion.mask))
        study.context.lesion_changed.emit(lesion)
        assert mapped(study, lesion, "t2").method == "geometry"

    def test_cancel_keeps_geometry(self, study, lesion, click, wait_until, worker):
        click(study.ui.t2RefineButton)
        click(study.ui.t2RefineButton)
        wait_until(lambda: study.ui.t2RefineButton.text == "Refine by registration")
        assert mapped(study, lesion, "t2").method == "geometry"
        assert not worker.is_busy
        assert study.told.sentences == []

    def test_an_outline_that_changes_meanwhile_ends_it(self, study, lesion, click, wait_until, phantom_exam):
        from BreastFusionPanel.bridge.segments import replace_outline

        click(study.ui.t2RefineButton)
        replace_outline(study.parameters, lesion, sitk.BinaryErode(phantom_exam.lesion.mask))
        study.context.lesion_changed.emit(lesion)
        wait_until(lambda: study.ui.t2RefineButton.text == "Refine by registration")
        assert_same(mapped(study, lesion, "t2"), library_says(study, lesion, "t2"))

    def test_scene_closed_meanwhile(self, study, lesion, click, worker):
        import slicer

        click(study.ui.t2RefineButton)
        study.section.disconnect_parameters()
        study.context.parameters = None
        slicer.mrmlScene.Clear(0)
        study.section.connect_parameters()
        assert not worker.is_busy
        assert not study.ui.t2RefineButton.isEnabled()
