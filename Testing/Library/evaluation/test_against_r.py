"""The same tables given to R (pROC, base R): the same numbers, to 1e-9 where nothing is random."""

from __future__ import annotations

import shutil
import subprocess
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from BreastFusionLib.evaluation import (
    bootstrap_metrics,
    closest_point,
    delong_areas,
    holm,
    mcnemar_at,
    measures,
    partial_auc,
    sensitivity_at_specificity,
    specificity_at_sensitivity,
    wilcoxon_signed_rank,
    youden_point,
)

SCRIPT = Path(__file__).resolve().parents[2] / "CrossChecks" / "evaluation.R"
SHARES = (0.05, 0.3, 0.5, 0.8, 0.9, 0.95, 1.0)
RANGES = ((0.8, 1.0), (0.7, 0.95), (0.0, 0.5))
REPLICATES = 3000


def random_table(seed: int) -> pd.DataFrame:
    """Two models on the same cases: from three cases to hundreds, without ties, with many, or constant."""
    random = np.random.default_rng(seed)
    positives, negatives = random.choice([1, 2, 3, 5, 20, 60], 2) * random.integers(1, 4, 2)
    labels = random.permutation([1] * positives + [0] * negatives)
    shared = random.normal(size=labels.size)
    columns = {}
    for name in ("a", "b"):
        scores = random.uniform(-0.5, 3) * labels + shared + random.normal(size=labels.size)
        kind = random.choice(["raw", "tied", "very tied", "constant"], p=[0.3, 0.3, 0.3, 0.1])
        decimals = {"raw": 12, "tied": 1, "very tied": 0}.get(kind)
        columns[name] = np.full(labels.size, 0.5) if decimals is None else scores.round(decimals)
    return pd.DataFrame({"table": seed, "label": labels, **columns})


