"""The training curves as a figure."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from BreastFusionLib.cohort.disk import saying_disk_full
from BreastFusionLib.files import replacing

__all__ = ["draw_curves"]

_MEASURES = {"loss": "loss", "accuracy": "accuracy", "auc": "AUC"}


def draw_curves(log: pd.DataFrame, kept: int, path: Path) -> None:
    """Draw loss, accuracy and AUC of training and validation by epoch as SVG, the kept epoch marked.

    Args:
        log: epoch (counted from 0), train_<measure>, validation_<measure>.
        kept: the epoch whose weights are kept.
        path: of the figure.
    """
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    # A fixed salt and no date: the same log gives the same file.
    with rc_context({"svg.hashsalt": "curves", "svg.fonttype": "none"}):
        figure = Figure(figsize=(12, 3), layout="constrained")
        for axes, (name, title) in zip(figure.subplots(1, len(_MEASURES)), _MEASURES.items(), strict=True):
            axes.plot(log["epoch"] + 1, log[f"train_{name}"], label="training", color="#0072b2")
            axes.plot(log["epoch"] + 1, log[f"validation_{name}"], label="validation", color="#d55e00")
            axes.axvline(kept + 1, color="0.6", linewidth=0.8, linestyle="--", label=f"kept: epoch {kept + 1}")
            axes.set_xlabel("epoch")
            axes.set_ylabel(title)
            axes.spines[["top", "right"]].set_visible(False)
            axes.legend(frameon=False)
        with saying_disk_full(path), replacing(path) as temporary:
            figure.savefig(temporary, format="svg", metadata={"Date": None})
