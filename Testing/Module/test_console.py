"""The console's calls on nodes and folders: the same numbers as the library's own reader on files."""

from __future__ import annotations

import csv
import json
import math
import subprocess
import sys
from pathlib import Path

import pytest

from BreastFusionLib.errors import InputError

# The library's own way, from the exam's files: a process of its own, because torch must not be imported here.
LIBRARY = """
import json, sys
from BreastFusionLib.exam import read_exam
from BreastFusionLib.lesion import read_lesion
from BreastFusionLib.reading import Case, Reader, load_bundle
exam = read_exam(sys.argv[1])
lesion = read_lesion(sys.argv[2], exam)
print(json.dumps(Reader(load_bundle(sys.argv[3])).read(Case(exam, lesion)).to_mapping()))
"""


@pytest.fixture(scope="module")
def exam_folder(phantom_exam, tmp_path_factory) -> Path:
    from BreastFusionLib.exam.exam_folder import write_exam

    folder = tmp_path_factory.mktemp("exams") / "P0001"
    return write_exam(phantom_exam.exam, folder, {"L1": phantom_exam.lesion.mask})


@pytest.fixture(scope="module")
def library_reading(exam_folder, demo_bundle):
    lesion = exam_folder / "lesions" / "L1.nii.gz"
    command = [sys.executable, "-c", LIBRARY, str(exam_folder), str(lesion), str(demo_bundle)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def assert_same_numbers(reading, expected) -> None:
    """Features agree to 1e-6 relative, probabilities to 1e-6."""
    assert reading["probability"] == pytest.approx(expected["probability"], abs=1e-6)
    assert reading["parts"] == pytest.approx(expected["parts"], abs=1e-6)
    found = {row["name"]: row["value"] for row in reading["features"]}
    wanted = {row["name"]: row["value"] for row in expected["features"]}
    assert found.keys() == wanted.keys() and len(found) > 20
    for name, value in wanted.items():
        assert (found[name] is None) == (value is None), name
        assert value is None or math.isclose(found[name], value, rel_tol=1e-6, abs_tol=1e-12), name


def test_a_lesion_of_the_scene_reads_as_its_files_do(study, demo_bundle, library_reading, tmp_path):
    from BreastFusionPanel import console

    parameters, segment_id = study
    told = []
    reading = console.read_lesion(parameters, demo_bundle, segment_id, tmp_path / "out", told.append, "cpu")

    assert_same_numbers(reading, library_reading)
    assert (
        json.loads((tmp_path / "out" / "reading.json").read_text(encoding="utf-8"))["probability"]
        == reading["probability"]
    )
    assert told and all(isinstance(line, str) and line for line in told)


def test_nodes_are_read_beside_the_panels_own_study(study, demo_bundle, library_reading):
    import slicer

    from BreastFusion import BreastFusionLogic

    shown, _segment = study
    before = slicer.mrmlScene.GetNumberOfNodes()
    nodes = (shown.dceSequence, shown.segmentation, shown.t1Volume, shown.t2Volume)
    reading = BreastFusionLogic().readLesion(demo_bundle, progress=None, device="cpu", nodes=nodes)
    assert_same_numbers(reading, library_reading)
    assert slicer.mrmlScene.GetNumberOfNodes() == before


def test_without_a_lesion_the_console_says_what_to_do(study, demo_bundle):
    from BreastFusionPanel import console
    from BreastFusionPanel.bridge.segments import remove_lesion

    parameters, segment_id = study
    remove_lesion(parameters, segment_id)
    with pytest.raises(InputError, match="draw one"):
        console.read_lesion(parameters, demo_bundle)


def test_of_several_lesions_one_must_be_chosen(study, demo_bundle, phantom_exam):
    from BreastFusionPanel import console
    from BreastFusionPanel.bridge.segments import add_lesion

    parameters, _segment = study
    add_lesion(parameters, phantom_exam.lesion.mask)
    parameters.selectedLesion = ""
    with pytest.raises(InputError, match="There are 2 lesions"):
        console.read_lesion(parameters, demo_bundle)


def test_a_folder_of_exams_becomes_a_table_and_a_broken_exam_a_row(
    scene, exam_folder, demo_bundle, library_reading, tmp_path
):
    from BreastFusionPanel import console

    exams = tmp_path / "Studien ä"
    exams.mkdir()
    (exams / "broken").mkdir()
    (exams / "broken" / "exam.json").write_text("{", encoding="utf-8")
    (exams / "P0001").symlink_to(exam_folder)
    told = []
    rows = console.read_exams(exams, demo_bundle, tmp_path / "out", told.append, "cpu")

    by_exam = {Path(row["exam"]).name: row for row in rows}
    assert by_exam["broken"]["status"] == "failed" and "broken" in by_exam["broken"]["reason"]
    assert by_exam["P0001"]["probability"] == pytest.approx(library_reading["probability"], abs=1e-6)
    assert "Reading exam 1 of 2, L1 (0%)" in told
    with (tmp_path / "out" / "readings.csv").open(encoding="utf-8", newline="") as stream:
        table = list(csv.DictReader(stream))
    written = next(float(row["probability"]) for row in table if row["probability"])
    assert written == by_exam["P0001"]["probability"]


def test_no_exam_at_all_is_a_sentence(scene, demo_bundle, tmp_path):
    from BreastFusionPanel import console

    with pytest.raises(InputError, match="No exam was given"):
        console.read_exams([], demo_bundle, tmp_path / "out", None)


def test_a_folder_that_is_no_model_is_a_sentence(scene, exam_folder, tmp_path):
    from BreastFusionPanel import console

    with pytest.raises(InputError, match="bundle"):
        console.read_exams([exam_folder], tmp_path, tmp_path / "out", None)
