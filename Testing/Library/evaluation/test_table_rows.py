"""Rows of a table: what words in 'split' mean, rows without scores, and cases that the model has seen before."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from BreastFusionLib.cohort.table import read_cohort
from BreastFusionLib.errors import InputError
from BreastFusionLib.evaluation import evaluate_predictions, read_predictions
from BreastFusionLib.evaluation.recalibration import fitting_rows
from BreastFusionLib.evaluation.split_words import split_word

WORDS = {"train": "train", "Training": "train", "val": "validation", "VALID": "validation", " Test ": "test",
         "testing": "test", "External": "External"}  # fmt: skip


def write(path: Path, scores: str, splits: str = "vvvvtttt", **columns: list[str]) -> Path:
    """Write eight cases of alternating label: four of validation and four of test, as `splits` begin."""
    names = {"v": "validation", "t": "test", "r": "train"}
    table = pd.DataFrame({"case_id": list("abcdefgh"), "label": [0, 1] * 4, "score": scores.split(",")})
    table["split"] = [names[letter] for letter in splits]
    table.assign(**columns).to_csv(path, index=False)
    return path


GOOD = ".1,.8,.3,.7,.2,.9,.4,.6"


def test_one_function_says_what_a_split_is_called() -> None:
    assert {word: split_word(word) for word in WORDS} == WORDS


def test_fitting_tables_and_cohorts_understand_the_same_words(tmp_path: Path) -> None:
    words = list(WORDS)
    assert fitting_rows(words).tolist() == [meant == "validation" for meant in WORDS.values()]
    table = pd.DataFrame({"case_id": range(7), "patient_id": range(7), "exam": "e", "lesion": "l", "split": words})
    table.assign(label=[0, 1, 0, 1, 0, 1, 0], score=0.5).to_csv(tmp_path / "a.csv", index=False)
    read = read_predictions(tmp_path / "a.csv")
    assert (read.labels.size, None if read.validation is None else read.validation.labels.size) == (2, 2)
    table[:6].assign(exam=list("abcdef")).to_csv(tmp_path / "cohort.csv", index=False)
    assert read_cohort(tmp_path / "cohort.csv").table["split"].tolist() == list(WORDS.values())[:6]


def test_splits_of_other_names_are_never_evaluated_in_silence(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", GOOD, split=["holdout"] * 8)
    assert read_predictions(path).notes == (
        "a.csv: there are no rows of split 'test'; all 8 rows are evaluated, whatever their split (holdout).",
    )


def test_a_validation_row_without_a_score_is_refused_or_left_out_alone(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", ".1,,.3,.7,.2,.9,.4,.6")
    with pytest.raises(InputError, match=r"1 of 4 validation rows have no label or score \(b\).*--drop-missing"):
        read_predictions(path)
    read = read_predictions(path, drop_missing=True)
    assert read.validation is not None and read.validation.scores.tolist() == [0.1, 0.3, 0.7]
    assert read.labels.size == 4 and read.notes[-1].startswith("a.csv: 1 validation rows without label or score")


def test_validation_rows_are_checked_as_others_are(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"validation rows, column 'score': 1 of 4 scores are NaN or infinite"):
        read_predictions(write(tmp_path / "a.csv", ".1,inf,.3,.7,.2,.9,.4,.6"))
    with pytest.raises(InputError, match=r"validation rows, .* labels must be 0"):
        read_predictions(write(tmp_path / "a.csv", GOOD, label=["0", "2", *"010101"]))


def test_validation_scores_that_are_no_probabilities_are_said(tmp_path: Path) -> None:
    result = evaluate_predictions([write(tmp_path / "a.csv", ".1,1.7,.3,.7,.2,.9,.4,.6")], bootstrap=0)
    assert "prediction_sets" not in result["models"]["a"]
    assert any("no prediction sets are given" in note and "from 0.1 to 1.7" in note for note in result["notes"])
    good = evaluate_predictions([write(tmp_path / "a.csv", GOOD)], bootstrap=0)
    assert not any("no prediction sets" in note for note in good["notes"])


@pytest.mark.parametrize(("letters", "word"), [("vvvvtttt", "validation"), ("rrrrtttt", "train")])
def test_patients_and_cases_that_the_model_knows_are_named_at_most_five(
    tmp_path: Path, letters: str, word: str
) -> None:
    path = write(tmp_path / "a.csv", GOOD, letters, patient_id=list("PQRSPQXY"))
    assert read_predictions(path).notes[1:] == (
        f"a.csv: 2 patient_id are of split 'test' and of split '{word}' (P, Q): the model knows them, so that the "
        "figures are too good.",
    )
    many = pd.DataFrame({"case_id": [*range(6), *range(6)], "label": [0, 1] * 6, "score": 0.5})
    many.assign(split=["val"] * 6 + ["test"] * 6).to_csv(tmp_path / "b.csv", index=False)
    assert "6 case_id are of split 'test'" in read_predictions(tmp_path / "b.csv").notes[1]
    assert "(0, 1, 2, 3, 4 and 1 more)" in read_predictions(tmp_path / "b.csv").notes[1]


def test_folds_of_a_cross_validation_are_other_models(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", GOOD, case_id=list("abcdabcd"), fold=list("11112222"))
    assert len(read_predictions(path).notes) == 1
