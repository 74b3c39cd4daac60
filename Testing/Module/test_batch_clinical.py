"""The last section's table of clinical values: asked for where the model wants some, read as the console reads them."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
import qt
from BreastFusionPanel import console
from BreastFusionPanel.context import PanelContext
from BreastFusionPanel.setup.setup_section import SetupSection

from BreastFusionLib.exam.exam_folder import write_exam

pytestmark = pytest.mark.installed

ROWS = {"P0001": {"age": 71, "lifetime_risk_percent": 31.5, "indication": "screening"}, "P0002": {"age": 44}}
COLUMNS = ("exam", "age", "lifetime_risk_percent", "indication", "breast_density")


@pytest.fixture(scope="module")
def exams(phantom_exam, tmp_path_factory) -> Path:
    """Three times the same exam, so that its clinical values alone make the difference."""
    folder = tmp_path_factory.mktemp("exams")
    for name in ("P0001", "P0002", "P0003"):
        write_exam(phantom_exam.exam, folder / name, {"L1": phantom_exam.lesion.mask})
    return folder


@pytest.fixture
def make_section(scene, process, monkeypatch):
    """Opens the section as the panel does, with the process that computes."""
    monkeypatch.setattr(console, "Worker", lambda: process)
    monkeypatch.setattr(process, "stop", lambda: None)
    made = []

    def make() -> SetupSection:
        section = SetupSection(PanelContext(process))
        holder = qt.QWidget()
        qt.QVBoxLayout(holder).addWidget(section.widget)
        holder.resize(400, 600)
        holder.show()
        section.said = []
        section.context.message.connect(lambda text, _details: section.said.append(text))
        made.append((section, holder))
        section.connect_parameters()
        section.enter()
        section.ui.setupCollapsibleButton.setCollapsed(False)
        return section

    yield make
    for section, holder in made:
        section.cleanup()
        holder.close()


@pytest.fixture
def section(make_section, exams, clinical_bundle, tmp_path):
    """The section, ready to read the exams with the model that has clinical columns."""
    made = make_section()
    made.ui.examsFolderEdit.setCurrentPath(str(exams))
    made.ui.readingsFolderEdit.setCurrentPath(str(tmp_path / "out"))
    choose(made, clinical_bundle)
    return made


def choose(section, bundle: Path | str) -> None:
    section.context.settings.bundle_folder = str(bundle)
    section.context.bundle_changed.emit()


def write(path: Path, rows: dict, columns: tuple[str, ...] = COLUMNS) -> Path:
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, columns)
        writer.writeheader()
        writer.writerows({"exam": exam, **row} for exam, row in rows.items())
    return path


def is_asked(section) -> bool:
    widgets = (section.ui.clinicalFileEdit, section.ui.clinicalFileLabel)
    (shown,) = {widget.isVisibleTo(section.widget) for widget in widgets}
    return shown


def test_only_a_model_with_columns_of_the_patient_asks_for_a_table(section, demo_bundle, clinical_bundle, tmp_path):
    assert is_asked(section)
    tooltip = section.ui.clinicalFileEdit.toolTip
    # The slice spacing is the exam's own; of BI-RADS only the model's rule wants to know.
    assert "'exam'" in tooltip and "'age', 'lifetime_risk_percent', 'indication', 'breast_density', 'birads'" in tooltip
    for other in (demo_bundle, "", tmp_path / "gone"):
        choose(section, other)
        assert not is_asked(section)
    choose(section, clinical_bundle)
    assert is_asked(section)


def test_a_batch_with_a_table_reads_as_the_console_does(section, exams, clinical_bundle, click, wait_until, tmp_path):
    section.ui.clinicalFileEdit.setCurrentPath(str(write(tmp_path / "values.csv", {**ROWS, "P0009": {"age": 50}})))
    click(section.ui.readExamsButton)
    said = [
        "values.csv has no row for P0003: the training cases' usual values are taken there.",
        "values.csv has rows of exams that are not in the folder: P0009.",
    ]
    assert section.ui.examsResultLabel.text.splitlines() == said
    wait_until(lambda: not section.batch.is_running, 60, "the batch")
    lines = section.ui.examsResultLabel.text.splitlines()
    assert lines[:3] == ["3 of 3 read.", *said] and lines[3].startswith("Table: ")

    with (tmp_path / "out" / "readings.csv").open(encoding="utf-8", newline="") as stream:
        batch = list(csv.DictReader(stream))
    printed = console.read_exams(exams, clinical_bundle, tmp_path / "printed", None, "cpu", ROWS)
    assert [float(row["probability"]) for row in batch] == pytest.approx(
        [row["probability"] for row in printed], abs=1e-6
    )
    assert len({row["probability"] for row in batch}) == 3  # they did make the difference
    assert [row["warnings"].count(" is missing: the training cases'") for row in batch] == [1, 3, 4]


def test_without_a_table_everything_is_imputed_and_the_readings_say_so(section, click, wait_until, tmp_path):
    click(section.ui.readExamsButton)
    wait_until(lambda: not section.batch.is_running, 60, "the batch")
    assert section.ui.examsResultLabel.text.splitlines()[:1] == ["3 of 3 read."]
    with (tmp_path / "out" / "readings.csv").open(encoding="utf-8", newline="") as stream:
        assert {row["warnings"].count(" is missing: the training cases'") for row in csv.DictReader(stream)} == {4}


def test_a_table_that_cannot_be_used_is_told_and_nothing_is_read(section, click, tmp_path):
    twice = tmp_path / "twice.csv"
    twice.write_text("exam,age,lifetime_risk_percent,indication,breast_density\nP0001,52,,,\nP0001,53,,,\n")
    tables = {
        tmp_path / "gone.csv": "gone.csv is not a file",
        write(tmp_path / "nameless.csv", {}, COLUMNS[1:]): "nameless.csv has no column 'exam'",
        write(tmp_path / "ageless.csv", {}, ("exam", *COLUMNS[2:])): "has no column 'age', which the model wants",
        twice: "the exam 'P0001' comes more than once (lines 2 and 3)",
    }
    for path, sentence in tables.items():
        section.ui.clinicalFileEdit.setCurrentPath(str(path))
        click(section.ui.readExamsButton)
        assert sentence in section.said[-1]
        assert not section.batch.is_running and section.ui.readExamsButton.text == "Read all exams"
    assert not (tmp_path / "out").exists()


def test_a_model_that_wants_no_values_looks_at_no_table(section, demo_bundle, click, tmp_path):
    section.ui.clinicalFileEdit.setCurrentPath(str(tmp_path / "gone.csv"))
    choose(section, demo_bundle)
    click(section.ui.readExamsButton)
    assert section.said == [""] and section.batch.is_running
    click(section.ui.readExamsButton)


def test_the_table_is_there_after_the_next_start(section, make_section, click, tmp_path):
    table = str(write(tmp_path / "values.csv", ROWS))
    section.ui.clinicalFileEdit.setCurrentPath(table)
    click(section.ui.readExamsButton)
    click(section.ui.readExamsButton)
    assert section.ui.examsResultLabel.text.startswith("Cancelled.")
    assert make_section().ui.clinicalFileEdit.currentPath == table
