"""How much a model's figures vary over its runs and folds."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from BreastFusionLib.errors import InputError
from BreastFusionLib.evaluation.multiclass import macro_auc
from BreastFusionLib.evaluation.roc import auc
from BreastFusionLib.evaluation.run_columns import Runs
from BreastFusionLib.evaluation.runs import FoldAucs, Spread, fold_aucs, spread

__all__ = ["run_spread", "spread_notes"]


def run_spread(labels: NDArray[np.int8], runs: Runs, level: float) -> dict[str, Any]:
    """Return the AUC of every run (of folds: their mean) with their spread; of several classes the macro AUC.

    Returns:
        'auc': run -> AUC; 'spread' over the runs; 'folds': run -> its folds' AUCs with their mean; 'note': a sentence
        when folds cannot be measured, else empty.
    """
    folds, note = _folds(labels, runs, level)
    area = auc if runs.scores.ndim == 2 else macro_auc
    by_run = {name: area(labels, scores) for name, scores in zip(runs.names, runs.scores, strict=True)}
    # Of a cross-validation papers mostly give the mean over folds; the pooled value stands beside it.
    told = {name: folds[name].mean.mean.value for name in by_run} if folds else by_run
    return {
        "auc": by_run,
        "spread": _spread(spread(list(told.values()), level=level, bounds=(0.0, 1.0))) if len(told) > 1 else None,
        "folds": {
            name: {"auc": found.folds, "spread": _spread(found.mean), "pooled": found.pooled}
            for name, found in folds.items()
        },
        "note": note,
    }


def spread_notes(runs: dict[str, Any]) -> list[str]:
    """Return sentences about intervals over runs and folds that are cut at 0 or 1, or missing.

    Args:
        runs: of `run_spread`.
    """
    spreads = [("folds", found["spread"]) for found in runs["folds"].values()]
    spreads += [("runs", runs["spread"])] if runs["spread"] else []
    notes = []
    for words, found in spreads:
        if found["cut"]:
            notes.append(f"The interval of the mean AUC over {words} is cut: an AUC lies in [0, 1].")
        elif found["runs"] > 1 and found["mean"]["low"] is None:
            notes.append(f"No interval is given for the mean AUC over {words}: it is the same in all of them.")
    return list(dict.fromkeys(notes))


def _folds(labels: NDArray[np.int8], runs: Runs, level: float) -> tuple[dict[str, FoldAucs], str]:
    if runs.folds is None or runs.scores.ndim > 2:
        return {}, ""
    found = {}
    for name, scores, folds in zip(runs.names, runs.scores, runs.folds, strict=True):
        try:
            found[name] = fold_aucs(labels, scores, folds, level)
        except InputError as error:
            return {}, f"The AUC of single folds is not given. {error}"
    return found, ""


def _spread(found: Spread) -> dict[str, Any]:
    return {
        "mean": found.mean.to_mapping(),
        "sd": float(found.sd) if np.isfinite(found.sd) else None,
        "median": found.median,
        "lowest": found.lowest,
        "highest": found.highest,
        "runs": found.runs,
        "cut": found.cut,
    }
