"""Bootstrap of ROC statistics, pROC and BreastFusion side by side: `python Testing/Benchmarks/evaluation.py`.

Five models on the same 4,909 cases, 1,006 of them positive, 5,000 stratified replicates: AUC and specificity at 95 %
sensitivity with intervals, and all ten paired differences of both. Then DeLong's interval of a million cases.
Targets: 1.5 s, 20 times faster than pROC, under 1 GB; a million cases in under 2 s.

pROC does the work of one model and of one pair with fewer replicates; its time grows in proportion to replicates,
models and pairs, and is scaled to the same work (`--full` does all replicates of that model and that pair). Where
others use the machine, processor times compare better than the clock.
"""

from __future__ import annotations

import argparse
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
from machine import describe_machine

from BreastFusionLib.evaluation import bootstrap_metrics, delong_areas, measures

POSITIVES, NEGATIVES, MODELS, REPLICATES = 1006, 3903, 5, 5000
FEW_REPLICATES = 250
MANY_CASES = 1_000_000
TARGET_S, TARGET_SPEED_UP, TARGET_MEMORY_GB, TARGET_MANY_S = 1.5, 20.0, 1.0, 2.0

PAIRS = list(combinations(range(MODELS), 2))


def make_table(positives: int, negatives: int, models: int) -> tuple[np.ndarray, np.ndarray]:
    """Return labels (n,) and scores (m, n) of models whose errors have something in common, AUC about .86."""
    random = np.random.default_rng(0)
    labels = random.permutation(np.repeat([1, 0], [positives, negatives]))
    shared = random.normal(size=labels.size)
    return labels, 1.5 * labels + (shared + random.normal(size=(models, labels.size))) / np.sqrt(2)


def our_work(labels: np.ndarray, scores: np.ndarray) -> None:
    """Intervals of both statistics of all models, and the tests of all pairs."""
    metrics = {"auc": measures.area, "specificity": partial(measures.specificity_at, sensitivity=0.95)}
    found = bootstrap_metrics(labels, scores, metrics, REPLICATES)
    for metric in metrics:
        for model in range(MODELS):
            found.interval(metric, model)
        for first, second in PAIRS:
            found.compare(metric, first, second)


@dataclass(frozen=True)
class Seconds:
    """How long something took."""

    clock: float
    processor: float

    def __str__(self) -> str:
        return f"{self.clock:8.2f} s ({self.processor:.2f} s of processor time)"

    def __add__(self, other: Seconds) -> Seconds:
        return Seconds(self.clock + other.clock, self.processor + other.processor)

    def __rmul__(self, times: float) -> Seconds:
        return Seconds(times * self.clock, times * self.processor)

    def against(self, ours: Seconds) -> str:
        """Say how many times longer it took than `ours`."""
        return f"{self.clock / ours.clock:.0f} times longer ({self.processor / ours.processor:.0f} times the processor)"


def timed(work: Callable[[], Any], repeats: int) -> Seconds:
    """Return the best time on the clock and the best processor time."""
    clock, processor = [], []
    for _ in range(repeats):
        started, used = time.perf_counter(), time.process_time()
        work()
        clock.append(time.perf_counter() - started)
        processor.append(time.process_time() - used)
    return Seconds(min(clock), min(processor))


def ask_proc(labels: np.ndarray, scores: np.ndarray, replicates: int) -> tuple[dict[str, Seconds], str] | None:
    """Return pROC's time by what it did, and its version; None where it is not installed."""
    if shutil.which("Rscript") is None:
        return None
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "table.csv"
        header = ",".join(["label", *(f"model_{m}" for m in range(len(scores)))])
        np.savetxt(path, np.column_stack([labels, *scores]), delimiter=",", header=header, comments="", fmt="%.9g")
        script = Path(__file__).with_suffix(".R")
        done = subprocess.run(["Rscript", script, path, str(replicates)], capture_output=True, text=True, check=False)
    if done.returncode:
        print(f"  pROC could not be asked: {done.stderr.strip().splitlines()[-1]}")
        return None
    *lines, last = (line.split() for line in done.stdout.splitlines())
    return {name: Seconds(float(clock), float(processor)) for name, clock, processor in lines}, last[1]


def compare_bootstrap(full: bool, repeats: int) -> list[bool]:
    """Print the times of the bootstrap; tell which targets are met."""
    labels, scores = make_table(POSITIVES, NEGATIVES, MODELS)
    ours = timed(lambda: our_work(labels, scores), repeats)
    memory_gb = peak_memory_gb()
    print(f"{MODELS} models, {labels.size:,} cases, {REPLICATES:,} replicates, 2 statistics, {len(PAIRS)} pairs")
    print(f"  ours                  {ours}, whole process {memory_gb:.2f} GB at most")
    met = [ours.clock <= TARGET_S, memory_gb < TARGET_MEMORY_GB]
    replicates = REPLICATES if full else FEW_REPLICATES
    asked = ask_proc(labels, scores, replicates)
    if asked is None:
        print("  pROC is not installed here (Debian: r-base-core, r-cran-proc)")
        return met
    proc, version = asked
    intervals = REPLICATES / replicates * MODELS * (proc["auc"] + proc["specificity"])
    pairs = REPLICATES / replicates * len(PAIRS) * (proc["auc_difference"] + proc["specificity_difference"])
    print(f"  pROC, intervals only  {intervals}: {intervals.against(ours)}")
    print(f"  pROC, and differences {intervals + pairs}: {(intervals + pairs).against(ours)}")
    print(f"  (pROC {version}, {'one model and one pair' if full else f'from {replicates} replicates'} scaled)")
    return [*met, (intervals + pairs).clock >= TARGET_SPEED_UP * ours.clock]


def compare_delong(repeats: int) -> bool:
    """Print the times of DeLong's interval of many cases; tell whether the target is met."""
    labels, scores = make_table(MANY_CASES // 5, MANY_CASES - MANY_CASES // 5, 1)
    ours = timed(lambda: delong_areas(labels, scores).interval(), repeats)
    print(f"DeLong interval of {labels.size:,} cases\n  ours                  {ours}")
    asked = ask_proc(labels, scores, 0)
    if asked is not None:
        theirs = asked[0]["curves"] + asked[0]["delong"]
        print(f"  pROC                  {theirs}: {theirs.against(ours)}")
    return ours.clock < TARGET_MANY_S


def main() -> int:
    """Run the benchmark; return 1 when a target is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--full", action="store_true", help="pROC with all replicates (minutes)")
    parser.add_argument("--repeats", type=int, default=5, help="runs of which the best counts")
    options = parser.parse_args()
    print(describe_machine("numpy", "scipy"))
    met = [*compare_bootstrap(options.full, options.repeats), compare_delong(options.repeats)]
    print("Targets met." if all(met) else "A target is MISSED.")
    return 0 if all(met) else 1


def peak_memory_gb() -> float:
    """Return the largest memory of this process so far."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1e9 if sys.platform == "darwin" else 1e6)


if __name__ == "__main__":
    sys.exit(main())
