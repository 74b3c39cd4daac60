"""However the worker or its child ends, it is told, and nothing is left: no process, no folder."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
from BreastFusionPanel.process.worker import Worker
from worker_fixtures import *  # noqa: F403

# Processes


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
    launcher = tmp_path / "launcher.py"
    launcher.write_text("import subprocess, sys\nsubprocess.run([sys.executable, *sys.argv[1:]])\n", encoding="utf-8")
    worker = Worker(python=sys.executable, program=(str(launcher), str(child)))
    pid = worker.request("echo", {"text": ""}).wait(10)["pid"]
    worker.request("never", {})
    worker.stop()
    assert not _is_alive(pid)


# Folders


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
    worker = Worker(python=sys.executable)
    folder = worker.folder
    assert folder.is_dir()
    del worker
    assert not folder.exists()


def test_folders_that_a_crashed_application_left_are_removed_after_a_day(slicer_app, tmp_path, monkeypatch):
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
