"""The whole evaluation of one or several models: numbers with intervals, and their paired differences."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from BreastFusionLib.evaluation.bootstrap import BootstrapRoc, bootstrap_confusion, bootstrap_p_value, bootstrap_roc
from BreastFusionLib.evaluation.calibration import are_probabilities, brier_score, expected_calibration_error
from BreastFusionLib.evaluation.delong import DeLong, delong_areas
from BreastFusionLib.evaluation.intervals import Estimate, percentile_interval
from BreastFusionLib.evaluation.predictions import PairedPredictions, pair, read_predictions
from BreastFusionLib.evaluation.rates import Confusion, confusion, confusion_rates, f1_score, specificity_at_sensitivity
from BreastFusionLib.evaluation.roc import checked, roc_curve

__all__ = ["SCHEMA", "evaluate_predictions", "evaluate_scores"]

SCHEMA = "breastfusion.evaluation/1"
SENSITIVITIES = (0.95,)
_CURVE_POINTS = 500


def evaluate_predictions(
    paths: Sequence[str | Path],
    label_column: str = "label",
    score_column: str = "score",
    bootstrap: int = 5000,
    seed: int = 0,
    threshold: float | Mapping[str, float] = 0.5,
    level: float = 0.95,
) -> dict[str, Any]:
    """Evaluate predictions tables of one or several models on the same cases.

    Args:
        paths: tables as in `read_predictions`; a model is named by its file, or by its folder where files are
            named alike.
        label_column: holds 0 and 1.
        score_column: holds the score of the positive class.
        bootstrap: number of stratified resamples; 0 for none.
        seed: of the resamples.
        threshold: operating point of the rates (score >= threshold is positive), one for all or by model name.
        level: confidence of all intervals.

    Returns:
        `models.<name>`: n, positives, threshold, confusion, brier, expected_calibration_error, roc (its corners), and
        as {value, low, high}: auc (bootstrap interval), auc_delong, sensitivity, specificity, ppv, npv, accuracy
        (Wilson), f1, specificity_at_sensitivity."0.95" (bootstrap). `comparisons[]`: a, b, delta_auc, low, high, z,
        p_delong, p_bootstrap. `notes[]`: sentences. `settings`.

    Raises:
        InputError: tables that cannot be read or paired.
    """
    tables = [
        read_predictions(path, label_column, score_column, name=name)
        for path, name in zip(paths, _model_names(paths), strict=True)
    ]
    paired = pair(tables)
    scores = dict(zip(paired.names, paired.scores, strict=True))
    result = evaluate_scores(paired.labels, scores, bootstrap, seed, threshold, level)
    result["notes"] = [*paired.notes, *_dependence_notes(paired), *result["notes"]]
    return result


def evaluate_scores(
    labels: ArrayLike,
    scores: Mapping[str, ArrayLike],
    bootstrap: int = 5000,
    seed: int = 0,
    threshold: float | Mapping[str, float] = 0.5,
    level: float = 0.95,
) -> dict[str, Any]:
    """Evaluate models given as plain arrays: labels (n,) and, for each model's name, scores (n,).

    The other arguments and the result are those of `evaluate_predictions`.
    """
    names = list(scores)
    y, s = checked(labels, np.stack([np.asarray(scores[name], dtype=float) for name in names]))
    areas = delong_areas(y, s)
    resampled = bootstrap_roc(y, s, SENSITIVITIES, bootstrap, seed) if bootstrap else None
    models, notes = {}, []
    for m, name in enumerate(names):
        cut = threshold[name] if isinstance(threshold, Mapping) else threshold
        models[name] = {
            **_threshold_free(y, s[m], m, areas, resampled, level),
            **_at_threshold(confusion(y, s[m], cut), cut, bootstrap, seed, level),
        }
        if not are_probabilities(s[m]):
            notes.append(f"{name}: scores lie outside [0, 1], so calibration is not measured.")
    if min(y.sum(), (1 - y).sum()) < 2:
        notes.append("With a single positive or negative case no variance can be estimated: DeLong is left out.")
    comparisons = [
        _comparison(names, first, second, areas, resampled, level)
        for first, second in itertools.combinations(range(len(names)), 2)
    ]
    settings = {"bootstrap": bootstrap, "seed": seed, "level": level}
    return {"schema": SCHEMA, "models": models, "comparisons": comparisons, "notes": notes, "settings": settings}


def _threshold_free(
    y: NDArray[np.int8], s: NDArray[np.float64], m: int, areas: DeLong, resampled: BootstrapRoc | None, level: float
) -> dict[str, Any]:
    none = np.empty(0)
    auc = percentile_interval(float(areas.auc[m]), resampled.auc[m] if resampled else none, level)
    at_sensitivity = {
        f"{wanted:g}": percentile_interval(
            specificity_at_sensitivity(y, s, wanted), resampled.specificity[wanted][m] if resampled else none, level
        ).to_mapping()
        for wanted in SENSITIVITIES
    }
    x, sensitivity = roc_curve(y, s).corners()
    # A curve of many thousand corners is thinned evenly: half a per cent of its length is less than a line's width.
    kept = np.unique(np.linspace(0, x.size - 1, min(x.size, _CURVE_POINTS)).round().astype(int))
    calibrated = are_probabilities(s)
    return {
        "n": int(y.size),
        "positives": int(y.sum()),
        "auc": auc.to_mapping(),
        "auc_delong": areas.interval(m, level).to_mapping(),
        "specificity_at_sensitivity": at_sensitivity,
        "brier": brier_score(y, s) if calibrated else None,
        "expected_calibration_error": expected_calibration_error(y, s) if calibrated else None,
        "roc": {"false_positive_rate": x[kept].tolist(), "sensitivity": sensitivity[kept].tolist()},
    }


def _at_threshold(counts: Confusion, threshold: float, bootstrap: int, seed: int, level: float) -> dict[str, Any]:
    f1 = Estimate(float(f1_score(counts.tp, counts.fp, counts.positives)))
    if bootstrap:
        tp, fp = bootstrap_confusion(counts.tp, counts.fp, counts.positives, counts.negatives, bootstrap, seed)
        f1 = percentile_interval(f1.value, f1_score(tp, fp, counts.positives), level)
    return {
        "threshold": float(threshold),
        "confusion": {"tp": counts.tp, "fp": counts.fp, "fn": counts.fn, "tn": counts.tn},
        **{name: estimate.to_mapping() for name, estimate in confusion_rates(counts, level).items()},
        "f1": f1.to_mapping(),
    }


def _comparison(
    names: Sequence[str], first: int, second: int, areas: DeLong, resampled: BootstrapRoc | None, level: float
) -> dict[str, Any]:
    test = areas.compare(first, second, level)
    delta = test.delta.to_mapping()
    return {
        "a": names[first],
        "b": names[second],
        "delta_auc": delta["value"],
        "low": delta["low"],
        "high": delta["high"],
        "z": test.z if math.isfinite(test.z) else None,
        "p_delong": test.p if math.isfinite(test.p) else None,
        "p_bootstrap": bootstrap_p_value(resampled.auc[first] - resampled.auc[second]) if resampled else None,
    }


def _model_names(paths: Sequence[str | Path]) -> list[str]:
    """Name models by their files; files of one name (runs' predictions.csv) by their folders."""
    files = [Path(path) for path in paths]
    stems = [file.stem for file in files]
    return [file.resolve().parent.name if stems.count(file.stem) > 1 else file.stem for file in files]


def _dependence_notes(paired: PairedPredictions) -> list[str]:
    if paired.patient_id is None:
        return []
    patients = len(set(paired.patient_id))
    if patients == paired.labels.size:
        return []
    return [
        f"{paired.labels.size} cases come from {patients} patients: the intervals treat them as independent and are "
        "somewhat too narrow."
    ]
