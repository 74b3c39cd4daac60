"""What fusion is worth on phantoms, whose truth is known: `python Testing/Benchmarks/fusion.py --folder DIR`.

Trains learned-feature fusion of patches, radiomics, kinetics and clinical columns, the same without T2, and each source
alone, on 1,000 of 1,430 small phantoms, and prints their test AUCs beside the ideal observer's, what the fused model
loses when T2 is missing at reading time, its calibration, and whether permutation importance finds the known order of
the clinical effects. All of it is synthetic: it shows what the software does, and nothing about patients.

Called again with the same folder, it continues where it stopped.
"""

from __future__ import annotations

import argparse
import dataclasses
import math
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
from machine import describe_machine

# Behind all others: the benchmark radiomics.py beside this file would hide the package of that name. Not gone, since
# processes that prepare cases import this file again.
sys.path.sort(key=lambda entry: Path(entry).resolve() == Path(__file__).resolve().parent)

from BreastFusionLib.cohort import bundle_importance, compute_inputs, covering, read_cohort
from BreastFusionLib.evaluation import (
    calibration_error_by_chance,
    calibration_line,
    delong_areas,
    expected_calibration_error,
)
from BreastFusionLib.phantom import ideal_auc, write_cohort
from BreastFusionLib.reading import SavedInputs, load_bundle, load_inputs
from BreastFusionLib.reading.score import score_batch
from BreastFusionLib.training import Run, load_recipe, train

# In falling order of effect, as phantom/truth.py sets them.
CLINICAL = ("age", "indication", "lifetime_risk_percent")
CLINICAL_COLUMNS = "[{name: age}, {name: indication, kind: categorical}, {name: lifetime_risk_percent}]"
TOWERS = "{dce: [drop, 64], t1: [drop, 64], t2: [drop, 64], radiomics: [drop, 64], kinetics: [64], clinical: [64]}"
WITHOUT_T2 = "learned fusion without T2"
LEARNED = (
    f"inputs.clinical={CLINICAL_COLUMNS}",
    f"model.towers={TOWERS}",
    "model.head=[drop, 64]",
    "model.dropout=0.25",
)
ALONE = ("model.source_dropout=0", "model.auxiliary_heads=false")
NO_IMAGES = ("inputs.patch=null", "model.encoder=null", "model.standardise_features=false", *ALONE)
NO_VECTORS = ("inputs.radiomics=null", "inputs.kinetics=false", *ALONE)

# Name on the page -> overrides of the recipe 'demo'.
MODELS: dict[str, tuple[str, ...]] = {
    "learned fusion": LEARNED,
    WITHOUT_T2: (*LEARNED, "inputs.sequences=[dce, t1]", "model.towers.t2=null"),
    "DCE patches": ("inputs.sequences=[dce]", *NO_VECTORS),
    "T1 patches": ("inputs.sequences=[t1]", *NO_VECTORS),
    "T2 patches": ("inputs.sequences=[t2]", *NO_VECTORS),
    "radiomics": ("inputs.kinetics=false", *NO_IMAGES),
    "kinetics": ("inputs.radiomics=null", *NO_IMAGES),
    "clinical": ("inputs.radiomics=null", "inputs.kinetics=false", f"inputs.clinical={CLINICAL_COLUMNS}", *NO_IMAGES),
}  # fmt: skip


