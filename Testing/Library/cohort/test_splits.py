"""Splits by patient: proportions, strata, and independence of the order of rows."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from BreastFusionLib.cohort import split_by_patient
from BreastFusionLib.cohort.splits import recorded_splits
from BreastFusionLib.errors import InputError


def cohort(patients: int, cases_per_patient: int = 1) -> pd.DataFrame:
    ids = [f"P{n:03d}" for n in range(patients) for _ in range(cases_per_patient)]
    labels = [int(patient[1:]) % 3 == 0 for patient in ids]
    return pd.DataFrame({"patient_id": ids, "label": pd.array(np.array(labels, dtype=int), dtype="Int64")})


def test_seven_one_two_of_a_hundred_patients():
    table = cohort(100, cases_per_patient=2)
    split = split_by_patient(table)
    per_patient = split.groupby(table["patient_id"]).agg(["nunique", "first"])
    assert (per_patient["nunique"] == 1).all()
    # 34 positive and 66 negative patients, each divided by largest remainders.
    assert per_patient["first"].value_counts().to_dict() == {"train": 70, "test": 20, "validation": 10}
    assert split[table["label"] == 1].value_counts().to_dict() == {"train": 48, "test": 14, "validation": 6}


@settings(max_examples=30, deadline=None)
@given(st.integers(6, 60), st.integers(0, 5), st.randoms(use_true_random=False))
def test_the_order_of_rows_changes_nothing(patients, seed, random):
    table = cohort(patients)
    order = list(table.index)
    random.shuffle(order)
    split = split_by_patient(table, seed=seed)
    pd.testing.assert_series_equal(split_by_patient(table.loc[order], seed=seed).sort_index(), split)


@settings(max_examples=30, deadline=None)
@given(st.integers(9, 40))
def test_every_split_holds_every_class_when_each_has_three_patients(patients):
    table = cohort(patients)
    found = table.assign(split=split_by_patient(table)).groupby("split")["label"].nunique()
    assert found.to_dict() == {"train": 2, "validation": 2, "test": 2}


def test_another_seed_gives_another_split():
    table = cohort(30)
    assert (split_by_patient(table, seed=0) != split_by_patient(table, seed=1)).any()


def test_a_patient_with_one_malignant_lesion_is_a_malignant_patient():
    table = pd.DataFrame({"patient_id": ["a", "a", "b", "c", "d", "e", "f"], "label": [0, 1, 1, 1, 0, 0, 0]})
    split = split_by_patient(table, (1 / 3, 1 / 3, 1 / 3))
    # Patients a, b, c are the positive stratum: one for each split.
    assert sorted(split[table["patient_id"].isin(["a", "b", "c"])].unique()) == ["test", "train", "validation"]


def test_no_test_split_when_none_is_asked_for():
    assert sorted(split_by_patient(cohort(20), (0.8, 0.2, 0.0)).unique()) == ["train", "validation"]


@pytest.mark.parametrize("fractions", [(0.7, 0.1), (0.7, 0.1, 0.1), (1.2, -0.1, -0.1)])
def test_wrong_fractions_are_refused(fractions):
    with pytest.raises(InputError, match="add up to 1"):
        split_by_patient(cohort(10), fractions)


def test_a_runs_splits_are_those_of_its_own_cases_not_of_namesakes(tmp_path):
    recorded = pd.DataFrame({"case_id": ["001", "002"], "patient_id": ["a", "b"], "split": ["train", "test"]})
    recorded.to_csv(tmp_path / "predictions.csv", index=False)
    asked = pd.DataFrame({"case_id": ["002", "001", "003"], "patient_id": ["b", "another", "c"]}, index=[5, 6, 7])
    found = recorded_splits(asked, tmp_path / "predictions.csv")
    assert found[5] == "test" and found[[6, 7]].isna().all()
    assert recorded_splits(asked, tmp_path / "nowhere.csv").isna().all()
