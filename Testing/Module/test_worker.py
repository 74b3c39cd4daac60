"""The worker against a small child that behaves as badly as a program can."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from BreastFusionLib.errors import InputError

CHILD = """
import json, os, sys, time

def say(**message):
    print(json.dumps(message), flush=True)

def half(text):
    os.write(1, text); time.sleep(0.05)

if "dies-at-start" in sys.argv:
    sys.exit("No module named torch")
if "mute" not in sys.argv:
    say(event="ready", versions={"breastfusion": "9"}, pid=os.getpid())
for line in sys.stdin:
    request = json.loads(line)
    number, do = request["id"], request["do"]
    if do == "echo":
        say(id=number, event="finished", result={"said": request["text"], "pid": os.getpid()})
    elif do == "stages":
        say(id=number, event="progress", stage="mapping", fraction=0.25, text="Mapping")
        say(id=number, event="progress", stage="score", fraction=None, text="Scoring")
        say(id=number, event="finished", result={})
    elif do == "refuse":
        say(id=number, event="error", kind="input", text="Draw a lesion first.", details="")
    elif do == "die":
        print("the last words", file=sys.stderr, flush=True)
        os._exit(3)
    elif do == "crash":
        os.kill(os.getpid(), 9)
    elif do == "flood":
        for count in range(20000):
            print("progress of a library", count)
        say(id=number, event="finished", result={"lines": 20000})
    elif do == "bar":
        for share in range(200):
            os.write(2, b"\\r" + b"#" * 1000)
        say(id=number, event="finished", result={})
    elif do == "halves":
        text = json.dumps({"id": number, "event": "finished", "result": {"name": "Läsion"}}, ensure_ascii=False)
        piece = text.encode()
        cut = piece.index("ä".encode()) + 1   # within the character
        half(piece[:5]); half(piece[5:cut]); half(piece[cut:]); half(b"\\n")
    elif do == "latin":
        os.write(2, b"d\\xe9bit \\xff\\n")
        say(id=number, event="finished", result={})
    elif do == "nonsense":
        print("{ this is no JSON"); print("[1, 2]"); print("{}")
        say(id=number + 1000, event="finished", result={"of": "another request"})
        say(id=number, event="finished", result={"right": True})
    elif do == "endless":
        while True:
            os.write(1, b"x" * 65536)
    elif do == "environment":
        say(id=number, event="finished", result=dict(os.environ))
