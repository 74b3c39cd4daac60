"""Predictions tables: what is read, how tables are paired, and what is refused with which words."""

from __future__ import annotations

from pathlib import Path

import pytest

from BreastFusionLib.errors import InputError
from BreastFusionLib.evaluation import evaluate_predictions, pair, read_predictions


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_text(text.replace(" ", ""))
    return path


GOOD = "case_id,patient_id,label,score\n007,A,1,0.9\n8,B,0,0.2\n9,C,1,0.6\n10,D,0,0.7\n"


def test_names_stay_text(tmp_path: Path) -> None:
    table = read_predictions(write(tmp_path / "fusion.csv", GOOD))
    assert table.name == "fusion"
    assert table.case_id is not None and table.case_id.tolist() == ["007", "8", "9", "10"]
    assert table.labels.tolist() == [1, 0, 1, 0]


def test_parquet_reads_alike(tmp_path: Path) -> None:
    import pandas

    pandas.read_csv(write(tmp_path / "a.csv", GOOD), dtype={"case_id": str}).to_parquet(tmp_path / "b.parquet")
    assert read_predictions(tmp_path / "b.parquet").scores.tolist() == [0.9, 0.2, 0.6, 0.7]


def test_only_the_test_split_is_evaluated_and_this_is_said(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "label,score,split\n1,.9,train\n0,.1,train\n1,.7,test\n0,.8,test\n")
    table = read_predictions(path)
    assert table.scores.tolist() == [0.7, 0.8]
    assert table.notes == ("a.csv: the 2 rows of split 'test' are evaluated, of 4 in the table.",)


def test_training_cases_are_never_evaluated_in_silence(tmp_path: Path) -> None:
    table = read_predictions(write(tmp_path / "a.csv", "label,score,split\n1,.9,train\n0,.1,train\n1,.7,validation\n"))
    assert table.notes == (
        "a.csv: there are no rows of split 'test'; 2 of the 3 rows evaluated are training cases, so that the figures "
        "are too good.",
    )


def test_tables_are_matched_by_case_in_any_order(tmp_path: Path) -> None:
    head, *rows = GOOD.splitlines()
    a = read_predictions(write(tmp_path / "a.csv", GOOD))
    b = read_predictions(write(tmp_path / "b.csv", "\n".join([head, *rows[::-1]])))
    assert pair([a, b]).scores.tolist() == [[0.9, 0.2, 0.6, 0.7]] * 2
    assert pair([a, b]).notes == ()


def test_tables_without_cases_pair_by_row_and_this_is_said(tmp_path: Path) -> None:
    a = read_predictions(write(tmp_path / "a.csv", "label,score\n1,.9\n0,.1\n"))
    b = read_predictions(write(tmp_path / "b.csv", "label,score\n1,.8\n0,.3\n"))
    paired = pair([a, b])
    assert paired.scores.tolist() == [[0.9, 0.1], [0.8, 0.3]]
    assert "row by row" in paired.notes[0]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("label,scores\n1,.5\n0,.2\n", r"a\.csv has no column 'score'. Did you mean 'scores'\?.*--score-column"),
        ("label,score\n1,.5\n0,\n", "1 of 2 scores are NaN"),
        ("label,score\n1,.5\n2,.1\n", "labels must be 0 .* or 1 .*, found 1.0, 2.0"),
        ("label,score\nyes,.5\nno,.1\n", "column 'label' holds text"),
        ("label,score\n1,.5\n1,.1\n", "all 2 labels are 1"),
        ("case_id,label,score\nx,1,.5\nx,0,.1\n", r"1 case_id occur more than once \(x\)"),
        ("case_id,label,score\nx,1,.5\n,0,.1\n", "1 rows have no case_id"),
        ("", "is no readable table"),
    ],
)
def test_bad_tables_are_refused_with_words(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        read_predictions(write(tmp_path / "a.csv", text))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nowhere\.csv does not exist"):
        read_predictions(tmp_path / "nowhere.csv")


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
def test_tables_that_do_not_belong_together_are_refused(tmp_path: Path, second: str, words: str) -> None:
    a = read_predictions(write(tmp_path / "a.csv", GOOD))
    b = read_predictions(write(tmp_path / "b.csv", second))
    with pytest.raises(InputError, match=words):
        pair([a, b])


def test_runs_predictions_are_named_by_their_folders(tmp_path: Path) -> None:
    paths = [write(tmp_path / run / "predictions.csv", GOOD) for run in ("t1", "fusion")]
    assert list(evaluate_predictions(paths, bootstrap=0)["models"]) == ["t1", "fusion"]


def test_one_name_twice_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", GOOD)
    with pytest.raises(InputError, match="rename the files"):
        pair([read_predictions(path), read_predictions(path)])
