"""What a reading looks like on screen: its words, its scale, and what stands there when a score has no meaning."""

from __future__ import annotations

import copy
from types import SimpleNamespace

import pytest

READING = {
    "title": "Probability of malignancy",
    "statement": "Probability of malignancy: 0.87",
    "probability": 0.8704,
    "class": "malignant",
    "threshold": 0.21,
    "parts": {"dce": 0.4, "radiomics": 0.794, "kinetics": 1.0},
    "why": ["wash-out in 77 % of the lesion (higher than 93 % of benign training lesions)", "age 52"],
    "sources": {"used": ["dce", "t1", "radiomics", "kinetics"], "missing": ["t2"]},
    "in_distribution": True,
    "warnings": [
        "T2 missing: the model used its neutral value.",
        "The lesion has 40 voxels on T1: texture there counts as missing.",
    ],
    "seconds": {"total": 0.94},
    "device": "cpu",
    "bundle": {"name": "fusion-ambl", "version": "1.2", "synthetic": False, "prevalence": 0.45},
}
NO_MEANING = "Demo model: its score has no meaning for this patient"


@pytest.fixture
def reading() -> dict:
    return copy.deepcopy(READING)


@pytest.fixture
def without_meaning(reading) -> dict:
    # Even if somebody left a score's words behind, none of them may reach the screen.
    return {**reading, "probability": None, "statement": NO_MEANING}


@pytest.fixture
def ui(scene):
    import slicer
    from BreastFusionPanel.section import UI_FOLDER

    widget = slicer.util.loadUI(str(UI_FOLDER / "Classify.ui"))
    widget.resize(400, 900)
    widget.show()
    found = slicer.util.childWidgetVariables(widget)
    yield SimpleNamespace(**vars(found), root=widget)
    widget.close()


@pytest.fixture
def view(ui):
    from BreastFusionPanel.classify.result_view import ResultView

    return ResultView(ui)


def shown_texts(ui) -> str:
    """All words in the frame that a user sees."""
    import qt

    labels = ui.resultFrame.findChildren(qt.QLabel)
    return "\n".join(label.text for label in labels if label.isVisibleTo(ui.root) and label.text)


def test_the_number_has_two_decimals_and_the_bundle_s_own_title(view, ui, reading):
    view.show(reading)
    assert ui.numberLabel.text == "0.87"
    assert ui.numberLabel.isEnabled()
    assert ui.titleLabel.text == "Probability of malignancy"


def test_a_bundle_of_another_task_does_not_speak_of_malignancy(view, ui, reading):
    view.show({**reading, "title": "Probability of luminal subtype", "why": [], "class": "luminal"})
    assert "malignan" not in shown_texts(ui)


def test_sources_reasons_model_and_time_have_a_line_each(view, ui, reading):
    view.show(reading)
    assert ui.aloneLabel.text.replace("\u00a0", " ") == "alone: DCE .40 · radiomics .79 · kinetics 1.00"
    assert ui.whyLabel.text.startswith("why: wash-out in 77\u00a0% of the lesion")
    assert ui.whyLabel.text.endswith("; age 52")
    assert ui.footerLabel.text == "fusion-ambl 1.2 · CPU · 0.9 s"


def test_a_bundle_that_weighs_sources_says_how_much_each_counted(view, ui, reading):
    weights = {"dce": 0.56, "t1": 0.04, "radiomics": 0.4}
    view.show({**reading, "sources": {**reading["sources"], "weights": weights}})
    line = ui.aloneLabel.text.splitlines()[1]
    assert line.replace("\u00a0", " ") == "weight: DCE 56 % · T1 4 % · radiomics 40 %"


def test_a_bundle_without_auxiliary_heads_lacks_their_line(view, ui, reading):
    view.show({**reading, "parts": {}})
    assert not ui.aloneLabel.isVisibleTo(ui.root)


def test_every_warning_is_there(view, ui, reading):
    view.show(reading)
    assert ui.warningsLabel.text.splitlines() == [
        "! T2 missing: the model used its neutral value.",
        "! The lesion has 40 voxels on T1: texture there counts as missing.",
    ]


def test_many_warnings_stay_in_a_bounded_area_that_scrolls(view, ui, reading):
    from BreastFusionPanel.classify.result_view import WARNINGS_HEIGHT

    view.show({**reading, "warnings": [f"Sentence {number}." for number in range(60)]})
    assert ui.warningsArea.height == WARNINGS_HEIGHT
    assert "! Sentence 59." in ui.warningsLabel.text


def test_the_number_is_grey_when_the_case_is_unlike_the_training_cases(view, ui, reading):
    view.show({**reading, "in_distribution": False})
    assert ui.numberLabel.text == "0.87"
    assert not ui.numberLabel.isEnabled()


def test_the_number_of_an_older_outline_is_grey(view, ui, reading):
    view.show(reading)
    assert ui.numberLabel.isEnabled()
    view.show(reading, is_current=False)
    assert not ui.numberLabel.isEnabled()


def test_no_line_begins_with_a_percent_sign(view, ui, reading):
    view.show({**reading, "why": ["wash-out in 77 % of it"], "warnings": ["Only 67 % of it are seen."]})
    assert ui.whyLabel.text == "why: wash-out in 77\u00a0% of it"
    assert "67\u00a0% of it" in ui.warningsLabel.text


def test_the_outline_s_range_is_filled_in_when_it_comes(view, ui, reading):
    from BreastFusionPanel.classify.outline_check import OutlineRange

    view.show(reading)
    view.show_outline(None, is_asked=True)
    assert ui.outlineLabel.text == "outline moved a little: …"
    view.show_outline(OutlineRange(0.807, 0.91, 1.1))
    assert ui.outlineLabel.text == "outline moved a little: .81 to .91"
    assert "1.1 mm" in ui.outlineLabel.toolTip
    view.show_outline(None)
    assert not ui.outlineLabel.isVisibleTo(ui.root)


