"""A person at the whole panel: what he does from top to bottom, with the buttons that he has."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import slicer
from BreastFusionPanel.process.worker import Worker
from BreastFusionPanel.signals import Signal
from classify_parts import IDLE

LONGEST_S = 20.0


class Person:
    """Presses the panel's buttons, and waits for what comes of it.

    Attributes:
        widget: the module's widget; its `parent` is the window.
        panel: its sections.
        process: the process that computes.
    """

    def __init__(self, widget: Any, process: Worker, click: Callable, wait_until: Callable, dialogs: Any) -> None:
        self.widget, self.panel, self.process = widget, widget.panel, process
        self._click, self._wait, self._dialogs = click, wait_until, dialogs
        # The application has one; a demo exam marks its lesion with it.
        if not slicer.util.getNodesByClass("vtkMRMLCrosshairNode"):
            slicer.mrmlScene.AddNewNodeByClass("vtkMRMLCrosshairNode")

    # What he sees

    @property
    def parameters(self) -> Any:
        """The study on screen."""
        return self.panel.context.parameters

    @property
    def message(self) -> str:
        """The sentence in the message line."""
        return self.panel.messages.text

    @property
    def result(self) -> Any:
        """The reading of the selected lesion, as the scene holds it."""
        from BreastFusionPanel.bridge.reading_nodes import reading_of

        return reading_of(self.parameters, self.parameters.selectedLesion)

    @property
    def features(self) -> dict[tuple[str, str], float | None]:
        """(source, name) -> value of that reading."""
        return {(row["source"], row["name"]): row["value"] for row in self.result.mapping["features"]}

    def sees(self, widget: Any) -> bool:
        """Whether a widget is visible, with its section unfolded."""
        return widget.isVisibleTo(self.widget.parent)

    def is_idle(self) -> bool:
        """Whether nothing is under way, here and in the process."""
        return not self.process.is_busy and self.panel.classify.run is None and not self.panel.exam.loading.is_busy

    # What he does

    def press(self, button: Any) -> None:
        """Click a button that can be clicked."""
        self._click(button)

    def wait(self, condition: Callable[[], Any], what: str) -> None:
        """Wait for something."""
        self._wait(condition, LONGEST_S, what)

    def begin_demo_exam(self) -> None:
        """Press 'Load demo exam'."""
        self.press(self.panel.exam.ui.loadDemoButton)

    def load_demo_exam(self) -> None:
        """Press 'Load demo exam' and wait for it."""
        self.begin_demo_exam()
        self.wait(lambda: not self.panel.exam.loading.is_busy, "the demo exam")

    def open_study(self, folder: Path) -> None:
        """Press 'Open study folder…', choose one, and wait for it."""
        self._dialogs.answer(str(folder))
        self.press(self.panel.exam.ui.openStudyButton)
        self.wait(lambda: not self.panel.exam.loading.is_busy, "the study")

    def outline_by_click(self, position_ras: tuple[float, ...] | None = None) -> str:
        """Press '+ From click' and click on the lesion, by default where the demo's crosshair is; return its ID."""
        before = self.parameters.selectedLesion
        self.press(self.panel.lesion.ui.fromClickButton)
        point = position_ras or slicer.util.getNodesByClass("vtkMRMLCrosshairNode")[0].GetCrosshairRAS()
        node_id = slicer.app.applicationLogic().GetSelectionNode().GetActivePlaceNodeID()
        slicer.mrmlScene.GetNodeByID(node_id).AddControlPointWorld(point)
        self.wait(lambda: self.parameters.selectedLesion not in ("", before), "the outline")
        return self.parameters.selectedLesion

    def import_model(self, folder: Path) -> None:
        """Press 'Import…', choose a model, and wait until it is loaded."""
        self._dialogs.answer(str(folder))
        self.press(self.panel.classify.ui.importBundleButton)
        self.wait(self.is_idle, "the model")

    def begin_to_classify(self) -> None:
        """Press 'Classify'."""
        self.press(self.panel.classify.ui.classifyButton)

    def classify(self) -> None:
        """Press 'Classify' and wait for everything, the range of the outline included."""
        self.begin_to_classify()
        self.wait(self.is_idle, "the reading")

    def save_report(self, folder: Path) -> Path:
        """Press 'Save report…', choose a folder and wait for the page; return the lesion's own folder."""
        self._dialogs.answer(str(folder))
        self.press(self.panel.classify.ui.saveReportButton)
        self.wait(self.panel.classify.ui.saveReportButton.isEnabled, "the report")
        return next(path for path in folder.iterdir() if path.is_dir())

    def get_ready(self, model: Path) -> str:
        """Do all up to 'Classify': demo exam, outline, model; return the lesion's ID."""
        self.load_demo_exam()
        segment_id = self.outline_by_click()
        self.import_model(model)
        return segment_id

    def as_soon_as(self, label: Any, words: str, act: Callable[[], None]) -> Callable[[], bool]:
        """Do something once, at the moment when a label says something; return what tells whether it was done."""
        done, show = [], label.setText

        def watched(text: str) -> None:
            show(text)
            if text.startswith(words) and not done:
                done.append(text)
                act()

        label.setText = watched
        return lambda: bool(done)