"""


@pytest.fixture
def child(tmp_path) -> Path:
    script = tmp_path / "child.py"
    script.write_text(CHILD, encoding="utf-8")
    return script


@pytest.fixture
def make_worker(slicer_app, child):
    """Makes workers of the small child, and takes them down again."""
    from BreastFusionPanel.process.worker import Worker

    made = []

    def make(*arguments: str, **options) -> Worker:
        made.append(Worker(python=sys.executable, program=(str(child), *arguments), **options))
        return made[-1]

    yield make
    for worker in made:
        worker.stop()


@pytest.fixture
def worker(make_worker):
    return make_worker()


def test_a_request_brings_its_result_and_starts_the_process_by_itself(worker):
    assert not worker.is_running
    finished = []
    request = worker.request("echo", {"text": "größer"}, finished.append)
    assert worker.is_running and worker.is_busy

    result = request.wait(10)

    assert result["said"] == "größer"
    assert finished == [result]
    assert not worker.is_busy


def test_starting_returns_before_the_process_runs(worker, child):
    child.write_text("import time; time.sleep(2)\n" + CHILD, encoding="utf-8")
    began = time.monotonic()
    worker.start()
    worker.request("echo", {"text": ""})
    assert time.monotonic() - began < 0.1


def test_ready_tells_the_versions_each_time_a_process_starts(worker, wait_until):
    versions = []
    worker.ready.connect(versions.append)
    worker.start()
    wait_until(lambda: versions, 10, "the process")
    assert versions == [{"breastfusion": "9"}]


def test_requests_are_done_one_after_the_other_by_the_same_process(worker):
    order = []
    requests = [worker.request("echo", {"text": str(i)}, lambda r: order.append(r["said"])) for i in range(5)]
    pids = {request.wait(10)["pid"] for request in requests}
    assert order == ["0", "1", "2", "3", "4"]
    assert len(pids) == 1


def test_progress_comes_by_stage(worker):
    seen = []
    worker.request("stages", {}, on_progress=seen.append).wait(10)
    assert [(p.stage, p.fraction, p.text) for p in seen] == [("mapping", 0.25, "Mapping"), ("score", None, "Scoring")]


def test_what_the_user_can_mend_is_an_input_error_in_the_console(worker):
    errors = []
    request = worker.request("refuse", {}, on_error=errors.append)
    with pytest.raises(InputError, match=r"Draw a lesion first\."):
        request.wait(10)
    assert (errors[0].kind, errors[0].text) == ("input", "Draw a lesion first.")


def test_arguments_may_be_prepared_in_steps_between_events(worker, slicer_app):
    seen = []

    def steps():
        yield "Measuring"
        yield "Cutting"
        return {"text": "prepared"}

    request = worker.request("echo", steps(), on_progress=lambda p: seen.append((p.stage, p.text)))
    assert not request.is_prepared and request.arguments == {}
    assert request.wait(10)["said"] == "prepared"
    assert seen == [("prepare", "Measuring"), ("prepare", "Cutting")]
    assert request.arguments == {"text": "prepared"}


def test_a_preparation_that_fails_ends_the_request_with_its_sentence_and_the_next_one_goes_on(worker):
    def steps():
        yield "Measuring"
        raise InputError("The lesion is empty: draw it.")

    broken = worker.request("echo", steps())
    after = worker.request("echo", {"text": "after"})
    with pytest.raises(InputError, match="draw it"):
        broken.wait(10)
    assert after.wait(10)["said"] == "after"


def test_an_unexpected_failure_while_preparing_brings_the_log(worker):
    def steps():
        yield "Measuring"
        raise KeyError("t1")

    errors = []
    request = worker.request("echo", steps(), on_error=errors.append)
    with pytest.raises(RuntimeError, match="KeyError"):
        request.wait(10)
    assert errors[0].kind == "internal" and "KeyError" in errors[0].details


def test_a_child_that_dies_says_its_last_words_and_what_to_do_and_the_next_request_starts_another(worker):
    first = worker.request("echo", {"text": ""}).wait(10)["pid"]
    errors, crashes = [], []
    worker.crashed.connect(crashes.append)
    request = worker.request("die", {}, on_error=errors.append)
    waiting = worker.request("echo", {"text": "waits"}, on_error=errors.append)
    with pytest.raises(RuntimeError, match="the last words"):
        request.wait(10)

    assert [error.kind for error in errors] == ["died", "died"] and waiting.is_done
    assert "exit code 3" in errors[0].text and "Try again" in errors[0].text
    assert errors[0].details.endswith("the last words")
    assert crashes == [errors[0]]
    assert not worker.is_running and worker.last_lines == ("the last words",)
    assert worker.request("echo", {"text": ""}).wait(10)["pid"] != first


@pytest.mark.skipif(os.name == "nt", reason="signals")
def test_a_child_that_the_system_ends_is_told_as_such(worker):
    with pytest.raises(RuntimeError, match="lack of memory"):
        worker.request("crash", {}).wait(10)


def test_a_child_that_dies_at_start_is_no_endless_loop_and_is_told_the_second_time(make_worker, slicer_app):
    worker = make_worker("dies-at-start")
    starts = []
    worker.crashed.connect(starts.append)
    texts = []
    for _attempt in range(2):
        with pytest.raises(RuntimeError, match="No module named torch") as caught:
            worker.request("echo", {"text": ""}).wait(10)
        texts.append(str(caught.value))
    until = time.monotonic() + 0.5
    while time.monotonic() < until:
        slicer_app.app.processEvents()

    assert len(starts) == 2 and not worker.is_running
    assert "in a row" not in texts[0]
    assert "2 in a row" in texts[1] and "Batch and set-up" in texts[1]


def test_an_interpreter_that_is_not_there_is_a_sentence(slicer_app, tmp_path):
    from BreastFusionPanel.process.worker import Worker

    worker = Worker(python=str(tmp_path / "no-python"))
    with pytest.raises(RuntimeError, match="no-python cannot be started"):
        worker.request("info", {}).wait(10)
    worker.stop()


def test_cancel_ends_a_request_that_never_answers_and_a_fresh_process_gets_ready(worker, wait_until):
    first = worker.request("echo", {"text": ""}).wait(10)["pid"]
    kinds, ready = [], []
    stuck = worker.request("never", {}, on_error=lambda error: kinds.append(error.kind))
    worker.ready.connect(ready.append)

    stuck.cancel()

    assert kinds == ["cancelled"] and stuck.is_done
    wait_until(lambda: ready, 10, "a fresh process")
    assert not _is_alive(first)
    assert worker.request("echo", {"text": ""}).wait(10)["pid"] != first


def test_cancelling_one_request_leaves_the_others(worker):
    kinds = []
    stuck = worker.request("never", {}, on_error=lambda error: kinds.append(error.kind))
    queued = worker.request("echo", {"text": "goes on"})
    dropped = worker.request("echo", {"text": ""}, on_error=lambda error: kinds.append(error.kind))
    dropped.cancel()
    stuck.cancel()
    assert kinds == ["cancelled", "cancelled"]
    assert queued.wait(10)["said"] == "goes on"


def test_a_request_that_waits_for_its_turn_is_cancelled_without_ending_the_process(worker):
    pid = worker.request("echo", {"text": ""}).wait(10)["pid"]
    worker.request("echo", {"text": ""})
    worker.request("echo", {"text": ""}).cancel()
    assert worker.request("echo", {"text": ""}).wait(10)["pid"] == pid


def test_waiting_too_long_cancels(worker):
    request = worker.request("never", {})
    with pytest.raises(RuntimeError, match=r"0\.2 s"):
        request.wait(0.2)
    assert request.error.kind == "cancelled" and not worker.is_busy


def test_a_flood_on_stdout_is_a_bounded_log(worker):
    assert worker.request("flood", {}).wait(30) == {"lines": 20000}
    assert len(worker.last_lines) == 200
    assert worker.last_lines[-1] == "progress of a library 19999"


def test_a_progress_bar_that_begins_no_new_line_is_a_bounded_log(worker, wait_until):
    worker.request("bar", {}).wait(20)
    wait_until(lambda: worker._child._partial["log"].endswith(b"#" * 1000))
    worker.request("die", {})
    wait_until(lambda: worker.last_lines and worker.last_lines[-1].endswith("the last words"))
    assert len(worker.last_lines[-1]) <= 16 << 10


@pytest.mark.parametrize("number", [0, -1, 1, True])
def test_a_process_that_says_a_wrong_number_of_itself_ends_nobody_else(worker, monkeypatch, number):
    worker.request("echo", {"text": ""}).wait(20)
    child, killed = worker._child, []
    child._pid = None
    child._take(json.dumps({"event": "ready", "pid": number}).encode())
    monkeypatch.setattr("os.kill", lambda *who: killed.append(who))
    worker.stop()
    child.kill()
    assert not killed


def test_lines_that_come_in_pieces_are_put_together_within_a_character_even(worker):
    assert worker.request("halves", {}).wait(10) == {"name": "Läsion"}


def test_bytes_that_are_no_utf8_are_kept_as_far_as_they_go(worker, wait_until):
    worker.request("latin", {}).wait(10)
    wait_until(lambda: worker.last_lines == ("d\ufffdbit \ufffd",), 5, "the log")


def test_what_is_no_message_is_log_and_answers_to_others_are_passed_over(worker):
    assert worker.request("nonsense", {}).wait(10) == {"right": True}
    assert worker.last_lines == ("{ this is no JSON", "[1, 2]", "{}")


def test_a_line_without_end_stops_the_child(worker, monkeypatch):
    from BreastFusionPanel.process import child as child_module

    monkeypatch.setattr(child_module, "LONGEST_LINE_BYTES", 1 << 20)
    with pytest.raises(RuntimeError, match="without an end"):
        worker.request("endless", {}).wait(20)
    assert not worker.is_running


def test_the_child_sees_the_library_and_speaks_utf8(make_worker, tmp_path):
    seen = make_worker(library_folder=tmp_path / "Bibliothek ä").request("environment", {}).wait(10)
    assert seen["PYTHONPATH"].split(os.pathsep)[0] == str(tmp_path / "Bibliothek ä")
    assert (seen["PYTHONUTF8"], seen["MPLBACKEND"]) == ("1", "Agg")


def test_the_childs_idle_threads_leave_the_cores_to_others(make_worker):
    seen = make_worker().request("environment", {}).wait(10)
    assert (seen["OMP_WAIT_POLICY"], seen["OPENBLAS_NUM_THREADS"]) == ("PASSIVE", "1")


def test_the_private_folder_is_private_and_goes_with_the_worker(worker):
    folder = worker.folder
    (folder / "case").mkdir()
    if os.name != "nt":
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    worker.request("echo", {"text": ""}).wait(10)
    assert worker.folder == folder
    worker.stop()
    assert not folder.exists()


def test_a_worker_that_is_forgotten_leaves_no_folder(slicer_app):
    from BreastFusionPanel.process.worker import Worker

    worker = Worker(python=sys.executable)
    folder = worker.folder
    assert folder.is_dir()
    del worker
    assert not folder.exists()


def test_folders_that_a_crashed_application_left_are_removed_after_a_day(slicer_app, tmp_path, monkeypatch):
    import tempfile

    from BreastFusionPanel.process.worker import Worker

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    stale, young = tmp_path / "BreastFusion-stale", tmp_path / "BreastFusion-young"
    for folder in (stale, young):
        (folder / "case").mkdir(parents=True)
    yesterday = time.time() - 25 * 3600
    os.utime(stale, (yesterday, yesterday))

    worker = Worker(python=sys.executable)
    assert worker.folder.parent == tmp_path
    assert not stale.exists() and young.exists()
    worker.stop()


def test_stopping_leaves_no_process_and_tells_nobody(worker):
    pid = worker.request("echo", {"text": ""}).wait(10)["pid"]
    heard = []
    request = worker.request("never", {}, heard.append, heard.append)
    worker.stop()
    assert request.is_done and heard == []
    assert not worker.is_running and not _is_alive(pid)


def test_an_application_that_dies_leaves_no_process(child):
    script = (
        "import os, sys; sys.path[:0] = sys.argv[2:]\n"
        "from host import start; start()\n"
        "from BreastFusionPanel.process.worker import Worker\n"
        "worker = Worker(python=sys.executable, program=(sys.argv[1],))\n"
        "print(worker.request('echo', {'text': ''}).wait(20)['pid'], flush=True)\n"
        "os._exit(1)\n"
    )
    tests = Path(__file__).parent
    paths = [str(tests), str(tests.parents[1] / "BreastFusion")]
    done = subprocess.run([sys.executable, "-c", script, str(child), *paths], capture_output=True, timeout=60)
    assert not _is_alive(int(done.stdout))


def test_a_child_behind_a_launcher_is_ended_too(slicer_app, child, tmp_path):
    """PythonSlicer is a launcher: the interpreter is its child."""
    from BreastFusionPanel.process.worker import Worker

    launcher = tmp_path / "launcher.py"
    launcher.write_text("import subprocess, sys\nsubprocess.run([sys.executable, *sys.argv[1:]])\n", encoding="utf-8")
    worker = Worker(python=sys.executable, program=(str(launcher), str(child)))
    pid = worker.request("echo", {"text": ""}).wait(10)["pid"]
    worker.request("never", {})
    worker.stop()
    assert not _is_alive(pid)


def _is_alive(pid: int) -> bool:
    for _attempt in range(40):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return False
        if Path(f"/proc/{pid}/stat").exists() and Path(f"/proc/{pid}/stat").read_text().split(")")[1].split()[0] == "Z":
            return False
        time.sleep(0.05)
    return True
