"""What a case table must be, and what each mistake in it is answered with."""

from pathlib import Path

import pandas as pd
import pytest

from BreastFusionLib.cohort import cohort_fingerprint, read_cohort
from BreastFusionLib.cohort.table import COLUMNS, labelled_cases, require_two_classes
from BreastFusionLib.errors import InputError
from BreastFusionLib.reading.column_settings import RESERVED_COLUMNS


def rows(**changes: list) -> pd.DataFrame:
    table = pd.DataFrame(
        {
            "case_id": ["001", "002", "003"],
            "patient_id": ["p1", "p1", "p2"],
            "exam": ["e1", "e1", "e2"],
            "lesion": ["a.nii.gz", "b.nii.gz", "c.nii.gz"],
            "label": [0, 1, 1],
            "age": [50, 50, 61],
        }
    )
    return table.assign(**changes)


def write(folder: Path, table: pd.DataFrame, name: str = "cohort.csv") -> Path:
    for exam in ("e1", "e2"):
        (folder / exam).mkdir(exist_ok=True)
    for lesion in ("a", "b", "c"):
        (folder / f"{lesion}.nii.gz").touch()
    path = folder / name
    table.to_parquet(path) if path.suffix == ".parquet" else table.to_csv(path, index=False)
    return path


@pytest.mark.parametrize("name", ["cohort.csv", "cohort.parquet"])
def test_a_good_table_keeps_its_identifiers_and_columns(tmp_path, name):
    cohort = read_cohort(write(tmp_path, rows(), name))
    assert cohort.table["case_id"].tolist() == ["001", "002", "003"]
    assert cohort.table["label"].tolist() == [0, 1, 1]
    assert cohort.clinical_columns == ("age",)
    assert cohort.folder == tmp_path
    assert cohort.problems == {}
    assert cohort.table["split"].isna().all()


def test_labels_may_be_class_names_numbers_or_absent(tmp_path):
    cohort = read_cohort(write(tmp_path, rows(label=["Benign", "malignant", None])))
    assert cohort.table["label"].tolist()[:2] == [0, 1]
    assert cohort.table["label"].isna().tolist() == [False, False, True]
    assert read_cohort(write(tmp_path, rows().drop(columns="label"))).table["label"].isna().all()
    cohort = read_cohort(write(tmp_path, rows(label=["other", "luminal a", "other"])), classes=("other", "luminal A"))
    assert cohort.table["label"].tolist() == [0, 1, 0]


@pytest.mark.parametrize("name", ["cohort.csv", "cohort.parquet"])
def test_blanks_around_a_word_are_no_part_of_it(tmp_path, name):
    spaced = rows(case_id=[" 001", "002 ", "003"], label=["benign ", " ", "1"], split=["train", "train ", " test"])
    spaced = spaced.assign(lesion=[" a.nii.gz", "  ", "c.nii.gz"], side=[" L", "R ", " "], site=["A", "A ", " B"])
    cohort = read_cohort(write(tmp_path, spaced, name))
    assert cohort.problems == {} and cohort.table["case_id"].tolist() == ["001", "002", "003"]
    assert cohort.table["site"].tolist() == ["A", "A", "B"]  # two centres, not three
    for column, empty in {"label": 1, "lesion": 1, "side": 2}.items():
        assert cohort.table[column].isna().tolist() == [row == empty for row in range(3)]


def test_patients_who_are_numbers_keep_their_names_where_a_column_holds_them_as_decimals(tmp_path):
    cohort = read_cohort(write(tmp_path, rows(patient_id=[7.0, 7.0, 9.0]), "cohort.parquet"))
    assert cohort.table["patient_id"].tolist() == ["7", "7", "9"]


@pytest.mark.parametrize("name", ["case_id", "patient_id", "exam"])
def test_a_name_of_blanks_is_none(tmp_path, name):
    # Taken for one, all patients without a number would be the same, and the cohort's own folder an exam.
    with pytest.raises(InputError, match=f"cohort.csv, row 3: '{name}' is empty"):
        read_cohort(write(tmp_path, rows(**{name: ["a", "  ", "b"]})))


def test_a_missing_file_is_a_problem_of_its_row_alone(tmp_path):
    path = write(tmp_path, rows(lesion=["a.nii.gz", "gone.nii.gz", "c.nii.gz"]))
    cohort = read_cohort(path)
    assert list(cohort.problems) == ["002"]
    assert "gone.nii.gz does not exist" in cohort.problems["002"]
    assert cohort.usable["case_id"].tolist() == ["001", "003"]


