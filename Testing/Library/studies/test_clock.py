"""What is left of a study is told from what its runs took."""

import pytest

from BreastFusionLib.studies.clock import Clock, duration


def test_runs_take_as_long_as_those_of_their_model_and_of_other_models_as_those_of_the_slowest():
    clock = Clock({"a": [True, True], "b": [True, True], "c": [True]})
    assert clock.left_s is None and clock.words == "0 of 5 runs."
    clock.finished("a", 60)
    assert clock.left_s == 4 * 60
    clock.finished("a", 120)
    assert clock.left_s == 3 * 90
    clock.finished("b", 10)
    assert clock.left_s == 10 + 90
    clock.finished("b", 10)
    clock.finished("c", 50)
    assert clock.left_s == 0 and clock.words == "5 of 5 runs."


def test_runs_that_were_finished_before_count_and_take_no_time():
    clock = Clock({"a": [False, True], "b": [True]})
    clock.finished("a", 0.1)
    assert clock.done == 1 and clock.left_s is None
    clock.finished("a", 30)
    assert clock.left_s == 30
    clock.leave_out("b")
    assert clock.words == "2 of 2 runs."


@pytest.mark.parametrize(("seconds", "words"), [(12.4, "12 s"), (600, "10 min"), (3 * 3600, "3.0 h")])
def test_a_duration_is_told_in_words(seconds, words):
    assert duration(seconds) == words
