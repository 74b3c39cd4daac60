"""The last section: what is installed and works, installing it, and reading many exams."""

from __future__ import annotations

import sys

import pytest

CHILD = """
import json, sys, time
from pathlib import Path

def say(**message):
    print(json.dumps(message), flush=True)

say(event="ready", versions={"breastfusion": "9"})
for line in sys.stdin:
    request = json.loads(line)
    number, do = request["id"], request["do"]
    if do == "info":
        devices = [{"name": "cpu", "usable": True, "reason": "2 threads"},
                   {"name": "cuda", "usable": False, "reason": "this PyTorch is built for CPUs only"}]
        radiomics = None if "broken-radiomics" in sys.argv else {"provider": "pyradiomics", "version": "3.1"}
        say(id=number, event="finished",
            result={"versions": {"torch": "2.4.0"}, "devices": devices, "radiomics": radiomics})
    elif do == "exams":
        (folder,) = map(Path, request["exams"])
        names = sorted(exam.name for exam in folder.iterdir())
        say(id=number, event="progress", stage="exams", fraction=0.5, text="Reading exam 1 of 2")
        if names == ["stuck"]:
            time.sleep(60)
        if names == ["out"]:
            say(id=number, event="error", kind="input", text="The disk is full: make room.", details="")
            continue
        rows = [{"exam": n, "status": "failed" if n == "broken" else "ok",
                 "reason": "exam.json is missing" if n == "broken" else ""} for n in names]
        say(id=number, event="finished", result={"rows": rows, "table": request["out"] + "/readings.csv"})
"""


@pytest.fixture
def make_section(scene, tmp_path):
    """Makes the section with a small child; shows it as the panel does."""
    import qt
    from BreastFusionPanel.context import PanelContext
    from BreastFusionPanel.process.worker import Worker
    from BreastFusionPanel.setup.setup_section import SetupSection

    script = tmp_path / "child.py"
    script.write_text(CHILD, encoding="utf-8")
    made = []

    def make(*arguments: str, is_open: bool = True) -> SetupSection:
        context = PanelContext(Worker(python=sys.executable, program=(str(script), *arguments)))
        section = SetupSection(context)
        holder = qt.QWidget()
        qt.QVBoxLayout(holder).addWidget(section.widget)
        holder.resize(400, 600)
        holder.show()
        section.said = []
        context.message.connect(lambda text, details: section.said.append((text, details)))
        made.append((section, holder))
        section.connect_parameters()
        section.enter()
        if is_open:
            section.ui.setupCollapsibleButton.setCollapsed(False)
        return section

    yield make
    for section, holder in made:
        section.cleanup()
        section.context.worker.stop()
        holder.close()


@pytest.fixture
def without(scene, monkeypatch):
    """Hides modules, as on a machine where they are not installed; `bring` installs them."""
    from BreastFusionPanel.setup import dependencies

    find, hidden = dependencies._home, set()
    monkeypatch.setattr(dependencies, "_home", lambda name: None if name in hidden else find(name))
    return hidden


@pytest.fixture
def exams(tmp_path):
    """A folder of exams, as far as the panel looks."""
    folder = tmp_path / "Studien ä"
    for name in ("P0001", "broken"):
        (folder / name).mkdir(parents=True)
    return folder


def rows(section) -> list[tuple[str, ...]]:
    table = section.ui.packagesTable
    return [tuple(table.item(row, column).text() for column in range(3)) for row in range(table.rowCount)]


@pytest.mark.installed
def test_everything_installed_stays_folded_and_offers_nothing_to_install(make_section):
    section = make_section(is_open=False)
    assert section.ui.setupCollapsibleButton.collapsed
    assert section.ui.setupSummaryLabel.text == "Everything is installed."
    assert not section.ui.installButton.isEnabled()
    assert "Nothing is missing" in section.ui.installButton.toolTip
    assert not section.context.worker.is_running


def test_nothing_installed_opens_and_explains_itself(make_section, without):
    without |= {"torch", "torchvision", "safetensors", "matplotlib", "contourpy", "PIL", "radiomics"}
    section = make_section(is_open=False)
    assert not section.ui.setupCollapsibleButton.collapsed
    text = section.ui.setupSummaryLabel.text
    assert text.startswith("Missing: PyTorch, torchvision, safetensors")
    assert "lesions outlined" in text and "install what is missing" in text
    assert {row[1] for row in rows(section)} == {"missing"}
    assert section.ui.installButton.isEnabled()


