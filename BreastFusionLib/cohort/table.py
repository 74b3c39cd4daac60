"""The case table: one row a case, read from CSV or Parquet, checked before anything expensive starts."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from BreastFusionLib.cohort.columns import (
    COLUMNS,
    REQUIRED,
    label_column,
    lesion_column,
    look_at_names,
    side_column,
    split_column,
    text_column,
    without_blanks,
)
from BreastFusionLib.cohort.disk import saying_disk_full
from BreastFusionLib.errors import InputError, first_few, nearest_known
from BreastFusionLib.evaluation.columns import read_table
from BreastFusionLib.evaluation.split_words import SPLITS
from BreastFusionLib.files import replacing

if TYPE_CHECKING:
    from BreastFusionLib.reading.model import Case

__all__ = [
    "COLUMNS",
    "SPLITS",
    "Cohort",
    "labelled_cases",
    "lesion_path",
    "load_case",
    "read_cohort",
    "records",
    "require_table_suffix",
    "require_two_classes",
    "write_table",
]

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Cohort:
    """A checked table of cases.

    Attributes:
        table: one row a case; `case_id`, `patient_id`, `exam` are text, `lesion` is text or missing (a whole breast),
            `side` one of 'left', 'right', 'unknown' or missing, `label` 0, 1, .. or missing (Int64), `split` one of
            'train', 'validation', 'test' or missing; all other columns are clinical.
        folder: what the paths in `exam` and `lesion` are relative to.
        problems: case_id -> sentence, for rows that cannot be used (a file is missing). The rest goes on.
    """

    table: pd.DataFrame
    folder: Path
    problems: Mapping[str, str] = field(default_factory=dict)

    @property
    def clinical_columns(self) -> tuple[str, ...]:
        """Columns beside those that this library knows."""
        return tuple(name for name in self.table.columns if name not in COLUMNS)

    @property
    def usable(self) -> pd.DataFrame:
        """The rows without a problem."""
        return self.table[~self.table["case_id"].isin(list(self.problems))]

    def case(self, case_id: str) -> Case:
        """Load one case: its exam, its lesion on the DCE grid or its side, its clinical columns.

        Raises:
            InputError: no such case, or files that cannot be used.
        """
        rows = self.table[self.table["case_id"] == case_id]
        if rows.empty:
            raise InputError(f"The cohort has no case '{case_id}'. {nearest_known(case_id, self.table['case_id'])}")
        return load_case(records(rows)[0], self.folder, self.clinical_columns)


def records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the rows as mappings from column to value."""
    return [{str(name): value for name, value in row.items()} for row in table.to_dict("records")]


def load_case(row: Mapping[str, Any], folder: Path, clinical_columns: Sequence[str]) -> Case:
    """Load the case of one row; see `Cohort.case`."""
    from BreastFusionLib.exam import read_exam
    from BreastFusionLib.lesion import read_lesion
    from BreastFusionLib.reading.model import Case

    exam, side = read_exam(folder / str(row["exam"])), _known(row.get("side"))
    exam = dataclasses.replace(exam, age_years=None)  # what the table leaves open is imputed, in training and after
    path = lesion_path(row, folder)
    lesion = None if path is None else read_lesion(path, exam)
    if lesion is not None and side in ("left", "right"):
        lesion = lesion.on_side(side)
    clinical = {name: row[name] for name in clinical_columns if not pd.isna(row[name])}
    name = str(row["case_id"])
    return Case(exam, lesion, name, clinical, side=side, drawn_from=name)


def lesion_path(row: Mapping[str, Any], folder: Path) -> Path | None:
    """Return the mask file of a row: a path, or the name of a lesion in the exam folder's `lesions/`; None for none."""
    from BreastFusionLib.exam import read_lesion_files

    name = _known(row.get("lesion"))
    return None if name is None else read_lesion_files(folder / str(row["exam"])).get(name, folder / name)


def _known(value: Any) -> Any:
    """Return a table's value, None for the several things that stand in an empty cell."""
    return None if value is None or pd.isna(value) else value


def read_cohort(path: str | Path, classes: Sequence[str] = ("benign", "malignant")) -> Cohort:
    """Read a case table and check what can be checked without opening an image.

    Args:
        path: .csv or .parquet with the columns case_id, patient_id, exam, in each row a lesion, a side or both (a side
            alone is a whole breast), and as needed label (0, 1, or one of `classes`), split, site; further columns are
            clinical. Paths are relative to the file.
        classes: names of the labels, label 0 first.

    Returns:
        The cohort; rows whose files are missing are in `problems`.

    Raises:
        InputError: a column is missing or a value cannot be understood, a case_id comes twice, the same lesion or
            breast has two labels, an exam belongs to two patients, or a patient is in two splits.
    """
    path = Path(path)
    table = _read_table(path)
    look_at_names(table, path)
    table = without_blanks(table)
    for name in REQUIRED:
        table[name] = text_column(table, name, path)
    if table.empty:
        raise InputError(f"{path.name} has no rows: one row for each case is expected.")
    _refuse_repeated_cases(table, path)
    table["label"] = label_column(table, classes, path)
    table["split"] = split_column(table, path)
    table["side"] = side_column(table, path)
    table["lesion"] = lesion_column(table, path)
    for one, many, why in (
        (["exam", "lesion"], "label", "the same lesion has several labels"),
        (["exam", "side"], "label", "the same breast has several labels"),
        (["exam"], "patient_id", "the same exam belongs to several patients"),
        (["patient_id"], "split", "a patient is in several splits, so that the test would know the training's answer"),
    ):
        # Several lesions of a breast may differ; a breast as such has one label.
        rows = table[table["lesion"].isna()] if "side" in one else table
        _refuse_several(rows, one, many, why, path)
    _tell_repeated(table, path)
    return Cohort(table, path.parent, _missing_files(table, path.parent))


