"""Tables as spreadsheets and scripts write them: read where their meaning is plain, else refused with words."""

from __future__ import annotations

from pathlib import Path

import pytest

from BreastFusionLib.errors import InputError
from BreastFusionLib.evaluation import read_predictions

ROWS = "case_id,label,score\n01,1,.75\n02,0,.25\n"


@pytest.mark.parametrize(
    "content",
    [
        ROWS.encode("utf-8-sig"),
        ROWS.replace(",", "\t").encode(),
        ROWS.replace(",", ";").replace(".", "0,").encode(),
        ROWS.replace(",", ";").encode("utf-8-sig"),
        ROWS.replace(",", " , ", 2).encode(),
    ],
    ids=["byte order mark", "tabs", "semicolons, decimal commas", "semicolons, decimal points", "blanks in the header"],
)
def test_plain_tables_are_read(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.csv").write_bytes(content)
    table = read_predictions(tmp_path / "a.csv")
    assert table.case_id is not None and table.case_id.tolist() == ["01", "02"]
    assert (table.labels.tolist(), table.scores.tolist()) == ([1, 0], [0.75, 0.25])


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.csv", b"case_id,label,score,score\na,1,.5,.6\nb,0,.4,.5\n", r"several columns named score\."),
        ("a.csv", b"case_id,label,score\na,1,.5,7\nb,0,.4,7\n", "more cells than the header has names"),
        ("a.csv", ROWS.encode("utf-16"), r"no text in UTF-8.*'CSV UTF-8'"),
        ("a.csv", b'case_id,label,score\na,1,"0,5"\nb,0,"0,4"\n', r"\('0,5', '0,4'\).*numbers with a decimal point"),
        ("a.csv", b"label,score\nyes,.5\nno,.1\n", r"\('yes', 'no'\)\. Expected: 0 for negative and 1 for positive"),
        ("a.xlsx", b"PK", r"is a spreadsheet\. Save it as \.csv"),
        ("a.parquet", b"PK", "is no readable table"),
    ],
)
def test_others_are_refused_with_what_to_do(tmp_path: Path, name: str, content: bytes, words: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=words):
        read_predictions(tmp_path / name)


def test_a_folder_is_no_table(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"is a folder\. Give the table in it, such as .*predictions\.csv"):
        read_predictions(tmp_path)
