"""Tests a study's models on other cases than its own: `python .. study_retest.py STUDY --cohort TABLE --out DIR`.

A study's test cases tell small differences between models apart only where they are many. This scores any number of new
cases with every run of every model, and prints AUCs of ensembles and best runs, their calibration, and their
differences to the models of single sources, as the study does. Called again with the same folder, it continues where
it stopped.

With several studies, a model is taken from the last one that has it: of one that was trained anew.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from machine import describe_machine

# Behind all others: the benchmark radiomics.py beside this file would hide the package of that name. Not gone, since
# processes that prepare cases import this file again.
sys.path.sort(key=lambda entry: Path(entry).resolve() == Path(__file__).resolve().parent)

from BreastFusionLib.cohort import compute_inputs, covering, read_cohort
from BreastFusionLib.evaluation import evaluate_predictions
from BreastFusionLib.files import replacing, sha256_of_bytes
from BreastFusionLib.reading import load_bundle, load_inputs, read_bundle_header
from BreastFusionLib.reading.bundle import CHECKSUMS
from BreastFusionLib.reading.score import score_batch
from BreastFusionLib.studies import STUDIES


def main() -> None:
    """Score, evaluate and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("studies", type=Path, nargs="+", help="folders of finished studies of the same name")
    parser.add_argument("--cohort", type=Path, required=True, help="new cases, none of which any model was trained on")
    parser.add_argument("--out", type=Path, required=True, help="predictions are kept here")
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    study = STUDIES[json.loads((options.studies[-1] / "study.json").read_text())["study"]]
    runs = {one.key: found for one in study.experiments if (found := _runs(options.studies, one.key))}
    names = {one.key: one.name for one in study.experiments if one.key in runs}
    print(describe_machine("torch"), flush=True)
    cases = read_cohort(options.cohort)
    inputs = {key: read_bundle_header(bundles[0]).recipe.inputs for key, bundles in runs.items()}
    single = [names[key] for key, one in inputs.items() if len((*one.image_sources, *one.vector_sources)) == 1]
    shared = covering(list(inputs.values()))
    prepared = compute_inputs(cases, shared, workers=options.workers)
    paths = prepared.loc[prepared["status"] == "ok"].set_index("case_id")["path"]
    table = cases.table[cases.table["case_id"].isin(paths.index)][["case_id", "patient_id", "label"]]
    print(f"{len(table)} cases of {table['patient_id'].nunique()} patients, {int(table['label'].sum())} malignant")
    options.out.mkdir(parents=True, exist_ok=True)
    scores = _scores(runs, paths[table["case_id"]].tolist(), options.out)
    for view in ("ensemble", "best run"):
        chosen = {key: _of_view(view, found, options.studies, names[key]) for key, found in scores.items()}
        _print_view(view, {names[key]: values for key, values in chosen.items()}, single, table, options.out)


def _runs(studies: list[Path], key: str) -> list[Path]:
    """Return the bundles of a model's runs, by seed."""
    found = [sorted((study / "runs" / key).glob("seed_*/bundle"), key=_seed) for study in studies]
    return next(filter(None, reversed(found)), [])


def _seed(bundle: Path) -> int:
    return int(bundle.parent.name.removeprefix("seed_"))


def _scores(runs: dict[str, list[Path]], paths: Sequence[str], out: Path) -> dict[str, np.ndarray]:
    """Return key -> (runs, cases) probabilities; each run's are kept in a file named after bundle and cases."""
    cases = [load_inputs(path) for path in paths]
    # Prepared cases' names are hashes of what they hold.
    of_cases, found = "".join(Path(path).stem for path in paths), {}
    for key, bundles in runs.items():
        files = [out / f"{sha256_of_bytes(((one / CHECKSUMS).read_text() + of_cases).encode())}.npy" for one in bundles]
        for bundle, file in zip(bundles, files, strict=True):
            if not file.is_file():
                scores = score_batch(cases, load_bundle(bundle, device="cpu"))
                with replacing(file) as temporary, temporary.open("wb") as stream:
                    np.save(stream, [one.probability for one in scores])
        found[key] = np.stack([np.load(file) for file in files])
    return found


def _of_view(view: str, scores: np.ndarray, studies: list[Path], name: str) -> np.ndarray:
    """Return (cases,) the mean of a model's runs, or the run that its study chose by validation cases."""
    if view == "ensemble":
        return scores.mean(axis=0)
    tables = [pd.read_csv(study / "runs.csv") for study in studies]
    own = next(rows for table in reversed(tables) if len(rows := table[table["model"] == name]))
    return scores[int((own["chosen"] == "yes").to_numpy().argmax())]


def _print_view(view: str, scores: dict[str, np.ndarray], single: list[str], table: pd.DataFrame, out: Path) -> None:
    paths = [out / f"{view.replace(' ', '_')}_{number}.csv" for number in range(len(scores))]
    for path, values in zip(paths, scores.values(), strict=True):
        table.assign(score=values).to_csv(path, index=False)
    found = evaluate_predictions(paths, names=list(scores), bootstrap=5000)
    above = f"AUC above {', '.join(single)}, P by paired bootstrap"
    print(f"\n{view}: AUC; calibration slope and error (limit); {above}")
    for name in scores:
        differences = [_difference(found["comparisons"], name, one) for one in single if name not in single]
        model = found["models"][name]
        print("   ".join([f"  {name:28}", _estimate(model["auc"]), _calibration(model["calibration"]), *differences]))


def _difference(comparisons: list[dict[str, Any]], name: str, other: str) -> str:
    one = next(one for one in comparisons if {one["a"], one["b"]} == {name, other})
    sign = 1 if one["a"] == name else -1
    low, high = sorted((sign * one["low"], sign * one["high"]))
    return f"{sign * one['delta_auc']:+.3f} [{low:+.3f}, {high:+.3f}] P {one['p_bootstrap']:.2g}"


def _calibration(found: dict[str, Any]) -> str:
    error, limit = found["expected_calibration_error"], found["expected_calibration_error_by_chance_95"]
    return f"{found['slope']['value']:.2f} {error:.3f} ({limit:.3f})"


def _estimate(found: dict[str, float]) -> str:
    return f"{found['value']:.3f} [{found['low']:.3f}, {found['high']:.3f}]"


if __name__ == "__main__":
    main()
