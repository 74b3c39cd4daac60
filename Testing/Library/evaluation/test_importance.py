"""Permutation importance: models whose answer is known, and the published table of importances."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from BreastFusionLib.errors import InputError
from BreastFusionLib.evaluation.importance import column_groups, permutation_importance, rank_products, ranked
from BreastFusionLib.evaluation.roc import auc


def cases(n: int = 400) -> tuple[pd.DataFrame, np.ndarray]:
    random = np.random.default_rng(0)
    labels = np.tile([0, 1], n // 2)
    table = pd.DataFrame({"age": labels * 2 + random.standard_normal(n), "noise": random.standard_normal(n)})
    kind = np.where(random.random(n) < 0.3, 1 - labels, labels)
    return table.assign(kind_a=(kind == 0).astype(int), kind_b=(kind == 1).astype(int)), labels


def test_a_column_that_alone_decides_loses_all_that_is_above_chance() -> None:
    table, labels = cases(4000)
    found = permutation_importance(lambda some: some["age"], table, labels)
    best = auc(labels, table["age"])
    assert found[0].name == "age"
    assert found[0].median == pytest.approx(100 * (best - 0.5) / best, abs=0.5)
    assert found[0].low <= found[0].median <= found[0].high and len(found[0].losses) == 30
    for other in found[1:]:
        assert other.losses == (0.0,) * 30 and other.rank == 3  # three that do nothing share ranks 2, 3, 4


def test_dummies_are_missed_together_only() -> None:
    table, labels = cases()

    def predict(some: pd.DataFrame) -> pd.Series:
        return some[["kind_b"]].max(axis=1) + 1 - some["kind_a"]  # either dummy tells it all

    alone = {one.name: one.median for one in permutation_importance(predict, table, labels)}
    groups = column_groups(table.columns, ["kind"])
    together = {one.name: one.median for one in permutation_importance(predict, table, labels, groups)}
    assert list(groups) == ["age", "noise", "kind"] and groups["kind"] == ["kind_a", "kind_b"]
    assert together["kind"] > alone["kind_a"] + 5 and together["kind"] > alone["kind_b"] + 5


def test_a_group_keeps_its_rows() -> None:
    seen = []

    def predict(some: pd.DataFrame) -> pd.Series:
        assert (some["kind_a"] + some["kind_b"] == 1).all()
        seen.append(tuple(some["kind_a"]))
        return some["age"]

    table, labels = cases(40)
    permutation_importance(predict, table, labels, {"kind": ["kind_a", "kind_b"]}, shuffles=5)
    assert len(seen) == 6 and len(set(seen)) == 6
    assert {sum(kind) for kind in seen} == {int(table["kind_a"].sum())}


def test_figures_do_not_depend_on_other_groups_nor_on_monotone_scores() -> None:
    table, labels = cases(100)

    def predict(some: pd.DataFrame) -> pd.Series:
        return some["age"] + some["kind_b"]

    every = {one.name: one.losses for one in permutation_importance(predict, table, labels)}
    (single,) = permutation_importance(predict, table, labels, {"kind_b": ["kind_b"]})
    assert single.losses == every["kind_b"]
    (bent,) = permutation_importance(lambda some: predict(some) ** 3, table, labels, {"kind_b": ["kind_b"]})
    assert bent.losses == single.losses


def test_the_table_stays_as_it_was() -> None:
    table, labels = cases(40)
    before = table.copy()
    permutation_importance(lambda some: some["age"], table, labels, shuffles=2)
    pd.testing.assert_frame_equal(table, before)


def test_ranks_and_their_product_by_hand() -> None:
    first = ranked({"a": [1, 2, 9], "b": [5, 5, 5], "c": [-3, -3, 0]})  # medians 2, 5, -3
    assert [(one.name, one.median, one.rank) for one in first] == [("b", 5, 1), ("c", -3, 2), ("a", 2, 3)]
    second = ranked({"a": [9], "b": [8], "c": [0]})
    products = rank_products({"one": first, "two": second})
    assert [one.name for one in products] == ["b", "a", "c"]
    assert [one.product for one in products] == pytest.approx([np.sqrt(2), np.sqrt(3), np.sqrt(6)])
    assert products[0].ranks == {"one": 1, "two": 2}


def test_a_rise_as_large_as_a_loss_shares_its_rank_whatever_rounding_makes_of_them() -> None:
    best, below, above = 3 / 5, 2 / 5, 4 / 5  # of five pairs, one less in order, and one more
    loss, rise = (100 * (best - found) / best for found in (below, above))
    assert loss != -rise
    assert [one.rank for one in ranked({"lost": [loss], "risen": [rise], "same": [0]})] == [1.5, 1.5, 3]


def test_published_importances_and_ranks(shared_data: Path) -> None:
    """Holste et al. 2021, table 3, from the authors' own shuffles: non-image model and feature fusion."""
    folder = shared_data / "uw_breast_mri_fusion_preds"
    printed = {
        "110320_shallow-only_ls0.1_seed4": {
            "Indication": (21.26, 1), "ScannerModel": (2.71, 2), "Age": (2.55, 3), "origCropSizeY_mm": (1.81, 5),
            "ImagingFrequency": (1.01, 8), "maxOriginalImage": (2.50, 4), "Parenchymal": (1.33, 7),
            "ReconstructionDiameter": (0.13, 15), "origPixelSpacing": (1.60, 6), "RepetitionTime": (0.69, 10),
            "BreastMammoDensity": (0.45, 13),
        },
        "110420_feature-fusion_aug_ls0.1_TTA-5_seed3": {
            "Indication": (5.72, 1), "ScannerModel": (0.35, 4), "Age": (0.93, 2), "origCropSizeY_mm": (0.55, 3),
            "ImagingFrequency": (0.31, 5), "maxOriginalImage": (0.00, 18), "Parenchymal": (0.23, 6),
            "ReconstructionDiameter": (0.03, 13), "origPixelSpacing": (-0.00, 17), "RepetitionTime": (0.18, 7),
            "BreastMammoDensity": (0.16, 8),
        },
    }  # fmt: skip
    for model, features in printed.items():
        losses: dict[str, list[float]] = {}
        with (folder / f"{model}_feature_imp.csv").open() as file:
            for row in csv.DictReader(file):
                losses.setdefault(row["Feature"], []).append(float(row["Importance"]))
        found = {one.name: (round(one.median, 2), one.rank) for one in ranked(losses)}
        assert len(found) == 18
        assert {name: found[name] for name in features} == features


