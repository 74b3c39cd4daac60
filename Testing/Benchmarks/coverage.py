"""How often intervals hold the truth, for docs/reference/statistics.md: `python Testing/Benchmarks/coverage.py`.

Studies are drawn from normal scores of known AUC (positives shifted, equal variances), so that every true value is
known; each study gets its 95 % intervals, and the share of studies whose interval holds the truth is counted. A good
interval shows 95 within Monte-Carlo error, which is .5 at 2,000 studies. A patient's cases share a random effect.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from machine import describe_machine
from scipy.special import ndtr, ndtri

from BreastFusionLib.evaluation import (
    Estimate,
    bootstrap_metrics,
    clustered_delong,
    clustered_rates,
    confusion,
    confusion_rates,
    delong_areas,
    measures,
)

# Of the variance of a score, what a patient's cases share; of the variance of two models' scores, what they share.
WITHIN_PATIENT, BETWEEN_MODELS = 0.6, 0.5

Intervals = dict[str, tuple[Estimate, float]]


@dataclass(frozen=True)
class Setting:
    """What studies are like.

    Attributes:
        positives: cases with label 1 (of clustered studies: patients whose lesions are malignant).
        negatives: cases with label 0 (patients whose lesions are benign).
        auc: of the first model; the second's is .03 lower.
    """

    positives: int
    negatives: int
    auc: float

    @property
    def shift(self) -> float:
        """Distance of the two normal distributions."""
        return float(np.sqrt(2) * ndtri(self.auc))

    def __str__(self) -> str:
        return f"{self.positives} + {self.negatives}, AUC {self.auc:g}"


INDEPENDENT = (Setting(10, 30, 0.8), Setting(30, 90, 0.8), Setting(30, 90, 0.95), Setting(200, 800, 0.9))
CLUSTERED = (Setting(20, 40, 0.8), Setting(60, 120, 0.8), Setting(60, 120, 0.95))
LOSS = 0.03


def independent_study(setting: Setting, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray, None]:
    """Draw labels (n,) and scores (2, n) of independent cases."""
    labels = np.repeat([1, 0], [setting.positives, setting.negatives])
    shared, own = random.normal(size=labels.size), random.normal(size=(2, labels.size))
    noise = np.sqrt(BETWEEN_MODELS) * shared + np.sqrt(1 - BETWEEN_MODELS) * own
    return labels, _shifts(setting)[:, None] * labels + noise, None


def clustered_study(setting: Setting, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draw labels (n,), scores (2, n) and patients (n,): one to four lesions each, one of ten unlike its patient."""
    of_patient = np.repeat([1, 0], [setting.positives, setting.negatives])
    patients = np.repeat(np.arange(of_patient.size), random.integers(1, 5, of_patient.size))
    labels = np.abs(of_patient[patients] - (random.random(patients.size) < 0.1))
    effects = random.normal(size=(2, of_patient.size))[:, patients]
    noise = np.sqrt(WITHIN_PATIENT) * effects + np.sqrt(1 - WITHIN_PATIENT) * random.normal(size=(2, patients.size))
    return labels, _shifts(setting)[:, None] * labels + noise, patients


def independent_intervals(
    setting: Setting, labels: np.ndarray, scores: np.ndarray, _: None, replicates: int, seed: int
) -> Intervals:
    """Return every interval with the truth that it should hold."""
    shift = setting.shift
    threshold = shift / 2
    metrics = {
        "auc": measures.area,
        "specificity": partial(measures.specificity_at, sensitivity=0.95),
        "sensitivity": partial(measures.sensitivity_at, specificity=0.9),
        "partial": partial(measures.partial_area, low=0.8),
        "precision": measures.average_precision,
        "f1": partial(measures.f1_at, threshold=threshold),
    }
    found = bootstrap_metrics(labels, scores, metrics, replicates, seed, threads=1)
    areas = delong_areas(labels, scores)
    rates = confusion_rates(confusion(labels, scores[0], threshold))
    hit = float(ndtr(shift / 2))  # sensitivity and specificity alike
    share = setting.positives / labels.size
    true_f1 = 2 * share * hit / (share * hit + (1 - share) * (1 - hit) + share)
    return {
        "AUC, DeLong": (areas.interval(0), setting.auc),
        "AUC, DeLong on the logit scale": (areas.logit_interval(0), setting.auc),
        "AUC, bootstrap": (found.interval("auc", 0), setting.auc),
        "Difference of two AUCs, DeLong": (areas.compare(0, 1).delta, LOSS),
        "Difference of two AUCs, bootstrap": (found.compare("auc", 0, 1).delta, LOSS),
        "Specificity at 95 % sensitivity, bootstrap": (found.interval("specificity"), float(ndtr(shift + ndtri(0.05)))),
        "Sensitivity at 90 % specificity, bootstrap": (found.interval("sensitivity"), float(ndtr(shift + ndtri(0.1)))),
        "Partial AUC (specificity .8 to 1), bootstrap": (found.interval("partial"), true_partial(shift, 0.8)),
        "Average precision, bootstrap": (found.interval("precision"), true_precision(shift, share)),
        "Sensitivity at a threshold, Wilson": (rates["sensitivity"], hit),
        "Specificity at a threshold, Wilson": (rates["specificity"], hit),
        "Balanced accuracy, from Wilson's": (rates["balanced_accuracy"], hit),
        "F1, bootstrap": (found.interval("f1"), true_f1),
    }


