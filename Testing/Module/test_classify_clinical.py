"""Section 4, the form 'Clinical values': asked where a model needs them, kept with the patient, read as typed in."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import qt
import slicer
from BreastFusionPanel import console
from BreastFusionPanel.bridge.clinical_values import clinical_of, hand_on_clinical, keep_clinical
from BreastFusionPanel.bridge.exam_nodes import add_exam
from BreastFusionPanel.bridge.geometry import add_volume
from BreastFusionPanel.bridge.sequences import sequence_of_volumes
from BreastFusionPanel.classify.bundles import InstalledBundles
from bridge_parts import ramp
from classify_fixtures import *  # noqa: F403
from classify_parts import READ, last, visible

from BreastFusion import BreastFusionLogic
from BreastFusionLib.phantom import make_exam
from BreastFusionLib.service.transfer import read_case

pytestmark = pytest.mark.installed


@pytest.fixture
def choose_model(section, worker):
    """Imports a model, chooses it, and has it loaded."""

    def install(bundle) -> None:
        header = InstalledBundles(section.model.installed.root).import_from(bundle)
        section.context.settings.bundle_folder = str(header.folder)
        section.model.refill()
        worker.finish("load", {"device": "cpu", "device_reason": "Runs on the CPU.", "seconds": 0.1})

    return install


@pytest.fixture
def form(section, study, clinical_bundle, choose_model):
    """The form of the model with columns, for an exam of which nothing is known."""
    choose_model(clinical_bundle)
    return Form(section)


class Form:
    """What a person sees of the form, and does with it."""

    def __init__(self, section) -> None:
        self.section, self.ui = section, section.ui

    def editor(self, column: str):
        return self.section.widget.findChild(qt.QWidget, f"clinical_{column}")

    def enter(self, column: str, value: str) -> None:
        """Type a number and press Enter, or choose a word."""
        editor = self.editor(column)
        if isinstance(editor, qt.QComboBox):
            editor.setCurrentIndex(editor.findText(value))
        else:
            editor.setText(value)
            editor.editingFinished.emit()

    def shown(self) -> dict[str, str]:
        """Column -> what its field shows."""
        editors = [one for one in self.section.widget.findChildren(qt.QWidget) if one.isVisibleTo(self.section.widget)]
        named = [one for one in editors if one.objectName.startswith("clinical_")]
        return {
            one.objectName.removeprefix("clinical_"): one.currentText if isinstance(one, qt.QComboBox) else one.text
            for one in named
        }

    def sentences(self) -> list[str]:
        labels = self.ui.clinicalBox.findChildren(qt.QLabel)
        return [one.text for one in labels if one.text.startswith("! ") and one.isVisibleTo(self.section.widget)]

    @property
    def summary(self) -> str:
        return self.ui.clinicalSummaryLabel.text


EMPTY = {
    **{"age": "", "lifetime_risk_percent": ""},
    **dict.fromkeys(("indication", "breast_density", "birads"), "not known"),
}

# What is asked


def test_only_a_model_with_columns_of_the_patient_asks(section, study, demo_bundle, clinical_bundle, choose_model):
    form = Form(section)
    assert not visible(section, "clinicalBox")
    choose_model(demo_bundle)
    assert not visible(section, "clinicalBox") and form.shown() == {}
    choose_model(clinical_bundle)
    # The slice spacing is the exam's own and is not asked for; of BI-RADS only the model's rule wants to know.
    assert visible(section, "clinicalBox") and form.shown() == EMPTY
    choose_model(demo_bundle)
    assert not visible(section, "clinicalBox") and form.shown() == {}


def test_every_field_says_what_it_is_and_what_it_may_hold(form):
    words = [form.editor("indication").itemText(index) for index in range(form.editor("indication").count)]
    assert words == ["not known", "screening", "other", "diagnostic"]
    labels = {label.text: label for label in form.ui.clinicalBox.findChildren(qt.QLabel)}
    assert {"Age", "years, 18 to 100", "Lifetime risk", "%, 0 to 100", "Indication"} <= labels.keys()
    assert labels["Age"].buddy() is form.editor("age")
    age = form.editor("age").toolTip
    assert "95 % of the training cases: " in age and "Not known: " in age and "is taken" in age
    assert "replaces 'diagnostic' of the column 'indication'" in form.editor("birads").toolTip


def test_without_an_exam_nothing_can_be_typed_in(section, clinical_bundle, choose_model):
    choose_model(clinical_bundle)
    assert Form(section).shown() == EMPTY
    assert not Form(section).editor("age").isEnabled()


def test_the_keyboard_goes_through_the_fields_in_their_order(form):
    chain, widget = [], form.ui.clinicalButton
    while widget is not form.ui.classifyButton:
        widget = widget.nextInFocusChain()
        chain.append(widget.objectName)
    assert [name for name in chain if name.startswith("clinical_")] == [f"clinical_{column}" for column in EMPTY]


def test_it_folds_and_still_says_how_much_is_given(section, form, click):
    assert form.summary == "0 of 4 given; the rest is filled from the training cases"
    form.enter("age", "52")
    form.enter("breast_density", "b")
    form.enter("birads", "6")  # no input
    assert form.summary == "2 of 4 given; the rest is filled from the training cases"
    click(form.ui.clinicalButton)
    assert form.shown() == {} and visible(section, "clinicalSummaryLabel")


def test_the_wheel_scrolls_the_panel_and_never_changes_a_value(form):
    editor = form.editor("indication")
    form.enter("indication", "other")
    at, down = qt.QPointF(5, 5), qt.QPoint(0, -120)
    wheel = qt.QWheelEvent(at, at, down, down, qt.Qt.NoButton, qt.Qt.NoModifier, qt.Qt.ScrollPhase.NoScrollPhase, False)
    qt.QApplication.sendEvent(editor, wheel)
    assert editor.currentText == "other"


# What is read


def test_what_is_typed_in_is_what_is_sent(form, study, worker, begin):
    for column, value in {"age": "52", "lifetime_risk_percent": "12.5", "indication": "other"}.items():
        form.enter(column, value)
    begin()
    sent = read_case(worker.open(READ).arguments["case"]).case.clinical
    assert {column: value for column, value in sent.items() if value is not None} == {
        **{"age": 52, "lifetime_risk_percent": 12.5, "indication": "other"}
    }


def test_what_is_typed_and_not_finished_is_sent_too(form, section, study, worker, wait_until):
    form.editor("age").setText("53")
    section.classify()  # Ctrl+Enter leaves the keyboard in the field
    wait_until(lambda: worker.open(READ).is_prepared)
    assert read_case(worker.open(READ).arguments["case"]).case.clinical["age"] == 53


def test_button_and_console_read_the_same(person, clinical_bundle, monkeypatch):
    made = make_exam(7, 62, small=True)
    person.get_ready(clinical_bundle)
    known = {column: value for column, value in made.clinical.items() if value is not None}
    assert clinical_of(person.parameters) == known  # the demo exam brings its register's row along
    form = Form(person.panel.classify)
    form.enter("age", "41")
    form.enter("lifetime_risk_percent", "")
    person.classify()
    assert person.features["clinical", "age"] == 41
    assert person.features["clinical", "lifetime_risk_percent"] is None
    assert any("Lifetime risk is missing" in line for line in person.result.mapping["warnings"])
    monkeypatch.setattr(console, "Worker", lambda: person.process)
    row = {**known, "age": 41, "lifetime_risk_percent": None}
    printed = console.read_lesion(person.parameters, clinical_bundle, None, None, None, "cpu", row)
    assert person.result.mapping["probability"] == pytest.approx(printed["probability"], abs=1e-6)


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ("710", "! The clinical column 'age' holds 710 years: between 18 and 100 years was expected."),
        ("old", "! The clinical column 'age' holds 'old': a number was expected."),
        ("inf", "! The clinical column 'age' holds 'inf': a number was expected."),
    ],
)
def test_a_value_that_cannot_be_is_told_below_its_field_and_not_read(form, section, worker, typed, sentence):
    form.enter("age", typed)
    (said,) = form.sentences()
    assert said.startswith(sentence)
    assert not section.ui.classifyButton.isEnabled()
    assert section.ui.classifyButton.toolTip == said.removeprefix("! ")
    form.enter("age", "71")
    assert form.sentences() == [] and section.ui.classifyButton.isEnabled()


def test_a_code_for_not_known_counts_as_not_known(form):
    form.enter("age", "999")
    assert form.sentences() == []
    assert form.summary.startswith("0 of 4 given")


def test_a_word_of_another_model_is_shown_and_told(form, section, study):
    keep_clinical(study.parameters.dceSequence, {"indication": "family history"})
    section.refresh()
    assert form.shown()["indication"] == "family history"
    (said,) = form.sentences()
    assert "'family history', which is none of its levels" in said
    form.enter("indication", "not known")
    assert form.sentences() == [] and clinical_of(study.parameters) == {}


# Whose values they are


def test_lesions_of_one_exam_share_them(form, section, study, second_lesion):
    form.enter("age", "52")
    study.parameters.selectedLesion = second_lesion
    section.context.lesion_selected.emit()
    assert form.shown()["age"] == "52"


def test_another_patient_never_gets_them(form, section, study):
    parameters, first = study.parameters, study.parameters.dceSequence
    form.enter("age", "52")
    form.editor("lifetime_risk_percent").setText("9")  # just being typed
    for _share in add_exam(make_exam(7, 61, small=True).exam, parameters):
        pass
    section.context.exam_changed.emit()
    assert form.shown() == EMPTY and clinical_of(parameters) == {}
    form.enter("age", "33")
    parameters.dceSequence = first
    section.context.exam_changed.emit()
    assert form.shown() == {**EMPTY, "age": "52"}


def test_a_saved_scene_has_them(form, section, study, tmp_path):
    for column, value in {"age": "52", "indication": "other", "birads": "6"}.items():
        form.enter(column, value)
    assert slicer.util.saveScene(str(tmp_path / "study.mrb"))
    section.set_parameters(None)
    slicer.mrmlScene.Clear(0)
    slicer.util.loadScene(str(tmp_path / "study.mrb"))
    section.set_parameters(BreastFusionLogic().getParameterNode())
    assert form.shown() == {**EMPTY, "age": "52", "indication": "other", "birads": "6"}


def test_a_series_put_together_anew_keeps_them_and_other_images_do_not_get_them(scene):
    def series(*seeds: int):
        return sequence_of_volumes([add_volume(ramp(seed), f"phase {seed}") for seed in seeds], [0.0, 90.0], "DCE")

    first, again, other = series(0, 1), series(1, 0), series(5, 6)
    keep_clinical(first, {"age": 52})
    for sequence, known in ((again, {"age": 52}), (other, {})):
        hand_on_clinical(first, sequence)
        assert clinical_of(SimpleNamespace(dceSequence=sequence)) == known


def test_the_age_comes_from_the_header_until_somebody_changes_it(scene, monkeypatch):
    sequence = sequence_of_volumes([add_volume(ramp(seed), f"phase {seed}") for seed in (0, 1)], [0.0, 90.0], "DCE")
    sequence.GetNthDataNode(0).SetAttribute("DICOM.instanceUIDs", "1.2.3")
    headers = SimpleNamespace(instanceValue=lambda uid, tag: "052Y" if (uid, tag) == ("1.2.3", "0010,1010") else "")
    monkeypatch.setattr(slicer, "dicomDatabase", headers, raising=False)
    study = SimpleNamespace(dceSequence=sequence)
    assert clinical_of(study) == {"age": 52}
    keep_clinical(sequence, {"age": 53})
    assert clinical_of(study) == {"age": 53}
    keep_clinical(sequence, {"age": None})
    assert clinical_of(study) == {}


# What becomes of a reading


def test_a_reading_with_other_values_says_so_until_they_are_back(form, section, study, read):
    form.enter("age", "52")
    read()
    assert not visible(section, "staleLabel")
    form.enter("age", "53")
    assert visible(section, "staleLabel") and "a clinical value changed" in section.ui.staleLabel.text
    assert not section.ui.saveReportButton.isEnabled()
    form.enter("age", "52")
    assert not visible(section, "staleLabel")
    keep_clinical(study.parameters.dceSequence, {"shoe_size": 38})  # nothing that this model looks at
    section.refresh()
    assert not visible(section, "staleLabel")


def test_a_value_that_changes_while_it_is_read_ends_the_reading(form, section, begin):
    begin()
    form.enter("age", "52")
    assert "A clinical value changed during the reading" in last(section)
    assert section.run is None and not visible(section, "resultFrame")


def test_news_of_others_leave_alone_what_is_being_typed(form, section):
    form.enter("lifetime_risk_percent", "9")
    form.editor("age").setText("5")
    section.context.bundle_changed.emit()
    assert form.shown()["age"] == "5" and form.shown()["lifetime_risk_percent"] == "9"