def test_published_order_is_that_of_the_rank_products() -> None:
    ranks = {  # Holste et al. 2021, table 3, in the order in which it is printed
        "MRI Indication": (1, 1, 1, 1), "MRI Software Version": (2, 2, 4, 3), "Age": (3, 5, 2, 2),
        "MIP Height": (5, 6, 3, 4), "Precession Frequency": (8, 3, 5, 7), "MIP Max Intensity": (4, 8, 18, 8),
        "BPE": (7, 10, 6, 13), "Reconstruction Diameter": (15, 7, 13, 5), "Pixel Dimensions": (6, 4, 17, 17),
        "Repetition Time": (10, 11, 7, 10), "Breast Density": (13, 9, 8, 9),
    }  # fmt: skip
    models = {}
    for number in range(4):
        # Losses that give exactly these ranks; the places between them belong to features that are not printed.
        of = {row[number]: name for name, row in ranks.items()}
        models[str(number)] = ranked({of.get(rank, f"other {rank}"): [20.0 - rank] for rank in range(1, 19)})
    printed = {model: [one for one in found if not one.name.startswith("other")] for model, found in models.items()}
    assert [one.name for one in rank_products(printed)] == list(ranks)


def test_bad_input_is_refused() -> None:
    table, labels = cases(20)
    with pytest.raises(InputError, match=r"no column agee\. Did you mean 'age'"):
        permutation_importance(lambda some: some["age"], table, labels, {"x": ["agee"]})
    with pytest.raises(InputError, match="No column belongs to site"):
        column_groups(table.columns, ["site"])
    with pytest.raises(InputError, match="over the same columns"):
        rank_products({"a": ranked({"x": [1]}), "b": ranked({"y": [1]})})
