"""What lies beside a predictions table and belongs to its report: training log, feature importance, failed cases."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from BreastFusionLib.errors import InputError, nearest_known
from BreastFusionLib.evaluation.importance import Importance, rank_products, ranked

__all__ = ["add_what_lies_beside", "read_importance"]

_LOG, _FAILED = "log.csv", "failed.csv"
_FEATURE = ("feature", "name", "column", "group")
_LOSS = ("importance", "loss", "loss_percent")


def add_what_lies_beside(
    result: dict[str, Any], paths: Sequence[str | Path], importance: Mapping[str, str | Path] | None = None
) -> None:
    """Add 'training', 'importance' and failed cases to an evaluation, as far as files tell them.

    A run's folder holds `predictions.csv` with `log.csv` and `failed.csv`; importances stand in
    `<table>_feature_imp.csv`, `<table>_importance.csv` or .json, or in the run's `importance.csv` or .json.

    Args:
        result: of `evaluate_predictions`; it gets the keys 'training' (model -> rows of the log) and 'importance'
            ('models': model -> features; 'rank_product' over models that have the same features), and in 'flow' the
            number 'failed'.
        paths: the tables, in the models' order.
        importance: model -> a file of importances, instead of what lies beside.

    Raises:
        InputError: a file of importances that cannot be read, or is given for no model.
    """
    names = list(result["models"])
    for name in importance or {}:
        if name not in names:
            raise InputError(f"There is no model '{name}' that the importances could be of. "
                             f"{nearest_known(name, names)}")  # fmt: skip
    training, found = {}, {}
    for name, path in zip(names, map(Path, paths), strict=False):  # an ensemble has no table
        of_run = path.stem.startswith("predictions")
        if of_run and (path.parent / _LOG).is_file():
            training[name] = _rows(path.parent / _LOG)
        if of_run and (path.parent / _FAILED).is_file():
            result["flow"][name]["failed"] = len(_rows(path.parent / _FAILED))
        file = (importance or {}).get(name) or _importance_beside(path, of_run)
        if file is not None:
            found[name] = read_importance(file)
    result["training"] = training
    result["importance"] = {
        "models": {name: [_mapping(one) for one in ranks] for name, ranks in found.items()},
        "rank_product": _rank_product(found),
    }


def read_importance(path: str | Path) -> tuple[Importance, ...]:
    """Read importances, those that matter most first.

    Args:
        path: .csv with a column feature (or name) and a column importance (per cent of the AUC lost), a row for each
            shuffle; or .json with a list of {name, losses} or {name, median, low, high}.

    Raises:
        InputError: it cannot be read.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path} does not exist. Give a file of importances (.csv or .json).")
    try:
        rows = json.loads(path.read_text(encoding="utf-8")) if path.suffix == ".json" else _rows(path)
        if isinstance(rows, Mapping):
            rows = rows["importance"]
        if not rows:
            raise ValueError("it has no rows")
        return ranked(_losses(rows))
    except (OSError, ValueError, LookupError, TypeError, StopIteration) as error:
        raise InputError(f"{path} holds no importances ({error}). Expected: a .csv with the columns feature and "
                         "importance (per cent of the AUC lost), a row for each shuffle.") from error  # fmt: skip


def _losses(rows: Sequence[Mapping[str, Any]]) -> dict[str, list[float]]:
    """Return the losses of each feature, of one row a shuffle or of one row a feature."""
    keys = {key.lower(): key for key in rows[0]}
    feature = next(keys[key] for key in _FEATURE if key in keys)
    losses: dict[str, list[float]] = {}
    for row in rows:
        if "losses" in row:
            losses[str(row[feature])] = [float(value) for value in row["losses"]]
        else:
            loss = next(keys[key] for key in (*_LOSS, "median") if key in keys)
            losses.setdefault(str(row[feature]), []).append(float(row[loss]))
    return losses


def _importance_beside(path: Path, of_run: bool) -> Path | None:
    names = [f"{path.stem}{end}" for end in ("_feature_imp.csv", "_importance.csv", "_importance.json")]
    names += ["importance.csv", "importance.json"] if of_run else []
    return next((path.parent / name for name in names if (path.parent / name).is_file()), None)


def _rank_product(found: Mapping[str, tuple[Importance, ...]]) -> list[dict[str, Any]]:
    features = {frozenset(one.name for one in ranks) for ranks in found.values()}
    if len(found) < 2 or len(features) > 1:
        return []
    return [{"name": one.name, "ranks": one.ranks, "product": one.product} for one in rank_products(found)]


def _mapping(one: Importance) -> dict[str, Any]:
    return {
        "name": one.name,
        "shuffles": len(one.losses),
        "median": one.median,
        "low": one.low,
        "high": one.high,
        "rank": one.rank,
    }


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8-sig") as stream:
        return list(csv.DictReader(stream))
