"""Statistics of reader studies on plain arrays: how well scores tell positives from negatives, and how sure that is.

Labels are 0 and 1, a higher score means more likely positive. Functions take arrays and give numbers with intervals;
`evaluate_predictions` takes files and gives everything that a results table needs, as one plain dictionary.
"""

from __future__ import annotations

import importlib
from typing import Any

_HOME = {
    "Bootstrap": "bootstrap",
    "BootstrapRoc": "bootstrap",
    "BootstrapTest": "bootstrap",
    "BrierParts": "calibration",
    "CalibrationLine": "calibration_slope",
    "ConformalSets": "conformal",
    "Confusion": "rates",
    "DeLong": "delong",
    "DecisionCurve": "decision",
    "DecisionCurves": "decision",
    "Estimate": "intervals",
    "FoldAucs": "runs",
    "GreedyEnsemble": "runs",
    "MarginTest": "differences",
    "McNemar": "differences",
    "Metric": "measures",
    "OperatingPoint": "operating_points",
    "PairedPredictions": "predictions",
    "PairedTest": "delong",
    "Predictions": "predictions",
    "Recalibration": "recalibration",
    "ReliabilityBin": "calibration",
    "Resampled": "resampled",
    "Resamples": "resampling",
    "RocCurve": "roc",
    "SetReport": "conformal",
    "SignedRank": "differences",
    "Spread": "runs",
    "Subgroup": "subgroups",
    "SubgroupSplit": "subgroups",
    "age_bands": "subgroups",
    "auc": "roc",
    "average_precision": "rates",
    "bootstrap_metrics": "bootstrap",
    "bootstrap_p_value": "bootstrap",
    "bootstrap_roc": "bootstrap",
    "brier_parts": "calibration",
    "brier_score": "calibration",
    "calibration_error_by_chance": "calibration",
    "calibration_line": "calibration_slope",
    "case_resamples": "resampling",
    "closest_point": "operating_points",
    "cluster_resamples": "resampling",
    "clustered_delong": "clustered",
    "clustered_proportion": "clustered",
    "clustered_rates": "clustered",
    "confusion": "rates",
    "confusion_rates": "rates",
    "decision_curves": "decision",
    "delong_areas": "delong",
    "each_replicate": "measures",
    "ensemble": "runs",
    "evaluate_predictions": "evaluate",
    "evaluate_scores": "evaluate",
    "expected_calibration_error": "calibration",
    "fit_conformal": "conformal",
    "fit_recalibration": "recalibration",
    "fold_aucs": "runs",
    "greedy_ensemble": "runs",
    "has_clusters": "clustered",
    "holm": "multiple",
    "mcnemar": "differences",
    "mcnemar_at": "differences",
    "mean_of_proportions": "intervals",
    "net_benefit": "decision",
    "noninferiority": "differences",
    "operating_point_intervals": "operating_points",
    "pair": "predictions",
    "partial_auc": "rates",
    "percentile_interval": "intervals",
    "read_predictions": "predictions",
    "reliability_curve": "calibration",
    "roc_curve": "roc",
    "sensitivity_at_specificity": "rates",
    "specificity_at_sensitivity": "rates",
    "spread": "runs",
    "subgroup_metrics": "subgroups",
    "superiority": "differences",
    "too_few_cases": "intervals",
    "wilcoxon_signed_rank": "differences",
    "wilson": "intervals",
    "youden_point": "operating_points",
}

__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    """Import a public name's module when it is first asked for, so that the door itself costs nothing."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
