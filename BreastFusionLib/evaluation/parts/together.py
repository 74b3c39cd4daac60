"""What several models, or several runs of two models, say together: an ensemble beside them, and tests over runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from BreastFusionLib.errors import InputError, first_few
from BreastFusionLib.evaluation.calibration import are_probabilities
from BreastFusionLib.evaluation.differences import wilcoxon_signed_rank
from BreastFusionLib.evaluation.pairing import PairedPredictions, pair
from BreastFusionLib.evaluation.predictions import Predictions
from BreastFusionLib.evaluation.runs import ensemble, greedy_ensemble
from BreastFusionLib.evaluation.split_words import VALIDATION

__all__ = ["EnsembleRule", "compare_runs", "with_ensemble"]

EnsembleRule = Literal["mean", "greedy"]
NAME = "ensemble"


def with_ensemble(
    tables: Sequence[Predictions], rule: EnsembleRule | None, intersect: bool = False
) -> tuple[list[Predictions], list[str]]:
    """Return the tables and, last, their ensemble as a model of its own, with a note.

    Args:
        tables: two or more, of probabilities on the same cases.
        rule: 'mean' of the probabilities; 'greedy' chooses models on validation cases, the best of them more than
            once; None for no ensemble.
        intersect: where tables have different cases, the ensemble is of those that all have.

    Raises:
        InputError: one table, scores that are no probabilities, or no validation cases to choose on.
    """
    if rule is None:
        return list(tables), []
    if len(tables) < 2:
        raise InputError("An ensemble is made of several models: give two or more tables.")
    paired = pair(tables, intersect)
    _refuse_other_scores(paired)
    if rule == "mean":
        scores = _between(ensemble(paired.scores), paired.scores)
        model = replace(paired.tables[0], name=NAME, scores=scores, notes=(), runs=None, validation=None)
        return [*tables, model], [f"{NAME}: the mean of the models' probabilities."]
    held = [table.validation for table in tables]
    if paired.classes or any(one is None for one in held):
        raise InputError(f"A greedy ensemble chooses models of two classes on their validation cases: give tables with "
                         f"rows of split '{VALIDATION}' too.")  # fmt: skip
    named = [
        replace(one, name=f"{table.name}, {VALIDATION}", notes=())
        for one, table in zip(held, tables, strict=True)
        if one is not None
    ]
    validation = pair(named, intersect)
    _refuse_other_scores(validation)
    chosen = greedy_ensemble(validation.labels, validation.scores, [VALIDATION] * validation.labels.size)
    shares = [f"{100 * w:.0f} % {name}" for w, name in zip(chosen.weights, paired.names, strict=True) if w > 0]
    fitted = replace(validation.tables[0], name=NAME, scores=_between(chosen(validation.scores), validation.scores))
    scores = _between(chosen(paired.scores), paired.scores)
    model = replace(paired.tables[0], name=NAME, scores=scores, notes=(), runs=None, validation=fitted)
    note = f"{NAME}: chosen greedily on {validation.labels.size} validation cases: {', '.join(shares)}."
    return [*tables, model], [*validation.notes, note]


def _refuse_other_scores(paired: PairedPredictions) -> None:
    odd = [name for name, scores in zip(paired.names, paired.scores, strict=True) if not are_probabilities(scores)]
    if odd:
        raise InputError(f"An ensemble is made of probabilities in [0, 1], and scores of {first_few(odd)} are none. "
                         "Make probabilities of them with --recalibrate platt, on validation cases.")  # fmt: skip


def _between(mean: NDArray[np.float64], scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return a mean over models without the rounding that can take it out of their range, and of [0, 1]."""
    return np.clip(mean, scores.min(axis=0), scores.max(axis=0))


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
