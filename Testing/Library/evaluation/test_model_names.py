"""Names of models: told, or as much of their files' paths as tells them apart."""

from __future__ import annotations

import pytest

from BreastFusionLib.errors import InputError
from BreastFusionLib.evaluation.model_names import model_names


@pytest.mark.parametrize(
    ("paths", "names"),
    [
        (["/x/a.csv", "/y/b.csv"], ["a", "b"]),
        (["/x/a.csv", "/x/a.parquet"], ["a.csv", "a.parquet"]),
        (["/x/t1/predictions.csv", "/x/fusion/predictions.csv"], ["t1", "fusion"]),
        (["/x/run/predictions.csv", "/y/run/predictions.csv"], ["x/run", "y/run"]),
        (["/x/run/p.csv", "/x/run/p.parquet", "/y/run/p.csv"], ["x/run/p.csv", "x/run/p.parquet", "y/run/p.csv"]),
        (["/x/p.csv", "/y/p.csv", "/x.csv"], ["x/p.csv", "y/p.csv", "x"]),
        (["/p.csv", "/x/p.csv"], ["p.csv", "x/p.csv"]),
    ],
)
def test_names_are_distinct_and_short(paths: list[str], names: list[str]) -> None:
    assert model_names(paths) == names


def test_names_that_were_told_are_kept() -> None:
    assert model_names(["/x/a.csv", "/x/a.csv"], ["first", "again"]) == ["first", "again"]


def test_one_table_twice_is_refused() -> None:
    with pytest.raises(InputError, match=r"a\.csv is given twice.*--name"):
        model_names(["/x/a.csv", "/x/../x/a.csv"])