@pytest.mark.installed
def test_a_missing_report_package_keeps_the_section_folded_and_says_that_reading_works(make_section, without):
    without.add("matplotlib")
    section = make_section(is_open=False)
    assert section.ui.setupCollapsibleButton.collapsed
    assert section.ui.setupSummaryLabel.text.startswith("Missing: matplotlib. Reading works")
    assert ("matplotlib", "missing", "the HTML report") in rows(section)


def test_check_again_tells_which_device_really_works(make_section, click, wait_until):
    section = make_section()
    assert "not tried out yet" in section.ui.deviceLabel.text
    click(section.ui.checkButton)
    assert section.ui.deviceLabel.text == "Trying out the devices…"
    wait_until(lambda: section.packages.info is not None, 10, "the devices")
    assert section.ui.deviceLabel.text.splitlines() == [
        "CPU: works (2 threads)",
        "Graphics card: cannot be used (this PyTorch is built for CPUs only)",
    ]


@pytest.mark.installed
def test_radiomics_that_is_there_but_cannot_be_imported_is_told(make_section, click, wait_until):
    section = make_section("broken-radiomics")
    click(section.ui.checkButton)
    wait_until(lambda: section.packages.info is not None, 10, "the devices")
    (radiomics,) = (row for row in rows(section) if row[0] == "radiomics")
    assert radiomics[1].endswith(", cannot be imported")


def test_a_process_that_cannot_start_shows_its_last_words(make_section, click, wait_until, tmp_path):
    section = make_section()
    (tmp_path / "child.py").write_text("import no_such_package", encoding="utf-8")
    click(section.ui.checkButton)
    wait_until(lambda: section.said, 10, "the message")
    text, details = section.said[0]
    assert "exit code 1" in text and section.ui.deviceLabel.text == text
    assert "No module named 'no_such_package'" in details


@pytest.mark.installed
def test_installing_asks_once_and_tells_everybody(make_section, without, click, dialogs, slicer_app):
    without.add("safetensors")
    section = make_section()
    changed = []
    section.context.environment_changed.connect(lambda: changed.append(True))
    slicer_app.installs.installed = lambda: without.clear()
    dialogs.answer(True)

    click(section.ui.installButton)
    without.clear()
    click(section.ui.checkButton)

    assert [asked.kind for asked in dialogs.asked] == ["question"]
    assert "safetensors" in dialogs.asked[0].text
    assert slicer_app.installs.requested[0][0] == "safetensors>=0.4"
    assert changed == [True]
    assert section.said == [("Everything that was missing is installed.", "")]
    assert section.ui.setupSummaryLabel.text == "Everything is installed."


def test_installing_ends_what_is_being_read_and_says_so(make_section, without, click, dialogs):
    without.add("safetensors")
    section = make_section()
    kinds = []
    section.context.worker.request("never", {}, on_error=lambda error: kinds.append(error.kind))
    dialogs.answer(True)
    click(section.ui.installButton)
    assert kinds == ["cancelled"] and not section.context.worker.is_running


def test_saying_no_to_installing_changes_nothing(make_section, without, click, dialogs, slicer_app):
    without.add("safetensors")
    section = make_section()
    dialogs.answer(False)
    click(section.ui.installButton)
    assert slicer_app.installs.requested == [] and section.said == []


def test_an_installation_that_fails_is_a_sentence(make_section, without, click, dialogs, slicer_app):
    without.add("safetensors")
    slicer_app.installs.error = "no route to host"
    section = make_section()
    dialogs.answer(True)
    click(section.ui.installButton)
    assert "safetensors could not be installed (no route to host)" in section.said[0][0]


def test_details_go_to_the_clipboard(make_section, click, wait_until, slicer_app):
    section = make_section()
    click(section.ui.checkButton)
    wait_until(lambda: section.packages.info is not None, 10, "the devices")
    click(section.ui.copyDetailsButton)
    text = slicer_app.app.clipboard().text()
    assert text.startswith("BreastFusion ")
    assert "safetensors: " in text and "CPU: works (2 threads)" in text and "torch: 2.4.0" in text


