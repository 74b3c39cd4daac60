"""What the worker's child writes: messages are put together, all else is a log with an end."""

from __future__ import annotations

import os

import pytest
from BreastFusionPanel.process import child as child_module
from worker_fixtures import *  # noqa: F403


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


def test_lines_that_come_in_pieces_are_put_together_within_a_character_even(worker):
    assert worker.request("halves", {}).wait(10) == {"name": "Läsion"}


def test_bytes_that_are_no_utf8_are_kept_as_far_as_they_go(worker, wait_until):
    worker.request("latin", {}).wait(10)
    wait_until(lambda: worker.last_lines == ("d\ufffdbit \ufffd",), 5, "the log")


def test_what_is_no_message_is_log_and_answers_to_others_are_passed_over(worker):
    assert worker.request("nonsense", {}).wait(10) == {"right": True}
    assert worker.last_lines == ("{ this is no JSON", "[1, 2]", "{}")


def test_a_line_without_end_stops_the_child(worker, monkeypatch):
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
