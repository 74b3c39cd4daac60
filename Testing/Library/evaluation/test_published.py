"""The table and the tests that holste2021 printed, from the authors' own predictions: each part, and the whole."""

from __future__ import annotations

from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from BreastFusionLib.evaluation import Bootstrap, bootstrap_metrics, delong_areas, evaluate_predictions, measures

# Holste et al., ICCV Workshops 2021, table 2, 'Best Run': AUC [95 % interval], specificity at 95 % sensitivity.
PUBLISHED = {
    "image-only": ((0.849, 0.834, 0.864), (0.301, 0.231, 0.370)),
    "shallow-only": ((0.807, 0.791, 0.823), (0.277, 0.223, 0.339)),
    "probability-fusion": ((0.888, 0.875, 0.899), (0.482, 0.422, 0.535)),
    "feature-fusion": ((0.894, 0.882, 0.905), (0.465, 0.405, 0.511)),
    "hidden-feature-fusion-concat": ((0.898, 0.885, 0.909), (0.491, 0.388, 0.553)),
}
IMAGE, SHALLOW, PROBABILITY, FEATURE, LEARNED = range(5)
METRICS = {"auc": measures.area, "specificity": partial(measures.specificity_at, sensitivity=0.95)}


@pytest.fixture(scope="module")
def predictions(shared_data: Path) -> list[Path]:
    folder = shared_data / "uw_breast_mri_fusion_preds"
    return [next(folder.glob(f"[0-9]*_{name}_*seed[0-9].csv")) for name in PUBLISHED]


@pytest.fixture(scope="module")
def table(predictions: list[Path]) -> tuple[np.ndarray, np.ndarray]:
    runs = [pd.read_csv(path) for path in predictions]
    return runs[0]["y_true"].to_numpy(), np.stack([run["y_prob"] for run in runs])


@pytest.fixture(scope="module")
def as_published(table: tuple[np.ndarray, np.ndarray]) -> Bootstrap:
    return bootstrap_metrics(*table, METRICS, replicates=5000)


@pytest.fixture(scope="module")
def converged(table: tuple[np.ndarray, np.ndarray]) -> Bootstrap:
    return bootstrap_metrics(*table, METRICS, replicates=40_000, seed=1)


@pytest.fixture(scope="module")
def evaluated(predictions: list[Path]) -> dict[str, Any]:
    return evaluate_predictions(predictions, label_column="y_true", score_column="y_prob")


@pytest.mark.parametrize("replicates", ["as_published", pytest.param("converged", marks=pytest.mark.slow)])
def test_every_number_of_the_table_comes_out(replicates: str, request: pytest.FixtureRequest) -> None:
    found: Bootstrap = request.getfixturevalue(replicates)
    for model, (auc, specificity) in enumerate(PUBLISHED.values()):
        for metric, published, tolerance in (("auc", auc, 0.0006), ("specificity", specificity, 0.0016)):
            value, *ends = published
            interval = found.interval(metric, model)
            assert interval.value == pytest.approx(value, abs=tolerance)
            assert (interval.low, interval.high) == pytest.approx(tuple(ends), abs=0.0025)


def test_delongs_intervals_are_those_of_the_bootstrap(table: tuple[np.ndarray, np.ndarray]) -> None:
    areas = delong_areas(*table)
    for model, ((_, low, high), _) in enumerate(PUBLISHED.values()):
        assert (areas.interval(model).low, areas.interval(model).high) == pytest.approx((low, high), abs=0.0025)


def test_fusion_is_better_than_either_source_alone(as_published: Bootstrap) -> None:
    # 'P << .001' for the AUC, and 'significantly' for the specificity.
    for fusion, alone in product((PROBABILITY, FEATURE, LEARNED), (IMAGE, SHALLOW)):
        assert as_published.compare("auc", fusion, alone).p < 0.001
        assert as_published.compare("auc", fusion, alone).p_normal < 1e-6
        assert as_published.compare("specificity", fusion, alone).p < 0.05


def test_the_printed_p_values(as_published: Bootstrap, table: tuple[np.ndarray, np.ndarray]) -> None:
    areas = delong_areas(*table)
    # Printed as .003: 5,000 replicates scatter over .002 to .006.
    assert areas.compare(LEARNED, PROBABILITY).p == pytest.approx(0.0039, abs=0.00005)
    assert 0.002 <= as_published.compare("auc", LEARNED, PROBABILITY).p <= 0.006
    # Printed as .247: they scatter by .006 round .243.
    assert areas.compare(LEARNED, FEATURE).p == pytest.approx(0.243, abs=0.0005)
    assert as_published.compare("auc", LEARNED, FEATURE).p == pytest.approx(0.247, abs=0.02)


def test_the_whole_evaluation_gives_the_table(evaluated: dict[str, Any]) -> None:
    for model, (auc, specificity) in zip(evaluated["models"].values(), PUBLISHED.values(), strict=True):
        assert (model["n"], model["positives"]) == (4909, 1006)
        for estimate in (model["auc"], model["auc_delong"]):
            assert estimate["value"] == pytest.approx(auc[0], abs=0.0006)
            assert (estimate["low"], estimate["high"]) == pytest.approx(auc[1:], abs=0.0025)
        found = model["specificity_at_sensitivity"]["0.95"]
        assert found["value"] == pytest.approx(specificity[0], abs=0.0016)
        assert found["low"] < specificity[0] < found["high"]


def test_the_whole_evaluation_gives_the_p_values(evaluated: dict[str, Any]) -> None:
    models = list(evaluated["models"])
    tests = {frozenset((test["a"], test["b"])): test for test in evaluated["comparisons"]}
    probability, feature = (tests[frozenset((models[LEARNED], models[other]))] for other in (PROBABILITY, FEATURE))
    assert probability["p_delong"] == pytest.approx(0.0039, abs=0.00005)
    assert 0.001 < probability["p_bootstrap"] < 0.008
    assert feature["p_delong"] == pytest.approx(0.243, abs=0.0005)
    # Of 5,000 replicates the share of one half of that scatters by .006.
    assert feature["p_bootstrap"] == pytest.approx(0.247, abs=0.03)
