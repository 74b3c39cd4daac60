"""Section 'Exam': what its buttons show in the slice views, and what they say."""

from __future__ import annotations

import numpy as np
import qt
import slicer
from BreastFusionPanel.bridge.exam_nodes import add_exam
from BreastFusionPanel.exam.phase_table import USE
from BreastFusionPanel.parameters import DceImage
from bridge_parts import make_exam, study
from exam_fixtures import *  # noqa: F403
from exam_parts import background_of_red, named, shown_item


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
