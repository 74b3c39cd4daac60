"""The paired bootstrap of any statistic of scores: all models on the same resamples, all replicates at once.

Sources: Efron and Tibshirani, An Introduction to the Bootstrap, 1993 (percentile interval); Davison and Hinkley,
Bootstrap Methods and their Application, 1997 (P values); stratified by class as in Robin et al. (pROC), BMC
Bioinformatics 2011;12:77, and in Holste et al., ICCV Workshops 2021.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr

from BreastFusionLib.evaluation.intervals import Estimate, percentile_interval
from BreastFusionLib.evaluation.measures import Metric, area, specificity_at
from BreastFusionLib.evaluation.resampled import Ranking, Resampled, observed
from BreastFusionLib.evaluation.resampling import Resamples, case_resamples, cluster_resamples
from BreastFusionLib.evaluation.roc import Floats, checked

__all__ = [
    "Bootstrap",
    "BootstrapRoc",
    "BootstrapTest",
    "bootstrap_confusion",
    "bootstrap_metrics",
    "bootstrap_p_value",
    "bootstrap_roc",
]

_MOST_THREADS = 8


@dataclass(frozen=True)
class BootstrapTest:
    """The difference of one statistic between two models on the same cases.

    Attributes:
        delta: the first model's value minus the second's, with its percentile interval.
        p: two-sided P value from the share of replicates on the far side of 0; NaN where there are none, and where all
            have the same difference other than 0: one without variance cannot be tested.
        z: the difference over the standard deviation of its replicates; NaN when that is 0.
        p_normal: two-sided P value of z, as pROC's `roc.test(method="bootstrap")` gives it.
    """

    delta: Estimate
    p: float
    z: float
    p_normal: float


@dataclass(frozen=True)
class Bootstrap:
    """Replicates of several statistics of m models on the same resamples.

    Attributes:
        values: statistic -> (m,) of the table itself.
        replicates: statistic -> (m, replicates); NaN where a resample has no value.
    """

    values: Mapping[str, Floats]
    replicates: Mapping[str, Floats]

    def interval(self, metric: str, model: int = 0, level: float = 0.95) -> Estimate:
        """Return a model's statistic with its percentile interval."""
        return percentile_interval(float(self.values[metric][model]), self.replicates[metric][model], level)

    def compare(self, metric: str, first: int, second: int, level: float = 0.95) -> BootstrapTest:
        """Test whether two models have the same value of a statistic."""
        values, replicates = self.values[metric], self.replicates[metric]
        delta = float(values[first] - values[second])
        differences = replicates[first] - replicates[second]
        differences = differences[np.isfinite(differences)]
        error = float(differences.std(ddof=1)) if differences.size > 1 else float("nan")
        z = delta / error if error > 1e-12 else (0.0 if abs(delta) < 1e-12 else float("nan"))
        p = bootstrap_p_value(differences) if differences.size and np.isfinite(z) else float("nan")
        return BootstrapTest(percentile_interval(delta, differences, level), p, z, float(2 * ndtr(-abs(z))))


@dataclass(frozen=True)
class BootstrapRoc:
    """Replicates of m models on the same resamples.

    Attributes:
        auc: (m, replicates).
        specificity: sensitivity -> (m, replicates), the specificity where each resampled curve reaches it.
    """

    auc: Floats
    specificity: dict[float, Floats]


def bootstrap_metrics(
    labels: ArrayLike,
    scores: ArrayLike,
    metrics: Mapping[str, Metric],
    replicates: int = 5000,
    seed: int = 0,
    clusters: ArrayLike | None = None,
    threads: int | None = None,
) -> Bootstrap:
    """Resample cases within their class, or whole clusters, and evaluate every model on every resample.

    Args:
        labels: (n,) of 0 and 1.
        scores: (n,) or (m, n).
        metrics: name -> function of `Resampled`, from `measures` or of one's own; it must not change its argument.
        replicates: number of resamples.
        seed: of the resamples.
        clusters: (n,) patient of each case, for patients with several cases; None when cases are independent.
        threads: how many work at once; the result does not depend on it. By default one a core, at most eight.
    """
    y, s = checked(labels, scores)
    rankings = [Ranking(y, row) for row in np.atleast_2d(s)]
    if clusters is None:
        resamples = case_resamples(y, replicates, seed)
    else:
        resamples = cluster_resamples(y, clusters, replicates, seed)
    found = {name: np.empty((len(rankings), replicates)) for name in metrics}
    evaluate = partial(_evaluate_block, rankings, metrics, resamples, found)
    with ThreadPoolExecutor(threads or min(_MOST_THREADS, os.cpu_count() or 1)) as pool:
        # Consumed, so that an error in a metric is raised here.
        list(pool.map(evaluate, resamples.blocks()))
    tables = [observed(y, ranking.scores) for ranking in rankings]
    values = {name: np.array([metric(table)[0] for table in tables]) for name, metric in metrics.items()}
    return Bootstrap(values, found)


def bootstrap_roc(
    labels: ArrayLike,
    scores: ArrayLike,
    sensitivities: Sequence[float] = (0.95,),
    replicates: int = 5000,
    seed: int = 0,
    clusters: ArrayLike | None = None,
) -> BootstrapRoc:
    """Return bootstrap replicates of the AUC and of specificities at sensitivities, each in (0, 1].

    The other arguments are those of `bootstrap_metrics`.
    """
    metrics: dict[str, Metric] = {"auc": area}
    metrics |= {f"{wanted!r}": partial(specificity_at, sensitivity=wanted) for wanted in sensitivities}
    found = bootstrap_metrics(labels, scores, metrics, replicates, seed, clusters).replicates
    return BootstrapRoc(found["auc"], {wanted: found[f"{wanted!r}"] for wanted in sensitivities})


def bootstrap_confusion(
    tp: int, fp: int, positives: int, negatives: int, replicates: int = 5000, seed: int = 0
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return (tp, fp) of stratified resamples at a fixed threshold, each (replicates,).

    Drawing cases with replacement within a class makes the count above the threshold binomial, exactly.
    """
    random = np.random.default_rng(seed)
    return (
        random.binomial(positives, tp / positives, replicates),
        random.binomial(negatives, fp / negatives, replicates),
    )


def bootstrap_p_value(differences: Floats) -> float:
    """Return the two-sided P value of 'no difference' from paired bootstrap differences.

    Twice the share of replicates on the far side of 0; the observed one counts among them, so that it is never 0.

    Source: Davison and Hinkley, Bootstrap Methods and their Application, 1997, section 4.
    """
    below = np.count_nonzero(differences <= 0) + 1
    above = np.count_nonzero(differences >= 0) + 1
    return float(min(1.0, 2 * min(below, above) / (differences.size + 1)))


def _evaluate_block(
    rankings: Sequence[Ranking],
    metrics: Mapping[str, Metric],
    resamples: Resamples,
    found: Mapping[str, Floats],
    block: slice,
) -> None:
    counts = resamples.draw(block)
    for model, ranking in enumerate(rankings):
        sample = Resampled(ranking, counts)
        # A resample of patients can lack a class: its statistics are NaN, without a warning for each.
        with np.errstate(invalid="ignore", divide="ignore"):
            for name, metric in metrics.items():
                found[name][model, block] = metric(sample)
