"""The training curves as a figure."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from BreastFusionLib.cohort.disk import saying_disk_full
from BreastFusionLib.files import replacing

__all__ = ["draw_curves"]


def draw_curves(log: pd.DataFrame, path: Path) -> None:
    """Draw loss and accuracy of training and validation by epoch as SVG, the best epoch marked.

    Args:
        log: epoch, train_loss, validation_loss, train_accuracy, validation_accuracy.
        path: of the figure.
    """
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    best = int(log["validation_loss"].to_numpy().argmin())
    # A fixed salt and no date: the same log gives the same file.
    with rc_context({"svg.hashsalt": "curves", "svg.fonttype": "none"}):
        figure = Figure(figsize=(8, 3), layout="constrained")
        for axes, name in zip(figure.subplots(1, 2), ("loss", "accuracy"), strict=True):
            axes.plot(log["epoch"] + 1, log[f"train_{name}"], label="training", color="#0072b2")
            axes.plot(log["epoch"] + 1, log[f"validation_{name}"], label="validation", color="#d55e00")
            axes.axvline(best + 1, color="0.6", linewidth=0.8, linestyle="--", label="kept")
            axes.set_xlabel("epoch")
            axes.set_ylabel(name)
            axes.spines[["top", "right"]].set_visible(False)
            axes.legend(frameon=False)
        with saying_disk_full(path), replacing(path) as temporary:
            figure.savefig(temporary, format="svg", metadata={"Date": None})