def labelled_cases(cohort: Cohort) -> Cohort:
    """Return the cohort without the cases that have no label, which nothing can be learnt from; that is logged."""
    without = cohort.table["label"].isna()
    if without.any() and not without.all():
        logger.warning(
            "%d of %d cases have no label and are left out (%s). Fill in the column 'label' where it is known.",
            *(without.sum(), len(without), first_few(cohort.table.loc[without, "case_id"])),
        )
    return dataclasses.replace(cohort, table=cohort.table[~without])


def require_two_classes(labels: pd.Series, where: str) -> None:
    """Refuse labels that are all the same.

    Raises:
        InputError: fewer than two different labels.
    """
    found = sorted(labels.dropna().unique().tolist())
    if len(found) < 2:
        if found:
            what, columns = f"only label {found[0]}", "the column 'label'"
        else:
            what, columns = "no case with a label", "the columns 'label' and 'split'"
        raise InputError(f"{where} has {what}: at least one case of each class is needed. Check {columns}.")


def write_table(table: pd.DataFrame, out: Path) -> None:
    """Write a table as .parquet or .csv, in one step.

    Raises:
        InputError: another suffix, or the disk is full.
    """
    require_table_suffix(out)
    with saying_disk_full(out), replacing(out) as temporary:
        if out.suffix == ".parquet":
            table.to_parquet(temporary, index=False)
        else:
            table.to_csv(temporary, index=False)


def require_table_suffix(out: Path) -> None:
    """Refuse a name that `write_table` would not write.

    Raises:
        InputError: neither .parquet nor .csv.
    """
    if out.suffix not in (".parquet", ".csv"):
        raise InputError(f"{out.name}: a table is written as .parquet or .csv, not '{out.suffix}'.")


def _read_table(path: Path) -> pd.DataFrame:
    if not path.is_file():
        raise InputError(f"{path} is not a file: a cohort is a .csv or .parquet table with one row for each case.")
    if path.suffix.lower() in (".csv", ".parquet"):
        # Identifiers keep their leading zeros; labels and clinical columns are typed by pandas.
        return read_table(path, text=(*REQUIRED, "lesion", "side"), own=COLUMNS)
    raise InputError(f"{path.name}: a cohort is a .csv or .parquet table, not '{path.suffix}'.")


def _refuse_repeated_cases(table: pd.DataFrame, path: Path) -> None:
    repeated = table.loc[table["case_id"].duplicated(), "case_id"].unique()
    if len(repeated):
        raise InputError(
            f"{path.name}: case_id {first_few(repeated)} comes more than once. Every case needs a name of its own; "
            "two lesions of an exam are two cases."
        )


def _refuse_several(table: pd.DataFrame, one: list[str], many: str, why: str, path: Path) -> None:
    counts = table.dropna(subset=[many]).groupby(one)[many].nunique()
    wrong = counts.index[counts > 1]
    if len(wrong):
        rows = table.set_index(one).loc[[wrong[0]]]
        raise InputError(
            f"{path.name}: {why} ({many} {first_few(rows[many].unique())} for the cases {first_few(rows['case_id'])}"
            f"{f', and {len(wrong) - 1} more like this' if len(wrong) > 1 else ''}). Correct the table."
        )


def _tell_repeated(table: pd.DataFrame, path: Path) -> None:
    """Log that rows are of one lesion, or of one whole breast: under several names it counts several times."""
    for what, one, rows in (
        ("lesion", "lesion", table[table["lesion"].notna()]),
        ("whole breast", "side", table[table["lesion"].isna()]),
    ):
        repeated = rows[rows.duplicated(["exam", one], keep=False)]
        if len(repeated):
            logger.warning(
                "%s: %d rows are of a %s that has more than one (%s). Each counts as a case of its own in training and "
                "in every measure: keep one row for each, unless that is meant.",
                *(path.name, len(repeated), what, first_few(repeated["case_id"])),
            )


def _missing_files(table: pd.DataFrame, folder: Path) -> dict[str, str]:
    problems = {}
    for row in records(table):
        exam, lesion = folder / row["exam"], lesion_path(row, folder)
        if not exam.exists():
            problems[row["case_id"]] = f"The exam {row['exam']} does not exist beside the table. Correct its path."
        elif lesion is not None and not lesion.exists():
            problems[row["case_id"]] = f"The lesion {row['lesion']} does not exist beside the table. Correct its path."
    return problems
