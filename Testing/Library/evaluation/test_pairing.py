"""How predictions tables are paired: by case, by row, and not at all."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from BreastFusionLib.errors import InputError
from BreastFusionLib.evaluation import evaluate_predictions, pair, read_predictions


def test_tables_are_matched_by_case_in_any_order(write: Callable[[str, str], Path], four_cases: str) -> None:
    head, *rows = four_cases.splitlines()
    a = read_predictions(write("a.csv", four_cases))
    b = read_predictions(write("b.csv", "\n".join([head, *rows[::-1]])))
    assert pair([a, b]).scores.tolist() == [[0.9, 0.2, 0.6, 0.7]] * 2
    assert pair([a, b]).notes == ()


def test_tables_without_cases_pair_by_row_and_this_is_said(write: Callable[[str, str], Path]) -> None:
    a = read_predictions(write("a.csv", "label,score\n1,.9\n0,.1\n"))
    b = read_predictions(write("b.csv", "label,score\n1,.8\n0,.3\n"))
    paired = pair([a, b])
    assert paired.scores.tolist() == [[0.9, 0.1], [0.8, 0.3]]
    assert "row by row" in paired.notes[0]


@pytest.mark.parametrize(
    ("second", "words"),
    [
        (
            "case_id,label,score\n007,1,.9\n8,0,.2\n9,1,.6\n11,0,.1\n",
            r"1 cases are only in a \(10\), 1 only in b \(11\)",
        ),
        ("case_id,label,score\n007,1,.9\n8,0,.2\n9,0,.6\n10,0,.1\n", r"disagree for 1 of 4 cases \(9\)"),
        ("label,score\n1,.9\n0,.2\n", "b has 2 rows, a has 4"),
        ("label,score\n1,.9\n0,.2\n1,.3\n1,.3\n", r"disagree for 1 of 4 rows \(4\)"),
    ],
)
def test_tables_that_do_not_belong_together_are_refused(
    second: str, words: str, write: Callable[[str, str], Path], four_cases: str
) -> None:
    a = read_predictions(write("a.csv", four_cases))
    b = read_predictions(write("b.csv", second))
    with pytest.raises(InputError, match=words):
        pair([a, b])


def test_runs_predictions_are_named_by_their_folders(write: Callable[[str, str], Path], four_cases: str) -> None:
    paths = [write(f"{run}/predictions.csv", four_cases) for run in ("t1", "fusion")]
    assert list(evaluate_predictions(paths, bootstrap=0)["models"]) == ["t1", "fusion"]


def test_one_name_twice_is_refused(write: Callable[[str, str], Path], four_cases: str) -> None:
    path = write("a.csv", four_cases)
    with pytest.raises(InputError, match="Several models are named a"):
        pair([read_predictions(path), read_predictions(path)])


def test_tables_that_know_other_patients_are_said(write: Callable[[str, str], Path], four_cases: str) -> None:
    a = read_predictions(write("a.csv", four_cases))
    b = read_predictions(write("b.csv", four_cases.replace("8,B", "8,A")))
    paired = pair([a, b])
    assert paired.notes == ("b has another patient_id than a for 1 of 4 cases (8): those of a are counted.",)
    assert paired.patient_id is not None and paired.patient_id.tolist() == list("ABCD")


def test_different_cases_are_put_together_only_on_request_and_listed(
    write: Callable[[str, str], Path], four_cases: str
) -> None:
    a = write("a.csv", four_cases)
    b = write("b.csv", "case_id,label,score\n10,0,.7\n9,1,.6\n8,0,.2\n11,1,.9\n")
    with pytest.raises(InputError, match="--intersect"):
        evaluate_predictions([a, b], bootstrap=0)
    result = evaluate_predictions([a, b], bootstrap=0, intersect=True)
    assert result["models"]["b"]["n"] == 3
    assert result["flow"]["a"]["dropped"] == [{"rows": 1, "why": "not in every table"}]
    assert any("a: 1 cases that others lack are left out (007)" in note for note in result["notes"])
    assert any("b: 1 cases that others lack are left out (11)" in note for note in result["notes"])


def test_tables_without_a_common_case_are_refused(write: Callable[[str, str], Path], four_cases: str) -> None:
    paths = [write("a.csv", four_cases), write("b.csv", "case_id,label,score\nx,1,.2\ny,0,.1\n")]
    with pytest.raises(InputError, match="no case in common"):
        evaluate_predictions(paths, bootstrap=0, intersect=True)
