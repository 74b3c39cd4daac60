"""Work in small steps: events pass in between, and stopping leaves nothing behind."""

from __future__ import annotations

import pytest


@pytest.fixture
def make_steps(scene):
    from BreastFusionPanel.process.steps import Steps

    return Steps


def test_events_pass_between_steps(make_steps, wait_until):
    import qt

    seen, done = [], []
    timer = qt.QTimer()
    timer.timeout.connect(lambda: seen.append("event"))
    timer.start(0)

    def work():
        yield from (0, 1, 2)
        return "the end"

    steps = make_steps(work(), seen.append, done.append)
    assert seen == []
    wait_until(lambda: done, 5, "the end")
    timer.stop()
    assert done == ["the end"]
    assert [one for one in seen if one != "event"] == [0, 1, 2]
    assert steps.is_done and "event" in seen[seen.index(0) : seen.index(2)]


def test_whatever_became_due_during_a_step_comes_before_the_next(make_steps, wait_until):
    import time

    import qt

    seen, done = [], []
    timer = qt.QTimer()
    timer.timeout.connect(lambda: seen.append("due"))
    timer.start(10)

    def work():
        for number in range(5):
            time.sleep(0.02)
            yield number

    steps = make_steps(work(), seen.append, done.append)
    wait_until(lambda: done, 5, "the end")
    timer.stop()
    assert steps.is_done
    assert all("due" in seen[seen.index(number) : seen.index(number + 1)] for number in range(4))


def test_a_failure_ends_the_steps_and_is_told(make_steps, wait_until):
    def work():
        yield 1
        raise ValueError("broken")

    errors = []
    steps = make_steps(work(), on_error=errors.append)
    wait_until(lambda: steps.is_done, 5, "the failure")
    assert [str(error) for error in errors] == ["broken"]


def test_stopping_makes_no_further_step_and_lets_the_work_clean_up(make_steps, slicer_app):
    seen, told = [], []

    def work():
        try:
            while True:
                seen.append("step")
                yield
        finally:
            seen.append("cleaned up")

    steps = make_steps(work(), on_done=told.append, on_error=told.append)
    slicer_app.app.processEvents()
    steps.stop()
    count = len(seen)
    slicer_app.app.processEvents()
    assert seen[-1] == "cleaned up" and len(seen) == count and told == []


def test_a_step_may_stop_its_own_steps(make_steps, wait_until, slicer_app):
    holder = []

    def work():
        yield 1
        holder[0].stop()
        yield 2

    seen = []
    holder.append(make_steps(work(), seen.append))
    wait_until(lambda: holder[0].is_done, 5, "the stop")
    slicer_app.app.processEvents()
    assert seen == [1]


def test_steps_that_ended_leave_no_timer(make_steps, wait_until):
    """In the application a timer keeps alive whoever it calls; nobody but Qt can let go of it."""
    import shiboken6

    steps = make_steps(iter(range(2)))
    wait_until(lambda: steps.is_done, 5, "the end")
    wait_until(lambda: not shiboken6.isValid(steps._timer), 5, "the timer to go")
    steps.stop()
