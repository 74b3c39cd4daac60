"""A column that is the label in other words is found, one that only tells a lot is not."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from BreastFusionLib.cohort import label_in_inputs
from BreastFusionLib.cohort.label_check import cramers_v
from BreastFusionLib.reading import ColumnSpec, InputsSpec, RuleSpec

LABELS = np.arange(60) % 2


def found(column: ColumnSpec, values, labels=LABELS, patients=None, **given) -> list[str]:
    names = [f"C{n}" for n in range(len(labels))]
    table = pd.DataFrame({"case_id": names, "patient_id": patients or names, "label": labels, column.name: values})
    table["label"] = table["label"].astype("Int64")
    return label_in_inputs(table, InputsSpec(clinical=(column,), **given))


def test_the_label_as_a_number_is_named_with_its_correlation():
    (sentence,) = found(ColumnSpec("biopsy"), 5.0 - 3.0 * LABELS)
    assert sentence.startswith(
        "The clinical column 'biopsy' is the label in other words (correlation -1.000, AUC 0.000)"
    )


def test_a_number_that_orders_the_cases_perfectly_is_found_however_it_is_spread():
    spread = np.where(LABELS == 1, 10.0 ** np.linspace(1, 6, 60), np.linspace(-1, 1, 60))
    (sentence,) = found(ColumnSpec("score"), spread)
    assert "AUC 1.000" in sentence


def test_the_label_in_words_is_named_with_cramers_v():
    (sentence,) = found(ColumnSpec("pathology", "categorical"), np.where(LABELS == 1, "carcinoma", "fibroadenoma"))
    assert "(Cramer's V 1.000, AUC 1.000)" in sentence


def test_more_levels_than_classes_hide_no_label():
    # As in a register of 60 lesions: six kinds, two of them malignant, one seen a single time.
    kinds = np.where(LABELS == 1, np.array(["IDC", "DCIS"])[np.arange(60) // 2 % 2], "fibroadenoma")
    kinds = np.where((LABELS == 0) & (np.arange(60) % 3 == 0), "cyst", kinds)
    kinds = np.where((LABELS == 0) & (np.arange(60) % 5 == 0), "papilloma", kinds)
    kinds[2] = "lipoma"
    column = ColumnSpec("histology", "categorical")
    assert cramers_v(kinds, LABELS) < 0.99 and "AUC 1.000" in found(column, kinds)[0]
    codes = pd.Series(kinds).map({"fibroadenoma": 1, "IDC": 2, "cyst": 3, "DCIS": 4, "papilloma": 5, "lipoma": 6})
    assert "its values as codes: AUC 1.000" in found(ColumnSpec("histology"), codes)[0]
    kinds[[1, 4]] = kinds[[4, 1]]  # two mistakes in sixty
    assert found(column, kinds) == []


def test_what_is_the_same_in_all_lesions_of_a_patient_is_no_label():
    # Two lesions each, of one kind: the day of the exam tells which patient it is, and nothing of another one.
    patients = [f"P{n // 2}" for n in range(60)]
    labels = np.arange(60) // 2 % 2
    days = np.random.default_rng(0).permutation(3000)[np.arange(60) // 2]
    assert found(ColumnSpec("exam_day"), days, labels, patients) == []
    assert found(ColumnSpec("ward", "categorical"), days.astype(str), labels, patients) == []
    assert len(found(ColumnSpec("exam_day"), days, labels)) == 1  # of so many patients in pairs it would be one


def test_a_column_that_tells_a_lot_is_no_label():
    noise = np.random.default_rng(0).normal(size=60)
    assert found(ColumnSpec("age"), 50 + 8 * LABELS + 5 * noise) == []
    indication = np.where((LABELS == 1) & (noise > -1), "diagnostic", "screening")
    assert found(ColumnSpec("indication", "categorical"), indication) == []


def test_constants_numbers_of_cases_and_few_values_are_no_labels():
    assert found(ColumnSpec("field"), np.full(60, 1.5)) == []
    assert found(ColumnSpec("accession", "categorical"), [f"A{n}" for n in range(60)]) == []
    assert found(ColumnSpec("rare"), np.where(np.arange(60) < 4, LABELS, np.nan)) == []


def test_columns_are_looked_at_as_a_model_sees_them():
    levels = ("benign", "cancer", "other")
    column = ColumnSpec("indication", "categorical", levels=levels)
    words = np.where(LABELS == 1, "cancer", "benign")
    assert len(found(column, words)) == 1
    rule = RuleSpec("replace_at_random", "indication", "cancer")
    assert found(column, words, clinical_rules=(rule,)) == []
    assert found(ColumnSpec("code", missing=("1",)), LABELS) == []


def test_each_of_several_classes_counts():
    labels = np.arange(60) % 3
    (sentence,) = found(ColumnSpec("her2"), (labels == 2).astype(float), labels)
    assert "correlation 1.000" in sentence


def test_cramers_v_of_a_table_by_hand():
    # 2 x 2 with 30, 10, 10, 30: phi = .5; corrected: phi^2 - 1/79 over 1 - 1/79.
    one = np.repeat([0, 0, 1, 1], [30, 10, 10, 30])
    other = np.repeat([0, 1, 0, 1], [30, 10, 10, 30])
    assert cramers_v(one, other) == pytest.approx(np.sqrt((0.25 - 1 / 79) / (1 - 1 / 79)))
    assert cramers_v(one, np.zeros(80)) == 0.0
