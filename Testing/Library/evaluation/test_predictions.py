"""Predictions tables: what is read, and what is refused with which words."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from BreastFusionLib.errors import InputError
from BreastFusionLib.evaluation import evaluate_predictions, read_predictions


def test_names_stay_text(write: Callable[[str, str], Path], four_cases: str) -> None:
    table = read_predictions(write("fusion.csv", four_cases))
    assert table.name == "fusion"
    assert table.case_id is not None and table.case_id.tolist() == ["007", "8", "9", "10"]
    assert table.labels.tolist() == [1, 0, 1, 0]


def test_parquet_reads_alike(tmp_path: Path, write: Callable[[str, str], Path], four_cases: str) -> None:
    pd.read_csv(write("a.csv", four_cases), dtype={"case_id": str}).to_parquet(tmp_path / "b.parquet")
    assert read_predictions(tmp_path / "b.parquet").scores.tolist() == [0.9, 0.2, 0.6, 0.7]


def test_only_the_test_split_is_evaluated_and_this_is_said(write: Callable[[str, str], Path]) -> None:
    path = write("a.csv", "label,score,split\n1,.9,train\n0,.1,train\n1,.7,test\n0,.8,test\n")
    table = read_predictions(path)
    assert table.scores.tolist() == [0.7, 0.8]
    assert table.notes == ("a.csv: the 2 rows of split 'test' are evaluated, of 4 in the table.",)


def test_training_cases_are_never_evaluated_in_silence(write: Callable[[str, str], Path]) -> None:
    table = read_predictions(write("a.csv", "label,score,split\n1,.9,train\n0,.1,train\n1,.7,validation\n"))
    assert table.notes == (
        "a.csv: there are no rows of split 'test'; 2 of the 3 rows evaluated are training cases, so that the figures "
        "are too good.",
    )


def test_columns_with_other_capitals_are_named(write: Callable[[str, str], Path]) -> None:
    for written, word in (("Case-ID", "case_id"), ("Split", "split"), ("RUN", "run")):
        with pytest.raises(InputError, match=f"the column '{written}' is written '{word}'"):
            read_predictions(write("a.csv", f"{written},label,score\n1,1,.9\n2,0,.1\n"))
    path = write("a.csv", "LABEL,Score\n1,.9\n0,.1\n")
    with pytest.raises(InputError, match=r"no column 'label'\. Did you mean 'LABEL'"):
        read_predictions(path)
    assert read_predictions(path, "LABEL", "Score").labels.tolist() == [1, 0]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("label,scores\n1,.5\n0,.2\n", r"a\.csv has no column 'score'. Did you mean 'scores'\?.*--score-column"),
        ("label,score\n1,.5\n0,\n", r"1 of 2 rows have no label or score \(2\)"),
        ("label,score\n1,.5\n2,.1\n", "labels must be 0 .* or 1 .*, found 1.0, 2.0"),
        ("label,score\nyes,.5\nno,.1\n", "column 'label' holds text"),
        ("label,score\n1,.5\n1,.1\n", "all 2 labels are 1"),
        ("case_id,label,score\nx,1,.5\nx,1,.1\ny,0,.2\n", r"1 case_id occur more than once \(x\)"),
        ("case_id,label,score\nx,1,.5\nx,0,.1\n", r"1 case_id have rows with different labels \(x\)"),
        ("case_id,run,label,score\nx,1,1,.5\nx,1,1,.1\ny,2,0,.2\n", r"x occur more than once in run 1"),
        (
            "case_id,run,label,score\nx,1,1,.5\ny,1,0,.1\nx,2,1,.2\n",
            r"different cases \(y in one only\).*every run.*'fold'",
        ),
        ("case_id,run,label,score\nx,1,1,.5\ny,1,0,.1\nx,2,0,.2\ny,2,0,.2\n", r"different labels \(x\)"),
        ("run,label,score\n1,1,.5\n1,0,.1\n2,0,.2\n2,1,.2\n", r"which the table lacks. Add a column case_id"),
        ("label,score_a,score_b,score_c\n3,.1,.2,.7\n", r"3 is no class. Expected: a, b, c, or 0 to 2"),
        ("label,score_a,score_b,score_c\n1,.1,.2,\n0,.1,.2,.7", r"1 of 2 rows have no label or score"),
        ("case_id,label,score\nx,1,.5\n,0,.1\n", "1 rows have no case_id"),
        ("", "is no readable table"),
        ("case_id,label,score\n", "has a header line and no rows"),
    ],
)
def test_bad_tables_are_refused_with_words(text: str, words: str, write: Callable[[str, str], Path]) -> None:
    with pytest.raises(InputError, match=words):
        read_predictions(write("a.csv", text))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nowhere\.csv does not exist"):
        read_predictions(tmp_path / "nowhere.csv")


def test_spreadsheets_with_decimal_commas_are_read(write: Callable[[str, str], Path]) -> None:
    table = read_predictions(write("a.csv", "case_id;label;score\n01;1;0,75\n02;0;0,25\n"))
    assert table.scores.tolist() == [0.75, 0.25] and table.case_id is not None and table.case_id[0] == "01"


def test_nothing_to_evaluate_is_said() -> None:
    with pytest.raises(InputError, match="at least one predictions table"):
        evaluate_predictions([])


def test_classes_that_count_as_positive_make_two_of_three(
    tmp_path: Path, write: Callable[[str, str], Path], three_classes: str
) -> None:
    table = read_predictions(write("a.csv", three_classes), positive=["benign", "malignant"])
    assert table.classes == () and table.labels.tolist() == [0, 0, 1, 1, 1, 1]
    assert table.scores.tolist() == pytest.approx([0.3, 0.5, 0.7, 0.8, 0.9, 0.8])
    with pytest.raises(InputError, match=r"no class 'bening'. Did you mean 'benign'"):
        read_predictions(tmp_path / "a.csv", positive=["bening"])


def test_probabilities_that_add_up_to_a_little_more_than_1_are_probabilities(
    write: Callable[[str, str], Path], three_classes: str
) -> None:
    rounded = three_classes.replace(",.1,.2,.7", ",0,.3,.7000001")
    table = read_predictions(write("a.csv", rounded), positive=["benign", "malignant"])
    assert table.scores[4] == 1.0  # not 1.0000001
    others = three_classes.replace(",.1,.2,.7", ",0,.3,.8")  # scores that are no probabilities stay as they are
    table = read_predictions(write("a.csv", others), positive=["benign", "malignant"])
    assert table.scores[4] == pytest.approx(1.1)


def test_one_score_has_no_classes_to_choose_from_and_is_no_label(
    write: Callable[[str, str], Path], four_cases: str
) -> None:
    path = write("a.csv", four_cases)
    with pytest.raises(InputError, match="no columns score_<class> that 'benign' could be one of"):
        read_predictions(path, positive=["benign"])
    with pytest.raises(InputError, match="'label' cannot be label and score at once"):
        read_predictions(path, score_column="label")


def test_rows_without_a_score_are_left_out_only_on_request_and_counted(write: Callable[[str, str], Path]) -> None:
    path = write("a.csv", "case_id,label,score\n1,1,.9\n2,0,.1\n3,1,\n4,,.4\n")
    with pytest.raises(InputError, match="2 of 4 rows have no label or score"):
        read_predictions(path)
    result = evaluate_predictions([path], bootstrap=0, drop_missing=True)
    assert result["flow"]["a"] == {
        "rows": 4, "dropped": [{"rows": 2, "why": "without label or score"}], "runs": 1, "evaluated": 2,
    }  # fmt: skip
    assert "2 rows without label or score are left out" in result["notes"][0]


@pytest.mark.parametrize("names", [("1", "2", "3"), ("0", "2", "1"), ("4", "3", "5")])
def test_classes_called_by_numbers_go_by_name_and_not_by_place(
    write: Callable[[str, str], Path], names: tuple[str, ...]
) -> None:
    rows = [",".join(("c" + name, name, *("0.8" if name == other else "0.1" for other in names))) for name in names]
    head = "case_id,label," + ",".join(f"score_{name}" for name in names)
    table = write("a.csv", "\n".join([head, *rows]))
    assert read_predictions(table).labels.tolist() == [0, 1, 2]
    assert read_predictions(table, positive=[names[2]]).labels.tolist() == [0, 0, 1]


def test_of_the_classes_0_and_1_the_second_is_1_whatever_the_order_of_columns(
    write: Callable[[str, str], Path],
) -> None:
    found = read_predictions(write("a.csv", "case_id,label,score_1,score_0\na,1,.9,.1\nb,0,.2,.8\n"))
    assert found.labels.tolist() == [1, 0]
    assert found.scores.tolist() == [0.9, 0.2]