def assert_nothing_is_left(person) -> None:
    """The panel is as it is opened, and the scene holds nothing of a study."""
    panel = person.panel
    assert panel.exam.ui.loadDemoButton.text == "Load demo exam" and panel.exam.ui.loadDemoButton.isEnabled()
    assert not person.sees(panel.exam.ui.phaseTable) and not person.sees(panel.lesion.ui.lesionTable)
    assert not panel.lesion.ui.fromClickButton.checked and not panel.lesion.ui.fromClickButton.isEnabled()
    assert [row.button.isEnabled() for row in panel.map.rows.values()] == [False, False]
    assert panel.classify.ui.classifyButton.text == IDLE
    assert panel.classify.ui.classifyButton.toolTip == "Load an exam first (section 1)."
    assert not person.sees(panel.classify.ui.resultFrame) and not person.sees(panel.classify.ui.progressWidget)
    for kind in ("ScalarVolume", "Sequence", "Segmentation", "Text", "Table", "MarkupsFiducial"):
        assert slicer.util.getNodesByClass(f"vtkMRML{kind}Node") == [], kind


@pytest.fixture
def reports(tmp_path) -> Path:
    """Where reports are saved; with letters that are not ASCII, as users' folders have."""
    folder = tmp_path / "Berichte über Brüste"
    folder.mkdir()
    return folder


@pytest.fixture(scope="session")
def process(slicer_app) -> Iterator[Worker]:
    """One process for all tests of the whole panel: it stays warm, as it does for a person."""
    made = Worker()
    yield made
    made.stop()


@pytest.fixture
def models(monkeypatch, tmp_path) -> Path:
    """Where models are installed: nowhere near those of the person who runs the tests."""
    import BreastFusionPanel.classify.model_choice as model_choice

    monkeypatch.setattr(model_choice, "bundles_folder", lambda: tmp_path / "models")
    return tmp_path / "models"


@pytest.fixture
def warm_process(process, monkeypatch) -> Worker:
    """The panel that is opened takes the process over from the panel before, instead of starting its own."""
    import BreastFusionPanel.panel

    def rest(tell: bool = False) -> None:
        for request in process.open_requests:
            request.cancel()

    process.ready, process.crashed = Signal(), Signal()  # nobody of the panel before listens any more
    monkeypatch.setattr(BreastFusionPanel.panel, "Worker", lambda: process)
    monkeypatch.setattr(process, "stop", rest)
    return process


@pytest.fixture
def person(models, warm_process, panel, click, wait_until, dialogs) -> Person:
    """Sits before the panel, with nothing done yet."""
    return Person(panel, warm_process, click, wait_until, dialogs)


@pytest.fixture
def newcomer(models, panel, click, wait_until, dialogs) -> Person:
    """Has a process of his own."""
    return Person(panel, panel.panel.context.worker, click, wait_until, dialogs)
