"""Prediction sets: thresholds by hand, and the promise of coverage kept in simulated studies."""

from __future__ import annotations

import math

import numpy as np
import pytest

from BreastFusionLib.errors import InputError
from BreastFusionLib.evaluation.conformal import fit_conformal


def validation(n: int) -> list[str]:
    return ["validation"] * n


def study(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Three classes, and a poor model's probabilities, which are too low for the rare class."""
    random = np.random.default_rng(seed)
    labels = random.choice(3, n, p=[0.6, 0.3, 0.1])
    logits = 1.5 * np.eye(3)[labels] - [0, 0, 1] + random.standard_normal((n, 3))
    return labels, np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)


def test_threshold_by_hand() -> None:
    # 9 positives with .1 .. .9: at a coverage of .8 the 8th largest, .2, is the least probability of a class.
    p = np.arange(1, 10) / 10
    sets = fit_conformal(np.ones(9, dtype=int), p, validation(9), coverage=0.8)
    assert sets.least == (0.2, 0.2) and sets.note == "" and sets.cases == 9
    assert sets([0.1, 0.2, 0.5, 0.85]).tolist() == [[True, False], [True, True], [True, True], [False, True]]


def test_whole_numbers_ask_for_no_case_more() -> None:
    # (19 + 1) x .9 = 18, although .9 is a little more than nine tenths in binary.
    p = np.arange(1, 20) / 20
    assert fit_conformal(np.ones(19, dtype=int), p, validation(19), coverage=0.9).least[1] == p[1]


def test_too_few_cases_give_whole_sets_and_say_so() -> None:
    sets = fit_conformal([0, 1, 1], [0.2, 0.7, 0.9], validation(3), coverage=0.9)
    assert sets.least == (-math.inf, -math.inf)
    assert sets([0.0, 1.0]).all()
    assert sets.note.startswith("A coverage of 0.9 needs 9 validation cases and has 3")


def test_patients_with_several_cases_are_not_what_the_coverage_is_of() -> None:
    labels, p, patients = [0, 1] * 10, np.tile([0.2, 0.8], 10), np.repeat(np.arange(10), 2)
    sets = fit_conformal(labels, p, validation(20), patients=patients)
    assert sets.note.startswith("The 20 validation cases come from 10 patients: sets are fitted as if cases")
    assert fit_conformal(labels, p, validation(20), patients=np.arange(20)).note == ""
    few = fit_conformal(labels[:4], p[:4], validation(4), patients=patients[:4]).note
    assert few.startswith("A coverage of 0.9 needs 9 validation cases and has 4") and "come from 2 patients" in few


def test_nine_cases_are_enough_for_nine_tenths() -> None:
    assert fit_conformal([1] * 9, np.arange(1, 10) / 10, validation(9), 0.9).least[1] == pytest.approx(0.1)


def test_two_classes_as_one_column_or_two() -> None:
    random = np.random.default_rng(0)
    p, labels = random.random(50), random.integers(0, 2, 50)
    one = fit_conformal(labels, p, validation(50))
    assert one == fit_conformal(labels, np.column_stack([1 - p, p]), validation(50))


@pytest.mark.parametrize("coverage", [0.8, 0.95])
def test_coverage_is_as_promised_and_hardly_more(coverage: float) -> None:
    held = []
    for seed in range(400):
        labels, p = study(260, seed)
        split = np.repeat(["validation", "test"], [60, 200])
        sets = fit_conformal(labels, p, split, coverage)
        held.append(sets.check(labels[60:], p[60:]).coverage.value)
    # The theorem: between coverage and coverage + 1 / (n + 1), on average over studies.
    error = 3 * np.std(held) / np.sqrt(len(held))
    assert coverage - error <= np.mean(held) <= coverage + 1 / 61 + error


def test_by_class_the_rare_class_is_covered_too() -> None:
    rare = {True: [], False: []}
    for seed in range(200):
        labels, p = study(800, seed)
        split = np.repeat(["validation", "test"], 400)
        for by_class, found in rare.items():
            sets = fit_conformal(labels, p, split, 0.9, by_class)
            found.append(sets.check(labels[400:], p[400:]).coverage_by_class[2].value)
    assert 0.9 - 0.012 <= np.mean(rare[True]) <= 0.9 + 1 / 41 + 0.012  # about 40 cases to fit on, 200 studies
    assert np.mean(rare[False]) < 0.8


def test_check_by_hand() -> None:
    sets = fit_conformal(np.ones(9, dtype=int), np.arange(1, 10) / 10, validation(9), coverage=0.8)
    report = sets.check([0, 1, 1, 1], [0.1, 0.1, 0.5, 0.9])  # {0}, {0}, {0, 1}, {1}
    assert (report.coverage.value, report.mean_size, report.single.value) == (0.75, 1.25, 0.75)
    assert [share.value for share in report.coverage_by_class] == [1, 2 / 3]
    assert report.empty.value == 0


def test_patients_with_several_cases_count_once() -> None:
    labels, p = study(300, 3)
    sets = fit_conformal(labels[:100], p[:100], validation(100))
    copies = np.tile(np.arange(100, 300), 3)
    alone, three = sets.check(labels[100:], p[100:]), sets.check(labels[copies], p[copies], patients=copies)
    assert three.coverage.low == pytest.approx(alone.coverage.low, abs=0.002)
    assert three.coverage_by_class[1].high == pytest.approx(alone.coverage_by_class[1].high, abs=0.005)


def test_other_cases_are_not_looked_at_and_test_cases_are_refused() -> None:
    labels, p = study(100, 1)
    split = np.repeat(["validation", "test"], 50)
    found = fit_conformal(labels, p, split)
    p[50:] = 1 / 3
    assert fit_conformal(labels, p, split) == found
    with pytest.raises(InputError, match="split 'validation'"):
        fit_conformal(labels, p, ["test"] * 100)


def test_bad_input_is_refused() -> None:
    with pytest.raises(InputError, match="0 to 1, found 2"):
        fit_conformal([0, 2], [0.1, 0.2], validation(2))
    with pytest.raises(InputError, match="in \\[0, 1\\]"):
        fit_conformal([0, 1], [0.1, np.nan], validation(2))
    with pytest.raises(InputError, match="coverage"):
        fit_conformal([0, 1], [0.1, 0.2], validation(2), coverage=90)
    sets = fit_conformal([0, 1] * 10, np.tile([0.2, 0.8], 10), validation(20))
    with pytest.raises(InputError, match="of 2 classes"):
        sets(np.ones((4, 3)) / 3)