def test_a_stale_reading_says_so(view, ui, reading):
    view.show(reading)
    assert not ui.staleLabel.isVisibleTo(ui.root)
    view.show(reading, is_current=False)
    assert ui.staleLabel.isVisibleTo(ui.root)
    assert "classify again" in ui.staleLabel.text


def test_without_meaning_nothing_of_a_score_is_shown(view, ui, without_meaning):
    view.show(without_meaning)
    view.show_outline(None)
    words = shown_texts(ui)
    assert NO_MEANING in words
    for forbidden in ("0.8", ".79", ".21", "threshold", "why", "alone", "outline", "prevalence", "Probability"):
        assert forbidden not in words
    assert not ui.scaleLabel.isVisibleTo(ui.root)
    assert ui.scaleLabel.accessibleName == ""
    # What is true of the patient stays.
    assert "! T2 missing" in words


@pytest.mark.parametrize("meaningful", [True, False])
def test_the_disclaimer_is_always_there(view, ui, reading, without_meaning, meaningful):
    view.show(reading if meaningful else without_meaning)
    assert "Research use only. Not a medical device." in shown_texts(ui)


def test_no_reading_no_frame(view, ui, reading):
    view.show(reading)
    view.show(None)
    assert not ui.resultFrame.isVisibleTo(ui.root)


def test_names_are_not_read_as_markup(view, ui, reading):
    view.show({**reading, "title": "<h1>big</h1>", "warnings": ["<img src='x'>"]})
    import qt

    assert ui.titleLabel.textFormat == qt.Qt.PlainText
    assert ui.warningsLabel.textFormat == qt.Qt.PlainText


def test_the_scale_says_in_words_what_it_draws():
    from BreastFusionPanel.classify.probability_scale import ScaleValues, describe_scale

    assert describe_scale(ScaleValues(0.8704, 0.21, 0.45)) == (
        "Calibrated probability 0.87 on a scale from 0 to 1; at or above the threshold .21 (95 % sensitivity); "
        "training prevalence .45."
    )
    assert "below the threshold .21" in describe_scale(ScaleValues(0.2, 0.21))


@pytest.mark.parametrize("ratio", [1.0, 2.0])
@pytest.mark.parametrize("dark", [False, True])
def test_marker_and_threshold_stand_where_their_values_are(scene, ratio, dark):
    import qt
    from BreastFusionPanel.classify.probability_scale import BAR_Y, MARGIN, ScaleValues, draw_scale

    palette = _palette(dark)
    width = 300
    image = draw_scale(ScaleValues(0.75, 0.25), width, ratio, palette, qt.QFont()).toImage()
    span = width - 2 * MARGIN

    def pixel(probability: float, y: float):
        return image.pixelColor(round((MARGIN + probability * span) * ratio), round(y * ratio))

    assert image.width() == round(width * ratio)
    assert _close(pixel(0.75, BAR_Y), palette.color(qt.QPalette.Highlight))
    # The threshold's line reaches above the bar, in the colour of text; a little beside it there is nothing.
    assert _close(pixel(0.25, BAR_Y - 7), palette.color(qt.QPalette.WindowText), 90)
    assert pixel(0.30, BAR_Y - 7).alpha() == 0
    # Between probability and 1 the bar is faint: text on this ground stays readable.
    assert pixel(0.95, BAR_Y).alpha() < 100


def test_a_greyed_scale_has_no_accent(scene):
    import qt
    from BreastFusionPanel.classify.probability_scale import BAR_Y, MARGIN, ScaleValues, draw_scale

    image = draw_scale(ScaleValues(0.5, greyed=True), 200, 1.0, _palette(False), qt.QFont()).toImage()
    marker = image.pixelColor(round(MARGIN + 0.5 * (200 - 2 * MARGIN)), round(BAR_Y))
    assert marker.red() == marker.green() == marker.blue()


@pytest.mark.parametrize("values", [(0.0, 0.0, 0.0), (1.0, 1.0, 1.0)])
def test_words_at_the_ends_are_not_cut_off(scene, values):
    import qt
    from BreastFusionPanel.classify.probability_scale import ScaleValues, draw_scale

    image = draw_scale(ScaleValues(*values), 220, 1.0, _palette(False), qt.QFont()).toImage()
    for x in (0, image.width() - 1):
        assert all(image.pixelColor(x, y).alpha() == 0 for y in range(24, image.height()))


def test_the_scale_is_drawn_anew_when_the_panel_gets_wider(view, ui, reading):
    import qt

    view.show(reading)
    ui.root.resize(600, 900)
    qt.QApplication.processEvents()
    wide = ui.scaleLabel.pixmap.width()
    ui.root.resize(400, 900)
    qt.QApplication.processEvents()
    assert ui.scaleLabel.pixmap.width() == ui.scaleLabel.width < wide


def _palette(dark: bool):
    import qt

    palette = qt.QPalette()
    ground, ink = ((30, 30, 30), (240, 240, 240)) if dark else ((250, 250, 250), (10, 10, 10))
    palette.setColor(qt.QPalette.Window, qt.QColor(*ground))
    palette.setColor(qt.QPalette.WindowText, qt.QColor(*ink))
    palette.setColor(qt.QPalette.Disabled, qt.QPalette.WindowText, qt.QColor(128, 128, 128))
    palette.setColor(qt.QPalette.Highlight, qt.QColor(40, 120, 200))
    return palette


def _close(one, other, tolerance: int = 8) -> bool:
    return all(abs(a - b) <= tolerance for a, b in zip(one.getRgb()[:3], other.getRgb()[:3], strict=True))
