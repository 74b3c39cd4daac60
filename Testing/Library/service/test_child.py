"""The program as an application uses it: started, asked, cancelled, and asked for the impossible."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
import SimpleITK as sitk

from BreastFusionLib.exam import write_exam
from BreastFusionLib.exam.geometry import Grid
from BreastFusionLib.files import sha256_of_file, write_json
from BreastFusionLib.lesion import map_lesion
from BreastFusionLib.reading import InputsSpec, Reader, cut_case, load_bundle, outline_range
from BreastFusionLib.reading.portion import Portion
from BreastFusionLib.service import read_exam_arrays, read_mapped, write_case

pytestmark = pytest.mark.fast


@pytest.fixture(scope="module")
def reader(bundle_folder):
    return Reader(load_bundle(bundle_folder))


@pytest.fixture(scope="module")
def whole(reader, case):
    """The reading in this process, of the whole exam."""
    return reader.read(case).to_mapping()


@pytest.fixture(scope="module")
def sent(child, case, recipe):
    """The case's part, written to the program's folder."""
    return write_case(cut_case(case, recipe.inputs), child.folder / "case")


def test_the_first_line_says_that_it_is_ready_and_what_it_is(child):
    assert child.ready["event"] == "ready"
    assert {"breastfusion", "python", "numpy", "SimpleITK", "torch"} <= set(child.ready["versions"])


def test_info_tells_devices_and_who_provides_radiomics(child):
    found = child.ask("info")
    assert found["devices"][0]["name"] == "cpu" and found["devices"][0]["usable"] is True
    assert set(found["radiomics"]) == {"provider", "version"}


def test_loading_says_where_the_model_runs_and_a_second_time_takes_no_time(child, bundle_folder):
    first = child.ask("load", bundle=bundle_folder, device="cpu")
    assert (first["name"], first["version"], first["device"]) == ("tiny", "1.0", "cpu")
    assert first["device_reason"] == "Runs on the CPU."
    assert child.stages() == ["load", "warm-up"]
    again = child.ask("load", bundle=bundle_folder, device="cpu")
    assert child.stages() == ["load"]
    assert again["seconds"] < 0.1


def test_a_reading_through_the_program_is_the_reading_of_the_whole_exam(child, bundle_folder, sent, whole):
    out = child.folder / "reading"
    result = child.ask("read", case=sent, bundle=bundle_folder, device="cpu", out=out)
    found = result["reading"]
    assert found["probability"] == pytest.approx(whole["probability"], abs=1e-9)
    assert found["parts"] == pytest.approx(whole["parts"], abs=1e-9)
    ours, theirs = ({(row["source"], row["name"]): row for row in mapping["features"]} for mapping in (found, whole))
    assert ours.keys() == theirs.keys() and len(ours) > 100
    for key, row in theirs.items():
        assert ours[key]["value"] == pytest.approx(row["value"], rel=1e-9, nan_ok=True), key
    for name in ("case_id", "statement", "class", "threshold", "why", "sources", "lesion", "kinetics", "warnings"):
        assert found[name] == whole[name], name
    assert found["mapping"] == whole["mapping"]
    assert json.loads((out / "reading.json").read_text()) == found
    assert result["folder"] == str(out)
    assert all((out / entry["file"]).is_file() for entry in (*found["maps"], *found["mapping"].values()))


def test_the_stages_of_a_reading_are_told_in_words_and_only_go_forward(child, bundle_folder, sent):
    child.ask("read", case=sent, bundle=bundle_folder, device="cpu", out=child.folder / "reading")
    told = [e for e in child.events if e["event"] == "progress"][-len(child.stages()) :]
    stages = list(dict.fromkeys(child.stages()))
    expected = "loading lesion mapping kinetics patches radiomics score explain writing"
    assert stages == expected.split()
    fractions = [event["fraction"] for event in told]
    assert fractions == sorted(fractions) and fractions[0] >= 0 and fractions[-1] < 1
    assert all(event["text"] and event["text"] != event["stage"] for event in told)


def test_stability_is_that_of_the_whole_case(child, bundle_folder, sent, reader, case):
    low, high = outline_range(case, reader.bundle)
    found = child.ask("stability", case=sent, bundle=bundle_folder, device="cpu")
    assert (found["low"], found["high"]) == pytest.approx((low, high), abs=1e-9)
    assert found["step_mm"] == 1.0


def test_a_meaningless_score_has_no_range(child, synthetic_bundle_folder, make_exam, case, recipe):
    patient = replace(case, exam=make_exam(synthetic=False))
    folder = write_case(cut_case(patient, recipe.inputs), child.folder / "patient")
    error = child.fail("stability", case=folder, bundle=synthetic_bundle_folder, device="cpu")
    assert (error["kind"], error["text"]) == ("input", "Demo model: its score has no meaning for this patient.")


@pytest.mark.parametrize("registration", ["none", "rigid"])
def test_a_mapped_lesion_comes_back(child, case, registration):
    inputs = InputsSpec(("dce", "t2"), registration=registration, patch=None)
    folder = write_case(cut_case(case, inputs), child.folder / f"map {registration}")
    result = child.ask("map", case=folder, to="t2", registration=registration, out=child.folder / "mapped")
    expected = map_lesion(case.lesion, case.exam, "t2", registration)
    found = read_mapped(result)
    assert found.to_mapping() == expected.to_mapping()
    assert Grid.of(found.mask) == case.exam.t2.grid
    np.testing.assert_array_equal(sitk.GetArrayFromImage(found.mask), sitk.GetArrayFromImage(expected.mask))
    assert (result["transform"] is None) == (expected.transform is None)


def test_registration_of_volumes_that_were_not_sent_is_refused(child, sent):
    error = child.fail("map", case=sent, to="t1", registration="rigid", out=child.folder / "mapped")
    assert error["kind"] == "input" and "without the whole volumes" in error["text"]


def test_a_study_on_disk_becomes_arrays(child, case, tmp_path):
    folder = write_exam(case.exam, tmp_path / "exam")
    result = child.ask("study", folder=folder, out=child.folder / "study")
    found = read_exam_arrays(result["exam"])
    np.testing.assert_array_equal(
        sitk.GetArrayFromImage(found.dce.phase(3).image), sitk.GetArrayFromImage(case.exam.dce.phase(3).image)
    )
    assert found.t2.grid == case.exam.t2.grid
    told = [e["text"] for e in child.events if e["event"] == "progress" and e["stage"] == "volumes"]
    assert told[-1] == "Reading volume 7 of 7"


def test_a_phantom_comes_with_a_point_in_its_lesion(child):
    result = child.ask("phantom", seed=3, number=2, small=True, out=child.folder / "phantom")
    exam = read_exam_arrays(result["exam"])
    assert exam.synthetic and exam.t2 is not None
    assert exam.dce.grid.contains(result["lesion_center_lps"])
    assert result["label"] in (0, 1) and result["side"] in ("left", "right")


def test_many_exams_become_rows_and_a_table(child, bundle_folder, case, tmp_path):
    write_exam(case.exam, tmp_path / "exams" / "E1", {"L1": case.lesion.mask})
    result = child.ask("exams", exams=[str(tmp_path / "exams")], bundle=bundle_folder, device="cpu", out=tmp_path / "o")
    (row,) = result["rows"]
    assert row["status"] == "ok" and 0 < row["probability"] < 1
    assert result["table"] == str(tmp_path / "o" / "readings.csv")
    assert child.events[-2]["text"] == "All exams are read"


def test_the_page_is_made_of_the_slices_that_were_sent(child, bundle_folder, sent, case):
    pytest.importorskip("matplotlib")
    pytest.importorskip("contourpy")
    out = child.folder / "for the page"
    reading = child.ask("read", case=sent, bundle=bundle_folder, device="cpu", out=out)["reading"]
    slices = write_case(Portion(case, {}, InputsSpec()), child.folder / "slices")
    page = child.ask("report", case=slices, reading=out, out=out)["page"]
    text = (out / "report.html").read_text()
    assert page == str(out / "report.html")
    assert "C1" in text and text.count("<svg") > 8
    again = child.ask("report", case=slices, reading=out / "reading.json", out=child.folder / "elsewhere")["page"]
    assert again == str(child.folder / "elsewhere" / "report.html")
    assert child.ask("report", case=slices, reading=reading, out=out)["page"] == page


WITHOUT_MATPLOTLIB = """
import sys
from BreastFusionLib.service.__main__ import main
sys.modules["matplotlib"] = sys.modules["contourpy"] = None
sys.exit(main(sys.argv[1:]))
"""


def test_without_matplotlib_the_page_is_refused_in_words(start_child, bundle_folder, case, recipe):
    child = start_child(("-c", WITHOUT_MATPLOTLIB))
    folder = write_case(cut_case(case, recipe.inputs), child.folder / "case")
    reading = child.ask("read", case=folder, bundle=bundle_folder, device="cpu", out="out")["folder"]
    error = child.fail("report", case=folder, reading=reading, out="out")
    assert error["kind"] == "input"
    assert "needs the Python package 'matplotlib', which is not installed" in error["text"]


# -- what goes wrong ---------------------------------------------------------------------------------------------


def test_an_unknown_action_is_refused_with_the_nearest_known_one(child):
    error = child.fail("raed")
    assert (error["kind"], error["details"]) == ("input", "")
    assert error["text"].startswith("There is no action 'raed'. Did you mean 'read'?")


def test_wrong_arguments_are_refused_with_those_it_takes(child):
    assert "takes case, bundle, out, device" in child.fail("read", case="x")["text"]
    assert "unexpected keyword argument 'colour'" in child.fail("info", colour="red")["text"]


def test_broken_lines_are_answered_and_the_next_request_works(child):
    for line in (b"{", b"[1, 2]", b"\xff\xfe\xfa"):
        child.send(line)
        event = child.next_event()
        assert (event["event"], event["kind"], event["id"]) == ("error", "input", None)
    child.send(b'{"id": 99}')
    event = child.next_event()
    assert event["id"] == 99 and "does not say what to do" in event["text"]
    child.send(b"")  # an empty line is nothing
    assert "devices" in child.ask("info")


def test_input_that_cannot_be_used_gives_the_librarys_sentence(child, bundle_folder, tmp_path, case, recipe, sent):
    missing = tmp_path / "nothing"
    assert child.fail("study", folder=missing, out=tmp_path / "x")["text"].startswith(f"{missing} does not exist.")
    error = child.fail("read", case=missing, bundle=bundle_folder, device="cpu", out=tmp_path / "x")
    assert error["kind"] == "input" and "Send the exam again" in error["text"]
    error = child.fail("load", bundle=missing, device="cpu")
    assert "is no folder: expected a bundle" in error["text"]
    assert "Unknown device 'gpu'" in child.fail("load", bundle=bundle_folder, device="gpu")["text"]
    x, y, z = case.exam.t1.grid.origin_lps
    away = replace(case.exam.t1, grid=replace(case.exam.t1.grid, origin_lps=(x + 500, y, z)))
    exam = replace(case.exam, series=(case.exam.dce, away))
    folder = write_case(cut_case(replace(case, exam=exam), recipe.inputs), tmp_path / "away")
    error = child.fail("read", case=folder, bundle=bundle_folder, device="cpu", out=tmp_path / "x")
    assert error["kind"] == "input" and "outside the field of view of the T1 series" in error["text"]


def test_a_case_that_was_cut_for_another_model_is_refused(child, bundle_folder, case, tmp_path):
    folder = write_case(cut_case(case, InputsSpec(sequences=("t1",))), tmp_path / "case")
    error = child.fail("read", case=folder, bundle=bundle_folder, device="cpu", out=tmp_path / "x")
    assert error["kind"] == "input" and "prepared for another model" in error["text"]


def test_a_bundle_that_was_replaced_is_loaded_anew(child, bundle_folder, sent, tmp_path):
    folder = shutil.copytree(bundle_folder, tmp_path / "bundle")
    request = {"case": sent, "bundle": folder, "device": "cpu", "out": tmp_path / "out"}
    assert child.ask("read", **request)["reading"]["bundle"]["version"] == "1.0"
    content = json.loads((folder / "metadata.json").read_text())
    write_json(folder / "metadata.json", content | {"version": "1.1"})
    sums = json.loads((folder / "checksums.json").read_text())
    write_json(folder / "checksums.json", sums | {"metadata.json": sha256_of_file(folder / "metadata.json")})
    assert child.ask("read", **request)["reading"]["bundle"]["version"] == "1.1"
    write_json(folder / "metadata.json", content)
    assert "was changed or damaged" in child.fail("read", **request)["text"]


# -- processes ---------------------------------------------------------------------------------------------------


def test_it_ends_when_its_stdin_is_closed(start_child):
    child = start_child()
    assert child.end() == 0


def test_requests_wait_for_each_other(start_child):
    child = start_child()
    phantom = child.start("phantom", seed=1, number=1, small=True, out="phantom")
    numbers = [phantom, child.start("study", folder="phantom", out="study"), child.start("nonsense")]
    assert [child.last_event(number)["event"] for number in numbers] == ["finished", "error", "error"]
    assert (child.folder / "phantom" / "dce_0.npy").is_file()  # relative to the private folder


NOISY = """
import ctypes, os, sys
from BreastFusionLib.service import actions
from BreastFusionLib.service.__main__ import main