def test_the_batch_button_says_what_is_missing(make_section, exams, tmp_path):
    section = make_section()
    button = section.ui.readExamsButton
    assert not button.isEnabled() and button.toolTip == "Choose the folder that holds the exams"
    section.ui.examsFolderEdit.setCurrentPath(str(exams))
    assert not button.isEnabled() and button.toolTip == "Choose the folder for the readings"
    section.ui.readingsFolderEdit.setCurrentPath(str(tmp_path / "out"))
    assert not button.isEnabled() and button.toolTip == "Choose a model in section 4"
    section.context.settings.bundle_folder = str(tmp_path / "bundle")
    section.context.bundle_changed.emit()
    assert button.isEnabled() and button.toolTip.startswith("Read all lesions")


@pytest.fixture
def batch(make_section, exams, tmp_path):
    """The section, ready to read many exams."""
    section = make_section()
    section.ui.examsFolderEdit.setCurrentPath(str(exams))
    section.ui.readingsFolderEdit.setCurrentPath(str(tmp_path / "out"))
    section.context.settings.bundle_folder = str(tmp_path / "bundle")
    section.context.bundle_changed.emit()
    return section


def test_a_batch_ends_with_a_sentence_and_the_path_of_its_table(batch, click, wait_until, tmp_path):
    click(batch.ui.readExamsButton)
    assert batch.ui.readExamsButton.text == "Cancel" and batch.ui.examsProgressBar.isVisible()
    wait_until(lambda: batch.ui.examsResultLabel.isVisible(), 10, "the batch")
    lines = batch.ui.examsResultLabel.text.splitlines()
    assert lines == [
        "1 of 2 read; 1 failed, the first one: exam.json is missing",
        f"Table: {tmp_path / 'out'}/readings.csv",
        "Research use only. Not a medical device.",
    ]
    assert batch.ui.readExamsButton.text == "Read all exams" and not batch.ui.examsProgressBar.isVisible()


def test_the_folders_of_a_batch_are_there_after_the_next_start(batch, make_section, click, wait_until, tmp_path):
    click(batch.ui.readExamsButton)
    wait_until(lambda: not batch.batch.is_running, 10, "the end of the batch")
    next_start = make_section()
    for edit in ("examsFolderEdit", "readingsFolderEdit"):
        path = getattr(next_start.ui, edit).currentPath
        assert path and path == getattr(batch.ui, edit).currentPath


def test_a_batch_is_cancelled_by_the_same_button(batch, click, wait_until, tmp_path):
    (tmp_path / "one" / "stuck").mkdir(parents=True)
    batch.ui.examsFolderEdit.setCurrentPath(str(tmp_path / "one"))
    click(batch.ui.readExamsButton)
    wait_until(lambda: batch.ui.examsProgressBar.format == "Reading exam 1 of 2", 10, "progress")
    assert batch.ui.examsProgressBar.value == 500
    click(batch.ui.readExamsButton)
    assert not batch.batch.is_running and batch.ui.examsResultLabel.text.startswith("Cancelled.")
    assert batch.said == [("", "")]


def test_a_batch_that_fails_says_so_in_the_panel(batch, click, wait_until, tmp_path):
    (tmp_path / "one" / "out").mkdir(parents=True)
    batch.ui.examsFolderEdit.setCurrentPath(str(tmp_path / "one"))
    click(batch.ui.readExamsButton)
    wait_until(lambda: not batch.batch.is_running, 10, "the batch")
    assert batch.said[-1] == ("The disk is full: make room.", "")


def test_readings_are_not_written_into_an_exam(batch, click, exams):
    (exams / "P0001" / "exam.json").write_text("{}", encoding="utf-8")
    batch.ui.readingsFolderEdit.setCurrentPath(str(exams / "P0001" / "readings"))
    click(batch.ui.readExamsButton)
    assert "lies within an exam" in batch.said[-1][0]


def test_every_widget_has_a_tooltip(make_section):
    import qt

    section = make_section()
    kinds = (qt.QPushButton, qt.QLabel, qt.QLineEdit, qt.QTableWidget, qt.QProgressBar)
    found = [child for kind in kinds for child in section.widget.findChildren(kind) if child.objectName]
    assert len(found) > 10
    assert [child.objectName for child in found if not child.toolTip and not child.objectName.startswith("qt_")] == []
