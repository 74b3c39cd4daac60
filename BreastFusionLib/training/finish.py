"""From fitted weights to what others use: calibrated predictions, operating points, metrics, the bundle."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import torch
from lightning.fabric.utilities import move_data_to_device
from numpy.typing import ArrayLike, NDArray

from BreastFusionLib.cohort.disk import saying_disk_full
from BreastFusionLib.cohort.table import write_table
from BreastFusionLib.evaluation import evaluate_scores, roc_curve
from BreastFusionLib.reading.bundle import write_bundle
from BreastFusionLib.reading.calibration import Calibration, fit_line
from BreastFusionLib.reading.metadata import OPERATING_POINT, BundleMetadata, TrainingContext, TrainingRecord
from BreastFusionLib.reading.recipe import TestTimeSpec
from BreastFusionLib.reading.scalers import Scalers
from BreastFusionLib.reading.score import FUSED, cases_together, changed_copies, output_margins, running
from BreastFusionLib.reading.versions import versions
from BreastFusionLib.training.data import Batches
from BreastFusionLib.training.recipe import Recipe
from BreastFusionLib.training.run import Run
from BreastFusionLib.training.spec import EvaluationSpec, TrainingSpec

if TYPE_CHECKING:
    from BreastFusionLib.models import FusionNetwork

__all__ = [
    "FUSED",
    "Margins",
    "calibrate",
    "held_out_metrics",
    "network_margins",
    "operating_points",
    "training_record",
    "write_model",
    "write_predictions",
]

Margins = dict[str, NDArray[np.float64]]
"""`FUSED`, or the source of an auxiliary head -> (n,) margins, NaN where the source is absent."""

logger = logging.getLogger(__name__)


@torch.inference_mode()
def network_margins(
    network: FusionNetwork,
    batches: Batches,
    count: int,
    positive: int,
    device: str,
    test_time: TestTimeSpec | None = None,
) -> Margins:
    """Return the margins of all cases as a reading finds them, in 32-bit precision; on a CPU to the last digit.

    Args:
        network: fitted; it is put in eval mode on `device`.
        batches: of all `count` cases.
        positive: column of the positive class.
        device: where it runs.
        test_time: the randomly changed copies that a score is averaged over; None for the images as they are.
    """
    network = network.to(device).eval()
    parts: dict[str, list[NDArray[np.float64]]] = {}
    with running(device):
        size = cases_together(device)
        for start in range(0, count, size):
            rows = range(start, min(start + size, count))
            batch = move_data_to_device(batches[None, tuple(rows)], device)
            vectors, present = batch["vectors"], batch["present"]
            if "features" in batch and test_time is None:
                views = [batch["features"]]
            else:  # a frozen encoder's features are of the images as they are
                images = move_data_to_device(batches.images(rows), device) if "features" in batch else batch["images"]
                changed = list(changed_copies(images, test_time)) or [images]
                views = [{source: network.encode(source, one) for source, one in copy.items()} for copy in changed]
            outputs = [network.fuse(features, vectors, present) for features in views]
            for source, found in output_margins(outputs, positive).items():
                there = np.ones(len(rows), bool) if source == FUSED else present[source].cpu().numpy()
                parts.setdefault(source, []).append(np.where(there, found, np.nan))
    return {source: np.concatenate(rows) for source, rows in parts.items()}


def calibrate(found: Margins, labels: NDArray[np.int64], rows: Sequence[int], spec: TrainingSpec) -> Calibration:
    """Fit the calibration on validation cases: of the fused output, and of each source's own head.

    Args:
        found: margins of all cases.
        labels: (n,) 1 for the positive class.
        rows: of the validation cases; they hold both classes.
        spec: names the method.
    """
    lines = {}
    for source, values in found.items():
        there = [row for row in rows if np.isfinite(values[row])]
        if source == FUSED or len(set(labels[there].tolist())) == 2:
            lines[source] = fit_line(values[there], labels[there], spec.calibration)
        else:
            logger.warning("%s alone is not calibrated: too few validation cases have it", source)
    slope, intercept = lines.pop(FUSED)
    return Calibration(spec.calibration, slope, intercept, lines)


def operating_points(labels: ArrayLike, scores: ArrayLike) -> dict[str, float]:
    """Choose thresholds on validation cases; a score at or above one is positive.

    Returns:
        'sensitivity_0.95': the highest threshold that finds at least 95 % of the positive cases; 'youden': the one
        with the largest sum of sensitivity and specificity. Each lies half-way to the next lower score, so that
        rounding in the last digit never moves a case across it.
    """
    curve = roc_curve(labels, scores)
    halfway = (curve.thresholds + np.append(curve.thresholds[1:], 0.0)) / 2
    # The first point calls nothing positive: no threshold.
    sensitive = 1 + int(np.argmax(curve.sensitivity[1:] >= 0.95 - 1e-12))
    positives, negatives = curve.true_positives[-1], curve.false_positives[-1]
    # In whole numbers, so that equally good points are equal and the highest threshold is taken.
    youden = 1 + int(np.argmax((curve.true_positives * negatives - curve.false_positives * positives)[1:]))
    return {OPERATING_POINT: float(halfway[sensitive]), "youden": float(halfway[youden])}


def held_out_metrics(
    labels: NDArray[np.int64],
    scores: NDArray[np.float64],
    patients: ArrayLike,
    threshold: float,
    spec: EvaluationSpec,
) -> dict[str, Any]:
    """Return what a model card says of the test cases: AUC with DeLong's interval, rates at the operating point.

    Intervals count patients where patients have several cases, as in every other evaluation. With one class only (or
    no case) there is nothing but the number of cases.
    """
    if len(np.unique(labels)) < 2:
        return {"n": len(labels), "positives": int(labels.sum())}
    measured = evaluate_scores(
        labels, {"model": scores}, patients=patients, bootstrap=spec.bootstrap, seed=spec.seed, threshold=threshold
    )["models"]["model"]
    rates = ("sensitivity", "specificity", "ppv", "npv", "accuracy")
    return {
        "auc": measured["auc_delong"],
        **{name: measured[name] for name in rates},
        "n": measured["n"],
        "positives": measured["positives"],
    }


def write_predictions(run: Run, table: pd.DataFrame, labels: NDArray[np.int64], scores: NDArray[np.float64]) -> None:
    """Write the predictions of all cases, and of the test cases alone."""
    columns = ["case_id", "patient_id", "label", "score", "split"]
    told = table.assign(label=labels, score=scores)[columns + (["site"] if "site" in table.columns else [])]
    write_table(told, run.predictions)
    write_table(told[told["split"] == "test"], run.test_predictions)


def training_record(
    labels: NDArray[np.int64], contexts: Sequence[Mapping[str, Any]], fingerprint: str
) -> TrainingRecord:
    """Return what the bundle says of its training cases.

    Args:
        labels: of the training cases, 1 for the positive class.
        contexts: how each was taken (`CaseInputs.context`).
        fingerprint: of the cohort.
    """
    return TrainingRecord(
        synthetic=any(context["synthetic"] for context in contexts),
        cases=len(labels),
        positives=int(labels.sum()),
        prevalence=float(labels.mean()),
        cohort_fingerprint=fingerprint,
        context=TrainingContext.of(contexts),
    )


def write_model(
    run: Run,
    recipe: Recipe,
    network: FusionNetwork,
    scalers: Scalers,
    record: TrainingRecord,
    calibration: Calibration,
    thresholds: dict[str, float],
    metrics: dict[str, Any],
) -> None:
    """Write the bundle of a run."""
    metadata = BundleMetadata(
        name=recipe.name,
        version="1.0",
        task=recipe.task,
        training=record,
        thresholds=thresholds,
        calibration=calibration,
        metrics=metrics,
        versions=versions(radiomics=recipe.inputs.radiomics is not None),
    )
    with saying_disk_full(run.folder):
        write_bundle(run.bundle, metadata, recipe.resolved(), network, scalers)
