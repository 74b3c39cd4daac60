"""The worker's requests: one after the other, prepared between events, each cancelled by itself."""

from __future__ import annotations

import time

import pytest
from worker_fixtures import *  # noqa: F403

from BreastFusionLib.errors import InputError


def test_a_request_brings_its_result_and_starts_the_process_by_itself(worker):
    assert not worker.is_running
    finished = []
    request = worker.request("echo", {"text": "größer"}, finished.append)
    assert worker.is_running and worker.is_busy

    result = request.wait(10)

    assert result["said"] == "größer"
    assert finished == [result]
    assert not worker.is_busy


def test_starting_returns_before_the_process_runs(make_worker):
    worker = make_worker("starts-slowly")  # 2 s
    began = time.monotonic()
    worker.start()
    worker.request("echo", {"text": ""})
    assert time.monotonic() - began < 1.0


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