@pytest.mark.parametrize("file", ["L1.nii.gz", "L1.seg.nrrd", "L1.mha"])
def test_a_lesion_may_be_named_as_in_its_exam_folder(tmp_path, file):
    path = write(tmp_path, rows(lesion=["L1", "b.nii.gz", "c.nii.gz"]))
    (tmp_path / "e1" / "lesions").mkdir()
    (tmp_path / "e1" / "lesions" / file).touch()
    assert read_cohort(path).problems == {}


@pytest.mark.parametrize(
    ("table", "words"),
    [
        (rows().drop(columns="exam"), "no column 'exam'"),
        (rows().rename(columns={"exam": "exams"}), "no column 'exam'.*Did you mean 'exams'"),
        (rows().rename(columns={"label": "LABEL"}), "the column 'LABEL' is written 'label'. Rename it"),
        (rows().rename(columns={"case_id": "Case ID"}), "the column 'Case ID' is written 'case_id'"),
        (rows().rename(columns={"patient_id": "patient-id"}), "the column 'patient-id' is written 'patient_id'"),
        (rows(case_id=["1", "1", "2"]), "case_id 1 comes more than once"),
        (rows(case_id=["1", None, "2"]), "row 3: 'case_id' is empty"),
        (rows(label=[0, 2, 1]), "the label .* is not known. Expected: 0 or 'benign', 1 or 'malignant'"),
        (rows(split=["train", "trian", "test"]), "the split 'trian' is not known. Did you mean 'train'"),
        (rows(split=["train", "test", "test"]), "a patient is in several splits.*train, test for the cases 001, 002"),
        (rows(split=["train", None, "test"]), "case '002' has no split while others have"),
        (rows(lesion=["a.nii.gz", "a.nii.gz", "c.nii.gz"]), "the same lesion has several labels"),
        (rows(exam=["e1", "e1", "e1"]), "the same exam belongs to several patients"),
        (rows().head(0), "has no rows"),
    ],
)
def test_mistakes_are_told_with_file_place_and_remedy(tmp_path, table, words):
    with pytest.raises(InputError, match=words) as caught:
        read_cohort(write(tmp_path, table))
    assert "cohort.csv" in str(caught.value)


def test_a_column_that_may_be_a_misspelt_one_is_told_and_counts_as_clinical(tmp_path, caplog):
    cohort = read_cohort(write(tmp_path, rows().rename(columns={"label": "lable"})))
    assert cohort.clinical_columns == ("lable", "age")
    assert "no column 'label', but a column 'lable', which counts as clinical" in caplog.text
    caplog.clear()
    read_cohort(write(tmp_path, rows(lable=[1, 2, 3], size=[1, 2, 3])))
    assert caplog.text == ""


def test_what_is_no_table_is_refused(tmp_path):
    with pytest.raises(InputError, match="is not a file"):
        read_cohort(tmp_path / "none.csv")
    (tmp_path / "table.xlsx").write_bytes(b"PK")
    with pytest.raises(InputError, match=r"not '\.xlsx'"):
        read_cohort(tmp_path / "table.xlsx")
    (tmp_path / "table.parquet").write_bytes(b"no parquet")
    with pytest.raises(InputError, match="is no readable table"):
        read_cohort(tmp_path / "table.parquet")


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_a_table_may_be_separated_as_spreadsheets_of_any_country_write_it(tmp_path, separator):
    path, decimal = write(tmp_path, rows()), "," if separator == ";" else "."
    rows(size=[7.5, 8.25, 9.0]).to_csv(path, index=False, sep=separator, decimal=decimal, encoding="utf-8-sig")
    cohort = read_cohort(path)
    assert cohort.table["case_id"].tolist() == ["001", "002", "003"]
    assert cohort.table["size"].tolist() == [7.5, 8.25, 9.0]
    assert path.rename(tmp_path / "COHORT.CSV") and read_cohort(tmp_path / "COHORT.CSV").problems == {}


def test_a_table_in_another_encoding_is_told_how_to_be_saved(tmp_path):
    path = write(tmp_path, rows())
    rows(site=["Köln", "Bonn", "Bonn"]).to_csv(path, index=False, encoding="latin-1")
    with pytest.raises(InputError, match=r"cohort\.csv is no text in UTF-8.*Save the table as 'CSV UTF-8'"):
        read_cohort(path)


def test_none_is_a_word_of_a_clinical_column_and_no_empty_cell(tmp_path):
    cohort = read_cohort(write(tmp_path, rows(relatives=["None", "mother", "NA"])))
    assert cohort.table["relatives"].tolist()[:2] == ["None", "mother"]
    assert cohort.table["relatives"].isna().tolist() == [False, False, True]


