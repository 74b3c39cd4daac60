"""Two exams in one scene: nothing of one is ever shown, measured or read on the other."""

from __future__ import annotations

from dataclasses import replace

import pytest
import SimpleITK as sitk
import slicer
from bridge_parts import ramp

from BreastFusionLib.errors import InputError
from BreastFusionLib.phantom import make_exam


@pytest.fixture(scope="session")
def phantoms():
    """Two exams on one grid, as a protocol leaves them: of other patients, with other lesions."""
    first, second = make_exam(7, 62, small=True), make_exam(7, 61, small=True)
    assert first.exam.dce.grid.describe() == second.exam.dce.grid.describe()
    return first, second


@pytest.fixture
def parameters(panel):
    return panel.panel.context.parameters


def add(exam, parameters):
    from BreastFusionPanel.bridge.exam_nodes import add_exam

    list(add_exam(exam, parameters))
    slicer.app.processEvents()
    return parameters.dceSequence, parameters.t1Volume, parameters.t2Volume


def outline(panel, mask) -> str:
    """Outline a lesion as the panel does."""
    from BreastFusionPanel.bridge.segments import add_lesion

    section = panel.panel.lesion
    segment_id = add_lesion(section.context.parameters, mask)
    section._take_up(segment_id)
    slicer.app.processEvents()
    return segment_id


def shown_outlines() -> list[str]:
    nodes = slicer.util.getNodesByClass("vtkMRMLSegmentationNode")
    return [node.GetName() for node in nodes if node.GetDisplayNode().GetVisibility()]


def shown_curve():
    return slicer.mrmlScene.GetSingletonNode("BreastFusionCurve", "vtkMRMLPlotViewNode").GetPlotChartNode()


def background(view: str):
    nodes = slicer.util.getNodesByClass("vtkMRMLSliceCompositeNode")
    composite = next(node for node in nodes if node.GetLayoutName() == view)
    return slicer.mrmlScene.GetNodeByID(composite.GetBackgroundVolumeID() or "")


class TestASecondExam:
    def test_nothing_of_the_first_is_left_in_the_views(self, panel, parameters, phantoms):
        first, second = phantoms
        add(first.exam, parameters)
        outline(panel, first.lesion.mask)
        assert shown_outlines() and shown_curve() is not None
        add(second.exam, parameters)
        assert shown_outlines() == []
        assert shown_curve() is None
        assert background("BreastFusionDCE") is parameters.dceBrowser.GetProxyNode(parameters.dceSequence)
        assert background("BreastFusionT1") is parameters.t1Volume
        assert background("BreastFusionT2") is parameters.t2Volume
        assert panel.panel.lesion.ui.hintLabel.text == "No lesion yet: click into one, or draw it."

    def test_choosing_the_first_series_again_brings_its_t1_t2_and_lesions(self, panel, parameters, phantoms, choose):
        from BreastFusionPanel.bridge.mapped_segments import mapped_of
        from BreastFusionPanel.bridge.segments import lesion_ids

        first, second = phantoms
        nodes = add(first.exam, parameters)
        of_first = outline(panel, first.lesion.mask)
        add(second.exam, parameters)
        of_second = outline(panel, second.lesion.mask)
        for sequence, wanted in ((nodes[0], of_first), (parameters.dceSequence, of_second)):
            choose(panel.panel.exam.ui.dceSelector, sequence)
            assert lesion_ids(parameters) == (wanted,)
            assert parameters.selectedLesion == wanted
            assert mapped_of(parameters, wanted, "t1") is not None
            assert len(shown_outlines()) == 3
        choose(panel.panel.exam.ui.dceSelector, nodes[0])
        assert (parameters.dceSequence, parameters.t1Volume, parameters.t2Volume) == nodes
        assert background("BreastFusionT1") is nodes[1]

    def test_t1_of_another_patient_is_refused(self, panel, parameters, phantoms, choose, messages):
        first, second = phantoms
        (_dce, t1, _t2) = add(first.exam, parameters)
        add(second.exam, parameters)
        choose(panel.panel.exam.ui.t1Selector, t1)
        outline(panel, second.lesion.mask)
        assert f"'{t1.GetName()}' is of another patient (P0062) than the DCE series (P0061)" in messages(panel)
        assert panel.panel.lesion.ui.lesionTable.item(0, 2).text() == "–", "nothing is measured"

    def test_t2_of_another_patient_is_not_filled_in(self, panel, parameters, phantoms, choose):
        first, second = phantoms
        without_t2 = replace(first.exam, series=tuple(one for one in first.exam.series if one.role != "t2"))
        (dce, t1, _none) = add(without_t2, parameters)
        add(second.exam, parameters)
        choose(panel.panel.exam.ui.dceSelector, dce)
        assert (parameters.t1Volume, parameters.t2Volume) == (t1, None)
        panel.panel.exam._fill._offered.clear()  # as if all volumes had only just been loaded
        panel.panel.exam._fill.fill()
        assert parameters.t2Volume is None


