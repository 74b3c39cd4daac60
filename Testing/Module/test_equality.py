"""What the panel shows is what `breastfusion predict` prints for the same files: one way of computing, three doors."""

from __future__ import annotations

import json
import math
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import BreastFusionPanel.console
import pytest
from BreastFusionPanel.bridge.exam_nodes import exam_of
from BreastFusionPanel.bridge.geometry import to_ras
from BreastFusionPanel.bridge.segments import add_lesion

from BreastFusionLib.exam import write_exam
from BreastFusionLib.lesion import measure, read_lesion
from BreastFusionLib.phantom import make_exam

pytestmark = [pytest.mark.slow, pytest.mark.installed]

TOLERANCE = 1e-6


def predict(bundle: Path, exam: Path, lesion: Path, out: Path, *options: str) -> dict[str, Any]:
    """Run `breastfusion predict` in a process of its own, and return what it prints."""
    command = [sys.executable, "-c", "from BreastFusionLib.cli import main; main()", "predict", "--json"]
    for name, value in {"bundle": bundle, "exam": exam, "lesion": lesion, "out": out, "device": "cpu"}.items():
        command += [f"--{name}", str(value)]
    done = subprocess.run([*command, *options], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def numbers(content: Any, name: str = "") -> dict[str, Any]:
    """All leaves of nested results: {'a': [1, {'b': 2}]} -> {'a.0': 1, 'a.1.b': 2}."""
    if isinstance(content, dict):
        return {leaf: value for key, one in content.items() for leaf, value in numbers(one, f"{name}.{key}").items()}
    if isinstance(content, list):
        return numbers(dict(enumerate(content)), name)
    return {name.removeprefix("."): content}


def measured(reading: dict[str, Any]) -> dict[str, Any]:
    """What is measured or computed, by name; not how the lesion is called, how long it took and where files are."""
    features = {f"{row['source']}/{row['name']}": row["value"] for row in reading["features"]}
    lesion = {name: value for name, value in reading["lesion"].items() if name != "id"}
    mapping = {one: {key: v for key, v in row.items() if key != "file"} for one, row in reading["mapping"].items()}
    parts = {
        name: reading[name] for name in ("probability", "parts", "kinetics", "statement", "why", "in_distribution")
    }
    return numbers({"features": features, "lesion": lesion, "mapping": mapping, **parts})


def assert_equal(ours: dict[str, Any], theirs: dict[str, Any]) -> None:
    """Every number agrees to 1e-6 (relative, and absolute below 1), every word to the letter."""
    found, wanted = measured(ours), measured(theirs)
    assert found.keys() == wanted.keys()
    assert len([name for name, value in wanted.items() if isinstance(value, float)]) > 50
    for name, value in wanted.items():
        if isinstance(value, float):
            close = math.isclose(found[name], value, rel_tol=TOLERANCE, abs_tol=1e-9)
            assert close, f"{name}: {found[name]} in the panel, {value} of predict"
        else:
            assert found[name] == value, name


@pytest.fixture
def logic(person, monkeypatch):
    """What the console calls, with the panel's own process, which is warm already."""
    from BreastFusion import BreastFusionLogic

    monkeypatch.setattr(BreastFusionPanel.console, "Worker", lambda: person.process)
    return BreastFusionLogic()


def test_a_phantom_outlined_in_the_panel_is_read_alike_by_button_console_and_command(
    person, logic, demo_bundle, tmp_path
):
    made = make_exam(2, 3, small=True)
    exams = tmp_path / "Studien ä"
    exam = write_exam(made.exam, exams / "P0003")
    person.open_study(exam)
    person.outline_by_click(to_ras(measure(made.lesion.mask).center_lps))
    person.import_model(demo_bundle)
    person.classify()
    shown = person.result.mapping
    assert shown["probability"] is not None
    (tmp_path / "reports").mkdir()
    outline = person.save_report(tmp_path / "reports") / "lesion.seg.nrrd"

    printed = predict(demo_bundle, exam, outline, tmp_path / "predicted")
    assert_equal(shown, printed)
    assert shown["warnings"] == printed["warnings"]
    assert_equal(logic.readLesion(demo_bundle, progress=None, device="cpu"), printed)

    (exam / "lesions").mkdir()
    shutil.copy(outline, exam / "lesions" / "L1.seg.nrrd")
    for name, content in {"broken/exam.json": "{", "letters/letter.txt": "Dear colleague"}.items():
        (exams / name).parent.mkdir()
        (exams / name).write_text(content, encoding="utf-8")
    rows = logic.readExams(exams, demo_bundle, tmp_path / "readings", progress=None, device="cpu")
    assert [(Path(row["exam"]).name, row["lesion"], row["status"]) for row in rows] == [
        ("P0003", "L1", "ok"),
        ("broken", "", "failed"),
        ("letters", "", "failed"),
    ]
    assert "exam.json is damaged" in rows[1]["reason"] and "letter.txt" in rows[2]["reason"]
    assert_equal(json.loads((tmp_path / "readings" / rows[0]["folder"] / "reading.json").read_text("utf-8")), printed)


def test_of_the_real_patient_with_the_lesion_that_came_along(person, patient_bundle, duke, tmp_path):
    mask = duke / "nii" / "lesion_threshold_mask_rightbreast.nii.gz"
    person.open_study(duke / "dicom")
    # Drawn on a part of the breast, as the command line takes it with --resample.
    lesion = read_lesion(mask, exam_of(person.parameters), resample=True)
    person.parameters.selectedLesion = add_lesion(person.parameters, lesion.mask)
    person.import_model(patient_bundle)
    person.classify()
    printed = predict(patient_bundle, duke / "dicom", mask, tmp_path / "predicted", "--resample")
    shown = person.result.mapping
    assert shown["probability"] is not None and any(warning.startswith("T2 missing") for warning in shown["warnings"])
    assert_equal(shown, printed)
    (resampled,) = (warning for warning in printed["warnings"] if mask.name in warning)
    assert shown["warnings"] == [warning for warning in printed["warnings"] if warning != resampled]
