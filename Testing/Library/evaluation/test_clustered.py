"""Patients with several cases: reduces to independent cases, counts patients, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from BreastFusionLib.errors import InputError
from BreastFusionLib.evaluation import (
    clustered_delong,
    clustered_proportion,
    clustered_rates,
    confusion,
    confusion_rates,
    delong_areas,
    has_clusters,
    wilson,
)


def table(seed: int, patients: int = 60, each: int = 2) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    patient = np.repeat(np.arange(patients), each)
    labels = (random.random(patient.size) < 0.4).astype(int)
    scores = labels + random.normal(size=(2, patients))[:, patient] + random.normal(size=(2, patient.size))
    return labels, scores.round(1), patient


def brute_force(labels: np.ndarray, scores: np.ndarray, patient: np.ndarray) -> np.ndarray:
    """Obuchowski's covariance, written as in the paper: loops over clusters and pairs."""
    m, n = int(labels.sum()), int((1 - labels).sum())
    names = np.unique(patient)
    x, y, areas = [], [], []
    for s in scores:
        wins = (s[labels == 1][:, None] > s[labels == 0]) + 0.5 * (s[labels == 1][:, None] == s[labels == 0])
        areas.append(wins.mean())
        of_positive, of_negative = dict.fromkeys(names, 0.0), dict.fromkeys(names, 0.0)
        for value, name in zip(wins.mean(axis=1), patient[labels == 1], strict=True):
            of_positive[name] += value - areas[-1]
        for value, name in zip(wins.mean(axis=0), patient[labels == 0], strict=True):
            of_negative[name] += value - areas[-1]
        x.append([of_positive[name] for name in names])
        y.append([of_negative[name] for name in names])
    with_positive, with_negative = len(set(patient[labels == 1])), len(set(patient[labels == 0]))
    covariance = np.empty((len(scores), len(scores)))
    for a in range(len(scores)):
        for b in range(len(scores)):
            s10 = with_positive / ((with_positive - 1) * m) * np.dot(x[a], x[b])
            s01 = with_negative / ((with_negative - 1) * n) * np.dot(y[a], y[b])
            s11 = len(names) / (len(names) - 1) * (np.dot(x[a], y[b]) + np.dot(y[a], x[b]))
            covariance[a, b] = s10 / m + s01 / n + s11 / (m * n)
    return covariance


def test_the_covariance_is_obuchowskis() -> None:
    labels, scores, patient = table(1)
    found = clustered_delong(labels, scores, patient)
    assert found.covariance == pytest.approx(brute_force(labels, scores, patient), abs=1e-14)
    assert found.auc == pytest.approx(delong_areas(labels, scores).auc, abs=1e-14)


def test_one_case_a_patient_is_delong() -> None:
    labels, scores, patient = table(2, each=1)
    found, plain = clustered_delong(labels, scores, patient), delong_areas(labels, scores)
    assert found.covariance == pytest.approx(plain.covariance, abs=1e-14)
    assert found.compare(0, 1).p == pytest.approx(plain.compare(0, 1).p, abs=1e-10)


def test_doubled_cases_tell_no_more_than_single_ones() -> None:
    labels, scores, patient = table(3, patients=400, each=1)
    doubled = clustered_delong(np.tile(labels, 2), np.tile(scores, 2), np.tile(patient, 2))
    assert doubled.covariance == pytest.approx(clustered_delong(labels, scores, patient).covariance, rel=1e-12)
    naive = delong_areas(np.tile(labels, 2), np.tile(scores, 2))
    assert naive.covariance[0, 0] == pytest.approx(doubled.covariance[0, 0] / 2, rel=0.01)


def test_names_and_order_of_patients_do_not_matter() -> None:
    labels, scores, patient = table(4)
    order = np.random.default_rng(0).permutation(labels.size)
    named = np.array([f"patient {number}" for number in patient], dtype=object)
    found = clustered_delong(labels[order], scores[:, order], named[order])
    assert found.covariance == pytest.approx(clustered_delong(labels, scores, patient).covariance, abs=1e-14)


def test_one_patient_with_all_positives_has_no_interval() -> None:
    interval = clustered_delong([1, 1, 0, 0], [4, 2, 3, 1], ["a", "a", "b", "c"]).interval()
    assert interval.value == 0.75
    assert np.isnan(interval.low)


def test_a_proportion_by_hand() -> None:
    # Patients a: 2 of 2, b: 0 of 2, c: 1 of 2. Sums of (case - 1/2): 1, -1, 0; variance 3/2 * 2 / 36 = 1/12,
    # that of a simple proportion of 3 cases.
    found = clustered_proportion([1, 1, 0, 0, 1, 0], ["a", "a", "b", "b", "c", "c"])
    assert found == wilson(1.5, 3)


def test_rates_of_independent_cases_are_nearly_wilsons() -> None:
    labels, scores, patient = table(5, patients=500, each=1)
    found = clustered_rates(labels, scores[0], 0.5, patient)
    for name, plain in confusion_rates(confusion(labels, scores[0], 0.5)).items():
        assert found[name].value == pytest.approx(plain.value, abs=1e-12)
        assert (found[name].low, found[name].high) == pytest.approx((plain.low, plain.high), abs=1e-3)


def test_only_successes_count_each_patient_once() -> None:
    assert clustered_proportion([1, 1, 1, 1], ["a", "a", "b", "b"]) == wilson(2, 2)
    assert np.isnan(clustered_proportion([1, 0], ["a", "b"], trials=[False, False]).value)


def test_clusters_are_seen() -> None:
    assert has_clusters(["a", "b", "a"])
    assert not has_clusters(["a", "b", "c"])


def test_missing_patient_ids_are_refused() -> None:
    with pytest.raises(InputError, match="3 patient ids for 4 cases"):
        clustered_delong([1, 1, 0, 0], [4, 2, 3, 1], ["a", "a", "b"])
