"""Cross-validation: every case is tested once, by a model that has seen nobody of its fold.

Folds are drawn by patient and stratified, or are the sites themselves (leave one centre out). A fold becomes an
ordinary cohort with splits, so that training does not know that it is part of a cross-validation.
"""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd

from BreastFusionLib.cohort.splits import patient_labels, split_by_patient
from BreastFusionLib.cohort.table import Cohort
from BreastFusionLib.errors import InputError, first_few

__all__ = ["fold_cohort", "patient_folds", "site_folds"]


def patient_folds(table: pd.DataFrame, folds: int, seed: int = 0) -> pd.Series:
    """Assign every case to a fold, all cases of a patient to the same.

    Patients are grouped by the largest label among their cases, and each group is dealt out in random order, so that
    folds hold each class in equal numbers, give or take one. The order of the rows changes nothing.

    Args:
        table: with the columns patient_id and label.
        folds: how many, at least 2.
        seed: of the random order.

    Returns:
        0 .. folds - 1 for each row, with the table's index.

    Raises:
        InputError: fewer than two folds, or a class with fewer patients than folds.
    """
    if folds < 2:
        raise InputError(f"Folds: {folds}, but a cross-validation needs at least 2.")
    generator, fold_of, dealt = np.random.default_rng(seed), {}, 0
    labels = patient_labels(table)
    for label in sorted(labels.unique()):
        patients = generator.permutation(sorted(labels.index[labels == label]))
        if len(patients) < folds:
            raise InputError(
                f"Only {len(patients)} patients have label {label}, fewer than {folds} folds: some folds would hold "
                "none of them. Take fewer folds."
            )
        # Dealing goes on where the last class ended, so that no fold gets every class's extra patient.
        fold_of.update({patient: (dealt + place) % folds for place, patient in enumerate(patients.tolist())})
        dealt += len(patients)
    return table["patient_id"].map(fold_of).rename("fold")


def site_folds(table: pd.DataFrame) -> pd.Series:
    """Assign every case to the fold of its site: leave one centre out.

    Args:
        table: with the columns patient_id and site.

    Returns:
        The site of each row, as text.

    Raises:
        InputError: no column 'site', an empty cell, one site only, or a patient of two sites.
    """
    if "site" not in table.columns or table["site"].isna().any():
        raise InputError("To leave one site out, every case needs a 'site': add or fill in the column of the cohort.")
    sites = table["site"].astype(str)
    if sites.nunique() < 2:
        raise InputError(f"All cases are of site '{sites.iloc[0]}': to leave one site out, there must be two or more.")
    per_patient = sites.groupby(table["patient_id"]).nunique()
    if (per_patient > 1).any():
        raise InputError(
            f"Patients {first_few(per_patient.index[per_patient > 1])} were seen at several sites: leaving one out "
            "would test on a patient who was trained on. Give each patient one site."
        )
    return sites.rename("fold")


def fold_cohort(cohort: Cohort, folds: pd.Series, test: object, validation_share: float, seed: int = 0) -> Cohort:
    """Return the cohort in which one fold is the test set.

    Args:
        cohort: labelled cases.
        folds: the fold of each row of its table.
        test: the fold that is tested.
        validation_share: share of the other patients who are set aside for validation, drawn stratified.
        seed: of that draw.

    Raises:
        InputError: a share outside (0, 1).
    """
    if not 0 < validation_share < 1:
        raise InputError(f"The share of patients for validation must lie between 0 and 1, found {validation_share:g}.")
    is_test = folds == test
    rest = split_by_patient(cohort.table[~is_test], (1 - validation_share, validation_share, 0.0), seed)
    split = rest.reindex(cohort.table.index, fill_value="test")
    return dataclasses.replace(cohort, table=cohort.table.assign(split=split))
