"""Cross-validation: every patient is tested once, in folds that look alike."""

from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from BreastFusionLib.cohort import Cohort, fold_cohort, patient_folds, site_folds
from BreastFusionLib.errors import InputError


def table(positive: int, negative: int, cases_per_patient: int = 1) -> pd.DataFrame:
    rows = [
        {"case_id": f"{name}{number:03d}.{case}", "patient_id": f"{name}{number:03d}", "label": label}
        for name, count, label in (("M", positive, 1), ("B", negative, 0))
        for number in range(count)
        for case in range(cases_per_patient)
    ]
    return pd.DataFrame(rows).astype({"label": "Int64"})


@settings(max_examples=40, deadline=None)
@given(st.integers(3, 30), st.integers(3, 30), st.integers(2, 3), st.integers(0, 3))
def test_folds_hold_every_class_in_equal_numbers_give_or_take_one(positive, negative, folds, seed):
    cases = table(positive, negative, 2)
    found = patient_folds(cases, folds, seed)
    patients = cases.assign(fold=found).drop_duplicates("patient_id")
    assert (cases.assign(fold=found).groupby("patient_id")["fold"].nunique() == 1).all()
    for part in (patients, patients[patients["label"] == 1], patients[patients["label"] == 0]):
        counts = part["fold"].value_counts().reindex(range(folds), fill_value=0)
        assert counts.max() - counts.min() <= 1


def test_the_order_of_rows_changes_nothing_and_another_seed_something():
    cases = table(10, 12)
    found = patient_folds(cases, 5, 1)
    pd.testing.assert_series_equal(patient_folds(cases[::-1], 5, 1).sort_index(), found)
    assert not patient_folds(cases, 5, 2).equals(found)


def test_a_class_with_fewer_patients_than_folds_is_said():
    with pytest.raises(InputError, match="Only 3 patients have label 1, fewer than 5 folds"):
        patient_folds(table(3, 20), 5)
    with pytest.raises(InputError, match="at least 2"):
        patient_folds(table(3, 3), 1)


def test_a_fold_is_tested_and_the_rest_is_divided_by_patient():
    cases = table(20, 20, 2)
    folds = patient_folds(cases, 4)
    found = fold_cohort(Cohort(cases, Path()), folds, 2, validation_share=0.2).table
    assert set(found.index[found["split"] == "test"]) == set(folds.index[folds == 2])
    # 30 patients are left, 15 of each class: a fifth of each is 3.
    validation = found[found["split"] == "validation"].drop_duplicates("patient_id")
    assert validation["label"].value_counts().to_dict() == {0: 3, 1: 3}
    assert (found.groupby("patient_id")["split"].nunique() == 1).all()
    with pytest.raises(InputError, match="between 0 and 1"):
        fold_cohort(Cohort(cases, Path()), folds, 2, validation_share=0.0)


def test_leaving_one_site_out():
    cases = table(4, 4).assign(site=["a", "b"] * 4)
    assert site_folds(cases).tolist() == ["a", "b"] * 4
    with pytest.raises(InputError, match="All cases are of site 'a'"):
        site_folds(cases.assign(site="a"))
    with pytest.raises(InputError, match="every case needs a 'site'"):
        site_folds(table(4, 4))
    with pytest.raises(InputError, match=r"Patients .*M000.* were seen at several sites"):
        site_folds(table(2, 2, 2).assign(site=["a", "b"] * 4))
