"""A bundle over a whole cohort: the same score as in a reading, case by case."""

from __future__ import annotations

import logging
from collections import Counter
from pathlib import Path

import pandas as pd

from BreastFusionLib.cohort.inputs import Progress, compute_inputs
from BreastFusionLib.cohort.table import Cohort, write_table
from BreastFusionLib.errors import InputError, MemoryShortage
from BreastFusionLib.reading.bundle import Bundle

__all__ = ["apply_bundle"]

logger = logging.getLogger(__name__)


def apply_bundle(
    bundle: Bundle,
    cohort: Cohort,
    out: Path,
    cache: Path | None = None,
    workers: int = 1,
    scheduler: str | None = None,
    progress: Progress | None = None,
) -> pd.DataFrame:
    """Score every case of a cohort and write `predictions.csv`.

    Args:
        bundle: the model.
        cohort, cache, workers, scheduler, progress: see `compute_inputs`.
        out: the predictions: case_id, patient_id, label, score and, where the cohort has them, split and site. Cases
            that failed are left out of it.

    Returns:
        All rows with score, status and reason. A case whose score has no meaning, because the bundle was trained on
        phantoms and the case is none, has status 'ok' and that reason.
    """
    from BreastFusionLib.reading.cache import load_inputs
    from BreastFusionLib.reading.reader import NO_MEANING, has_meaning, missing_sources
    from BreastFusionLib.reading.score import score

    recipe = bundle.recipe
    prepared = compute_inputs(cohort, recipe.inputs, cache, workers, scheduler, progress)
    scores: dict[str, float] = {}
    missing: Counter[str] = Counter()
    for row in prepared.index[prepared["status"] == "ok"]:
        inputs = load_inputs(Path(prepared.loc[row, "path"]))
        try:
            found = score(inputs, bundle)
        except MemoryShortage:
            raise
        except InputError as error:  # none of the model's sources is there
            prepared.loc[row, ["status", "reason"]] = "failed", str(error)
            logger.warning("%s", error)
            continue
        scores[prepared.loc[row, "case_id"]] = found.probability
        missing.update(missing_sources(found, bundle))
        if not has_meaning(bundle.metadata, inputs.context["synthetic"]):
            prepared.loc[row, "reason"] = NO_MEANING
    for sentence, count in missing.items():
        logger.warning("%s This holds for %d of %d cases.", sentence, count, len(scores))
    table = cohort.table.merge(prepared[["case_id", "status", "reason"]], on="case_id", validate="one_to_one")
    table["score"] = table["case_id"].map(scores)
    positive = recipe.task.classes.index(recipe.task.positive)
    table["label"] = (table["label"] == positive).astype("Int64")
    told = [name for name in ("split", "site") if name in table.columns and table[name].notna().any()]
    columns = ["case_id", "patient_id", "label", "score", *told]
    write_table(table.loc[table["status"] == "ok", columns], out)
    return table