def noisy(own):
    def run(self, tell):
        print("a Python library")
        sys.__stdout__.write("another one\\n")
        sys.__stdout__.flush()
        os.write(1, b"a compiled library\\n")
        os.system("echo a program; cat")
        if sys.platform == "linux":
            libc = ctypes.CDLL(None)
            libc.printf(b"buffered by C\\n")
            libc.fflush(None)
        return own(self, tell)
    return run

actions.Actions._info = noisy(actions.Actions._info)
sys.exit(main(sys.argv[1:]))
"""


def test_whatever_libraries_print_goes_to_stderr(start_child):
    child = start_child(("-c", NOISY))
    # Sent before the first is done: a program that reads stdin must not swallow it.
    numbers = [child.start("info"), child.start("info")]
    assert [child.last_event(number)["event"] for number in numbers] == ["finished", "finished"]
    child.process.stdin.close()
    assert child.process.stdout.read() == b""
    printed = child.process.stderr.read().decode()
    for words in ("a Python library", "another one", "a compiled library", "a program"):
        assert printed.count(words) == 2


BROKEN = """
import sys
from BreastFusionLib.service import actions
from BreastFusionLib.service.__main__ import main

def broken(self, tell, path):
    raise {error}

actions.Actions._info = broken
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.parametrize(
    ("error", "kind", "words"),
    [
        ("KeyError(path)", "internal", "KeyError: '<path>'"),
        ("MemoryError('Unable to allocate 9 GiB')", "memory", "9 GiB more were needed"),
    ],
)
def test_it_survives_what_nobody_thought_of(start_child, error, kind, words):
    child = start_child(("-c", BROKEN.format(error=error)))
    event = child.fail("info", path="/data/Meier")
    assert event["kind"] == kind and words in event["text"]
    assert ("in broken" in event["details"]) == (kind == "internal")
    assert child.fail("info", path="/data/Meier")["kind"] == kind
    child.process.stdin.close()
    assert "Meier" not in json.dumps(child.events) + child.process.stderr.read().decode()


