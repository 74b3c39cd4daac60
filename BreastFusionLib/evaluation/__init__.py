"""Statistics of reader studies on plain arrays: how well scores tell positives from negatives, and how sure that is.

Labels are 0 and 1, a higher score means more likely positive. Functions take arrays and give numbers with intervals;
`evaluate_predictions` takes files and gives everything that a results table needs, as one plain dictionary.
"""

from __future__ import annotations

import importlib
from typing import Any

_HOME = {
    "BootstrapRoc": "bootstrap",
    "BrierParts": "calibration",
    "CalibrationLine": "calibration_slope",
    "Confusion": "rates",
    "DeLong": "delong",
    "DecisionCurve": "decision",
    "DecisionCurves": "decision",
    "Estimate": "intervals",
    "PairedPredictions": "predictions",
    "PairedTest": "delong",
    "Predictions": "predictions",
    "Recalibration": "recalibration",
    "ReliabilityBin": "calibration",
    "RocCurve": "roc",
    "Subgroup": "subgroups",
    "SubgroupSplit": "subgroups",
    "age_bands": "subgroups",
    "auc": "roc",
    "bootstrap_p_value": "bootstrap",
    "bootstrap_roc": "bootstrap",
    "brier_parts": "calibration",
    "brier_score": "calibration",
    "calibration_error_by_chance": "calibration",
    "calibration_line": "calibration_slope",
    "confusion": "rates",
    "confusion_rates": "rates",
    "decision_curves": "decision",
    "delong_areas": "delong",
    "evaluate_predictions": "evaluate",
    "evaluate_scores": "evaluate",
    "expected_calibration_error": "calibration",
    "fit_recalibration": "recalibration",
    "net_benefit": "decision",
    "pair": "predictions",
    "percentile_interval": "intervals",
    "read_predictions": "predictions",
    "reliability_curve": "calibration",
    "roc_curve": "roc",
    "specificity_at_sensitivity": "rates",
    "subgroup_metrics": "subgroups",
    "wilson": "intervals",
}

__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    """Import a public name's module when it is first asked for, so that the door itself costs nothing."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