def test_none_is_an_empty_cell_among_numbers_and_in_a_known_column(tmp_path):
    whole_breasts = {"lesion": ["None"] * 3, "side": ["left", "right", "left"], "exam": ["e0", "e1", "e2"]}
    table = rows(age=["52", "None", "61"], label=["1", "None", "0"], grade=["None"] * 3, **whole_breasts)
    found = read_cohort(write(tmp_path, table)).table
    assert found["age"].isna().tolist() == found["label"].isna().tolist() == [False, True, False]
    assert found["age"].tolist()[::2] == [52, 61]
    assert found["lesion"].isna().all()
    assert found["grade"].tolist() == ["None"] * 3  # nobody has one, which is not the same as not known


def test_cases_without_a_label_are_left_out_with_a_word(tmp_path, caplog):
    cohort = labelled_cases(read_cohort(write(tmp_path, rows(label=[0, None, 1]))))
    assert cohort.table["case_id"].tolist() == ["001", "003"]
    assert "1 of 3 cases have no label and are left out (002)" in caplog.text
    caplog.clear()
    labelled_cases(cohort)
    assert caplog.text == ""


def test_one_class_only_is_refused_where_two_are_needed():
    with pytest.raises(InputError, match="The cohort has only label 1"):
        require_two_classes(pd.Series([1, 1], dtype="Int64"), "The cohort")
    with pytest.raises(InputError, match=r"no case with a label.*the columns 'label' and 'split'"):
        require_two_classes(pd.Series([pd.NA], dtype="Int64"), "The cohort")
    require_two_classes(pd.Series([1, 0], dtype="Int64"), "The cohort")


def test_an_unknown_case_is_answered_with_the_nearest(tmp_path):
    with pytest.raises(InputError, match="Did you mean '001'"):
        read_cohort(write(tmp_path, rows())).case("01")


def test_the_fingerprint_knows_cases_labels_and_splits_but_not_their_order():
    table = rows()
    assert cohort_fingerprint(table) == cohort_fingerprint(table.iloc[::-1])
    assert cohort_fingerprint(table) == cohort_fingerprint(table.assign(age=0, exam="elsewhere"))
    assert cohort_fingerprint(table) != cohort_fingerprint(table.assign(label=[1, 1, 1]))
    assert cohort_fingerprint(table) != cohort_fingerprint(table.head(2))


def test_a_whole_breast_needs_a_side_and_no_lesion(tmp_path):
    table = rows(side=["L", "right ", "Left"]).drop(columns="lesion")
    cohort = read_cohort(write(tmp_path, table))
    assert cohort.table["side"].tolist() == ["left", "right", "left"]
    assert cohort.table["lesion"].isna().all() and cohort.problems == {}
    mixed = read_cohort(write(tmp_path, rows(lesion=["a.nii.gz", None, "c.nii.gz"], side=[None, "R", "L"])))
    assert mixed.table["lesion"].isna().tolist() == [False, True, False]
    assert mixed.clinical_columns == ("age",)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"lesion": ["a.nii.gz", None, "c.nii.gz"]}, "row 3: there is neither a lesion nor a side"),
        ({"lesion": ["a.nii.gz", None, "c.nii.gz"], "side": ["L", "unknown", "L"]}, "row 3: there is neither"),
        ({"side": ["L", "R", "both"]}, "the side 'both' is not known. Expected: left, right"),
        ({"lesion": [None] * 3, "side": ["L", "L", "L"]}, "the same breast has several labels"),
    ],
)
def test_what_is_wrong_with_sides_is_said(tmp_path, changes, message):
    with pytest.raises(InputError, match=message):
        read_cohort(write(tmp_path, rows(**changes)))


def test_two_lesions_of_one_breast_may_have_two_labels(tmp_path):
    assert read_cohort(write(tmp_path, rows(side=["L", "L", "R"]))).problems == {}


def test_one_lesion_or_breast_in_several_rows_is_told(tmp_path, caplog):
    twice = pd.concat([rows(), rows().iloc[[1]].assign(case_id="004")])
    read_cohort(write(tmp_path, twice))
    (said,) = [record.getMessage() for record in caplog.records]
    assert "2 rows are of a lesion that has more than one (002, 004)" in said
    caplog.clear()
    breasts = rows(lesion=[None] * 3, side=["L", "left", "L"], label=[1, 1, 0])
    read_cohort(write(tmp_path, breasts))
    (said,) = [record.getMessage() for record in caplog.records]
    assert "2 rows are of a whole breast that has more than one (001, 002)" in said
    caplog.clear()
    read_cohort(write(tmp_path, rows(side=["L", "L", "R"])))
    read_cohort(write(tmp_path, rows(lesion=[None] * 3, side=["L", "R", "L"])))
    assert caplog.text == ""


def test_what_a_cohort_knows_a_case_by_is_never_an_input():
    assert set(RESERVED_COLUMNS) == set(COLUMNS)