def test_cancelling_by_ending_it_leaves_nothing_half_done(start_child, bundle_folder, case, tmp_path):
    exams, out = tmp_path / "exams", tmp_path / "out"
    for name in ("E1", "E2", "E3"):
        write_exam(case.exam, exams / name, {"L1": case.lesion.mask})
    child = start_child()
    request = {"exams": [str(exams)], "bundle": bundle_folder, "device": "cpu", "out": out}
    number = child.start("exams", **request)
    while child.next_event().get("text") != "Reading exam 2 of 3, L1":
        pass
    child.process.kill()
    child.process.wait()
    done = {path: path.stat().st_mtime_ns for path in out.rglob("done.json")}
    assert len(done) == 1
    assert all(json.loads((path.parent / "reading.json").read_text())["probability"] for path in done)
    again = start_child()
    rows = again.last_event(again.start("exams", **request))["result"]["rows"]
    assert number == 1 and [row["status"] for row in rows] == ["ok"] * 3
    assert all(path.stat().st_mtime_ns == time for path, time in done.items())


def test_it_ends_when_nobody_listens(start_child, bundle_folder):
    child = start_child()
    child.process.stdout.close()
    child.send(b'{"id": 1, "do": "info"}')
    assert child.process.wait(60) == 1


def test_a_wrong_folder_is_wrong_use(tmp_path):
    import subprocess
    import sys

    program = [sys.executable, "-m", "BreastFusionLib.service"]
    for arguments in ([], [str(tmp_path / "absent")], [str(tmp_path), "more"]):
        done = subprocess.run([*program, *arguments], capture_output=True, text=True, check=False)
        assert done.returncode == 2 and "Usage" in done.stderr and done.stdout == ""
