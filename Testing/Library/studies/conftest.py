"""A study of three tiny models on sixty made-up breasts whose inputs are drawn instead of measured."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from BreastFusionLib.cohort import inputs as cohort_inputs
from BreastFusionLib.cohort.inputs import CaseTask
from BreastFusionLib.errors import InputError
from BreastFusionLib.exam.geometry import Grid
from BreastFusionLib.images.patches import Patch
from BreastFusionLib.reading.cache import SavedInputs, save_inputs
from BreastFusionLib.studies import plan as planning
from BreastFusionLib.studies.plan import StudyPlan, plan_study
from BreastFusionLib.studies.study import BEST, Experiment, Metric, ResultTable, Study

SIZE_PX = 8
RECIPE = {
    "task": {"unit": "breast"},
    "inputs": {
        "sequences": ["dce"],
        "patch": None,
        "projection": {"size_px": SIZE_PX},
        "clinical": [{"name": "age"}, {"name": "side_of_birth", "kind": "categorical", "levels": ["a", "b"]}],
    },
    "model": {
        "encoder": {"name": "small", "weights": "none", "frozen": False},
        "standardise_features": True,
        "head": [8],
        "single_logit": True,
    },
    "training": {
        "fractions": [0.5, 0.2, 0.3],
        "epochs": 2,
        "batch_size": 10,
        "optimiser": "adam",
        "learning_rate": 0.01,
        "augmentation": None,
        "monitor": "validation_auc",
    },
    "evaluation": {"bootstrap": 50},
}
CHANGES = {
    "image": {"inputs": {"clinical": []}},
    "columns": {"inputs": {"projection": {"as_image": False}}, "model": {"encoder": None}},
    "both": {},
}


@pytest.fixture
def tiny_plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StudyPlan:
    """Two runs of each of three models, the first study of the table of studies."""
    monkeypatch.setitem(planning.STUDIES, "tiny", _tiny_study(tmp_path / "recipes"))
    return plan_study("tiny")


def _tiny_study(folder: Path) -> Study:
    """Write the recipes of three models into a folder, and return the study of them."""
    folder.mkdir(exist_ok=True)
    (folder / "all.yaml").write_text(yaml.safe_dump(RECIPE))
    for name, change in CHANGES.items():
        (folder / f"{name}.yaml").write_text(yaml.safe_dump({"extends": "all.yaml", **change}))
    experiments = tuple(
        Experiment(name, name.title(), str(folder / f"{name}.yaml"), sees=("age",), published={BEST: {"auc": (0.7,)}})
        for name in CHANGES
    )
    metrics = (Metric("auc", "AUC"), Metric("specificity_at_sensitivity/0.95", "Specificity at 95 %", percent=True))
    return Study(
        name="tiny",
        title="A study of drawn inputs",
        source="Nobody",
        unit="breast",
        experiments=experiments,
        seeds=2,
        tables=(ResultTable("table2", "Table 2. Models", tuple(CHANGES), metrics),),
        compared=(("both", "image"), ("both", "columns")),
        test="bootstrap",
        importance=("columns", "both"),
        importance_table=("table3", "Table 3. Columns"),
        published_importance={"columns": {"age": (2.5, 1)}},
        maps=("image", "both"),
        small=("training.epochs=1", "model.encoder.shared=false"),
        small_words="The small size has one epoch.",
        differs=("It is drawn.",),
    )


@pytest.fixture
def breasts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Thirty patients with two breasts each; the left ones of every other patient are malignant."""
    monkeypatch.setattr(cohort_inputs, "prepare_to_cache", _prepare_drawn)
    folder = tmp_path / "cohort"
    folder.mkdir()
    rows = []
    for number in range(30):
        (folder / f"P{number:02d}.nii.gz").write_text("")
        for side in ("left", "right"):
            name, label = f"P{number:02d}_{side}", int(side == "left" and number % 2)
            rows.append((name, f"P{number:02d}", f"P{number:02d}.nii.gz", side, label, 40 + number, "ab"[number // 15]))
    columns = ["case_id", "patient_id", "exam", "side", "label", "age", "side_of_birth"]
    pd.DataFrame(rows, columns=columns).to_csv(folder / "breasts.csv", index=False)
    return folder / "breasts.csv"


def _prepare_drawn(task: CaseTask) -> Path:
    """Stand in for `prepare_to_cache`: one patient's exam is broken."""
    case_id = str(task.row["case_id"])
    if case_id.startswith("P07"):
        raise InputError(f"The exam of {case_id} is broken.")
    path = task.cache / f"{case_id}.safetensors"
    if not path.is_file():
        save_inputs(draw_inputs(case_id, task.row["label"]), path)
    return path


def draw_inputs(case_id: str, label: int) -> SavedInputs:
    """Draw a breast: a spot on its projection and an age that know its label."""
    number = int(case_id[1:3])
    generator = np.random.default_rng(number + 100 * case_id.endswith("left"))
    pixels = generator.random((1, SIZE_PX, SIZE_PX), dtype=np.float32) / 2
    pixels[:, 2:5, 2:5] += 0.5 * label
    return SavedInputs(
        case_id=case_id,
        patches={"mip": Patch(pixels, Grid((SIZE_PX, SIZE_PX, 1), (1.0, 1.0, 100.0)))},
        vectors={},
        columns={"age": 50 + 8 * label + 6 * generator.normal(), "side_of_birth": "ab"[number % 2]},
        context={"contrast": {}, "spacing_mm": {}, "field_strength_t": 3.0, "synthetic": True},
    )
