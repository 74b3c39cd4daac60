"""What several models, or several runs of two models, say together: an ensemble beside them, and tests over runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal

from BreastFusionLib.errors import InputError
from BreastFusionLib.evaluation.differences import wilcoxon_signed_rank
from BreastFusionLib.evaluation.pairing import pair
from BreastFusionLib.evaluation.predictions import Predictions
from BreastFusionLib.evaluation.recalibration import FITTING_SPLIT
from BreastFusionLib.evaluation.runs import ensemble, greedy_ensemble

__all__ = ["EnsembleRule", "compare_runs", "with_ensemble"]

EnsembleRule = Literal["mean", "greedy"]
NAME = "ensemble"


def with_ensemble(tables: Sequence[Predictions], rule: EnsembleRule | None) -> tuple[list[Predictions], list[str]]:
    """Return the tables and, last, their ensemble as a model of its own, with a note.

    Args:
        tables: two or more, of probabilities on the same cases.
        rule: 'mean' of the probabilities; 'greedy' chooses models on validation cases, the best of them more than
            once; None for no ensemble.

    Raises:
        InputError: one table, scores that are no probabilities, or no validation cases to choose on.
    """
    if rule is None:
        return list(tables), []
    if len(tables) < 2:
        raise InputError("An ensemble is made of several models: give two or more tables.")
    paired = pair(tables)
    if rule == "mean":
        scores, note = ensemble(paired.scores), f"{NAME}: the mean of the models' probabilities."
        return [*tables, replace(paired.tables[0], name=NAME, scores=scores, notes=(), runs=None, validation=None)], [
            note
        ]
    held = [table.validation for table in tables]
    if paired.classes or any(one is None for one in held):
        raise InputError(f"A greedy ensemble chooses models of two classes on their validation cases: give tables with "
                         f"rows of split '{FITTING_SPLIT}' too.")  # fmt: skip
    named = [replace(one, name=table.name) for one, table in zip(held, tables, strict=True) if one is not None]
    validation = pair(named)
    chosen = greedy_ensemble(validation.labels, validation.scores, [FITTING_SPLIT] * validation.labels.size)
    shares = [f"{100 * w:.0f} % {name}" for w, name in zip(chosen.weights, paired.names, strict=True) if w > 0]
    fitted = replace(validation.tables[0], name=NAME, scores=chosen(validation.scores))
    model = replace(paired.tables[0], name=NAME, scores=chosen(paired.scores), notes=(), runs=None, validation=fitted)
    return [*tables, model], [f"{NAME}: chosen greedily on {validation.labels.size} validation cases: "
                              f"{', '.join(shares)}."]  # fmt: skip


def compare_runs(first: dict[str, Any] | None, second: dict[str, Any] | None) -> dict[str, Any] | None:
    """Return Wilcoxon's signed-rank test of two models' AUCs over the same runs (and folds).

    Args:
        first: 'runs' of a model, as `run_spread` gives them; None where it has none.
        second: of the other.

    Returns:
        None when they have not the same runs, or only one.
    """
    if first is None or second is None:
        return None
    a, b = _areas(first), _areas(second)
    if a.keys() != b.keys() or len(a) < 2:
        return None
    test = wilcoxon_signed_rank(list(a.values()), [b[name] for name in a])
    return {"pairs": len(a), "n": test.n, "statistic": test.statistic, "median": test.median, "p": test.p}


def _areas(runs: dict[str, Any]) -> dict[tuple[str, ...], float]:
    if not runs["folds"]:
        return {(name,): value for name, value in runs["auc"].items()}
    return {(run, fold): value for run, found in runs["folds"].items() for fold, value in found["auc"].items()}