def ask_r(folder: Path, tables: pd.DataFrame, *more: object) -> pd.Series:
    """Return R's numbers, indexed by table and name."""
    if shutil.which("Rscript") is None:
        pytest.skip("R is not installed (Debian: r-base-core, r-cran-proc)")
    if subprocess.run(["Rscript", "-e", "library(pROC)"], capture_output=True, check=False).returncode:
        pytest.skip("R's package pROC is not installed (Debian: r-cran-proc)")
    tables.to_csv(folder / "tables.csv", index=False, float_format="%.17g")
    command = ["Rscript", SCRIPT, folder / "tables.csv", folder / "found.csv", *map(str, more)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = pd.read_csv(folder / "found.csv", na_values="NA")
    return found.set_index(["table", "name"])["value"].astype(float).sort_index(kind="stable")


@pytest.fixture(scope="module")
def tables() -> pd.DataFrame:
    return pd.concat([random_table(seed) for seed in range(80)])


@pytest.fixture(scope="module")
def theirs(tmp_path_factory: pytest.TempPathFactory, tables: pd.DataFrame) -> pd.Series:
    return ask_r(tmp_path_factory.mktemp("r"), tables)


def ours_of_a_model(labels: np.ndarray, scores: np.ndarray, name: str) -> dict[str, float]:
    found = delong_areas(labels, scores)
    interval = found.interval()
    numbers = {
        f"auc_{name}": interval.value,
        f"variance_{name}": found.covariance[0, 0],
        f"low_{name}": interval.low,
        f"high_{name}": interval.high,
    }
    for share in SHARES:
        numbers[f"specificity_at_{share:g}_{name}"] = specificity_at_sensitivity(labels, scores, share)
        numbers[f"sensitivity_at_{share:g}_{name}"] = sensitivity_at_specificity(labels, scores, share)
    for focus in ("specificity", "sensitivity"):
        for low, high in RANGES:
            at = f"{focus}_{high:g}_{low:g}_{name}"
            numbers[f"partial_{at}"] = partial_auc(labels, scores, low, high, focus)
            numbers[f"corrected_{at}"] = partial_auc(labels, scores, low, high, focus, corrected=True)
    return numbers


def test_every_model_has_rs_numbers(tables: pd.DataFrame, theirs: pd.Series) -> None:
    compared = 0
    for number, table in tables.groupby("table"):
        labels = table["label"].to_numpy()
        for name in ("a", "b"):
            for key, value in ours_of_a_model(labels, table[name].to_numpy(), name).items():
                expected = theirs[number, key]
                if key.startswith("corrected") and np.isnan(expected) and value == pytest.approx(0.5, abs=1e-9):
                    continue  # on the chance line rounding decides whether pROC takes it for below
                assert value == pytest.approx(expected, abs=1e-9, nan_ok=True), (number, key)
                compared += not np.isnan(expected)
    assert compared > 80 * 2 * 25


def test_best_points_are_as_good_as_procs(tables: pd.DataFrame, theirs: pd.Series) -> None:
    # Of equally good points pROC returns those that rounding leaves equal; how good they are is the same.
    for number, table in tables.groupby("table"):
        labels = table["label"].to_numpy()
        for name in ("a", "b"):
            best, closest = (f(labels, table[name]) for f in (youden_point, closest_point))
            expected = theirs[number, f"youden_sensitivity_{name}"] + theirs[number, f"youden_specificity_{name}"] - 1
            assert best.youden == pytest.approx(expected, abs=1e-9)
            theirs_at = [theirs[number, f"closest.topleft_{of}_{name}"] for of in ("sensitivity", "specificity")]
            ours_at = [closest.sensitivity, closest.specificity]
            assert np.hypot(*np.subtract(1, ours_at)) == pytest.approx(np.hypot(*np.subtract(1, theirs_at)), abs=1e-9)


def test_paired_tests_are_rs(tables: pd.DataFrame, theirs: pd.Series) -> None:
    tested = 0
    for number, table in tables.groupby("table"):
        labels, a, b = (table[column].to_numpy() for column in ("label", "a", "b"))
        areas = delong_areas(labels, np.stack([a, b]))
        test = areas.compare(0, 1)
        assert areas.covariance[0, 1] == pytest.approx(theirs[number, "covariance"], abs=1e-9, nan_ok=True)
        if np.isfinite(theirs[number, "z"]) and test.error > 1e-9:
            assert (test.z, test.p) == pytest.approx((theirs[number, "z"], theirs[number, "p"]), abs=1e-9)
            tested += 1
        decided = mcnemar_at(labels, a, b)
        assert decided.p_exact == pytest.approx(theirs[number, "mcnemar_exact"], abs=1e-9)
        if np.isfinite(theirs[number, "mcnemar_p"]) and decided.only_first != decided.only_second:
            assert decided.p_corrected == pytest.approx(theirs[number, "mcnemar_p"], abs=1e-9)
        signed = wilcoxon_signed_rank(a, b)
        if signed.n:
            assert signed.statistic == pytest.approx(theirs[number, "wilcoxon_statistic"], abs=1e-9)
        sizes = np.abs(a - b)[a != b]
        if signed.n > 50 or np.unique(sizes).size < sizes.size:
            assert signed.p == pytest.approx(theirs[number, "wilcoxon_p"], abs=1e-9)
    assert tested > 50


def test_holm_is_rs(theirs: pd.Series) -> None:
    assert holm([0.01, 0.04, 0.03, 0.005, 0.2, 0.04]) == pytest.approx(theirs[-1, "holm"].to_numpy(), abs=1e-12)


@pytest.mark.slow
def test_the_bootstrap_is_procs_to_monte_carlo_error(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    labels = np.array([1] * 40 + [0] * 90)
    shared = random.normal(size=130)
    scores = np.stack([(1.2 * labels + shared + random.normal(size=130)).round(1), 0.6 * labels + shared])
    table = pd.DataFrame({"table": 0, "label": labels, "a": scores[0], "b": scores[1]})
    theirs = ask_r(tmp_path, table, REPLICATES, 1)
    found = bootstrap_metrics(
        labels,
        scores,
        {
            "auc": measures.area,
            "specificity": partial(measures.specificity_at, sensitivity=0.95),
            "sensitivity": partial(measures.sensitivity_at, specificity=0.9),
            "at_sensitivity": partial(measures.specificity_at, sensitivity=0.9),
        },
        REPLICATES,
    )
    for name in ("auc", "specificity", "sensitivity"):
        interval, replicates = found.interval(name), found.replicates[name][0]
        ends = theirs[0, f"bootstrap_{name}"].to_numpy()
        for end, expected, tail in zip((interval.low, interval.high), ends, (0.025, 0.975), strict=True):
            assert end == pytest.approx(expected, abs=4 * quantile_error(replicates, tail))
    # z is the difference over a standard deviation of 3,000 replicates, known to 1.3 % on either side.
    for name, key in (("auc", "bootstrap_z"), ("at_sensitivity", "bootstrap_z_at_sensitivity")):
        assert found.compare(name, 0, 1).z == pytest.approx(theirs[0, key], rel=0.065)


def quantile_error(replicates: np.ndarray, tail: float) -> float:
    """The standard error of the difference of two independent runs' quantiles, from the replicates beside it."""
    share = np.sqrt(tail * (1 - tail) / replicates.size)
    beside = np.quantile(replicates, np.clip([tail - share, tail + share], 0, 1))
    return float(np.sqrt(2) * max(beside[1] - beside[0], 1e-3) / 2)
