"""Which columns a model needs: how much of its AUC is lost when their values are shuffled between cases.

The model is anything that turns a table into scores. Columns that say one thing together (the dummies of a category,
the features of a sequence) are shuffled together: alone, none of them would be missed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import rankdata

from BreastFusionLib.errors import InputError, first_few, nearest_known
from BreastFusionLib.evaluation.roc import auc, checked

if TYPE_CHECKING:
    import pandas

__all__ = [
    "Importance",
    "Predict",
    "Progress",
    "RankProduct",
    "column_groups",
    "permutation_importance",
    "rank_products",
    "ranked",
]

Predict = Callable[["pandas.DataFrame"], ArrayLike]
"""A table of n rows -> scores (n,)."""

Progress = Callable[[int, int], None]
"""Called as progress(done, total)."""

SHUFFLES = 30

_DIGITS = 9


@dataclass(frozen=True)
class Importance:
    """What shuffling one group of columns costs.

    Attributes:
        name: of the group.
        losses: (shuffles,) per cent of the AUC lost in each; below 0 where the AUC rose by chance.
        median: of the losses: the group's importance.
        low: 2.5 % of the losses lie below; they vary with the shuffle only, the cases are always the same.
        high: 2.5 % of the losses lie above.
        rank: 1 for the largest median, by its size without its sign: a small negative one is chance, as a small
            positive one is. Equal ones share their mean rank.
    """

    name: str
    losses: tuple[float, ...]
    median: float
    low: float
    high: float
    rank: float


@dataclass(frozen=True)
class RankProduct:
    """A group's place over several models.

    Attributes:
        name: of the group.
        ranks: model -> rank of the group there.
        product: geometric mean of the ranks; the smaller the more important throughout.
    """

    name: str
    ranks: dict[str, float]
    product: float


def permutation_importance(
    predict: Predict,
    table: pandas.DataFrame,
    labels: ArrayLike,
    groups: Mapping[str, Sequence[str]] | None = None,
    shuffles: int = SHUFFLES,
    seed: int = 0,
    metric: Callable[[ArrayLike, ArrayLike], float] = auc,
    progress: Progress | None = None,
) -> tuple[Importance, ...]:
    """Measure the importance of columns, those that matter most first.

    All groups are shuffled in the same ways, so that a group's figure does not depend on which others there are, and
    models that are measured with one seed see the same shuffles.

    Args:
        predict: the model; it is called with tables like `table` and must not change them.
        table: one row a case, of cases that the model was not trained on.
        labels: (n,) of 0 and 1.
        groups: name -> columns that are shuffled together; columns in no group are left alone. By default each
            column is a group.
        shuffles: how often.
        seed: of the shuffles.
        metric: called as metric(labels, scores), above 0; its loss is what counts.
        progress: called as progress(done, total) after each group.

    Raises:
        InputError: unknown columns, or labels that do not fit.

    Sources: Breiman, Machine Learning 2001;45:5-32, section 10; median per cent loss of 30 shuffles as Holste et al.,
    ICCV Workshops 2021.
    """
    chosen = {name: (name,) for name in table.columns} if groups is None else {k: tuple(v) for k, v in groups.items()}
    unknown = [column for columns in chosen.values() for column in columns if column not in table.columns]
    if unknown:
        raise InputError(
            f"The table has no column {first_few(unknown)}. {nearest_known(unknown[0], map(str, table.columns))}"
        )
    y, whole = checked(labels, predict(table), "the model's scores")
    best = metric(y, whole)
    random = np.random.default_rng(seed)
    orders = [random.permutation(len(table)) for _ in range(shuffles)]
    losses: dict[str, NDArray[np.float64]] = {}
    for name, columns in chosen.items():
        found = [metric(y, np.asarray(predict(_shuffled(table, columns, order)), dtype=float)) for order in orders]
        losses[name] = 100 * (best - np.array(found)) / best
        if progress is not None:
            progress(len(losses), len(chosen))
    return ranked(losses)


def ranked(losses: Mapping[str, ArrayLike]) -> tuple[Importance, ...]:
    """Return importances from the losses of each group, those that matter most first.

    Args:
        losses: name -> (shuffles,) per cent of the AUC lost.
    """
    names = list(losses)
    rows = [np.asarray(losses[name], dtype=float) for name in names]
    # AUCs as far above and below the model's own differ in the last digit: by rounding, they would not be equal.
    ranks = rankdata([-round(abs(float(np.median(row))), _DIGITS) for row in rows])
    found = [
        Importance(
            name,
            tuple(row.tolist()),
            float(np.median(row)),
            float(np.quantile(row, 0.025)),
            float(np.quantile(row, 0.975)),
            float(rank),
        )
        for name, row, rank in zip(names, rows, ranks, strict=True)
    ]
    return tuple(sorted(found, key=lambda one: one.rank))


def rank_products(models: Mapping[str, Sequence[Importance]]) -> tuple[RankProduct, ...]:
    """Return each group's ranks over several models and their geometric mean, the most important first.

    Args:
        models: name of a model -> the importances of the same groups.

    Raises:
        InputError: models with different groups.

    Source: Breitling et al., FEBS Letters 2004;573:83-92.
    """
    ranks = {model: {one.name: one.rank for one in found} for model, found in models.items()}
    first = next(iter(ranks.values()), {})
    for model, found in ranks.items():
        if found.keys() != first.keys():
            odd = sorted(found.keys() ^ first.keys())
            raise InputError(f"The importances of {model} are of other columns ({first_few(odd)}): ranks can only be "
                             "put together over the same columns.")  # fmt: skip
    products = [
        RankProduct(
            name,
            {model: found[name] for model, found in ranks.items()},
            float(np.exp(np.mean([np.log(found[name]) for found in ranks.values()]))),
        )
        for name in first
    ]
    return tuple(sorted(products, key=lambda one: one.product))


def column_groups(columns: Sequence[str], prefixes: Sequence[str], separators: str = "_=.") -> dict[str, list[str]]:
    """Put the dummies of a category together: columns that begin with its name and a separator.

    Args:
        columns: all columns.
        prefixes: names of the categories; of several that fit, the longest takes the column.
        separators: characters that may follow the name.

    Returns:
        Name -> columns, in the columns' order: a group for each category, the other columns alone.

    Raises:
        InputError: a category without a column.
    """
    groups: dict[str, list[str]] = {}
    for column in columns:
        fitting = [p for p in prefixes if column == p or (column.startswith(p) and column[len(p)] in separators)]
        groups.setdefault(max(fitting, key=len, default=column), []).append(column)
    empty = [prefix for prefix in prefixes if prefix not in groups]
    if empty:
        raise InputError(f"No column belongs to {first_few(empty)}. {nearest_known(empty[0], map(str, columns))}")
    return groups


def _shuffled(table: pandas.DataFrame, columns: Sequence[str], order: NDArray[np.intp]) -> pandas.DataFrame:
    """Return the table with the rows of some columns in another order, all of them in the same."""
    return table.assign(**{column: table[column].array[order] for column in columns})
