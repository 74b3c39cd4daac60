"""Predictions of several runs in one table: rows of one case, told apart by a column `run`, side by side."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from BreastFusionLib.errors import InputError, first_few

__all__ = ["Runs", "runs_of"]

Names = NDArray[np.object_]


@dataclass(frozen=True, eq=False)
class Runs:
    """Scores of R runs on the same n cases.

    Attributes:
        names: R names.
        scores: (R, n), or (R, n, K) of K classes.
        folds: (R, n) which fold of its run a case was tested in, or None.
    """

    names: tuple[str, ...]
    scores: NDArray[np.float64]
    folds: Names | None = None

    def take(self, rows: NDArray[np.intp]) -> Runs:
        """Return these cases, in this order."""
        return replace(self, scores=self.scores[:, rows], folds=None if self.folds is None else self.folds[:, rows])


def runs_of(
    scores: NDArray[np.float64],
    case_id: Names | None,
    labels: NDArray[np.int8],
    run: Names,
    fold: Names | None,
    path: Path,
) -> tuple[NDArray[np.intp], Runs]:
    """Return the rows of the first run, and all runs in the order of its cases.

    Raises:
        InputError: no case_id, a case twice in a run, runs of different cases, a case with two labels.
    """
    if case_id is None:
        raise InputError(f"{path}: rows of several runs are put together by case_id, which the table lacks. "
                         "Add a column case_id, or evaluate each run as a table of its own.")  # fmt: skip
    names = list(dict.fromkeys(run))
    rows_of = [np.flatnonzero(run == name) for name in names]
    first = rows_of[0]
    ordered = [first]
    for name, rows in zip(names, rows_of, strict=True):
        found = dict(zip(case_id[rows], rows, strict=True))
        if len(found) < rows.size:
            values, counts = np.unique(case_id[rows].astype(str), return_counts=True)
            raise InputError(f"{path}: {first_few(values[counts > 1])} occur more than once in run {name}. "
                             "Each run may have one row a case.")  # fmt: skip
        missing = [case for case in case_id[first] if case not in found]
        extra = sorted(set(found) - set(case_id[first]))
        if missing or extra:
            raise InputError(
                f"{path}: runs {names[0]} and {name} are of different cases ({first_few([*missing, *extra])} in one "
                "only). Runs repeat the same cases: leave those out of every run that some run lacks. Parts of one "
                "cross-validation belong into a column 'fold'."
            )
        if name != names[0]:
            ordered.append(np.array([found[case] for case in case_id[first]], dtype=np.intp))
    order = np.stack(ordered)
    unequal = (labels[order] != labels[first]).any(axis=0)
    if unequal.any():
        raise InputError(f"{path}: {int(unequal.sum())} case_id have rows with different labels "
                         f"({first_few(case_id[first][unequal])}). Correct them: a case has one truth.")  # fmt: skip
    return first, Runs(tuple(names), scores[order], None if fold is None else fold[order])