def main() -> None:
    """Train, measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, required=True, help="phantoms, prepared inputs and runs are kept here")
    parser.add_argument("--exams", type=int, default=1430)
    parser.add_argument("--seed", type=int, default=7, help="of the phantoms")
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    print(describe_machine("torch", "lightning"))
    table = write_cohort(options.folder / "phantoms", options.exams, options.seed, small=True, workers=options.workers)
    runs = {name: _train(name, table, options) for name in MODELS}
    tests = {name: pd.read_csv(run.test_predictions).set_index("case_id") for name, run in runs.items()}
    fused = tests["learned fusion"]
    truth = pd.read_csv(table.with_name("truth.csv")).set_index("case_id").loc[fused.index]
    print(f"\n{len(fused)} test cases, {int(fused['label'].sum())} malignant; synthetic")
    _print_areas(tests, truth["llr_all"].to_numpy())
    _print_missing_t2(runs, tests, options)
    _print_calibration(fused)
    _print_importance(runs["learned fusion"], table)


def _train(name: str, table: Path, options: argparse.Namespace) -> Run:
    recipe, start = load_recipe("demo", MODELS[name]), time.perf_counter()
    # Radiomics of two sequences are another vector than those of three; all else is prepared once.
    shared = covering([load_recipe("demo", changes).inputs for other, changes in MODELS.items() if other != WITHOUT_T2])
    run = train(
        recipe,
        read_cohort(table),
        options.folder / "runs" / name.replace(" ", "_"),
        workers=options.workers,
        prepare_as=recipe.inputs if name == WITHOUT_T2 else shared,
    )
    epochs = len(pd.read_csv(run.log))
    print(f"{name}: {epochs} epochs, {time.perf_counter() - start:.0f} s with what it had to prepare", flush=True)
    return run


def _print_areas(tests: dict[str, pd.DataFrame], ideal: np.ndarray) -> None:
    """Print each model's AUC, its share of the ideal observer's, and the test against the fused model."""
    names = list(tests)
    labels = tests[names[0]]["label"].to_numpy()
    scores = [tests[name].loc[tests[names[0]].index, "score"].to_numpy() for name in names]
    areas = delong_areas(labels, np.column_stack([*scores, ideal]).T)
    best = areas.interval(len(names)).value
    print(f"ideal observer: AUC {best:.3f} on these cases ({ideal_auc():.3f} in all)")
    print(f"{'model':28}{'AUC':>7}  {'95 % interval':16}{'of ideal':>9}   P against learned fusion (DeLong)")
    for number, name in enumerate(names):
        area = areas.interval(number)
        p = "" if number == 0 else f"{areas.compare(0, number).p:.2g}"
        print(f"{name:28}{area.value:7.3f}  [{area.low:.3f}, {area.high:.3f}]  {area.value / best:8.3f}   {p}")


def _print_missing_t2(runs: dict[str, Run], tests: dict[str, pd.DataFrame], options: argparse.Namespace) -> None:
    """Print what the fused model reaches without T2, beside the model that never had it (target: at most .02 less)."""
    bundle = load_bundle(runs["learned fusion"].bundle, device="cpu")
    cohort = read_cohort(options.folder / "phantoms" / "cohort.csv")
    prepared = compute_inputs(cohort, bundle.recipe.inputs, workers=options.workers).set_index("case_id")
    fused, never = tests["learned fusion"], tests[WITHOUT_T2].loc[tests["learned fusion"].index]
    cases = [_without_t2(load_inputs(prepared.loc[case_id, "path"])) for case_id in fused.index]
    missing = np.array([scores.probability for scores in score_batch(cases, bundle)])
    areas = delong_areas(fused["label"].to_numpy(), np.stack([missing, never["score"].to_numpy()]))
    difference = areas.compare(0, 1).delta
    print(
        f"\nT2 missing at reading time: AUC {areas.interval(0).value:.3f}; a model trained without T2 "
        f"{areas.interval(1).value:.3f}; difference {difference.value:+.3f} [{difference.low:+.3f}, "
        f"{difference.high:+.3f}] (target: at least -.020)"
    )


def _without_t2(case: SavedInputs) -> SavedInputs:
    """Return the case as `prepare` gives it for an exam that has no T2 series."""
    patches = {source: patch for source, patch in case.patches.items() if source != "t2"}
    radiomics = {name: math.nan if name.startswith("t2_") else v for name, v in case.vectors["radiomics"].items()}
    return dataclasses.replace(case, patches=patches, vectors={**case.vectors, "radiomics": radiomics})


def _print_calibration(test: pd.DataFrame) -> None:
    """Print slope and expected calibration error (targets: .8 to 1.2, and below the 95th percentile by chance)."""
    labels, scores = test["label"].to_numpy(), test["score"].to_numpy()
    slope, chance = calibration_line(labels, scores).slope, calibration_error_by_chance(scores)
    print(
        f"\ncalibration slope {slope.value:.2f} [{slope.low:.2f}, {slope.high:.2f}] (target .8 to 1.2); expected "
        f"calibration error {expected_calibration_error(labels, scores):.3f}, of a calibrated model "
        f"{chance.value:.3f}, below {chance.high:.3f} in 95 %"
    )


def _print_importance(run: Run, table: Path) -> None:
    """Print the clinical columns' importance in the order that was found, beside the true one."""
    cohort = read_cohort(table)
    splits = pd.read_csv(run.predictions).set_index("case_id")["split"]
    cohort = dataclasses.replace(cohort, table=cohort.table.assign(split=cohort.table["case_id"].map(splits)))
    named = {one.name: one.median for one in bundle_importance(load_bundle(run.bundle, device="cpu"), cohort)}
    order = sorted(CLINICAL, key=lambda name: -named[name])
    print("\nclinical columns by importance: " + ", ".join(f"{name} {named[name]:.2f} %" for name in order))
    print(f"true order of effects: {', '.join(CLINICAL)}: {'found' if tuple(order) == CLINICAL else 'not found'}")


if __name__ == "__main__":
    main()
