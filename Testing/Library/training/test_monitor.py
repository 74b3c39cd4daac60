"""Which epoch is kept, and that the curves say so."""

import pandas as pd
import pytest

from BreastFusionLib.evaluation import auc
from BreastFusionLib.training import train
from BreastFusionLib.training.curves import draw_curves
from BreastFusionLib.training.keeper import best_epoch
from BreastFusionLib.training.spec import TrainingSpec

LOG = pd.DataFrame({"validation_loss": [0.5, 0.4, 0.45, 0.4], "validation_auc": [0.9, 0.6, 0.7, 0.7]})


@pytest.mark.parametrize(
    ("settings", "kept"),
    [
        ({}, 1),
        ({"monitor": "validation_auc"}, 0),
        ({"monitor": "validation_auc", "optimisation": "staged", "part_epochs": 1}, 2),
        ({"optimisation": "staged", "part_epochs": 4}, None),
    ],
    ids=["loss: the first of two", "area", "parts do not compete", "no fusion yet"],
)
def test_the_first_of_the_best_epochs_is_kept(settings, kept):
    assert best_epoch(LOG, TrainingSpec(**settings)) == kept


def test_with_the_area_as_monitor_its_best_epoch_is_what_the_bundle_holds(cohort, tmp_path, tiny_recipe):
    spec = {"monitor": "validation_auc", "epochs": 12, "patience": 3, "fractions": [0.4, 0.4, 0.2], "milestones": []}
    run = train(tiny_recipe(spec), cohort, tmp_path / "run", device="cpu")
    log = pd.read_csv(run.log)
    best = int(log["validation_auc"].idxmax())
    assert len(log) == min(best + 1 + 3, 12)
    predictions = pd.read_csv(run.predictions)
    validation = predictions[predictions["split"] == "validation"]
    # Calibration keeps the order of the cases, and so the area.
    assert auc(validation["label"], validation["score"]) == pytest.approx(log["validation_auc"].max())
    assert f"kept: epoch {best + 1}" in (run.folder / "curves.svg").read_text()


def test_curves_of_one_log_are_one_file(tmp_path):
    measures = ("loss", "accuracy", "auc")
    log = pd.DataFrame({f"{split}_{name}": [0.1, 0.2] for split in ("train", "validation") for name in measures})
    for name in ("a.svg", "b.svg"):
        draw_curves(log.assign(epoch=[0, 1]), 1, tmp_path / name)
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()
    assert "AUC" in (tmp_path / "a.svg").read_text()
