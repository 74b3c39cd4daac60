"""Splits by patient: stratified, the same for the same seed whatever the order of the rows."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from BreastFusionLib.cohort.table import SPLITS
from BreastFusionLib.errors import InputError

__all__ = ["lacks_class", "patient_labels", "recorded_splits", "require_drawn_classes", "split_by_patient"]


def split_by_patient(table: pd.DataFrame, fractions: Sequence[float] = (0.7, 0.1, 0.2), seed: int = 0) -> pd.Series:
    """Assign every case to training, validation or test, all cases of a patient to the same.

    Patients are grouped by the largest label among their cases (a patient with one malignant lesion is a
    malignant patient), and each group is divided in proportion, so that every split holds every class as long as
    the class has one patient for each split.

    Args:
        table: with the columns patient_id and label.
        fractions: shares of patients for training, validation and test; they add up to 1.
        seed: of the random order within each group.

    Returns:
        'train', 'validation' or 'test' for each row, with the table's index.

    Raises:
        InputError: fractions that are negative or do not add up to 1.
    """
    if len(fractions) != len(SPLITS) or min(fractions) < 0 or abs(sum(fractions) - 1) > 1e-6:
        raise InputError(f"Split fractions {list(fractions)}: three shares (train, validation, test) that add up to 1.")
    strata = patient_labels(table)
    generator = np.random.default_rng(seed)
    assigned: dict[str, str] = {}
    for label in sorted(strata.unique()):
        patients = generator.permutation(sorted(strata.index[strata == label]))
        ends = np.cumsum(_counts(len(patients), fractions))
        for split, members in zip(SPLITS, np.split(patients, ends[:-1]), strict=True):
            assigned.update(dict.fromkeys(members.tolist(), split))
    return table["patient_id"].map(assigned).rename("split")


def lacks_class(table: pd.DataFrame) -> bool:
    """Tell whether there is nothing to learn or to choose by: one class only in training or in validation."""
    return any(table.loc[table["split"] == split, "label"].nunique() < 2 for split in ("train", "validation"))


def require_drawn_classes(table: pd.DataFrame, fractions: Sequence[float], classes: Sequence[str]) -> None:
    """Refuse a drawn split from which nothing can be learnt or chosen.

    Args:
        table: with the columns patient_id, label and split.
        fractions: by which it was drawn.
        classes: names of the labels.

    Raises:
        InputError: training or validation lacks a class.
    """
    if not lacks_class(table):
        return
    counted = patient_labels(table).value_counts()
    found = " and ".join(f"{counted.get(number, 0)} {name}" for number, name in enumerate(classes))
    raise InputError(
        f"The cohort has too few patients ({found}) for shares of {', '.join(f'{share:g}' for share in fractions)} for "
        "training, validation and test: training and validation need both classes, which takes three patients of each. "
        "Add cases, change training.fractions, or give the table a column 'split'."
    )


def recorded_splits(table: pd.DataFrame, predictions: Path) -> pd.Series:
    """Return the splits that a run drew and wrote into its predictions; missing where it does not know the case.

    Args:
        table: with the columns case_id and patient_id.
        predictions: the run's predictions.csv, which need not be there.
    """
    known: dict[tuple[str, str], str] = {}
    if predictions.is_file():
        found = pd.read_csv(predictions, dtype=str)
        if {"case_id", "patient_id", "split"} <= set(found.columns):
            known = dict(zip(zip(found["case_id"], found["patient_id"], strict=True), found["split"], strict=True))
    cases = zip(table["case_id"].astype(str), table["patient_id"].astype(str), strict=True)
    return pd.Series([known.get(case) for case in cases], index=table.index, dtype="object", name="split")


def patient_labels(table: pd.DataFrame) -> pd.Series:
    """Return patient_id -> the largest label among the patient's cases, -1 without any."""
    return table["label"].fillna(-1).astype(int).groupby(table["patient_id"]).max()


def _counts(total: int, fractions: Sequence[float]) -> list[int]:
    """Divide `total` in proportion by largest remainders, at least one each where there are enough."""
    exact = [fraction * total for fraction in fractions]
    counts = [int(value + 1e-9) for value in exact]
    by_remainder = sorted(range(len(fractions)), key=lambda i: counts[i] - exact[i])
    for i in by_remainder[: total - sum(counts)]:
        counts[i] += 1
    wanted = [i for i, fraction in enumerate(fractions) if fraction > 0]
    for i in wanted:
        if counts[i] == 0 and total >= len(wanted):
            counts[max(wanted, key=lambda j: counts[j])] -= 1
            counts[i] = 1
    return counts