def test_a_scene_imported_on_top_of_another_shows_only_its_own_lesions(panel, parameters, phantoms, tmp_path):
    first, second = phantoms
    add(second.exam, parameters)
    outline(panel, second.lesion.mask)
    path = str(tmp_path / "second.mrb")
    assert slicer.mrmlScene.WriteToMRB(path)
    slicer.mrmlScene.Clear(0)
    add(first.exam, panel.panel.context.parameters)
    outline(panel, first.lesion.mask)
    assert slicer.mrmlScene.ReadFromMRB(path, False)
    slicer.app.processEvents()
    study = panel.panel.context.parameters
    own = (study.segmentation, study.t1Segmentation, study.t2Segmentation)
    nodes = slicer.util.getNodesByClass("vtkMRMLSegmentationNode")
    assert len(nodes) == 6
    assert [node for node in nodes if node.GetDisplayNode().GetVisibility()] == [node for node in nodes if node in own]


class TestExamsThatNameNobody:
    """Volumes from files: no header tells whose they are, and their grids may well be the same."""

    @pytest.fixture
    def series(self, panel):
        from BreastFusionPanel.bridge.geometry import add_volume
        from BreastFusionPanel.bridge.sequences import sequence_of_volumes

        def make(*seeds: int):
            volumes = [add_volume(ramp(seed), f"phase {seed}") for seed in seeds]
            return volumes, sequence_of_volumes(volumes, [0.0, 90.0], "DCE")

        return make

    def lesion(self, panel) -> str:
        mask = sitk.Image(ramp(0)) > 1e9
        mask[4, 3, 4] = 1
        return outline(panel, mask)

    def test_lesions_stay_with_the_images_that_they_were_drawn_on(self, panel, parameters, series, choose, messages):
        from BreastFusionPanel.bridge.segments import lesion_ids

        (_volumes, one), (_others, other) = series(1, 2), series(3, 4)
        choose(panel.panel.exam.ui.dceSelector, one)
        lesion = self.lesion(panel)
        choose(panel.panel.exam.ui.dceSelector, other)
        assert lesion_ids(parameters) == () and shown_outlines() == []
        assert "drawn on another DCE series" in messages(panel)
        choose(panel.panel.exam.ui.dceSelector, one)
        assert lesion_ids(parameters) == (lesion,)

    def test_a_script_cannot_read_them_on_other_images_either(self, panel, parameters, series, choose):
        from BreastFusionPanel.console import parameters_of
        from BreastFusionPanel.process.reading_request import case_of

        (_volumes, one), (_others, other) = series(1, 2), series(3, 4)
        choose(panel.panel.exam.ui.dceSelector, one)
        lesion = self.lesion(panel)
        lesions = parameters.segmentation
        with parameters_of(one, lesions) as study:
            assert case_of(study, lesion).lesion.mask.GetSize() == (9, 7, 8)
        with parameters_of(other, lesions) as study, pytest.raises(InputError, match="drawn on another DCE series"):
            case_of(study, lesion)

    def test_a_removed_series_leaves_its_lesions_to_no_other(self, panel, parameters, series, choose):
        from BreastFusionPanel.bridge.segments import lesion_ids

        (_volumes, one), (_others, other) = series(1, 2), series(3, 4)
        choose(panel.panel.exam.ui.dceSelector, one)
        self.lesion(panel)
        slicer.mrmlScene.RemoveNode(one)
        choose(panel.panel.exam.ui.dceSelector, other)
        assert lesion_ids(parameters) == ()

    def test_a_series_put_together_anew_keeps_its_lesions(self, panel, parameters, series, choose):
        from BreastFusionPanel.bridge.segments import lesion_ids
        from BreastFusionPanel.bridge.sequences import sequence_of_volumes

        volumes, one = series(1, 2)
        choose(panel.panel.exam.ui.dceSelector, one)
        lesion = self.lesion(panel)
        choose(panel.panel.exam.ui.dceSelector, sequence_of_volumes(volumes, [0.0, 120.0], "corrected"))
        assert lesion_ids(parameters) == (lesion,)


def test_another_t1_is_seen_at_once(panel, parameters, phantoms, choose):
    """Also while the views of DCE, T1 and T2 stand side by side."""
    add(phantoms[0].exam, parameters)
    outline(panel, phantoms[0].lesion.mask)
    choose(panel.panel.exam.ui.t1Selector, parameters.t2Volume)
    assert background("BreastFusionT1") is parameters.t2Volume
    choose(panel.panel.exam.ui.t1Selector, None)
    assert background("BreastFusionT1") is None


def test_phases_of_two_patients_are_no_series(scene):
    """Two patients of one protocol: nothing but the patient tells their phases apart."""
    from BreastFusionPanel.bridge.exam_guess import guess_exam
    from BreastFusionPanel.bridge.geometry import add_volume

    for patient in ("P-1", "P-2"):
        for number, name in enumerate(("ax dyn pre", "ax dyn 1st pass")):
            add_volume(ramp(number), name).SetAttribute("BreastFusion.pseudonym", patient)
    found = guess_exam(scene).dce_volumes
    assert len(found) == 2
    assert len({node.GetAttribute("BreastFusion.pseudonym") for node in found}) == 1
