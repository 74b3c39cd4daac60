"""Settings chosen by inner cross-validation, on the patients of one outer fold who are not tested."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from BreastFusionLib.errors import InputError
from BreastFusionLib.training.divergence import has_diverged
from BreastFusionLib.training.keeper import goodness
from BreastFusionLib.training.many import ManyRuns, kept_row
from BreastFusionLib.training.recipe import Recipe

__all__ = ["choose"]

_REACHED = "reached.json"


def choose(
    many: ManyRuns,
    recipes: Sequence[Recipe],
    candidates: Sequence[Mapping[str, Any]],
    tables: Sequence[pd.DataFrame],
    monitor: str,
    folder: Path,
) -> tuple[int, list[dict[str, Any]]]:
    """Train every candidate on every inner fold and choose the one with the best mean validation measure.

    Args:
        many: what the runs share.
        recipes: one a candidate.
        candidates: the settings in which they differ.
        tables: cases with splits, one table an inner fold.
        monitor: the measure, see `TrainingSpec.monitor`.
        folder: of these runs. Of each, its log and settings stay; its weights, which nobody needs, do not.

    Returns:
        Number of the candidate, and for each what it reached. A candidate that diverged reached nothing; of equally
        good ones the first is chosen.

    Raises:
        InputError: all candidates diverged; see `train`.
    """
    rows = []
    for number, (recipe, candidate) in enumerate(zip(recipes, candidates, strict=True), start=1):
        values = [
            _reached(many, recipe, table, monitor, folder / f"candidate_{number}" / f"fold_{fold}")
            for fold, table in enumerate(tables, start=1)
        ]
        told = {key: str(value) for key, value in candidate.items()}
        spread = {f"{monitor}_lowest": min(values), f"{monitor}_highest": max(values)}
        row: dict[str, Any] = {"candidate": number, **told, monitor: float(np.mean(values)), **spread}
        rows.append(row)
    means = np.array([row[monitor] for row in rows])
    if np.isnan(means).all():
        raise InputError(f"All candidates diverged in {folder}: try a lower training.learning_rate.")
    chosen = int(np.nanargmax(goodness(means, monitor)))
    return chosen, [{**row, "chosen": row["candidate"] == chosen + 1} for row in rows]


def _reached(many: ManyRuns, recipe: Recipe, table: pd.DataFrame, monitor: str, folder: Path) -> float:
    """Train one inner run and return its measure in the epoch that it kept; NaN when it diverged."""
    path, value = folder / _REACHED, math.nan
    if path.is_file():
        found = json.loads(path.read_text(encoding="utf-8"))[monitor]
        value = math.nan if found is None else found
        many.count()
    else:
        try:
            value = float(kept_row(many.train(recipe, table, folder), recipe.training)[monitor])
        except InputError:
            if not has_diverged(folder):
                raise
            many.count()
        many.note({monitor: value}, path.relative_to(many.folder))
    if many.writes:
        for name in ("bundle", "checkpoints"):
            shutil.rmtree(folder / name, ignore_errors=True)
    return value
