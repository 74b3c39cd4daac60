"""Predictions tables: what is read, how tables are paired, and what is refused with which words."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from BreastFusionLib.errors import InputError
from BreastFusionLib.evaluation import evaluate_predictions, pair, read_predictions
from BreastFusionLib.evaluation.parts.together import EnsembleRule


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


def test_columns_with_other_capitals_are_named(tmp_path: Path) -> None:
    for written, word in (("Case-ID", "case_id"), ("Split", "split"), ("RUN", "run")):
        with pytest.raises(InputError, match=f"the column '{written}' is written '{word}'"):
            read_predictions(write(tmp_path / "a.csv", f"{written},label,score\n1,1,.9\n2,0,.1\n"))
    path = write(tmp_path / "a.csv", "LABEL,Score\n1,.9\n0,.1\n")
    with pytest.raises(InputError, match=r"no column 'label'\. Did you mean 'LABEL'"):
        read_predictions(path)
    assert read_predictions(path, "LABEL", "Score").labels.tolist() == [1, 0]


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
    with pytest.raises(InputError, match="Several models are named a"):
        pair([read_predictions(path), read_predictions(path)])


RUNS = """case_id,run,fold,label,score
1,s1,f1,1,.9
2,s1,f1,0,.3
3,s1,f2,1,.8
4,s1,f2,0,.6
4,s2,f1,0,.2
3,s2,f1,1,.4
2,s2,f2,0,.5
1,s2,f2,1,.7
"""


def test_runs_are_put_side_by_side_and_their_mean_is_evaluated(tmp_path: Path) -> None:
    table = read_predictions(write(tmp_path / "a.csv", RUNS))
    assert table.case_id is not None and table.case_id.tolist() == ["1", "2", "3", "4"]
    assert table.scores.tolist() == pytest.approx([0.8, 0.4, 0.6, 0.4])
    assert table.runs is not None and table.runs.names == ("s1", "s2")
    assert table.runs.scores[1].tolist() == [0.7, 0.5, 0.4, 0.2]
    assert table.runs.folds is not None and table.runs.folds[1].tolist() == ["f2", "f2", "f1", "f1"]
    assert "2 runs' mean score" in table.notes[0]


def test_the_spread_over_runs_stands_beside_the_ensemble(tmp_path: Path) -> None:
    found = evaluate_predictions([write(tmp_path / "a.csv", RUNS)], bootstrap=0)["models"]["a"]["runs"]
    assert found["auc"] == {"s1": 1.0, "s2": 0.75}
    assert found["folds"]["s1"]["auc"] == {"f1": 1.0, "f2": 1.0}
    # Of folds, the mean over the folds is the run's figure: (1 + 1) / 2 in both.
    assert (found["spread"]["mean"]["value"], found["spread"]["median"], found["spread"]["runs"]) == (1.0, 1.0, 2)
    assert found["folds"]["s2"]["pooled"] == 0.75


def test_models_of_the_same_runs_and_folds_are_compared_over_them(tmp_path: Path) -> None:
    other = RUNS.replace(",.9\n", ",.1\n")
    paths = [write(tmp_path / "a.csv", RUNS), write(tmp_path / "b.csv", other)]
    found = evaluate_predictions(paths, bootstrap=0)["comparisons"][0]["runs"]
    assert (found["pairs"], found["n"], found["statistic"]) == (4, 1, 1.0)  # only s1, f1 differs: 1 against 0


SPLIT = """case_id,label,score,split
1,1,{},validation
2,0,.4,validation
3,1,.6,validation
4,0,.3,validation
5,1,{},test
6,0,.2,test
"""


def test_the_mean_of_models_is_a_model_of_its_own(tmp_path: Path) -> None:
    paths = [write(tmp_path / f"{n}.csv", SPLIT.format(s, s)) for n, s in (("a", 0.9), ("b", 0.1))]
    result = evaluate_predictions(paths, bootstrap=0, ensemble="mean")
    assert list(result["models"]) == ["a", "b", "ensemble"]
    assert result["models"]["ensemble"]["examples"]["true_positives"] == [{"case_id": "5", "score": 0.5}]
    assert "ensemble: the mean of the models' probabilities." in result["notes"]


@pytest.mark.parametrize("rule", ["mean", "greedy"])
def test_an_ensemble_is_of_the_cases_that_all_models_have(tmp_path: Path, rule: EnsembleRule) -> None:
    whole = write(tmp_path / "a.csv", SPLIT.format(0.9, 0.9) + "7,0,.1,test\n8,1,.5,validation\n")
    part = write(tmp_path / "b.csv", SPLIT.format(0.1, 0.7))
    result = evaluate_predictions([whole, part], bootstrap=0, ensemble=rule, intersect=True)
    assert [model["n"] for model in result["models"].values()] == [2, 2, 2]
    assert "a: 1 cases that others lack are left out (7)." in result["notes"]
    assert ("a, validation: 1 cases that others lack are left out (8)." in result["notes"]) == (rule == "greedy")


@pytest.mark.parametrize("rule", ["mean", "greedy"])
def test_an_ensemble_names_the_models_that_give_no_probabilities(tmp_path: Path, rule: EnsembleRule) -> None:
    paths = [write(tmp_path / f"{n}.csv", SPLIT.format(s, s)) for n, s in (("a", 0.9), ("b", 3.5))]
    with pytest.raises(InputError, match=r"scores of b are none.*--recalibrate platt"):
        evaluate_predictions(paths, bootstrap=0, ensemble=rule)
    result = evaluate_predictions(paths, bootstrap=0, ensemble=rule, recalibrate="platt")
    assert result["models"]["ensemble"]["brier"] is not None


def test_a_greedy_ensemble_is_chosen_on_validation_rows(tmp_path: Path) -> None:
    paths = [write(tmp_path / f"{n}.csv", SPLIT.format(v, t)) for n, v, t in (("a", 0.9, 0.1), ("b", 0.1, 0.9))]
    result = evaluate_predictions(paths, bootstrap=0, ensemble="greedy")
    # On the validation rows a is perfect and b is not; what they do on the test rows does not matter.
    assert "ensemble: chosen greedily on 4 validation cases: 100 % a." in result["notes"]
    assert result["models"]["ensemble"]["auc"] == result["models"]["a"]["auc"]


def test_an_ensemble_needs_several_models_and_validation_rows(tmp_path: Path) -> None:
    paths = [write(tmp_path / "a.csv", GOOD), write(tmp_path / "b.csv", GOOD)]
    with pytest.raises(InputError, match="give two or more tables"):
        evaluate_predictions(paths[:1], bootstrap=0, ensemble="mean")
    with pytest.raises(InputError, match="rows of split 'validation'"):
        evaluate_predictions(paths, bootstrap=0, ensemble="greedy")


def test_folds_of_one_cross_validation_give_their_mean_and_the_pooled_value(tmp_path: Path) -> None:
    one = "\n".join(line for line in RUNS.splitlines() if ",s2," not in line).replace("run,", "").replace("s1,", "")
    found = evaluate_predictions([write(tmp_path / "a.csv", one)], bootstrap=0)["models"]["a"]["runs"]
    assert found["folds"]["all"]["spread"]["mean"]["value"] == 1.0 and found["spread"] is None


CLASSES = """case_id,label,score_normal,score_benign,score_malignant
1,normal,.7,.2,.1
2,normal,.5,.3,.2
3,benign,.3,.4,.3
4,benign,.2,.3,.5
5,malignant,.1,.2,.7
6,malignant,.2,.3,.5
"""


def test_three_classes_are_evaluated_one_against_the_rest(tmp_path: Path) -> None:
    result = evaluate_predictions([write(tmp_path / "a.csv", CLASSES)], bootstrap=0)
    assert result["classes"] == ["normal", "benign", "malignant"]
    model = result["models"]["a"]
    assert model["confusion"]["benign"] == {"normal": 0, "benign": 1, "malignant": 1}
    assert model["classes"]["normal"]["auc"]["value"] == 1.0
    areas = [model["classes"][name]["auc"]["value"] for name in result["classes"]]
    assert model["auc"]["value"] == pytest.approx(sum(areas) / 3)
    assert model["accuracy"]["value"] == pytest.approx(5 / 6)


def test_too_few_cases_of_a_class_get_a_sentence_instead_of_intervals(tmp_path: Path) -> None:
    odd = CLASSES.replace("score_normal", "score_low").replace(
        "normal,.", "low,."
    )  # a class named like an interval's end
    result = evaluate_predictions([write(tmp_path / "a.csv", odd)], bootstrap=20)
    model = result["models"]["a"]
    assert model["auc"]["low"] is None and model["classes"]["benign"]["auc"]["high"] is None
    assert model["confusion"]["low"]["low"] == 2
    assert "there are 2 of class low, 2 of class benign" in result["notes"][-1]


def test_runs_of_several_classes_have_their_spread(tmp_path: Path) -> None:
    head, *rows = CLASSES.splitlines()
    text = "\n".join([f"run,{head}", *(f"{run},{row}" for run in "ab" for row in rows)])
    runs = evaluate_predictions([write(tmp_path / "a.csv", text)], bootstrap=0)["models"]["a"]["runs"]
    assert runs["auc"]["a"] == runs["auc"]["b"] and runs["spread"]["sd"] == 0.0


def test_spreadsheets_with_decimal_commas_are_read(tmp_path: Path) -> None:
    table = read_predictions(write(tmp_path / "a.csv", "case_id;label;score\n01;1;0,75\n02;0;0,25\n"))
    assert table.scores.tolist() == [0.75, 0.25] and table.case_id is not None and table.case_id[0] == "01"


def test_nothing_to_evaluate_is_said() -> None:
    with pytest.raises(InputError, match="at least one predictions table"):
        evaluate_predictions([])


def test_numbers_of_classes_are_as_good_as_their_names(tmp_path: Path) -> None:
    numbered = CLASSES.replace("normal,.", "0,.").replace("benign,.", "1,.").replace("malignant,.", "2,.")
    by_name = evaluate_predictions([write(tmp_path / "a.csv", CLASSES)], bootstrap=0)
    by_number = evaluate_predictions([write(tmp_path / "b.csv", numbered)], bootstrap=0)
    assert by_number["models"]["b"] == by_name["models"]["a"]


def test_classes_that_count_as_positive_make_two_of_three(tmp_path: Path) -> None:
    table = read_predictions(write(tmp_path / "a.csv", CLASSES), positive=["benign", "malignant"])
    assert table.classes == () and table.labels.tolist() == [0, 0, 1, 1, 1, 1]
    assert table.scores.tolist() == pytest.approx([0.3, 0.5, 0.7, 0.8, 0.9, 0.8])
    with pytest.raises(InputError, match=r"no class 'bening'. Did you mean 'benign'"):
        read_predictions(tmp_path / "a.csv", positive=["bening"])


def test_probabilities_that_add_up_to_a_little_more_than_1_are_probabilities(tmp_path: Path) -> None:
    rounded = CLASSES.replace(",.1,.2,.7", ",0,.3,.7000001")
    table = read_predictions(write(tmp_path / "a.csv", rounded), positive=["benign", "malignant"])
    assert table.scores[4] == 1.0  # not 1.0000001
    others = CLASSES.replace(",.1,.2,.7", ",0,.3,.8")  # scores that are no probabilities stay as they are
    table = read_predictions(write(tmp_path / "a.csv", others), positive=["benign", "malignant"])
    assert table.scores[4] == pytest.approx(1.1)


def test_one_score_has_no_classes_to_choose_from_and_is_no_label(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", GOOD)
    with pytest.raises(InputError, match="no columns score_<class> that 'benign' could be one of"):
        read_predictions(path, positive=["benign"])
    with pytest.raises(InputError, match="'label' cannot be label and score at once"):
        read_predictions(path, score_column="label")


def test_tables_that_know_other_patients_are_said(tmp_path: Path) -> None:
    a = read_predictions(write(tmp_path / "a.csv", GOOD))
    b = read_predictions(write(tmp_path / "b.csv", GOOD.replace("8,B", "8,A")))
    paired = pair([a, b])
    assert paired.notes == ("b has another patient_id than a for 1 of 4 cases (8): those of a are counted.",)
    assert paired.patient_id is not None and paired.patient_id.tolist() == list("ABCD")


def test_rows_without_a_score_are_left_out_only_on_request_and_counted(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "case_id,label,score\n1,1,.9\n2,0,.1\n3,1,\n4,,.4\n")
    with pytest.raises(InputError):
        read_predictions(path)
    result = evaluate_predictions([path], bootstrap=0, drop_missing=True)
    assert result["flow"]["a"] == {
        "rows": 4, "dropped": [{"rows": 2, "why": "without label or score"}], "runs": 1, "evaluated": 2,
    }  # fmt: skip
    assert "2 rows without label or score are left out" in result["notes"][0]


def test_different_cases_are_put_together_only_on_request_and_listed(tmp_path: Path) -> None:
    a = write(tmp_path / "a.csv", GOOD)
    b = write(tmp_path / "b.csv", "case_id,label,score\n10,0,.7\n9,1,.6\n8,0,.2\n11,1,.9\n")
    with pytest.raises(InputError, match="--intersect"):
        evaluate_predictions([a, b], bootstrap=0)
    result = evaluate_predictions([a, b], bootstrap=0, intersect=True)
    assert result["models"]["b"]["n"] == 3
    assert result["flow"]["a"]["dropped"] == [{"rows": 1, "why": "not in every table"}]
    assert any("a: 1 cases that others lack are left out (007)" in note for note in result["notes"])
    assert any("b: 1 cases that others lack are left out (11)" in note for note in result["notes"])


def test_tables_without_a_common_case_are_refused(tmp_path: Path) -> None:
    paths = [write(tmp_path / "a.csv", GOOD), write(tmp_path / "b.csv", "case_id,label,score\nx,1,.2\ny,0,.1\n")]
    with pytest.raises(InputError, match="no case in common"):
        evaluate_predictions(paths, bootstrap=0, intersect=True)


def test_calibration_is_fitted_on_validation_rows(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    log_odds = random.normal(0, 2, 4000)
    table = pd.DataFrame({
        "case_id": np.arange(4000),
        "label": (random.random(4000) < 1 / (1 + np.exp(-log_odds))).astype(int),
        "score": 1 / (1 + np.exp(-(3 * log_odds + 1))),  # three times too sure, and too high
        "split": np.where(np.arange(4000) < 2000, "validation", "test"),
    })  # fmt: skip
    table.to_csv(tmp_path / "a.csv", index=False)
    raw = evaluate_predictions([tmp_path / "a.csv"], bootstrap=0)["models"]["a"]
    result = evaluate_predictions([tmp_path / "a.csv"], bootstrap=0, recalibrate="platt")
    fitted = result["models"]["a"]
    assert raw["calibration"]["slope"]["value"] == pytest.approx(1 / 3, abs=0.03)
    assert fitted["calibration"]["slope"]["value"] == pytest.approx(1, abs=0.1)
    assert fitted["brier"] < raw["brier"] and fitted["auc"] == raw["auc"]
    assert "calibrated (platt) on 2000 validation cases" in " ".join(result["notes"])
    sets = fitted["prediction_sets"]
    assert sets["coverage"]["low"] < 0.9 < sets["coverage"]["high"] and sets["validation_cases"] == 2000


def test_calibration_without_validation_rows_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="rows of split 'validation'"):
        evaluate_predictions([write(tmp_path / "a.csv", GOOD)], bootstrap=0, recalibrate="platt")


def test_a_cohort_describes_the_cases(tmp_path: Path) -> None:
    a = write(tmp_path / "a.csv", GOOD)
    cohort = write(tmp_path / "cohort.csv", "case_id,label,age,exam\n10,0,71,x\n007,1,44,y\n8,0,52,z\n")
    result = evaluate_predictions([a], bootstrap=0, cohort=cohort, subgroup_columns=["age"])
    groups = result["subgroups"][0]["models"]["a"]["groups"]
    assert [(group["name"], group["n"]) for group in groups] == [
        ("40-49", 1), ("50-59", 1), ("70 and over", 1), ("unknown", 1),
    ]  # fmt: skip
    assert "cohort.csv does not describe 1 of the 4 cases." in result["notes"]


@pytest.mark.parametrize("names", [("1", "2", "3"), ("0", "2", "1"), ("4", "3", "5")])
def test_classes_called_by_numbers_go_by_name_and_not_by_place(tmp_path: Path, names: tuple[str, ...]) -> None:
    rows = [",".join(("c" + name, name, *("0.8" if name == other else "0.1" for other in names))) for name in names]
    table = tmp_path / "a.csv"
    table.write_text("\n".join(["case_id,label," + ",".join(f"score_{name}" for name in names), *rows]))
    assert read_predictions(table).labels.tolist() == [0, 1, 2]
    assert read_predictions(table, positive=[names[2]]).labels.tolist() == [0, 0, 1]


def test_of_the_classes_0_and_1_the_second_is_1_whatever_the_order_of_columns(tmp_path: Path) -> None:
    table = tmp_path / "a.csv"
    table.write_text("case_id,label,score_1,score_0\na,1,.9,.1\nb,0,.2,.8\n")
    found = read_predictions(table)
    assert found.labels.tolist() == [1, 0]
    assert found.scores.tolist() == [0.9, 0.2]
