"""Several models' predictions put on the same cases."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from BreastFusionLib.errors import InputError, first_few
from BreastFusionLib.evaluation.predictions import Predictions
from BreastFusionLib.evaluation.run_columns import Runs
from BreastFusionLib.evaluation.table_rows import Dropped

if TYPE_CHECKING:
    import pandas

__all__ = ["PairedPredictions", "pair"]


@dataclass(frozen=True, eq=False)
class PairedPredictions:
    """Predictions of m models on the same n cases.

    Attributes:
        names: m names.
        labels: (n,) 0 or 1; with classes 0 .. K-1.
        scores: (m, n); with classes (m, n, K).
        case_id: (n,) or None.
        patient_id: (n,) or None.
        notes: sentences about how tables were read and paired.
        classes: names of three or more classes; empty for two.
        facts: (n rows) further columns.
        tables: each model's own table, on these cases.
    """

    names: tuple[str, ...]
    labels: NDArray[np.int8]
    scores: NDArray[np.float64]
    case_id: NDArray[np.object_] | None = None
    patient_id: NDArray[np.object_] | None = None
    notes: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()
    facts: pandas.DataFrame | None = None
    tables: tuple[Predictions, ...] = ()

    def runs(self, model: int) -> Runs | None:
        """Return a model's runs, where its table has some."""
        return self.tables[model].runs if self.tables else None


def pair(tables: Sequence[Predictions], intersect: bool = False) -> PairedPredictions:
    """Put several models' predictions on the same cases, in the first table's order.

    With `case_id` in every table rows are matched by it; otherwise row by row, if all labels agree, with a note.

    Args:
        tables: one a model.
        intersect: where tables have different cases, keep those that all have, with a note, instead of refusing.

    Raises:
        InputError: two models of one name, different cases, or labels that disagree.
    """
    first = tables[0]
    _refuse_unlike(tables)
    by_case = all(table.case_id is not None for table in tables)
    notes = [note for table in tables for note in table.notes]
    if by_case:
        tables, more = _common_cases(tables) if intersect else (tables, [])
        notes += more
        tables = [_matched(table, tables[0]) for table in tables]
        first = tables[0]
    for table in tables[1:]:
        _refuse_other_labels(table, first, by_case)
    notes += _other_patients(tables, by_case)
    if len(tables) > 1 and not by_case:
        notes.append(
            "Not every table has a column case_id: the models were paired row by row, which their labels allow."
        )
    return PairedPredictions(
        tuple(table.name for table in tables),
        first.labels,
        np.stack([table.scores for table in tables]),
        first.case_id if by_case else None,
        next((table.patient_id for table in tables if table.patient_id is not None), None),
        tuple(dict.fromkeys(notes)),
        first.classes,
        _all_facts(tables),
        tuple(tables),
    )


def _refuse_unlike(tables: Sequence[Predictions]) -> None:
    names = [table.name for table in tables]
    if len(set(names)) < len(names):
        doubled = sorted({name for name in names if names.count(name) > 1})
        raise InputError(
            f"Several models are named {first_few(doubled)}: give each a name of its own, by its file or with --name."
        )
    first = tables[0]
    for table in tables[1:]:
        if table.classes != first.classes:
            words = [", ".join(one.classes) or "one score" for one in (first, table)]
            raise InputError(f"{first.name} has {words[0]}, {table.name} has {words[1]}: models can only be compared "
                             "on the same classes. Name those that count as positive with --positive.")  # fmt: skip


def _refuse_other_labels(table: Predictions, first: Predictions, by_case: bool) -> None:
    if table.labels.size != first.labels.size:
        raise InputError(
            f"{table.name} has {table.labels.size} rows, {first.name} has {first.labels.size}, and without a "
            "column case_id rows cannot be matched. Add case_id to the tables."
        )
    unequal = np.flatnonzero(table.labels != first.labels)
    if unequal.size:
        where = first.case_id[unequal] if by_case and first.case_id is not None else unequal + 1
        raise InputError(
            f"The labels of {table.name} and {first.name} disagree for {unequal.size} of {first.labels.size} "
            f"{'cases' if by_case else 'rows'} ({first_few(where)}). Models can only be compared on the same truth."
        )


def _other_patients(tables: Sequence[Predictions], by_case: bool) -> list[str]:
    """Say for which cases tables name other patients than the first that names any."""
    named = [(table.name, table.patient_id) for table in tables if table.patient_id is not None]
    notes = []
    for name, patients in named[1:]:
        unequal = np.flatnonzero(patients != named[0][1])
        if unequal.size:
            where = tables[0].case_id[unequal] if by_case and tables[0].case_id is not None else unequal + 1
            notes.append(f"{name} has another patient_id than {named[0][0]} for {unequal.size} of {patients.size} "
                         f"{'cases' if by_case else 'rows'} ({first_few(where, 5)}): those of {named[0][0]} "
                         "are counted.")  # fmt: skip
    return notes


def _matched(table: Predictions, first: Predictions) -> Predictions:
    """Return `table` in the order of `first`'s cases."""
    assert table.case_id is not None
    assert first.case_id is not None
    row_of = {case: row for row, case in enumerate(table.case_id)}
    missing = [case for case in first.case_id if case not in row_of]
    extra = sorted(set(row_of) - set(first.case_id))
    if missing or extra:
        parts = [f"{len(missing)} cases are only in {first.name} ({first_few(missing)})"] if missing else []
        parts += [f"{len(extra)} only in {table.name} ({first_few(extra)})"] if extra else []
        raise InputError(f"{', '.join(parts)}. Models can only be compared on the same cases: remove those rows, or "
                         "evaluate the cases that all tables have with --intersect.")  # fmt: skip
    return table.take([row_of[case] for case in first.case_id])


def _common_cases(tables: Sequence[Predictions]) -> tuple[list[Predictions], list[str]]:
    """Return the tables without the cases that some lack, and sentences that list these."""
    cases = [set() if table.case_id is None else set(table.case_id) for table in tables]
    common = set.intersection(*cases)
    if not common:
        raise InputError("The tables have no case in common: check that their case_id are spelled alike.")
    kept, notes = [], []
    for table, own in zip(tables, cases, strict=True):
        assert table.case_id is not None
        rest = sorted(own - common)
        if rest:
            rows = np.flatnonzero([case in common for case in table.case_id])
            table = table.take(rows)
            table = replace(table, dropped=(*table.dropped, Dropped(len(rest), "not in every table")))
            notes.append(f"{table.name}: {len(rest)} cases that others lack are left out ({first_few(rest, 10)}).")
        kept.append(table)
    if min(kept[0].labels) == max(kept[0].labels):
        raise InputError(f"The {len(common)} cases that all tables have are of one class only; both are needed.")
    return kept, notes


def _all_facts(tables: Sequence[Predictions]) -> pandas.DataFrame | None:
    """Return the further columns of all tables, each from the first table that has it."""
    found = tables[0].facts
    for table in tables[1:]:
        if table.facts is not None and found is not None:
            new = [column for column in table.facts.columns if column not in found.columns]
            found = found.join(table.facts[new])
    return found
