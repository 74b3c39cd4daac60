"""A table of clinical values for many exams: what it gives, and the sentence about each thing that may be wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from BreastFusionLib.errors import InputError
from BreastFusionLib.reading import ColumnSpec, InputsSpec, RuleSpec
from BreastFusionLib.reading.clinical_table import read_clinical_table

pytestmark = pytest.mark.fast

AGE = ColumnSpec("age", unit="years")
INDICATION = ColumnSpec("indication", "categorical", levels=("screening", "other", "extent"))
RULE = RuleSpec("replace_at_random", "indication", "extent", where="bi_rads", where_values=("6",))
INPUTS = InputsSpec(clinical=(AGE, INDICATION, ColumnSpec("echo_time_ms", origin="exam")), clinical_rules=(RULE,))
EXAMS = [Path("exams/P0001"), Path("exams/P0002")]


@pytest.fixture
def table(tmp_path):
    """Writes a table; `table(text)` reads it for two exams."""

    def read(text: str | bytes, inputs: InputsSpec = INPUTS, exams: list[Path] = EXAMS):
        path = tmp_path / "values ä.csv"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return read_clinical_table(path, inputs, exams)

    return read


def test_a_row_an_exam_as_text_and_without_its_empty_cells(table):
    found = table("exam,age,indication,note\nP0001,52,screening,a\nP0002, 61.5 ,,\n")
    assert found.rows == {
        "P0001": {"age": "52", "indication": "screening", "note": "a"},
        "P0002": {"age": "61.5"},
    }
    assert found.sentences == ()


@pytest.mark.parametrize(
    "text",
    [
        b"\xef\xbb\xbfexam,age,indication\r\nP0001,52,other\r\nP0002,61,other\r\n",  # as spreadsheets write it
        "indication , age,exam\nother,52,P0001\n,,\n\nother,61,P0002",
        'exam,age,indication\n"exams/P0001",52,"other"\nD:\\exams\\P0002\\,61,other\n',
    ],
)
def test_however_it_is_written(table, text):
    found = table(text)
    assert found.rows == {
        exam: {"age": age, "indication": "other"} for exam, age in {"P0001": "52", "P0002": "61"}.items()
    }
    assert found.sentences == ()


def test_what_has_no_counterpart_is_said(table):
    found = table("exam,age,indication\nP0001,52,other\nP0009,40,other\n")
    assert found.sentences == (
        "values ä.csv has no row for P0002: the training cases' usual values are taken there.",
        "values ä.csv has rows of exams that are not in the folder: P0009.",
    )
    many = table("exam,age,indication\n", exams=[Path(f"P{number}") for number in range(5)])
    assert many.sentences[0].startswith("values ä.csv has no row for P0, P1, P2 and 2 more: ")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "values ä.csv is empty: expected a line with the columns' names"),
        ("\n,,\n", "is empty"),
        ("Exam,age\nP0001,52\n", "has no column 'exam', the name of each exam's folder. Did you mean 'Exam'"),
        ("age\n52\n", r"has no column 'exam', .* Known: age\."),
        ("exam;age\nP0001;52\n", "its columns are separated by ';'. Save it as CSV with commas."),
        ("exam\tage\nP0001\t52\n", "its columns are separated by tabs. Save it as CSV with commas."),
        ("exam,age,age\nP0001,52,53\n", "the column 'age' comes more than once"),
        ("exam,agee,indication\n", r"has no column 'age', which the model wants\. Did you mean 'agee'\? .*empty"),
        ("exam\nP0001\n", "has no column 'age', which the model wants. It has none beside 'exam'"),
        ("exam,age,indication\n,52,other\n", "line 2: 'exam' is empty"),
        ("exam,age,indication\nP0001,52,other,so\n", "line 2: it has 4 cells, the header 3"),
        (
            "exam,age,indication\nP0001,52,other\n\na/P0001,53,other\n",
            r"the exam 'P0001' comes more than once \(lines 2 and 4\). One row for each exam",
        ),
        (
            "exam,age,indication\nP0001,52,für sich\n".encode("latin-1"),
            "cannot be read as a table .* Save it as CSV in UTF-8",
        ),
    ],
)
def test_what_cannot_be_meant_is_refused_in_a_sentence(table, text, message):
    with pytest.raises(InputError, match=message):
        table(text)


def test_a_file_that_is_not_there_is_told(tmp_path):
    with pytest.raises(InputError, match=r"gone\.csv is not a file: clinical values are a \.csv table with a row"):
        read_clinical_table(tmp_path / "gone.csv", INPUTS, EXAMS)
    with pytest.raises(InputError, match="is not a file"):
        read_clinical_table(tmp_path, INPUTS, EXAMS)


def test_what_only_a_rule_looks_at_is_wanted_where_the_rule_may_apply(table):
    assert table("exam,age,indication\nP0001,52,other\nP0002,50,other\n").sentences == ()
    with pytest.raises(InputError, match="has no column 'bi_rads', which the model wants"):
        table("exam,age,indication\nP0001,52,extent\n")
    assert table("exam,age,indication,bi_rads\nP0001,52,extent,6\n").rows["P0001"]["bi_rads"] == "6"
