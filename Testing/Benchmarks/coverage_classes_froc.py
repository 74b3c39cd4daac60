"""How often intervals of several classes and of FROC curves hold the truth: `python .. coverage_classes_froc.py`.

As in coverage.py, for docs/reference/statistics.md. Class scores are normal, the true class's 1.2 higher. A third of
a detector's patients have no lesion; a lesion is marked with a chance of .9, its score shifted by 1.2, beside Poisson
many false marks. A patient's images, one to five, share a random effect of scores and one of the number of marks.
Truths are read from one study of 20,000 cases a class, or 20,000 patients.
"""

from __future__ import annotations

import argparse
import sys
import time
from functools import cache, partial

import numpy as np
from coverage import Intervals, covered, print_table
from machine import describe_machine

from BreastFusionLib.evaluation import ImageDetections, froc
from BreastFusionLib.evaluation.class_intervals import class_areas, class_bootstrap

SHIFT = 1.2
LESION, ELSEWHERE = [0, 0, 10, 10], [50, 50, 60, 60]
CASES_OF_A_CLASS = (5, 10, 15, 30)
PATIENTS = (20, 40, 100)
# Of the variance of scores, what a patient's images share; standard deviation of the logarithm of their false marks.
WITHIN_PATIENT, OF_MARKS = 0.4, 0.7
OF_CLASSES = {
    "auc": "Macro AUC, bootstrap",
    "specificity": "Specificity at 90 % sensitivity, bootstrap",
    "sensitivity": "Sensitivity at 90 % specificity, bootstrap",
    "score": "ODELIA score, bootstrap",
    "ordinal_c_index": "Ordinal c-index, bootstrap",
    "kappa": "Weighted kappa, bootstrap",
}


def draw_classes(cases: int, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return labels (n,) and probabilities (1, n, 3) of as many cases of each class."""
    labels = np.repeat([0, 1, 2], cases)
    odds = np.exp(SHIFT * np.eye(3)[labels] + random.standard_normal((labels.size, 3)))
    return labels, (odds / odds.sum(axis=1, keepdims=True))[None]


@cache
def true_classes() -> dict[str, float]:
    """Return the figures of a large study."""
    found = class_bootstrap(*draw_classes(20_000, np.random.default_rng(1)), replicates=0).values
    return {name: float(values[0]) for name, values in found.items()}


def class_intervals(_: int, labels: np.ndarray, p: np.ndarray, replicates: int, seed: int) -> Intervals:
    """Return the intervals of all figures, without the guard that refuses few cases."""
    truth, drawn = true_classes(), class_bootstrap(labels, p, replicates=replicates, seed=seed)
    found = {words: (drawn.interval(name), truth[name]) for name, words in OF_CLASSES.items()}
    return {**found, "AUC of a class, DeLong": (class_areas(labels, p)[0].interval(), truth["auc/0"])}


def draw_images(patients: int, random: np.random.Generator, clustered: bool) -> tuple[list[ImageDetections]]:
    """Return one to five images of each patient; of independent ones one."""
    images = []
    for patient in range(patients):
        shared = random.normal(0, np.sqrt(WITHIN_PATIENT)) if clustered else 0.0
        marks = np.exp(random.normal(-(OF_MARKS**2) / 2, OF_MARKS)) if clustered else 1.0
        for _ in range(random.integers(1, 6) if clustered else 1):
            has_lesion = patient % 3 > 0 and (not clustered or random.random() < 0.8)
            false = random.poisson(marks)
            own = np.sqrt(1 - WITHIN_PATIENT) if clustered else 1.0
            found = [SHIFT + shared + own * random.normal()] if has_lesion and random.random() < 0.9 else []
            boxes = [LESION] * len(found) + [ELSEWHERE] * false
            scores = [*found, *random.normal(size=false)]
            images.append(ImageDetections([LESION] if has_lesion else [], boxes, scores, f"P{patient}"))
    return (images,)


@cache
def true_froc(clustered: bool) -> dict[str, float]:
    """Return what is read from the curve of a large study."""
    (images,) = draw_images(20_000, np.random.default_rng(1), clustered)
    return {name: estimate.value for name, (estimate, _) in _read(images, 0, 0).items()}


def froc_intervals(_: int, images: list[ImageDetections], replicates: int, seed: int, clustered: bool) -> Intervals:
    """Return the intervals by patient, and where a patient has several images also those by image."""
    truth = true_froc(clustered)
    alone = [ImageDetections(image.lesions, image.boxes, image.scores) for image in images]
    found = {name: (estimate, truth[name]) for name, (estimate, _) in _read(images, replicates, seed).items()}
    if clustered:
        by_image = _read(alone, replicates, seed).items()
        found |= {f"{name} (images taken for independent)": (e, truth[name]) for name, (e, _) in by_image}
    return found


def _read(images: list[ImageDetections], replicates: int, seed: int) -> Intervals:
    points = froc(images).read((0.25, 1.0), (0.5,), replicates, seed)
    return {
        "Sensitivity at .25 false positives per image": (points.sensitivity[0.25], 0.0),
        "Sensitivity at 1 false positive per image": (points.sensitivity[1.0], 0.0),
        "Mean of the two": (points.mean_sensitivity, 0.0),
        "False positives per image at 50 % sensitivity": (points.false_positives[0.5], 0.0),
    }


def main() -> int:
    """Run the simulation; return 1 when FROC intervals of 100 patients are not what they say."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--studies", type=int, default=1000, help="simulated studies for each setting")
    parser.add_argument("--replicates", type=int, default=400, help="bootstrap replicates of each study")
    options = parser.parse_args()
    started, many = time.perf_counter(), (options.studies, options.replicates)
    print(f"{describe_machine('numpy', 'scipy')}; {options.studies:,} studies, {options.replicates:,} replicates")
    shares = covered(CASES_OF_A_CLASS, draw_classes, class_intervals, *many)
    print_table("Three classes: cases of each", CASES_OF_A_CLASS, shares)
    for head, clustered in (("FROC: patients with one image", False), ("FROC: patients with one to five", True)):
        shares = covered(
            PATIENTS, partial(draw_images, clustered=clustered), partial(froc_intervals, clustered=clustered), *many
        )
        print_table(head, PATIENTS, shares)
    print(f"\n{time.perf_counter() - started:.0f} s")
    return 0 if abs(shares["Mean of the two"][-1] - 95) < 3 else 1


if __name__ == "__main__":
    sys.exit(main())
