"""Statistics of reader studies on plain arrays: how well scores tell positives from negatives, and how sure that is.

Labels are 0 and 1, a higher score means more likely positive. Functions take arrays and give numbers with intervals;
`evaluate_predictions` takes files and gives everything that a results table needs, as one plain dictionary.
"""

from __future__ import annotations

import importlib
from typing import Any

_HOME = {
    "BootstrapRoc": "bootstrap",
    "Confusion": "rates",
    "DeLong": "delong",
    "Estimate": "intervals",
    "PairedPredictions": "predictions",
    "PairedTest": "delong",
    "Predictions": "predictions",
    "RocCurve": "roc",
    "auc": "roc",
    "bootstrap_p_value": "bootstrap",
    "bootstrap_roc": "bootstrap",
    "brier_score": "calibration",
    "confusion": "rates",
    "confusion_rates": "rates",
    "delong_areas": "delong",
    "evaluate_predictions": "evaluate",
    "evaluate_scores": "evaluate",
    "expected_calibration_error": "calibration",
    "pair": "predictions",
    "percentile_interval": "intervals",
    "read_predictions": "predictions",
    "roc_curve": "roc",
    "specificity_at_sensitivity": "rates",
    "wilson": "intervals",
}

__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    """Import a public name's module when it is first asked for, so that the door itself costs nothing."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
