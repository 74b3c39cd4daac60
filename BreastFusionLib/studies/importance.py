"""Which clinical columns the models of a study need: each is shuffled between the test cases."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np

from BreastFusionLib.cohort.importance import CasePieces, cases_with_sources
from BreastFusionLib.evaluation.importance import SHUFFLES, Importance, permutation_importance, rank_products, ranked
from BreastFusionLib.files import write_json
from BreastFusionLib.reading.bundle import Bundle, load_bundle
from BreastFusionLib.reading.recipe import CLINICAL
from BreastFusionLib.studies.remembered import remembered
from BreastFusionLib.studies.run import StudyRuns
from BreastFusionLib.studies.table import Column, StudyTable

__all__ = ["importance_table", "study_importance"]


def study_importance(runs: StudyRuns, device: str = "auto") -> dict[str, tuple[Importance, ...]]:
    """Measure the columns of the best run of each model that the paper names, or read what was measured before.

    Args:
        runs: of `run_study`.
        device: where networks run.

    Returns:
        key -> per cent of the AUC lost over 30 shuffles, of every clinical column; the image is not among them.
    """
    wanted = [model.key for model in runs.models if model.key in runs.plan.study.importance]
    return {key: _of_model(runs, key, device) for key in wanted}


def importance_table(runs: StudyRuns, found: dict[str, tuple[Importance, ...]]) -> StudyTable:
    """Return median loss and rank of each column in each model, by their rank product, with the paper's beside them."""
    names = {model.key: model.name for model in runs.models}
    titles = {column.name: column.words for model in runs.models for column in model.recipe.inputs.clinical}
    published = runs.plan.study.published_importance
    columns = [Column("column", "Column", "text"), Column("rank_product", "Rank product", "coarse")]
    for key in found:
        columns += [
            Column(f"{key}_loss", names[key], "coarse", with_ends=True),
            Column(f"{key}_rank", "Rank", "rank"),
            Column(f"{key}_paper", "Paper", "coarse", with_rank=True),
        ]
    by_name = {key: {one.name: one for one in ranks} for key, ranks in found.items()}
    rows: list[dict[str, Any]] = []
    for product in rank_products(found):
        row: dict[str, Any] = {"column": titles.get(product.name, product.name), "rank_product": product.product}
        for key in found:
            one, printed = by_name[key][product.name], published.get(key, {}).get(product.name)
            row |= {f"{key}_loss": _quartiles(one), f"{key}_rank": one.rank}
            row[f"{key}_paper"] = dict(zip(("value", "rank"), printed, strict=True)) if printed else None
        rows.append(row)
    file, title = runs.plan.study.importance_table
    caption = (
        f"Median per cent of the test AUC that is lost when a column is shuffled between cases, over {SHUFFLES} "
        "shuffles, with quartiles, in the best run of each model; rank among all columns by its size. Rank product: "
        "geometric mean of the ranks. Paper: loss (rank)."
    )
    return StudyTable(file, runs.plan.titled(title), tuple(columns), rows, caption)


def _quartiles(one: Importance) -> dict[str, float]:
    low, high = np.percentile(one.losses, (25, 75))
    return {"value": one.median, "low": float(low), "high": float(high)}


def _of_model(runs: StudyRuns, key: str, device: str) -> tuple[Importance, ...]:
    """Measure one model, unless its best run was measured already."""
    best, path = runs.found[key].best, runs.folder / "importance" / f"{key}.json"
    known = {"bundle": _fingerprint(best.bundle), "shuffles": SHUFFLES}
    before = remembered(path)
    if {name: before.get(name) for name in known} == known:
        return ranked({one["name"]: one["losses"] for one in before["importance"]})
    measured = _measured(runs, load_bundle(best.bundle, device))
    write_json(path, {**known, "importance": [dataclasses.asdict(one) for one in measured]})
    return measured


def _measured(runs: StudyRuns, bundle: Bundle) -> tuple[Importance, ...]:
    table = runs.cohort.table
    test = table[table["split"] == "test"].set_index("case_id")["label"]
    ready = runs.prepared[(runs.prepared["status"] == "ok") & runs.prepared["case_id"].isin(test.index)]
    cases, task = cases_with_sources(ready, bundle), bundle.recipe.task
    labels = (test[list(cases)].to_numpy(dtype=int) == task.classes.index(task.positive)).astype(int)
    pieces = CasePieces(bundle, list(cases.values()))
    prefix = f"{CLINICAL}."
    groups = {name.removeprefix(prefix): [name] for name in pieces.table.columns if name.startswith(prefix)}
    return permutation_importance(pieces, pieces.table, labels, groups, SHUFFLES, runs.plan.first.evaluation.seed)


def _fingerprint(bundle: Path) -> str:
    """Return what tells a bundle from any other: the checksum of its weights."""
    return str(json.loads((bundle / "checksums.json").read_text(encoding="utf-8"))["weights.safetensors"])