def clustered_intervals(
    setting: Setting, labels: np.ndarray, scores: np.ndarray, patients: np.ndarray, replicates: int, seed: int
) -> Intervals:
    """Return intervals that count patients, beside those that take cases for independent."""
    threshold = setting.shift / 2
    metrics = {"auc": measures.area, "specificity": partial(measures.specificity_at, sensitivity=0.95)}
    found = bootstrap_metrics(labels, scores, metrics, replicates, seed, patients, threads=1)
    naive_bootstrap = bootstrap_metrics(labels, scores, metrics, replicates, seed, threads=1)
    areas, naive = clustered_delong(labels, scores, patients), delong_areas(labels, scores)
    rates = clustered_rates(labels, scores[0], threshold, patients)
    naive_rates = confusion_rates(confusion(labels, scores[0], threshold))
    hit = float(ndtr(setting.shift / 2))
    at_sensitivity = float(ndtr(setting.shift + ndtri(0.05)))
    return {
        "AUC, DeLong for clusters": (areas.interval(0), setting.auc),
        "AUC, DeLong for clusters on the logit scale": (areas.logit_interval(0), setting.auc),
        "AUC, cluster bootstrap": (found.interval("auc"), setting.auc),
        "AUC, DeLong (cases taken for independent)": (naive.interval(0), setting.auc),
        "AUC, bootstrap (cases taken for independent)": (naive_bootstrap.interval("auc"), setting.auc),
        "Difference of two AUCs, DeLong for clusters": (areas.compare(0, 1).delta, LOSS),
        "Difference of two AUCs, cluster bootstrap": (found.compare("auc", 0, 1).delta, LOSS),
        "Difference of two AUCs, DeLong (cases taken for independent)": (naive.compare(0, 1).delta, LOSS),
        "Specificity at 95 % sensitivity, cluster bootstrap": (found.interval("specificity"), at_sensitivity),
        "Sensitivity at a threshold, Wilson for clusters": (rates["sensitivity"], hit),
        "Sensitivity at a threshold, Wilson (cases taken for independent)": (naive_rates["sensitivity"], hit),
    }


def true_partial(shift: float, low: float) -> float:
    """Return the area under the true curve where specificity is at least `low`."""
    x = np.linspace(0, 1 - low, 20_001)[1:]
    y = np.concatenate(([0], ndtr(shift + ndtri(x))))
    return float(np.trapezoid(y, np.concatenate(([0], x))))


def true_precision(shift: float, share: float) -> float:
    """Return the area under the true precision-recall curve at a share of positives."""
    threshold = np.linspace(-9, 9 + shift, 40_001)[::-1]
    recall, false = ndtr(shift - threshold), ndtr(-threshold)
    precision = share * recall / np.maximum(share * recall + (1 - share) * false, 1e-300)
    return float(np.trapezoid(precision, recall))


def covered(
    settings: tuple[Any, ...], draw: Callable, intervals: Callable, studies: int, replicates: int
) -> dict[str, list[float]]:
    """Return for each interval the per cent of the studies that it holds the truth in, of those in which it is given.

    Args:
        settings: what studies are like; one column each.
        draw: (setting, generator) -> a study's arrays.
        intervals: (setting, *arrays, replicates, seed) -> name -> estimate and truth.
        studies: how many of each setting.
        replicates: of the bootstrap.
    """
    shares: dict[str, list[float]] = {}
    for setting in settings:
        held: dict[str, list[bool]] = {}
        of_setting = (setting.positives, setting.negatives) if isinstance(setting, Setting) else (setting,)
        for seed in range(studies):
            study = draw(setting, np.random.default_rng([seed, *of_setting]))
            for name, (found, truth) in intervals(setting, *study, replicates, seed).items():
                if not np.isnan(found.low):
                    held.setdefault(name, []).append(bool(found.low - 1e-12 <= truth <= found.high + 1e-12))
        for name, each in held.items():
            shares.setdefault(name, []).append(100 * float(np.mean(each)))
    return shares


def print_table(head: str, settings: tuple[Any, ...], shares: dict[str, list[float]]) -> None:
    """Print one table as Markdown."""
    print(f"\n| {head} | {' | '.join(map(str, settings))} |\n|---|{'---|' * len(settings)}")
    for name, values in shares.items():
        print(f"| {name} | {' | '.join(f'{value:.1f}' for value in values)} |")


def main() -> int:
    """Run the simulation; return 1 when DeLong's interval of large studies is not what it says."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--studies", type=int, default=2000, help="simulated studies for each setting")
    parser.add_argument("--replicates", type=int, default=1000, help="bootstrap replicates of each study")
    options = parser.parse_args()
    started = time.perf_counter()
    error = 100 * np.sqrt(0.95 * 0.05 / options.studies)
    print(f"{describe_machine('numpy', 'scipy')}; {options.studies:,} studies, {options.replicates:,} replicates,")
    print(f"Monte-Carlo standard error {error:.1f} where the truth is 95.")
    many = (options.studies, options.replicates)
    independent = covered(INDEPENDENT, independent_study, independent_intervals, *many)
    print_table("Independent cases: positives + negatives", INDEPENDENT, independent)
    clustered = covered(CLUSTERED, clustered_study, clustered_intervals, *many)
    print_table("One to four lesions a patient: patients with + without cancer", CLUSTERED, clustered)
    print(f"\n{time.perf_counter() - started:.0f} s")
    return 0 if abs(independent["AUC, DeLong"][-1] - 95) < 3 * error + 0.5 else 1


def _shifts(setting: Setting) -> np.ndarray:
    return np.sqrt(2) * ndtri([setting.auc, setting.auc - LOSS])


if __name__ == "__main__":
    sys.exit(main())
